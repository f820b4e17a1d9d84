//! One change: what it needs and has, what it touches, and everything that was said of it.

use maud::{Markup, html};

use super::entry::Rows;
use super::parts::{Said, Word, command, commit, deployment_link, fact, heading, line, told};
use super::shell::{Frame, Part};
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::log;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::report::SegmentReport;
use crate::cli::review::{Difference, Place, PlaceArgs, Subject, differences};
use crate::cli::text;
use crate::cli::text::counted;
use crate::git::Range;
use crate::ledger::topics;
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::words::{Mode, SubjectType};
use crate::verify::VerifiedEntry;
use crate::verify::cover::Cover;

/// Paths that are listed; the others are counted.
const PATHS_LISTED_MAX: usize = 200;
/// The newest settled points whose covers are searched for the change.
const SETTLED_MAX: usize = 200;

/// What is asked about.
#[derive(Debug, Clone)]
pub(crate) struct ChangeArgs {
    /// The change.
    pub(crate) change: ChangeHash,
    /// For which place it is judged.
    pub(crate) place: PlaceArgs,
    /// Where it lies, as somebody says.
    pub(crate) range: Option<Range>,
}

/// A change and all that is known of it here.
pub(crate) struct ChangePage {
    now: Timestamp,
    change: ChangeHash,
    place: String,
    mode: Mode,
    /// None where its commits are not here.
    judged: Option<Judged>,
    /// The deployment that brought it, if any.
    deployed: Option<EntryIndex>,
    words: Vec<log::Line>,
    names: Names,
}

struct Judged {
    report: SegmentReport,
    difference: Difference,
    commits: usize,
    range: Range,
}

impl ChangePage {
    /// Reads a change.
    ///
    /// # Errors
    /// Where nothing is known of it, or repository or ledger cannot be read.
    pub(crate) fn read(desk: &Desk, args: &ChangeArgs, now: Timestamp) -> Result<Self, CliError> {
        let place = Place::new(desk, &args.place)?;
        let names = desk.names();
        let entries = desk.session.entries_under([topics::change(args.change)])?;
        let judged = judge(desk, &place, args, &entries, &names, now)?;
        if judged.is_none() && entries.is_empty() {
            let message = format!("nothing is known of the change {}", args.change.short());
            return Err(CliError::usage(message).hint("what waits is in the queue"));
        }
        let words = entries.iter().map(|entry| log::Line::new(desk, &names, entry)).collect();
        Ok(Self {
            now,
            change: args.change,
            mode: place.mode(),
            deployed: deployed(desk, &place, args.change)?,
            place: format!("{} to {}", place.service.name, place.environment),
            judged,
            words,
            names,
        })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let title = self.judged.as_ref().map(|judged| judged.report.title.clone());
        let title = title.unwrap_or_else(|| format!("change {}", self.change.short()));
        let (word, said) = self.answer();
        let said_of_it = Rows { lines: &self.words, names: &self.names, now: self.now };
        let main = html! {
            (heading(word, &html! { (Said(&title)) }))
            p.sub { (self.place) ": " (said) }
            @if let Some(judged) = &self.judged {
                (judged.facts(self.change))
                @if self.deployed.is_none() { (judged.verdict()) }
                (judged.paths())
            } @else {
                p {
                    "Its commits are not in the server's clone: only what was said of it is known."
                }
                dl.facts { (fact("Change", &html! { code.hash { (self.change) } })) }
            }
            h2 { "Said of it" }
            (said_of_it.table("What was said of the change"))
        };
        frame.page(Part::Elsewhere, &format!("{} {title}", word.text), &main)
    }

    fn answer(&self) -> (Word, Markup) {
        if let Some(deployment) = self.deployed {
            let said = html! { "signed off, brought by " (deployment_link(deployment)) };
            return (Word::good("YES"), said);
        }
        match (&self.judged, self.mode) {
            (None, _) => (Word::plain("UNKNOWN"), html! { "not judged here" }),
            (Some(judged), _) if judged.report.satisfied => {
                (Word::good("YES"), html! { "signed off" })
            }
            (Some(judged), Mode::Enforce) => (Word::bad("NO"), html! { (judged.report.open()) }),
            (Some(judged), Mode::Observe) => {
                (Word::caution("WOULD REFUSE"), html! { (judged.report.open()) })
            }
        }
    }
}

impl Judged {
    fn facts(&self, change: ChangeHash) -> Markup {
        let (added, removed) = self.difference.totals();
        let base = self.range.base.as_ref();
        html! {
            dl.facts {
                (fact("Change", &html! { code.hash { (change) } }))
                (fact("Commits", &html! {
                    (counted(self.commits, "commit")) ", from "
                    @match base { Some(base) => (commit(base)), None => "nothing" }
                    " to " (commit(&self.range.head))
                }))
                (fact("Size", &html! {
                    (counted(self.difference.rows.len(), "file")) ", "
                    (counted(added, "line")) " came, " (removed) " went"
                }))
                @if !self.report.requests.is_empty() {
                    (fact("Request", &html! { (Said(&self.report.requests.join(", "))) }))
                }
            }
        }
    }

    /// The verdict line by line.
    fn verdict(&self) -> Markup {
        html! {
            h2 { "What it needs and has" }
            ul.lines {
                @for (role, state, said) in self.report.lines(true) {
                    (line(role, state, &told(&said)))
                }
                @if self.report.needs.is_empty() {
                    (line(crate::cli::ui::Role::Good, "ok", &html! {
                        "nobody's sign-off: every path is exempt"
                    }))
                }
            }
            @if !self.report.satisfied {
                p.next { "Next: " (told(&self.report.next())) }
            }
        }
    }

    fn paths(&self) -> Markup {
        let rows = &self.difference.rows;
        let left_out = rows.len().saturating_sub(PATHS_LISTED_MAX);
        let base = self.range.base.as_ref().map_or("", Revision::short);
        html! {
            h2 { "What it touches" }
            table.rows role="table" {
                caption.hidden { "Changed paths" }
                thead role="rowgroup" {
                    tr role="row" {
                        th scope="col" role="columnheader" { "Path" }
                        th.how scope="col" role="columnheader" { "How" }
                        th.number.amount scope="col" role="columnheader" { "Lines" }
                    }
                }
                tbody role="rowgroup" {
                    @for row in rows.iter().take(PATHS_LISTED_MAX) {
                        tr role="row" {
                            td role="cell" data-label="Path" {
                                code.path { (Said(&text::escape_bytes(row.path.as_bytes()))) }
                            }
                            td role="cell" data-label="How" {
                                (how(row.status))
                                @if let Some((old, new)) = row.modes {
                                    ", mode " (old) " to " (new)
                                }
                            }
                            td.number role="cell" data-label="Lines" {
                                @if row.opaque.is_some() {
                                    strong.caution { (row.counts()) }
                                } @else {
                                    span {
                                        span.good { "+" (row.added) } " "
                                        span.bad { "\u{2212}" (row.removed) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if left_out > 0 { p.faint { "and " (left_out) " more" } }
            p.faint {
                "What the lines are is read where the commits are: "
                (command(&format!("git diff {base} {}", self.range.head.short())))
            }
        }
    }
}

const fn how(status: char) -> &'static str {
    match status {
        'A' => "added",
        'D' => "deleted",
        'T' => "another kind of thing",
        _ => "changed",
    }
}

/// Judges the change where its commits are here.
fn judge(
    desk: &Desk,
    place: &Place,
    args: &ChangeArgs,
    entries: &[VerifiedEntry],
    names: &Names,
    now: Timestamp,
) -> Result<Option<Judged>, CliError> {
    let Some(repository) = desk.repository.as_ref() else { return Ok(None) };
    let said = entries.iter().rev().flat_map(|entry| ranges(entry, place, args.change));
    for range in args.range.clone().into_iter().chain(said) {
        // Whoever names commits may name any: it is the change only if its hash is.
        let document = repository.document(range.base.as_ref(), &range.head);
        if document.is_ok_and(|document| document.hash() == args.change) {
            let argument = argument(entries, args.change, &range);
            let subject = match Subject::load(desk, place, range.clone(), &argument, now) {
                Ok(subject) => subject,
                // What cannot be judged as a change is still known by what was said of it.
                Err(error) if error.kind == ErrorKind::Usage => return Ok(None),
                Err(error) => return Err(error),
            };
            let report = subject.report(desk, place, names);
            let difference = differences(repository, &subject)?;
            let commits = subject.commits();
            return Ok(Some(Judged { report, difference, commits, range }));
        }
    }
    Ok(None)
}

/// How a command names it: by its hash where somebody declared it, else by where it lies.
fn argument(entries: &[VerifiedEntry], change: ChangeHash, range: &Range) -> String {
    let declares = |entry: &VerifiedEntry| matches!(entry.statement().says, Says::Change(_));
    match &range.base {
        _ if entries.iter().any(declares) => format!("--change {}", change.short()),
        Some(base) => format!("{}..{}", base.short(), range.head.short()),
        None => range.head.short().to_owned(),
    }
}

/// Between which commits an entry says that the change lies.
fn ranges(entry: &VerifiedEntry, place: &Place, change: ChangeHash) -> Vec<Range> {
    let repository = &place.service.repository;
    match &entry.statement().says {
        Says::Change(said) if said.repository == *repository && said.change == change => {
            vec![Range { base: said.base.clone(), head: said.head.clone() }]
        }
        Says::Approval(said) if said.subject_type == SubjectType::Change => {
            let rows = said.rows.iter().filter(|row| {
                row.hash.as_bytes() == change.as_bytes()
                    && row.repository.as_ref() == Some(repository)
            });
            let range = |head: Revision, base: Option<Revision>| Range { base, head };
            rows.filter_map(|row| Some(range(row.head.clone()?, row.base.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The settled deployment whose cover has the change.
fn deployed(
    desk: &Desk,
    place: &Place,
    change: ChangeHash,
) -> Result<Option<EntryIndex>, CliError> {
    let points = desk.session.view().settled(&place.service.name, &place.environment).all();
    for point in points.iter().rev().take(SETTLED_MAX) {
        let Some(digest) = point.cover else { continue };
        let found = desk.session.blobs().get(&digest);
        let Some(bytes) = found.map_err(|error| CliError::from(SessionError::from(error)))? else {
            continue;
        };
        let cover = Cover::parse(&bytes).map_err(|error| {
            CliError::integrity("the cover of a decision does not parse").because(&error)
        })?;
        if cover.segments.iter().any(|row| row.change == change) {
            return Ok(Some(point.entry.index));
        }
    }
    Ok(None)
}
