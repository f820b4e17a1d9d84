//! What every segment of a verdict is judged with, and what is looked up for each again.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::entry::VerifiedEntry;
use super::evidence::{CarriedTo, Evidence, KnownCover, Question, Uncarried};
use super::landings::Landings;
use super::signoff::{self, Reject, Standing};
use super::word::About;
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::change::carry::Carried;
use crate::policy::{Assessment, Facts, Policy, Service, assess};
use crate::roster::Member;
use crate::statement::Says;
use crate::statement::change::Declaration;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::view::View;

/// What every segment of a verdict is judged with.
pub(super) struct Judge<'a> {
    question: &'a Question,
    view: &'a View,
    policy: &'a Policy,
    service: &'a Service,
    covers: &'a [KnownCover],
    carried: &'a [CarriedTo],
    uncarried: &'a [Uncarried],
    /// Approvals below this entry are not heard; all are where it is not set.
    approvals_after: Option<EntryIndex>,
    known: Rc<Known<'a>>,
    landings: Rc<Landings<'a>>,
}

/// What is asked of the same evidence again and again, for each of many segments.
#[derive(Default)]
struct Known<'a> {
    /// Who is meant by an address, as of the view's size.
    addresses: BTreeMap<EmailDigest, &'a Member>,
    /// Approvals, rejects and withdrawals by what they are about, as given.
    words: BTreeMap<ContentDigest, Vec<&'a VerifiedEntry>>,
    /// Declarations by change, as given.
    declarations: BTreeMap<ChangeHash, Vec<&'a VerifiedEntry>>,
}

impl<'a> Known<'a> {
    fn new(view: &'a View, entries: &'a [VerifiedEntry]) -> Self {
        // Whoever left, or has another address now, is still who wrote what they wrote: an agent
        // stays an agent, and its operator an author (ATTACKS 9).
        let addresses = view.roster().by_address(view.size());
        let mut known = Self { addresses, ..Self::default() };
        for entry in entries.iter().filter(|entry| view.size().covers(entry.index())) {
            match &entry.statement().says {
                Says::Approval(said) => {
                    for row in &said.rows {
                        known.words.entry(row.hash).or_default().push(entry);
                    }
                }
                Says::Change(said) => {
                    known.declarations.entry(said.change).or_default().push(entry);
                }
                _ => {}
            }
        }
        known
    }
}

impl<'a> Judge<'a> {
    /// A judge for a question under one policy.
    #[must_use]
    pub(super) fn new(
        question: &'a Question,
        evidence: &Evidence<'a>,
        policy: &'a Policy,
        service: &'a Service,
    ) -> Self {
        let Evidence { view, entries, covers, carried, uncarried, .. } = *evidence;
        Self {
            question,
            view,
            policy,
            service,
            covers,
            carried,
            uncarried,
            approvals_after: None,
            known: Rc::new(Known::new(view, entries)),
            landings: Rc::new(Landings::new(evidence)),
        }
    }

    /// The member whose commits carry an address.
    pub(super) fn member_of(&self, email: EmailDigest) -> Option<&'a Member> {
        self.known.addresses.get(&email).copied()
    }

    pub(super) const fn question(&self) -> &'a Question {
        self.question
    }

    pub(super) const fn view(&self) -> &'a View {
        self.view
    }

    pub(super) const fn policy(&self) -> &'a Policy {
        self.policy
    }

    pub(super) const fn service(&self) -> &'a Service {
        self.service
    }

    /// The same judge, deaf to approvals that stand below an entry.
    pub(super) fn after(&self, entry: EntryIndex) -> Self {
        Self {
            approvals_after: Some(entry),
            known: Rc::clone(&self.known),
            landings: Rc::clone(&self.landings),
            ..*self
        }
    }

    /// The same judge, for what lands instead of the chain.
    pub(super) fn without_landings(&self) -> Self {
        let landings = Rc::new(Landings::default());
        Self { known: Rc::clone(&self.known), landings, ..*self }
    }

    /// Whether an approval at an entry is heard.
    pub(super) fn hears(&self, approval: EntryIndex) -> bool {
        self.approvals_after.is_none_or(|after| approval > after)
    }

    pub(super) const fn covers(&self) -> &'a [KnownCover] {
        self.covers
    }

    /// The words on a change or artifact, in whatever order they were given.
    pub(super) fn words(&self, hash: ContentDigest) -> &[&'a VerifiedEntry] {
        self.known.words.get(&hash).map_or(&[], Vec::as_slice)
    }

    /// What is carried to a change that landed as a commit.
    pub(super) fn carried_to(
        &self,
        landed: ChangeHash,
        landing: Option<&Revision>,
    ) -> impl Iterator<Item = &'a CarriedTo> {
        let is_it =
            move |to: &&CarriedTo| to.carried.landed() == landed && landing == Some(&to.landing);
        self.carried.iter().filter(is_it)
    }

    /// Where the changes of the chain land.
    pub(super) fn landings(&self) -> &Landings<'a> {
        &self.landings
    }

    /// What is near to a change that landed, and not carried to it.
    pub(super) fn uncarried_to(&self, landed: ChangeHash) -> impl Iterator<Item = &'a Uncarried> {
        self.uncarried.iter().filter(move |near| near.landed == landed)
    }

    /// Whether the edits of a certificate lie as far apart as the policy asks.
    pub(super) fn is_apart(&self, carried: &Carried) -> bool {
        let gap = usize::try_from(self.policy.defaults().carry_gap).unwrap_or(usize::MAX);
        carried.closest_lines().is_none_or(|lines| lines >= gap)
    }

    /// Whether anybody ever approved a change, whatever it counts for.
    pub(super) fn is_approved(&self, change: ChangeHash) -> bool {
        let hash = ContentDigest::from_bytes(*change.as_bytes());
        self.words(hash).iter().any(|entry| {
            matches!(&entry.statement().says, Says::Approval(said)
                if said.verdict == ApprovalVerdict::Approve
                    && said.subject_type == SubjectType::Change)
        })
    }

    /// The rejects that stand on a change.
    pub(super) fn rejects(&self, change: ChangeHash) -> Vec<Reject> {
        signoff::standing(self, &About::change_alone(change, None)).rejects
    }

    /// Whether any rule asks for sign-offs of artifacts at this place.
    pub(super) fn asks_for_artifacts(&self) -> bool {
        !assess(self.policy, &self.artifact_facts(), &[]).requirements.is_empty()
    }

    /// What rules about artifacts ask of one, what fills it, and all that was said of it.
    pub(super) fn artifact(&self, artifact: ContentDigest) -> (Assessment, Standing) {
        let standing = signoff::standing(self, &About::artifact(artifact));
        (assess(self.policy, &self.artifact_facts(), &standing.sign_offs), standing)
    }

    /// An artifact is judged apart from who wrote what went into it.
    fn artifact_facts(&self) -> Facts {
        Facts {
            service: self.question.service.clone(),
            environment: self.question.environment.clone(),
            declared: None,
            detected: None,
            authors: Vec::new(),
            paths: Vec::new(),
            collision: false,
            artifact: true,
        }
    }

    /// The declarations of a change or of one of its steps.
    pub(super) fn declarations(
        &self,
        hashes: &[ChangeHash],
    ) -> impl Iterator<Item = (&'a VerifiedEntry, &'a Declaration)> {
        let repository = &self.service.repository;
        let hashes: BTreeSet<_> = hashes.iter().copied().collect();
        let about = hashes.into_iter().filter_map(|hash| self.known.declarations.get(&hash));
        let entries: Vec<_> = about.flatten().copied().collect();
        entries.into_iter().filter_map(move |entry| match &entry.statement().says {
            Says::Change(said) if said.repository == *repository => Some((entry, said)),
            _ => None,
        })
    }
}
