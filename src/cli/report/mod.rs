//! How a verdict reads: for people, and as JSON with names of members that never change.

mod ask;
mod near;
mod observed;
mod overriding;
mod owed;
mod rejected;
mod segment;
mod undone;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::name::{ChecklistItem, EnvironmentName, MemberId, ServiceName};
use crate::cli::desk::{self, Names};
use crate::cli::text;
use crate::cli::ui::Ui;
use crate::evidence::RejectedForm;
use crate::policy::{FLOOR, Policy, Presence, ReasonCode, Requirement};
use crate::view::View;

pub(crate) use ask::{Ask, could_fill, could_sign};
pub(crate) use near::{SignedEarlier, signed_earlier, signed_earlier_of};
pub(crate) use observed::observed_words;
pub(crate) use overriding::{Overriding, override_command};
pub(crate) use owed::{
    Emergency, OwedLine, SIGNED_OFF, elsewhere_lines, few_admins, few_admins_of, few_holders,
    listed, more_of, override_holders, owed_lines, went_ahead,
};
pub(crate) use rejected::{RejectedEarlier, likeness_words};
pub(crate) use segment::{AuthorReport, Near, SegmentReport, signed_off};
pub(crate) use verdict::{LiveLine, RecordedLine, VerdictReport};

/// What reports look names, levels and people up in.
pub(crate) struct Reporting<'a> {
    /// What people are called.
    pub(crate) names: &'a Names,
    /// Who is there.
    pub(crate) view: &'a View,
    /// What levels there are.
    pub(crate) policy: &'a Policy,
    /// How many changes wait for each member, where that is known.
    pub(crate) waiting: BTreeMap<MemberId, usize>,
    /// Sign-offs of other versions of the changes that are judged.
    pub(crate) signed: Vec<SignedEarlier>,
    /// Rejects of other versions of the changes that are judged.
    pub(crate) rejected: Vec<RejectedForm>,
    /// What commands need beside the commits: ` --service search`, or nothing.
    pub(crate) flags: String,
}

impl<'a> Reporting<'a> {
    /// Without knowledge of who has how much to do.
    pub(crate) const fn new(names: &'a Names, view: &'a View, policy: &'a Policy) -> Self {
        Self {
            names,
            view,
            policy,
            waiting: BTreeMap::new(),
            signed: Vec::new(),
            rejected: Vec::new(),
            flags: String::new(),
        }
    }

    /// For a place that commands must name, where they would mean another or none.
    pub(crate) fn at(mut self, service: &ServiceName, environment: &EnvironmentName) -> Self {
        self.flags = place_flags(self.policy, service, environment);
        self
    }
}

/// The flags without which a command would not mean the place: nothing where it does.
pub(crate) fn place_flags(
    policy: &Policy,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> String {
    let mut flags = String::new();
    let repository = policy.service(service).map(|one| &one.repository);
    let here = policy.services().iter().filter(|one| Some(&one.repository) == repository);
    // Writing to a String cannot fail.
    if here.count() > 1 {
        let _ = write!(flags, " --service {service}");
    }
    let meant = desk::environment(policy, None);
    // A cell that no rule names is asked for what its group is.
    let is_meant = |meant: EnvironmentName| {
        meant.group() == environment.group() && !policy.names_cell(environment)
    };
    if !meant.is_ok_and(|meant| meant == *environment || is_meant(meant)) {
        let _ = write!(flags, " --env {environment}");
    }
    flags
}

/// Columns before the text of a labelled line.
const LABEL_COLUMNS: usize = 11;

/// `    needs  TEXT                CODE`: a label, a text that wraps beside it, and a code at the
/// right end of the first line.
fn labelled(ui: &mut Ui, label: &str, said: &str, code: &str) {
    let escaped = text::escape(said);
    let code_columns = if code.is_empty() { 0 } else { text::width(code) + 2 };
    let room = text::WIDTH_MAX - LABEL_COLUMNS;
    // Only the first line is shorter for the code; the others have room to the edge.
    let fits = text::width(&escaped) + code_columns <= room;
    let lines = match escaped.find(": countersign ") {
        // A command that does not fit has a line of its own, so that it can be copied.
        Some(at) if code.is_empty() && text::width(&escaped) > room => {
            let mut lines = text::wrap(&escaped[..=at], 0, room);
            lines.extend(text::wrap(&escaped[at + 2..], 0, room));
            lines
        }
        _ => text::wrap(&escaped, 0, if fits { room } else { room - code_columns }),
    };
    for (number, line) in lines.iter().enumerate() {
        let start = if number == 0 { format!("    {label:<7}") } else { " ".repeat(LABEL_COLUMNS) };
        if number == 0 && !code.is_empty() {
            let gap = (room - code_columns + 2).saturating_sub(text::width(line)).max(2);
            ui.line(&format!("{start}{line}{}{code}", " ".repeat(gap)));
        } else {
            // A command and a digest are there to be copied: they stay whole, further to the left.
            let room = text::WIDTH_MAX.saturating_sub(text::width(line));
            let start = if number == 0 { &start } else { &start[..start.len().min(room)] };
            ui.line(&format!("{start}{line}"));
        }
    }
}

/// Something that denies beside missing sign-offs, and what to do about it.
pub(crate) fn print_problem(ui: &mut Ui, code: ReasonCode, said: &str, hint: Option<&str>) {
    labelled(ui, "denied", said, code.as_str());
    if let Some(hint) = hint {
        labelled(ui, "do", hint, "");
    }
}

/// The rule that asks, in short: the floor needs no explaining beside what it asks.
pub(crate) fn rule_words(because: &str) -> &str {
    if because == FLOOR { "the floor" } else { because }
}

/// The last line: what to do next. A command is never broken, so that it can be copied.
pub(crate) fn print_next(ui: &mut Ui, next: &str) {
    let line = format!("next: {next}");
    match line.find(": countersign ") {
        _ if text::width(&line) <= text::WIDTH_MAX => ui.line(&line),
        // The first one is the label's own colon: all of it is the command.
        Some(at) if at > "next".len() => {
            ui.paragraph(0, &line[..=at]);
            ui.line(&format!(" {}", &line[at + 1..]));
        }
        Some(_) => ui.line(&line),
        None => match line.find("  countersign ") {
            Some(at) => {
                ui.line(&line[..at]);
                ui.line(&line[at..]);
            }
            None => ui.paragraph(0, &line),
        },
    }
}

/// What is asked for, by which rule, and how it must be signed: `1 of sre: infra/** has a high
/// blast radius (touched; answers rollback plan)`.
pub(crate) fn wish_words(requirement: &Requirement) -> String {
    let how = how_words(requirement);
    format!("{}: {}{how}", requirement.ask, rule_words(&requirement.because))
}

/// How a sign-off must be made to count: ` (touched; answers rollback plan)`, or nothing.
pub(crate) fn how_words(requirement: &Requirement) -> String {
    let mut how = Vec::new();
    match requirement.presence {
        Presence::NoTouch => {}
        Presence::TouchClaimed => how.push("touched".to_owned()),
        Presence::Touch => how.push("touched, attested".to_owned()),
    }
    if requirement.exact_only {
        how.push("exact".to_owned());
    }
    if !requirement.checklist.is_empty() {
        let items: Vec<&str> = requirement.checklist.iter().map(ChecklistItem::as_str).collect();
        how.push(format!("answers {}", items.join(", ")));
    }
    if how.is_empty() { String::new() } else { format!(" ({})", how.join("; ")) }
}

/// What is said of a signature's presence; nothing where nobody touched a key.
const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::NoTouch => "",
        Presence::TouchClaimed => "touch claimed",
        Presence::Touch => "touch",
    }
}
