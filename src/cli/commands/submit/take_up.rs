//! `submit --inbox`: what was left is taken up by the job that owns the ledger
//! (`spec/inbox.md` section 3).

use super::Row;
use super::parcel::Parcel;
use super::what;
use crate::base::limits::{ANSWER_DAYS_MAX, PARCELS_MAX};
use crate::base::position::TreeSize;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::time::rfc3339;
use crate::cli::ui::{Role, Ui};
use crate::git::{Push, ReferenceError, References, RemoteReference, Repository};
use crate::ledger::append::Refusal;
use crate::ledger::inbox::{ANSWER_FILE, ANSWERS, Answer, INBOX, ParcelName, day_of_answer};
use crate::ledger::receipt::Receipt;

/// So many references that are no parcels are told by name.
const STRAYS_NAMED: usize = 5;
/// One day, in milliseconds.
const DAY_MILLISECONDS: u64 = 86_400_000;

/// Takes up what was left in the inbox of a remote, answers it, and leaves the inbox clean. That
/// something was refused is its answer, and no failure of the job.
pub(super) fn take_up(context: &mut Context, remote: &str) -> Result<ExitStatus, CliError> {
    let repository = context.repository()?;
    let references = References::of(&repository, remote, context.ui.has_person())?;
    let listed = references.list(&[format!("{INBOX}/*"), format!("{ANSWERS}/*")])?;
    let named = |one: &RemoteReference| Some((ParcelName::from_reference(&one.name)?, one.clone()));
    let mut waiting: Vec<_> = listed.iter().filter_map(named).collect();
    strays(&mut context.ui, &listed, remote);
    let later = waiting.len().saturating_sub(PARCELS_MAX);
    waiting.truncate(PARCELS_MAX);
    // Nobody waits for the ledger while a remote is asked.
    references.fetch(&waiting.iter().map(|(_, one)| one.clone()).collect::<Vec<_>>())?;
    let now = context.now();
    let (rows, answers) = append(context, &repository, &waiting, now)?;
    let mut changes = Vec::new();
    for ((name, reference), said) in waiting.iter().zip(&answers) {
        changes.extend(answer(&repository, name, reference, now, said)?);
    }
    changes.extend(answers_to_forget(&listed, now));
    let kept = references.push(&changes)?;
    if let Some(name) = kept.iter().find(|name| !name.starts_with(INBOX)) {
        return Err(CliError::unavailable(format!("{remote} did not take {name}"))
            .hint("what was taken up is in the ledger; run it again, and it is answered"));
    }
    closing(&mut context.ui, rows.len(), kept.len() + later, remote);
    context.ui.json(&rows);
    Ok(ExitStatus::Yes)
}

/// Tells of references in the inbox that name no key and statement: nobody can be answered there,
/// and they are not ours to delete.
fn strays(ui: &mut Ui, listed: &[RemoteReference], remote: &str) {
    let is_stray = |one: &&RemoteReference| {
        let rest = one.name.strip_prefix(INBOX);
        rest.is_some_and(|rest| rest.starts_with('/'))
            && ParcelName::from_reference(&one.name).is_none()
    };
    let names: Vec<_> = listed.iter().filter(is_stray).map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        return;
    }
    let (shown, more) = names.split_at(names.len().min(STRAYS_NAMED));
    let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
    ui.warn(&format!(
        "no parcels, and left where they are: {}{more}; git push {remote} --delete NAME",
        shown.join(", ")
    ));
}

/// Hands parcels to the ledger; gives an answer for each, once all is durable.
fn append(
    context: &mut Context,
    repository: &Repository,
    waiting: &[(ParcelName, RemoteReference)],
    now: Timestamp,
) -> Result<(Vec<Row>, Vec<Answer>), CliError> {
    let read = |(name, reference): &(ParcelName, RemoteReference)| {
        Parcel::read(repository, *name, &reference.id)
    };
    let parcels: Vec<Result<Parcel, Refusal>> = waiting.iter().map(read).collect();
    if parcels.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut desk = context.desk("submit")?;
    // What an entry will name is durable before it; what nobody of the ledger has signed leaves
    // nothing behind on the disk.
    for parcel in parcels.iter().flatten().filter(|parcel| parcel.is_signed(&desk.session)) {
        parcel.beside().keep(&desk.session)?;
    }
    let size = desk.session.size();
    let envelopes: Vec<_> =
        parcels.iter().flatten().map(|parcel| parcel.envelope.clone()).collect();
    let mut receipts = desk.append(now, &envelopes)?.into_iter();
    let (mut rows, mut answers) = (Vec::new(), Vec::new());
    for ((name, reference), parcel) in waiting.iter().zip(parcels) {
        let outcome = parcel.and_then(|parcel| {
            let missing = || Err(Refusal::new("UNAVAILABLE", "the ledger gave no answer to it"));
            receipts.next().unwrap_or_else(missing).map(|receipt| (parcel, receipt))
        });
        answers.push(match &outcome {
            Ok((parcel, receipt)) => {
                // Its key may have been enrolled by another parcel of these.
                parcel.beside().keep(&desk.session)?;
                Answer::taken_up(name.statement, &desk.session.prove(receipt.index)?)
            }
            Err(refusal) => Answer::refused(name.statement, refusal),
        });
        rows.push(told(&mut context.ui, &desk, size, reference, outcome));
    }
    Ok((rows, answers))
}

/// Tells what became of a parcel; `size` is that of the ledger before.
fn told(
    ui: &mut Ui,
    desk: &Desk,
    size: TreeSize,
    reference: &RemoteReference,
    outcome: Result<(Parcel, Receipt), Refusal>,
) -> Row {
    let file = reference.name.clone();
    match outcome {
        Ok((parcel, receipt)) => {
            let row = Row::of(file, size, &receipt);
            row.tell(ui, &what(desk, &parcel.envelope));
            row
        }
        Err(refusal) => {
            ui.lead(Role::Bad, "REFUSED", &format!("{}: {}", refusal.code, refusal.message));
            ui.paragraph(4, &format!("{file}: answered, and taken away"));
            Row { file, entry: None, is_new: false, proof: None, refused: Some(refusal.code) }
        }
    }
}

/// An answer, and the end of what it answers.
fn answer(
    repository: &Repository,
    name: &ParcelName,
    parcel: &RemoteReference,
    now: Timestamp,
    said: &Answer,
) -> Result<[Push; 2], ReferenceError> {
    let commit = repository.write_files(&[(ANSWER_FILE.to_owned(), said.to_bytes())], now)?;
    Ok([
        Push { name: name.answer_reference(&day(now)), to: Some(commit), was: None },
        Push { name: parcel.name.clone(), to: None, was: Some(parcel.id.clone()) },
    ])
}

/// `2026-11-29`, in UTC.
fn day(time: Timestamp) -> String {
    rfc3339(time).chars().take(10).collect()
}

/// Answers that nobody read in time.
fn answers_to_forget(listed: &[RemoteReference], now: Timestamp) -> Vec<Push> {
    let kept = ANSWER_DAYS_MAX * DAY_MILLISECONDS;
    let first = day(Timestamp::from_milliseconds(now.milliseconds().saturating_sub(kept)));
    let is_old =
        |one: &&RemoteReference| day_of_answer(&one.name).is_some_and(|day| day < first.as_str());
    let old = listed.iter().filter(is_old);
    old.map(|one| Push { name: one.name.clone(), to: None, was: Some(one.id.clone()) }).collect()
}

fn closing(ui: &mut Ui, taken: usize, left: usize, remote: &str) {
    match (taken, left) {
        (0, 0) => ui.line(&format!("nothing waits in the inbox of {remote}")),
        (_, 0) => {
            ui.line(&format!("{taken} answered; nothing more waits in the inbox of {remote}"));
        }
        (_, left) => {
            let again = format!("countersign submit --inbox {remote}");
            ui.line(&format!("{taken} answered, {left} wait: {again}"));
        }
    }
}
