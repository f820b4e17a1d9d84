//! Lists of entries: what somebody signed, and everything about a hash.

use super::Period;
use super::answer::Scope;
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::cli::commands::log::Line;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::text::counted;
use crate::statement::Says;
use crate::statement::change::DeclaredAuthor;
use crate::verify::VerifiedEntry;

/// Entries under a heading.
pub(super) struct Listing {
    pub(super) heading: String,
    pub(super) lines: Vec<Line>,
}

impl Listing {
    /// What a member signed, and what they wrote by somebody's declaration, oldest first: a bot
    /// signs nothing.
    pub(super) fn person(
        desk: &Desk,
        names: &Names,
        member: &MemberId,
        scope: &Scope,
        period: &Period,
    ) -> Result<Self, CliError> {
        let signed = |entry: &VerifiedEntry| {
            // An admin who signs what another proposed has signed it as well.
            let roster = desk.session.view().roster();
            let owner = |key| roster.key(key).and_then(|record| record.owner(scope.ledger_size));
            entry.by() == member || entry.keys().iter().any(|key| owner(key) == Some(member))
        };
        let wrote = |entry: &VerifiedEntry| match &entry.statement().says {
            Says::Change(body) => body
                .authors
                .iter()
                .any(|author| matches!(author, DeclaredAuthor::Member(id) if id == member)),
            _ => false,
        };
        let told = |entry: &VerifiedEntry| signed(entry) || wrote(entry);
        let lines = scan(desk, names, scope, period, &told)?;
        let by_others = scan(desk, names, scope, period, &|entry| wrote(entry) && !signed(entry))?;
        let left = desk.session.view().roster().member(member, scope.size).is_none();
        let left = if left { ", no longer a member" } else { "" };
        let count = counted(lines.len() - by_others.len(), "entry");
        let by_others = match by_others.len() {
            0 => String::new(),
            1 => ", wrote 1 change that another declared".to_owned(),
            many => format!(", wrote {many} changes that others declared"),
        };
        let called = names.of(member);
        let heading = format!("{called} ({member}{left}) signed {count}{by_others}");
        Ok(Self { heading, lines })
    }

    /// Every entry that names a hash which starts so.
    pub(super) fn hash(
        desk: &Desk,
        names: &Names,
        start: &str,
        scope: &Scope,
        period: &Period,
    ) -> Result<Self, CliError> {
        let lines = scan(desk, names, scope, period, &|entry| names_hash(entry, start))?;
        if lines.is_empty() {
            return Err(CliError::usage(format!("no entry names {start}"))
                .hint("countersign log lists the entries"));
        }
        Ok(Self { heading: format!("{start}: {}", counted(lines.len(), "entry")), lines })
    }
}

fn scan(
    desk: &Desk,
    names: &Names,
    scope: &Scope,
    period: &Period,
    wanted: &dyn Fn(&VerifiedEntry) -> bool,
) -> Result<Vec<Line>, CliError> {
    let mut lines = Vec::new();
    for index in 0..scope.size.get() {
        let entry = desk.session.entry(EntryIndex::new(index))?;
        if period.holds(entry.time()) && wanted(&entry) {
            lines.push(Line::new(desk, names, &entry));
        }
    }
    Ok(lines)
}

/// Whether an entry is about a change, artifact or commit whose digits start so, or is itself
/// the leaf or statement of them.
fn names_hash(entry: &VerifiedEntry, start: &str) -> bool {
    let mut hashes = vec![entry.entry().leaf.to_string(), entry.id().to_string()];
    match &entry.statement().says {
        Says::Change(body) => {
            hashes.extend([body.change.to_string(), body.head.to_string()]);
        }
        Says::Landed(body) => {
            hashes.extend([body.change.to_string(), body.head.to_string()]);
        }
        Says::Approval(body) => {
            for row in &body.rows {
                hashes.push(row.hash.to_string());
                hashes.extend(row.head.as_ref().map(ToString::to_string));
            }
        }
        Says::Build(body) => {
            hashes.extend([body.artifact.to_string(), body.revision.to_string()]);
        }
        Says::Decision(body) => {
            hashes.push(body.revision.to_string());
            hashes.extend(body.artifacts.iter().map(ToString::to_string));
        }
        Says::Deployment(body) => {
            hashes.push(body.revision.to_string());
            hashes.extend(body.artifacts.iter().map(ToString::to_string));
        }
        Says::Override(body) => {
            hashes.push(body.revision.to_string());
            hashes.extend(body.artifacts.iter().map(ToString::to_string));
        }
        Says::Governance(_) => {}
    }
    hashes.iter().any(|hash| hash.starts_with(start))
}
