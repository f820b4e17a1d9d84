//! `ledger check`: everything that a ledger says of itself, to the first damage
//! (`spec/ledger.md` section 8).

use std::ops::Range;
use std::path::PathBuf;

use serde::Serialize;

use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::address::Address;
use crate::cli::commands::log::entry_number;
use crate::cli::desk::{identity, ledger_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Table, Ui, Word};
use crate::session::check::{CheckRequest, Checked, Damage, MirrorChecked, check_ledger};
use crate::session::{SessionError, SessionErrorKind, newest_seen};

/// What to check.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Judge the entries from this one on: 42 or #42
    #[arg(long, value_name = "N", value_parser = entry_number, conflicts_with = "range")]
    from: Option<u64>,
    /// Judge the entries from A up to, and without, B
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    range: Option<Range<u64>>,
    /// Check the mirror in this folder too, and hold it against the ledger
    #[arg(long, value_name = "DIR")]
    mirror: Option<PathBuf>,
}

/// Reads `A..B`.
fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("write it as 0..50000")?;
    let range = entry_number(start)?..entry_number(end)?;
    if range.is_empty() { Err("there is no entry in it".to_owned()) } else { Ok(range) }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "answer")]
    word: &'static str,
    folder: String,
    origin: &'a str,
    size: TreeSize,
    /// The entries whose signatures and admission were judged: from, and up to without.
    judged: [u64; 2],
    entries_good: TreeSize,
    signatures: u64,
    checkpoint: Option<TreeSize>,
    files_good: u64,
    documents_absent: u64,
    openings_good: u64,
    openings_withheld: u64,
    view_compared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<MirrorAnswer>,
    damage: Vec<Finding<'a>>,
    missing: Vec<Finding<'a>>,
    findings_more: u64,
}

#[derive(Serialize)]
struct MirrorAnswer {
    size: TreeSize,
    entries_good: TreeSize,
    good: bool,
    files_good: u64,
}

#[derive(Serialize)]
struct Finding<'a> {
    place: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    what: &'a str,
}

impl<'a> Finding<'a> {
    fn all(found: &'a [Damage]) -> Vec<Self> {
        let one = |damage: &'a Damage| Self {
            place: &damage.place,
            entry: damage.entry,
            file: damage.file.as_deref(),
            what: &damage.what,
        };
        found.iter().map(one).collect()
    }
}

impl From<&MirrorChecked> for MirrorAnswer {
    fn from(found: &MirrorChecked) -> Self {
        let MirrorChecked { size, entries_good, is_good, files_good } = *found;
        Self { size, entries_good, good: is_good, files_good }
    }
}

/// Brings the copy of a ledger that a server answers for up to it, with every file.
fn fetch(context: &mut Context) -> Result<(), CliError> {
    let address = context.address()?;
    let session = address.open("ledger check")?;
    let mut bar = context.ui.bar();
    let outcome = session.complete(&mut |done, of| bar.step("fetching", done, of));
    bar.clear();
    Ok(outcome?)
}

/// Opens nothing that a damaged ledger would refuse: trust root and folder are enough.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let configuration = context.configuration()?;
    // The ledger is checked also where the repository around it is damaged.
    let repository = context.repository_if_any().ok().flatten();
    let mut choice = configuration.ledger(repository.as_ref().map(identity).as_ref())?;
    if choice.value.url.is_some() {
        fetch(context)?;
        // By now it is known which ledger is behind the URL.
        choice = configuration.ledger(repository.as_ref().map(identity).as_ref())?;
    }
    let (trust, _) = configuration.trust_root(choice.value.origin.as_ref())?;
    let folder = choice
        .value
        .folder
        .ok_or_else(|| CliError::usage("there is no home folder to find the ledger in"))?;
    let key = ledger_key_file(&configuration, trust.origin())?;
    let mirror = args.mirror.as_deref().map(|mirror| context.environment.resolve(mirror));
    let range = args.range.clone().unwrap_or(args.from.unwrap_or_default()..u64::MAX);
    let request = CheckRequest {
        folder: &folder,
        trust: &trust,
        ledger_key: &key,
        range,
        mirror: mirror.as_deref(),
    };
    let mut bar = context.ui.bar();
    let outcome = check_ledger(&request, &mut |step| bar.step(step.what, step.done, step.of));
    bar.clear();
    let checked = match outcome {
        Ok(checked) => checked,
        Err(error) if error.kind() == SessionErrorKind::Integrity => return Err(unopened(&error)),
        Err(SessionError::NoLedger { folder }) => return Err(gone(context, folder)),
        Err(error) => return Err(error.into()),
    };
    if checked.range.is_empty() && checked.is_good() && checked.size.get() > 0 {
        let what = format!("there is no such entry: the ledger has {}", checked.size);
        return Err(CliError::usage(what).hint("entries are counted from 0"));
    }
    if let Some(set_back) = set_back(context, &checked)? {
        return Err(set_back);
    }
    let (status, word) = verdict(&checked);
    let answer = Answer {
        word: word.as_str(),
        folder: folder.display().to_string(),
        origin: trust.origin().as_str(),
        size: checked.size,
        judged: [checked.range.start, checked.range.end],
        entries_good: checked.entries_good,
        signatures: checked.signatures,
        checkpoint: checked.checkpoint,
        files_good: checked.files_good,
        documents_absent: checked.documents_absent,
        openings_good: checked.openings_good,
        openings_withheld: checked.openings_withheld,
        view_compared: checked.view_compared,
        mirror: checked.mirror.as_ref().map(MirrorAnswer::from),
        damage: Finding::all(&checked.damage),
        missing: Finding::all(&checked.missing),
        findings_more: checked.findings_more,
    };
    print(&mut context.ui, word, &checked, &answer);
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
    let is_good = checked.damage.is_empty();
    Ok((is_good && checked.size < seen).then(|| {
        CliError::integrity(format!(
            "the ledger was set back: {seen} entries were seen here before, and it has {}, all of \
             them good",
            checked.size
        ))
        .hint("it is an older copy: bring back the newest one; nothing is signed on this one")
    }))
}

/// There is no ledger: whoever has seen it before is not to begin another.
fn gone(context: &Context, folder: PathBuf) -> CliError {
    let address = context.address().ok();
    let seen = address.as_ref().and_then(Address::seen).and_then(|path| newest_seen(path).ok()?);
    CliError::from(match seen {
        Some(seen) => SessionError::Gone { folder, size: seen.size },
        None => SessionError::NoLedger { folder },
    })
}

/// The store itself cannot be read: there is no entry to name.
fn unopened(error: &SessionError) -> CliError {
    let message = format!("the ledger's store cannot be read: {error}");
    CliError::new(ErrorKind::Integrity, message)
        .hint("build it again from a mirror or backup: countersign ledger restore --from PATH")
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

/// Entries as people count them: the first and the last.
fn entries(range: &Range<u64>) -> String {
    match range.end - range.start {
        1 => format!("entry {}", range.start),
        _ => format!("entries {} to {}", range.start, range.end - 1),
    }
}

fn print(ui: &mut Ui, word: Word, checked: &Checked, answer: &Answer<'_>) {
    let signatures = checked.signatures;
    let rest = match checked.damage.first().or(checked.missing.first()) {
        Some(first) => format!("{}: {}", first.place, first.what),
        None if checked.is_whole() => format!(
            "{}: all {} entries are good, and {signatures} signatures",
            answer.origin, checked.size
        ),
        None => format!(
            "{}: {} of {} are good, and {signatures} signatures",
            answer.origin,
            entries(&checked.range),
            checked.size
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
    if let Some(mirror) = &checked.mirror {
        let what = format!("{} of {} entries good", mirror.entries_good, mirror.size);
        table.row(["mirror", format!("{what}, {} files", mirror.files_good).as_str()]);
    }
    ui.table(&table);
    for more in checked.damage.iter().chain(&checked.missing).skip(1) {
        ui.paragraph(2, &format!("{}: {}", more.place, more.what));
    }
    if checked.findings_more > 0 {
        ui.line(&format!("  and {} more", checked.findings_more));
    }
    match word {
        Word::Yes if checked.is_whole() => {
            ui.line("not proved: that no entry was left out before it was signed");
        }
        Word::Yes => not_proved(ui, checked),
        Word::Unreachable => ui.paragraph(
            0,
            "next: put the missing files back from a mirror or backup; what a mirror lacks: \
             countersign ledger mirror --whole",
        ),
        _ => next(ui, checked),
    }
    ui.json(answer);
}

/// What a check of a part says less than one of the whole.
fn not_proved(ui: &mut Ui, checked: &Checked) {
    let Range { start, end } = checked.range;
    if start > 0 {
        let before = entries(&(0..start));
        let what = format!(
            "not proved: that those who signed {before} might; of them only form, chain and \
             place in the signed tree were checked, and what they say was taken as admitted"
        );
        ui.paragraph(0, &what);
    }
    if end < checked.size.get() {
        ui.paragraph(
            0,
            &format!(
                "not read: {}; the signed tree begins with those before",
                entries(&(end..checked.size.get()))
            ),
        );
        ui.line(&format!("next: countersign ledger check --from {end}"));
    }
}

fn next(ui: &mut Ui, checked: &Checked) {
    let is_mirror = checked.damage.first().is_some_and(|first| first.place == "mirror");
    let what = if is_mirror {
        "next: keep that mirror as it is, and make another: countersign ledger mirror --to DIR"
    } else {
        "next: keep the folder as it is; build the ledger again from a mirror or backup: \
         countersign ledger restore --in-place --from PATH"
    };
    ui.paragraph(0, what);
}
