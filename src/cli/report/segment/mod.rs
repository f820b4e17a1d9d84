//! One segment: what it needs, what it has, what is near, what does not count, and whom to ask.

mod advice;
mod author;
mod lines;
mod print;
mod words;

use serde::Serialize;

use super::ask::{Ask, Asking, ask};
use super::{RejectedEarlier, Reporting};
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::policy::{AssistanceSource, Denial, ReasonCode, Requirement, SignOff};
use crate::statement::words::Assistance;
use crate::verify::Segment;

pub(crate) use author::AuthorReport;
use author::person;
pub(super) use print::merged;
pub(crate) use print::signed_off;
pub(crate) use words::Near;
pub(super) use words::cools_until;
pub(super) use words::{Blocking, Discount, Has};

/// A segment, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SegmentReport {
    /// The change hash of the composed document.
    pub(crate) change: ChangeHash,
    /// Its first step.
    pub(crate) first: Revision,
    /// Its last step.
    pub(crate) last: Revision,
    /// How many steps it has.
    pub(crate) steps: usize,
    /// First line of the last commit's message.
    pub(crate) title: String,
    /// How many paths it changes.
    pub(crate) paths: usize,
    /// Requests that declarations name.
    pub(crate) requests: Vec<String>,
    /// Whether it is covered.
    pub(crate) satisfied: bool,
    /// `exact` or `carried`, where it is covered.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(crate) matched: Option<&'static str>,
    /// The codes of what is missing.
    pub(crate) reasons: Vec<ReasonCode>,
    /// Who wrote it.
    pub(crate) authors: Vec<AuthorReport>,
    /// The assistance that counts.
    pub(crate) assistance: Assistance,
    /// Where that comes from.
    pub(crate) assistance_from: AssistanceSource,
    /// What the policy asks, whether or not it is there.
    pub(crate) needs: Vec<Requirement>,
    /// What denies whoever signs.
    pub(crate) denials: Vec<Denial>,
    /// Sign-offs that stand.
    pub(crate) has: Vec<Has>,
    /// Sign-offs of other versions.
    pub(crate) near: Vec<Near>,
    /// Words that do not count, and why.
    pub(crate) not_counted: Vec<Discount>,
    /// Rejects that block.
    pub(crate) rejects: Vec<Blocking>,
    /// Rejects of other versions: information, never a denial.
    pub(crate) rejected_earlier: Vec<RejectedEarlier>,
    /// Who could fill what is missing.
    pub(crate) ask: Vec<Ask>,
    /// Whether a rule about assistance lacks somebody, and nobody has declared any.
    #[serde(skip)]
    pub(crate) declaring_helps: bool,
    /// How commands name it.
    #[serde(skip)]
    pub(crate) argument: String,
}

impl SegmentReport {
    /// Reports a segment. `argument` is how `approve` names it; none where its steps name it.
    pub(crate) fn new(
        reporting: &Reporting<'_>,
        segment: &Segment,
        argument: Option<&str>,
    ) -> Self {
        let names = reporting.names;
        let argument = argument.map_or_else(|| argument_of(segment), str::to_owned);
        let assessment = &segment.assessment;
        let command = format!("countersign approve {argument}{}", reporting.flags);
        let Segment { authors, discounted, .. } = segment;
        let asking = Asking { authors, discounted, command: &command };
        let near = reporting.signed.iter();
        let near: Vec<_> = near.filter_map(|signed| Near::new(names, segment, signed)).collect();
        Self {
            change: segment.change,
            first: segment.first.clone(),
            last: segment.last.clone(),
            steps: segment.steps,
            title: segment.title.clone(),
            paths: segment.paths,
            requests: segment.requests.clone(),
            satisfied: segment.satisfied,
            matched: segment.satisfied.then(|| match_word(segment)),
            reasons: segment.reasons(),
            authors: AuthorReport::all(reporting, segment),
            assistance: assessment.assistance,
            assistance_from: assessment.assistance_from,
            needs: assessment.requirements.clone(),
            denials: assessment.denials.clone(),
            has: segment
                .sign_offs
                .iter()
                .map(|sign_off| {
                    Has::new(names, &assessment.requirements, &segment.carried, sign_off)
                })
                .collect(),
            // What is told as near need not be told as not carried.
            not_counted: Discount::all(reporting, &segment.discounted, &assessment.not_counted)
                .into_iter()
                .filter(|word| {
                    word.code != ReasonCode::CarryRefused
                        || near.iter().all(|near| near.entry != word.entry)
                })
                .collect(),
            near,
            rejects: segment
                .rejects
                .iter()
                .map(|reject| Blocking::new(reporting, reject))
                .collect(),
            rejected_earlier: reporting
                .rejected
                .iter()
                .filter(|form| form.of == segment.change)
                .map(|form| RejectedEarlier::new(names, form))
                .collect(),
            ask: assessment
                .requirements
                .iter()
                .filter(|requirement| requirement.missing > 0)
                .map(|requirement| ask(reporting, asking, requirement))
                .collect(),
            declaring_helps: advice::declaring_helps(reporting, segment),
            argument: format!("{argument}{}", reporting.flags),
        }
    }

    /// What is missing, in a few words: `1 of at least senior; 1 of sre`.
    pub(crate) fn missing(&self) -> Vec<&Requirement> {
        self.needs.iter().filter(|needed| needed.missing > 0).collect()
    }

    /// `7be2d10 #1841 Retry card capture, Ben Ito (mid)`.
    pub(crate) fn heading(&self) -> String {
        let mut said = self.last.short().to_owned();
        if self.steps > 1 {
            said = format!("{}..{said}", self.first.short());
        }
        for request in &self.requests {
            said.push(' ');
            said.push_str(request);
        }
        said.push(' ');
        said.push_str(&self.title);
        if self.steps > 1 {
            said = format!("{said} ({} commits)", self.steps);
        }
        let authors: Vec<_> = self.authors.iter().map(AuthorReport::shown).collect();
        format!("{said}, by {}", authors.join(" and "))
    }
}

/// How `approve` names a segment: its one step, or the range of its steps.
fn argument_of(segment: &Segment) -> String {
    if segment.steps == 1 {
        return segment.last.short().to_owned();
    }
    format!("{}^..{}", segment.first.short(), segment.last.short())
}

fn match_word(segment: &Segment) -> &'static str {
    let used: Vec<_> = segment
        .assessment
        .requirements
        .iter()
        .flat_map(|requirement| requirement.sign_offs.iter().copied())
        .collect();
    let carried = |sign_off: &SignOff| sign_off.carried && used.contains(&sign_off.entry);
    if segment.sign_offs.iter().any(carried) { "carried" } else { "exact" }
}
