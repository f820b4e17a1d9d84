//! The statement: made, signed, handed in.

use std::rc::Rc;

use serde::Serialize;

use super::Desired;
use super::items::{Item, ItemKind};
use crate::base::digest::{ChangeHash, Commitment, ContentDigest};
use crate::base::name::ChecklistItem;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, write_signed};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::show_statement;
use crate::cli::report::SegmentReport;
use crate::cli::review::Place;
use crate::evidence::SignedForm;
use crate::key::Signer;
use crate::roster::Member;
use crate::session::random;
use crate::statement::Says;
use crate::statement::approval::{Approval, ApprovalRow, ChecklistAnswer};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::governance::EntryReference;
use crate::statement::words::{ApprovalVerdict, SubjectType};

/// What is said of the items.
pub(in crate::cli::commands) struct Said {
    /// Approve, reject or withdraw.
    pub(in crate::cli::commands) verdict: ApprovalVerdict,
    /// What is withdrawn.
    pub(in crate::cli::commands) withdraws: Option<EntryReference>,
    /// Why.
    pub(in crate::cli::commands) comment: Option<String>,
    /// Answers to the checklist.
    pub(in crate::cli::commands) answers: Vec<(ChecklistItem, String)>,
}

/// What was signed.
#[derive(Serialize)]
struct Answer<'a> {
    verdict: ApprovalVerdict,
    subject_type: SubjectType,
    subjects: Vec<ContentDigest>,
    by: &'a SignedBy<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Versions that the signer had signed before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supersedes: Vec<ChangeHash>,
    still_open: Vec<SegmentReport>,
}

/// The signer, as an answer names one.
#[derive(Serialize)]
struct SignedBy<'a> {
    member: &'a str,
    name: String,
}

/// Makes the statement, signs it, and hands it in or writes it to a file.
pub(in crate::cli::commands) fn submit(
    context: &mut Context,
    held: &mut Held,
    place: &Place,
    reader: &Member,
    items: &[Item],
    said: &Said,
    desired: &Desired<'_>,
) -> Result<ExitStatus, CliError> {
    let signing = desired.signing;
    let (mut openings, rows) =
        (Vec::new(), items.iter().map(|item| row(place, item, reader, desired)));
    let is_change = items.iter().any(|item| matches!(item.kind, ItemKind::Change(..)));
    let subject_type = if is_change { SubjectType::Change } else { SubjectType::Artifact };
    let rows = rows.collect();
    let approval = approval(said, subject_type, rows, &mut openings)?;
    let signer = if signing.dry_run { None } else { Some(opened(context, held, desired)?) };
    let desk = held.desk(context)?;
    let statement = desk.session.statement(&reader.id, Says::Approval(approval));
    let Some(signer) = signer else {
        show_statement(context, &statement)?;
        return Ok(ExitStatus::Yes);
    };
    let owner = desk.owner(&signer.public_key().fingerprint())?;
    if owner.id != reader.id {
        return Err(
            CliError::usage("another member's key would sign now").hint("run the command again")
        );
    }
    // Where the key does not sign nothing is left behind, no comment either.
    let envelope = crate::session::sign(&statement, signer.as_ref())?;
    keep(desk, items, &openings)?;
    if let Some(path) = &signing.output {
        let made = (&envelope, openings.as_slice());
        return written(context, desk, reader, items, said, made, (path, desired));
    }
    let now = context.now();
    let receipts = desk.submit(now, &[envelope])?;
    let entry = receipts.first().map(|receipt| receipt.index);
    let names = desk.names();
    let mut still_open = Vec::new();
    for item in items {
        if let ItemKind::Change(subject, _) = &item.kind {
            still_open.push(subject.again(desk, place, now)?.report(desk, place, &names));
        }
    }
    print_signed(context, said, entry, &still_open);
    let owed =
        if said.verdict == ApprovalVerdict::Approve { place.owed(desk, now) } else { Vec::new() };
    for line in owed.iter().filter(|line| line.signed_off) {
        context.ui.paragraph(4, &line.settled_by());
    }
    let replaced: Vec<&SignedForm> =
        items.iter().filter_map(|item| item.superseded(reader, desired)).collect();
    for form in &replaced {
        let line = format!("supersedes {}, entry {}", form.change.short(), form.entry);
        context.ui.line(&format!("    {line}"));
    }
    context.ui.json(&Answer {
        verdict: said.verdict,
        subject_type,
        subjects: items.iter().map(Item::hash).collect(),
        by: &SignedBy { member: reader.id.as_str(), name: names.of(&reader.id) },
        entry,
        file: None,
        supersedes: replaced.iter().map(|form| form.change).collect(),
        still_open,
    });
    Ok(ExitStatus::Yes)
}

/// The key, opened once.
fn opened(
    context: &mut Context,
    held: &mut Held,
    desired: &Desired<'_>,
) -> Result<Rc<dyn Signer>, CliError> {
    if let Some(signer) = desired.signer.borrow().as_ref() {
        return Ok(Rc::clone(signer));
    }
    let enrolled = held.desk(context)?.enrolled();
    if context.ui.has_person() {
        // A passphrase may take its time.
        held.leave();
    }
    let signer: Rc<dyn Signer> = Rc::from(context.signer(Some(&enrolled))?);
    *desired.signer.borrow_mut() = Some(Rc::clone(&signer));
    Ok(signer)
}

/// The body of the statement; what is free text goes to `openings`.
pub(in crate::cli::commands) fn approval(
    said: &Said,
    subject_type: SubjectType,
    rows: Vec<ApprovalRow>,
    openings: &mut Vec<Opening>,
) -> Result<Approval, CliError> {
    let comment = said.comment.as_deref().map(|text| commit(text, openings)).transpose()?;
    let mut checklist = Vec::new();
    for (item, answer) in &said.answers {
        checklist.push(ChecklistAnswer { item: item.clone(), answer: commit(answer, openings)? });
    }
    checklist.sort_by(|one, other| one.item.cmp(&other.item));
    checklist.dedup_by(|one, other| one.item == other.item);
    let (verdict, withdraws) = (said.verdict, said.withdraws);
    Ok(Approval { verdict, subject_type, rows, withdraws, comment, checklist })
}

/// Free text enters a statement as a salted commitment only (ATTACKS 37).
fn commit(text: &str, openings: &mut Vec<Opening>) -> Result<Commitment, CliError> {
    let opening = Opening::new(random(), text)
        .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?;
    let commitment =
        opening.commitment().ok_or_else(|| CliError::integrity("a fresh salt is no salt"))?;
    openings.push(opening);
    Ok(commitment)
}

fn row(place: &Place, item: &Item, reader: &Member, desired: &Desired<'_>) -> ApprovalRow {
    let hash = item.hash();
    match &item.kind {
        ItemKind::Change(subject, _) => ApprovalRow {
            hash,
            repository: Some(place.service.repository.clone()),
            target: Some(place.service.branch.clone()),
            service: None,
            base: subject.range.base.clone(),
            head: Some(subject.range.head.clone()),
            assistance_seen: Some(subject.segment.assessment.assistance),
            shown: item.shown,
            supersedes: item.superseded(reader, desired).map(|form| content(&form.change)),
        },
        ItemKind::Artifact(_) => ApprovalRow {
            hash,
            repository: None,
            target: None,
            service: Some(place.service.name.clone()),
            base: None,
            head: None,
            assistance_seen: None,
            shown: item.shown,
            supersedes: None,
        },
    }
}

const fn content(change: &ChangeHash) -> ContentDigest {
    ContentDigest::from_bytes(*change.as_bytes())
}

/// Blobs and openings are durable before the entry that names them.
pub(in crate::cli::commands) fn keep(
    desk: &Desk,
    items: &[Item],
    openings: &[Opening],
) -> Result<(), CliError> {
    let unavailable = |error: &dyn std::error::Error| {
        CliError::unavailable(format!("cannot keep what the statement names: {error}"))
    };
    for opening in openings {
        desk.session.openings().put(opening).map_err(|error| unavailable(&error))?;
    }
    for item in items {
        if let ItemKind::Change(subject, _) = &item.kind {
            let bytes = subject.gathered.difference.to_bytes();
            desk.session.blobs().put(&bytes).map_err(|error| unavailable(&error))?;
        }
    }
    Ok(())
}

fn written(
    context: &mut Context,
    desk: &Desk,
    reader: &Member,
    items: &[Item],
    said: &Said,
    (envelope, openings): (&Envelope, &[Opening]),
    (path, desired): (&std::path::Path, &Desired<'_>),
) -> Result<ExitStatus, CliError> {
    write_signed(context, path, envelope, openings)?;
    let shown = path.display().to_string();
    context.ui.line(&format!("signed: {shown}, not handed in yet"));
    context.ui.line(&format!("next: countersign submit {shown}"));
    let is_change = items.iter().any(|item| matches!(item.kind, ItemKind::Change(..)));
    context.ui.json(&Answer {
        verdict: said.verdict,
        subject_type: if is_change { SubjectType::Change } else { SubjectType::Artifact },
        subjects: items.iter().map(Item::hash).collect(),
        by: &SignedBy { member: reader.id.as_str(), name: desk.names().of(&reader.id) },
        entry: None,
        file: Some(shown),
        supersedes: items
            .iter()
            .filter_map(|item| item.superseded(reader, desired))
            .map(|form| form.change)
            .collect(),
        still_open: Vec::new(),
    });
    Ok(ExitStatus::Yes)
}

/// What is open still: ` Nothing is open.`, or who is asked for what.
pub(super) fn open_words(reports: &[SegmentReport]) -> String {
    let mut open: Vec<String> = Vec::new();
    for report in reports {
        for needed in report.missing() {
            let ask = report
                .ask
                .iter()
                .find(|ask| ask.because == needed.because && ask.need == needed.ask);
            let who = ask.map_or_else(String::new, |ask| format!(" ({})", ask.who()));
            open.push(format!("{}{who}", needed.ask));
        }
        open.extend(report.rejects.iter().map(|reject| format!("{}'s reject", reject.name)));
        open.extend(report.denials.iter().map(|denial| denial.code.to_string()));
    }
    open.dedup();
    match (reports.is_empty(), open.is_empty()) {
        (true, _) => String::new(),
        (false, true) => " Nothing is open.".to_owned(),
        (false, false) => format!(" Still open: {}", open.join("; ")),
    }
}

fn print_signed(
    context: &mut Context,
    said: &Said,
    entry: Option<EntryIndex>,
    reports: &[SegmentReport],
) {
    let word = match said.verdict {
        ApprovalVerdict::Approve => "signed",
        ApprovalVerdict::Reject => "rejected",
        ApprovalVerdict::Withdraw => "withdrawn",
    };
    let entry_words = entry.map_or_else(String::new, |entry| format!("entry {entry}, "));
    let open = open_words(reports);
    context.ui.paragraph(0, &format!("{word}: {entry_words}durable.{open}"));
    // What was signed just now and fills nothing is told, or the line above reads as if it did.
    let words = reports.iter().flat_map(|report| &report.not_counted);
    let mut told: Vec<String> = words
        .filter(|word| Some(word.entry) == entry)
        .map(|word| format!("not counted: {} ({})", word.text, word.code))
        .collect();
    told.dedup();
    for line in told {
        context.ui.paragraph(4, &line);
    }
}
