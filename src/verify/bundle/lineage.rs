//! Bundles that follow each other (`spec/bundle.md` section 6).

use super::check::Checked;
use super::{TamperCode, Tampered};
use crate::base::digest::ContentDigest;
use crate::base::position::EntryIndex;
use crate::statement::Says;

/// From where on bundles shall answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From a baseline.
    Baseline,
    /// From the settled point at an entry.
    Entry(EntryIndex),
}

/// Where bundles do not follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The bundle before which something is missing, from 0.
    pub before: usize,
    /// What is missing.
    pub what: String,
}

/// Whether bundles, each with the SHA-256 of its file, lead from a point without a gap to the last
/// revision; none where they do.
///
/// # Errors
/// [`Tampered`] where one names another bundle as the one before it.
pub fn lineage(
    bundles: &[(&Checked, ContentDigest)],
    since: Since,
) -> Result<Option<Gap>, Tampered> {
    let mut before: Option<(&Checked, ContentDigest)> = None;
    for (at, (bundle, digest)) in bundles.iter().enumerate() {
        let gap = |what: String| Ok(Some(Gap { before: at, what }));
        let Some(start) = &bundle.verdict().start else {
            return gap("it starts nowhere".to_owned());
        };
        let entry = start.entry.index;
        match before {
            None => {
                let holds = match since {
                    Since::Baseline => start.decision.is_none(),
                    Since::Entry(wanted) => entry == wanted,
                };
                if !holds {
                    return gap(format!("it starts at entry {entry}"));
                }
            }
            Some((earlier, digest)) => {
                if bundle.previous().is_some_and(|named| named != digest) {
                    let what = "it names another bundle as the one before";
                    return Err(Tampered::new(TamperCode::Previous, what));
                }
                if !follows(earlier, bundle) {
                    return gap(format!(
                        "it starts at entry {entry}, which the one before is not of"
                    ));
                }
            }
        }
        before = Some((bundle, *digest));
    }
    Ok(None)
}

/// Whether a bundle starts at a deployment of what the one before decided, or of the same once
/// more.
fn follows(earlier: &Checked, later: &Checked) -> bool {
    let (Some(decided), Some(start)) = (earlier.decided(), &later.verdict().start) else {
        return false;
    };
    let question = &earlier.verdict().question;
    let asked = &later.verdict().question;
    if (&question.service, &question.environment) != (&asked.service, &asked.environment) {
        return false;
    }
    if start.decision == Some(decided.entry) {
        return true;
    }
    // What was decided anew from the same start, as after a pipeline that ran once more.
    let same = start.revision.as_ref() == Some(&question.revision)
        && start.artifacts == question.artifacts;
    let entry = start.decision.map(|decision| decision.index);
    let mut found = later.rebuilt().entries().iter().filter(|one| Some(one.index()) == entry);
    same && found.any(|one| match &one.statement().says {
        Says::Decision(said) => said.start == decided.said.start,
        _ => false,
    })
}
