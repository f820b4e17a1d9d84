//! A segment line by line: what is there, what is missing, what does not count.

use super::{SegmentReport, person};
use crate::base::time::Span;
use crate::cli::report::{rule_words, wish_words};
use crate::cli::review::assistance_source;
use crate::cli::time;
use crate::cli::ui::Role;
use crate::policy::{Requirement, Standing};

impl SegmentReport {
    /// Every line of the verdict: how it is meant, a word for it, and what is said. All words that
    /// do not count where `is_verbose`.
    pub(crate) fn lines(&self, is_verbose: bool) -> Vec<(Role, &'static str, String)> {
        let mut lines = Vec::new();
        let mut shown = |role: Role, state: &'static str, said: String| {
            lines.push((role, state, said));
        };
        for needed in &self.needs {
            if needed.missing == 0 {
                let by = self.filled_by(needed);
                shown(
                    Role::Good,
                    "ok",
                    format!("{}: {}", rule_words(&needed.because), by.join("; ")),
                );
                continue;
            }
            shown(Role::Bad, "missing", wish_words(needed));
            for by in self.filled_by(needed) {
                shown(Role::Plain, "has", by);
            }
            let mut asks = self.ask.iter();
            if let Some(ask) =
                asks.find(|ask| ask.because == needed.because && ask.need == needed.ask)
            {
                shown(Role::Plain, "", ask.asked());
            }
        }
        for denial in &self.denials {
            shown(Role::Bad, "denied", format!("{} ({})", denial.text, denial.code));
        }
        for reject in &self.rejects {
            shown(Role::Bad, "rejected", format!("{}, entry {}", reject.name, reject.entry));
        }
        for earlier in &self.rejected_earlier {
            shown(Role::Caution, "note", earlier.said());
        }
        for near in &self.near {
            shown(Role::Caution, "near", near.said());
        }
        let (told, more) = self.not_counted_told(is_verbose);
        for word in told {
            shown(Role::Caution, "not counted", format!("{} ({})", word.said(), word.code));
        }
        if let Some(more) = more {
            shown(Role::Faint, "", more);
        }
        for author in &self.authors {
            shown(Role::Faint, "author", format!("{}, {}", author.shown(), known(author.standing)));
        }
        if let Some(declared) = self.declared_by_authors() {
            shown(Role::Plain, "do", declared);
        }
        let from = assistance_source(self.assistance_from);
        shown(Role::Faint, "AI", format!("{}, {from}", self.assistance));
        lines
    }

    /// The sign-offs that fill a requirement.
    fn filled_by(&self, needed: &Requirement) -> Vec<String> {
        let filling = self.has.iter().filter(|has| needed.filled_by.contains(&has.member));
        let said = filling.map(|has| {
            let who = person(&has.name, has.level.as_ref(), has.presence);
            let age = time::span(Span::from_milliseconds(has.age_milliseconds));
            format!("{who}, {age} ago, {}", has.place())
        });
        said.collect()
    }
}

const fn known(standing: Standing) -> &'static str {
    match standing {
        Standing::Proved => "signed for it",
        Standing::Attested => "attested by a service",
        Standing::Claimed => "claimed by the commit",
    }
}
