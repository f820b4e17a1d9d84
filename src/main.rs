//! The command line program: parse, run, exit status.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use countersign::cli::env::{Environment, SystemClock};
use countersign::cli::error::CliError;
use countersign::cli::exit::ExitStatus;
use countersign::cli::ui::{Manner, Ui};

/// Where and why the program broke, for the report; the last of several.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    // A file that may not grow any more (RLIMIT_FSIZE) is an error to be told, not a death.
    let reached = Arc::new(AtomicBool::new(false));
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, reached));
    let run = || {
        let environment = Environment::of_process();
        let clock = Box::new(SystemClock);
        countersign::cli::run(std::env::args_os(), environment, clock, Ui::terminal)
    };
    let status =
        guard(run).unwrap_or_else(|error| error.print(&mut Ui::terminal(Manner::default())));
    status.into()
}

/// Runs the program; a bug that stops it is an error with exit status 3, which every gate takes
/// for a no. Standard error stays free of backtraces: a pipeline's log is read by people.
fn guard(run: impl FnOnce() -> ExitStatus) -> Result<ExitStatus, CliError> {
    panic::set_hook(Box::new(|information| {
        if let Ok(mut broken) = BROKEN.lock() {
            *broken = Some(information.to_string());
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| {
        let broken = BROKEN.lock().ok().and_then(|mut broken| broken.take());
        let mut error = CliError::integrity("internal error, please report");
        error.causes.extend(broken);
        error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_an_error_with_status_3() {
        let outcome = guard(|| panic!("index 7 of 3"));
        drop(panic::take_hook());
        let error = outcome.unwrap_err();
        assert_eq!(error.status(), ExitStatus::Integrity);
        assert!(error.causes[0].contains("index 7 of 3"), "{error:?}");
        assert!(error.causes[0].contains("src/main.rs"), "{error:?}");
    }
}
