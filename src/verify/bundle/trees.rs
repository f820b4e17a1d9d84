//! A full bundle: every document is made anew from trees and blobs (`spec/bundle.md` section 5).

use std::sync::Arc;

use super::claims::{PathClaim, PathText};
use super::objects::Objects;
use super::rebuild::Rebuilt;
use super::{TamperCode, Tampered, ensure};
use crate::base::limits::PATH_BYTES_MAX;
use crate::base::name::Revision;
use crate::change::{
    BlobFacts, Content, DifferenceError, Document, EntryKind, GitCommitId, Mode, ObjectId,
    ObjectKind, Opaque, PathFacts, Row, Side, Tree, TreePair, TreeRow, TreeSource, difference,
    link_target, parse_tree,
};
use crate::verify::evidence::StepEvidence;

impl From<DifferenceError> for Tampered {
    fn from(error: DifferenceError) -> Self {
        Self::new(TamperCode::Object, error.to_string())
    }
}

impl TreeSource for Objects<'_> {
    type Error = Tampered;

    fn tree(&self, id: &ObjectId, _: &[u8]) -> Result<Arc<Tree>, Tampered> {
        let content = self.get(id, ObjectKind::Tree)?;
        let tree = parse_tree(content.to_vec(), id.as_bytes().len());
        tree.map(Arc::new).map_err(Tampered::at(TamperCode::Object))
    }
}

type Entry = Option<(EntryKind, ObjectId)>;

/// Makes the documents of every step, and of the whole, and holds them against those that are
/// claimed.
pub(super) fn check_full(objects: &Objects<'_>, rebuilt: &Rebuilt) -> Result<(), Tampered> {
    for step in rebuilt.steps.iter().chain(&rebuilt.whole) {
        check_step(objects, step)?;
    }
    // Consecutive steps: what they compose to is the difference from the first tree to the last.
    let documents: Vec<_> = rebuilt.steps.iter().map(|step| &step.step.document).collect();
    let composed = Document::compose(&documents).map_err(Tampered::at(TamperCode::Object))?;
    ensure(composed == rebuilt.difference, TamperCode::Object, || {
        "the difference from the start to the revision is another".to_owned()
    })
}

fn check_step(objects: &Objects<'_>, step: &StepEvidence) -> Result<(), Tampered> {
    let tree = |commit: &Revision| objects.commit(commit).map(|commit| commit.tree);
    let old = step.step.parent.as_ref().map(tree).transpose()?;
    let new = tree(&step.step.commit)?;
    // Both roots are there even where they are one: that is how a full bundle is told.
    for id in old.iter().chain([&new]) {
        objects.get(id, ObjectKind::Tree)?;
    }
    let pair = TreePair { old, new: Some(new) };
    let (document, facts) = read_rows(objects, &difference(objects, pair)?)?;
    let commit = step.step.commit.short();
    ensure(document == step.step.document, TamperCode::Object, || {
        format!("{commit} is another change than is claimed")
    })?;
    let claimed = step.step.path_facts.iter().filter_map(path_claim);
    ensure(claimed.eq(facts.iter().filter_map(path_claim)), TamperCode::Object, || {
        format!("what is opaque or linked in {commit} is not what is claimed")
    })
}

/// What is to be said of a path, if anything is.
pub(super) fn path_claim(facts: &PathFacts) -> Option<PathClaim> {
    let targets: Vec<_> = facts.link_targets.iter().cloned().map(PathText).collect();
    let opaque = facts.opaque;
    let is_any = opaque.is_some() || !targets.is_empty();
    is_any.then(|| PathClaim { path: PathText(facts.path.clone()), opaque, targets })
}

fn read_rows(
    objects: &Objects<'_>,
    rows: &[TreeRow],
) -> Result<(Document, Vec<PathFacts>), Tampered> {
    let (mut document, mut facts) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let (old, old_opaque, old_target) = read_side(objects, row, row.old)?;
        let (new, new_opaque, new_target) = read_side(objects, row, row.new)?;
        let mut link_targets: Vec<_> = new_target.into_iter().chain(old_target).collect();
        link_targets.dedup();
        let (path, opaque) = (row.path.clone(), new_opaque.or(old_opaque));
        facts.push(PathFacts { path, opaque, new_size_bytes: None, link_targets });
        document.push(Row { path: row.path.clone(), old, new });
    }
    let document = Document::new(document).map_err(Tampered::at(TamperCode::Object))?;
    Ok((document, facts))
}

type ReadSide = (Side, Option<Opaque>, Option<crate::change::ChangePath>);

fn read_side(objects: &Objects<'_>, row: &TreeRow, entry: Entry) -> Result<ReadSide, Tampered> {
    let Some((kind, id)) = entry else { return Ok((Side::ABSENT, None, None)) };
    let mode = match kind {
        EntryKind::Executable => Mode::Executable,
        EntryKind::Symlink => Mode::Symlink,
        EntryKind::Submodule => {
            let content = Content::Submodule(GitCommitId::new(id));
            let side = Side { mode: Mode::Submodule, content };
            return Ok((side, Some(Opaque::Submodule), None));
        }
        EntryKind::File | EntryKind::Tree => Mode::File,
    };
    let content = objects.get(&id, ObjectKind::Blob)?;
    let facts = BlobFacts::of(content);
    let side = Side { mode, content: Content::Sha256(facts.digest) };
    let is_link = mode == Mode::Symlink && content.len() <= PATH_BYTES_MAX;
    Ok((side, facts.opaque, if is_link { link_target(&row.path, content) } else { None }))
}
