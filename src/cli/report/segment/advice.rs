//! What is to be done about a segment: by its authors, by those who signed, by those who could.

use super::{AuthorReport, SegmentReport};
use crate::cli::report::Reporting;
use crate::cli::report::ask::Ask;
use crate::policy::{AssistanceSource, AuthorKind, FLOOR, ReasonCode, Requirement, Standing};
use crate::verify::Segment;

impl SegmentReport {
    /// What stands in the way, in a few words: one sign-off may fill several needs.
    pub(crate) fn open(&self) -> String {
        if !self.rejects.is_empty() {
            return "rejected".to_owned();
        }
        match (self.denials.first(), self.missing().as_slice()) {
            (Some(denial), _) => format!("denied whoever signs: {}", denial.code),
            (None, [one]) if one.missing == 1 => "1 sign-off is missing".to_owned(),
            (None, [one]) => format!("{} sign-offs are missing", one.missing),
            (None, []) => "not signed off".to_owned(),
            (None, needs) => format!("{} needs are open", needs.len()),
        }
    }

    /// What its authors can do themselves: prove that they wrote it, and say how.
    pub(crate) fn declared_by_authors(&self) -> Option<String> {
        if self.satisfied || !self.denials.is_empty() {
            return None;
        }
        let is_person = |author: &&AuthorReport| {
            author.can_sign
                && author.kind == AuthorKind::Human
                && author.standing != Standing::Attested
        };
        let costs = |needed: &&Requirement| needed.because == FLOOR && needed.need.count > 1;
        let is_costly = self.missing().iter().any(costs);
        // Whose authorship is only claimed is the one whose key makes it cost less.
        let could = |author: &&AuthorReport| {
            is_person(author) && (!is_costly || author.standing == Standing::Claimed)
        };
        let what = match (is_costly, self.declaring_helps) {
            (true, true) => "signs for it and says how it was written",
            (true, false) => "signs for it, and one human less is asked",
            (false, true) => "says how it was written",
            (false, false) => return None,
        };
        // Whoever is not on the roster has no key that would prove anything.
        let who = &self.authors.iter().find(could)?.name;
        Some(format!("{who} {what}: countersign declare {}", self.argument))
    }

    /// What is to be done before those who signed can sign again; nothing where that is all.
    pub(crate) fn remedies(&self) -> Vec<&'static str> {
        let mut remedies: Vec<&str> = self
            .not_counted
            .iter()
            .filter(|_| !self.satisfied)
            // Of whoever has left nothing is asked: somebody else signs.
            .filter(|word| {
                word.remedy == word.code.remedy()
                    && matches!(
                        word.code,
                        ReasonCode::NeedsTouch
                            | ReasonCode::NeedsChecklist
                            | ReasonCode::NoReviewDuty
                            | ReasonCode::KeyRevoked
                            | ReasonCode::KeyCooling
                    )
            })
            .map(|word| word.remedy)
            .collect();
        remedies.sort_unstable();
        remedies.dedup();
        remedies
    }

    /// What to do next: what no sign-off mends first, then who takes back a reject, then whom to
    /// ask.
    pub(crate) fn next(&self) -> String {
        if self.satisfied {
            return "it may land".to_owned();
        }
        if let Some(denial) = self.denials.first() {
            return denial.code.remedy().to_owned();
        }
        if let Some(reject) = self.rejects.first() {
            return reject.undone();
        }
        // The fewest people first: whoever can fill the hardest need often fills others too.
        let could = self.ask.iter().filter(|ask| !ask.people.is_empty());
        if let Some(ask) = could.min_by_key(|ask| ask.people.len() + ask.others) {
            return ask.next();
        }
        if let Some(declared) = self.declared_by_authors() {
            return declared;
        }
        self.ask.first().map_or_else(|| "countersign queue".to_owned(), Ask::said)
    }
}

/// Whether a rule about assistance lacks somebody, and nobody has declared any.
pub(super) fn declaring_helps(reporting: &Reporting<'_>, segment: &Segment) -> bool {
    let lacks = |name: &str| {
        let mut asked = segment.assessment.requirements.iter();
        asked.any(|asked| asked.missing > 0 && asked.because == name)
    };
    segment.assessment.assistance_from == AssistanceSource::Default
        && reporting
            .policy
            .rules()
            .iter()
            .any(|rule| !rule.when.assistance.is_empty() && lacks(&rule.name))
}
