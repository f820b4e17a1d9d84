//! What the approved change made of a file, where that is not at hand: a branch that was squashed
//! is often gone when its change is deployed. What landed is there, and what was before it, so
//! the landing's edits are moved back to where they stood. Nothing is believed: the file that they
//! make must have the digest that was signed.

use similar::Algorithm;

use super::lines::FourFiles;
use super::{ALGORITHMS, Script, aligned};
use crate::base::digest::ContentDigest;

/// The content with the digest `approved`, out of the other three; `None` where the landing's
/// edits do not make it.
pub(super) fn recover(
    base: &[u8],
    before: &[u8],
    landed: &[u8],
    approved: &ContentDigest,
) -> Option<Vec<u8>> {
    let files = FourFiles::new(base, &[], before, landed);
    let scripts = |from: &[u32], to: &[u32]| -> Vec<Script> {
        ALGORITHMS.map(|way: Algorithm| aligned(way, from, to)).into()
    };
    let main = scripts(files.base(), files.before());
    let landing = scripts(files.before(), files.landed());
    for own in &landing {
        for other in &main {
            let Some(moved) = moved_back(own, other) else { continue };
            let content = files.rebuilt(&moved);
            if ContentDigest::of(&content) == *approved {
                return Some(content);
            }
        }
    }
    None
}

/// The landing's edits on the base: each must lie within lines that main did not edit.
fn moved_back(landing: &Script, main: &Script) -> Option<Script> {
    let mut moved = Script::new();
    let (mut at, mut base_line, mut before_line) = (0, 0, 0);
    for (first, removed, lines) in landing {
        // Main's edits before it: what follows the last of them stands so many lines off.
        while let Some((base_first, base_removed, [_, to])) = main.get(at) {
            if *to > *first {
                break;
            }
            (base_line, before_line) = (base_first + base_removed, *to);
            at += 1;
        }
        let next = main.get(at).map_or(usize::MAX, |(_, _, [from, _])| *from);
        if first + removed > next {
            return None;
        }
        moved.push((base_line + (first - before_line), *removed, *lines));
    }
    Some(moved)
}
