//! What waits for a sign-off: declared changes, unsettled steps, and branches that are ahead.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Place, Subject, merge_ahead};
use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, Revision};
use crate::base::time::Timestamp;
use crate::change::parse_commit;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::evidence::gather;
use crate::git::{Range, Repository};
use crate::ledger::topics;
use crate::statement::Says;
use crate::statement::change::Declaration;
use crate::verify::{VerifiedEntry, verdict};

/// At most so many branches are looked at: those that nobody touches any more need not be.
const BRANCHES_MAX: usize = 200;

/// A change that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The change.
    pub(crate) subject: Subject,
    /// Why it waits.
    pub(crate) kind: WaitingKind,
    /// Since when: the declaration's entry, or the commit's own claim.
    pub(crate) since: Timestamp,
}

/// Why a change waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WaitingKind {
    /// Its author declared it.
    Declared,
    /// It landed, and is not deployed.
    Landed,
    /// A branch has it.
    Branch,
}

struct Queue<'a> {
    desk: &'a Desk,
    place: &'a Place,
    repository: &'a Repository,
    /// Whom the queue is for; none lists everything.
    reader: Option<&'a MemberId>,
    now: Timestamp,
    seen: BTreeSet<ChangeHash>,
    found: Vec<Waiting>,
}

/// What waits for `reader`, oldest first: neither written nor signed by them, and not covered.
///
/// # Errors
/// Where the repository or the ledger cannot be read.
pub(crate) fn waiting(
    desk: &Desk,
    place: &Place,
    reader: Option<&MemberId>,
    now: Timestamp,
) -> Result<Vec<Waiting>, CliError> {
    let repository = desk.need_repository()?;
    let seen = BTreeSet::new();
    let mut queue = Queue { desk, place, repository, reader, now, seen, found: Vec::new() };
    let tip = place.tip(repository)?;
    queue.landed(&tip)?;
    queue.declared(&tip)?;
    queue.branches(&tip)?;
    queue.found.sort_by_key(|waiting| waiting.since);
    Ok(queue.found)
}

impl Queue<'_> {
    /// Takes a change up unless it is there already, covered, or the reader's own business.
    fn offer(&mut self, range: Range, argument: &str, kind: WaitingKind, since: Timestamp) {
        // What cannot be read waits for nobody here: `approve` says why when it is named.
        let Ok(subject) = Subject::load(self.desk, self.place, range, argument, self.now) else {
            return;
        };
        if !self.seen.insert(subject.change()) || subject.segment.satisfied {
            return;
        }
        let concerns = |reader: &MemberId| !subject.is_by(reader) && !subject.has_word_of(reader);
        if self.reader.is_none_or(concerns) {
            self.found.push(Waiting { subject, kind, since });
        }
    }

    fn landed(&mut self, tip: &Revision) -> Result<(), CliError> {
        let question = self.place.question(tip, self.now);
        let gathered = gather(&self.desk.session, self.repository, &question)?;
        let verdict = verdict(&question, &gathered.evidence(&self.desk.session));
        if gathered.steps.is_empty() {
            return Ok(());
        }
        for segment in &verdict.segments {
            if segment.satisfied {
                self.seen.insert(segment.change);
                continue;
            }
            for step in &gathered.steps {
                let commit = &step.step.commit;
                if segment.steps == 1 && segment.first == *commit {
                    let range = Range { base: step.step.parent.clone(), head: commit.clone() };
                    let since = committed_at(self.repository, commit);
                    self.offer(range, commit.short(), WaitingKind::Landed, since);
                }
            }
        }
        Ok(())
    }

    fn declared(&mut self, tip: &Revision) -> Result<(), CliError> {
        let topic = topics::declared(&self.place.service.repository);
        let entries = self.desk.session.entries_under([topic])?;
        let said = entries.iter().filter_map(declaration);
        let replaced: BTreeSet<ChangeHash> =
            said.clone().filter_map(|(_, said)| said.predecessor).collect();
        for (entry, said) in said {
            let is_landed =
                self.repository.merge_base(tip, &said.head).is_ok_and(|base| base == said.head);
            if replaced.contains(&said.change)
                || said.target != self.place.service.branch
                || is_landed
                || self.is_older_version(&entries, entry, said)
            {
                continue;
            }
            let range = Range { base: said.base.clone(), head: said.head.clone() };
            let argument = format!("--change {}", said.change.short());
            self.offer(range, &argument, WaitingKind::Declared, entry.time());
        }
        Ok(())
    }

    /// Whether the same request was declared with another change later.
    fn is_older_version(
        &self,
        entries: &[VerifiedEntry],
        entry: &VerifiedEntry,
        said: &Declaration,
    ) -> bool {
        let Some(request) = &said.request else { return false };
        entries.iter().filter_map(declaration).any(|(other, later)| {
            later.request.as_ref() == Some(request)
                && later.repository == self.place.service.repository
                && later.change != said.change
                && other.index() > entry.index()
        })
    }

    fn branches(&mut self, tip: &Revision) -> Result<(), CliError> {
        let own = self.place.service.branch.as_str();
        let remote = format!("/{}", self.place.branch());
        for found in self.repository.branches()?.into_iter().take(BRANCHES_MAX) {
            let name = found.name.as_str();
            let is_own = name == own
                || name.strip_prefix("refs/remotes/").is_some_and(|name| {
                    name.ends_with(&remote)
                        && name.matches('/').count() == remote.matches('/').count()
                });
            if is_own {
                continue;
            }
            let Some(range) = merge_ahead(self.repository, tip, &found.revision) else { continue };
            let short = name
                .strip_prefix("refs/heads/")
                .or_else(|| name.strip_prefix("refs/remotes/"))
                .unwrap_or(name);
            let since = committed_at(self.repository, &found.revision);
            self.offer(range, short, WaitingKind::Branch, since);
        }
        Ok(())
    }
}

fn declaration(entry: &VerifiedEntry) -> Option<(&VerifiedEntry, &Declaration)> {
    match &entry.statement().says {
        Says::Change(said) => Some((entry, said)),
        _ => None,
    }
}

/// When a commit says that it was made: a claim, good enough for an order.
fn committed_at(repository: &Repository, commit: &Revision) -> Timestamp {
    let bytes = repository.commit_bytes(commit).unwrap_or_default();
    let seconds = parse_commit(&bytes).map_or(0, |commit| commit.committer_seconds);
    Timestamp::from_milliseconds(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
}
