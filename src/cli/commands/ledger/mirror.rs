//! `ledger mirror`: a verified copy as plain files.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::base::limits::NOTE_BYTES_MAX;
use crate::cli::Context;
use crate::cli::address::Address;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::cli::ui::Role;
use crate::session::{
    LedgerFolder, MirrorPlace, MirrorRun, Mirrored, SessionError, SessionErrorKind,
    forget_in_mirror,
};
use crate::store::durable;

/// Where to, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is made where it is missing. Without it: that of the settings
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A folder apart for openings and the salt of e-mail digests, for its owner alone
    #[arg(long, value_name = "DIR")]
    openings: Option<PathBuf>,
    /// Go on, and copy what is appended as it comes
    #[arg(long)]
    follow: bool,
    /// Seconds between two looks of --follow
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "follow")]
    every: u64,
    /// Look at every file again, and put back those that are gone
    #[arg(long)]
    whole: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    origin: &'a str,
    folder: String,
    had: u64,
    size: u64,
    files_written: u64,
    blobs_written: u64,
    covers_missing: u64,
    openings_written: u64,
    openings_removed: u64,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let address = context.address()?;
    let place = place(context, args, &address.trust)?;
    if place.openings.is_some() && address.url().is_some() {
        let message = "openings are mirrored where the ledger is: only there it is known what was \
                       forgotten";
        return Err(CliError::usage(message).hint("leave out --openings and mirror_openings"));
    }
    let folder = LedgerFolder::new(address.folder());
    let origin = address.trust.origin().as_str().to_owned();
    // What the ledger's own checkpoint file was at the last round: to look is no lock.
    let mut last = None;
    loop {
        let newest = durable::read(&folder.path().join("checkpoint"), NOTE_BYTES_MAX);
        let newest = newest.ok().flatten();
        // What a server has is known once it is asked.
        let is_elsewhere = address.url().is_some();
        if last.is_none() || newest != last || args.whole || is_elsewhere {
            match round(&address, &place, &folder, args.whole) {
                Ok(done) => {
                    tell(context, &origin, &place, &done, args.follow && last.is_some());
                    last = newest;
                }
                // What cannot be read or written now may be able to be later.
                Err((_, error)) if args.follow && error.kind() == SessionErrorKind::Unavailable => {
                    context.ui.warn(&error.to_string());
                }
                Err((Side::Ledger, error)) => return Err(error.into()),
                Err((Side::Mirror, error)) => return Err(refused(error)),
            }
        } else {
            forget_in_mirror(&folder, &place).map_err(|error| refused(error.into()))?;
        }
        if !args.follow {
            return Ok(ExitStatus::Yes);
        }
        thread::sleep(Duration::from_secs(args.every.max(1)));
    }
}

/// The folders that are meant: of the flags, or of the settings.
pub(super) fn place(
    context: &Context,
    args: &Args,
    trust: &crate::verify::trust::TrustRoot,
) -> Result<MirrorPlace, CliError> {
    let settings = context.configuration()?.mirror(trust.origin());
    let given =
        |path: &Option<PathBuf>| path.as_deref().map(|path| context.environment.resolve(path));
    let (folder, openings) = match (given(&args.to), settings) {
        (Some(folder), _) => (folder, given(&args.openings)),
        (None, Some(mirror)) => (mirror.folder, given(&args.openings).or(mirror.openings)),
        (None, None) => {
            return Err(CliError::usage("where to?")
                .hint("name a folder with --to DIR, or as mirror_folder in the settings"));
        }
    };
    let within = |a: &Path, b: &Path| a.starts_with(b);
    if let Some(openings) = &openings
        && (within(openings, &folder) || within(&folder, openings))
    {
        let what = "the folder of openings and that of the mirror lie in one another";
        return Err(CliError::usage(what).hint("who may read the mirror must not find them in it"));
    }
    Ok(MirrorPlace { folder, openings })
}

/// Where something went wrong.
enum Side {
    /// The ledger could not be opened.
    Ledger,
    /// It could not be copied.
    Mirror,
}

/// One copy, in steps: others wait for the ledger no longer than for one of them.
fn round(
    address: &Address,
    place: &MirrorPlace,
    folder: &LedgerFolder,
    whole: bool,
) -> Result<Mirrored, (Side, SessionError)> {
    let of_mirror = |error| (Side::Mirror, error);
    let mut run = None;
    loop {
        let session = address.open("ledger mirror").map_err(|error| (Side::Ledger, error))?;
        let run = match &mut run {
            Some(run) => run,
            none => none.insert(MirrorRun::begin(&session, place, whole).map_err(of_mirror)?),
        };
        if run.step(&session).map_err(of_mirror)? {
            break;
        }
    }
    let mut done = match run {
        Some(run) => run.finish(folder).map_err(of_mirror)?,
        None => Mirrored::default(),
    };
    let removed = forget_in_mirror(folder, place).map_err(|error| of_mirror(error.into()))?;
    done.openings_removed = removed;
    Ok(done)
}

fn tell(context: &mut Context, origin: &str, place: &MirrorPlace, done: &Mirrored, is_brief: bool) {
    let ui = &mut context.ui;
    let files = counted(done.files_written + done.blobs_written, "file");
    let (folder, entries) = (place.folder.display(), counted(done.size, "entry"));
    let says = format!("{folder} has {entries}: {files} written");
    ui.lead(Role::Good, "DONE", &says);
    if done.covers_missing > 0 {
        ui.line(&format!("missing in the ledger itself: {} covers", done.covers_missing));
    }
    if !is_brief {
        match &place.openings {
            Some(openings) => {
                let (written, removed) = (done.openings_written, done.openings_removed);
                let what = format!("{}: {written} written, {removed} removed", openings.display());
                ui.paragraph(0, &format!("openings, which may be forgotten, are in {what}"));
            }
            None => ui.paragraph(
                0,
                "openings and the salt of e-mail digests are not in it: --openings names a folder",
            ),
        }
        ui.line("next: countersign ledger check --mirror DIR");
    }
    ui.json(&Answer {
        origin,
        folder: folder.to_string(),
        had: done.had.get(),
        size: done.size.get(),
        files_written: done.files_written,
        blobs_written: done.blobs_written,
        covers_missing: done.covers_missing,
        openings_written: done.openings_written,
        openings_removed: done.openings_removed,
    });
    ui.flush_out();
}

fn refused(error: SessionError) -> CliError {
    let is_integrity = error.kind() == SessionErrorKind::Integrity;
    let hint = if is_integrity {
        "keep that folder as it is; countersign ledger check tells whether it is the ledger, and a \
         mirror may begin in another folder"
    } else {
        "name a folder that can be written"
    };
    CliError::from(error).hint(hint)
}
