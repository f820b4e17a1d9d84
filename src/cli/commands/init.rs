//! `init`: a ledger for this repository, with a first roster, policy and baseline.

mod allowed;
mod place;

use std::path::PathBuf;

use serde::Serialize;

use crate::base::digest::ContentDigest;
use crate::base::limits::FREE_TEXT_BYTES_MAX;
use crate::base::name::{MemberId, Origin, ReferenceName, RepositoryName, ServiceName};
use crate::cli::Context;
use crate::cli::desk::{Profile, gate_key_file, identity, ledger_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{SigningFlags, confirm, show_statement};
use crate::cli::people::Person;
use crate::cli::ui::{Role, Table};
use crate::config::{Configuration, LedgerSettings, RepositoryPlace, RepositorySettings, UserFile};
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

/// People of the list of allowed signers that entry 0 has room for; the others are added later.
const FIRST_PEOPLE_MAX: usize = 40;
/// Bytes of a list of allowed signers that are read.
const ALLOWED_SIGNERS_BYTES_MAX: usize = 1024 * 1024;

/// Begin a ledger for this repository
///
/// Makes the ledger, its key, a key for the gate, a five-line policy that observes and refuses
/// nothing, and a baseline at the present commit. You become its admin; the people of git's
/// allowed signers become reviewers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Needs no flags where git signs with SSH.\n\nExamples:\n  \
    countersign init\n  countersign init --service shop --branch main\n  \
    countersign init --from-nothing")]
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
    /// The admin first, then the others.
    people: Vec<Person>,
    /// People or lines of the list of allowed signers that are left out.
    left_out: usize,
    signer: Box<dyn Signer>,
    why_key: String,
}

/// What was made, as an answer.
#[derive(Serialize)]
struct Report<'a> {
    origin: &'a str,
    repository: &'a str,
    service: &'a str,
    branch: &'a str,
    baseline: String,
    folder: String,
    ledger_key_file: String,
    gate_key_file: String,
    admin: &'a MemberId,
    key: String,
    members: usize,
    trust_root: ContentDigest,
    trust_root_file: String,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
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
    let asked = format!(
        "Begin the ledger {} with you, {}, as its admin?",
        plan.origin,
        plan.people[0].called()
    );
    let flags = SigningFlags { yes: args.yes, ..SigningFlags::default() };
    confirm(context, flags.yes, &asked)?;
    let (root, trust_file) = make(context, &configuration, &repository, &plan, &beginning)?;
    report(context, &configuration, &plan, &root, trust_file)
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
    refuse_existing(configuration, &origin, &folder)?;
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
    let accepted = match args.from_nothing {
        true => Accepted::Nothing,
        false => place::start(repository, &branch)?,
    };
    let (signer, why_key) = key(context)?;
    let (people, left_out) = people(context, repository, signer.public_key())?;
    let repository = repository_name;
    Ok(Plan {
        origin,
        repository,
        service,
        branch,
        accepted,
        folder,
        people,
        left_out,
        signer,
        why_key,
    })
}

fn refuse_existing(
    configuration: &Configuration,
    origin: &Origin,
    folder: &std::path::Path,
) -> Result<(), CliError> {
    if LedgerFolder::new(folder).exists() {
        return Err(CliError::usage(format!("there is a ledger {origin} on this machine already"))
            .hint("give this one another name: countersign init --origin NAME"));
    }
    if configuration.trust_root(Some(origin)).is_ok() {
        let message = format!("a trust root is pinned for {origin}: somebody began that ledger");
        return Err(CliError::usage(message)
            .hint("give this one another name: countersign init --origin NAME"));
    }
    Ok(())
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

/// The admin as git's settings say, and the people of its list of allowed signers.
fn people(
    context: &Context,
    repository: &Repository,
    key: &PublicKey,
) -> Result<(Vec<Person>, usize), CliError> {
    let email = repository.config_string("user.email").filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| {
        CliError::usage("git does not know your e-mail address")
            .hint("git config --global user.email YOU@EXAMPLE.ORG")
    })?;
    let name = repository.config_string("user.name").or_else(|| context.environment.user.clone());
    let profile =
        Profile { name: name.unwrap_or_default(), emails: vec![email], handles: Vec::new() };
    let duties = [Duty::Review, Duty::Deploy, Duty::Override];
    let mut admin = Person::new(MemberKind::Human, profile, &duties);
    admin.keys.push(key.clone());
    let mut people = vec![admin];
    let (lines, mut left_out) = allowed_signers(context, repository)?;
    for line in lines {
        let is_same = |person: &&mut Person| {
            let same = |email: &String| {
                person.profile.emails.iter().any(|known| known.eq_ignore_ascii_case(email))
            };
            person.keys.contains(&line.key) || line.emails.iter().any(same)
        };
        let is_full = people.len() > FIRST_PEOPLE_MAX;
        match people.iter_mut().find(is_same) {
            Some(person) => add_to(person, line),
            None if is_full => left_out += 1,
            None => {
                let name = line.emails[0].split('@').next().unwrap_or_default().to_owned();
                let profile = Profile { name, emails: Vec::new(), handles: Vec::new() };
                let mut person = Person::new(MemberKind::Human, profile, &[Duty::Review]);
                add_to(&mut person, line);
                people.push(person);
            }
        }
    }
    Ok((people, left_out))
}

fn add_to(person: &mut Person, line: allowed::Allowed) {
    for email in line.emails {
        if !person.profile.emails.iter().any(|known| known.eq_ignore_ascii_case(&email)) {
            person.profile.emails.push(email);
        }
    }
    if !person.keys.contains(&line.key) {
        person.keys.push(line.key);
    }
}

fn allowed_signers(
    context: &Context,
    repository: &Repository,
) -> Result<(Vec<allowed::Allowed>, usize), CliError> {
    let Some(text) = repository.config_string("gpg.ssh.allowedSignersFile") else {
        return Ok((Vec::new(), 0));
    };
    let path = match (text.strip_prefix("~/"), &context.environment.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => repository.work_dir().unwrap_or_default().join(&text),
    };
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = context.read(&path, ALLOWED_SIGNERS_BYTES_MAX)?;
    Ok(allowed::parse(&String::from_utf8_lossy(&bytes)))
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
        operations.push(operation);
        operations.extend(person.add_keys());
        openings.extend(opening);
    }
    let admins = vec![plan.people[0].id.clone()];
    operations.push(Operation::SetAdmins(SetAdmins { admins, threshold: 1 }));
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
    let gate_key = gate_key(configuration, &plan.origin)?;
    let (operations, openings) = operations(plan, beginning, &gate_key)?;
    let statement = beginning.statement(&plan.people[0].id, operations);
    let envelope = sign(&statement, &*plan.signer)?;
    keep(plan, &openings)?;
    let key_file = ledger_key_file(configuration, &plan.origin)?;
    let admins = [plan.signer.public_key().fingerprint()];
    let root = begin(beginning, &plan.folder, &key_file, &envelope, &admins, context.now())?;
    let trust_file = configuration.pin_trust_root(&root, false)?;
    settings.save()?;
    Ok((root, trust_file))
}

fn keep(plan: &Plan, openings: &[Opening]) -> Result<(), CliError> {
    debug_assert!(openings.iter().all(|opening| opening.value().len() <= FREE_TEXT_BYTES_MAX));
    durable::create_folder(&plan.folder).map_err(SessionError::from)?;
    let kept = crate::blobs::openings::Openings::new(&plan.folder);
    for opening in openings {
        kept.put(opening).map_err(SessionError::from)?;
    }
    Ok(())
}

/// The gate's key: made, or the one that an attempt before this one left.
fn gate_key(configuration: &Configuration, origin: &Origin) -> Result<PublicKey, CliError> {
    let path = gate_key_file(configuration, origin)?;
    let refused = |error| CliError::from_error(ErrorKind::Usage, &error);
    if path.exists() {
        let file = KeyFile::read(&path).map_err(refused)?;
        let signer = file.unlock(&mut |_| None).map_err(refused)?;
        return Ok(signer.public_key().clone());
    }
    if let Some(folder) = path.parent() {
        durable::create_folder(folder).map_err(SessionError::from)?;
    }
    generate(&path, &format!("gate of {origin}"), None).map_err(refused)
}

fn report(
    context: &mut Context,
    configuration: &Configuration,
    plan: &Plan,
    root: &TrustRoot,
    trust_file: PathBuf,
) -> Result<ExitStatus, CliError> {
    let key = plan.signer.public_key().fingerprint();
    let at_home = |path: PathBuf| match context.environment.home.as_ref() {
        Some(home) => match path.strip_prefix(home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        },
        None => path.display().to_string(),
    };
    let ledger_key = ledger_key_file(configuration, &plan.origin)?.path().to_owned();
    let gate_key = gate_key_file(configuration, &plan.origin)?;
    let answer = Report {
        origin: plan.origin.as_str(),
        repository: plan.repository.as_str(),
        service: plan.service.as_str(),
        branch: plan.branch.as_str(),
        baseline: plan.accepted.to_string(),
        folder: plan.folder.display().to_string(),
        ledger_key_file: ledger_key.display().to_string(),
        gate_key_file: gate_key.display().to_string(),
        admin: &plan.people[0].id,
        key: key.to_string(),
        members: plan.people.len() + 1,
        trust_root: root.digest(),
        trust_root_file: trust_file.display().to_string(),
    };
    let mut table = Table::new(2);
    table.row(["ledger", &at_home(plan.folder.clone())]);
    table.row(["its key", &at_home(ledger_key)]);
    table.row(["gate key", &at_home(gate_key)]);
    table.row(["admin", &format!("{}, single admin", plan.people[0].called())]);
    table.row(["", &key.to_string()]);
    table.row(["", &at_home(plan.why_key.clone().into())]);
    table.row(["policy", "observe: all is decided and recorded, nothing refused"]);
    table.row(["baseline", &baseline_in_words(plan)]);
    table.row(["trust root", &root.digest().to_string()]);
    table.row(["", &at_home(trust_file)]);
    if plan.people.len() > 1 || plan.left_out > 0 {
        table.row(["reviewers", &reviewers_in_words(plan)]);
    }
    let ui = &mut context.ui;
    ui.json(&answer);
    ui.lead(Role::Good, "BEGUN", &format!("the ledger {}", plan.origin));
    ui.table(&table);
    ui.blank();
    ui.paragraph(
        0,
        "This is for one trusted host: who can write the ledger and its key can rewrite both.",
    );
    if plan.people.len() > 1 {
        ui.paragraph(0, "No author signs off their own change: that is for the others.");
        ui.line("next: countersign status");
    } else {
        ui.paragraph(
            0,
            "Alone there is never a YES: no author signs off their own change. Add somebody:",
        );
        ui.line("next: countersign roster add \"NAME\" --email ADDRESS --public-key FILE.pub");
    }
    Ok(ExitStatus::Yes)
}

fn baseline_in_words(plan: &Plan) -> String {
    let place = format!("{} in production", plan.service);
    match &plan.accepted {
        Accepted::Nothing => format!("{place} starts from nothing: every commit counts"),
        Accepted::UpTo(revision) => {
            format!("{place} is accepted up to {}", revision.short())
        }
    }
}

fn reviewers_in_words(plan: &Plan) -> String {
    let others: Vec<_> = plan.people[1..].iter().map(Person::called).collect();
    let mut text = match others.len() {
        0 => "none of git's allowed signers".to_owned(),
        1..=3 => format!("{}, from git's allowed signers", others.join(", ")),
        count => format!("{count} people from git's allowed signers"),
    };
    if plan.left_out > 0 {
        text.push_str(&format!("; {} lines left out", plan.left_out));
    }
    text
}
