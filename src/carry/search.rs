//! A search for edits of both sides that stand together, whatever a diff made of either alone.
//!
//! All four files are walked at once. A place is a line in each: `base`, `approved` and `before`;
//! the line of the landed file follows, for it has what both inserted and lacks what both removed:
//! landed = approved + before - base. From a place, an unchanged line steps on in all four; a line
//! that one side removed, in the base and the other side's file; a line that it inserted, in its
//! own and the landed file. Of the walks from beginning to end that keep the gap, one with the
//! fewest removed and inserted lines is wanted: A*, the remaining difference of lengths being the
//! estimate, which never is too high.
//!
//! A walk that costs more than both diffs did is no answer. Where lines repeat, edits longer than
//! need be can bring what one side wrote to a place where nobody would look for it; a checker has
//! to accept them, but they are not looked for.

use std::collections::HashMap;

use super::lines::{FourFiles, Span};
use crate::change::carry::EditSide;

/// Places that are looked at before the search gives up: about half a second, and 100 MiB.
const PLACES_MAX: usize = 1_000_000;

/// A place of the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    base: u32,
    approved: u32,
    before: u32,
    near: Near,
}

/// Whose edit is less than the gap away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Near {
    /// Nobody's.
    Nobody,
    /// One side's, so many unchanged lines before.
    One(EditSide, u16),
}

impl Near {
    /// An edit of `side` begins or goes on, if none of the other side's is near.
    fn enter(self, side: EditSide) -> Option<Self> {
        match self {
            Self::One(near, _) if near != side => None,
            Self::One(..) | Self::Nobody => Some(Self::One(side, 0)),
        }
    }
}

/// The cheapest way to each place that was seen: what it costs, and the last step of it.
type Came = HashMap<Place, (u32, Option<(Place, Move)>)>;

/// What happens to the line at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Keep,
    Remove(EditSide),
    Insert(EditSide),
}

const MOVES: [Move; 5] = [
    // The last is tried first: unchanged lines are followed as far as they go.
    Move::Remove(EditSide::Main),
    Move::Insert(EditSide::Main),
    Move::Remove(EditSide::Approved),
    Move::Insert(EditSide::Approved),
    Move::Keep,
];

struct Walk<'a> {
    files: &'a FourFiles<'a>,
    gap: u16,
}

/// Looks for edits of both sides that stand together, in files whose lines add up
/// ([`FourFiles::add_up`]), of at most `cost_max` lines removed and inserted.
pub(super) fn search(files: &FourFiles<'_>, gap: usize, cost_max: usize) -> Option<Vec<Span>> {
    let walk = Walk { files, gap: u16::try_from(gap).unwrap_or(u16::MAX) };
    let lengths = [files.base().len(), files.approved().len(), files.before().len()];
    let [base, approved, before] = lengths.map(|length| u32::try_from(length).unwrap_or(u32::MAX));
    let start = Place { base: 0, approved: 0, before: 0, near: Near::Nobody };
    let is_end =
        |place: &Place| [place.base, place.approved, place.before] == [base, approved, before];
    let estimate = |place: &Place| {
        let left = base - place.base;
        (approved - place.approved).abs_diff(left) + (before - place.before).abs_diff(left)
    };
    // By estimated cost of the whole walk; of equal ones, the newest first.
    let mut open: Vec<Vec<(Place, u32)>> = Vec::new();
    let mut came = Came::new();
    push(&mut open, index(estimate(&start)), (start, 0));
    came.insert(start, (0, None));
    let mut lowest = 0;
    while lowest < open.len() {
        let Some((place, cost)) = open[lowest].pop() else {
            lowest += 1;
            continue;
        };
        if came.get(&place).is_some_and(|(best, _)| *best < cost) {
            continue;
        }
        if is_end(&place) {
            return Some(spans(&came, place));
        }
        if came.len() > PLACES_MAX {
            return None;
        }
        for step in MOVES {
            let Some(next) = walk.step(&place, step) else { continue };
            let next_cost = cost + u32::from(step != Move::Keep);
            let whole_cost = index(next_cost + estimate(&next));
            let is_better = came.get(&next).is_none_or(|(best, _)| *best > next_cost);
            if is_better && whole_cost <= cost_max {
                came.insert(next, (next_cost, Some((place, step))));
                push(&mut open, whole_cost, (next, next_cost));
            }
        }
    }
    None
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn push(open: &mut Vec<Vec<(Place, u32)>>, cost: usize, place: (Place, u32)) {
    if open.len() <= cost {
        open.resize_with(cost + 1, Vec::new);
    }
    open[cost].push(place);
}

impl Walk<'_> {
    fn step(&self, place: &Place, step: Move) -> Option<Place> {
        let at = |lines: &[u32], index: u32| lines.get(usize::try_from(index).ok()?).copied();
        let files = self.files;
        let base = at(files.base(), place.base);
        let approved = at(files.approved(), place.approved);
        let before = at(files.before(), place.before);
        let landed = at(files.landed(), place.approved + place.before - place.base);
        let mut next = *place;
        let pair = match step {
            Move::Keep => {
                next.base += 1;
                next.approved += 1;
                next.before += 1;
                next.near = match place.near {
                    Near::One(side, kept) if kept + 1 < self.gap => Near::One(side, kept + 1),
                    Near::One(..) | Near::Nobody => Near::Nobody,
                };
                if base != landed {
                    return None;
                }
                base.filter(|_| base == before).zip(approved)
            }
            Move::Remove(side) => {
                next.base += 1;
                next.near = place.near.enter(side)?;
                match side {
                    EditSide::Approved => {
                        next.before += 1;
                        base.zip(before)
                    }
                    EditSide::Main => {
                        next.approved += 1;
                        base.zip(approved)
                    }
                }
            }
            Move::Insert(side) => {
                next.near = place.near.enter(side)?;
                match side {
                    EditSide::Approved => {
                        next.approved += 1;
                        approved.zip(landed)
                    }
                    EditSide::Main => {
                        next.before += 1;
                        before.zip(landed)
                    }
                }
            }
        };
        pair.filter(|(one, other)| one == other).map(|_| next)
    }
}

/// The edits of the walk that came to `end`.
fn spans(came: &Came, end: Place) -> Vec<Span> {
    let mut steps = Vec::new();
    let mut place = end;
    while let Some((_, Some((before, step)))) = came.get(&place) {
        steps.push((*before, *step));
        place = *before;
    }
    let mut found: Vec<Span> = Vec::new();
    let mut goes_on = false;
    for (place, step) in steps.into_iter().rev() {
        let (Move::Remove(side) | Move::Insert(side)) = step else {
            goes_on = false;
            continue;
        };
        let own = match side {
            EditSide::Approved => place.approved,
            EditSide::Main => place.before,
        };
        let [first, own] = [place.base, own].map(|line| usize::try_from(line).unwrap_or_default());
        if !goes_on {
            found.push(Span { side, first, removed: 0, from: own, to: own });
        }
        goes_on = true;
        if let Some(span) = found.last_mut() {
            match step {
                Move::Insert(_) => span.to += 1,
                _ => span.removed += 1,
            }
        }
    }
    found
}
