//! One change that somebody asks about or signs: read, and judged as the policy in force does.

use super::Place;
use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, Revision};
use crate::base::time::Timestamp;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::report::{Reporting, SegmentReport, SignedEarlier, signed_earlier};
use crate::evidence::{Gathered, RejectedForm, gather_range, rejected_forms};
use crate::git::{self, Range, Repository};
use crate::ledger::topics;
use crate::statement::Says;
use crate::statement::change::Declaration;
use crate::verify::{Segment, VerifiedEntry, judge_unlanded};

/// A change, with all that is known of it.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Between which commits it lies.
    pub(crate) range: Range,
    /// How a command names it.
    pub(crate) argument: String,
    /// When it was read.
    pub(crate) loaded: Timestamp,
    /// What it was judged from.
    pub(crate) gathered: Gathered,
    /// How it was judged.
    pub(crate) segment: Segment,
    /// Sign-offs of its other versions.
    signed: Vec<SignedEarlier>,
    /// Rejects of its other versions.
    rejected: Vec<RejectedForm>,
}

impl Subject {
    /// Reads and judges a range as one change.
    ///
    /// # Errors
    /// Where the repository or the ledger cannot be read.
    pub(crate) fn load(
        desk: &Desk,
        place: &Place,
        range: Range,
        argument: &str,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let repository = desk.need_repository()?;
        let question = place.question(&range.head, now);
        let gathered = gather_range(&desk.session, repository, &range, &question)?;
        let segment = judge_unlanded(&question, &gathered.evidence(&desk.session));
        let segment = segment.map_err(|problem| {
            CliError::usage(problem.text).hint(problem.hint.unwrap_or_default())
        })?;
        let name = &place.service.repository;
        let signed = signed_earlier(desk, name, &gathered.difference, &range)?;
        let documents = [&gathered.difference];
        let rejected = rejected_forms(&desk.session, &place.service.repository, documents)?;
        let argument = argument.to_owned();
        Ok(Self { range, argument, loaded: now, gathered, segment, signed, rejected })
    }

    /// Judges once more, by what the ledger holds now.
    ///
    /// # Errors
    /// As [`Subject::load`].
    pub(crate) fn again(
        &self,
        desk: &Desk,
        place: &Place,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        Self::load(desk, place, self.range.clone(), &self.argument, now)
    }

    /// The hash of the change.
    pub(crate) const fn change(&self) -> ChangeHash {
        self.segment.change
    }

    /// How many commits it brings in.
    pub(crate) fn commits(&self) -> usize {
        self.gathered.steps.iter().map(|step| step.step.commits.len()).sum()
    }

    /// Whether a member is one of its authors.
    pub(crate) fn is_by(&self, member: &MemberId) -> bool {
        self.segment.authors.iter().any(|author| author.member.as_ref() == Some(member))
    }

    /// Whether a member has signed it off or rejected it.
    pub(crate) fn has_word_of(&self, member: &MemberId) -> bool {
        let signed = self.segment.sign_offs.iter().any(|sign_off| sign_off.member == *member);
        signed || self.segment.rejects.iter().any(|reject| reject.member == *member)
    }

    /// The report on it.
    pub(crate) fn report(&self, desk: &Desk, place: &Place, names: &Names) -> SegmentReport {
        let mut reporting = Reporting::new(names, desk.session.view(), &place.policy)
            .at(&place.service.name, &place.environment);
        reporting.signed.clone_from(&self.signed);
        reporting.rejected.clone_from(&self.rejected);
        SegmentReport::new(&reporting, &self.segment, Some(&self.argument))
    }

    /// The version that a member had signed before, and what came since.
    pub(crate) fn signed_before_by(&self, member: &MemberId) -> Option<&SignedEarlier> {
        self.signed.iter().find(|signed| signed.form.by == *member)
    }
}

/// The range of a change that was declared, from the newest declaration of it.
///
/// # Errors
/// Where nobody declared it, several could be meant, or its commits are not here.
pub(crate) fn declared_range(
    desk: &Desk,
    place: &Place,
    hash: &str,
    all: &mut Option<Vec<VerifiedEntry>>,
) -> Result<Range, CliError> {
    let is_prefix = (12..=64).contains(&hash.len())
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_prefix {
        return Err(CliError::usage(format!("{hash} is no change hash"))
            .hint("write at least its first 12 digits"));
    }
    let whole;
    let entries = match hash.parse::<ChangeHash>() {
        Ok(hash) => {
            whole = desk.session.entries_under([topics::change(hash)])?;
            &whole
        }
        // The beginning of a hash may be that of any declaration: all are verified, once.
        Err(_) => {
            if let Some(all) = all {
                all
            } else {
                let topic = topics::declared(&place.service.repository);
                all.insert(desk.session.entries_under([topic])?)
            }
        }
    };
    let known_as = &place.service.repository;
    let said: Vec<(&VerifiedEntry, &Declaration)> = entries
        .iter()
        .filter_map(|entry| match &entry.statement().says {
            Says::Change(said)
                if said.repository == *known_as && said.change.to_string().starts_with(hash) =>
            {
                Some((entry, said))
            }
            _ => None,
        })
        .collect();
    let Some((_, newest)) = said.last() else {
        return Err(CliError::usage(format!("nobody has declared the change {hash}"))
            .hint("name it by its branch or commits: countersign approve BRANCH"));
    };
    if said.iter().any(|(_, other)| other.change != newest.change) {
        return Err(
            CliError::usage(format!("several changes begin with {hash}")).hint("write more digits")
        );
    }
    let repository = desk.need_repository()?;
    let wanted = newest.base.iter().chain(std::iter::once(&newest.head));
    for commit in wanted {
        if repository.commit_bytes(commit).is_err() {
            return Err(CliError::usage(format!(
                "the change {} was declared with commit {}, which is not here",
                newest.change.short(),
                commit.short()
            ))
            .hint(format!("git fetch origin {commit}")));
        }
    }
    let range = Range { base: newest.base.clone(), head: newest.head.clone() };
    if repository.document(range.base.as_ref(), &range.head)?.hash() == newest.change {
        return Ok(range);
    }
    Err(CliError::usage(format!(
        "the declaration of {} names commits with another difference",
        newest.change.short()
    ))
    .hint("its author declares it anew: countersign declare"))
}

/// What a branch adds to the service's branch; none where it adds nothing, shares no history, or
/// is not here.
///
/// # Errors
/// Where the repository is damaged or cannot be read.
pub(crate) fn merge_ahead(
    repository: &Repository,
    tip: &Revision,
    head: &Revision,
) -> Result<Option<Range>, CliError> {
    match repository.merge_base(tip, head) {
        Ok(base) if base == *head => Ok(None),
        Ok(base) => Ok(Some(Range { base: Some(base), head: head.clone() })),
        Err(error) if error.kind() == git::ErrorKind::Usage => Ok(None),
        Err(error) => Err(error.into()),
    }
}
