//! `witness`: a small cosigner of other people's ledgers (`spec/witness.md`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use serde::Serialize;

use super::serve::listen;
use crate::base::limits::{RECEIPT_BYTES_MAX, SETTINGS_BYTES_MAX};
use crate::cli::Context;
use crate::cli::env::SystemClock;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Role, Table, Ui};
use crate::http::server::{asked_to_end, serve};
use crate::ledger::keys::LedgerKeys;
use crate::ledger::store::StoreError;
use crate::ledger::witness::{Answer, Answered};
use crate::note::key::VerifierKey;
use crate::session::SessionError;
use crate::verify::proof::{Known, ProofFile};
use crate::verify::trust::TrustRoot;
use crate::witness::{LIMITS, Witness, WitnessFolder};

/// Cosign other people's ledgers: that each only grows
///
/// Speaks C2SP tlog-witness: any log that has cosignatures gathered may be named. Runs until it is
/// ended (SIGTERM), and then answers what it has begun. Its folder must never be set back to an
/// older copy: it would sign what it refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    countersign witness --folder ~/witness --name witness.example/north --log trust.toml\n  \
    countersign witness --folder ~/witness --listen 0.0.0.0:7380 --log a.toml --log b.toml")]
pub(crate) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7380")]
    listen: String,
    /// Where its key and its record are; made where there is none
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// A ledger that it cosigns: its trust root, or the verifier key of any log
    #[arg(long, value_name = "FILE|KEY", required = true)]
    log: Vec<String>,
    /// Its name, for its key: once, at the first start
    #[arg(long)]
    name: Option<String>,
    /// The proof of an entry that replaced the key of one of the ledgers
    #[arg(long, value_name = "FILE")]
    proof: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Listening<'a> {
    answer: &'static str,
    url: &'a str,
    key: &'a str,
    logs: Vec<&'a str>,
    folder: String,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let logs = logs(context, args)?;
    let path = context.environment.resolve(&args.folder);
    let folder = WitnessFolder::open(&path).map_err(failed)?;
    let key = folder.key(args.name.as_deref()).map_err(|error| match args.name {
        None if matches!(error, StoreError::Unavailable { .. }) => {
            CliError::usage("the witness has no key yet, and no name for one")
                .hint("name it once: --name witness.example/north")
        }
        _ => failed(error),
    })?;
    let verifier_key = key.cosigner.key().to_string();
    let (listener, address) = listen(&args.listen)?;
    let url = format!("http://{address}");
    let (told, events) = mpsc::channel();
    let origins: Vec<_> = logs.iter().map(|log| log.origin().to_owned()).collect();
    let witness = Witness::new(folder, key.cosigner, logs, Box::new(SystemClock), told);
    let witness = Arc::new(witness.map_err(|error| {
        failed(error).hint("a record that is set back or lost must not be replaced: use a new key")
    })?);
    let listening = Listening {
        answer: "listening",
        url: &url,
        key: &verifier_key,
        logs: origins.iter().map(String::as_str).collect(),
        folder: path.display().to_string(),
    };
    tell(&mut context.ui, &listening, key.is_new);
    let routes = witness.routes();
    drop(witness);
    let running = thread::spawn(move || {
        let stop = async {
            // Where signals cannot be taken, the process is ended the hard way: no harm.
            if asked_to_end().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        serve(listener, routes, LIMITS, stop)
    });
    for event in events {
        report(&mut context.ui, &event, &path);
    }
    match running.join() {
        Ok(Ok(())) => Ok(ExitStatus::Yes),
        Ok(Err(error)) => Err(CliError::unavailable("the witness cannot run").because(&error)),
        Err(_) => Err(CliError::integrity("internal error, please report")),
    }
}

/// The logs that are named, each once, with the keys that proofs add.
fn logs(context: &Context, args: &Args) -> Result<Vec<LedgerKeys>, CliError> {
    let mut roots = Vec::new();
    let mut logs: Vec<LedgerKeys> = Vec::new();
    for named in &args.log {
        match named.parse::<VerifierKey>() {
            Ok(key) => logs.push(LedgerKeys::new(key)),
            Err(_) => roots.push(trust_root(context, Path::new(named))?),
        }
    }
    let mut known: Vec<_> = roots.iter().map(Known::new).collect();
    for path in &args.proof {
        let file = context.read(path, RECEIPT_BYTES_MAX)?;
        let file = ProofFile::parse(&file).map_err(|error| {
            CliError::usage(format!("{} is no proof", path.display())).because(&error)
        })?;
        let origin = file.claimed().map(|claimed| claimed.origin).unwrap_or_default();
        let its = known.iter_mut().find(|known| known.trust().origin().as_str() == origin);
        let its = its.ok_or_else(|| {
            CliError::usage(format!("{} is of {origin}, which no --log names", path.display()))
        })?;
        let more = format!("countersign verify {} says more of it", path.display());
        let checked = its.check(file).map_err(|error| {
            CliError::from_error(ErrorKind::Integrity, &error).hint(more.clone())
        })?;
        if !checked.witnessed.is_met {
            let message =
                format!("{} has fewer cosignatures than its trust root wants", path.display());
            return Err(CliError::usage(message).hint(more));
        }
    }
    logs.extend(known.iter().map(|known| known.keys().clone()));
    for (position, log) in logs.iter().enumerate() {
        if logs[..position].iter().any(|other| other.origin() == log.origin()) {
            return Err(CliError::usage(format!("{} is named twice", log.origin()))
                .hint("name each ledger once with --log"));
        }
    }
    Ok(logs)
}

fn trust_root(context: &Context, path: &Path) -> Result<TrustRoot, CliError> {
    let bytes = context.read(path, SETTINGS_BYTES_MAX).map_err(|error| {
        error.hint("--log takes the file of a trust root, or a key NAME+ID+BASE64")
    })?;
    TrustRoot::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no trust root", path.display()))
            .because(&error)
            .hint("countersign trust show names the file of a ledger's")
    })
}

fn tell(ui: &mut Ui, listening: &Listening<'_>, is_new: bool) {
    ui.json(listening);
    ui.lead(Role::Good, "LISTENING", listening.url);
    let mut table = Table::new(2);
    table.row(["key", listening.key]);
    table.row(["logs", listening.logs.join(", ").as_str()]);
    table.row(["folder", listening.folder.as_str()]);
    ui.table(&table);
    if is_new {
        ui.line("next: name the key in the ledger's trust root, and the URL in its settings");
    }
    ui.flush_out();
}

/// A line about what was answered; refusals only where details are asked for.
fn report(ui: &mut Ui, event: &Answered, folder: &Path) {
    let about = event
        .claimed
        .as_ref()
        .map_or_else(|| "a request".to_owned(), |(origin, size)| format!("{origin} at {size}"));
    match &event.answer {
        Answer::Cosigned(_) => ui.note(&format!("cosigned {about}")),
        answer => ui.detail(&format!("{about}: {}", answer.body().trim_end())),
    }
    if event.fork.is_some() {
        ui.warn(&format!(
            "{about}: the ledger signed two histories; the evidence is in {}",
            folder.join("forks").display()
        ));
    }
    if let Some(failure) = &event.failure {
        ui.warn(&format!("{about}: {failure}"));
    }
}

fn failed(error: StoreError) -> CliError {
    SessionError::from(error).into()
}
