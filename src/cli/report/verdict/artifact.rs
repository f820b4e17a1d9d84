//! An artifact: what it was built from, what it needs, what it has, and whom to ask.

use serde::Serialize;

use crate::base::digest::ContentDigest;
use crate::base::name::MemberId;
use crate::cli::report::ask::{Ask, Asking, ask};
use crate::cli::report::segment::{Blocking, Discount, Has, merged};
use crate::cli::report::{Reporting, labelled, listed, wish_words};
use crate::cli::ui::Ui;
use crate::policy::{ReasonCode, Requirement};
use crate::verify::verdict::ArtifactReport;

/// An artifact, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArtifactLine {
    pub(super) artifact: ContentDigest,
    pub(super) built_by: Vec<MemberId>,
    /// Whose sign-offs fill what rules ask.
    pub(super) signed_by: Vec<MemberId>,
    /// Whether it has the sign-offs that rules ask for, and nobody rejects it.
    pub(super) satisfied: bool,
    /// What rules about artifacts ask, whether or not it is there.
    pub(super) needs: Vec<Requirement>,
    /// Sign-offs that stand.
    has: Vec<Has>,
    /// Words that do not count, and why.
    not_counted: Vec<Discount>,
    /// Rejects that block.
    rejects: Vec<Blocking>,
    /// Who could fill what is missing.
    ask: Vec<Ask>,
    #[serde(skip)]
    pub(super) said: String,
}

impl ArtifactLine {
    /// An artifact, and who speaks of it.
    pub(super) fn new(reporting: &Reporting<'_>, report: &ArtifactReport) -> Self {
        let ArtifactReport { artifact, assessment, discounted, .. } = report;
        let command = command(reporting, artifact, &assessment.requirements);
        let asking = Asking { authors: &[], discounted, command: &command };
        let built_by: Vec<_> = report.built_by.iter().map(|(member, _)| member.clone()).collect();
        let filled = assessment.requirements.iter().flat_map(|asked| &asked.filled_by);
        let mut signed_by: Vec<_> = filled.cloned().collect();
        signed_by.sort_unstable();
        signed_by.dedup();
        let mut said = artifact.short();
        for (how, who) in [("built by", &built_by), ("signed off by", &signed_by)] {
            let mut names: Vec<_> = who.iter().map(|id| reporting.names.of(id)).collect();
            names.dedup();
            if !names.is_empty() {
                said = format!("{said}, {how} {}", listed(&names));
            }
        }
        let has = |sign_off| Has::new(reporting.names, &assessment.requirements, &[], sign_off);
        let missing = assessment.requirements.iter().filter(|asked| asked.missing > 0);
        Self {
            artifact: *artifact,
            built_by,
            signed_by,
            satisfied: report.is_signed_off(),
            needs: assessment.requirements.clone(),
            has: report.sign_offs.iter().map(has).collect(),
            not_counted: Discount::all(reporting, discounted, &assessment.not_counted),
            rejects: report.rejects.iter().map(|one| Blocking::new(reporting, one)).collect(),
            ask: missing.map(|asked| ask(reporting, asking, asked)).collect(),
            said,
        }
    }

    /// What is not signed off, in full: needs, has, not counted and whom to ask.
    pub(super) fn print_open(&self, ui: &mut Ui) {
        if self.satisfied {
            return;
        }
        ui.blank();
        ui.paragraph(2, &format!("artifact {}", self.said));
        for needed in self.needs.iter().filter(|needed| needed.missing > 0) {
            labelled(ui, "needs", &wish_words(needed), needed.code.as_str());
        }
        for reject in &self.rejects {
            let said = format!("{} rejected it, entry {}", reject.name, reject.entry);
            labelled(ui, "no", &said, ReasonCode::Rejected.as_str());
            labelled(ui, "do", &format!("build another one; or {}", reject.undone()), "");
        }
        let counts = |has: &&Has| !has.counts_for.is_empty();
        for has in self.has.iter().filter(counts) {
            labelled(ui, "has", &has.said(), "");
        }
        for discount in &self.not_counted {
            labelled(ui, "not", &discount.said(), discount.code.as_str());
        }
        for ask in merged(&self.ask) {
            labelled(ui, "ask", &ask, "");
        }
    }

    /// What to do next; none where it is signed off.
    pub(super) fn next(&self) -> Option<String> {
        if self.satisfied {
            return None;
        }
        if let Some(reject) = self.rejects.first() {
            return Some(reject.undone());
        }
        let could = self.ask.iter().filter(|ask| !ask.people.is_empty());
        let fewest = could.min_by_key(|ask| ask.people.len() + ask.others);
        fewest.map(Ask::next).or_else(|| self.ask.first().map(Ask::said))
    }
}

/// What whoever is asked runs: with an answer to each item of what is asked for.
fn command(
    reporting: &Reporting<'_>,
    artifact: &ContentDigest,
    requirements: &[Requirement],
) -> String {
    let flags = &reporting.flags;
    let mut command = format!("countersign approve --artifact sha256:{artifact}{flags}");
    let missing = requirements.iter().filter(|asked| asked.missing > 0);
    let mut items: Vec<_> = missing.flat_map(|asked| &asked.checklist).collect();
    items.sort_unstable();
    items.dedup();
    for item in items {
        command = format!("{command} --check '{item}=ANSWER'");
    }
    command
}
