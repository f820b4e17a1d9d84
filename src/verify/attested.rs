//! Steps on a service's word, where the commits themselves are not at hand (`spec/verdict.md`
//! section 13).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::VerifiedEntry;
use super::evidence::{SeenAuthor, SeenKind, StepEvidence};
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::encoding;
use crate::base::json::{self, JsonError};
use crate::base::limits::{SIDE_BLOB_BYTES_MAX, STEP_COMMITS_MAX};
use crate::base::name::{MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::change::{ChangePath, CommitFacts, Document, Identity, Opaque, PathFacts, Step};
use crate::policy::Service;
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::change::Landed;
use crate::statement::words::{Assistance, Duty, MemberKind};
use crate::view::View;

/// What the commits of a step say beside its document: a file of the side store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    #[serde(rename = "type")]
    kind: RecordType,
    /// The step's own commit.
    pub commit: Revision,
    /// Its first parent; absent where it is a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Revision>,
    /// The change.
    pub change: ChangeHash,
    /// Every commit that it brings in, itself first.
    commits: Vec<Revision>,
    /// Who wrote any of them, sorted, each once.
    authors: Vec<RecordedAuthor>,
    /// The strongest mark of assistance in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    detected: Option<Assistance>,
    /// Rows of the document that nobody can read.
    opaque: Vec<OpaqueRow>,
    /// Where the links among its rows lead.
    links: Vec<LinkRow>,
    /// Rows whose path collides with another.
    collisions: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum RecordType {
    #[serde(rename = "countersign step v1")]
    Version1,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedAuthor {
    kind: RecordedKind,
    email: EmailDigest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecordedKind {
    Person,
    Tool,
}

/// A row, counted from 0, and why its path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpaqueRow {
    row: usize,
    why: Opaque,
}

/// A row, counted from 0, and the paths that its links lead to, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkRow {
    row: usize,
    to: Vec<String>,
}

/// Why a record is not one of its commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No strict JSON of this shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Against a rule of it.
    #[error("{0}")]
    Rule(&'static str),
}

/// Services that name different changes for one commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entries {one} and {other} say different things of commit {}", .commit.short())]
pub struct Contradiction {
    /// The commit.
    pub commit: Revision,
    /// Where one says it.
    pub one: EntryIndex,
    /// Where another does.
    pub other: EntryIndex,
}

/// The word on a commit that counts, of what was said about it. Of each service the newest; where
/// two that count differ, none does.
///
/// # Errors
/// [`Contradiction`] where they differ.
pub fn word_on<'e>(
    view: &View,
    service: &Service,
    commit: &Revision,
    entries: &'e [VerifiedEntry],
) -> Result<Option<(&'e VerifiedEntry, &'e Landed)>, Contradiction> {
    let mut newest: BTreeMap<&MemberId, (&VerifiedEntry, &Landed)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| view.size().covers(entry.index())) {
        let Says::Landed(said) = &entry.statement().says else { continue };
        let is_about = said.head == *commit
            && said.repository == service.repository
            && said.target == service.branch;
        if !is_about || !counts(view, entry) {
            continue;
        }
        if newest.get(entry.by()).is_none_or(|(old, _)| old.index() < entry.index()) {
            newest.insert(entry.by(), (entry, said));
        }
    }
    let mut words = newest.into_values();
    let Some((one, said)) = words.next() else { return Ok(None) };
    match words.find(|(_, other)| *other != said) {
        None => Ok(Some((one, said))),
        Some((other, _)) => {
            Err(Contradiction { commit: commit.clone(), one: one.index(), other: other.index() })
        }
    }
}

/// Whether its signer was a service with the duty to declare and is one, under a good key.
fn counts(view: &View, entry: &VerifiedEntry) -> bool {
    let (roster, size) = (view.roster(), view.size());
    let declares = |at| {
        roster.member(entry.by(), at).is_some_and(|member| {
            member.kind == MemberKind::Service && member.has_duty(Duty::Declare)
        })
    };
    let good = |key| roster.standing(key, entry.index(), size) == KeyStanding::Good;
    declares(entry.index().size_after()) && declares(size) && entry.keys().iter().all(good)
}

impl StepRecord {
    /// The record of a step whose commits were read.
    #[must_use]
    pub fn of(evidence: &StepEvidence) -> Self {
        let step = &evidence.step;
        let kind = |author: &SeenAuthor| match author.kind {
            SeenKind::Person => RecordedKind::Person,
            SeenKind::Tool => RecordedKind::Tool,
        };
        let author = |one: &SeenAuthor| RecordedAuthor { kind: kind(one), email: one.email };
        let mut authors: Vec<_> = evidence.authors.iter().map(author).collect();
        authors.sort_unstable();
        let facts = || step.path_facts.iter().enumerate();
        let opaque =
            |(row, facts): (usize, &PathFacts)| facts.opaque.map(|why| OpaqueRow { row, why });
        let link = |(row, facts): (usize, &PathFacts)| {
            let to = facts.link_targets.iter().map(|path| encoding::hex(path.as_bytes()));
            let to: Vec<_> = to.collect();
            (!to.is_empty()).then_some(LinkRow { row, to })
        };
        let rows = step.document.paths().enumerate();
        let collides = rows.filter(|(_, path)| step.collisions.contains(path));
        Self {
            kind: RecordType::Version1,
            commit: step.commit.clone(),
            parent: step.parent.clone(),
            change: step.document.hash(),
            commits: step.commits.iter().map(|commit| commit.id.clone()).collect(),
            authors,
            detected: evidence.detected,
            opaque: facts().filter_map(opaque).collect(),
            links: facts().filter_map(link).collect(),
            collisions: collides.map(|(row, _)| row).collect(),
        }
    }

    /// Parses a record.
    ///
    /// # Errors
    /// [`RecordError`] where it is no strict JSON of this shape, or against a rule of section 13.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: Self = json::parse_exact(bytes, SIDE_BLOB_BYTES_MAX)?;
        let holds = |holds: bool, what| if holds { Ok(()) } else { Err(RecordError::Rule(what)) };
        let count = record.commits.len();
        holds(
            (1..=STEP_COMMITS_MAX).contains(&count) && record.commits[0] == record.commit,
            "commits are 1 to 100,000, the step's own first",
        )?;
        let mut sorted: Vec<_> = record.commits.iter().collect();
        sorted.sort_unstable();
        holds(sorted.windows(2).all(|pair| pair[0] != pair[1]), "no commit stands twice")?;
        let authors = record.authors.windows(2).all(|pair| pair[0] < pair[1]);
        holds(authors, "authors are sorted, none twice")?;
        let ascending = |rows: Vec<usize>| rows.windows(2).all(|pair| pair[0] < pair[1]);
        let opaque = ascending(record.opaque.iter().map(|one| one.row).collect());
        let links = ascending(record.links.iter().map(|one| one.row).collect());
        let collisions = ascending(record.collisions.clone());
        holds(opaque && links && collisions, "rows are ascending, none twice")?;
        Ok(record)
    }

    /// The bytes that a statement names by digest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("only strings and integers"))
    }

    /// The digest by which a statement names it.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of(&self.to_bytes())
    }

    /// The step, on the word of `by`. `document` is what the statement names by its hash.
    ///
    /// # Errors
    /// [`RecordError`] where statement, record and document are not of one step.
    pub fn into_evidence(
        self,
        said: &Landed,
        by: &MemberId,
        document: Document,
    ) -> Result<StepEvidence, RecordError> {
        if (&self.commit, &self.parent, self.change) != (&said.head, &said.base, said.change)
            || document.hash() != said.change
        {
            return Err(RecordError::Rule("it is of another step than the statement"));
        }
        let mut path_facts: Vec<_> = document.paths().cloned().map(nothing_of).collect();
        let outside = RecordError::Rule("a row is not one of the document");
        for OpaqueRow { row, why } in self.opaque {
            path_facts.get_mut(row).ok_or(outside.clone())?.opaque = Some(why);
        }
        for LinkRow { row, to } in self.links {
            let facts = path_facts.get_mut(row).ok_or(outside.clone())?;
            facts.link_targets =
                to.iter().map(|digits| target(digits)).collect::<Result<_, _>>()?;
        }
        let mut collisions = Vec::with_capacity(self.collisions.len());
        for row in self.collisions {
            collisions.push(path_facts.get(row).ok_or(outside.clone())?.path.clone());
        }
        let step = Step {
            commit: self.commit,
            parent: self.parent,
            document,
            commits: self.commits.into_iter().map(unread).collect(),
            path_facts,
            author_counts: true,
            collisions: collisions.clone(),
        };
        let mut authors: Vec<_> = self.authors.into_iter().map(SeenAuthor::from).collect();
        authors.sort_unstable();
        Ok(StepEvidence {
            step,
            title: String::new(),
            authors,
            detected: self.detected,
            colliding: collisions,
            attested_by: Some(by.clone()),
        })
    }
}

/// A path of which nothing is known yet.
fn nothing_of(path: ChangePath) -> PathFacts {
    PathFacts { path, opaque: None, new_size_bytes: None, link_targets: Vec::new() }
}

/// A commit of which nothing but its name is known.
fn unread(id: Revision) -> CommitFacts {
    let nobody = || Identity { name: Vec::new(), email: Vec::new() };
    CommitFacts {
        id,
        parents: Vec::new(),
        author: nobody(),
        committer: nobody(),
        co_authors: Vec::new(),
        trailers: Vec::new(),
        message: Vec::new(),
        author_counts: true,
    }
}

fn target(digits: &str) -> Result<ChangePath, RecordError> {
    let bytes = encoding::unhex(digits).map_err(|_| RecordError::Rule("a link leads nowhere"))?;
    ChangePath::new(bytes).map_err(|_| RecordError::Rule("a link leads nowhere"))
}

impl From<RecordedAuthor> for SeenAuthor {
    fn from(author: RecordedAuthor) -> Self {
        let kind = match author.kind {
            RecordedKind::Person => SeenKind::Person,
            RecordedKind::Tool => SeenKind::Tool,
        };
        // Names are personal and stand in no file that has to be kept.
        let label = format!("address {}", author.email.short());
        Self { kind, email: author.email, label }
    }
}
