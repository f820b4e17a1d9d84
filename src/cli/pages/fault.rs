//! A page that cannot be shown, and why.

use maud::html;

use super::parts::{Linked, Word, heading, told};
use super::shell::{Frame, Part};
use crate::cli::error::{CliError, ErrorKind};

impl Frame {
    /// The page of an error: what, why, what next.
    pub(crate) fn fault(&self, error: &CliError) -> String {
        let word = match error.kind {
            ErrorKind::Usage => Word::caution("NOT FOUND"),
            ErrorKind::Integrity => Word::bad("TAMPERED"),
            ErrorKind::Unavailable => Word::bad("UNREACHABLE"),
        };
        let main = html! {
            (heading(word, &html! { (Linked(&error.message)) }))
            @for cause in &error.causes { p { "Caused by: " (Linked(cause)) } }
            @for hint in &error.hints { p.next { (told(hint)) } }
            p { a href="/" { "What is live" } " \u{b7} " a href="/queue" { "What waits" } }
        };
        self.page(Part::Elsewhere, word.text, &main)
    }
}

/// The status of an answer that is an error.
pub(crate) const fn fault(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Usage => 404,
        ErrorKind::Integrity => 500,
        ErrorKind::Unavailable => 503,
    }
}
