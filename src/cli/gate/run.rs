//! Running the deployment's command.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::base::name::Revision;
use crate::base::position::EntryIndex;

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself, with that status.
    Exited(u8),
    /// By that signal.
    Killed(u8),
    /// It never began.
    NotStarted(io::Error),
}

/// Runs a command to its end, with our streams, in `folder`. Who cancels the pipeline cancels
/// the command: a signal to us goes on to it, and we live to tell its end.
pub(super) fn run(
    command: &[OsString],
    folder: &Path,
    revision: &Revision,
    decision: Option<EntryIndex>,
    is_interactive: bool,
) -> Ended {
    let Some((program, arguments)) = command.split_first() else { return Ended::Exited(0) };
    let mut child = Command::new(program);
    child.args(arguments).current_dir(folder);
    if let Some(decision) = decision {
        child.env("COUNTERSIGN_DECISION_ENTRY", decision.to_string());
    }
    child.env("COUNTERSIGN_REVISION", revision.as_str());
    supervise(&mut child, is_interactive).map_or_else(Ended::NotStarted, ended)
}

fn supervise(command: &mut Command, is_interactive: bool) -> io::Result<ExitStatus> {
    // Taken before the command begins: none is lost between.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let mut child = command.spawn()?;
    let handle = signals.handle();
    let has_ended = AtomicBool::new(false);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    thread::scope(|scope| {
        scope.spawn(|| {
            for signal in signals.forever() {
                // A terminal tells its whole foreground group itself: once is enough.
                let told = is_interactive && signal != SIGTERM;
                let signal = Signal::from_named_raw(signal);
                if !told && !has_ended.load(Ordering::SeqCst) {
                    // A command that is gone already needs no signal.
                    let _ = pid.zip(signal).map(|(pid, signal)| kill_process(pid, signal));
                }
            }
        });
        let status = child.wait();
        has_ended.store(true, Ordering::SeqCst);
        handle.close();
        status
    })
}

fn ended(status: ExitStatus) -> Ended {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(byte(code)),
        (None, signal) => Ended::Killed(byte(signal.unwrap_or_default())),
    }
}
