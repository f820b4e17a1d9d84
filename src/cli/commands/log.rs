//! `log`: the entries of the ledger, newest first.

use serde::Serialize;
use serde_json::Value;

use crate::base::digest::{LeafHash, StatementId};
use crate::base::name::MemberId;
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::said;
use crate::cli::text::{WIDTH_MAX, width};
use crate::cli::time::rfc3339;
use crate::verify::VerifiedEntry;

/// Entries without a number of them asked for.
const COUNT: u64 = 20;

/// List the ledger's entries, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign log\n  countersign log -5 --kind approval\n  \
    countersign log --by ada --from 100")]
pub(crate) struct Args {
    /// Start at this entry and go back; the newest where it is not given
    #[arg(long, value_name = "N", value_parser = entry_number)]
    from: Option<u64>,
    /// How many entries; also written -N
    #[arg(short = 'N', long, value_name = "COUNT", default_value_t = COUNT)]
    count: u64,
    /// How many entries, as git writes it: -5
    #[arg(value_name = "-COUNT", allow_negative_numbers = true, value_parser = minus_count)]
    minus: Option<u64>,
    /// Only this kind: governance, change, approval, build, decision, deployment,
    /// override
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = KINDS)]
    kind: Option<String>,
    /// Only what this member signed
    #[arg(long, value_name = "MEMBER")]
    by: Option<String>,
}

const KINDS: [&str; 7] =
    ["governance", "change", "approval", "build", "decision", "deployment", "override"];

/// The number of an entry, `#` before it or not.
pub(crate) fn entry_number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| "an entry is a number: 42 or #42".to_owned())
}

fn minus_count(text: &str) -> Result<u64, String> {
    let count = text.strip_prefix('-').and_then(|digits| digits.parse().ok());
    count.ok_or_else(|| "write how many entries as -5".to_owned())
}

/// One entry as an answer.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) entry: EntryIndex,
    pub(crate) leaf: LeafHash,
    pub(crate) statement: StatementId,
    pub(crate) time: String,
    pub(crate) time_ms: u64,
    pub(crate) kind: &'static str,
    pub(crate) by: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) says: String,
}

#[derive(Serialize)]
struct Answer {
    size: TreeSize,
    entries: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Value>,
}

impl Line {
    /// The line of an entry.
    pub(crate) fn new(desk: &Desk, names: &Names, entry: &VerifiedEntry) -> Self {
        Self {
            entry: entry.index(),
            leaf: entry.entry().leaf,
            statement: entry.id(),
            time: rfc3339(entry.time()),
            time_ms: entry.time().milliseconds(),
            kind: entry.statement().says.kind(),
            by: entry.by().clone(),
            name: names.all().get(entry.by()).cloned(),
            says: said::words(entry, desk.session.view(), names),
        }
    }

    /// The entry in a line of at most 80 columns.
    pub(crate) fn text(&self, names: &Names) -> String {
        let who = fit(&names.of(&self.by), 12);
        let time: String = self.time.chars().take(16).collect();
        let time = time.replace('T', " ");
        let number = format!("#{}", self.entry);
        let pad = 12usize.saturating_sub(width(&who));
        let head = format!("{number:>4}  {time}  {who}{:pad$}  ", "");
        let room = WIDTH_MAX.saturating_sub(width(&head));
        format!("{head}{}", fit(&self.says, room))
    }
}

/// The member that a person means: an id, or a name that only one bears.
///
/// # Errors
/// Where nobody is meant, or several are.
pub(crate) fn member(desk: &Desk, names: &Names, text: &str) -> Result<MemberId, CliError> {
    let roster = desk.session.view().roster();
    if let Ok(id) = MemberId::new(text)
        && roster.kind_ever(&id).is_some()
    {
        return Ok(id);
    }
    let wanted = text.to_lowercase();
    let bears = |name: &str| {
        let name = name.to_lowercase();
        name == wanted || name.split_whitespace().any(|word| word == wanted)
    };
    let mut found = names.all().iter().filter(|(_, name)| bears(name)).map(|(id, _)| id);
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id.clone()),
        (Some(one), Some(other)) => Err(CliError::usage(format!("several are called {text}"))
            .hint(format!("name one by id, such as {one} or {other}"))),
        (None, _) => Err(CliError::usage(format!("nobody on the roster is called {text}"))
            .hint("countersign roster show lists everybody")),
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("log")?;
    let names = desk.names();
    let by = args.by.as_deref().map(|text| member(&desk, &names, text)).transpose()?;
    let count = args.minus.unwrap_or(args.count);
    let size = desk.session.size();
    let newest = size.get().checked_sub(1);
    let start = match (args.from, newest) {
        (Some(from), Some(newest)) if from > newest => {
            return Err(CliError::usage(format!(
                "there is no entry {from}: the newest is {newest}"
            )));
        }
        (from, newest) => from.or(newest),
    };
    let mut lines = Vec::new();
    let mut next = None;
    for index in start.map(|start| (0..=start).rev()).into_iter().flatten() {
        if lines.len() as u64 == count {
            next = Some(index);
            break;
        }
        let entry = desk.session.entry(EntryIndex::new(index))?;
        let is_kind = args.kind.as_ref().is_none_or(|kind| kind == entry.statement().says.kind());
        if is_kind && by.as_ref().is_none_or(|by| by == entry.by()) {
            lines.push(Line::new(&desk, &names, &entry));
        }
    }
    print(context, &names, &Answer { size, entries: lines, next: next.map(Value::from) });
    Ok(ExitStatus::Yes)
}

fn print(context: &mut Context, names: &Names, answer: &Answer) {
    let ui = &mut context.ui;
    for line in &answer.entries {
        ui.line(&line.text(names));
    }
    if answer.entries.is_empty() {
        ui.line("no such entry");
    } else {
        ui.line("times are UTC; one entry whole: countersign show N");
    }
    if let Some(next) = &answer.next {
        ui.note(&format!("more: countersign log --from {next}"));
    }
    ui.json(answer);
}

/// The text within so many columns, cut with two dots.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if width(&kept) + 4 > columns {
            break;
        }
        kept.push(character);
    }
    format!("{kept}..")
}
