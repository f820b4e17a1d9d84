//! `serve`: answers for one ledger over HTTP (`spec/server.md`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::base::limits::{SERVER_CONNECTIONS_MAX, SERVER_FILES_KEPT};
use crate::base::time::Clock as _;
use crate::cli::Context;
use crate::cli::address::ON_ITS_MACHINE;
use crate::cli::desk::{gate_key_file, ledger_key_file};
use crate::cli::env::SystemClock;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::serve::{Office, Parts, routes, tell};
use crate::cli::text::counted;
use crate::cli::ui::{Role, Table, Ui};
use crate::config::{Reach, ServeSettings, TlsSettings, TokenRight, is_address};
use crate::git::Repository;
use crate::http::server::{Limits, asked_to_end, either, serve_over};
use crate::http::tls::{Tls, TlsFiles};
use crate::key::SeedSigner;
use crate::server::{Access, Beginning, Event, LIMITS, Rights, Running, Server, Token};
use crate::session::SessionError;
use crate::signer::file;
use crate::verify::trust::TrustRoot;

/// Answer for a ledger over HTTP: one ledger, many people
///
/// Takes statements from whoever signed them, and serves what a verifier needs. It owns the ledger
/// while it runs: commands on this machine name its URL, as those on others do. Runs until it is
/// ended (SIGTERM); what was handed in by then is durable, and answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Who may read, tokens and TLS stand in the settings \
    ([ledger.\"ORIGIN\".serve]). Each line on\nstandard error is JSON; -v writes one for every \
    request.\n\nExamples:\n  countersign serve\n  \
    countersign serve --ledger shop.example/ledger --listen 0.0.0.0:8443")]
pub(crate) struct Args {
    /// Where to listen, whatever the settings say
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

#[derive(Serialize)]
struct Listening<'a> {
    answer: &'static str,
    url: &'a str,
    origin: &'a str,
    size: u64,
    reading: &'static str,
    words: &'static str,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    context.need_own_folder("serve", ON_ITS_MACHINE)?;
    let address = context.address()?;
    let configuration = context.configuration()?;
    let trust = address.trust.clone();
    let settings = configuration.serve(trust.origin());
    let witnesses = configuration.witnesses(trust.origin());
    let (listener, bound) = listen(args.listen.as_deref().unwrap_or(&settings.listen))?;
    let tls = tls(&settings)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{bound}");
    let session = address.open(&format!("serve {scheme}://{}", from_here(bound)))?;
    if !session.can_append() {
        let key = ledger_key_file(&configuration, trust.origin())?;
        let message = "the ledger's own key is not on this machine";
        return Err(
            CliError::usage(message).hint(format!("run it where {} is", key.path().display()))
        );
    }
    let listening = Listening {
        answer: "listening",
        url: &url,
        origin: trust.origin().as_str(),
        size: session.size().get(),
        reading: word(settings.reading),
        words: word(settings.words),
    };
    let limits = Limits { connections_max: connections(take_file_handles()), ..LIMITS };
    let (running, events) = Running::start(Beginning {
        session,
        trust: trust.clone(),
        witnesses: witnesses.clone(),
        access: access(&settings),
        member_statements_per_minute: settings.member_statements_per_minute,
        clocks: [Box::new(SystemClock), Box::new(SystemClock)],
    });
    let repositories = settings.repositories.clone();
    let clock = Box::new(SystemClock);
    let gate_key = gate_key(context, &trust)?;
    let parts = Parts { trust: trust.clone(), repositories, witnesses, clock, gate_key };
    let tls = tls.map(|tls| telling(tls, running.server()));
    let office = Office::new(running.server(), parts);
    let routes = routes(&office);
    lacking(&office, &settings, &limits);
    drop(office);
    let (ended, ending) = running.leave();
    say(&mut context.ui, &listening, &settings, bound);
    let serving = thread::spawn(move || {
        let asked = async {
            // Where signals cannot be taken, the process is ended the hard way: no harm.
            if asked_to_end().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let stop = async {
            let _ = either(asked, ended).await;
        };
        serve_over(listener, tls, routes, limits, stop)
    });
    while let Some((event, lost)) = events.next() {
        tell(&mut context.ui, &event, lost, SystemClock.now());
    }
    let served = serving.join();
    ending.wait().map_err(failed)?;
    match served {
        Ok(Ok(())) => Ok(ExitStatus::Yes),
        Ok(Err(error)) => Err(CliError::unavailable("the server cannot run").because(&error)),
        Err(_) => Err(CliError::integrity("internal error, please report")),
    }
}

/// Listens where it is said; what is no address is wrong usage, so that nothing starts it for ever.
pub(super) fn listen(at: &str) -> Result<(TcpListener, SocketAddr), CliError> {
    if !is_address(at) {
        let message = format!("{at} is no address and port to listen at");
        return Err(CliError::usage(message).hint("such as --listen 127.0.0.1:8080"));
    }
    let listener = TcpListener::bind(at).map_err(|error| {
        CliError::unavailable(format!("cannot listen at {at}"))
            .because(&error)
            .hint("name a free address of this machine with --listen")
    })?;
    let bound = listener
        .local_addr()
        .map_err(|error| CliError::unavailable("the address is not known").because(&error))?;
    Ok((listener, bound))
}

/// Where a command on this machine asks.
fn from_here(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// Takes as many file handles as the system lets, and tells how many that are.
fn take_file_handles() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let most = if raised.is_ok() { limit.maximum } else { limit.current };
    most.unwrap_or(u64::MAX)
}

/// How many connections fit into so many file handles: one goes to each, and what is served and
/// handed in is read and written with others.
fn connections(handles: u64) -> usize {
    let most = handles.saturating_sub(SERVER_FILES_KEPT).max(handles / 2);
    usize::try_from(most).unwrap_or(usize::MAX).min(SERVER_CONNECTIONS_MAX)
}

/// Tells the log where the server does less than its settings, or its limits, say.
fn lacking(office: &Office, settings: &ServeSettings, limits: &Limits) {
    let tell = |why| office.server().tell(Event::Lacking { why });
    let most = limits.connections_max;
    if most < SERVER_CONNECTIONS_MAX {
        tell(format!(
            "{most} connections at a time instead of {SERVER_CONNECTIONS_MAX}: there are too few \
             file handles (ulimit -n, LimitNOFILE)"
        ));
    }
    for (name, path) in &settings.repositories {
        if let Err(error) = Repository::open(path) {
            tell(format!("no clone of {name}: {error}"));
        }
    }
}

/// The certificates and the key that the settings name.
fn tls(settings: &ServeSettings) -> Result<Option<Tls>, CliError> {
    let Some(TlsSettings { certificate, key }) = settings.tls.clone() else { return Ok(None) };
    Tls::open(TlsFiles { certificates: certificate, key }).map(Some).map_err(|error| {
        CliError::from_error(ErrorKind::Usage, &error)
            .hint("name the chain as tls_certificate and its key as tls_key, both in PEM")
    })
}

/// The same, which tells the log when the files have changed.
fn telling(tls: Tls, server: Arc<Server>) -> Tls {
    tls.telling(move |read| {
        server.tell(Event::Renewed { failure: read.err().map(|error| error.to_string()) });
    })
}

/// The gate's own key, where it is on this machine: with it the server decides.
fn gate_key(context: &mut Context, trust: &TrustRoot) -> Result<Option<SeedSigner>, CliError> {
    let path = gate_key_file(&context.configuration()?, trust.origin())?;
    if !path.is_file() {
        return Ok(None);
    }
    let ui = &mut context.ui;
    let mut prompt = |question: &str| ui.prompt_secret(question);
    file::load(&path, &mut prompt).map(Some).map_err(|error| {
        let hint = error.hint();
        let error = CliError::from_error(ErrorKind::Usage, &error);
        hint.into_iter().fold(error, CliError::hint)
    })
}

fn failed(error: SessionError) -> CliError {
    CliError::from(error).hint("what was acknowledged is durable: start it again")
}

const fn word(reach: Reach) -> &'static str {
    match reach {
        Reach::Open => "open",
        Reach::Token => "token",
    }
}

fn access(settings: &ServeSettings) -> Access {
    let everybody = Rights {
        read: settings.reading == Reach::Open,
        words: settings.words == Reach::Open,
        gate: false,
    };
    let tokens = settings.tokens.iter().map(|token| Token {
        name: token.name.clone(),
        sha256: token.sha256,
        rights: Rights {
            read: token.may.contains(&TokenRight::Read),
            words: token.may.contains(&TokenRight::Words),
            gate: token.may.contains(&TokenRight::Gate),
        },
    });
    Access { everybody, tokens: tokens.collect() }
}

fn say(ui: &mut Ui, listening: &Listening<'_>, settings: &ServeSettings, bound: SocketAddr) {
    ui.json(listening);
    ui.lead(Role::Good, "LISTENING", listening.url);
    let mut table = Table::new(2);
    let entries = counted(listening.size, "entry");
    table.row(["ledger", format!("{}, {entries}", listening.origin).as_str()]);
    table.row(["reading", listening.reading]);
    table.row(["words", listening.words]);
    ui.table(&table);
    let needs_token = settings.reading == Reach::Token;
    if needs_token && !settings.tokens.iter().any(|token| token.may.contains(&TokenRight::Read)) {
        ui.warn(
            "nobody can read: reading takes a token, and no token may. In the settings set \
             reading = \"open\", or name a token (spec/server.md section 6)",
        );
    } else {
        let token = if needs_token { "COUNTERSIGN_TOKEN=TOKEN " } else { "" };
        // What listens everywhere is no address to ask at.
        let url = if bound.ip().is_unspecified() {
            listening.url.replace(&bound.to_string(), &format!("NAME:{}", bound.port()))
        } else {
            listening.url.to_owned()
        };
        ui.line(&format!("next: {token}COUNTERSIGN_LEDGER={url} countersign status"));
        if bound.ip().is_unspecified() {
            ui.line("NAME is this machine's, as others know it");
        }
    }
    ui.flush_out();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_handles_for_files() {
        let most = SERVER_CONNECTIONS_MAX as u64;
        for (handles, connections_max) in [
            (u64::MAX, most),
            (most + SERVER_FILES_KEPT, most),
            (most + SERVER_FILES_KEPT - 1, most - 1),
            (2 * SERVER_FILES_KEPT, SERVER_FILES_KEPT),
            (100, 50),
        ] {
            assert_eq!(connections(handles) as u64, connections_max, "{handles}");
        }
    }
}
