//! `monitor`: follows a ledger that somebody else runs, and raises alarms (`spec/monitor.md`).

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::base::limits::{
    MONITOR_WAIT_MILLISECONDS, SETTINGS_BYTES_MAX, WEBHOOK_WAIT_MILLISECONDS,
};
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::http::client::{Credentials, is_http};
use crate::monitor::{Alarm, Level, MirrorFolder, Monitor, Round, Served, Source, Webhook};
use crate::session::{SessionError, SessionErrorKind};
use crate::verify::trust::TrustRoot;

/// Follow a ledger that others run, and raise alarms
///
/// It believes nothing that it is shown: every entry is verified and admitted anew, in a copy of
/// its own. Alarms are lines of JSON on standard output: a fork, a rollback, what does not add up,
/// a deployment that nothing supports, a leaked key that had signed, an override, a weaker policy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    countersign monitor /srv/www/ledger --folder ~/watched --trust trust.toml --once\n  \
    countersign monitor https://ledger.example --folder ~/watched --trust trust.toml \\\n    \
    --webhook https://pager.example/hook\n\
    \nExit status with --once: 3 integrity, 4 unreachable, 1 somebody should look, 0 all is well")]
pub(crate) struct Args {
    /// The URL of a server, or of a mirror that is served; or the folder of a mirror
    #[arg(value_name = "URL|DIR")]
    source: String,
    /// The monitor's own folder: its copy, and what it remembers; made where there is none
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The trust root of the ledger; the pinned one where it is left out
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The mirror's folder of openings: with its salt, commands that only read take --folder
    /// for a ledger
    #[arg(long, value_name = "DIR")]
    openings: Option<PathBuf>,
    /// Look once, and end with the exit status: for cron
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 10, conflicts_with = "once",
        value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Certificates in PEM that the server's is traced to, in place of those of Mozilla
    #[arg(long, value_name = "FILE")]
    tls_roots: Option<PathBuf>,
    /// Hand each alarm to this URL as well
    #[arg(long, value_name = "URL", value_parser = webhook_url)]
    webhook: Option<String>,
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn webhook_url(text: &str) -> Result<String, String> {
    is_http(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected https://NAME... or http://NAME...".to_owned())
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let trust = trust(context, args.trust.as_deref())?;
    let folder = context.environment.resolve(&args.folder);
    let source: Box<dyn Source> = if is_url(&args.source) {
        Box::new(served(context, args)?)
    } else {
        Box::new(mirror(context.environment.resolve(Path::new(&args.source)))?)
    };
    let wait = Duration::from_millis(WEBHOOK_WAIT_MILLISECONDS);
    let webhook = args.webhook.as_deref().map(|url| Webhook::new(url, wait));
    if !Monitor::may_use(&folder).map_err(of_folder)? {
        let message = format!("{} has files in it that no monitor made", folder.display());
        return Err(CliError::usage(message).hint("name an empty folder, or one that is not there"));
    }
    let mut monitor = Monitor::open(&folder, &trust, webhook.is_some()).map_err(of_folder)?;
    let mut is_first = true;
    loop {
        let round = match monitor.round(&*source) {
            Ok(round) => Some(round),
            Err(error) if error.kind() == SessionErrorKind::Unavailable && !args.once => {
                context.ui.warn(&error.to_string());
                None
            }
            Err(error) => return Err(of_round(error)),
        };
        let is_told = args.once || is_first;
        if let Some(round) = &round {
            tell(context, round, is_told);
            if let Some(openings) = args.openings.as_deref().filter(|_| is_first) {
                monitor.take_salt(&context.environment.resolve(openings))?;
            }
            is_first = false;
        }
        let is_delivered = deliver(context, &mut monitor, webhook.as_ref())?;
        if let Some(round) = round {
            if is_told {
                close(context, &trust, &round, is_delivered);
            }
            if args.once {
                return Ok(status_of(&round.alarms, is_delivered));
            }
        }
        thread::sleep(Duration::from_secs(args.every));
    }
}

/// What a folder shows. A ledger's own is no mirror: it shows nothing to others.
fn mirror(folder: PathBuf) -> Result<MirrorFolder, CliError> {
    if folder.join("sled").exists() && !folder.join("tile").exists() {
        let message = format!("{} is the folder of a ledger, no mirror", folder.display());
        return Err(CliError::usage(message)
            .hint("name the folder of a mirror (countersign ledger mirror --to DIR makes one)")
            .hint("or the URL of the ledger's server (countersign serve)"));
    }
    Ok(MirrorFolder(folder))
}

/// What a URL shows, to whoever has the token of the environment.
fn served(context: &Context, args: &Args) -> Result<Served, CliError> {
    if !is_http(&args.source) {
        return Err(CliError::usage(format!("{} is no URL", args.source))
            .hint("such as https://ledger.example, or the folder of a mirror"));
    }
    let roots = args.tls_roots.as_deref();
    let roots = roots.map(|file| context.read(file, SETTINGS_BYTES_MAX)).transpose()?;
    let token = context.environment.token.as_deref();
    let credentials = Credentials { token, roots: roots.as_deref() };
    let wait = Duration::from_millis(MONITOR_WAIT_MILLISECONDS);
    Served::new(&args.source, credentials, wait).map_err(|error| {
        CliError::from_error(ErrorKind::Usage, &error)
            .hint("the token is that of COUNTERSIGN_TOKEN; roots are those of --tls-roots")
    })
}

/// The trust root that is named, or pinned.
fn trust(context: &Context, file: Option<&Path>) -> Result<TrustRoot, CliError> {
    let Some(file) = file else {
        let pinned = context.address().map(|address| address.trust);
        return pinned
            .map_err(|error| error.hint("who has the file of a trust root: --trust FILE"));
    };
    let bytes = context.read(file, SETTINGS_BYTES_MAX)?;
    TrustRoot::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no trust root", file.display()))
            .because(&error)
            .hint("countersign trust show names the file of a ledger's")
    })
}

/// Prints what was raised.
fn tell(context: &mut Context, round: &Round, is_told: bool) {
    // What stood before is told by every run that looks once, and by others when it begins.
    let stood = if is_told { 0 } else { round.stood };
    let new = round.alarms.len() - stood;
    for alarm in &round.alarms[..new] {
        context.ui.document(format!("{}\n", alarm.line()).as_bytes());
    }
    context.ui.flush_out();
    if round.covers_missing > 0 {
        let count = round.covers_missing;
        context.ui.note(&format!("{count} covers of decisions were not at hand, and not judged"));
    }
}

/// Says that all is well, where nothing was raised and nothing waits.
fn close(context: &mut Context, trust: &TrustRoot, round: &Round, is_delivered: bool) {
    let (origin, judged) = (trust.origin(), counted(round.judged, "entry"));
    let word = match (round.alarms.is_empty(), is_delivered) {
        (true, true) => "all is well",
        (true, false) => "nothing new",
        (false, _) => "see the alarms",
    };
    context.ui.note(&format!("{origin}: {judged} judged; {word}"));
}

/// Whoever waits for an alarm at the webhook has not got it: that outweighs a notice.
fn status_of(alarms: &[Alarm], is_delivered: bool) -> ExitStatus {
    match alarms.iter().map(|alarm| alarm.code().level()).max() {
        Some(Level::Integrity) => ExitStatus::Integrity,
        _ if !is_delivered => ExitStatus::Unavailable,
        Some(Level::Notice) => ExitStatus::No,
        None => ExitStatus::Yes,
    }
}

/// Hands over what waits; gives whether all of it was taken that went.
fn deliver(
    context: &mut Context,
    monitor: &mut Monitor,
    webhook: Option<&Webhook>,
) -> Result<bool, CliError> {
    let Some(webhook) = webhook else { return Ok(true) };
    let delivered = monitor.deliver(webhook)?;
    let Some(why) = delivered.failed else { return Ok(true) };
    context.ui.warn(&format!(
        "{} alarms wait for the webhook, which did not take them: {why}",
        delivered.waiting
    ));
    Ok(false)
}

fn of_round(error: SessionError) -> CliError {
    let is_away = error.kind() == SessionErrorKind::Unavailable;
    let error = CliError::from(error);
    if is_away { error.hint("what was verified before is kept; run it again later") } else { error }
}

fn of_folder(error: SessionError) -> CliError {
    CliError::from(error).hint("--folder names a folder of the monitor's own")
}
