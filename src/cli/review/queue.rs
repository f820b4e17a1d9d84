//! What waits for a sign-off: declared changes, unsettled steps, and branches that are ahead.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Place, Subject, merge_ahead};
use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, RequestId, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::{Span, Timestamp};
use crate::change::parse_commit;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::text::counted;
use crate::evidence::gather;
use crate::git::{GitError, Range, Repository};
use crate::ledger::topics;
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::change::{Declaration, DeclaredAuthor};
use crate::verify::cover::Cover;
use crate::verify::{VerifiedEntry, verdict};

/// At most so many branches are looked at, those with the newest commits: the others nobody
/// touches any more.
const BRANCHES_MAX: usize = 200;
/// At most so many declarations are looked at, the newest.
const DECLARATIONS_MAX: usize = 1_000;
/// What landed is known from the covers of so many settled points, the newest.
const SETTLED_MAX: usize = 1_000;

/// What waits.
#[derive(Debug)]
pub(crate) struct WaitingList {
    /// The changes, oldest first.
    pub(crate) changes: Vec<Waiting>,
    /// What was not looked at, in words, one phrase each.
    pub(crate) left_out: Vec<String>,
}

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

/// A change that is not here is told for so long after it was declared.
const AWAY_MAX: Span = Span::from_milliseconds(14 * 86_400_000);

struct Queue<'a> {
    desk: &'a Desk,
    place: &'a Place,
    repository: &'a Repository,
    /// Whom the queue is for; none lists everything.
    reader: Option<&'a MemberId>,
    now: Timestamp,
    seen: BTreeSet<ChangeHash>,
    found: Vec<Waiting>,
    left_out: Vec<String>,
}

/// Which declarations were replaced by later ones: read once, asked of each.
#[derive(Default)]
struct Versions<'a> {
    /// The last entry that names a change as its predecessor.
    replaced: BTreeMap<ChangeHash, EntryIndex>,
    /// The newest change that was declared for a request.
    newest: BTreeMap<&'a RequestId, ChangeHash>,
}

impl<'a> Versions<'a> {
    /// `entries` are in the order of the ledger.
    fn new(entries: &'a [VerifiedEntry]) -> Self {
        let mut versions = Self::default();
        for (entry, said) in entries.iter().filter_map(declaration) {
            if let Some(older) = said.predecessor {
                versions.replaced.insert(older, entry.index());
            }
            if let Some(request) = &said.request {
                versions.newest.insert(request, said.change);
            }
        }
        versions
    }

    /// Whether another version came after it.
    fn has_newer(&self, entry: &VerifiedEntry, said: &Declaration) -> bool {
        let replaced = self.replaced.get(&said.change).is_some_and(|by| *by > entry.index());
        let newest = said.request.as_ref().and_then(|request| self.newest.get(request));
        replaced || newest.is_some_and(|newest| *newest != said.change)
    }
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
) -> Result<WaitingList, CliError> {
    let repository = desk.need_repository()?;
    let (seen, found, left_out) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut queue = Queue { desk, place, repository, reader, now, seen, found, left_out };
    let tip = place.tip(repository)?;
    queue.landed(&tip)?;
    queue.settled()?;
    queue.declared(&tip)?;
    queue.branches(&tip)?;
    queue.found.sort_by_key(|waiting| waiting.since);
    Ok(WaitingList { changes: queue.found, left_out: queue.left_out })
}

impl Queue<'_> {
    /// Takes a change up unless it is there already, covered, or the reader's own business.
    fn offer(
        &mut self,
        range: Range,
        argument: &str,
        kind: WaitingKind,
        since: Timestamp,
    ) -> Result<(), CliError> {
        let subject = match Subject::load(self.desk, self.place, range, argument, self.now) {
            Ok(subject) => subject,
            // Commits that are not here wait for nobody here: `approve` says why when they are
            // named. What is damaged or cannot be read is never passed over.
            Err(error) if error.kind == ErrorKind::Usage => return Ok(()),
            Err(error) => return Err(error),
        };
        if !self.seen.insert(subject.change()) || subject.segment.satisfied {
            return Ok(());
        }
        let concerns = |reader: &MemberId| !subject.is_by(reader) && !subject.has_word_of(reader);
        if self.reader.is_none_or(concerns) {
            self.found.push(Waiting { subject, kind, since });
        }
        Ok(())
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
                    self.offer(range, commit.short(), WaitingKind::Landed, since)?;
                }
            }
        }
        // What landed squashed or rebased is on the branch under another commit, and the same
        // change: it waits as a step of the branch, or no more.
        self.seen.extend(gathered.steps.iter().map(|step| step.step.document.hash()));
        Ok(())
    }

    /// What was deployed waits no more, under whatever commit it landed.
    fn settled(&mut self) -> Result<(), CliError> {
        let (service, environment) = (&self.place.service.name, &self.place.environment);
        let points = self.desk.session.view().settled(service, environment).all();
        let covers = points.iter().rev().take(SETTLED_MAX).filter_map(|point| point.cover);
        for digest in covers {
            // A cover that is not here is the auditor's matter; one that is damaged is anybody's.
            let found = self.desk.session.blobs().get(&digest);
            let found = found.map_err(|error| CliError::from(SessionError::from(error)))?;
            let Some(bytes) = found else { continue };
            let cover = Cover::parse(&bytes).map_err(|error| {
                CliError::integrity("the cover of a decision does not parse").because(&error)
            })?;
            self.seen.extend(cover.segments.iter().map(|row| row.change));
        }
        Ok(())
    }

    /// Whether a change that nobody has fetched here may wait for the reader: declared of late, by
    /// another, and with no word of theirs on it. Whether it has landed since cannot be told.
    fn may_wait_away(&self, entry: &VerifiedEntry, said: &Declaration) -> Result<bool, CliError> {
        let is_mine = |by: &MemberId| self.reader == Some(by);
        let wrote = |author: &DeclaredAuthor| match author {
            DeclaredAuthor::Member(id) => is_mine(id),
            DeclaredAuthor::Email(_) => false,
        };
        let is_old = self.now.since(entry.time()) > AWAY_MAX;
        if is_old || is_mine(entry.by()) || said.authors.iter().any(wrote) {
            return Ok(false);
        }
        let words = self.desk.session.entries_under([topics::change(said.change)])?;
        let signed = |word: &VerifiedEntry| {
            matches!(word.statement().says, Says::Approval(_)) && is_mine(word.by())
        };
        Ok(!words.iter().any(signed))
    }

    /// The newest declarations of the repository, in the order of the ledger.
    fn declarations(&mut self) -> Result<Vec<VerifiedEntry>, CliError> {
        let topic = topics::declared(&self.place.service.repository);
        let session = &self.desk.session;
        let indexes = session.indexes_under(topic)?;
        let left_out = indexes.len().saturating_sub(DECLARATIONS_MAX);
        if left_out == 0 {
            return Ok(session.entries_under([topic])?);
        }
        self.left_out.push(counted(left_out, "older declaration"));
        let newest = indexes.into_iter().skip(left_out);
        Ok(newest.map(|index| session.entry(index)).collect::<Result<_, _>>()?)
    }

    fn declared(&mut self, tip: &Revision) -> Result<(), CliError> {
        let entries = self.declarations()?;
        let versions = Versions::new(&entries);
        let mut away = 0;
        for (entry, said) in entries.iter().filter_map(declaration) {
            if self.seen.contains(&said.change)
                || said.target != self.place.service.branch
                || versions.has_newer(entry, said)
            {
                continue;
            }
            let head = self.repository.resolve(said.head.as_str());
            if matches!(head, Err(GitError::UnknownCommit { .. })) {
                away += usize::from(self.may_wait_away(entry, said)?);
                continue;
            }
            if merge_ahead(self.repository, tip, &said.head)?.is_none() {
                continue;
            }
            let range = Range { base: said.base.clone(), head: said.head.clone() };
            let argument = format!("--change {}", said.change.short());
            self.offer(range, &argument, WaitingKind::Declared, entry.time())?;
        }
        if away > 0 {
            let changes = counted(away, "declared change");
            self.left_out.push(format!("{changes} with commits that are not here: git fetch"));
        }
        Ok(())
    }

    fn branches(&mut self, tip: &Revision) -> Result<(), CliError> {
        let own = self.place.service.branch.as_str();
        let remote = format!("/{}", self.place.branch());
        let is_own = |name: &str| {
            name == own
                || name.strip_prefix("refs/remotes/").is_some_and(|name| {
                    name.ends_with(&remote)
                        && name.matches('/').count() == remote.matches('/').count()
                })
        };
        let mut branches: Vec<_> = self
            .repository
            .branches()?
            .into_iter()
            .filter(|found| !is_own(found.name.as_str()))
            .map(|found| (committed_at(self.repository, &found.revision), found))
            .collect();
        branches.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
        let left_out = branches.len().saturating_sub(BRANCHES_MAX);
        if left_out > 0 {
            let branches = if left_out == 1 { "branch" } else { "branches" };
            self.left_out.push(format!("{left_out} {branches} with older commits"));
        }
        for (since, found) in branches.into_iter().take(BRANCHES_MAX) {
            let Some(range) = merge_ahead(self.repository, tip, &found.revision)? else { continue };
            let name = found.name.as_str();
            let short = name
                .strip_prefix("refs/heads/")
                .or_else(|| name.strip_prefix("refs/remotes/"))
                .unwrap_or(name);
            self.offer(range, short, WaitingKind::Branch, since)?;
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
