//! What earlier decisions rested on: it tells whether a sign-off was used up, and how old it was
//! when its step was first deployed (`spec/verdict.md` section 5).

use std::sync::Arc;

use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::session::{Session, SessionError};
use crate::statement::Says;
use crate::statement::words::ApprovalVerdict;
use crate::verify::cover::Cover;
use crate::verify::{KnownCover, Question, VerifiedEntry, shortest_approval_ttl, still_counts};
use crate::view::{SettledPoints, View};

/// Reads the covers that bear on the approvals among `entries`. Only what came after the oldest
/// of them can.
pub(super) fn known_covers(
    session: &Session,
    view: &View,
    question: &Question,
    entries: &[VerifiedEntry],
) -> Result<Vec<KnownCover>, SessionError> {
    let is_approval = |entry: &&VerifiedEntry| {
        let says = &entry.statement().says;
        matches!(says, Says::Approval(said) if said.verdict == ApprovalVerdict::Approve)
    };
    let approvals = || entries.iter().filter(is_approval);
    let mut covers = of_ended_debts(session, view, question)?;
    let Some(oldest) = approvals().map(VerifiedEntry::index).min() else { return Ok(covers) };
    // What landed in the group of a cell landed in the cell's past (ATTACKS 7, 49).
    let (service, environment) = (&question.service, &question.environment);
    let own = view.settled(service, environment).landed();
    let of_group = view.group_of(service, environment).into_iter().flat_map(SettledPoints::landed);
    for point in own.chain(of_group).filter(|point| point.entry.index > oldest) {
        let Some(digest) = point.cover else { continue };
        let (landed, cover) = (Some(point.entry.index), read(session, digest)?);
        covers.push(KnownCover { deployed: None, landed, ended: None, cover });
    }
    // Ages end at the first deployment only where that makes a difference.
    let ttl = shortest_approval_ttl(question, view);
    let aged = |entry: &&VerifiedEntry| question.time.since(entry.time()) >= ttl;
    if let Some(oldest) = approvals().filter(aged).map(VerifiedEntry::index).min() {
        for environment in view.environments_of(service) {
            let points = view.settled(service, &environment).all().iter();
            for point in points.filter(|point| point.entry.index > oldest) {
                let Some(digest) = point.cover else { continue };
                let (deployed, cover) =
                    (Some((point.entry.index, point.time)), read(session, digest)?);
                covers.push(KnownCover { deployed, landed: None, ended: None, cover });
            }
        }
    }
    Ok(covers)
}

/// The covers of what ended debts of overrides: whether it paid them is asked as long as they count
/// (`spec/verdict.md` section 9).
fn of_ended_debts(
    session: &Session,
    view: &View,
    question: &Question,
) -> Result<Vec<KnownCover>, SessionError> {
    let mut covers: Vec<KnownCover> = Vec::new();
    for (_, _, ended) in view.owed_in_group(&question.service, &question.environment) {
        let Some(point) = ended.filter(|point| still_counts(point.time, question)) else {
            continue;
        };
        let ended = Some(point.entry.index);
        let is_known = covers.iter().any(|known| known.ended == ended);
        if let Some(digest) = point.cover.filter(|_| !is_known) {
            let cover = read(session, digest)?;
            covers.push(KnownCover { deployed: None, landed: None, ended, cover });
        }
    }
    Ok(covers)
}

/// Whether a deployment of a service after an entry may have used up sign-offs of a change, by
/// another commit than `landing`: the deployment, and the commit where its cover tells it.
///
/// # Errors
/// [`SessionError`] where a cover cannot be read.
pub fn used_up_since(
    session: &Session,
    service: &ServiceName,
    change: ChangeHash,
    since: EntryIndex,
    landing: &Revision,
) -> Result<Option<(EntryIndex, Option<Revision>)>, SessionError> {
    let view = session.view();
    for environment in view.environments_of(service) {
        let landed = view.settled(service, &environment).landed();
        for point in landed.filter(|point| point.entry.index > since) {
            let Some(digest) = point.cover else { continue };
            let Some(cover) = read(session, digest)? else {
                return Ok(Some((point.entry.index, None)));
            };
            let mut used = cover.used_up().filter(|(of, last)| *of == change && *last != landing);
            if let Some((_, last)) = used.next() {
                return Ok(Some((point.entry.index, Some(last.clone()))));
            }
        }
    }
    Ok(None)
}

/// A cover; none where the file is lost, which asks for new sign-offs and locks nobody out.
fn read(session: &Session, digest: ContentDigest) -> Result<Option<Arc<Cover>>, SessionError> {
    session.blobs().get(&digest)?.map(|bytes| parse(&bytes).map(Arc::new)).transpose()
}

pub(super) fn parse(bytes: &[u8]) -> Result<Cover, SessionError> {
    Cover::parse(bytes)
        .map_err(|error| SessionError::integrity("the cover of a decision", error.to_string()))
}
