//! What is to be signed, and whether this reviewer may.

use super::{Desired, Named};
use crate::base::digest::ContentDigest;
use crate::base::name::ChecklistItem;
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{Reporting, could_fill};
use crate::cli::review::{
    self, Difference, Interdiff, Place, Subject, declared_range, differences, waiting,
};
use crate::evidence::{Likeness, SignedForm};
use crate::roster::Member;
use crate::statement::words::{ApprovalVerdict, Duty, MemberKind, Shown};

/// One subject of the statement.
#[derive(Debug)]
pub(in crate::cli::commands) struct Item {
    /// What it is.
    pub(in crate::cli::commands) kind: ItemKind,
    /// What the person has seen of it.
    pub(in crate::cli::commands) shown: Shown,
    /// Whether it was named by its own hash.
    named_by_hash: bool,
    /// What came since the reader signed another version of it, where they did.
    interdiff: Option<Interdiff>,
}

/// What is signed.
#[derive(Debug)]
pub(in crate::cli::commands) enum ItemKind {
    /// A change, read.
    Change(Box<Subject>, Difference),
    /// An artifact, of which nothing but the digest is known.
    Artifact(ContentDigest),
}

impl Item {
    /// The hash as it is signed.
    pub(in crate::cli::commands) fn hash(&self) -> ContentDigest {
        match &self.kind {
            ItemKind::Change(subject, _) => ContentDigest::from_bytes(*subject.change().as_bytes()),
            ItemKind::Artifact(digest) => *digest,
        }
    }

    /// What came since the reader signed another version of it.
    pub(super) fn interdiff(&self) -> Option<&Interdiff> {
        self.interdiff.as_ref()
    }

    /// The version that the reader had signed before, were it only by its paths.
    fn signed_before(&self, reader: &Member) -> Option<&SignedForm> {
        match &self.kind {
            ItemKind::Change(subject, _) => {
                subject.signed_before_by(&reader.id).map(|signed| &signed.form)
            }
            ItemKind::Artifact(_) => None,
        }
    }

    /// The sign-off that this one takes the place of, as it is signed: somebody declared that it
    /// is a version of this, or the reader says so. A guess by paths is shown, and never signed.
    pub(super) fn superseded(&self, reader: &Member, desired: &Desired<'_>) -> Option<&SignedForm> {
        self.signed_before(reader).filter(|form| {
            let change = form.change.to_string();
            !matches!(form.because, Likeness::Paths { .. })
                || desired.supersedes.iter().any(|text| change.starts_with(text))
        })
    }

    /// What it is called in a message.
    fn called(&self) -> String {
        match &self.kind {
            ItemKind::Change(subject, _) => format!("change {}", subject.change().short()),
            ItemKind::Artifact(digest) => format!("artifact {}", digest.short()),
        }
    }
}

/// Everything that arguments name, for one envelope.
pub(super) fn named(
    desk: &Desk,
    place: &Place,
    reader: &Member,
    named: &Named,
    ranges: Vec<review::Named>,
    now: Timestamp,
) -> Result<Vec<Item>, CliError> {
    let mut items = Vec::new();
    for found in ranges {
        let subject = Subject::load(desk, place, found.range, &found.argument, now)?;
        items.push(change(desk, reader, subject, false)?);
    }
    let mut declared = None;
    for hash in &named.changes {
        let range = declared_range(desk, place, hash, &mut declared)?;
        let argument = format!("--change {hash}");
        let subject = Subject::load(desk, place, range, &argument, now)?;
        items.push(change(desk, reader, subject, hash.len() == 64)?);
    }
    for text in &named.artifacts {
        let digest = text.strip_prefix("sha256:").and_then(|digits| digits.parse().ok());
        let digest = digest.ok_or_else(|| {
            CliError::usage(format!("{text} is no artifact"))
                .hint("write sha256: and 64 lower-case hexadecimal digits")
        })?;
        items.push(Item {
            kind: ItemKind::Artifact(digest),
            shown: Shown::None,
            named_by_hash: true,
            interdiff: None,
        });
    }
    let mut hashes: Vec<_> = items.iter().map(Item::hash).collect();
    hashes.sort_unstable();
    if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(CliError::usage("the same change is named twice"));
    }
    Ok(items)
}

/// A change, read for whoever is to sign it.
pub(super) fn change(
    desk: &Desk,
    reader: &Member,
    subject: Subject,
    named_by_hash: bool,
) -> Result<Item, CliError> {
    if subject.gathered.difference.is_empty() {
        return Err(CliError::usage(format!("{} changes nothing", subject.argument))
            .hint("an empty change needs no sign-off"));
    }
    let difference = differences(desk.need_repository()?, &subject)?;
    let before = subject.signed_before_by(&reader.id);
    let interdiff = before.and_then(|before| before.since.clone());
    let kind = ItemKind::Change(Box::new(subject), difference);
    Ok(Item { kind, shown: Shown::None, named_by_hash, interdiff })
}

/// What waits; with `--expect`, only what is expected.
pub(super) fn from_queue(
    desk: &Desk,
    place: &Place,
    reader: &Member,
    desired: &Desired<'_>,
    now: Timestamp,
) -> Result<Vec<Subject>, CliError> {
    let expected = desired.expected;
    let mut offered = Vec::new();
    for waiting in waiting(desk, place, Some(&reader.id), now)?.changes {
        let hash = waiting.subject.change().to_string();
        if expected.is_empty() || expected.iter().any(|expected| hash.starts_with(expected)) {
            offered.push(waiting.subject);
        }
    }
    if offered.is_empty() && !expected.is_empty() {
        return Err(CliError::usage("what you expect does not wait for you")
            .hint("see what does: countersign queue"));
    }
    Ok(offered)
}

/// Whether this person may sign just that.
pub(super) fn check(
    desk: &Desk,
    items: &[Item],
    reader: &Member,
    desired: &Desired<'_>,
    verdict: ApprovalVerdict,
) -> Result<(), CliError> {
    if !reader.has_duty(Duty::Review) {
        let name = desk.names().of(&reader.id);
        if reader.kind != MemberKind::Human {
            let kind = match reader.kind {
                MemberKind::Agent => "an agent".to_owned(),
                kind => format!("a {kind}"),
            };
            return Err(CliError::usage(format!("{name} is {kind}: only humans sign off"))
                .hint("a human signs it, with a key of their own: countersign approve"));
        }
        return Err(CliError::usage(format!("{name} has no duty to review"))
            .hint("an admin may give it: countersign roster apply FILE"));
    }
    for item in items {
        let is_own =
            matches!(&item.kind, ItemKind::Change(subject, _) if subject.is_by(&reader.id));
        if is_own && verdict == ApprovalVerdict::Approve {
            let message = format!("{} is your own: somebody else signs it off", item.called());
            return Err(CliError::usage(message).hint("what waits for you: countersign queue"));
        }
    }
    check_superseded(items, reader, desired)?;
    check_expected(items, desired)
}

/// What is said to be superseded must be what the person signed: a slip would be signed for ever.
fn check_superseded(
    items: &[Item],
    reader: &Member,
    desired: &Desired<'_>,
) -> Result<(), CliError> {
    let forms = || items.iter().filter_map(|item| item.signed_before(reader));
    for text in desired.supersedes {
        if !forms().any(|form| form.change.to_string().starts_with(text)) {
            return Err(CliError::usage(format!("you signed no version {text} of it"))
                .hint("see what you signed: countersign status WHAT"));
        }
    }
    Ok(())
}

/// What is signed without being looked at must have been named by its hash (ATTACKS 22).
fn check_expected(items: &[Item], desired: &Desired<'_>) -> Result<(), CliError> {
    let expected = desired.expected;
    let is_met = |item: &Item| {
        let hash = item.hash().to_string();
        expected.iter().any(|text| hash.starts_with(text))
    };
    for item in items {
        let hint = format!("if you have read it: --expect {}", item.hash());
        if !expected.is_empty() && !is_met(item) {
            let message = format!("{} is not what you expect", item.called());
            return Err(CliError::usage(message).hint("nothing was signed").hint(hint));
        }
        if expected.is_empty() && !desired.asks && !item.named_by_hash && !desired.signing.dry_run {
            let why = if desired.signing.yes { "with -y" } else { "without a terminal" };
            let message = format!("{why} nothing is signed that you do not name by its hash");
            return Err(CliError::usage(message).hint(hint));
        }
    }
    Ok(())
}

/// The checklist items that count for what this reviewer could fill, in the policy's order.
pub(super) fn checklist(
    desk: &Desk,
    place: &Place,
    items: &[Item],
    reader: &Member,
) -> Vec<ChecklistItem> {
    let names = desk.names();
    let reporting = Reporting::new(&names, desk.session.view(), &place.policy);
    let mut wanted: Vec<ChecklistItem> = Vec::new();
    for item in items {
        let ItemKind::Change(subject, _) = &item.kind else { continue };
        for needed in &subject.segment.assessment.requirements {
            if needed.missing == 0
                || !could_fill(&reporting, &subject.segment.authors, needed, reader)
            {
                continue;
            }
            for item in &needed.checklist {
                if !wanted.contains(item) {
                    wanted.push(item.clone());
                }
            }
        }
    }
    wanted
}
