//! `show`: one entry, whole.

use serde::Serialize;
use serde_json::Value;

use super::log::entry_number;
use crate::base::digest::{ChangeHash, LeafHash, StatementId};
use crate::base::name::MemberId;
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::said;
use crate::cli::time::{date, rfc3339};
use crate::cli::ui::{Table, Ui};
use crate::key::KeyId;
use crate::ledger::leaf::Leaf;
use crate::ledger::topics;
use crate::roster::KeyStanding;
use crate::session::SessionError;
use crate::session::check::commitments;
use crate::statement::Says;
use crate::statement::approval::Approval;
use crate::statement::governance::Operation;
use crate::verify::VerifiedEntry;

/// Show one entry of the ledger whole
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign show 42\n  countersign show '#42' --json\n  \
    countersign show 42 --payload")]
pub(crate) struct Args {
    /// The entry: 42 or #42
    #[arg(value_name = "ENTRY", value_parser = entry_number)]
    entry: u64,
    /// Write the signed bytes, exactly
    #[arg(long, conflicts_with_all = ["envelope", "leaf"])]
    payload: bool,
    /// Write the envelope, exactly as the ledger holds it
    #[arg(long, conflicts_with = "leaf")]
    envelope: bool,
    /// Write the leaf, exactly
    #[arg(long)]
    leaf: bool,
}

/// An entry, whole.
#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) entry: EntryIndex,
    pub(in crate::cli) leaf: LeafHash,
    pub(in crate::cli) prev: LeafHash,
    pub(in crate::cli) statement: StatementId,
    pub(in crate::cli) time: String,
    pub(in crate::cli) time_ms: u64,
    pub(in crate::cli) kind: &'static str,
    pub(in crate::cli) by: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) says: String,
    pub(in crate::cli) signatures: Vec<Signature>,
    pub(in crate::cli) seen: Option<TreeSize>,
    pub(in crate::cli) openings: Vec<Opened>,
    pub(in crate::cli) related: Vec<Related>,
    pub(in crate::cli) payload: Value,
}

/// A signature, and what became of its key.
#[derive(Serialize)]
pub(in crate::cli) struct Signature {
    pub(in crate::cli) key: KeyId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) owner: Option<MemberId>,
    pub(in crate::cli) presence: &'static str,
    pub(in crate::cli) standing: &'static str,
}

/// A commitment, and its text where it was not withheld.
#[derive(Serialize)]
pub(in crate::cli) struct Opened {
    pub(in crate::cli) what: String,
    pub(in crate::cli) text: Option<String>,
}

/// Another entry that has to do with this one.
#[derive(Serialize)]
pub(in crate::cli) struct Related {
    pub(in crate::cli) entry: EntryIndex,
    pub(in crate::cli) how: String,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("show")?;
    let index = EntryIndex::new(args.entry);
    let entry = desk.session.entry(index)?;
    if args.payload {
        context.ui.document(entry.envelope().payload());
        return Ok(ExitStatus::Yes);
    }
    if args.envelope {
        context.ui.document(&entry.envelope().to_canonical());
        return Ok(ExitStatus::Yes);
    }
    let leaf = desk.session.leaf(index)?;
    if args.leaf {
        context.ui.document(&leaf);
        return Ok(ExitStatus::Yes);
    }
    let names = desk.names();
    let answer = answer(&desk, &names, &entry, &leaf)?;
    print(&mut context.ui, &desk, &names, &entry, &answer);
    Ok(ExitStatus::Yes)
}

/// An entry with its signatures, its words and what has to do with it. `leaf` are its bytes.
///
/// # Errors
/// Where the ledger cannot be read, or does not verify.
pub(in crate::cli) fn answer(
    desk: &Desk,
    names: &Names,
    entry: &VerifiedEntry,
    leaf: &[u8],
) -> Result<Answer, CliError> {
    let leaf = Leaf::parse(leaf).map_err(|e| CliError::from_error(ErrorKind::Integrity, &e))?;
    let payload = serde_json::from_slice(entry.envelope().payload())
        .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
    let openings = desk.session.openings();
    let mut opened = Vec::new();
    for (what, commitment) in commitments(entry.statement()) {
        let text = openings.text(commitment).map_err(SessionError::from)?;
        opened.push(Opened { what, text });
    }
    Ok(Answer {
        entry: entry.index(),
        leaf: entry.entry().leaf,
        prev: leaf.prev(),
        statement: entry.id(),
        time: rfc3339(entry.time()),
        time_ms: entry.time().milliseconds(),
        kind: entry.statement().says.kind(),
        by: entry.by().clone(),
        name: names.all().get(entry.by()).cloned(),
        says: said::words(entry, desk.session.view(), names),
        signatures: signatures(desk, entry),
        seen: entry.statement().seen.map(|seen| seen.size),
        openings: opened,
        related: related(desk, entry)?,
        payload,
    })
}

fn signatures(desk: &Desk, entry: &VerifiedEntry) -> Vec<Signature> {
    let roster = desk.session.view().roster();
    let size = desk.session.size();
    let one = |key: &KeyId| Signature {
        key: *key,
        owner: roster.key(key).and_then(|record| record.owner(entry.index().size_after())).cloned(),
        presence: said::touch(entry.presence()),
        // The keys of entry 0 are enrolled by entry 0 itself.
        standing: match roster.standing(key, entry.index(), size) {
            _ if entry.index().get() == 0 => "good",
            KeyStanding::Good => "good",
            KeyStanding::NotValid => "not in force",
            KeyStanding::Leaked => "leaked since: gives no permission",
        },
    };
    entry.keys().iter().map(one).collect()
}

/// What later entries make of this one, and which earlier ones it names.
fn related(desk: &Desk, entry: &VerifiedEntry) -> Result<Vec<Related>, CliError> {
    let session = &desk.session;
    let mut found = Vec::new();
    let mut add = |entry: EntryIndex, how: &str| {
        found.push(Related { entry, how: how.to_owned() });
    };
    match &entry.statement().says {
        Says::Approval(body) => of_approval(desk, entry, body, &mut add)?,
        Says::Decision(body) => {
            body.start.iter().for_each(|start| add(*start, "the settled point it starts from"));
            add(body.policy, "the policy in force");
            for other in session.entries_under([topics::place(&body.service, &body.environment)])? {
                if body.overrides.contains(&other.id()) {
                    add(other.index(), "an override by which it may go ahead");
                }
                let Says::Deployment(later) = &other.statement().says else { continue };
                if later.decision == Some(entry.id()) {
                    add(other.index(), "the deployment that rests on it");
                }
            }
        }
        Says::Deployment(body) => {
            for other in session.entries_under([topics::place(&body.service, &body.environment)])? {
                if body.overrides.contains(&other.id()) {
                    add(other.index(), "an override it rests on");
                } else if Some(other.id()) == body.decision {
                    add(other.index(), "the decision it rests on");
                } else if Some(other.id()) == body.started {
                    add(other.index(), "the start whose outcome this is");
                } else if matches!(&other.statement().says, Says::Deployment(later)
                    if later.started == Some(entry.id()))
                {
                    add(other.index(), "its outcome");
                }
            }
        }
        Says::Override(body) => {
            for other in session.entries_under([topics::place(&body.service, &body.environment)])? {
                let rests = match &other.statement().says {
                    Says::Decision(later) => later.overrides.contains(&entry.id()),
                    Says::Deployment(later) => later.overrides.contains(&entry.id()),
                    _ => false,
                };
                if rests {
                    add(other.index(), "rests on it");
                }
            }
        }
        Says::Governance(_) | Says::Change(_) | Says::Landed(_) | Says::Build(_) => {}
    }
    Ok(found)
}

/// What takes an approval back or lifts it, and what its author said of the same later.
fn of_approval(
    desk: &Desk,
    entry: &VerifiedEntry,
    body: &Approval,
    add: &mut impl FnMut(EntryIndex, &str),
) -> Result<(), CliError> {
    let session = &desk.session;
    if let Some(withdrawn) = body.withdraws {
        add(withdrawn.index, "what it takes back");
    }
    let topics = body.rows.iter().map(|row| match row.repository {
        Some(_) => topics::change(ChangeHash::from_bytes(*row.hash.as_bytes())),
        None => topics::artifact(row.hash),
    });
    for other in session.entries_under(topics)? {
        let Says::Approval(later) = &other.statement().says else { continue };
        if later.withdraws == Some(entry.entry()) {
            add(other.index(), "withdraws it");
        } else if other.index() > entry.index() && other.by() == entry.by() {
            add(other.index(), "a later word of the same member on it");
        }
    }
    for index in session.indexes_under(topics::governance())? {
        let Says::Governance(body) = session.entry(index)?.statement().says.clone() else {
            continue;
        };
        let lifts = |operation: &Operation| match operation {
            Operation::Lift(lift) => lift.entry == entry.entry(),
            _ => false,
        };
        if body.operations.iter().any(lifts) {
            add(index, "lifts it");
        }
    }
    Ok(())
}

fn print(ui: &mut Ui, desk: &Desk, names: &Names, entry: &VerifiedEntry, answer: &Answer) {
    let kind = said::kind(&entry.statement().says);
    ui.line(&format!("Entry {}: {kind} by {}", answer.entry, names.of(&answer.by)));
    ui.paragraph(2, &answer.says);
    let mut table = Table::new(2);
    table.row(["time", date(entry.time()).as_str()]);
    table.row(["leaf", answer.leaf.to_string().as_str()]);
    table.row(["prev", answer.prev.to_string().as_str()]);
    table.row(["identity", answer.statement.to_string().as_str()]);
    for (number, signature) in answer.signatures.iter().enumerate() {
        let owner = signature.owner.as_ref().map(|id| names.of(id)).unwrap_or_default();
        let text = format!(
            "{} of {owner}, {}, key {}",
            signature.key, signature.presence, signature.standing
        );
        table.row([if number == 0 { "signed" } else { "" }, text.as_str()]);
    }
    if let Some(seen) = answer.seen {
        table.row(["seen", format!("the ledger at {seen} entries").as_str()]);
    }
    if let Says::Override(said) = &entry.statement().says {
        let lasts = format!("from {} until {}", date(said.claimed), date(said.expires));
        table.row(["lasts", lasts.as_str()]);
        if let Some(incident) = &said.incident {
            table.row(["incident", incident.as_str()]);
        }
    }
    ui.table(&table);
    if let Says::Governance(body) = &entry.statement().says
        && body.operations.len() > 1
    {
        for operation in &body.operations {
            let text = said::operation(entry, operation, desk.session.view(), names);
            ui.paragraph(4, &text);
        }
    }
    for opened in &answer.openings {
        let text = opened.text.as_deref().unwrap_or("(withheld)");
        ui.paragraph(2, &format!("{}: {text}", opened.what));
    }
    for related in &answer.related {
        ui.paragraph(2, &format!("entry {}: {}", related.entry, related.how));
    }
    ui.line(&format!("the signed bytes: countersign show {} --payload", answer.entry));
    ui.json(answer);
}
