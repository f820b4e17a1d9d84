//! `ledger`: keeping it, checking it, proving from it.

mod backup;
mod check;
mod gather;
mod mirror;
mod prove;
mod restore;
mod rotate;

use std::path::PathBuf;

use super::log::entry_number;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;

/// Check the ledger whole, prove from it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check every entry, signature and admission, and the files beside the log
    #[command(after_help = "Works on a ledger that is too damaged to open for other commands.\n\
        A part of the entries proves less, and the answer says what.\n\n\
        Examples:\n  countersign ledger check\n  \
        countersign ledger check --mirror /srv/www/ledger\n  \
        countersign ledger check --range 0..50000\n  \
        countersign ledger check --from 50000 --json")]
    Check(check::Args),
    /// Print the newest signed checkpoint
    #[command(after_help = "Examples:\n  countersign ledger checkpoint\n  \
        countersign ledger checkpoint -o checkpoint.txt\n  \
        countersign ledger checkpoint --witness")]
    Checkpoint {
        /// Ask every witness to cosign it first
        #[arg(long)]
        witness: bool,
        /// Write it to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the proof that an entry is in the ledger, or that the ledger only grew
    #[command(after_help = "The file is checked without the ledger: countersign verify FILE\n\n\
        Examples:\n  countersign ledger prove 42 -o entry-42.tlog-proof\n  \
        countersign ledger prove --since 40 -o since-40.tlog-consistency\n  \
        countersign ledger prove --bundle release.bundle -o release.bundle")]
    Prove {
        /// The entry: 42 or #42
        #[arg(
            value_name = "ENTRY",
            value_parser = entry_number,
            required_unless_present_any = ["since", "bundle"],
            conflicts_with_all = ["since", "bundle"]
        )]
        entry: Option<u64>,
        /// The number of entries that an older checkpoint has: what came since only added to them
        #[arg(long, value_name = "SIZE")]
        since: Option<u64>,
        /// A bundle that a gate wrote: its entries are proved anew, under the newest
        /// checkpoint that enough witnesses cosigned; nothing else of it changes
        #[arg(long, value_name = "FILE", conflicts_with = "since", requires = "output")]
        bundle: Option<PathBuf>,
        /// Write it to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Keep a verified copy of the ledger as plain files, which any web server may serve
    #[command(after_help = "The files are those of C2SP tlog-tiles, and blobs/ beside them. Run \
        again, it\nadds what came since; killed, it goes on where it was. It follows no other \
        history.\nWhat may be forgotten goes to a folder of its own.\n\n\
        Examples:\n  countersign ledger mirror --to /srv/www/ledger\n  \
        countersign ledger mirror --to /srv/www/ledger --openings /srv/private --follow")]
    Mirror(mirror::Args),
    /// Keep the whole ledger in one file, while it is used
    #[command(after_help = "The file is a tar archive; tar -tf lists it, and sha256sum checks it \
        by its manifest.\nThe ledger's own key is not in it, unless --with-key asks for it: keep \
        that elsewhere.\n\nExamples:\n  \
        countersign ledger backup --to ledger.tar\n  \
        countersign ledger backup --to ledger.tar --with-key")]
    Backup(backup::Args),
    /// Build the ledger again from a mirror or backup, and prove that nothing differs
    #[command(after_help = "Also where the store cannot be opened at all. What is there is moved \
        aside, never\nremoved. A mirror or backup that is older than what was acknowledged is \
        refused.\n\nExamples:\n  \
        countersign ledger restore --from /srv/www/ledger --in-place\n  \
        countersign ledger restore --from ledger.tar --to /srv/ledger")]
    Restore(restore::Args),
    /// Replace the ledger's own key: the admins sign it
    #[command(after_help = "The new key is made here, with mode 0600, and takes the old one's \
        place once\nthe admins' statement is in the ledger. What the old key signed stays good.\n\
        Whoever has files alone knows the new key by the proof of that entry, which is\n\
        written to the present folder (rotated-N.tlog-proof), or by another trust root\n\
        for files; the pinned one stays.\n\nExamples:\n  \
        countersign ledger rotate-key\n  \
        countersign ledger rotate-key -o rotate.json")]
    RotateKey {
        #[command(flatten)]
        flags: SigningFlags,
    },
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Check(args) => check::run(context, args),
        Action::Checkpoint { witness: false, output } => {
            prove::checkpoint(context, output.as_deref())
        }
        Action::Checkpoint { witness: true, output } => gather::run(context, output.as_deref()),
        Action::Backup(args) => backup::run(context, args),
        Action::Restore(args) => restore::run(context, args),
        Action::Mirror(args) => mirror::run(context, args),
        Action::RotateKey { flags } => rotate::run(context, flags),
        Action::Prove { bundle: Some(bundle), output: Some(output), .. } => {
            prove::bundle(context, bundle, output)
        }
        Action::Prove { entry, since, output, .. } => match (entry, since) {
            (Some(entry), _) => prove::entry(context, *entry, output.as_deref()),
            (None, since) => prove::since(context, since.unwrap_or_default(), output.as_deref()),
        },
    }
}
