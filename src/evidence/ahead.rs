//! What the verdict on commits rests on that have not landed (`spec/verdict.md` section 12).

use std::collections::BTreeSet;

use super::carried::Carries;
use super::covers::known_covers;
use super::gather::{
    GatherError, Gathered, Wanted, carry, evidence_of, hashes, note_colliding, range_step,
    rejects_brought_in,
};
use super::runs::spoken_of;
use crate::change::ChainEnd;
use crate::git::{GitError, Range, Repository};
use crate::ledger::store::Topic;
use crate::ledger::topics;
use crate::session::Session;
use crate::verify::{Position, Question, judge_ahead};

/// How commits will land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// As one change: squashed, or merged with a commit of its own.
    OneChange,
    /// As they are, along first parents: what a merge queue has made already.
    Steps,
}

/// Gathers what the verdict on a range rests on, as it will land. What is used up by other commits
/// is known as at a deployment.
///
/// # Errors
/// [`GitError::NotOnChain`] where steps do not begin at the range's base; else where the
/// repository or the ledger cannot be read, or does not verify.
pub fn gather_ahead(
    session: &Session,
    repository: &Repository,
    question: &Question,
    range: &Range,
    landing: Landing,
) -> Result<Gathered, GatherError> {
    let view = session.view();
    let question = &question.not_before(view);
    let steps = match landing {
        Landing::OneChange => vec![range_step(repository, range)?],
        Landing::Steps => {
            let chain = repository.chain(range.base.as_ref(), &range.head)?;
            if let Some(base) = range.base.as_ref().filter(|_| chain.end != ChainEnd::MetStart) {
                let (base, head) = (base.clone(), range.head.clone());
                return Err(GitError::NotOnChain { base, head }.into());
            }
            repository.steps(&chain.commits)?
        }
    };
    let mut steps = evidence_of(session, repository, steps)?;
    note_colliding(repository, &mut steps)?;
    let difference = match steps.as_slice() {
        [one] => one.step.document.clone(),
        // The trees themselves say what would land.
        _ => repository.document(range.base.as_ref(), &range.head)?,
    };
    let runs = if steps.len() > 1 { spoken_of(session, &steps)? } else { Vec::new() };
    let mut wanted: BTreeSet<Topic> = hashes(&steps, &difference).map(topics::change).collect();
    wanted.extend(runs.iter().map(|run| topics::change(run.change)));
    wanted.extend(rejects_brought_in(view, &steps).map(topics::change));
    let entries = session.entries_under(wanted)?;
    let covers = known_covers(session, view, question, &entries)?;
    let mut gathered = Gathered {
        position: Position::FromRoot,
        steps,
        difference,
        entries,
        cover: None,
        start_changes: Vec::new(),
        returning: Vec::new(),
        live: None,
        whole: None,
        runs: runs.into_iter().map(|run| (run.first, run.last)).collect(),
        covers,
        carried: Carries::default(),
    };
    let found = judge_ahead(question, &gathered.evidence_as_of(view));
    let uncovered = found.segments.iter().filter(|segment| !segment.satisfied);
    let uncovered = uncovered.map(|segment| segment.change).collect();
    let carries = Wanted { uncovered, ..Wanted::default() };
    carry(session, repository, question, view, &mut gathered, carries)?;
    Ok(gathered)
}
