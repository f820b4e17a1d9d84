//! `ledger backup`: the whole ledger in one file.

use std::path::PathBuf;

use serde::Serialize;

use crate::base::limits::MIRROR_STEP_BYTES;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::cli::ui::Role;
use crate::session::backup::Backup;
use crate::session::{LedgerFolder, SessionError};

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, which must not be there
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Put the ledger's own secret key in it as well
    #[arg(long)]
    with_key: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    origin: &'a str,
    file: String,
    size: u64,
    files: u64,
    blobs: u64,
    openings: u64,
    has_key: bool,
    bytes: u64,
}

/// Runs the command. The ledger is held for one part after the other, never for all of it.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let address = context.address()?;
    let target = context.environment.resolve(&args.to);
    let refused = |error: SessionError| match error {
        SessionError::Exists { path } => {
            CliError::usage(format!("{} is there already", path.display()))
                .hint("name a file that is not there: a backup never takes the place of another")
        }
        error => error.into(),
    };
    let mut backup = None;
    loop {
        let session = address.open("ledger backup").map_err(refused)?;
        if backup.is_none() {
            // A copy has only what was read of it so far.
            let mut bar = context.ui.bar();
            let outcome = session.complete(&mut |done, of| bar.step("fetching", done, of));
            bar.clear();
            outcome.map_err(refused)?;
        }
        let backup = match &mut backup {
            Some(backup) => backup,
            none => none.insert(Backup::begin(&session, &target).map_err(refused)?),
        };
        if backup.step(&session, MIRROR_STEP_BYTES).map_err(refused)? {
            break;
        }
    }
    let Some(backup) = backup else { return Err(CliError::unavailable("nothing was written")) };
    let key = args.with_key.then(|| address.ledger_key());
    let written = backup.finish(&LedgerFolder::new(address.folder()), key).map_err(refused)?;
    let ui = &mut context.ui;
    let says = format!(
        "{} has {}, {} and {}",
        args.to.display(),
        counted(written.size, "entry"),
        counted(written.blobs, "file"),
        counted(written.openings, "opening")
    );
    ui.lead(Role::Good, "DONE", &says);
    if written.has_key {
        ui.paragraph(
            0,
            "the ledger's own secret key is in it: whoever reads it signs as the ledger",
        );
    } else if args.with_key {
        ui.line("the ledger's own key is not in it: it is not on this machine");
    } else {
        let what = "the ledger's own key is not in it: keep that elsewhere, for without it nothing \
                    can be appended";
        ui.paragraph(0, what);
    }
    ui.paragraph(0, "openings are in it: after roster forget make another, and remove this one");
    ui.line(&format!("next: countersign ledger restore --from {}", args.to.display()));
    ui.json(&Answer {
        origin: address.trust.origin().as_str(),
        file: target.display().to_string(),
        size: written.size.get(),
        files: written.files,
        blobs: written.blobs,
        openings: written.openings,
        has_key: written.has_key,
        bytes: written.bytes,
    });
    Ok(ExitStatus::Yes)
}
