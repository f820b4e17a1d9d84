//! From a plan of an admin to an entry: shown in words, signed, and handed in or written out.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::base::digest::LeafHash;
use crate::base::limits::{OPERATIONS_MAX, PAYLOAD_BYTES_MAX};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, write_signed};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::quorum::{missing, refuse};
use crate::cli::report::{few_admins, few_holders};
use crate::cli::rotation::Rotation;
use crate::cli::ui::Role;
use crate::key::Signer;
use crate::session::check::commitments;
use crate::session::{SessionError, sign};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{Governance, Operation};
use crate::statement::{Says, Statement};

/// More than the bytes of a statement around its operations.
const STATEMENT_SHELL_BYTES: usize = 1_024;

/// Flags of every command that signs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SigningFlags {
    /// Show the exact statement and sign nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Ask nothing
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Write the signed statement to FILE instead of submitting it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Shows the exact statement that would be signed, as `-n` does.
///
/// # Errors
/// Where the statement is too large.
pub(crate) fn show_statement(context: &mut Context, statement: &Statement) -> Result<(), CliError> {
    let payload = statement.to_payload().map_err(SessionError::from)?;
    show_payload(context, &payload);
    Ok(())
}

/// Shows the payload of an envelope, all of it, laid out for reading.
pub(crate) fn show_payload(context: &mut Context, payload: &[u8]) {
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    if context.ui.is_json() {
        context.ui.json(&value);
    } else {
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        for line in text.lines() {
            context.ui.line(line);
        }
    }
}

/// Tells what is about to be signed; where it is then asked, even to who wants quiet.
pub(crate) fn tell(context: &mut Context, asks_nothing: bool, line: &str) {
    if asks_nothing {
        context.ui.note(line);
    } else {
        context.ui.speak(Role::Plain, "", line);
    }
}

/// Asks before something is signed.
///
/// # Errors
/// Where the answer is no, or nobody is there to give one.
pub(crate) fn confirm(context: &mut Context, yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    match context.ui.confirm(question) {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::usage("nothing was signed")),
        None => Err(CliError::usage("without a terminal nobody can be asked")
            .hint("add -y to go ahead, or -n to see what would be signed")),
    }
}

/// What an admin is about to sign: in words, and exactly.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// A line for each thing that happens.
    pub(crate) words: Vec<String>,
    /// The operations, in order.
    pub(crate) operations: Vec<Operation>,
    /// What commitments in the operations open to: kept before the entry.
    pub(crate) openings: Vec<Opening>,
    /// What is asked before it is signed.
    pub(crate) question: String,
    /// What stands after the answer, such as `next: ...`.
    pub(crate) after: Vec<String>,
}

/// What was done, as an answer.
#[derive(Serialize)]
struct Report<'a> {
    plan: &'a [String],
    entries: Vec<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The proof of another ledger key.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    /// Parts that are still to be written and handed in.
    #[serde(skip_serializing_if = "is_zero")]
    parts_left: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes by reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Shows the plan, asks, signs it as an admin, and submits it or writes it out. A plan that is
/// too large for one statement is signed in parts, each on the one before. Nobody waits for the
/// ledger while a person is asked.
///
/// # Errors
/// Where nobody signs, or the ledger refuses a part; parts before that one stand then.
pub(crate) fn carry_out(
    context: &mut Context,
    desk: Desk,
    plan: &Plan,
    flags: &SigningFlags,
) -> Result<ExitStatus, CliError> {
    let (enrolled, base) = (desk.enrolled(), newest(&desk));
    let mut held = Held::of("governance", desk);
    if context.ui.has_person() {
        // A passphrase may take its time.
        held.leave();
    }
    let signer = context.signer(Some(&enrolled))?;
    let desk = taken_again(context, &mut held, base)?;
    let key = signer.public_key().fingerprint();
    let by = desk.owner(&key)?.id.clone();
    desk.remember_owner(&key, &by);
    check_signer(desk, &by, plan, flags)?;
    for line in &plan.words {
        tell(context, flags.yes || flags.dry_run, line);
    }
    if is_own_judge(desk, &by, &plan.operations) {
        let line = "note: this is about yourself, and you are the single admin";
        tell(context, flags.yes || flags.dry_run, line);
    }
    let parts = parts(desk, &by, &plan.operations)?;
    if flags.dry_run {
        show_parts(context, desk, &by, &parts)?;
        return Ok(ExitStatus::Yes);
    }
    if context.ui.has_person() && !flags.yes {
        held.leave();
    }
    confirm(context, flags.yes, &plan.question)?;
    let desk = taken_again(context, &mut held, base)?;
    sign_parts(context, desk, &Signing { plan, flags, by: &by, parts: &parts, signer: &*signer })
}

/// The desk, if the ledger is still the one that the plan was made on.
fn taken_again<'h>(
    context: &mut Context,
    held: &'h mut Held,
    base: Option<LeafHash>,
) -> Result<&'h mut Desk, CliError> {
    let desk = held.desk(context)?;
    if newest(desk) == base {
        return Ok(desk);
    }
    Err(CliError::usage("another governance entry came in between")
        .hint("nothing was signed: run the command again"))
}

/// The newest entry of governance.
fn newest(desk: &Desk) -> Option<LeafHash> {
    desk.session.view().newest_governance().map(|entry| entry.leaf)
}

/// Shows each part; as JSON all are one document.
fn show_parts(
    context: &mut Context,
    desk: &Desk,
    by: &MemberId,
    parts: &[Vec<Operation>],
) -> Result<(), CliError> {
    if let ([_, _, ..], true) = (parts, context.ui.is_json()) {
        let mut shown = Vec::new();
        for part in parts {
            let payload = statement(desk, by, part).to_payload().map_err(SessionError::from)?;
            shown.push(serde_json::from_slice(&payload).unwrap_or(serde_json::Value::Null));
        }
        context.ui.json(&shown);
        return Ok(());
    }
    for part in parts {
        show_statement(context, &statement(desk, by, part))?;
    }
    Ok(())
}

/// What is signed, and by whom.
struct Signing<'a> {
    plan: &'a Plan,
    flags: &'a SigningFlags,
    by: &'a MemberId,
    parts: &'a [Vec<Operation>],
    signer: &'a dyn Signer,
}

/// Signs each part, and submits it or writes it out.
fn sign_parts(
    context: &mut Context,
    desk: &mut Desk,
    signing: &Signing<'_>,
) -> Result<ExitStatus, CliError> {
    let Signing { plan, flags, by, parts, .. } = signing;
    let mut report = Report {
        plan: &plan.words,
        entries: Vec::new(),
        file: None,
        proof: None,
        parts_left: parts.len(),
    };
    if let Some(file) = &flags.output {
        // What the next part rests on is known only once this one is in.
        let Some((part, rest)) = parts.split_first() else { return Ok(ExitStatus::Yes) };
        let envelope = sign_part(desk, signing, part)?;
        write_signed(context, file, &envelope, &plan.openings)?;
        if file.as_os_str() == "-" {
            return Ok(ExitStatus::Yes);
        }
        report.file = Some(file.display().to_string());
        report.parts_left = rest.len();
        context.ui.json(&report);
        let which =
            if rest.is_empty() { String::new() } else { format!(", part 1 of {}", parts.len()) };
        context.ui.lead(Role::Good, "WRITTEN", &format!("{}{which}", file.display()));
        if !rest.is_empty() {
            context.ui.line("once it is in, the same command writes the next part");
        }
        let signers = BTreeSet::from([(*by).clone()]);
        let is_enough = missing(desk, part, &signers)?.is_none();
        let verb = if is_enough { "submit" } else { "sign" };
        context.ui.line(&format!("next: countersign {verb} {}", file.display()));
        return Ok(ExitStatus::Yes);
    }
    let mut rotation = None;
    for part in *parts {
        let envelopes = [sign_part(desk, signing, part)?];
        let receipts = desk.submit(context.now(), &envelopes);
        let receipts = receipts.map_err(|error| with_hint(error, report.entries.len()))?;
        for (envelope, receipt) in envelopes.iter().zip(&receipts) {
            report.entries.push(receipt.index);
            rotation = Rotation::proved(context, desk, envelope, receipt).or(rotation);
        }
        report.parts_left -= 1;
    }
    report.proof = rotation.as_ref().and_then(Rotation::file);
    context.ui.json(&report);
    let entries: Vec<_> = report.entries.iter().map(ToString::to_string).collect();
    let noun = if entries.len() == 1 { "entry" } else { "entries" };
    context.ui.lead(Role::Good, "DONE", &format!("{noun} {}", entries.join(", ")));
    if let Some(rotation) = &rotation {
        rotation.tell(&mut context.ui);
    }
    for line in &plan.after {
        context.ui.line(line);
    }
    if plan.operations.iter().any(is_about_people)
        && let Some(few) = few_holders(desk.session.view())
    {
        context.ui.warn(few);
    }
    if plan.operations.iter().any(is_about_admins)
        && let Some(few) = few_admins(desk.session.view())
    {
        context.ui.warn(&few);
    }
    Ok(ExitStatus::Yes)
}

/// Whether an operation may change who can break the glass.
const fn is_about_people(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::SetMember(_)
            | Operation::RetireMember(_)
            | Operation::AddKey(_)
            | Operation::RevokeKey(_)
    )
}

/// Whether an operation may leave fewer admins who can sign, or ask for more of them.
const fn is_about_admins(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::SetAdmins(_) | Operation::RetireMember(_) | Operation::RevokeKey(_)
    )
}

/// Every refusal says what next, and what stands already.
fn with_hint(error: CliError, parts_done: usize) -> CliError {
    match parts_done {
        0 if error.hints.is_empty() => error.hint("nothing was changed: mend it and try again"),
        0 => error,
        _ => error.hint("what went before stands: the same command goes on from there"),
    }
}

/// Signs a part, once what its commitments open to is kept: the other way round, what an entry
/// says could never be read again. Parts that are not signed leave no names behind.
fn sign_part(desk: &Desk, signing: &Signing<'_>, part: &[Operation]) -> Result<Envelope, CliError> {
    let statement = statement(desk, signing.by, part);
    let named: BTreeSet<_> =
        commitments(&statement).into_iter().map(|(_, commitment)| commitment).collect();
    let is_named = |opening: &&Opening| opening.commitment().is_some_and(|id| named.contains(&id));
    for opening in signing.plan.openings.iter().filter(is_named) {
        desk.session.openings().put(opening).map_err(SessionError::from)?;
    }
    Ok(sign(&statement, signing.signer)?)
}

/// Whether the signer may sign this, whether that is enough, and whether the ledger would take
/// it: told before anybody is asked.
fn check_signer(
    desk: &Desk,
    by: &MemberId,
    plan: &Plan,
    flags: &SigningFlags,
) -> Result<(), CliError> {
    let signers = BTreeSet::from([by.clone()]);
    let missing = missing(desk, &plan.operations, &signers)?;
    desk.session.check_operations(&plan.operations).map_err(|refusal| {
        let error = CliError::from(&refusal);
        if error.hints.is_empty() {
            error.hint("nothing was changed: mend it and try again")
        } else {
            error
        }
    })?;
    match missing {
        Some(missing) if flags.output.is_none() && !flags.dry_run => {
            Err(refuse(desk, by, &missing))
        }
        _ => Ok(()),
    }
}

/// Whether the only admin changes what is said of themselves (ATTACKS 18).
fn is_own_judge(desk: &Desk, by: &MemberId, operations: &[Operation]) -> bool {
    let is_own = |operation: &Operation| match operation {
        Operation::SetMember(said) => said.member == *by,
        Operation::AddKey(said) => said.member == *by,
        _ => false,
    };
    let roster = desk.session.view().roster();
    roster.is_single_admin(desk.session.size()) && operations.iter().any(is_own)
}

/// A statement of governance on the newest state.
fn statement(desk: &Desk, by: &MemberId, operations: &[Operation]) -> Statement {
    let governance =
        Governance { genesis: None, base: newest(desk), operations: operations.to_vec() };
    desk.session.statement(by, Says::Governance(governance))
}

/// The operations in as few statements as the limits allow, in their order.
fn parts(
    desk: &Desk,
    by: &MemberId,
    operations: &[Operation],
) -> Result<Vec<Vec<Operation>>, CliError> {
    let mut parts: Vec<Vec<Operation>> = Vec::new();
    let mut bytes = 0;
    for operation in operations {
        let length = serde_json::to_vec(operation).map_or(0, |bytes| bytes.len()) + 1;
        match parts.last_mut() {
            Some(part)
                if part.len() < OPERATIONS_MAX
                    && bytes + length <= PAYLOAD_BYTES_MAX - STATEMENT_SHELL_BYTES =>
            {
                part.push(operation.clone());
                bytes += length;
            }
            _ => {
                parts.push(vec![operation.clone()]);
                bytes = length;
            }
        }
    }
    // One operation that is too large alone is told now, before anything is asked.
    for part in &parts {
        statement(desk, by, part).to_payload().map_err(SessionError::from)?;
    }
    Ok(parts)
}
