//! Floor 5: the command line. Arguments in, one answer out.
//!
//! Only `main.rs` ends the process; only [`ui`] writes to the terminal; only [`mod@env`] reads
//! the environment and the clock.

mod address;
mod ci;
pub mod commands;
mod demo;
pub(crate) mod desk;
pub mod env;
pub mod error;
pub mod exit;
mod gate;
pub(crate) mod governance;
mod history;
pub(crate) mod operations;
#[cfg(feature = "server")]
mod pages;
pub(crate) mod people;
pub(crate) mod quorum;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod rotation;
pub(crate) mod said;
mod pending;
#[cfg(feature = "server")]
mod serve;
mod style;
mod table;
pub mod text;
pub(crate) mod time;
pub(crate) mod touched;
pub(crate) mod trusted;
pub mod ui;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind as ClapErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::base::time::Clock;
use crate::config::{Configuration, Given};
use commands::Command;
use env::Environment;
use error::CliError;
use exit::ExitStatus;
use pending::Pending;
use ui::{ColorChoice, Manner, Ui};

/// Proof of who signed off on what is running in production
#[derive(Debug, clap::Parser)]
#[command(
    name = "countersign",
    bin_name = "countersign",
    version,
    term_width = 80,
    max_term_width = 80,
    disable_help_subcommand = true,
    after_help = "Exit status:\n  0  yes, or done\n  1  no\n  2  wrong usage or bad input\n  \
                  3  something that should verify does not\n  4  locked, unreachable or full"
)]
struct Arguments {
    #[command(flatten)]
    global: GlobalFlags,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command, before or after its name.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Flags of every command")]
pub struct GlobalFlags {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors: the exit status is the answer
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print details too
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Use this ledger: a folder (starts with / or .), a server's URL, or an origin
    #[arg(long, value_name = "LEDGER", global = true)]
    pub ledger: Option<String>,
    /// Verify against this trust root
    #[arg(long, value_name = "FILE", global = true)]
    pub trust: Option<PathBuf>,
    /// Sign with this key: a SHA256: fingerprint or a file
    #[arg(long, value_name = "KEY", global = true)]
    pub key: Option<String>,
    /// Colour the output: auto (on a terminal, unless NO_COLOR is set), always, never
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true,
        global = true
    )]
    pub color: ColorChoice,
}

/// What a command works with.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The environment, `-C` applied.
    pub environment: Environment,
    /// The clock.
    pub clock: Box<dyn Clock>,
    /// Flags of every command.
    pub settings: GlobalFlags,
    /// Witnesses that are to be asked once the command has answered.
    pub(crate) pending: Pending,
}

impl Context {
    /// Reads the settings that apply; each call reads the files anew.
    ///
    /// # Errors
    /// Where a settings file cannot be read or is malformed.
    pub fn configuration(&self) -> Result<Configuration, CliError> {
        let (flags, environment) = (self.settings.clone(), self.environment.clone());
        let given = Given {
            ledger_flag: flags.ledger,
            ledger_variable: environment.ledger,
            trust_flag: flags.trust,
            trust_variable: environment.trust,
            key_flag: flags.key,
            key_variable: environment.key,
            token_variable: environment.token,
        };
        Ok(Configuration::load(self.environment.places(), given)?)
    }

    /// Reads a file that an argument names, from the current folder; `-` is stdin.
    ///
    /// # Errors
    /// Where it cannot be read or has more than `bytes_max` bytes.
    pub fn read(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, CliError> {
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let outcome = if path.as_os_str() == "-" {
            std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(self.environment.resolve(path))
                .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        };
        outcome.map_err(|error| CliError::file("read", path, &error))?;
        if bytes.len() > bytes_max {
            let message =
                format!("{} is too large: at most {bytes_max} bytes are read", path.display());
            return Err(CliError::usage(message).hint("is it the right file?"));
        }
        Ok(bytes)
    }
}

/// Parses the arguments (the program's name first), runs the command, and gives its status.
/// `open` makes the terminal in the manner that the arguments ask for.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: std::io::Result<Environment>,
    clock: Box<dyn Clock>,
    open: impl FnOnce(Manner) -> Ui,
) -> ExitStatus {
    // From the first line on: a mistake in the arguments is told with the arguments in it.
    let is_github = environment.as_ref().is_ok_and(|found| found.github.is_some());
    let open = |manner: Manner| {
        let mut ui = open(manner);
        ui.disarm_commands(is_github);
        ui
    };
    let Arguments { global, command } = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error, &mut open(Manner::default())),
    };
    let manner = Manner {
        json: global.json,
        quiet: global.quiet,
        verbose: global.verbose,
        color: global.color,
    };
    let mut ui = open(manner);
    let environment = environment
        .map_err(|error| CliError::usage("cannot find the current folder").because(&error))
        .and_then(|environment| enter(environment, global.directory.as_deref()));
    let environment = match environment {
        Ok(environment) => environment,
        Err(error) => return error.print(&mut ui),
    };
    let pending = Pending::default();
    let mut context = Context { ui, environment, clock, settings: global, pending };
    let outcome = command.run(&mut context);
    let status = outcome.unwrap_or_else(|error| {
        let error = context.with_evidence(error);
        error.print(&mut context.ui)
    });
    let status = close(status, &mut context.ui);
    // Who asked has the answer; whoever is slow from here on keeps nobody waiting for it.
    drop(context.ask_pending());
    status
}

/// Writes out the answer. One that could not be written is no answer, least of all yes.
fn close(status: ExitStatus, ui: &mut Ui) -> ExitStatus {
    match ui.finish() {
        Ok(()) => status,
        Err(error) => {
            let failed = CliError::unavailable("cannot write the answer").because(&error);
            status.combine(failed.print(ui))
        }
    }
}

/// Applies `-C` without changing the process's folder.
fn enter(mut environment: Environment, folder: Option<&Path>) -> Result<Environment, CliError> {
    if let Some(folder) = folder {
        let found = environment.resolve(folder);
        match std::fs::metadata(&found) {
            Ok(metadata) if metadata.is_dir() => environment.current_directory = found,
            Ok(_) => {
                return Err(CliError::usage(format!("{} is not a folder", folder.display())));
            }
            Err(error) => return Err(CliError::file("change to", folder, &error)),
        }
    }
    Ok(environment)
}

/// What the argument parser has to say: help and version as answers, mistakes in our style.
fn refuse(error: &clap::Error, ui: &mut Ui) -> ExitStatus {
    if !error.use_stderr() {
        ui.document(error.render().to_string().as_bytes());
        return close(ExitStatus::Yes, ui);
    }
    let text = error.render().to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    if matches!(error.kind(), ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        // The text is the help itself, of which the line of usage is enough.
        "no command is named".clone_into(&mut message);
    } else {
        // The lines below, up to the first empty one, list what is missing or possible.
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            message.push(' ');
            message.push_str(line.trim());
        }
    }
    let mut refusal = CliError::usage(message);
    for line in lines {
        if let Some(tip) = line.trim_start().strip_prefix("tip: ") {
            refusal = refusal.hint(tip);
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            refusal = refusal.hint(format!("usage: {usage}"));
        }
    }
    refusal.hint("add --help for commands and flags").print(ui)
}

/// The command line as a description, for completions and the manual.
#[must_use]
pub(crate) fn description() -> clap::Command {
    Arguments::command()
}
