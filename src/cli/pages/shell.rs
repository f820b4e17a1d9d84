//! What every page has around it.

use maud::{DOCTYPE, Markup, html};

use super::parts::{Said, entry_link};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::text;
use crate::cli::trusted;

/// The style of every page, served by itself: no page has a style of its own.
pub(crate) const STYLE: &str = include_str!("style.css");
/// The icon.
pub(crate) const ICON: &str = include_str!("icon.svg");

/// What a browser is told with every page: it runs no script, loads the style and the icon from
/// here and nothing from elsewhere, is framed by nobody, and tells nobody where it came from.
pub(crate) const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Which part of the site a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What is live.
    Overview,
    /// What waits.
    Queue,
    /// Who is there.
    Members,
    /// The log itself.
    Ledger,
    /// None of them.
    Elsewhere,
}

const PARTS: [(Part, &str, &str); 4] = [
    (Part::Overview, "/", "Live"),
    (Part::Queue, "/queue", "Queue"),
    (Part::Members, "/members", "Members"),
    (Part::Ledger, "/ledger", "Ledger"),
];

/// What the pages of a ledger have in common.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    origin: String,
    size: u64,
    trusted: String,
}

impl Frame {
    /// The frame of a ledger as it is now.
    pub(crate) fn of(desk: &Desk, now: Timestamp) -> Self {
        Self {
            origin: desk.trust.origin().to_string(),
            size: desk.session.size().get(),
            trusted: trusted::line(&desk.session.witnessing(), now),
        }
    }

    /// A page, as it is sent. `title` is what stands in the browser's tab.
    pub(super) fn page(&self, part: Part, title: &str, main: &Markup) -> String {
        document(part, title, main, Some(self))
    }

    /// What the page rests on, and what no page proves.
    fn foot(&self) -> Markup {
        html! {
            footer.foot {
                p {
                    "Ledger " (Said(&self.origin)) ", "
                    @match self.size.checked_sub(1) {
                        Some(newest) => {
                            (self.size) @if newest == 0 { " entry" } @else { " entries" }
                            "; the newest is " (entry_link(EntryIndex::new(newest))) ". "
                        }
                        None => "empty. ",
                    }
                    (first_upper(&self.trusted)) "."
                }
                p {
                    "Not proved: that nothing reached production around the gate. This page is a "
                    "convenience: who must be sure asks with "
                    code { "countersign" } ", which verifies every signature itself."
                }
            }
        }
    }
}

/// A page as it is sent, with what it rests on at its foot.
pub(super) fn document(part: Part, title: &str, main: &Markup, frame: Option<&Frame>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " \u{b7} countersign" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    p.mark { a href="/" { "countersign" } }
                    nav aria-label="Parts" {
                        ul {
                            @for (other, path, name) in PARTS {
                                li {
                                    @let here = (other == part).then_some("page");
                                    a href=(path) aria-current=[here] { (name) }
                                }
                            }
                        }
                    }
                }
                main #main tabindex="-1" { (main) }
                @if let Some(frame) = frame { (frame.foot()) }
            }
        }
    };
    seal(&page.into_string())
}

/// The first letter as a capital.
fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A document in which no character hides or turns text around, whoever wrote it. Line ends and
/// tabs are layout.
fn seal(document: &str) -> String {
    let mut sealed = String::with_capacity(document.len());
    for part in document.split_inclusive(['\n', '\t']) {
        let content = part.strip_suffix(['\n', '\t']).unwrap_or(part);
        sealed.push_str(&text::escape(content));
        sealed.push_str(&part[content.len()..]);
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame { origin: "shop.example/ledger".to_owned(), size: 1, trusted: "trusted".to_owned() }
    }

    #[test]
    fn a_page_runs_no_script_and_spells_out_what_hides() {
        let hostile = "</title><script>alert(1)</script>\u{202e}\u{0}\"'&";
        let main = html! { p { (Said(hostile)) } };
        let page = frame().page(Part::Queue, hostile, &main);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(page.chars().all(|one| one == '\n' || !text::is_hidden(one)), "{page}");
        assert!(page.contains("\\u{202e}\\u{0}"), "{page}");
        // The part that one is in is told to who cannot see it.
        assert_eq!(page.matches("aria-current=\"page\"").count(), 1);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let policy = HEADERS[0].1;
        for told in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(told), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert!(!STYLE.contains("@import") && !STYLE.contains("url("), "the style loads nothing");
        assert!(!ICON.contains("<script") && !ICON.contains("href"), "the icon is a picture");
    }
}
