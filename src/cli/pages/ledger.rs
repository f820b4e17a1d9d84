//! The ledger's own health: how much there is, who saw it, who governs it, and what came last.

use maud::html;

use super::entry::Rows;
use super::parts::{Said, Word, ago, entry_link, fact, heading, moment};
use super::shell::{Frame, Part};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::log;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::report::{few_admins, few_holders};
use crate::cli::trusted;

/// Entries that are listed, the newest.
const LISTED: u64 = 25;

/// The ledger as it stands.
pub(crate) struct LedgerPage {
    now: Timestamp,
    names: Names,
    origin: String,
    size: u64,
    root: String,
    checkpoint: String,
    newest: Option<Timestamp>,
    trusted: String,
    /// How many witnesses the trust root names, and whether enough of them cosigned.
    witnesses: (usize, bool),
    policy: Option<Policy>,
    warnings: Vec<String>,
    lines: Vec<log::Line>,
}

struct Policy {
    number: u64,
    entry: EntryIndex,
    time: Timestamp,
    text: String,
}

impl LedgerPage {
    /// Reads the ledger's state and its newest entries.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn read(desk: &Desk, now: Timestamp) -> Result<Self, CliError> {
        let session = &desk.session;
        let (view, size) = (session.view(), session.size().get());
        let names = desk.names();
        let mut lines = Vec::new();
        for index in (size.saturating_sub(LISTED)..size).rev() {
            let entry = session.entry(EntryIndex::new(index))?;
            lines.push(log::Line::new(desk, &names, &entry));
        }
        let witnessing = session.witnessing();
        let holders = few_holders(view).map(str::to_owned);
        Ok(Self {
            now,
            origin: desk.trust.origin().to_string(),
            size,
            root: session.checkpoint().root().to_string(),
            checkpoint: session.checkpoint().note().to_string(),
            newest: (size > 0).then(|| view.time()),
            trusted: trusted::line(&witnessing, now),
            witnesses: (witnessing.known, witnessing.is_met),
            policy: view.policy().map(|version| Policy {
                number: version.number,
                entry: version.entry,
                time: version.time,
                text: version.text.clone(),
            }),
            warnings: few_admins(view).into_iter().chain(holders).collect(),
            lines,
            names,
        })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let (word, rest) = match self.witnesses {
            (0, _) => (Word::good("OPEN"), "it answers, and takes statements"),
            (_, true) => (Word::good("WITNESSED"), "enough witnesses saw it grow"),
            (_, false) => (Word::bad("UNWITNESSED"), "fewer witnesses saw it than are wanted"),
        };
        let main = html! {
            (heading(word, &html! { (Said(&self.origin)) }))
            p.sub { (rest) }
            @for warning in &self.warnings { p.caution { strong { "Note: " } (warning) } }
            dl.facts {
                (fact("Entries", &html! { (self.size) }))
                @if let Some(newest) = self.newest {
                    (fact("Newest", &html! { (moment(newest)) ", " (ago(newest, self.now)) }))
                }
                (fact("Root", &html! { code.hash { (self.root) } }))
                (fact("Trust", &html! { (self.trusted) }))
                @if let Some(policy) = &self.policy {
                    (fact("Policy", &html! {
                        (policy.number) ", by " (entry_link(policy.entry)) ", "
                        (moment(policy.time))
                    }))
                }
            }
            details {
                summary { "The signed checkpoint" }
                pre { (self.checkpoint) }
            }
            @if let Some(policy) = &self.policy {
                details {
                    summary { "The policy in force" }
                    pre { (policy.text) }
                }
            }
            h2 { "Newest entries" }
            (Rows { lines: &self.lines, names: &self.names, now: self.now }.table("Newest entries"))
            p.faint {
                "Whether all of it holds is asked where it lies: "
                code.command { "countersign ledger check" }
            }
        };
        frame.page(Part::Ledger, &format!("{} {}", word.text, self.origin), &main)
    }
}
