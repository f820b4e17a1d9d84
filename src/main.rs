//! The command line program: parse, run, exit status.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;

use countersign::cli::env::{Environment, SystemClock};
use countersign::cli::error::CliError;
use countersign::cli::ui::{Manner, Ui};

/// Where and why the program broke, for the report; the last of several.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    // Standard error stays free of backtraces: a pipeline's log is read by people.
    panic::set_hook(Box::new(|information| {
        if let Ok(mut broken) = BROKEN.lock() {
            *broken = Some(information.to_string());
        }
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let environment = Environment::of_process();
        countersign::cli::run(std::env::args_os(), environment, Box::new(SystemClock), Ui::terminal)
    }));
    let status = outcome.unwrap_or_else(|_| {
        let broken = BROKEN.lock().ok().and_then(|mut broken| broken.take());
        let mut error = CliError::integrity("internal error, please report");
        error.causes.extend(broken);
        error.print(&mut Ui::terminal(Manner::default()))
    });
    status.into()
}
