//! One entry of the ledger, whole; and lists of entries.

use maud::{Markup, html};

use super::parts::{Linked, Said, ago, deployment_link, entry_link, fact, member_link, moment};
use super::shell::{Frame, Part};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::{log, show};
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::said;
use crate::statement::Says;

/// Entries as the log has them, a row each.
pub(super) struct Rows<'a> {
    pub(super) lines: &'a [log::Line],
    pub(super) names: &'a Names,
    pub(super) now: Timestamp,
}

impl Rows<'_> {
    /// The table; `caption` is for who does not see where it stands.
    pub(super) fn table(&self, caption: &str) -> Markup {
        if self.lines.is_empty() {
            return html! { p { "Nothing." } };
        }
        html! {
            table.rows role="table" {
                caption.hidden { (caption) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for name in ["Entry", "When", "Who", "What"] {
                            th.(name.to_lowercase()) scope="col" role="columnheader" { (name) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for line in self.lines {
                        tr role="row" {
                            td role="cell" data-label="Entry" { (entry_link(line.entry)) }
                            td role="cell" data-label="When" {
                                (ago(Timestamp::from_milliseconds(line.time_ms), self.now))
                            }
                            td role="cell" data-label="Who" { (member_link(self.names, &line.by)) }
                            td role="cell" data-label="What" { (Linked(&line.says)) }
                        }
                    }
                }
            }
        }
    }
}

/// One entry.
pub(crate) struct EntryPage {
    names: Names,
    answer: show::Answer,
    kind: &'static str,
    time: Timestamp,
    /// Whether there is a page of a deployment or decision for it.
    is_decided: bool,
}

impl EntryPage {
    /// Reads an entry.
    ///
    /// # Errors
    /// Where there is none, or it does not verify.
    pub(crate) fn read(desk: &Desk, index: EntryIndex) -> Result<Self, CliError> {
        let entry = desk.session.entry(index)?;
        let leaf = desk.session.leaf(index)?;
        let names = desk.names();
        let answer = show::answer(desk, &names, &entry, &leaf)?;
        let says = &entry.statement().says;
        Ok(Self {
            kind: said::kind(says),
            time: entry.time(),
            is_decided: matches!(says, Says::Decision(_) | Says::Deployment(_)),
            answer,
            names,
        })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let answer = &self.answer;
        let title = format!("Entry {}: {}", answer.entry, self.kind);
        let payload = serde_json::to_string_pretty(&answer.payload).unwrap_or_default();
        let main = html! {
            h1 { (title) " by " (member_link(&self.names, &answer.by)) }
            p.lead { (Linked(&answer.says)) }
            @if self.is_decided {
                p.next { "What it rests on: " (deployment_link(answer.entry)) }
            }
            dl.facts {
                (fact("When", &moment(self.time)))
                (fact("Leaf", &html! { code.hash { (answer.leaf) } }))
                (fact("Before it", &html! {
                    code.hash { (answer.prev) }
                    @if let Some(before) = answer.entry.get().checked_sub(1) {
                        ", " (entry_link(EntryIndex::new(before)))
                    }
                }))
                (fact("Statement", &html! { code.hash { (answer.statement) } }))
                @if let Some(seen) = answer.seen {
                    (fact("Had seen", &html! { "the ledger at " (seen) " entries" }))
                }
            }
            h2 { "Signatures" }
            ul.lines {
                @for signature in &answer.signatures {
                    @let class = if signature.standing == "good" { "good" } else { "bad" };
                    li {
                        span.state.(class) { @if class == "good" { "good" } @else { "not good" } }
                        span.said {
                            @if let Some(owner) = &signature.owner {
                                (member_link(&self.names, owner)) ", "
                            }
                            code.hash { (signature.key.to_string()) } ", " (signature.presence)
                            @if class == "bad" { ", " (signature.standing) }
                        }
                    }
                }
            }
            @if !answer.openings.is_empty() {
                h2 { "In words" }
                dl.facts {
                    @for opened in &answer.openings {
                        (fact(&opened.what, &html! {
                            @match &opened.text {
                                Some(text) => (Said(text)),
                                None => span.faint { "withheld" },
                            }
                        }))
                    }
                }
            }
            @if !answer.related.is_empty() {
                h2 { "Has to do with" }
                ul.lines {
                    @for related in &answer.related {
                        li {
                            span.state.plain { (entry_link(related.entry)) }
                            span.said { (related.how) }
                        }
                    }
                }
            }
            details {
                summary { "What was signed" }
                pre { (payload) }
            }
        };
        frame.page(Part::Ledger, &title, &main)
    }
}
