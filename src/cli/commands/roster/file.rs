//! The roster as a file: what `roster apply` is given.

use std::path::Path;

use serde::Deserialize;

use crate::base::name::{LevelName, MemberId, TeamName};
use crate::cli::error::CliError;
use crate::statement::words::{Duty, MemberKind};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterFile {
    /// The admins, by id or e-mail address; left out, they stay.
    #[serde(default)]
    pub(super) admins: Option<Vec<String>>,
    /// How many of them must sign; 1 where `admins` stands without it.
    #[serde(default)]
    pub(super) threshold: Option<u32>,
    /// Members; who is not listed stays as is.
    #[serde(default)]
    pub(super) member: Vec<toml::Spanned<Entry>>,
}

/// All that is said of one member.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Option<MemberId>,
    #[serde(default)]
    pub(super) name: String,
    pub(super) kind: Option<MemberKind>,
    pub(super) level: Option<LevelName>,
    #[serde(default)]
    pub(super) teams: Vec<TeamName>,
    #[serde(default)]
    pub(super) duties: Vec<Duty>,
    #[serde(default)]
    pub(super) emails: Vec<String>,
    #[serde(default)]
    pub(super) handles: Vec<String>,
    /// Public key lines, as OpenSSH writes them.
    #[serde(default)]
    pub(super) keys: Vec<String>,
    /// The human who answers for an agent, by id or e-mail address.
    pub(super) operator: Option<String>,
    #[serde(default)]
    pub(super) retired: bool,
}

/// A roster file as text, with what is wrong at which line.
///
/// # Errors
/// Where it is not TOML, or has a field that a roster does not have.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<(String, RosterFile), CliError> {
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("{} is no text", path.display())))?;
    match toml::from_str::<RosterFile>(&text) {
        Ok(file) => Ok((text, file)),
        Err(error) => {
            let line = error.span().map_or(1, |span| Lines::of(&text).line(span.start));
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            Err(CliError::usage(format!("{}: line {line}: {message}", path.display())).hint(
                "a [[member]] has id, name, kind, level, teams, duties, emails, handles, keys, \
                 operator, retired",
            ))
        }
    }
}

/// The lines of a text, counted once for all its members.
#[derive(Debug)]
pub(super) struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { ends: ends.map(|(position, _)| position).collect() }
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, position: usize) -> usize {
        self.ends.partition_point(|end| *end < position) + 1
    }
}
