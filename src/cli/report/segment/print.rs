//! The block of a segment on a screen.

use super::{Discount, Has, SegmentReport};
use crate::cli::report::ask::Ask;
use crate::cli::report::{labelled, wish_words};
use crate::cli::text::counted;
use crate::cli::ui::Ui;
use crate::policy::ReasonCode;

/// So many sign-offs of earlier forms that are not carried are told; `-v` tells all.
const FORMS_TOLD_MAX: usize = 2;

impl SegmentReport {
    /// The block of a segment that is not covered.
    pub(crate) fn print(&self, ui: &mut Ui) {
        ui.paragraph(2, &self.heading());
        self.print_body(ui);
    }

    /// Needs, has, near, not counted and ask, without the heading.
    pub(crate) fn print_body(&self, ui: &mut Ui) {
        for needed in self.missing() {
            labelled(ui, "needs", &wish_words(needed), needed.code.as_str());
        }
        for denial in &self.denials {
            labelled(ui, "denied", &denial.text, denial.code.as_str());
            labelled(ui, "do", denial.code.remedy(), "");
        }
        for reject in &self.rejects {
            let said = format!("{} rejected it, entry {}", reject.name, reject.entry);
            labelled(ui, "no", &said, ReasonCode::Rejected.as_str());
            labelled(ui, "do", &reject.undone(), "");
        }
        for earlier in &self.rejected_earlier {
            earlier.print(ui);
        }
        // What counts for nothing is told below, with why.
        let is_refused = |has: &&Has| {
            has.counts_for.is_empty() && self.not_counted.iter().any(|word| word.entry == has.entry)
        };
        for has in self.has.iter().filter(|has| !is_refused(has)) {
            labelled(ui, "has", &has.said(), "");
        }
        for near in &self.near {
            labelled(ui, "near", &near.said(), near.code.as_str());
        }
        let (told, more) = self.not_counted_told(ui.is_verbose());
        for discount in told {
            labelled(ui, "not", &discount.said(), discount.code.as_str());
        }
        if let Some(more) = more {
            labelled(ui, "", &more, "");
        }
        for ask in merged(&self.ask) {
            labelled(ui, "ask", &ask, "");
        }
        for remedy in self.remedies() {
            labelled(ui, "do", remedy, "");
        }
        if let Some(declared) = self.declared_by_authors() {
            labelled(ui, "do", &declared, "");
        }
    }
}

impl SegmentReport {
    /// The words that do not count, and how many more are left out: of earlier forms that are not
    /// carried here the newest are told, for one is much like the other.
    pub(crate) fn not_counted_told(&self, all: bool) -> (Vec<&Discount>, Option<String>) {
        let is_form =
            |word: &&Discount| word.code == ReasonCode::CarryRefused && word.rule.is_none();
        let mut forms: Vec<_> =
            self.not_counted.iter().filter(is_form).map(|word| word.entry).collect();
        forms.sort_unstable();
        let left_out = if all { 0 } else { forms.len().saturating_sub(FORMS_TOLD_MAX) };
        let oldest = forms.get(left_out).copied();
        let is_told = |word: &&Discount| !is_form(word) || oldest.is_none_or(|of| word.entry >= of);
        let more =
            (left_out > 0).then(|| format!("and {}: -v", counted(left_out, "more earlier form")));
        (self.not_counted.iter().filter(is_told).collect(), more)
    }
}

/// Who is to be asked, those with the same people in one line.
pub(in crate::cli::report) fn merged(asks: &[Ask]) -> Vec<String> {
    let said = |ask: &Ask| [Some(ask.said()), ask.more()].into_iter().flatten();
    let mut lines: Vec<String> = asks.iter().flat_map(said).collect();
    lines.dedup();
    lines
}

/// What passes by its sign-offs, and what needs none because nothing comes of it: `2 changes, all
/// signed off; 2 commits change nothing`.
pub(crate) fn signed_off(segments: &[SegmentReport]) -> String {
    let empty = segments.iter().filter(|one| one.paths == 0).map(|one| one.steps).sum();
    let all = segments.iter().filter(|one| one.paths > 0).count();
    let signed = match all {
        0 => String::new(),
        1 => "1 change, signed off".to_owned(),
        all => format!("{all} changes, all signed off"),
    };
    let verb = if empty == 1 { "changes" } else { "change" };
    let nothing = format!("{} {verb} nothing", counted(empty, "commit"));
    match (all, empty) {
        (_, 0) => signed,
        (0, _) => nothing,
        _ => format!("{signed}; {nothing}"),
    }
}
