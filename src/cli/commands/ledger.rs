//! `ledger`: keeping it, checking it, proving from it.

mod mirror;
mod prove;
mod rotate;

use std::path::PathBuf;

use serde::Serialize;

use super::log::entry_number;
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::desk::{identity, ledger_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::SigningFlags;
use crate::cli::ui::{Table, Ui, Word};
use crate::session::check::{Checked, Damage, check_ledger};
use crate::session::{SessionError, SessionErrorKind};

/// Check the ledger whole, prove from it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check every entry, signature and admission, and the files beside the log
    #[command(after_help = "Works on a ledger that is too damaged to open for other commands.\n\n\
        Examples:\n  countersign ledger check\n  countersign ledger check --json")]
    Check,
    /// Print the newest signed checkpoint
    #[command(after_help = "Examples:\n  countersign ledger checkpoint\n  \
        countersign ledger checkpoint -o checkpoint.txt")]
    Checkpoint {
        /// Write it to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the proof that an entry is in the ledger, or that the ledger only grew
    #[command(after_help = "The file is checked without the ledger: countersign verify FILE\n\n\
        Examples:\n  countersign ledger prove 42 -o entry-42.tlog-proof\n  \
        countersign ledger prove --since 40 -o since-40.tlog-consistency")]
    Prove {
        /// The entry: 42 or #42
        #[arg(
            value_name = "ENTRY",
            value_parser = entry_number,
            required_unless_present = "since",
            conflicts_with = "since"
        )]
        entry: Option<u64>,
        /// The number of entries that an older checkpoint has: what came since only added to them
        #[arg(long, value_name = "SIZE")]
        since: Option<u64>,
        /// Write it to this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Copy the ledger to a folder as plain files, which any web server may serve
    #[command(after_help = "The files are those of C2SP tlog-tiles. Run again, it adds what came \
        since, and\nrefuses to follow another history.\n\n\
        Examples:\n  countersign ledger mirror --to /srv/www/ledger")]
    Mirror {
        /// The folder; it is made where it is missing
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Replace the ledger's own key: the admins sign it
    #[command(after_help = "The new key is made here, with mode 0600, and takes the old one's \
        place once the\nadmins' statement is in the ledger. What the old key signed stays good, \
        and no\ntrust root has to change.\n\nExamples:\n  countersign ledger rotate-key\n  \
        countersign ledger rotate-key -o rotate.json")]
    RotateKey {
        #[command(flatten)]
        flags: SigningFlags,
    },
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Check => check(context),
        Action::Checkpoint { output } => prove::checkpoint(context, output.as_deref()),
        Action::Mirror { to } => mirror::run(context, to),
        Action::RotateKey { flags } => rotate::run(context, flags),
        Action::Prove { entry, since, output } => match (entry, since) {
            (Some(entry), _) => prove::entry(context, *entry, output.as_deref()),
            (None, since) => prove::since(context, since.unwrap_or_default(), output.as_deref()),
        },
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "answer")]
    word: &'static str,
    folder: String,
    origin: &'a str,
    size: TreeSize,
    entries_good: TreeSize,
    signatures: u64,
    checkpoint: Option<TreeSize>,
    files_good: u64,
    documents_absent: u64,
    openings_good: u64,
    openings_withheld: u64,
    damage: Vec<Finding<'a>>,
    missing: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    place: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    what: &'a str,
}

impl<'a> Finding<'a> {
    fn all(found: &'a [Damage]) -> Vec<Self> {
        let one = |damage: &'a Damage| Self {
            place: &damage.place,
            entry: damage.entry,
            what: &damage.what,
        };
        found.iter().map(one).collect()
    }
}

/// Opens nothing that a damaged ledger would refuse: trust root and folder are enough.
fn check(context: &mut Context) -> Result<ExitStatus, CliError> {
    let configuration = context.configuration()?;
    // The ledger is checked also where the repository around it is damaged.
    let repository = context.repository_if_any().ok().flatten();
    let choice = configuration.ledger(repository.as_ref().map(identity).as_ref())?;
    let (trust, _) = configuration.trust_root(choice.value.origin.as_ref())?;
    let folder = choice
        .value
        .folder
        .ok_or_else(|| CliError::usage("there is no home folder to find the ledger in"))?;
    let key = ledger_key_file(&configuration, trust.origin())?;
    let ui = &mut context.ui;
    let mut shown = None;
    let mut progress = |index: EntryIndex, size: TreeSize| {
        let percent = index.get().saturating_mul(100) / size.get().max(1);
        if shown != Some(percent) {
            shown = Some(percent);
            ui.progress(&format!("checking entry {index} of {size}: {percent} %"));
        }
    };
    let outcome = check_ledger(&folder, &trust, &key, &mut progress);
    ui.progress("");
    let checked = match outcome {
        Ok(checked) => checked,
        Err(error) if error.kind() == SessionErrorKind::Integrity => return Err(unopened(&error)),
        Err(error) => return Err(error.into()),
    };
    if let Some(set_back) = set_back(context, &checked)? {
        return Err(set_back);
    }
    let ui = &mut context.ui;
    let (status, word) = verdict(&checked);
    let answer = Answer {
        word: word.as_str(),
        folder: folder.display().to_string(),
        origin: trust.origin().as_str(),
        size: checked.size,
        entries_good: checked.entries_good,
        signatures: checked.signatures,
        checkpoint: checked.checkpoint,
        files_good: checked.files_good,
        documents_absent: checked.documents_absent,
        openings_good: checked.openings_good,
        openings_withheld: checked.openings_withheld,
        damage: Finding::all(&checked.damage),
        missing: Finding::all(&checked.missing),
    };
    print(ui, word, &checked, &answer);
    Ok(status)
}

/// A ledger whose every entry is good, and that had more of them when this user saw it last: an
/// older backup, which every other command refuses.
fn set_back(context: &Context, checked: &Checked) -> Result<Option<CliError>, CliError> {
    let seen = match context.address() {
        Ok(address) => address.newest_seen()?.size,
        // Its repository may be damaged: then only the ledger is looked at.
        Err(_) => return Ok(None),
    };
    let is_whole = checked.damage.is_empty() && checked.entries_good == checked.size;
    Ok((is_whole && checked.size < seen).then(|| {
        CliError::integrity(format!(
            "the ledger was set back: {seen} entries were seen here before, and it has {}, all of \
             them good",
            checked.size
        ))
        .hint("it is an older copy: bring back the newest one; nothing is signed on this one")
    }))
}

/// The store itself cannot be read: there is no entry to name.
fn unopened(error: &SessionError) -> CliError {
    let message = format!("the ledger's store cannot be read: {error}");
    CliError::new(ErrorKind::Integrity, message)
        .hint("keep a copy of the folder as it is, and restore the ledger from its newest backup")
}

const fn verdict(checked: &Checked) -> (ExitStatus, Word) {
    if !checked.damage.is_empty() {
        (ExitStatus::Integrity, Word::Tampered)
    } else if checked.missing.is_empty() {
        (ExitStatus::Yes, Word::Yes)
    } else {
        (ExitStatus::Unavailable, Word::Unreachable)
    }
}

fn print(ui: &mut Ui, word: Word, checked: &Checked, answer: &Answer<'_>) {
    let rest = match checked.damage.first().or(checked.missing.first()) {
        Some(first) => format!("{}: {}", first.place, first.what),
        None => format!(
            "{}: all {} entries are good, and {} signatures",
            answer.origin, checked.size, checked.signatures
        ),
    };
    ui.answer(word, &rest);
    let mut table = Table::new(2);
    let good = format!("{} of {}, from the first on", checked.entries_good, checked.size);
    table.row(["entries good", good.as_str()]);
    let signed = checked.checkpoint.map_or_else(
        || "not reached, or not good".to_owned(),
        |size| format!("signed at {size} entries, good"),
    );
    table.row(["checkpoint", signed.as_str()]);
    let absent = match checked.documents_absent {
        0 => String::new(),
        1 => "; 1 document is not kept here".to_owned(),
        count => format!("; {count} documents are not kept here"),
    };
    table.row(["files", format!("{} good{absent}", checked.files_good).as_str()]);
    let openings =
        format!("{} good, {} withheld", checked.openings_good, checked.openings_withheld);
    table.row(["openings", openings.as_str()]);
    ui.table(&table);
    for more in checked.damage.iter().chain(&checked.missing).skip(1) {
        ui.paragraph(2, &format!("{}: {}", more.place, more.what));
    }
    match word {
        Word::Yes => ui.line("not proved: that no entry was left out before it was signed"),
        Word::Unreachable => ui.line("next: put the missing files back from a backup"),
        _ => ui.paragraph(
            0,
            "next: keep the folder as it is; restore the ledger from its newest backup",
        ),
    }
    ui.json(answer);
}
