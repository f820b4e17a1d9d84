//! The changes of a repository that somebody signed, or rejected, and that may land in another
//! form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Search;
use super::sums::Sums;
use crate::base::digest::ChangeHash;
use crate::base::limits::CARRY_OPEN_ENTRIES_MAX;
use crate::base::name::RepositoryName;
use crate::change::{ChangePath, Content, Document, Mode, Row};
use crate::evidence::gather::GatherError;
use crate::git::Range;
use crate::ledger::topics;
use crate::session::SessionError;
use crate::statement::approval::ApprovalRow;
use crate::statement::words::{ApprovalVerdict, SubjectType};
use crate::statement::{Says, Statement};
use crate::verify::VerifiedEntry;
use crate::view::RejectRecord;

/// Between which commits a change was read, as its signers say: the newest of them.
const RANGES_MAX: usize = 3;

/// By at most so many of its paths a change is compared with others, for people.
const LIKE_PATHS_MAX: usize = 100;

/// A change that somebody signed.
pub(super) struct Signed {
    pub(super) change: ChangeHash,
    pub(super) document: Arc<Document>,
    /// Between which commits it was read, newest word first.
    pub(super) ranges: Vec<Range>,
    /// Whether a reject stands on it, perhaps.
    pub(super) is_rejected: bool,
}

/// What was signed, by path.
pub(super) struct Open {
    signed: Vec<Signed>,
    by_path: BTreeMap<ChangePath, Vec<usize>>,
    /// Of the paths that are judged: by how much the sum of the file's lines changes.
    by_delta: BTreeMap<ChangePath, Deltas>,
}

/// What was signed of one path.
#[derive(Default)]
struct Deltas {
    known: BTreeMap<u64, Vec<usize>>,
    unknown: Vec<usize>,
}

/// What is said of the changes of a repository: each with whether a reject stands on it, perhaps,
/// and between which commits it was read, newest word first.
#[derive(Default)]
struct Words {
    order: Vec<ChangeHash>,
    found: BTreeMap<ChangeHash, (bool, Vec<Range>)>,
}

impl Words {
    fn take(&mut self, statement: &Statement, verdict: ApprovalVerdict, search: &Search<'_>) {
        for (change, row) in rows_of(statement, verdict, search.name) {
            let (is_rejected, ranges) = self.found.entry(change).or_insert_with(|| {
                self.order.push(change);
                (false, Vec::new())
            });
            *is_rejected |= verdict == ApprovalVerdict::Reject;
            let head = row.head.as_ref().filter(|_| ranges.len() < RANGES_MAX);
            let Some(head) = head else { continue };
            if !ranges.iter().any(|range| range.base == row.base && range.head == *head) {
                ranges.push(Range { base: row.base.clone(), head: head.clone() });
            }
        }
    }
}

/// The changes of a repository that a statement approves, or rejects.
fn rows_of<'a>(
    statement: &'a Statement,
    verdict: ApprovalVerdict,
    repository: &'a RepositoryName,
) -> impl Iterator<Item = (ChangeHash, &'a ApprovalRow)> {
    let said = match &statement.says {
        Says::Approval(said) => Some(said),
        _ => None,
    };
    let said = said.filter(|said| said.verdict == verdict);
    let said = said.filter(|said| said.subject_type == SubjectType::Change);
    said.into_iter()
        .flat_map(|said| &said.rows)
        .filter(move |row| row.repository.as_ref() == Some(repository))
        .map(|row| (ChangeHash::from_bytes(*row.hash.as_bytes()), row))
}

impl Open {
    /// Whatever was rejected in the repository, and of the newest that was signed there what has
    /// one of `paths`, or has landed.
    pub(super) fn read(
        search: &Search<'_>,
        paths: &BTreeSet<ChangePath>,
    ) -> Result<Self, SessionError> {
        let (by_path, by_delta) = (BTreeMap::new(), BTreeMap::new());
        let mut open = Self { signed: Vec::new(), by_path, by_delta };
        if paths.is_empty() {
            return Ok(open);
        }
        let session = search.session;
        let here = |reject: &&RejectRecord| {
            search.size.covers(reject.entry)
                && reject.changes.iter().any(|rejected| rejected.repository == *search.name)
        };
        // All of them: who would have one forgotten need only reject often enough. One that was
        // lifted blocks nothing, and has ended the sign-offs before it all the same.
        let rejects = session.view().rejects().iter().filter(here);
        let rejects = session.entries_at(rejects.map(|reject| reject.entry))?;
        let mut words = Words::default();
        for entry in rejects.iter().rev() {
            words.take(entry.statement(), ApprovalVerdict::Reject, search);
        }
        let mut documents = BTreeMap::new();
        if search.looks_for_approvals {
            let approvals = approvals_about(search, paths, &mut documents)?;
            for entry in approvals.iter().rev() {
                words.take(entry.statement(), ApprovalVerdict::Approve, search);
            }
        }
        let Words { order, mut found } = words;
        for change in order {
            let Some((is_rejected, ranges)) = found.remove(&change) else { continue };
            let known = documents.remove(&change).flatten();
            let document = match known {
                None if is_rejected => {
                    let kept = session.document(change)?;
                    kept.or_else(|| read(search, change, ranges.iter()))
                }
                known => known,
            };
            let Some(document) = document.filter(|document| !document.is_empty()) else { continue };
            for path in document.paths() {
                open.by_path.entry(path.clone()).or_default().push(open.signed.len());
            }
            open.signed.push(Signed { change, document, ranges, is_rejected });
        }
        Ok(open)
    }

    pub(super) fn all(&self) -> &[Signed] {
        &self.signed
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.signed.is_empty()
    }

    /// What could be carried to a document by its rows alone; newest first.
    pub(super) fn candidates(
        &self,
        landed: &Document,
        range: &Range,
        sums: &mut Sums<'_>,
    ) -> Result<Vec<&Signed>, GatherError> {
        // The path that the fewest have.
        let signed_of = |row: &&Row| self.by_path.get(&row.path).map_or(0, Vec::len);
        let Some(row) = landed.rows().iter().min_by_key(signed_of) else { return Ok(Vec::new()) };
        let Some(deltas) = self.by_delta.get(&row.path) else { return Ok(Vec::new()) };
        let all = || self.by_path.get(&row.path).into_iter().flatten().copied().collect();
        let found: Vec<usize> = match sums.delta(row, std::slice::from_ref(range))? {
            Some(delta) => {
                let known = deltas.known.get(&delta).into_iter().flatten();
                let mut found: Vec<_> = known.chain(&deltas.unknown).copied().collect();
                found.sort_unstable();
                found
            }
            None => all(),
        };
        let signed = found.into_iter().filter_map(|at| self.signed.get(at));
        let fits = |signed: &&Signed| could_be_carried(&signed.document, landed);
        Ok(signed.filter(|signed| *signed.document != *landed).filter(fits).collect())
    }

    /// Whether something that was signed may do the same to a path of what is judged.
    pub(super) fn is_like(&self, path: &ChangePath, delta: Option<u64>) -> bool {
        match delta {
            // What changed nothing may be no part of a run's change.
            None | Some(0) => true,
            Some(delta) => self.by_delta.get(path).is_some_and(|deltas| {
                deltas.known.contains_key(&delta) || !deltas.unknown.is_empty()
            }),
        }
    }

    /// Finds the signed changes of these paths by what they do to them.
    pub(super) fn index(
        &mut self,
        paths: &BTreeSet<ChangePath>,
        sums: &mut Sums<'_>,
    ) -> Result<(), GatherError> {
        for path in paths {
            let Some(signed) = self.by_path.get(path) else { continue };
            let deltas = self.by_delta.entry(path.clone()).or_default();
            for at in signed {
                let one = &self.signed[*at];
                let row = row_of(&one.document, path);
                match row.map(|row| sums.delta(row, &one.ranges)).transpose()?.flatten() {
                    Some(delta) => deltas.known.entry(delta).or_default().push(*at),
                    None => deltas.unknown.push(*at),
                }
            }
        }
        Ok(())
    }

    /// What has every path of a document, or no other; newest first.
    pub(super) fn like<'a>(
        &'a self,
        landed: &'a Document,
    ) -> impl Iterator<Item = &'a Signed> + 'a {
        let of_path = |path: &ChangePath| self.by_path.get(path).map_or(&[][..], Vec::as_slice);
        let sharing = landed.paths().take(LIKE_PATHS_MAX).flat_map(of_path);
        let sharing: BTreeSet<usize> = sharing.copied().collect();
        let signed = sharing.into_iter().filter_map(|at| self.signed.get(at));
        let within = |inner: &Document, outer: &Document| {
            inner.paths().all(|path| row_of(outer, path).is_some())
        };
        signed.filter(move |signed| {
            let document = &signed.document;
            **document != *landed && (within(document, landed) || within(landed, document))
        })
    }
}

/// The row of a path.
pub(super) fn row_of<'d>(document: &'d Document, path: &ChangePath) -> Option<&'d Row> {
    let rows = document.rows();
    rows.get(rows.binary_search_by(|row| row.path.cmp(path)).ok()?)
}

/// Whether nothing in the rows says otherwise (`spec/change.md`, "Check", step 3).
fn could_be_carried(approved: &Document, landed: &Document) -> bool {
    landed
        .rows()
        .iter()
        .all(|row| row_of(approved, &row.path).is_some_and(|own| own == row || is_edited(own, row)))
}

/// Whether both rows edit a file of one mode.
fn is_edited(one: &Row, other: &Row) -> bool {
    let mode = one.old.mode;
    let sides = [&one.old, &one.new, &other.old, &other.new];
    matches!(mode, Mode::File | Mode::Executable)
        && sides.iter().all(|side| side.mode == mode && matches!(side.content, Content::Sha256(_)))
}

/// The newest approvals of the repository that may bear on `paths`, verified, and the documents of
/// what they approve. Most are about other files: those are looked at, and not verified.
fn approvals_about(
    search: &Search<'_>,
    paths: &BTreeSet<ChangePath>,
    documents: &mut BTreeMap<ChangeHash, Option<Arc<Document>>>,
) -> Result<Vec<VerifiedEntry>, SessionError> {
    let (session, approve) = (search.session, ApprovalVerdict::Approve);
    let topic = topics::approved(search.name);
    let said = session.newest_said(&topic, search.size, CARRY_OPEN_ENTRIES_MAX)?;
    let mut words = Words::default();
    for said in &said {
        words.take(&said.statement, approve, search);
    }
    let mut at_hand = BTreeMap::new();
    for (change, (_, ranges)) in words.found {
        let kept = search.session.document(change)?;
        let document = kept.or_else(|| {
            // Many were read at one commit.
            let is_here = |range: &&Range| {
                let head = || search.repository.has_at_hand(&range.head);
                *at_hand.entry(range.head.clone()).or_insert_with(head)
            };
            read(search, change, ranges.iter().filter(is_here))
        });
        let bears = |document: &Arc<Document>| {
            !document.is_empty()
                && (search.has_landed(change) || document.paths().any(|path| paths.contains(path)))
        };
        documents.insert(change, document.filter(bears));
    }
    let bears = |change: ChangeHash| documents.get(&change).is_some_and(Option::is_some);
    let bearing = said.iter().filter(|said| {
        rows_of(&said.statement, approve, search.name).any(|(change, _)| bears(change))
    });
    session.entries_at(bearing.map(|said| said.index))
}

/// The document of a change of which none was kept, as the repository has it still between these
/// commits. A clone has those of few approvals; of them a commit that comes just now is found the
/// next time.
fn read<'r>(
    search: &Search<'_>,
    change: ChangeHash,
    ranges: impl Iterator<Item = &'r Range>,
) -> Option<Arc<Document>> {
    let read = |range: &Range| search.repository.document(range.base.as_ref(), &range.head).ok();
    ranges.filter_map(read).find(|document| document.hash() == change).map(Arc::new)
}
