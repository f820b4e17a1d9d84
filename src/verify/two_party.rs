//! Whether two different humans took part in every change of a verdict (`spec/slsa.md` section 3).

use std::collections::BTreeSet;

use super::segment::Segment;
use super::verdict::Verdict;
use crate::base::name::MemberId;
use crate::policy::{AuthorKind, Standing};

/// Whether it is allowed, and in each segment every author is a human who signed for it or for whom
/// a service spoke, and another human's sign-off counts. Where nothing changed nobody took part, so
/// nothing is claimed.
///
/// Not so where an author is a bot, an agent or only claimed, where the policy exempts a segment,
/// and where an override let it through: those are no allowed verdicts.
#[must_use]
pub fn is_two_party(verdict: &Verdict) -> bool {
    let mut changes = verdict.segments.iter().filter(|segment| segment.paths > 0).peekable();
    verdict.is_allowed() && changes.peek().is_some() && changes.all(has_two)
}

fn has_two(segment: &Segment) -> bool {
    if segment.assessment.exempt || !segment.satisfied {
        return false;
    }
    let mut authors: BTreeSet<&MemberId> = BTreeSet::new();
    for author in segment.authors.iter().filter(|author| author.kind != AuthorKind::Tool) {
        let is_known = author.kind == AuthorKind::Human && author.standing < Standing::Claimed;
        let Some(member) = author.member.as_ref().filter(|_| is_known) else { return false };
        authors.insert(member);
    }
    let counted = segment.assessment.requirements.iter().flat_map(|asked| &asked.filled_by);
    // An assessment counts no author; that one of another name signed is asked here all the same.
    !authors.is_empty() && counted.into_iter().any(|signer| !authors.contains(signer))
}

#[cfg(test)]
#[path = "two_party_tests.rs"]
mod tests;
