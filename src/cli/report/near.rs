//! Sign-offs of other versions of a change, and what came since.

use std::collections::BTreeMap;

use crate::base::digest::ChangeHash;
use crate::base::name::RepositoryName;
use crate::change::Document;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::review::{Interdiff, interdiff, since_words};
use crate::evidence::{Gathered, SignedForm};
use crate::git::{Range, Repository};
use crate::verify::StepEvidence;

/// A sign-off of another version, and what came since.
#[derive(Debug, Clone)]
pub(crate) struct SignedEarlier {
    /// The sign-off.
    pub(crate) form: SignedForm,
    /// What came since; none where what was signed is not known any more.
    pub(crate) since: Option<Interdiff>,
}

impl SignedEarlier {
    /// `you signed 5d20b1c7e8f1; since then capture.rs +4 -1`.
    pub(crate) fn said_of(&self, whom: &str) -> String {
        let since = since_words(self.since.as_ref());
        format!("{whom} signed {}; {since}", self.form.change.short())
    }
}

/// The sign-offs of other versions of a change that lies in `range`.
///
/// # Errors
/// Where the ledger or the repository cannot be read.
pub(crate) fn signed_earlier(
    desk: &Desk,
    repository_name: &RepositoryName,
    document: &Document,
    range: &Range,
) -> Result<Vec<SignedEarlier>, CliError> {
    let repository = Some(desk.need_repository()?);
    signed_before(desk, repository, repository_name, document, range)
}

/// The same; without a repository nobody knows what came since.
fn signed_before(
    desk: &Desk,
    repository: Option<&Repository>,
    repository_name: &RepositoryName,
    document: &Document,
    range: &Range,
) -> Result<Vec<SignedEarlier>, CliError> {
    let forms = desk.approved(repository_name)?.of(&desk.session, document)?;
    let mut found = Vec::new();
    for form in forms {
        let since = match repository {
            Some(repository) => interdiff(repository, &form, document, range)?,
            None => None,
        };
        found.push(SignedEarlier { form, since });
    }
    Ok(found)
}

/// [`signed_earlier`] for those of the gathered changes that `wanted` names: what is covered needs
/// no other version.
///
/// # Errors
/// As [`signed_earlier`].
pub(crate) fn signed_earlier_of(
    desk: &Desk,
    repository_name: &RepositoryName,
    gathered: &Gathered,
    wanted: impl IntoIterator<Item = ChangeHash>,
) -> Result<Vec<SignedEarlier>, CliError> {
    let wanted: Vec<ChangeHash> = wanted.into_iter().collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let is_read = gathered.steps.iter().all(|step| step.attested_by.is_none());
    let repository = is_read.then(|| desk.need_repository()).transpose()?;
    let changes = changes(gathered);
    let mut found = Vec::new();
    for (document, range) in wanted.iter().filter_map(|change| changes.get(change)) {
        found.extend(signed_before(desk, repository, repository_name, document, range)?);
    }
    Ok(found)
}

/// Every change that evidence is about, and where it lies.
fn changes(gathered: &Gathered) -> BTreeMap<ChangeHash, (Document, Range)> {
    let mut changes = BTreeMap::new();
    let steps = &gathered.steps;
    let range = |first: &StepEvidence, last: &StepEvidence| Range {
        base: first.step.parent.clone(),
        head: last.step.commit.clone(),
    };
    if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
        let whole = gathered.difference.clone();
        changes.insert(whole.hash(), (whole, range(first, last)));
    }
    for (first, last) in &gathered.runs {
        let Some(run) = steps.get(*first..=*last) else { continue };
        let documents: Vec<_> = run.iter().map(|step| &step.step.document).collect();
        if let (Ok(whole), Some(first), Some(last)) =
            (Document::compose(&documents), run.first(), run.last())
        {
            changes.insert(whole.hash(), (whole, range(first, last)));
        }
    }
    for step in steps.iter().chain(&gathered.whole) {
        let document = step.step.document.clone();
        changes.insert(document.hash(), (document, range(step, step)));
    }
    changes
}
