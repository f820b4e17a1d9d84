//! Entry 0 with several admins: written out, signed by each, and only then a ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Plan, gate_key, keep, operations};
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, Origin};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{
    Names, Profile, gate_key_file, identity, key_folder, ledger_key_file, write_envelope,
};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{confirm, show_payload, tell};
use crate::cli::operations::in_words;
use crate::cli::ui::{Role, Table};
use crate::config::{
    Configuration, LedgerSettings, RepositoryPlace, RepositorySettings, UserFile, file_name_of,
};
use crate::git::Repository;
use crate::key::KeyId;
use crate::roster::Roster;
use crate::session::{Beginning, Pending, SessionError, begin, judge, sign, sign_again};
use crate::statement::commitment::Opening;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{Genesis, Governance};
use crate::statement::{Says, Statement};
use crate::store::durable;

/// Where a ledger waits whose entry 0 is being signed.
pub(super) fn pending_file(
    configuration: &Configuration,
    origin: &Origin,
) -> Result<PathBuf, CliError> {
    Ok(key_folder(configuration)?.join(format!("{}.beginning", file_name_of(origin))))
}

/// Whether a ledger waits here for its entry 0.
pub(crate) fn waits(context: &Context, origin: &Origin) -> Result<bool, CliError> {
    Ok(pending_file(&context.configuration()?, origin)?.exists())
}

/// Signs entry 0 as the first admin and writes it out. What the ledger will need lies in the
/// user's configuration folder until `submit`; there is no ledger before.
pub(super) fn write(
    context: &mut Context,
    configuration: &Configuration,
    repository: &Repository,
    (plan, beginning): (&Plan, Beginning),
    file: &Path,
) -> Result<ExitStatus, CliError> {
    let gate_key = gate_key(configuration, &plan.origin)?;
    let (operations, openings) = operations(plan, &beginning, &gate_key)?;
    let envelope = sign(&beginning.statement(&plan.people[0].id, operations), &*plan.signer)?;
    let pending = Pending {
        beginning,
        statement: envelope.statement_id(),
        openings,
        folder: plan.folder.clone(),
        repository_folder: identity(repository).common_folder,
        repository: plan.repository.clone(),
    };
    let kept = pending_file(configuration, &plan.origin)?;
    if !pending.create(&kept)? {
        return Err(SessionError::Exists { path: kept }.into());
    }
    if let Err(error) = write_envelope(&context.environment.resolve(file), &envelope) {
        // Without the file nobody can sign: nothing half-made stays.
        durable::remove(&kept).map_err(SessionError::from)?;
        return Err(error);
    }
    if file.as_os_str() == "-" {
        return Ok(ExitStatus::Yes);
    }
    let ui = &mut context.ui;
    ui.json(&serde_json::json!({ "file": file.display().to_string(), "statement":
        envelope.statement_id(), "signed": 1, "needed": plan.admins }));
    ui.lead(Role::Good, "WRITTEN", &format!("{}: entry 0 of {}", file.display(), plan.origin));
    // The file names people by opaque ids: who signs it wants to know who they are.
    let mut table = Table::new(2);
    for person in &plan.people[..plan.admins] {
        table.row(["admin", person.id.as_str(), &person.called()]);
    }
    ui.table(&table);
    ui.paragraph(
        0,
        &format!("There is no ledger yet: {} of {} admins have signed.", 1, plan.admins),
    );
    let next = if plan.admins > 1 {
        "each of the others runs countersign sign"
    } else {
        "countersign submit"
    };
    ui.line(&format!("next: {next} {}", file.display()));
    Ok(ExitStatus::Yes)
}

/// What a genesis says, if a statement is one.
pub(crate) fn of(statement: &Statement) -> Option<(&Genesis, &Governance)> {
    match &statement.says {
        Says::Governance(body) => Some((body.genesis.as_ref()?, body)),
        _ => None,
    }
}

/// The roster that entry 0 makes, and whose each key is that may sign it.
fn first_roster(body: &Governance) -> (Roster, Vec<MemberId>, BTreeMap<KeyId, MemberId>) {
    let mut roster = Roster::default();
    for operation in &body.operations {
        roster.apply(EntryIndex::new(0), Timestamp::default(), operation);
    }
    let size = TreeSize::new(1);
    let admins = roster.admins(size).map(|set| set.admins.clone()).unwrap_or_default();
    let keys = |id: &MemberId| {
        let id = id.clone();
        roster.keys_of(&id, size).into_iter().map(move |key| (key, id.clone()))
    };
    let keys = admins.iter().flat_map(keys).collect();
    (roster, admins, keys)
}

/// Who of the admins has signed.
fn signers(envelope: &Envelope, keys: &BTreeMap<KeyId, MemberId>) -> BTreeSet<MemberId> {
    let owner = |keyid| keys.get(keyid).cloned();
    envelope.signatures().iter().filter_map(|signature| owner(&signature.keyid)).collect()
}

/// How `sign` adds an admin's signature to entry 0, for which no ledger is needed.
pub(crate) fn sign_it(
    context: &mut Context,
    envelope: Envelope,
    statement: &Statement,
    (file, output): (&Path, &Path),
    (dry_run, yes): (bool, bool),
) -> Result<ExitStatus, CliError> {
    let Some((genesis, body)) = of(statement) else {
        return Err(
            CliError::usage("this begins no ledger").hint("sign it with the ledger at hand")
        );
    };
    let (_, admins, keys) = first_roster(body);
    let asks_nothing = yes || dry_run;
    tell(context, asks_nothing, &format!("begins  the ledger {}", genesis.origin));
    tell(context, asks_nothing, &format!("key     {}", genesis.ledger_key));
    for operation in &body.operations {
        tell(context, asks_nothing, &in_words(operation, &Names::default()));
    }
    if dry_run {
        show_payload(context, envelope.payload());
        return Ok(ExitStatus::Yes);
    }
    let before = signers(&envelope, &keys);
    if before.len() == admins.len() {
        return Err(CliError::usage("every admin has signed this already")
            .hint(format!("where it was written: countersign submit {}", file.display())));
    }
    let signer = context.signer(Some(&keys.keys().copied().collect::<BTreeSet<_>>().into()))?;
    if let Some(owner) = keys.get(&signer.public_key().fingerprint()) {
        if before.contains(owner) {
            return Err(CliError::usage(format!("{owner} has signed this already"))
                .hint("the other admins sign it, each in turn"));
        }
        tell(context, asks_nothing, &format!("you are the admin {owner}"));
    }
    confirm(context, yes, "Sign this?")?;
    let envelope = sign_again(envelope, &*signer)?;
    write_envelope(&context.environment.resolve(output), &envelope)?;
    if output.as_os_str() == "-" {
        return Ok(ExitStatus::Yes);
    }
    let (count, needed) = (signers(&envelope, &keys).len(), admins.len());
    context.ui.json(&serde_json::json!({ "signed": count, "needed": needed }));
    context.ui.lead(Role::Good, "SIGNED", &format!("{count} of {needed} admins"));
    let next = if count < needed {
        format!("another admin runs countersign sign {}", output.display())
    } else {
        format!("where it was written: countersign submit {}", output.display())
    };
    context.ui.line(&format!("next: {next}"));
    Ok(ExitStatus::Yes)
}

/// What was begun, as an answer.
#[derive(Serialize)]
struct Report {
    origin: Origin,
    folder: String,
    admins: Vec<MemberId>,
    threshold: u32,
    members: usize,
    trust_root: ContentDigest,
    trust_root_file: String,
}

/// How `submit` begins the ledger: all signatures are there and good, or nothing is made.
pub(crate) fn submit(
    context: &mut Context,
    envelope: &Envelope,
    statement: &Statement,
) -> Result<ExitStatus, CliError> {
    let Some((genesis, body)) = of(statement) else {
        return Err(CliError::usage("this begins no ledger").hint("hand it in with a ledger"));
    };
    let configuration = context.configuration()?;
    let origin = &genesis.origin;
    let file = pending_file(&configuration, origin)?;
    let Some(pending) = Pending::read(&file)? else {
        return Err(CliError::usage(format!("no init of {origin} waits on this machine"))
            .hint("hand it in where countersign init -o wrote it: the ledger's key is there"));
    };
    if pending.statement != envelope.statement_id() {
        return Err(CliError::usage(format!("this is another entry 0 than {origin} waits for"))
            .hint("hand in the file that the last countersign init -o wrote")
            .hint(format!("to begin anew, remove {}", file.display())));
    }
    let (roster, admins, keys) = first_roster(body);
    let names = names(&roster, &pending.openings);
    let signed = signers(envelope, &keys);
    let mut missing: Vec<_> =
        admins.iter().filter(|id| !signed.contains(*id)).map(|id| names.of(id)).collect();
    if !missing.is_empty() {
        missing.sort_unstable();
        let message = format!("not every admin has signed yet; missing: {}", missing.join(", "));
        return Err(CliError::usage(message).hint("they run countersign sign FILE, each in turn"));
    }
    let now = context.now();
    judge(envelope, now)?;
    let mut settings = UserFile::open(configuration.places())?;
    settings.add_ledger(origin, LedgerSettings::default())?;
    settings.add_repository(RepositorySettings {
        place: RepositoryPlace::Path(pending.repository_folder.clone()),
        ledger: origin.clone(),
        name: pending.repository.clone(),
    })?;
    keep(&pending.folder, &pending.openings)?;
    let key_file = ledger_key_file(&configuration, origin)?;
    let by: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.keyid).collect();
    let folder = pending.folder.clone();
    let root = begin(&pending.beginning, &folder, &key_file, envelope, &by, now)?;
    let trust_file = configuration.pin_trust_root(&root, false)?;
    settings.save()?;
    durable::remove(&file).map_err(SessionError::from)?;
    let size = TreeSize::new(1);
    let report = Report {
        origin: origin.clone(),
        folder: folder.display().to_string(),
        threshold: roster.admins(size).map_or(0, |set| set.threshold),
        members: roster.members(size).count(),
        trust_root: root.digest(),
        trust_root_file: trust_file.display().to_string(),
        admins,
    };
    print(context, &configuration, &report, &names)
}

fn print(
    context: &mut Context,
    configuration: &Configuration,
    report: &Report,
    names: &Names,
) -> Result<ExitStatus, CliError> {
    let key = ledger_key_file(configuration, &report.origin)?.path().display().to_string();
    let gate = gate_key_file(configuration, &report.origin)?.display().to_string();
    let mut table = Table::new(2);
    table.row(["ledger", &report.folder]);
    table.row(["its key", &key]);
    table.row(["gate key", &gate]);
    let mut called: Vec<_> = report.admins.iter().map(|id| names.of(id)).collect();
    called.sort_unstable();
    table.row(["admins", &format!("{}; {} must sign", called.join(", "), report.threshold)]);
    table.row(["trust root", &report.trust_root.to_string()]);
    table.row(["", &report.trust_root_file]);
    let ui = &mut context.ui;
    ui.json(report);
    ui.lead(Role::Good, "BEGUN", &format!("the ledger {}", report.origin));
    ui.table(&table);
    ui.blank();
    ui.paragraph(
        0,
        "This is for one trusted host: who can write the ledger and its key can rewrite both. \
         Read the trust root's digest out to the others, who pin the file with it.",
    );
    ui.line("next: countersign status");
    Ok(ExitStatus::Yes)
}

/// What people are called, out of openings that no ledger holds yet.
fn names(roster: &Roster, openings: &[Opening]) -> Names {
    let called = |profile| {
        let opening = openings.iter().find(|opening| opening.commitment() == Some(profile))?;
        Some(serde_json::from_str::<Profile>(opening.value()).ok()?.name)
    };
    let members = roster.members(TreeSize::new(1));
    let named = members.filter_map(|member| Some((member.id.clone(), called(member.profile?)?)));
    Names::from(named.filter(|(_, name)| !name.is_empty()).collect::<BTreeMap<_, _>>())
}
