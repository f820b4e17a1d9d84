//! A page that cannot be shown, and why.

use axum::http::StatusCode;
use maud::html;

use super::parts::{Linked, Word, heading, told};
use super::shell::{Frame, Part, document};
use crate::cli::error::{CliError, ErrorKind};
use crate::server::Problem;

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

/// The page of an answer that is an error and no page: it says nothing of the ledger, for whoever
/// reads it may not be allowed to read more.
pub(crate) fn problem_page(problem: &Problem) -> String {
    let word = match problem.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Word::caution("NOT ALLOWED"),
        StatusCode::NOT_FOUND => Word::caution("NOT FOUND"),
        status if status.is_client_error() => Word::caution("NOT UNDERSTOOD"),
        StatusCode::SERVICE_UNAVAILABLE => Word::bad("UNREACHABLE"),
        _ => Word::bad("FAILED"),
    };
    let main = html! {
        (heading(word, &html! { (Linked(&problem.why)) }))
        p { a href="/" { "What is live" } " \u{b7} " a href="/queue" { "What waits" } }
    };
    document(Part::Elsewhere, word.text, &main, None)
}
