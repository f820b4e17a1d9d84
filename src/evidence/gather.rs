//! What a verdict rests on, read from a repository and a ledger.

use std::collections::BTreeSet;

use super::carried::{Carries, Named, Search, named};
use super::covers::known_covers;
use super::merges::settle_merges;
use super::place::{Placed, place};
use super::runs::spoken_of;
use super::start::{RestsOn, rests_on};
use crate::base::digest::ChangeHash;
use crate::base::name::{RepositoryName, Revision};
use crate::change::{ChangePath, Document, Step};
use crate::git::{GitError, Range, Repository};
use crate::ledger::store::Topic;
use crate::ledger::topics;
use crate::policy::Policy;
use crate::session::{Session, SessionError};
use crate::statement::commitment::EmailSalt;
use crate::verify::cover::{Cover, CoverRow};
use crate::verify::{
    Evidence, KnownCover, Live, Position, Question, Returning, StepEvidence, VerifiedEntry,
    greatest_carry_gap, judge_unlanded, step_evidence, verdict,
};
use crate::view::View;

/// How many deployments back it is asked whether a change has landed, for people.
const COVERS_LATELY_MAX: usize = 100;

/// Why evidence cannot be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The ledger.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Evidence, but for the view that it is judged with.
#[derive(Debug)]
pub struct Gathered {
    /// How the revision lies to the settled points.
    pub position: Position,
    /// The steps of the chain, oldest first.
    pub steps: Vec<StepEvidence>,
    /// The difference from the start's tree to the revision's.
    pub difference: Document,
    /// Every entry about these changes and artifacts, and every override for the revision.
    pub entries: Vec<VerifiedEntry>,
    /// For a revision that lies behind or diverged: what its start was signed off with.
    pub cover: Option<Cover>,
    /// The steps and runs that the rows of `cover` consist of.
    pub start_changes: Vec<ChangeHash>,
    /// Rejected changes that the start may bring back.
    pub returning: Vec<Returning>,
    /// For a revision that diverged: what is live and its start has not.
    pub live: Option<Live>,
    /// Where there is no linear chain: everything as one change.
    pub whole: Option<StepEvidence>,
    /// Runs of steps that somebody speaks of.
    pub runs: Vec<(usize, usize)>,
    /// Covers of earlier decisions that bear on the sign-offs.
    pub covers: Vec<KnownCover>,
    /// What is carried to these changes, each with the certificate that shows it.
    pub carried: Carries,
}

impl Gathered {
    /// The evidence, for a verdict.
    #[must_use]
    pub fn evidence<'a>(&'a self, session: &'a Session) -> Evidence<'a> {
        self.evidence_as_of(session.view())
    }

    /// The evidence, for a verdict as of an earlier size.
    #[must_use]
    pub fn evidence_as_of<'a>(&'a self, view: &'a View) -> Evidence<'a> {
        Evidence {
            view,
            position: &self.position,
            steps: self.steps.as_slice(),
            difference: &self.difference,
            entries: self.entries.as_slice(),
            cover: self.cover.as_ref(),
            start_changes: self.start_changes.as_slice(),
            returning: self.returning.as_slice(),
            live: self.live.as_ref(),
            whole: self.whole.as_ref(),
            runs: self.runs.as_slice(),
            covers: self.covers.as_slice(),
            carried: self.carried.carried.as_slice(),
            uncarried: self.carried.uncarried.as_slice(),
        }
    }
}

/// Gathers what a deployment's verdict rests on.
///
/// # Errors
/// [`GatherError`] where the repository or the ledger cannot be read, or does not verify.
pub fn gather(
    session: &Session,
    repository: &Repository,
    question: &Question,
) -> Result<Gathered, GatherError> {
    gather_as_of(session, repository, question, session.view(), None)
}

/// Gathers what a verdict rested on when the ledger had the size of `view`. Certificates that the
/// cover of a decision names are checked again before others are looked for.
///
/// # Errors
/// As [`gather`].
pub fn gather_as_of(
    session: &Session,
    repository: &Repository,
    question: &Question,
    view: &View,
    decided: Option<&Cover>,
) -> Result<Gathered, GatherError> {
    let question = &question.not_before(view);
    let points = view.starts(&question.service, &question.environment);
    let Placed { position, commits, live } = place(repository, points.all(), &question.revision)?;
    let mut steps = evidence_of(session, repository, repository.steps(&commits)?)?;
    note_colliding(repository, &mut steps)?;
    let difference = match commits.first() {
        // The first step's parent is the start; the trees themselves say what would be deployed.
        Some(_) => {
            let start = steps.first().and_then(|step| step.step.parent.as_ref());
            repository.document(start, &question.revision)?
        }
        None => no_difference(),
    };
    let mut wanted: BTreeSet<Topic> = hashes(&steps, &difference).map(topics::change).collect();
    wanted.extend(question.artifacts.iter().copied().map(topics::artifact));
    let rests_on = rests_on(session, repository, question, view, position, live.as_ref())?;
    wanted.extend(rests_on.every_change().map(topics::change));
    wanted.extend(rejects_brought_in(view, &steps).map(topics::change));
    let spoken_of = spoken_of(session, &steps)?;
    wanted.extend(spoken_of.iter().map(|run| topics::change(run.change)));
    let RestsOn { cover, changes: start_changes, returning } = rests_on;
    let mut entries = session.entries_under(wanted)?;
    let own = view.settled(&question.service, &question.environment);
    for index in own.overrides_for(&question.revision, &question.artifacts) {
        entries.push(session.entry(index)?);
    }
    let covers = known_covers(session, view, question, &entries)?;
    let mut gathered = Gathered {
        position,
        steps,
        difference,
        entries,
        cover,
        start_changes,
        returning,
        live,
        whole: None,
        runs: spoken_of.into_iter().map(|run| (run.first, run.last)).collect(),
        covers,
        carried: Carries::default(),
    };
    gathered.forget_brought_in();
    widen(session, repository, question, view, &mut gathered)?;
    let found = verdict(question, &gathered.evidence_as_of(view));
    let judged = found.segments.iter().filter(|_| !found.is_allowed());
    let uncovered = judged.filter(|segment| !segment.satisfied).map(|segment| segment.change);
    // Whatever lands here uses up what was signed of it in another form, needed or not. What a
    // decision says of that stands in its cover.
    let carries = Wanted {
        uncovered: uncovered.collect(),
        uses_up: decided.is_none(),
        named: named(decided),
    };
    carry(session, repository, question, view, &mut gathered, carries)?;
    Ok(gathered)
}

/// What was rejected up to a commit that a step brings in (`spec/verdict.md` section 4, step 4).
pub(super) fn rejects_brought_in<'a>(
    view: &'a View,
    steps: &[StepEvidence],
) -> impl Iterator<Item = ChangeHash> + 'a {
    let commits = steps.iter().flat_map(|step| &step.step.commits);
    let commits: BTreeSet<Revision> = commits.map(|commit| commit.id.clone()).collect();
    let brought_in = view.rejected_changes().filter(move |(_, one)| commits.contains(&one.head));
    brought_in.map(|(_, rejected)| rejected.change)
}

/// What most verdicts need not know: the whole difference, where there is no linear chain that is
/// covered.
fn widen(
    session: &Session,
    repository: &Repository,
    question: &Question,
    view: &View,
    gathered: &mut Gathered,
) -> Result<(), GatherError> {
    if matches!(gathered.position, Position::Linear | Position::FromRoot)
        || verdict(question, &gathered.evidence_as_of(view)).is_allowed()
    {
        return Ok(());
    }
    gathered.whole = whole(session, repository, question, view, gathered.position)?;
    let wanted = gathered.whole.iter().map(|step| topics::change(step.step.document.hash()));
    let wanted = wanted.collect();
    if gathered.add(session, wanted)? {
        gathered.covers = known_covers(session, view, question, &gathered.entries)?;
    }
    Ok(())
}

/// What certificates are looked for.
#[derive(Default)]
pub(super) struct Wanted {
    /// What is not covered without.
    pub(super) uncovered: BTreeSet<ChangeHash>,
    /// Whether sign-offs are looked for also where none is missing, to be used up.
    pub(super) uses_up: bool,
    /// Certificates to be checked before others are looked for.
    pub(super) named: Named,
}

/// What is carried to what is judged: of sign-offs where one is missing or is used up, of rejects
/// always.
pub(super) fn carry(
    session: &Session,
    repository: &Repository,
    question: &Question,
    view: &View,
    gathered: &mut Gathered,
    wanted: Wanted,
) -> Result<bool, GatherError> {
    let Wanted { uncovered, uses_up, named } = wanted;
    let Some(name) = repository_name(view, question) else { return Ok(false) };
    let gap_lines = greatest_carry_gap(question, view);
    let size = view.size();
    let mut has_landed: BTreeSet<ChangeHash> =
        gathered.steps.iter().map(|step| step.step.document.hash()).collect();
    if !uncovered.is_empty() {
        has_landed.extend(landed_lately(session, view, question)?);
    }
    let looks_for_approvals = uses_up || !uncovered.is_empty();
    let search = Search {
        session,
        repository,
        name: &name,
        size,
        uncovered,
        looks_for_approvals,
        gap_lines,
        named,
        has_landed,
    };
    let wanted = search.run(gathered)?;
    let is_new = gathered.add(session, wanted)?;
    if is_new {
        gathered.covers = known_covers(session, view, question, &gathered.entries)?;
    }
    Ok(is_new)
}

/// What the covers of the newest settled deployments of a place name.
fn landed_lately(
    session: &Session,
    view: &View,
    question: &Question,
) -> Result<Vec<ChangeHash>, SessionError> {
    let points = view.settled(&question.service, &question.environment);
    let covers = points.all().iter().rev().take(COVERS_LATELY_MAX).filter_map(|point| point.cover);
    let mut changes = Vec::new();
    for cover in covers {
        let Some(bytes) = session.blobs().get(&cover)? else { continue };
        let Ok(cover) = Cover::parse(&bytes) else { continue };
        changes.extend(cover.segments.iter().flat_map(CoverRow::changes));
    }
    Ok(changes)
}

/// The service's repository, as the newest policy calls it.
fn repository_name(view: &View, question: &Question) -> Option<RepositoryName> {
    let policy = view.policy().and_then(|version| Policy::parse(&version.text).ok())?;
    Some(policy.service(&question.service)?.repository.clone())
}

impl Gathered {
    /// Steps and what they add up to, and nothing that anybody says of them.
    pub(super) fn of_steps(steps: Vec<StepEvidence>, difference: Document) -> Self {
        Self {
            position: Position::FromRoot,
            steps,
            difference,
            entries: Vec::new(),
            cover: None,
            start_changes: Vec::new(),
            returning: Vec::new(),
            live: None,
            whole: None,
            runs: Vec::new(),
            covers: Vec::new(),
            carried: Carries::default(),
        }
    }

    /// Adds the entries under topics; whether there are new ones.
    fn add(&mut self, session: &Session, wanted: BTreeSet<Topic>) -> Result<bool, SessionError> {
        let known: BTreeSet<_> = self.entries.iter().map(VerifiedEntry::index).collect();
        let mut found = session.entries_under(wanted)?;
        found.retain(|entry| !known.contains(&entry.index()));
        let is_new = !found.is_empty();
        self.entries.extend(found);
        Ok(is_new)
    }

    /// Of what is live, the commits that the chain brings in are not taken back.
    fn forget_brought_in(&mut self) {
        let commits = self.steps.iter().flat_map(|step| &step.step.commits);
        let brought_in: BTreeSet<&Revision> = commits.map(|commit| &commit.id).collect();
        if let Some(live) = &mut self.live {
            live.commits.retain(|(commit, _)| !brought_in.contains(commit));
        }
    }
}

/// Everything between the newest settled point and a revision that has no linear chain from it,
/// with the commits of both sides. None where they have too little in common to be read at once.
fn whole(
    session: &Session,
    repository: &Repository,
    question: &Question,
    view: &View,
    position: Position,
) -> Result<Option<StepEvidence>, GatherError> {
    if matches!(position, Position::Linear | Position::FromRoot) {
        return Ok(None);
    }
    let points = view.starts(&question.service, &question.environment);
    let Some(newest) = points.newest().and_then(|point| point.revision.clone()) else {
        return Ok(None);
    };
    let range = Range { base: Some(newest), head: question.revision.clone() };
    match range_step(repository, &range) {
        Ok(step) => Ok(evidence_of(session, repository, vec![step])?.pop()),
        Err(GitError::ChainTooLong { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gathers what the verdict on a range rests on that has not landed: as one change, from its base
/// to its head. The question is where it shall land.
///
/// # Errors
/// [`GatherError`] where the repository or the ledger cannot be read, or does not verify.
pub fn gather_range(
    session: &Session,
    repository: &Repository,
    range: &Range,
    question: &Question,
) -> Result<Gathered, GatherError> {
    let step = range_step(repository, range)?;
    let document = step.document.clone();
    let steps = evidence_of(session, repository, vec![step])?;
    let entries = session.entries_under([topics::change(document.hash())])?;
    let mut gathered = Gathered { entries, ..Gathered::of_steps(steps, document) };
    let view = session.view();
    let found = judge_unlanded(question, &gathered.evidence(session));
    let uncovered = found.iter().filter(|segment| !segment.satisfied);
    let uncovered = uncovered.map(|segment| segment.change).collect();
    let carries = Wanted { uncovered, ..Wanted::default() };
    carry(session, repository, question, view, &mut gathered, carries)?;
    // What bears on a sign-off of another change is asked of no landing yet.
    gathered.covers.clear();
    Ok(gathered)
}

/// A range as one step. Where its base is no ancestor of its head, what the base has of its own is
/// undone: whoever wrote that is an author of the range as well.
pub(super) fn range_step(repository: &Repository, range: &Range) -> Result<Step, GitError> {
    let (document, path_facts) =
        repository.document_with_facts(range.base.as_ref(), &range.head)?;
    let collisions = repository.collisions(&document, &range.head)?;
    let mut commits = repository.commits_only(range)?;
    if let Some(base) = &range.base {
        let back = Range { base: Some(range.head.clone()), head: base.clone() };
        commits.extend(repository.commits_only(&back)?);
    }
    Ok(Step {
        commit: range.head.clone(),
        parent: range.base.clone(),
        author_counts: commits.first().is_some_and(|own| own.author_counts),
        document,
        commits,
        path_facts,
        collisions,
    })
}

/// Which paths of earlier steps still collide: as long as none did, there is nothing to read.
pub(super) fn note_colliding(
    repository: &Repository,
    steps: &mut [StepEvidence],
) -> Result<(), GitError> {
    let mut colliding: BTreeSet<ChangePath> = BTreeSet::new();
    for step in steps {
        colliding.extend(step.step.collisions.iter().cloned());
        if !colliding.is_empty() {
            let left = repository.colliding(&colliding, &step.step.commit)?;
            colliding.clone_from(&left);
            step.colliding = left.into_iter().collect();
        }
    }
    Ok(())
}

pub(super) fn evidence_of(
    session: &Session,
    repository: &Repository,
    steps: Vec<Step>,
) -> Result<Vec<StepEvidence>, GitError> {
    evidence_of_salt(session.salt(), repository, steps)
}

pub(super) fn evidence_of_salt(
    salt: &EmailSalt,
    repository: &Repository,
    mut steps: Vec<Step>,
) -> Result<Vec<StepEvidence>, GitError> {
    settle_merges(repository, &mut steps)?;
    Ok(steps.into_iter().map(|step| step_evidence(step, salt)).collect())
}

fn no_difference() -> Document {
    Document::new(Vec::new()).unwrap_or_else(|_| unreachable!("an empty document is one"))
}

pub(super) fn hashes<'a>(
    steps: &'a [StepEvidence],
    difference: &Document,
) -> impl Iterator<Item = ChangeHash> + 'a {
    let whole = difference.hash();
    steps.iter().map(|step| step.step.document.hash()).chain(std::iter::once(whole))
}
