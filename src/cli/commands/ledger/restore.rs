//! `ledger restore`: a ledger built again from a mirror or backup.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Context;
use crate::cli::address::SERVER_STOPPED;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Role, Table, Ui};
use crate::session::backup::{Unpacked, unpack};
use crate::session::{RestoreRequest, Restored, SessionError, restore};

/// From what, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a mirror, or the file of a backup
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// The mirror's folder of openings and the salt of e-mail digests
    #[arg(long, value_name = "DIR")]
    openings: Option<PathBuf>,
    /// The folder of the ledger, if not the usual one
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Move aside what is there
    #[arg(long)]
    in_place: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    origin: &'a str,
    folder: String,
    size: u64,
    root: String,
    leaf_hashes: u64,
    tiles: u64,
    signatures: u64,
    entries_saved: u64,
    files: u64,
    documents_absent: u64,
    openings: u64,
    openings_withheld: u64,
    has_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<String>,
    missing: &'a [String],
}

/// Runs the command. It needs trust root and folder, and no ledger that opens.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    if args.to.is_none() {
        context.need_own_folder("ledger restore without --to", SERVER_STOPPED)?;
    }
    let address = context.address()?;
    let resolve = |path: &Path| context.environment.resolve(path);
    let (from, into) = (resolve(&args.from), args.to.as_deref().map(resolve));
    let into = into.unwrap_or_else(|| address.folder().to_owned());
    let mut openings = args.openings.as_deref().map(resolve);
    let unpacked = if from.is_file() { Some(take_apart(&from, &into)?) } else { None };
    if let Some(unpacked) = &unpacked {
        openings = openings.or_else(|| Some(unpacked.openings.clone()));
    } else if !from.is_dir() {
        return Err(CliError::usage(format!("there is no {}", args.from.display()))
            .hint("name the folder of a mirror, or the file of a backup"));
    }
    let settings = context.configuration()?.mirror(address.trust.origin());
    let of_settings = settings.filter(|mirror| mirror.folder == from);
    let openings = openings.or_else(|| of_settings.and_then(|mirror| mirror.openings));
    let request = RestoreRequest {
        mirror: unpacked.as_ref().map_or(&from, |unpacked| &unpacked.mirror),
        openings: openings.as_deref(),
        into: &into,
        in_place: args.in_place,
        trust: &address.trust,
        ledger_key: address.ledger_key(),
        seen: address.seen(),
    };
    let mut bar = context.ui.bar();
    let outcome = restore(&request, &mut |step| bar.step(step.what, step.done, step.of));
    bar.clear();
    let mut restored = outcome.map_err(|error| refused(error, args))?;
    // Only now it is known whose backup it is.
    if let Some([Some(key), next]) = unpacked.as_ref().map(|unpacked| &unpacked.keys) {
        let next = next.as_ref().map(|next| next.as_slice());
        address.ledger_key().put_back(address.trust.origin().as_str(), key, next)?;
        restored.has_key = address.ledger_key().read()?.is_some();
    }
    print(&mut context.ui, address.trust.origin().as_str(), &into, &restored);
    Ok(if restored.missing.is_empty() { ExitStatus::Yes } else { ExitStatus::Unavailable })
}

/// A backup is taken apart beside the ledger's folder: on a disk that has room for it.
fn take_apart(file: &Path, into: &Path) -> Result<Unpacked, CliError> {
    let name = into.file_name().unwrap_or_default().to_string_lossy();
    Ok(unpack(file, &into.with_file_name(format!(".{name}.unpacked")))?)
}

fn refused(error: SessionError, args: &Args) -> CliError {
    match error {
        SessionError::Exists { path } => {
            CliError::usage(format!("{} is there already, and stays as it is", path.display()))
                .hint("--in-place moves it aside, and tells where to; --to DIR names another")
        }
        SessionError::Integrity { what, why } => {
            CliError::integrity(format!("{}: {what}: {why}", args.from.display()))
                .hint("nothing was changed; take another mirror or backup")
        }
        error @ SessionError::Behind { .. } => error.into(),
        error => CliError::from(error)
            .hint("nothing was changed; name the folder of a mirror, or the file of a backup"),
    }
}

fn print(ui: &mut Ui, origin: &str, into: &Path, restored: &Restored) {
    let folder = into.display();
    let size = restored.size;
    if restored.missing.is_empty() {
        let says = format!("{origin}: all {size} entries are in {folder}, and nothing differs");
        ui.lead(Role::Good, "DONE", &says);
    } else {
        let says = format!("{origin}: all {size} entries are in {folder}; {}", restored.missing[0]);
        ui.lead(Role::Caution, "INCOMPLETE", &says);
    }
    let mut table = Table::new(2);
    table.row(["root", format!("{}, signed by the ledger", restored.root).as_str()]);
    let compared =
        format!("{} leaf hashes and {} tiles, all equal", restored.leaf_hashes, restored.tiles);
    table.row(["compared", compared.as_str()]);
    let judged = format!("{} signatures, each admission, a fresh fold", restored.signatures);
    table.row(["judged", judged.as_str()]);
    let absent = match restored.documents_absent {
        0 => String::new(),
        count => format!("; {count} documents are kept nowhere"),
    };
    table.row(["files", format!("{} good{absent}", restored.files).as_str()]);
    let openings = format!("{} good, {} not here", restored.openings, restored.openings_withheld);
    table.row(["openings", openings.as_str()]);
    if restored.entries_saved > 0 {
        let saved = format!("{} entries that the mirror lacked", restored.entries_saved);
        table.row(["saved", saved.as_str()]);
    }
    let key = if restored.has_key {
        "here"
    } else {
        "not here: the ledger can be read, and nothing appended"
    };
    table.row(["ledger key", key]);
    ui.table(&table);
    for missing in restored.missing.iter().skip(1) {
        ui.paragraph(2, &format!("missing: {missing}"));
    }
    if let Some(aside) = &restored.aside {
        ui.paragraph(0, &format!("what was there before is in {}", aside.display()));
    }
    ui.paragraph(
        0,
        "not proved: that nothing was acknowledged after the newest entry that is known here",
    );
    ui.line("next: countersign ledger check");
    ui.json(&Answer {
        origin,
        folder: folder.to_string(),
        size: size.get(),
        root: restored.root.to_string(),
        leaf_hashes: restored.leaf_hashes,
        tiles: restored.tiles,
        signatures: restored.signatures,
        entries_saved: restored.entries_saved,
        files: restored.files,
        documents_absent: restored.documents_absent,
        openings: restored.openings,
        openings_withheld: restored.openings_withheld,
        has_key: restored.has_key,
        aside: restored.aside.as_ref().map(|aside| aside.display().to_string()),
        missing: &restored.missing,
    });
}
