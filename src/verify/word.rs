//! A word on a change, and why one does not count (`spec/verdict.md` section 5).

use super::entry::VerifiedEntry;
use super::evidence::CarriedTo;
use super::judge::Judge;
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::change::carry::Carried;
use crate::policy::{ReasonCode, Service};
use crate::roster::KeyStanding;
use crate::statement::approval::{Approval, ApprovalRow};
use crate::statement::words::SubjectType;

/// A sign-off that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discounted {
    /// Whose.
    pub member: MemberId,
    /// Where it stands.
    pub entry: EntryIndex,
    /// Why, as a code.
    pub code: ReasonCode,
    /// Why, in words.
    pub text: String,
}

/// What words are asked for, and where it lands.
pub(super) struct About<'a> {
    pub(super) subject: SubjectType,
    /// The subject itself, and what is carried to it.
    pub(super) hashes: Vec<(ContentDigest, Option<&'a CarriedTo>)>,
    /// A change is judged where it lands: as this commit.
    pub(super) landing: Option<&'a Revision>,
    /// The first step of what lands.
    pub(super) first: Option<&'a Revision>,
}

impl<'a> About<'a> {
    /// A change, with all that is carried to it.
    pub(super) fn change(
        judge: &Judge<'a>,
        change: ChangeHash,
        first: Option<&'a Revision>,
        landing: Option<&'a Revision>,
    ) -> Self {
        let mut about = Self { first, ..Self::change_alone(change, landing) };
        let carried = judge.carried_to(change, landing);
        about.hashes.extend(carried.map(|to| (content(to.carried.approved()), Some(to))));
        about
    }

    /// A change, and nothing that is carried to it.
    pub(super) fn change_alone(change: ChangeHash, landing: Option<&'a Revision>) -> Self {
        Self {
            subject: SubjectType::Change,
            hashes: vec![(content(change), None)],
            landing,
            first: None,
        }
    }

    /// An artifact.
    pub(super) fn artifact(artifact: ContentDigest) -> Self {
        Self {
            subject: SubjectType::Artifact,
            hashes: vec![(artifact, None)],
            landing: None,
            first: None,
        }
    }
}

pub(super) fn content(change: ChangeHash) -> ContentDigest {
    ContentDigest::from_bytes(*change.as_bytes())
}

/// An approval's row about the subject that is asked about, or about what is carried to it.
pub(super) struct Word<'a> {
    pub(super) entry: &'a VerifiedEntry,
    pub(super) approval: &'a Approval,
    pub(super) row: &'a ApprovalRow,
    pub(super) carried: Option<&'a Carried>,
    /// Whether it was read on something that the branch had.
    pub(super) is_grounded: bool,
}

/// One that does not count.
pub(super) fn discounted(
    entry: &VerifiedEntry,
    code: ReasonCode,
    text: impl Into<String>,
) -> Discounted {
    Discounted { member: entry.by().clone(), entry: entry.index(), code, text: text.into() }
}

/// A further key that admins gave to somebody's name gives no permission at once, and takes back
/// no reject (ATTACKS 18).
pub(super) fn cooling(judge: &Judge<'_>, entry: &VerifiedEntry) -> Option<Discounted> {
    let roster = judge.view().roster();
    let since = |key| roster.cooling_since(key, judge.view().size());
    let enrolled = entry.keys().iter().filter_map(since).max()?;
    let lasts = judge.policy().defaults().key_cooling;
    let text = format!("signed with a further key that was enrolled less than {lasts} ago");
    let is_cooling = judge.question().time.since(enrolled) < lasts;
    is_cooling.then(|| discounted(entry, ReasonCode::KeyCooling, text))
}

/// What was read on something that the branch never had was not read as it landed: the lines around
/// it were others (ATTACKS 28).
pub(super) fn read_elsewhere(word: &Word<'_>) -> Option<Discounted> {
    let carried = word.carried.filter(|_| !word.is_grounded)?;
    let text = format!(
        "signed as {}, not carried: it was read on what never was on this branch",
        carried.approved().short()
    );
    Some(discounted(word.entry, ReasonCode::CarryRefused, text))
}

/// Of a chain one landing uses up what was approved; it is carried to no second one.
pub(super) fn landed_elsewhere(
    judge: &Judge<'_>,
    word: &Word<'_>,
    about: &About<'_>,
) -> Option<Discounted> {
    let approved = word.carried?.approved();
    let commit = judge.landings().elsewhere(approved, about.first?, about.landing?)?;
    let text = format!("used up by {}, which lands as well", commit.short());
    Some(discounted(word.entry, ReasonCode::Spent, text))
}

/// An approval is used up by the commit that it landed as; the same change landed again as
/// another commit needs a new one (ATTACKS 7).
pub(super) fn spent(
    judge: &Judge<'_>,
    word: &Word<'_>,
    landing: Option<&Revision>,
) -> Option<Discounted> {
    let landing = landing?;
    let index = word.entry.index();
    let used = judge.covers().iter().filter_map(|known| {
        let deployment = known.landed?;
        let Some(cover) = &known.cover else {
            let text = format!("what deployment {deployment} used up is not known any more");
            return (index < deployment).then_some((deployment, text));
        };
        let mut elsewhere = cover.used_up().filter(|(_, last)| *last != landing);
        let (_, last) = elsewhere.find(|(change, _)| {
            change.as_bytes() == word.row.hash.as_bytes() && index < deployment
        })?;
        let commit = last.short();
        let text = format!("used up by {commit}, which was deployed here as entry {deployment}");
        Some((deployment, text))
    });
    // The first that did, whatever the order of the evidence.
    let (_, text) = used.min()?;
    Some(discounted(word.entry, ReasonCode::Spent, text))
}

/// A sign-off of a change is for a repository and a branch, one of an artifact for a service
/// (ATTACKS 12, 28).
pub(super) fn check_place(service: &Service, word: &Word<'_>) -> Result<(), Discounted> {
    let shown = |text: Option<String>| text.unwrap_or_default();
    if word.approval.subject_type == SubjectType::Artifact {
        let meant = word.row.service.as_ref();
        if meant == Some(&service.name) {
            return Ok(());
        }
        let text =
            format!("signed for {}, not {}", shown(meant.map(ToString::to_string)), service.name);
        return Err(discounted(word.entry, ReasonCode::WrongBranch, text));
    }
    let repository = word.row.repository.as_ref();
    let target = word.row.target.as_ref();
    if repository == Some(&service.repository) && target == Some(&service.branch) {
        return Ok(());
    }
    let text = format!(
        "signed for {} of {}, not {} of {}",
        shown(target.map(ToString::to_string)),
        shown(repository.map(ToString::to_string)),
        service.branch,
        service.repository
    );
    Err(discounted(word.entry, ReasonCode::WrongBranch, text))
}

impl Judge<'_> {
    /// Whether an entry was signed in the time of a leak.
    pub(super) fn is_leaked(&self, entry: &VerifiedEntry) -> bool {
        let roster = self.view().roster();
        let leaked =
            |key| roster.standing(key, entry.index(), self.view().size()) == KeyStanding::Leaked;
        entry.keys().iter().any(leaked)
    }
}
