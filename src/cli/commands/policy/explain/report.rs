//! The sums as one screen for people, and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::Place;
use super::tally::{Asked, Row, Tally};
use crate::base::name::Revision;
use crate::cli::history::Walked;
use crate::cli::text;
use crate::cli::ui::{Cell, Role, Table, Ui};
use crate::policy::{FLOOR, Presence};
use crate::statement::words::Assistance;

/// Most rows about tools; the screen is to hold everything in 22 lines.
const TOOL_ROWS_MAX: usize = 3;
/// Most rows about what is asked.
const WISH_ROWS_MAX: usize = 3;
/// Columns that are left for a rule's name, however long its wish is.
const BECAUSE_COLUMNS_MIN: usize = 17;

/// All that is answered.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    first: Option<&'a Revision>,
    last: Option<&'a Revision>,
    /// Whether the history of the clone is cut off before the first commit.
    cut_off: bool,
    /// The policy's file; `None` is the built-in policy.
    policy: Option<String>,
    environment: &'a str,
    service: Option<&'a str>,
    #[serde(flatten)]
    tally: &'a Tally,
    asked: Vec<AskedOfSome<'a>>,
}

#[derive(Serialize)]
struct AskedOfSome<'a> {
    changes: usize,
    #[serde(flatten)]
    asked: &'a Asked,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        walked: &'a Walked,
        place: &'a Place,
        tally: &'a Tally,
        policy: Option<String>,
    ) -> Self {
        let asked = tally.requirements().into_iter();
        Self {
            first: walked.commits.first(),
            last: walked.commits.last(),
            cut_off: walked.cut_off_at.is_some(),
            policy,
            environment: place.environment.as_str(),
            service: place.is_service_listed.then(|| place.service.as_str()),
            tally,
            asked: asked.map(|(asked, changes)| AskedOfSome { changes, asked }).collect(),
        }
    }
}

/// Prints the answer: its first line says all, its last what to type next.
pub(super) fn print(ui: &mut Ui, answer: &Answer<'_>, has_ledger: bool) {
    ui.json(answer);
    let tally = answer.tally;
    ui.paragraph(0, &sentence(tally));
    ui.blank();
    if let Some(each) = &tally.each {
        ui.table(&rows(each));
        ui.blank();
    }
    ui.table(&facts(answer));
    ui.blank();
    if tally.wanting > 0 {
        ui.paragraph(2, &heading(answer));
        ui.table(&wishes(answer));
        ui.blank();
    }
    for remark in remarks(tally) {
        ui.paragraph(2, &remark);
    }
    ui.blank();
    let next = match (answer.cut_off, has_ledger, &answer.policy) {
        (true, _, _) => "git fetch --unshallow".to_owned(),
        (false, false, _) => "countersign init".to_owned(),
        (false, true, Some(file)) => format!("countersign policy apply {file}"),
        (false, true, None) => "countersign status".to_owned(),
    };
    ui.lead(Role::Strong, "next:", &next);
}

/// The answer in one sentence.
fn sentence(tally: &Tally) -> String {
    let Tally { changes, assisted, wanting, wanting_and_named: named, .. } = *tally;
    let of = match changes {
        1 => "The one change".to_owned(),
        count => format!("Of {count} changes"),
    };
    if changes == 1 {
        let assisted = if assisted == 1 { "is AI-assisted" } else { "shows no AI" };
        let wanting = match (wanting, named) {
            (0, _) => "wants no other human",
            (_, 0) => "wants another human, and names none",
            _ => "wants another human, and names one",
        };
        return format!("{of} {assisted} and {wanting}.");
    }
    let assisted = match assisted {
        0 => "none shows AI".to_owned(),
        1 => "1 is AI-assisted".to_owned(),
        count => format!("{count} are AI-assisted"),
    };
    let wanting_words = match wanting {
        0 => return format!("{of} {assisted} and none wants another human."),
        1 => "1 wants another human".to_owned(),
        count if count == changes => "all want another human".to_owned(),
        count => format!("{count} want another human"),
    };
    let named = match named {
        0 => "none names one".to_owned(),
        1 => "1 names one".to_owned(),
        count => format!("{count} name one"),
    };
    format!("{of} {assisted}, {wanting_words}, {named}.")
}

/// Which policy is asked about what.
fn heading(answer: &Answer<'_>) -> String {
    let Some(policy) = &answer.policy else {
        return "What the built-in policy would have asked for:".to_owned();
    };
    let environment = answer.environment;
    let place = match answer.service {
        Some(service) => format!("{service} in {environment}"),
        None => environment.to_owned(),
    };
    format!("What {policy} would have asked for {place}:")
}

/// A row of the table of facts.
fn fact(table: &mut Table, name: &str, count: usize, of: usize, detail: String) {
    let share = match (count * 100).checked_div(of) {
        Some(0) if count > 0 => " <1 %".to_owned(),
        Some(percent) if of > 1 => format!("{percent:>3} %"),
        _ => String::new(),
    };
    table.row([
        Cell::from(name),
        Cell::new(Role::Strong, format!("{count:>5}")),
        Cell::new(Role::Faint, share),
        Cell::from(detail),
    ]);
}

fn facts(answer: &Answer<'_>) -> Table {
    let tally = answer.tally;
    let of = tally.changes;
    let mut table = Table::new(2);
    let short = |commit: Option<&Revision>| commit.map_or("", Revision::short).to_owned();
    let mut range = match of + tally.unread {
        1 => format!("{}, against its first parent", short(answer.last)),
        _ => format!("{} to {} along first parents", short(answer.first), short(answer.last)),
    };
    if answer.cut_off {
        range.push_str("; this clone is shallow");
    }
    fact(&mut table, "changes", of, 0, range);
    let generated = match tally.generated {
        0 => String::new(),
        count => format!("{count} with a tool as author"),
    };
    fact(&mut table, "AI-assisted", tally.assisted, of, generated);
    let not_asked = BTreeMap::from([("exempt", tally.exempt), ("empty", tally.empty)]);
    let rare = [
        ("by automations", tally.automation, "dependency updaters, pipelines and apps".to_owned()),
        ("nobody asked", tally.exempt + tally.empty, counts(&not_asked)),
        ("colliding paths", tally.colliding, "denied: equal where case is ignored".to_owned()),
    ];
    let is_crowded = rare.iter().all(|(_, count, _)| *count > 0);
    tools(&mut table, tally, if is_crowded { 1 } else { TOOL_ROWS_MAX });
    fact(&mut table, "opaque paths", tally.opaque, of, counts(&tally.opaque_kinds));
    for (name, count, detail) in rare {
        if count > 0 {
            fact(&mut table, name, count, of, detail);
        }
    }
    if tally.wanting > 0 {
        let assisted = match tally.assisted_wanting {
            0 => String::new(),
            count => format!("; {} of {count} AI-assisted", tally.assisted_and_named),
        };
        let detail = format!("in trailers, unproved{assisted}");
        fact(&mut table, "name a reviewer", tally.wanting_and_named, tally.wanting, detail);
    }
    table
}

/// A row a tool, the busiest first, in at most so many rows.
fn tools(table: &mut Table, tally: &Tally, rows_max: usize) {
    let mut tools: Vec<_> = tally.tools.iter().collect();
    tools.sort_by_key(|(_, tool)| std::cmp::Reverse(tool.changes));
    let shown = if tools.len() > rows_max { rows_max - 1 } else { tools.len() };
    let (shown, others) = tools.split_at(shown);
    for (name, tool) in shown {
        fact(table, &format!("  {name}"), tool.changes, tally.changes, counts(&tool.signs));
    }
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
        let count = others.iter().map(|(_, tool)| tool.changes).sum();
        let name = if shown.is_empty() { "  tools" } else { "  others" };
        fact(table, name, count, tally.changes, shortened(&names.join(", "), 40));
    }
}

/// `co-author 38, author 2`, the most first; what is 0 is left out.
fn counts<K: AsRef<str> + Ord>(counts: &BTreeMap<K, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{} {count}", name.as_ref())).collect();
    shortened(&parts.join(", "), 44)
}

fn wishes(answer: &Answer<'_>) -> Table {
    let wishes = answer.asked.len();
    let shown = if wishes > WISH_ROWS_MAX { WISH_ROWS_MAX - 1 } else { wishes };
    let shown = &answer.asked[..shown];
    let ask = |wish: &Asked| {
        let checklist = if wish.checklist.is_empty() { "" } else { ", checklist" };
        let touched = if wish.presence > Presence::NoTouch { ", key touched" } else { "" };
        format!("{}{checklist}{touched}", wish.ask)
    };
    let because = |wish: &Asked| match wish.because.as_str() {
        FLOOR => "the floor".to_owned(),
        rule => format!("{rule:?}"),
    };
    let widest = |words: &dyn Fn(&Asked) -> String| {
        shown.iter().map(|asked| text::width(&words(asked.asked))).max().unwrap_or(0)
    };
    // Beside the indent, the count and the spaces between; what is asked comes first.
    let columns = text::WIDTH_MAX - 2 - (5 + 2) - 2;
    let because_columns = widest(&because).min(BECAUSE_COLUMNS_MIN);
    let ask_columns = widest(&ask).min(columns - because_columns);
    let mut table = Table::new(2);
    for asked in shown {
        let wish = asked.asked;
        table.row([
            Cell::new(Role::Strong, format!("{:>5}", asked.changes)),
            Cell::from(shortened(&ask(wish), ask_columns)),
            Cell::new(Role::Faint, shortened(&because(wish), columns - ask_columns)),
        ]);
    }
    let more = wishes - shown.len();
    if more > 0 {
        table.row([Cell::from(""), Cell::from(format!("and {more} more, with --json"))]);
    }
    table
}

/// What the figures rest on, and what would change them.
fn remarks(tally: &Tally) -> Vec<String> {
    let mut remarks = Vec::new();
    let more = |count| match count {
        0 => "no change wants more people".to_owned(),
        1 => "1 change wants more people".to_owned(),
        count => format!("{count} changes want more people"),
    };
    if tally.changes > tally.assisted {
        let counts = match tally.undeclared {
            Some(Assistance::Generated) | None => {
                "A change that nobody declares counts as written by AI here"
            }
            Some(_) => {
                "With undeclared = \"generated\" a change that nobody declares counts as such"
            }
        };
        remarks.push(format!(
            "A commit can hide that AI wrote it. {counts}: then {}.",
            more(tally.undeclared_asks_more)
        ));
    }
    if tally.unproved_asks_more > 0 {
        remarks.push(format!(
            "If no author signs with a key of their own, {}.",
            more(tally.unproved_asks_more)
        ));
    }
    if !tally.roster_rules.is_empty() {
        let rules = match tally.roster_rules.len() {
            1 => "1 rule rests".to_owned(),
            count => format!("{count} rules rest"),
        };
        remarks
            .push(format!("{rules} on the roster; without one every author is below every level."));
    }
    remarks
}

/// One line a change.
fn rows(each: &[Row]) -> Table {
    /// Columns for the rules that ask.
    const WHO_COLUMNS_MAX: usize = 20;
    let who = |row: &Row| {
        let name = |because: &str| if because == FLOOR { "floor" } else { because }.to_owned();
        let names: Vec<String> = row.asked.iter().map(|asked| name(&asked.because)).collect();
        let text = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        shortened(&text, WHO_COLUMNS_MAX)
    };
    let who_columns = each.iter().map(|row| text::width(&who(row))).max().unwrap_or(0);
    // A short id, the assistance and the reviewer before the title, two spaces after each.
    let title_columns = text::WIDTH_MAX - (10 + 2) - (9 + 2) - (5 + 2) - (who_columns + 2);
    let mut table = Table::new(0);
    for row in each {
        let (role, seen) = match row.assistance {
            Assistance::None => (Role::Faint, "-"),
            other => (Role::Caution, other.as_str()),
        };
        let read = if row.reviewers.is_empty() { "-" } else { "named" };
        table.row([
            Cell::new(Role::Faint, row.commit.short()),
            Cell::new(role, seen),
            Cell::from(who(row)),
            Cell::from(read),
            Cell::from(shortened(&row.title, title_columns)),
        ]);
    }
    table
}

/// A text cut to a number of columns.
fn shortened(text: &str, columns_max: usize) -> String {
    let text = text::escape(text);
    if text::width(&text) <= columns_max {
        return text.into_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if text::width(&kept) > columns_max.saturating_sub(3) {
            kept.pop();
            break;
        }
    }
    format!("{}...", kept.trim_end())
}
