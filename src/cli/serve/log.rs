//! The log of a server: a line of JSON for each event, on standard error.

use std::net::IpAddr;

use serde::Serialize;

use crate::base::time::Timestamp;
use crate::cli::time::rfc3339;
use crate::cli::ui::Ui;
use crate::server::Event;

/// A line. Times are in UTC; what is not known is left out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    event: &'static str,
    #[serde(flatten)]
    said: Said<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Answered {
        method: &'a str,
        path: &'a str,
        status: u16,
        microseconds: u128,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<IpAddr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
    },
    Judged {
        statement: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a str>,
        outcome: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
    },
    Committed {
        entries: u64,
        envelopes: usize,
        size: u64,
        microseconds: u128,
    },
    Failed {
        why: &'a str,
    },
    Renewed {
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
    },
    Witnessed {
        witness: &'a str,
        outcome: &'a str,
    },
    Lost {
        lines: u64,
    },
}

/// Longest path that is written whole, in characters.
const PATH_CHARACTERS_MAX: usize = 200;

/// Writes what happened: requests that only read and went well are details, as commits are.
pub(crate) fn tell(ui: &mut Ui, event: &Event, lost: u64, now: Timestamp) {
    let time = || rfc3339(now);
    if lost > 0 {
        let (level, event) = ("warning", "lost");
        ui.log(&Line { time: time(), level, event, said: Said::Lost { lines: lost } });
    }
    let (level, name, said) = match event {
        Event::Answered { method, path, status, elapsed, token, peer, why } => {
            let reads = matches!(method.as_str(), "GET" | "HEAD");
            let level = match status {
                500.. => "error",
                400.. => "warning",
                _ if reads => "debug",
                _ => "info",
            };
            let end = path.char_indices().nth(PATH_CHARACTERS_MAX).map_or(path.len(), |(at, _)| at);
            let said = Said::Answered {
                method,
                path: &path[..end],
                status: *status,
                microseconds: elapsed.as_micros(),
                token: token.as_deref(),
                peer: *peer,
                why: why.as_deref(),
            };
            (level, "answered", said)
        }
        Event::Judged { statement, by, outcome, entry } => {
            let (by, entry) = (by.as_deref(), *entry);
            ("info", "judged", Said::Judged { statement, by, outcome, entry })
        }
        Event::Committed { entries, envelopes, elapsed, size } => {
            let (entries, envelopes, size) = (*entries, *envelopes, size.get());
            let microseconds = elapsed.as_micros();
            let said = Said::Committed { entries, envelopes, size, microseconds };
            ("debug", "committed", said)
        }
        Event::Failed { why } => ("error", "failed", Said::Failed { why }),
        Event::Lacking { why } => ("warning", "lacking", Said::Failed { why }),
        Event::Renewed { failure } => {
            let level = if failure.is_some() { "error" } else { "info" };
            (level, "certificate", Said::Renewed { why: failure.as_deref() })
        }
        Event::Witnessed { witness, outcome, is_alarming } => {
            let level = if *is_alarming { "error" } else { "debug" };
            (level, "witnessed", Said::Witnessed { witness, outcome })
        }
    };
    if level != "debug" || ui.is_verbose() {
        ui.log(&Line { time: time(), level, event: name, said });
    }
}
