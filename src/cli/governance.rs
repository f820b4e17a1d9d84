//! From a plan of an admin to an entry: shown in words, signed, and handed in or written out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::digest::LeafHash;
use crate::base::limits::{OPERATIONS_MAX, PAYLOAD_BYTES_MAX};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, write_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::Role;
use crate::key::Signer;
use crate::session::{SessionError, sign};
use crate::statement::commitment::Opening;
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
    let by = desk.owner(&signer.public_key().fingerprint())?.id.clone();
    check_admin(desk, &by, plan, flags)?;
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
    let Signing { plan, flags, by, parts, signer } = signing;
    // An opening that is kept for nothing tells nobody anything; the other way round, what an
    // entry says could never be read again.
    for opening in &plan.openings {
        desk.session.openings().put(opening).map_err(SessionError::from)?;
    }
    let mut report = Report { plan: &plan.words, entries: Vec::new(), file: None };
    if let Some(file) = &flags.output {
        let [part] = parts else {
            return Err(CliError::usage("this is too large for one statement")
                .hint("apply it in smaller files, each with its own -o"));
        };
        let envelope = sign(&statement(desk, by, part), *signer)?;
        write_envelope(&context.environment.resolve(file), &envelope)?;
        if file.as_os_str() == "-" {
            return Ok(ExitStatus::Yes);
        }
        report.file = Some(file.display().to_string());
        context.ui.json(&report);
        context.ui.lead(Role::Good, "WRITTEN", &format!("{}", file.display()));
        context.ui.line(&format!("next: countersign {}", next_of_file(desk, plan, file)));
        return Ok(ExitStatus::Yes);
    }
    for part in *parts {
        let envelope = sign(&statement(desk, by, part), *signer)?;
        let receipts = desk.submit(context.now(), &[envelope]);
        let receipts = receipts.map_err(|error| with_hint(error, report.entries.len()))?;
        report.entries.extend(receipts.iter().map(|receipt| receipt.index));
    }
    context.ui.json(&report);
    let entries: Vec<_> = report.entries.iter().map(ToString::to_string).collect();
    let noun = if entries.len() == 1 { "entry" } else { "entries" };
    context.ui.lead(Role::Good, "DONE", &format!("{noun} {}", entries.join(", ")));
    for line in &plan.after {
        context.ui.line(line);
    }
    Ok(ExitStatus::Yes)
}

/// Every refusal says what next, and what stands already.
fn with_hint(error: CliError, parts_done: usize) -> CliError {
    match parts_done {
        0 if error.hints.is_empty() => error.hint("nothing was changed: mend it and try again"),
        0 => error,
        _ => error.hint("what went before stands: the same command goes on from there"),
    }
}

/// Who else has to do something with the written file.
fn next_of_file(desk: &Desk, plan: &Plan, file: &Path) -> String {
    let verb = if needed(desk, plan) > 1 { "sign" } else { "submit" };
    format!("{verb} {}", file.display())
}

/// How many admins must sign.
fn needed(desk: &Desk, plan: &Plan) -> u32 {
    let admins = desk.session.view().roster().admins(desk.session.size());
    match admins {
        Some(admins) if !plan.operations.iter().all(Operation::only_reduces) => admins.threshold,
        _ => 1,
    }
}

fn check_admin(
    desk: &Desk,
    by: &MemberId,
    plan: &Plan,
    flags: &SigningFlags,
) -> Result<(), CliError> {
    let admins = desk.session.view().roster().admins(desk.session.size());
    let admins = admins.map(|set| set.admins.as_slice()).unwrap_or_default();
    let names = desk.names();
    if !admins.contains(by) {
        let called: Vec<_> = admins.iter().map(|admin| names.of(admin)).collect();
        return Err(CliError::usage(format!("{} is no admin of this ledger", names.of(by)))
            .hint(format!("ask an admin: {}", called.join(", "))));
    }
    let needed = needed(desk, plan);
    if needed > 1 && flags.output.is_none() && !flags.dry_run {
        return Err(CliError::usage(format!("{needed} admins must sign this"))
            .hint("write it with -o FILE; the others run countersign sign FILE"));
    }
    Ok(())
}

/// Whether the only admin changes what is said of themselves (ATTACKS 18).
fn is_own_judge(desk: &Desk, by: &MemberId, operations: &[Operation]) -> bool {
    let admins = desk.session.view().roster().admins(desk.session.size());
    let is_own = |operation: &Operation| match operation {
        Operation::SetMember(said) => said.member == *by,
        Operation::AddKey(said) => said.member == *by,
        _ => false,
    };
    admins.is_none_or(|set| set.admins.len() == 1) && operations.iter().any(is_own)
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
