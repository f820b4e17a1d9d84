//! What nobody signed off and the admins accepted: a commit that a baseline names
//! (`spec/verdict.md` section 3).

use crate::base::position::EntryIndex;
use crate::ledger::topics;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::view::View;

/// Whether an entry is a baseline that names the commit of a decision, in its place or group.
pub(super) fn is_baseline_of(view: &View, said: &Decision, start: EntryIndex) -> bool {
    let own = view.settled(&said.service, &said.environment);
    let group = view.group_of(&said.service, &said.environment);
    let mut points = own.all().iter().chain(group.iter().flat_map(|group| group.all()));
    points.any(|point| {
        let is_baseline = point.decision.is_none();
        is_baseline && point.entry.index == start && point.revision.as_ref() == Some(&said.revision)
    })
}

/// The baseline that accepted the commit of a deployment, where no decision since brought a change
/// to it: the start of its decision's chain, or that of the same commit's deployment before it.
///
/// # Errors
/// [`SessionError`] where an entry cannot be read or does not verify.
pub fn accepted_by(
    session: &Session,
    deployment: &Deployment,
) -> Result<Option<EntryIndex>, SessionError> {
    let mut named = deployment.decision;
    while let Some(id) = named {
        let entries = session.entries_under([topics::statement(id)])?;
        let decision = entries.iter().find_map(|entry| match &entry.statement().says {
            Says::Decision(said) if entry.id() == id => Some((entry.index(), said)),
            _ => None,
        });
        let Some((index, said)) = decision else { return Ok(None) };
        // Starts lie below the decision, so this ends.
        let Some(start) = said.start.filter(|start| *start < index) else { return Ok(None) };
        if is_baseline_of(session.view(), said, start) {
            return Ok(Some(start));
        }
        named = match &session.entry(start)?.statement().says {
            Says::Deployment(earlier) if earlier.revision == deployment.revision => {
                earlier.decision
            }
            _ => None,
        };
    }
    Ok(None)
}
