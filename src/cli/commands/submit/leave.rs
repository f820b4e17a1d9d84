//! `submit FILE --inbox`: statements left in references of the code's own repository
//! (`spec/inbox.md`).

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::parcel::Parcel;
use super::receipts::Receipts;
use crate::base::digest::StatementId;
use crate::base::limits::ANSWER_BYTES_MAX;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::change::ChangePath;
use crate::cli::Context;
use crate::cli::desk::{read_envelope, words_beside};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Role;
use crate::git::{Push, ReferenceError, References, RemoteReference, Repository};
use crate::ledger::inbox::{ANSWER_FILE, Answer, INBOX, ParcelName, Said, day_of_answer};

/// What became of a file that was left.
#[derive(Serialize)]
struct Left {
    file: String,
    statement: StatementId,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Leaves statements in the inbox of a remote, or tells what became of them.
pub(super) fn leave(
    context: &mut Context,
    files: &[PathBuf],
    remote: &str,
    rotated: &[PathBuf],
) -> Result<ExitStatus, CliError> {
    let receipts = Receipts::new(rotated);
    let repository = context.repository()?;
    let mut parcels = Vec::new();
    for path in files {
        let envelope = read_envelope(context, path)?;
        let name = ParcelName::of(&envelope).ok_or_else(|| {
            CliError::usage(format!("nobody has signed {}", path.display()))
                .hint("hand in what a command wrote with -o FILE")
        })?;
        let words = words_beside(context, path, &envelope)?;
        let contents = Parcel::files(&envelope, &words, &repository);
        parcels.push((path.as_path(), name, repository.write_files(&contents, epoch())?));
    }
    let references = References::of(&repository, remote, context.ui.has_person())?;
    let patterns =
        parcels.iter().flat_map(|(_, name, _)| [name.reference(), name.answer_pattern()]);
    let known = references.list(&patterns.collect::<Vec<_>>())?;
    let (mut status, mut rows, mut changes) = (ExitStatus::Yes, Vec::new(), Vec::new());
    for (path, name, commit) in &parcels {
        let place =
            Place { context, repository: &repository, references, receipts: &receipts, path };
        if let Some(answer) = known.iter().rev().find(|one| is_answer(one, name)) {
            let (row, answered) = place.answered(name, answer)?;
            status = status.combine(answered);
            rows.push(row);
            // It was read; who asks again leaves the statement again, and is told the same.
            let (name, was) = (answer.name.clone(), Some(answer.id.clone()));
            changes.push(Push { name, to: None, was });
            continue;
        }
        let reference = name.reference();
        let waits = known.iter().any(|one| one.name == reference && one.id == *commit);
        let (word, state) = if waits { ("WAITING", "waiting") } else { ("LEFT", "left") };
        if !waits {
            changes.push(Push { name: reference, to: Some(commit.clone()), was: None });
        }
        let file = path.display().to_string();
        context.ui.lead(Role::Good, word, &format!("{file} in the inbox of {remote}"));
        rows.push(Left { file, statement: name.statement, state, entry: None, refused: None });
    }
    let refused = references.push(&changes)?;
    if refused.iter().any(|name| name.starts_with(INBOX)) {
        return Err(CliError::unavailable(format!("{remote} did not take it"))
            .hint("try again; whoever runs it may refuse references below refs/countersign"));
    }
    if rows.iter().any(|row| row.state != "taken up") && status == ExitStatus::Yes {
        let name = files.first().map(|path| path.display().to_string()).unwrap_or_default();
        context
            .ui
            .line(&format!("ask what became of it: countersign submit {name} --inbox {remote}"));
    }
    context.ui.json(&rows);
    Ok(status)
}

/// Parcels have no time of their own: the same parcel is the same commit.
const fn epoch() -> Timestamp {
    Timestamp::from_milliseconds(0)
}

fn is_answer(reference: &RemoteReference, name: &ParcelName) -> bool {
    day_of_answer(&reference.name).is_some_and(|day| name.answer_reference(day) == reference.name)
}

/// A statement that was left somewhere.
struct Place<'a> {
    context: &'a mut Context,
    repository: &'a Repository,
    references: References<'a>,
    receipts: &'a Receipts<'a>,
    path: &'a Path,
}

impl Place<'_> {
    /// Reads an answer, checks its receipt, and tells it.
    fn answered(
        self,
        name: &ParcelName,
        answer: &RemoteReference,
    ) -> Result<(Left, ExitStatus), CliError> {
        let file = self.path.display().to_string();
        self.references.fetch(std::slice::from_ref(answer))?;
        let path = ChangePath::new(ANSWER_FILE)
            .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
        let bytes = self.repository.blob(&answer.id, &path)?;
        let wrong = |why: String| {
            CliError::integrity(format!("the answer to {file}: {why}"))
                .hint("ask whoever runs the ledger, and see who else may push to the remote")
        };
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(wrong("it is larger than any answer".to_owned()));
        }
        let (read, said) = Answer::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        if read.statement != name.statement {
            return Err(wrong("it is about another statement".to_owned()));
        }
        let mut left = Left {
            file: file.clone(),
            statement: name.statement,
            state: "taken up",
            entry: None,
            refused: None,
        };
        match said {
            Said::Receipt(proof) => {
                let (index, statement) = self.receipts.prove(self.context, self.path, &proof)?;
                if statement != name.statement {
                    return Err(wrong("its receipt is of another statement".to_owned()));
                }
                let rest = format!("entry {index}: {}, proved by its receipt", left.file);
                self.context.ui.lead(Role::Good, "TAKEN UP", &rest);
                left.entry = Some(index);
                Ok((left, ExitStatus::Yes))
            }
            Said::Refused { code, why } => {
                let mut error = CliError::usage(format!("{}: {why}", left.file));
                error = error.hint(super::after_refusal(&code, &left.file));
                let status = error.print(&mut self.context.ui);
                (left.state, left.refused) = ("refused", Some(code));
                Ok((left, status))
            }
        }
    }
}

impl From<ReferenceError> for CliError {
    fn from(error: ReferenceError) -> Self {
        match &error {
            ReferenceError::RemoteName { .. } => Self::from_error(ErrorKind::Usage, &error)
                .hint("name a remote of this repository: git remote"),
            ReferenceError::Failed { remote, .. } => {
                let hint = format!("see whether this works: git ls-remote {remote}");
                Self::from_error(ErrorKind::Unavailable, &error).hint(hint)
            }
            ReferenceError::NotWritten { .. } => Self::from_error(ErrorKind::Unavailable, &error)
                .hint("see whether the repository's folder can be written to"),
        }
    }
}
