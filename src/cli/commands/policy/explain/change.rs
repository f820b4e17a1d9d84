//! One change, and what a policy asks of it.

use std::collections::BTreeSet;

use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::change::marks::{CommitText, Mark, automation, is_tool_address, marks};
use crate::change::{ChangePath, CommitFacts, Identity, Opaque, Step};
use crate::policy::{
    Assessment, Author, AuthorKind, Facts, PathFact, Policy, Requirement, Standing, assess,
};
use crate::statement::commitment::EmailSalt;
use crate::statement::words::Assistance;
use crate::verify::{SeenKind, StepEvidence};
use crate::verify::{person_label, step_evidence};

/// Trailers that name who read a change.
const REVIEW_TRAILERS: [&str; 3] = ["Reviewed-by", "Acked-by", "Approved-by"];
/// What would be deployed where.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) environment: EnvironmentName,
    pub(super) service: ServiceName,
    /// Whether the policy lists the service; else the name only fills a gap.
    pub(super) is_service_listed: bool,
}

/// What is known of one first-parent commit, and what the policy asks of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, to be counted")]
pub(super) struct Change {
    pub(super) commit: Revision,
    pub(super) title: String,
    /// The marks of all its commits, each once.
    pub(super) marks: Vec<Mark>,
    pub(super) opaque: BTreeSet<Opaque>,
    /// Whether every author is an automation without AI.
    pub(super) is_automation: bool,
    /// Whether a path of it collides with another where case is ignored.
    pub(super) collides: bool,
    /// Whether nothing changed: then nobody is asked.
    pub(super) is_empty: bool,
    /// What is asked if its authors declare what the marks show, and sign for it.
    pub(super) asked: Assessment,
    /// Whether more people are asked for if it counts as generated.
    pub(super) undeclared_asks_more: bool,
    /// Whether more people are asked for if no author signs for it.
    pub(super) unproved_asks_more: bool,
    /// Who is named as a reviewer and is not an author.
    pub(super) reviewers: BTreeSet<String>,
}

impl Change {
    pub(super) fn new(policy: &Policy, place: &Place, step: Step) -> Self {
        // Nothing leaves this process, so a salt that everybody knows does no harm.
        let salt = EmailSalt::from_bytes([0; 32]);
        let evidence = step_evidence(step, &salt);
        let step = &evidence.step;
        let detected = evidence.detected.unwrap_or(Assistance::None);
        let assess =
            |standing, declared| assess(policy, &facts(place, &evidence, standing, declared), &[]);
        let asked = assess(Standing::Proved, detected);
        let people = people(&asked.requirements);
        let undeclared = assess(Standing::Proved, Assistance::Generated);
        let unproved = assess(Standing::Claimed, detected);
        let is_empty = step.document.is_empty();
        let asks_more =
            |other: &Assessment| !is_empty && self::people(&other.requirements) > people;
        Self {
            commit: step.commit.clone(),
            title: evidence.title.clone(),
            marks: all_marks(&step.commits),
            opaque: step.path_facts.iter().filter_map(|facts| facts.opaque).collect(),
            is_automation: is_automation(&step.commits),
            collides: !step.collisions.is_empty(),
            is_empty,
            undeclared_asks_more: asks_more(&undeclared),
            unproved_asks_more: asks_more(&unproved),
            reviewers: reviewers(&evidence, &salt),
            asked,
        }
    }

    /// What its marks show.
    pub(super) fn assistance(&self) -> Assistance {
        self.marks.iter().map(|mark| mark.assistance).max().unwrap_or(Assistance::None)
    }

    /// What is asked for; nothing where nothing changed.
    pub(super) fn requirements(&self) -> &[Requirement] {
        if self.is_empty { &[] } else { &self.asked.requirements }
    }

    /// Whether anybody would have had to sign.
    pub(super) fn wants_somebody(&self) -> bool {
        !self.requirements().is_empty()
    }
}

/// How many signatures all requirements ask for; one person may fill several.
fn people(requirements: &[Requirement]) -> u64 {
    requirements.iter().map(|asked| u64::from(asked.need.count)).sum()
}

/// Without a roster an author is a tool or unknown.
fn facts(
    place: &Place,
    evidence: &StepEvidence,
    standing: Standing,
    declared: Assistance,
) -> Facts {
    let step = &evidence.step;
    let author = |seen: &crate::verify::SeenAuthor| Author {
        member: None,
        kind: match seen.kind {
            SeenKind::Tool => AuthorKind::Tool,
            SeenKind::Person => AuthorKind::Unknown,
        },
        level: None,
        standing,
        label: seen.label.clone(),
    };
    let path = |path: &ChangePath, opaque| PathFact { path: path.as_bytes().to_vec(), opaque };
    let rows = step.path_facts.iter().map(|facts| path(&facts.path, facts.opaque.is_some()));
    let targets = step.path_facts.iter().flat_map(|facts| &facts.link_targets);
    let paths = rows.chain(targets.map(|target| path(target, false))).collect();
    Facts {
        service: place.service.clone(),
        environment: place.environment.clone(),
        declared: Some(declared),
        detected: evidence.detected,
        authors: evidence.authors.iter().map(author).collect(),
        paths,
        collision: !step.collisions.is_empty(),
        artifact: false,
    }
}

fn all_marks(commits: &[CommitFacts]) -> Vec<Mark> {
    let mut found: Vec<Mark> = Vec::new();
    for commit in commits {
        let text = CommitText::of(&commit.author, &commit.committer, &commit.message);
        for mark in marks(&text) {
            if !found.contains(&mark) {
                found.push(mark);
            }
        }
    }
    found
}

/// Whether an address is an automation's: one that the table of marks knows, an app's account on
/// GitHub, or a mailbox that is called so. Tools are no automations, whatever they are called.
/// Figures only: nothing is decided by it.
fn is_automatic(email: &[u8]) -> bool {
    let email = email.to_ascii_lowercase();
    let is_account = email.ends_with(b"[bot]@users.noreply.github.com");
    automation(&email) || ((is_account || email.starts_with(b"bot@")) && !is_tool_address(&email))
}

fn is_automation(commits: &[CommitFacts]) -> bool {
    let mut authors = commits.iter().filter(|commit| commit.author_counts).peekable();
    authors.peek().is_some() && authors.all(|commit| is_automatic(&commit.author.email))
}

/// Who is named as a reviewer: no author by address or by name, no tool and no automation.
fn reviewers(evidence: &StepEvidence, salt: &EmailSalt) -> BTreeSet<String> {
    let is_author = |who: &Identity, label: &str| {
        let email = salt.digest(&who.email);
        evidence.authors.iter().any(|author| {
            author.email == email || author.label.to_lowercase() == label.to_lowercase()
        })
    };
    let trailers = evidence.step.commits.iter().flat_map(|commit| &commit.trailers);
    trailers
        .filter(|trailer| REVIEW_TRAILERS.iter().any(|key| trailer.is(key)))
        .map(|trailer| Identity::parse(&trailer.value))
        .filter(|who| !is_tool_address(&who.email) && !is_automatic(&who.email))
        .map(|who| (person_label(&who), who))
        .filter(|(label, who)| !label.is_empty() && !is_author(who, label))
        .map(|(label, _)| label)
        .collect()
}
