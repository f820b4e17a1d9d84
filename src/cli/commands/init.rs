//! `init`: a ledger for this repository, with a first roster, policy and baseline.

pub(super) mod allowed;
pub(super) mod genesis;
mod people;
mod place;
mod report;

use std::path::{Path, PathBuf};

use self::people::OtherAdmin;
use crate::base::limits::FREE_TEXT_BYTES_MAX;
use crate::base::name::{MemberId, Origin, ReferenceName, RepositoryName, ServiceName};
use crate::cli::Context;
use crate::cli::address::ON_ITS_MACHINE;
use crate::cli::desk::{Profile, gate_key_file, identity, ledger_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{confirm, show_statement, tell};
use crate::cli::people::Person;
use crate::cli::report::few_admins_of;
use crate::config::{
    Configuration, LedgerSettings, RepositoryPlace, RepositorySettings, Resolved, Source, UserFile,
};
use crate::git::Repository;
use crate::key::{PublicKey, SeedSigner, Signer};
use crate::policy::Policy;
use crate::session::{Beginning, LedgerFolder, SessionError, begin, random, sign};
use crate::signer::{ChooseError, KeyFile, choose, generate, list};
use crate::statement::commitment::Opening;
use crate::statement::governance::{Accepted, Operation, SetAdmins, SetBaseline, SetPolicy};
use crate::statement::words::{Duty, MemberKind};
use crate::store::durable;
use crate::verify::trust::TrustRoot;

/// Begin a ledger for this repository
///
/// Makes the ledger, its key, a key for the gate, a five-line policy that observes and refuses
/// nothing, and a baseline at the present commit. You become its admin; the people of git's
/// allowed signers become reviewers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Needs no flags where git signs with SSH.\n\nExamples:\n  \
    countersign init\n  countersign init --service shop --branch main\n  \
    countersign init --from-nothing\n  \
    countersign init --admin 'Ben Ito <ben@shop.example>=ben.pub' -o genesis.json\n\n\
    With other admins each of them signs entry 0 before there is a ledger:\n  \
    countersign sign genesis.json, and here at last countersign submit genesis.json.")]
pub(crate) struct Args {
    /// Name of the ledger [default: host and path of the remote]
    #[arg(long)]
    origin: Option<Origin>,
    /// Name of the service [default: as the repository]
    #[arg(long)]
    service: Option<ServiceName>,
    /// Name of the repository [default: last part of the origin]
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    /// The branch that production is built from [default: the remote's, or the present one]
    #[arg(long, value_name = "REF")]
    branch: Option<String>,
    /// Accept nothing as a start: every commit needs its sign-offs
    #[arg(long)]
    from_nothing: bool,
    /// Another first admin: ADDRESS=FILE.pub, or 'NAME <ADDRESS>=FILE.pub'
    #[arg(long = "admin", value_name = "WHO=FILE")]
    admins: Vec<OtherAdmin>,
    /// How many admins must sign governance [default: 2 where there are others, else 1]
    #[arg(long, value_name = "COUNT")]
    threshold: Option<u32>,
    /// Write entry 0 to FILE for the other admins to sign, and begin nothing yet
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the exact statement and make nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

/// What is to be made.
struct Plan {
    origin: Origin,
    repository: RepositoryName,
    service: ServiceName,
    branch: ReferenceName,
    accepted: Accepted,
    folder: PathBuf,
    /// The admins first, you before the others, then who else signs.
    people: Vec<Person>,
    /// How many of them are admins.
    admins: usize,
    threshold: u32,
    /// People or lines of the list of allowed signers that are left out.
    left_out: usize,
    signer: Box<dyn Signer>,
    why_key: String,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    context.need_own_folder("init", ON_ITS_MACHINE)?;
    let configuration = context.configuration()?;
    let repository = context.repository()?;
    let plan = plan(context, &configuration, &repository, args)?;
    let beginning = Beginning::new(&plan.origin)?;
    if args.dry_run {
        let stand_in = SeedSigner::from_seed(&random(), "").map_err(|error| own(&error))?;
        let (operations, _) = operations(&plan, &beginning, stand_in.public_key())?;
        show_statement(context, &beginning.statement(&plan.people[0].id, operations))?;
        context.ui.note("nothing was made; ids, salts and the keys of ledger and gate are new");
        context.ui.note("each time");
        return Ok(ExitStatus::Yes);
    }
    let key = plan.signer.public_key().fingerprint();
    let start = match &plan.accepted {
        Accepted::Nothing => "nothing".to_owned(),
        Accepted::UpTo(revision) => revision.short().to_string(),
    };
    for (name, value) in [
        ("ledger", plan.origin.to_string()),
        ("admin", format!("you, {}", plan.people[0].called())),
        ("key", key.to_string()),
        ("baseline", start),
    ] {
        tell(context, args.yes, &format!("{name:<9} {value}"));
    }
    for admin in &plan.people[1..plan.admins] {
        let line = format!("admin     {}: {}", admin.called(), admin.keys[0].fingerprint());
        tell(context, args.yes, &line);
    }
    if plan.admins > 1 {
        let line = format!("threshold {} of {} admins must sign", plan.threshold, plan.admins);
        tell(context, args.yes, &line);
        // Told while it can still be changed: later it takes the key that was lost.
        if let Some(few) = few_admins_of(plan.admins, plan.threshold) {
            context.ui.warn(&few);
        }
    }
    // The list of allowed signers may lie in the tree that is judged (ATTACKS 4): whom it names
    // is told, key by key, before anything is signed.
    for person in &plan.people[plan.admins..] {
        let keys: Vec<_> = person.keys.iter().map(|key| key.fingerprint().to_string()).collect();
        let line = format!("reviewer  {}: {}", person.called(), keys.join(", "));
        tell(context, args.yes, &line);
    }
    if let Some(file) = &args.output {
        confirm(context, args.yes, "Sign entry 0?")?;
        return genesis::write(context, &configuration, &repository, (&plan, beginning), file);
    }
    confirm(context, args.yes, "Begin it?")?;
    let (root, trust_file) = make(context, &configuration, &repository, &plan, &beginning)?;
    report::report(context, &configuration, &plan, &root, trust_file)
}

fn own(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::from_error(ErrorKind::Integrity, error)
}

fn plan(
    context: &mut Context,
    configuration: &Configuration,
    repository: &Repository,
    args: &Args,
) -> Result<Plan, CliError> {
    if let Some(known) = configuration.repository(&identity(repository)) {
        let message = format!("this repository has its ledger already: {}", known.value.ledger);
        return Err(CliError::usage(message).hint("see it: countersign status"));
    }
    let folder_name = place::folder_name(repository);
    let remote = repository.remote_url("origin");
    let origin = match &args.origin {
        Some(origin) => origin.clone(),
        None => match remote.as_deref().and_then(place::origin_of_url) {
            Some(origin) => origin,
            None => Origin::new(format!("localhost/{folder_name}")).map_err(|error| own(&error))?,
        },
    };
    let folder = configuration.ledger(None).ok().and_then(|choice| {
        let named = choice.value.origin.as_ref() == Some(&origin);
        choice.value.folder.filter(|_| named)
    });
    let folder = folder
        .or_else(|| configuration.places().ledger_folder(&origin))
        .ok_or_else(|| CliError::usage("there is no home folder to keep a ledger in"))?;
    refuse_existing(configuration, repository, &origin, &folder)?;
    let last = origin.as_str().rsplit('/').next().unwrap_or(&folder_name);
    let name = place::plain_name(last);
    let repository_name = match &args.repository {
        Some(name) => name.clone(),
        None => RepositoryName::new(name.clone()).map_err(|error| own(&error))?,
    };
    let service = match &args.service {
        Some(service) => service.clone(),
        None => ServiceName::new(name).map_err(|error| own(&error))?,
    };
    let branch = place::main_branch(repository, args.branch.as_deref())?;
    let accepted =
        if args.from_nothing { Accepted::Nothing } else { place::start(repository, &branch)? };
    let (signer, why_key) = key(context)?;
    let (people, left_out) =
        people::people(context, repository, signer.public_key(), &args.admins)?;
    let repository = repository_name;
    let (admins, threshold) = admins(args)?;
    Ok(Plan {
        origin,
        repository,
        service,
        branch,
        accepted,
        folder,
        people,
        admins,
        threshold,
        left_out,
        signer,
        why_key,
    })
}

/// How many admins there are, and how many of them must sign.
fn admins(args: &Args) -> Result<(usize, u32), CliError> {
    let count = args.admins.len() + 1;
    let all = u32::try_from(count).unwrap_or(u32::MAX);
    if count > 1 && args.output.is_none() && !args.dry_run {
        return Err(CliError::usage("every admin signs entry 0 before there is a ledger")
            .hint("write it with -o genesis.json; the others run countersign sign genesis.json"));
    }
    let threshold = args.threshold.unwrap_or(all.min(2));
    if (1..=all).contains(&threshold) {
        Ok((count, threshold))
    } else {
        let message = format!("{threshold} of {count} admins cannot sign");
        Err(CliError::usage(message).hint(format!("--threshold is from 1 to {count}")))
    }
}

/// Refuses where that ledger has begun already, here or elsewhere. What an attempt that stopped
/// half-way left is named file by file: whether it is no more than that, only a person knows.
fn refuse_existing(
    configuration: &Configuration,
    repository: &Repository,
    origin: &Origin,
    folder: &Path,
) -> Result<(), CliError> {
    let another = "give this one another name: countersign init --origin NAME";
    let pending = genesis::pending_file(configuration, origin)?;
    if pending.exists() {
        let message = format!("entry 0 of {origin} is being signed already");
        return Err(CliError::usage(message)
            .hint("once every admin has signed the file: countersign submit FILE")
            .hint(format!("to begin anew, remove {}", pending.display())));
    }
    let exists = LedgerFolder::new(folder).exists().map_err(SessionError::from)?;
    let key = ledger_key_file(configuration, origin)?.path().to_owned();
    if configuration.trust_root(Some(origin)).is_ok() {
        if exists && !is_in_settings(configuration, origin)? {
            let message = format!("an init of {origin} stopped before it wrote the settings");
            return Err(CliError::usage(message)
                .hint(format!(
                    "add to {}: [[repository]], and under it path = \"{}\", ledger = \"{origin}\", \
                     name = \"{}\", each on a line",
                    configuration.places().user_file().unwrap_or_default().display(),
                    identity(repository).common_folder.display(),
                    place::plain_name(origin.as_str().rsplit('/').next().unwrap_or_default()),
                ))
                .hint(format!("until then name it: --ledger {origin}")));
        }
        let message = if exists {
            format!("there is a ledger {origin} on this machine already")
        } else {
            format!("a trust root is pinned for {origin}: somebody began that ledger")
        };
        return Err(CliError::usage(message).hint(another));
    }
    if exists {
        let message = format!("there is a ledger {origin} already, without a trust root");
        return Err(CliError::usage(message)
            .hint("if somebody uses it: pin its trust root with countersign trust pin FILE")
            .hint(format!(
                "if an init stopped half-way: remove {} and {}, then countersign init",
                folder.display(),
                key.display()
            )));
    }
    if key.exists() {
        let message = format!("there is a key of a ledger {origin} already, and no ledger");
        return Err(CliError::usage(message)
            .hint(format!(
                "if an init stopped half-way: remove {}, then countersign init",
                key.display()
            ))
            .hint(format!("if the ledger is elsewhere, {another}")));
    }
    Ok(())
}

fn is_in_settings(configuration: &Configuration, origin: &Origin) -> Result<bool, CliError> {
    let settings = UserFile::open(configuration.places())?;
    Ok(settings.settings().ledgers.contains_key(origin))
}

/// The admin's key, and why it is that one.
fn key(context: &mut Context) -> Result<(Box<dyn Signer>, String), CliError> {
    let sources = context.key_sources()?;
    let chosen = list(&sources, None).into_iter().find(|row| row.chosen);
    let why = chosen.map(|row| format!("{} ({})", row.candidate.place, row.reason));
    let why = why.unwrap_or_default();
    let ui = &mut context.ui;
    let mut prompt = |question: &str| ui.prompt_secret(question);
    match choose(&sources, None, &mut prompt) {
        Ok(signer) => Ok((signer, why)),
        Err(ChooseError::None) => Err(CliError::usage("there is no key to sign with")
            .hint("make one: countersign key generate")),
        Err(error @ ChooseError::Ambiguous { .. }) => {
            let error = CliError::from(error);
            Err(error.hint("for example: countersign init --key ~/.ssh/id_ed25519"))
        }
        Err(error) => Err(error.into()),
    }
}

/// What entry 0 does, and the openings that must be kept before it.
fn operations(
    plan: &Plan,
    beginning: &Beginning,
    gate_key: &PublicKey,
) -> Result<(Vec<Operation>, Vec<Opening>), CliError> {
    let gate = Person {
        id: MemberId::new("gate").map_err(|error| own(&error))?,
        keys: vec![gate_key.clone()],
        ..Person::new(MemberKind::Service, Profile::default(), &[Duty::Decide, Duty::Deploy])
    };
    let (mut operations, mut openings) = (Vec::new(), Vec::new());
    for person in plan.people.iter().chain([&gate]) {
        let (operation, opening) = person.set_member(beginning.salt())?;
        operations.push(Operation::SetMember(operation));
        operations.extend(person.add_keys());
        openings.extend(opening);
    }
    let mut admins: Vec<_> =
        plan.people[..plan.admins].iter().map(|person| person.id.clone()).collect();
    admins.sort_unstable();
    operations.push(Operation::SetAdmins(SetAdmins { admins, threshold: plan.threshold }));
    let text = Policy::starter(&plan.service, &plan.repository, &plan.branch);
    let policy = Policy::parse(&text).map_err(|error| own(&error))?;
    operations.push(Operation::SetPolicy(SetPolicy { text }));
    let environment = policy.environments().first().map(|environment| environment.name.clone());
    operations.extend(environment.map(|environment| {
        Operation::SetBaseline(SetBaseline {
            service: plan.service.clone(),
            environment,
            accepted: plan.accepted.clone(),
            replaces: None,
            reason: None,
        })
    }));
    Ok((operations, openings))
}

/// Makes everything, the ledger last but for the settings: an attempt that stopped half-way is
/// taken up again by the same command.
fn make(
    context: &mut Context,
    configuration: &Configuration,
    repository: &Repository,
    plan: &Plan,
    beginning: &Beginning,
) -> Result<(TrustRoot, PathBuf), CliError> {
    let mut settings = UserFile::open(configuration.places())?;
    settings.add_ledger(&plan.origin, LedgerSettings::default())?;
    settings.add_repository(RepositorySettings {
        place: RepositoryPlace::Path(identity(repository).common_folder),
        ledger: plan.origin.clone(),
        name: plan.repository.clone(),
    })?;
    // Who names a key by hand has several: the next command would take another, or none.
    if settings.settings().key.is_none()
        && let Some(Resolved { value, source: Source::Flag(_) }) = configuration.key()?
    {
        settings.set_key(value);
    }
    let gate_key = gate_key(configuration, &plan.origin)?;
    let (operations, openings) = operations(plan, beginning, &gate_key)?;
    let statement = beginning.statement(&plan.people[0].id, operations);
    let envelope = sign(&statement, &*plan.signer)?;
    keep(&plan.folder, &openings)?;
    let key_file = ledger_key_file(configuration, &plan.origin)?;
    let admins = [plan.signer.public_key().fingerprint()];
    let root = begin(beginning, &plan.folder, &key_file, &envelope, &admins, context.now())?;
    let trust_file = configuration.pin_trust_root(&root, false)?;
    settings.save()?;
    Ok((root, trust_file))
}

fn keep(folder: &Path, openings: &[Opening]) -> Result<(), CliError> {
    debug_assert!(openings.iter().all(|opening| opening.value().len() <= FREE_TEXT_BYTES_MAX));
    durable::create_folder(folder).map_err(SessionError::from)?;
    let kept = crate::blobs::openings::Openings::new(folder);
    for opening in openings {
        kept.put(opening).map_err(SessionError::from)?;
    }
    Ok(())
}

/// The gate's key: made, or the one that an attempt before this one left.
fn gate_key(configuration: &Configuration, origin: &Origin) -> Result<PublicKey, CliError> {
    let path = gate_key_file(configuration, origin)?;
    if path.exists() {
        let signer = KeyFile::read(&path)?.unlock(&mut |_| None)?;
        return Ok(signer.public_key().clone());
    }
    if let Some(folder) = path.parent() {
        durable::create_folder(folder).map_err(SessionError::from)?;
    }
    Ok(generate(&path, &format!("gate of {origin}"), None)?)
}
