//! What is counted and measured, in the text formats of Prometheus (`spec/server.md` section 1).

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::events::Event;

/// How what is counted is written: the older form, which everything reads, unless the newer is
/// asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The text format of Prometheus.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

impl Form {
    /// The form that an `Accept` line asks for.
    pub(super) fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// Its content type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Requests are counted by these. A resource is a word of ours, never a path that somebody sent, so
/// that nobody makes many of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requests {
    resource: &'static str,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Resource {
    resource: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// All that is counted and measured.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Requests, Counter>,
    request_duration: Family<Resource, Histogram, fn() -> Histogram>,
    statements: Family<Outcome, Counter>,
    commits: Family<Outcome, Counter>,
    commit_duration: Histogram,
    commit_statements: Histogram,
    witnesses: Family<Outcome, Counter>,
    entries: Gauge,
    waiting: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

/// From half a millisecond to 16 seconds.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}

impl Metrics {
    pub(super) fn new() -> Self {
        let this = Self {
            registry: Registry::with_prefix("countersign"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(durations),
            statements: Family::default(),
            commits: Family::default(),
            commit_duration: durations(),
            commit_statements: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            witnesses: Family::default(),
            entries: Gauge::default(),
            waiting: Gauge::default(),
        };
        this.registered()
    }

    fn registered(mut self) -> Self {
        let all = &mut self.registry;
        all.register("requests", "Requests that were answered", self.requests.clone());
        all.register_with_unit(
            "request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        all.register("statements", "Statements that were handed in", self.statements.clone());
        all.register("commits", "Commits of the ledger", self.commits.clone());
        all.register_with_unit(
            "commit_duration",
            "Time that a commit takes until it is durable",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        all.register(
            "commit_statements",
            "Statements that were judged in one commit",
            self.commit_statements.clone(),
        );
        all.register("witness_answers", "Answers of witnesses", self.witnesses.clone());
        all.register("entries", "Entries of the ledger", self.entries.clone());
        all.register("waiting_requests", "Requests that wait for a commit", self.waiting.clone());
        self
    }

    /// Counts what happened.
    pub(super) fn note(&self, event: &Event) {
        let outcome = |outcome| Outcome { outcome };
        match event {
            Event::Answered { path, status, elapsed, .. } => {
                let resource = resource_of(path);
                let labels = Requests { resource, status: u32::from(*status) };
                self.requests.get_or_create(&labels).inc();
                let duration = self.request_duration.get_or_create(&Resource { resource });
                duration.observe(elapsed.as_secs_f64());
            }
            Event::Judged { outcome: found, entry, .. } => {
                let word = match (found.as_str(), entry) {
                    ("known", Some(_)) => "known",
                    (_, Some(_)) => "taken_up",
                    (_, None) => "refused",
                };
                self.statements.get_or_create(&outcome(word)).inc();
            }
            Event::Committed { envelopes, elapsed, .. } => {
                self.commits.get_or_create(&outcome("durable")).inc();
                self.commit_duration.observe(elapsed.as_secs_f64());
                let count = u32::try_from(*envelopes).unwrap_or(u32::MAX);
                self.commit_statements.observe(f64::from(count));
            }
            Event::Failed { .. } => {
                self.commits.get_or_create(&outcome("failed")).inc();
            }
            Event::Renewed { .. } | Event::Lacking { .. } => {}
            Event::Witnessed { is_alarming, outcome: found, .. } => {
                let word = match (is_alarming, found.as_str()) {
                    (true, _) => "alarming",
                    (false, "cosigned") => "cosigned",
                    (false, _) => "other",
                };
                self.witnesses.get_or_create(&outcome(word)).inc();
            }
        }
    }

    /// The text, with how many entries there are and how many requests wait.
    pub(super) fn text(&self, form: Form, entries: u64, waiting: usize) -> String {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        match form {
            Form::OpenMetrics => text,
            Form::Text => older(&text),
        }
    }
}

/// The same in the older form: there a counter is called in its comments as in its lines, and a
/// unit and an end are not known.
fn older(text: &str) -> String {
    let counters: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut lines = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), ..) => {}
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                // Writing to a String cannot fail.
                let _ = writeln!(lines, "# {what} {name}_total {rest}");
            }
            _ => lines.extend([line, "\n"]),
        }
    }
    lines
}

/// What a path is of, in a word.
fn resource_of(path: &str) -> &'static str {
    const KNOWN: [(&str, &str); 15] = [
        ("/checkpoint", "checkpoint"),
        ("/tile/entries/", "entries"),
        ("/tile/", "tile"),
        ("/blobs/", "blob"),
        ("/v1/salt", "salt"),
        ("/v1/openings/", "opening"),
        ("/v1/statements", "statements"),
        ("/v1/queue", "queue"),
        ("/v1/status", "status"),
        ("/v1/verdict", "verdict"),
        ("/v1/bundles/", "bundle"),
        ("/v1/gate", "gate"),
        ("/healthz", "health"),
        ("/metrics", "metrics"),
        ("/openapi.json", "openapi"),
    ];
    let is_its = |begin: &str| path == begin || (begin.ends_with('/') && path.starts_with(begin));
    KNOWN.iter().find(|(begin, _)| is_its(begin)).map_or("other", |(_, word)| word)
}
