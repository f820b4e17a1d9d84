//! What a reviewer sees before the signature.

use super::{Difference, Place, Subject, since_words};
use crate::change::marks::{CommitText, marks};
use crate::cli::desk::Desk;
use crate::cli::report::{
    AuthorReport, Reporting, SegmentReport, SignedEarlier, could_sign, likeness_words, wish_words,
};
use crate::cli::text::{self, WIDTH_MAX, counted};
use crate::cli::time;
use crate::cli::ui::{Table, Ui};
use crate::evidence::Likeness;
use crate::policy::AssistanceSource;
use crate::roster::Member;

/// More rows than this are counted, not listed; those that cannot be read are always listed.
const ROWS_LISTED_MAX: usize = 12;
/// Columns of what the policy wants, before the numbers.
const WANT_COLUMNS: usize = 50;

/// Prints title, hash, paths, authors, assistance, and what the policy wants with and without
/// this reviewer.
pub(crate) fn print_summary(
    ui: &mut Ui,
    desk: &Desk,
    place: &Place,
    subject: &Subject,
    difference: &Difference,
    me: &Member,
) {
    let names = desk.names();
    let report = subject.report(desk, place, &names);
    print_heading(ui, place, subject, &report);
    let (added, removed) = difference.totals();
    let authors: Vec<_> = report.authors.iter().map(AuthorReport::shown).collect();
    let base = subject.range.base.as_ref().map_or("nothing", |base| base.short());
    ui.paragraph(
        2,
        &format!(
            "{} +{added} -{removed}, {} on {} {base}, by {}",
            counted(difference.rows.len(), "file"),
            counted(subject.commits(), "commit"),
            place.branch(),
            authors.join(" and ")
        ),
    );
    ui.paragraph(2, &format!("AI: {}", assistance(subject, &report)));
    if let Some(before) = subject.signed_before_by(&me.id) {
        let SignedEarlier { form, since } = before;
        let (signed, when) = (form.change.short(), time::ago(form.time, subject.loaded));
        // Where nobody says that one is a version of the other it reads so.
        let guess = match form.because {
            Likeness::Paths { .. } => format!(" ({})", likeness_words(form.because)),
            Likeness::Predecessor | Likeness::Request => String::new(),
        };
        let since = since_words(since.as_ref());
        ui.paragraph(2, &format!("you signed {signed} {when}{guess}; {since}"));
    }
    for reject in &report.rejects {
        ui.paragraph(2, &format!("{} rejected it, entry {}", reject.name, reject.entry));
    }
    for earlier in &report.rejected_earlier {
        ui.paragraph(2, &earlier.said());
    }
    ui.blank();
    print_rows(ui, difference);
    ui.blank();
    print_wants(ui, desk, place, subject, &report, me);
}

fn print_heading(ui: &mut Ui, place: &Place, subject: &Subject, report: &SegmentReport) {
    let mut said = place.service.name.to_string();
    for request in &report.requests {
        said.push(' ');
        said.push_str(request);
    }
    let is_number = subject.argument.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !report.requests.contains(&subject.argument) {
        said.push_str(" #");
        said.push_str(&subject.argument);
    }
    let title = text::escape(&report.title);
    let hash = format!("change {}", subject.change().short());
    let left = format!("{said}  {title}");
    let room = WIDTH_MAX - text::width(&hash) - 2;
    if text::width(&left) <= room {
        let gap = " ".repeat(room - text::width(&left) + 2);
        ui.line(&format!("{left}{gap}{hash}"));
    } else {
        ui.paragraph(0, &left);
        ui.line(&format!("  {hash}"));
    }
}

/// Where the assistance that counts comes from, in words.
pub(crate) const fn assistance_source(source: AssistanceSource) -> &'static str {
    match source {
        AssistanceSource::Declared => "declared",
        AssistanceSource::Default => "nobody declared it",
        AssistanceSource::Detected => "the commits show it",
        AssistanceSource::AgentAuthor => "an author is an agent",
        AssistanceSource::ToolAuthor => "an author is a tool",
    }
}

/// `generated, declared; marks of Claude Code`.
fn assistance(subject: &Subject, report: &SegmentReport) -> String {
    let source = assistance_source(report.assistance_from);
    let tools = tools(subject);
    let marks =
        if tools.is_empty() { String::new() } else { format!("; marks of {}", tools.join(", ")) };
    format!("{}, {source}{marks}", report.assistance)
}

/// The tools that the commits show marks of.
pub(crate) fn tools(subject: &Subject) -> Vec<String> {
    let mut tools = Vec::new();
    for commit in subject.gathered.steps.iter().flat_map(|step| &step.step.commits) {
        let found = marks(&CommitText::of(&commit.author, &commit.committer, &commit.message));
        tools.extend(found.into_iter().map(|mark| mark.tool));
    }
    tools.sort_unstable();
    tools.dedup();
    tools
}

fn print_rows(ui: &mut Ui, difference: &Difference) {
    let mut table = Table::new(4);
    let mut left_out = 0;
    for (number, row) in difference.rows.iter().enumerate() {
        if number >= ROWS_LISTED_MAX && row.opaque.is_none() {
            left_out += 1;
            continue;
        }
        let modes =
            row.modes.map_or_else(String::new, |(old, new)| format!(", mode {old} to {new}"));
        let path = text::escape_bytes(row.path.as_bytes());
        table.row([row.status.to_string(), path, format!("{}{modes}", row.counts())]);
    }
    ui.table(&table);
    if left_out > 0 {
        ui.paragraph(4, &format!("and {left_out} more"));
    }
}

fn print_wants(
    ui: &mut Ui,
    desk: &Desk,
    place: &Place,
    subject: &Subject,
    report: &SegmentReport,
    me: &Member,
) {
    let names = desk.names();
    let reporting = Reporting::new(&names, desk.session.view(), &place.policy);
    let heading = format!("{} wants", place.environment);
    ui.line(&format!("  {heading:<width$}  has  with you", width = WANT_COLUMNS + 2));
    let mut helped: Vec<&str> = Vec::new();
    for needed in &report.needs {
        let has = needed.filled_by.len();
        // Within a rule a person fills one place.
        let mine = needed.missing > 0
            && !helped.contains(&needed.because.as_str())
            && could_sign(&reporting, &subject.segment.authors, needed, me);
        if mine {
            helped.push(&needed.because);
        }
        let with_me = has + usize::from(mine);
        let all = usize::try_from(needed.need.count).unwrap_or(usize::MAX);
        let missing = usize::try_from(needed.missing).unwrap_or(usize::MAX);
        let state = if missing <= usize::from(mine) { "done" } else { "open" };
        let said = text::escape(&wish_words(needed)).into_owned();
        for (number, line) in text::wrap(&said, 2, WANT_COLUMNS).iter().enumerate() {
            let pad = " ".repeat(WANT_COLUMNS.saturating_sub(text::width(line)));
            if number == 0 {
                let with_me = with_me.min(all.max(has));
                ui.line(&format!("    {line}{pad}  {has:>3}  {with_me:>8}  {state}"));
            } else {
                ui.line(&format!("    {line}"));
            }
        }
    }
    if report.needs.is_empty() {
        ui.paragraph(4, "nobody's sign-off: every path is exempt");
    }
    for denial in &report.denials {
        ui.paragraph(4, &format!("denied whoever signs: {} ({})", denial.text, denial.code));
        ui.paragraph(4, &format!("do: {}", denial.code.remedy()));
    }
}
