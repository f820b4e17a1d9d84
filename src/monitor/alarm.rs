//! An alarm: one line of JSON (`spec/monitor.md` sections 2 and 3).

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::digest::{ContentDigest, LeafHash};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::session::follow::{FollowError, Judged};
use crate::verify::trust::TrustRoot;

/// How grave an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Somebody should look.
    Notice,
    /// What should verify does not.
    Integrity,
}

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The ledger signed two histories.
    Fork,
    /// Fewer entries are shown than before.
    Rollback,
    /// What is shown does not add up.
    Broken,
    /// A decision or deployment that nothing supports.
    Unsupported,
    /// A deployment that was allowed, and that another one overtook.
    Unsettled,
    /// A leaked key had signed entries in the time of the leak.
    LeakedKey,
    /// Somebody broke the glass.
    Override,
    /// A policy asks for less than the one before.
    Weakened,
    /// Too many alarms waited for the webhook.
    Suppressed,
}

impl Code {
    /// How grave it is.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Fork | Self::Rollback | Self::Broken | Self::Unsupported => Level::Integrity,
            Self::Unsettled
            | Self::LeakedKey
            | Self::Override
            | Self::Weakened
            | Self::Suppressed => Level::Notice,
        }
    }
}

/// An alarm, as its line says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    code: Code,
    id: ContentDigest,
    line: String,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ContentDigest>,
    level: Level,
    code: Code,
    origin: &'a str,
    ledger: LeafHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    what: String,
    evidence: Value,
}

impl Alarm {
    /// An alarm about the ledger as a whole.
    #[must_use]
    pub fn new(trust: &TrustRoot, code: Code, what: String, evidence: Value) -> Self {
        Self::make(trust, code, None, what, evidence)
    }

    /// An alarm about an entry.
    #[must_use]
    pub fn of_entry(
        trust: &TrustRoot,
        code: Code,
        judged: &Judged<'_>,
        what: String,
        evidence: Value,
    ) -> Self {
        Self::make(trust, code, Some((judged.index, judged.time)), what, evidence)
    }

    fn make(
        trust: &TrustRoot,
        code: Code,
        entry: Option<(EntryIndex, Timestamp)>,
        what: String,
        evidence: Value,
    ) -> Self {
        let mut line = Line {
            kind: "countersign alarm v1",
            id: None,
            level: code.level(),
            code,
            origin: trust.origin().as_str(),
            ledger: trust.ledger(),
            entry: entry.map(|(index, _)| index),
            time: entry.map(|(_, time)| time),
            what,
            evidence,
        };
        let write = |line: &Line<'_>| {
            serde_json::to_string(line).unwrap_or_else(|_| unreachable!("strings and integers"))
        };
        let id = ContentDigest::of(write(&line).as_bytes());
        line.id = Some(id);
        Self { code, id, line: write(&line) }
    }

    /// Why what is shown is not followed; it stands until that is mended.
    #[must_use]
    pub fn of_trouble(trust: &TrustRoot, trouble: &FollowError) -> Self {
        let both = |had: &VerifiedCheckpoint, shown: &VerifiedCheckpoint| {
            let (had, shown) = (had.note().to_string(), shown.note().to_string());
            json!({"had": had, "shown": shown})
        };
        let (code, evidence) = match trouble {
            FollowError::Forked { fork: Some(fork), .. } => {
                (Code::Fork, json!({"fork": fork.to_string()}))
            }
            FollowError::Forked { had, shown, fork: None } => (Code::Fork, both(had, shown)),
            FollowError::RolledBack { had, shown } => (Code::Rollback, both(had, shown)),
            FollowError::Broken { place, .. } => (Code::Broken, json!({"place": place})),
            FollowError::Failed(_) => (Code::Broken, json!({})),
        };
        Self::new(trust, code, trouble.to_string(), evidence)
    }

    /// What it is about.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The SHA-256 of the line without this member.
    #[must_use]
    pub const fn id(&self) -> &ContentDigest {
        &self.id
    }

    /// The line, without a line feed.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
}
