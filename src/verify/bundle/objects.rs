//! Git objects of a bundle, and what its commits say (`spec/bundle.md` section 4, step 13).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::claims::StepClaim;
use super::wire::Bundle;
use super::{TamperCode, Tampered, ensure};
use crate::base::name::Revision;
use crate::change::{
    Commit, CommitFacts, GitObject, ObjectHash, ObjectId, ObjectKind, co_authors, parse_commit,
    trailers,
};

/// Objects by their id.
pub(super) struct Objects<'a> {
    known: BTreeMap<ObjectId, (ObjectKind, &'a [u8])>,
    asked: RefCell<BTreeSet<ObjectId>>,
}

impl<'a> Objects<'a> {
    /// Hashes every object, as the repository of the revision does.
    pub(super) fn read(bundle: &'a Bundle) -> Result<Self, Tampered> {
        let hash = ObjectHash::of(&ObjectId::from(&bundle.evidence.question.revision));
        let mut known = BTreeMap::new();
        let mut last = None;
        for bytes in &bundle.objects {
            let object =
                GitObject::read(&bytes.0, hash).map_err(Tampered::at(TamperCode::Object))?;
            let id = object.id();
            ensure(last.is_none_or(|last| last < id), TamperCode::Object, || {
                "its objects do not stand in order".to_owned()
            })?;
            last = Some(id);
            known.insert(id, (object.kind(), object.content()));
        }
        Ok(Self { known, asked: RefCell::default() })
    }

    /// Whether there are trees: then everything is shown.
    pub(super) fn is_full(&self) -> bool {
        self.known.values().any(|(kind, _)| *kind == ObjectKind::Tree)
    }

    /// The content of an object of a kind, which is asked for by that.
    pub(super) fn get(&self, id: &ObjectId, kind: ObjectKind) -> Result<&'a [u8], Tampered> {
        self.asked.borrow_mut().insert(*id);
        match self.known.get(id) {
            Some((found, content)) if *found == kind => Ok(content),
            Some((found, _)) => {
                let what = format!("{id} is a {}, not a {}", found.as_str(), kind.as_str());
                Err(Tampered::new(TamperCode::Object, what))
            }
            None => {
                let what = format!("the {} {id} is missing", kind.as_str());
                Err(Tampered::new(TamperCode::Object, what))
            }
        }
    }

    /// A commit.
    pub(super) fn commit(&self, commit: &Revision) -> Result<Commit, Tampered> {
        let id = ObjectId::from(commit);
        let content = self.get(&id, ObjectKind::Commit)?;
        let parsed = parse_commit(content).map_err(Tampered::at(TamperCode::Object))?;
        ensure(parsed.tree.format() == id.format(), TamperCode::Object, || {
            format!("the commit {id} names objects of another format")
        })?;
        Ok(parsed)
    }

    /// What the commits of a step say.
    pub(super) fn facts(&self, step: &StepClaim) -> Result<Vec<CommitFacts>, Tampered> {
        let mechanical: BTreeSet<&Revision> = step.mechanical.iter().collect();
        let facts = |id: &Revision| {
            let commit = self.commit(id)?;
            let co_authors =
                co_authors(&commit.message).map_err(Tampered::at(TamperCode::Object))?;
            Ok(CommitFacts {
                id: id.clone(),
                parents: commit.parents.iter().map(ObjectId::revision).collect(),
                author: commit.author,
                committer: commit.committer,
                co_authors,
                trailers: trailers(&commit.message).collect(),
                message: commit.message,
                author_counts: !mechanical.contains(id),
            })
        };
        step.commits.iter().map(facts).collect()
    }

    /// Whether there is nothing that nobody asked for.
    pub(super) fn check_all_asked(&self) -> Result<(), Tampered> {
        let asked = self.asked.borrow();
        let needless = self.known.keys().find(|id| !asked.contains(id));
        needless.map_or(Ok(()), |id| {
            Err(Tampered::new(TamperCode::Object, format!("nobody asked for the object {id}")))
        })
    }
}
