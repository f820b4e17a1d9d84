//! What loses its effect by an operation of governance, told before it is signed.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::ChangeHash;
use crate::base::name::{LevelName, MemberId};
use crate::base::position::EntryIndex;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::said;
use crate::key::KeyId;
use crate::statement::Says;
use crate::statement::governance::{Operation, SetMember};
use crate::statement::words::{ApprovalVerdict, DecisionVerdict};
use crate::verify::VerifiedEntry;
use crate::verify::cover::Cover;

/// Lines that are shown of a list; the others are counted.
const LINES_MAX: usize = 10;
/// The newest entries that are looked through for who leaves: older ones are rarely open.
const ENTRIES_MAX: u64 = 10_000;

/// What settled points rest on: by the entry of a sign-off or decision, the place and its entry.
type Used = BTreeMap<EntryIndex, (String, EntryIndex)>;

/// What a leak of a key voids: whatever gave permission from `since` on.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn by_leak(
    desk: &Desk,
    key: &KeyId,
    since: EntryIndex,
) -> Result<Vec<String>, CliError> {
    let mine = |entry: &VerifiedEntry| entry.keys().contains(key);
    let found = Found::among(desk, since, &mine)?;
    let mut lines = vec![format!("leaked since entry {since}: {}", found.count("from there on"))];
    lines.extend(found.lines(&desk.names(), &used(desk, since)?));
    Ok(lines)
}

/// What stops counting when members leave, or are set lower: their sign-offs of what is open.
/// Empty where there is nothing of that.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn by_operations(
    desk: &Desk,
    operations: &[Operation],
) -> Result<Vec<String>, CliError> {
    let mut lines = by_leaving(desk, &fewer(desk, operations)?)?;
    let left = operations.iter().filter_map(|operation| match operation {
        Operation::RetireMember(said) => Some(said.member.clone()),
        _ => None,
    });
    lines.extend(declared_by(desk, &left.collect())?);
    Ok(lines)
}

/// What these members declared of changes that have not landed: whoever left proves nothing, so
/// that one human more is asked, and what they said of assistance takes without giving.
fn declared_by(desk: &Desk, members: &BTreeSet<MemberId>) -> Result<Option<String>, CliError> {
    if members.is_empty() {
        return Ok(None);
    }
    let size = desk.session.size().get();
    let mut landed = BTreeSet::new();
    let since = EntryIndex::new(size.saturating_sub(ENTRIES_MAX));
    for cover in covers(desk, since)?.into_iter().filter_map(|(_, _, cover)| cover) {
        landed.extend(cover.segments.iter().map(|row| row.change));
        landed.extend(cover.contained.iter().map(|row| row.change));
    }
    let mut open = BTreeSet::new();
    for index in since.get()..size {
        let entry = desk.session.entry(EntryIndex::new(index))?;
        if let Says::Change(said) = &entry.statement().says
            && members.contains(entry.by())
            && !landed.contains(&said.change)
        {
            open.insert(said.change);
        }
    }
    let shown: Vec<_> = open.iter().take(LINES_MAX).map(ChangeHash::short).collect();
    let more = open.len().saturating_sub(LINES_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Ok((!open.is_empty()).then(|| {
        format!(
            "their declarations of {}{more}, which are open, prove nothing any more: these may \
             need one human more",
            said::listed(&shown)
        )
    }))
}

/// Who may less after operations, so that sign-offs of theirs may stop counting. A higher level
/// takes nothing away.
fn fewer(desk: &Desk, operations: &[Operation]) -> Result<BTreeSet<MemberId>, CliError> {
    let view = desk.session.view();
    let (roster, size) = (view.roster(), desk.session.size());
    let policy = view.policy().map(|_| desk.policy()).transpose()?;
    let is_lower = |old: &LevelName, new: Option<&LevelName>| match (new, &policy) {
        (Some(new), _) if new == old => false,
        (Some(new), Some(policy)) => !policy.level_at_least(new, old),
        _ => true,
    };
    let lost = |said: &SetMember| {
        let old = roster.member(&said.member, size)?;
        let is_less = old.level.as_ref().is_some_and(|old| is_lower(old, said.level.as_ref()))
            || old.teams.iter().any(|team| !said.teams.contains(team))
            || old.duties.iter().any(|duty| !said.duties.contains(duty));
        is_less.then(|| said.member.clone())
    };
    let who = |operation: &Operation| match operation {
        Operation::RetireMember(said) => Some(said.member.clone()),
        Operation::SetMember(said) => lost(said),
        _ => None,
    };
    Ok(operations.iter().filter_map(who).collect())
}

/// What stops counting when what these members sign is worth less.
fn by_leaving(desk: &Desk, members: &BTreeSet<MemberId>) -> Result<Vec<String>, CliError> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let since = EntryIndex::new(desk.session.size().get().saturating_sub(ENTRIES_MAX));
    let mine = |entry: &VerifiedEntry| {
        members.contains(entry.by()) && matches!(entry.statement().says, Says::Approval(_))
    };
    let mut found = Found::among(desk, since, &mine)?;
    let used = used(desk, since)?;
    // What has landed was judged when it did.
    found.gave.retain(|entry| !used.contains_key(&entry.index()));
    if found.gave.is_empty() && found.rejects == 0 {
        return Ok(Vec::new());
    }
    let mut lines = vec![found.count("of theirs on what is open")];
    lines.extend(found.lines(&desk.names(), &used));
    Ok(lines)
}

/// Entries that gave permission, and how many rejects and withdrawals stay.
struct Found {
    gave: Vec<VerifiedEntry>,
    rejects: usize,
}

impl Found {
    fn among(
        desk: &Desk,
        since: EntryIndex,
        mine: &dyn Fn(&VerifiedEntry) -> bool,
    ) -> Result<Self, CliError> {
        let mut found = Self { gave: Vec::new(), rejects: 0 };
        let mut withdrawn = BTreeSet::new();
        for index in since.get()..desk.session.size().get() {
            let entry = desk.session.entry(EntryIndex::new(index))?;
            if !mine(&entry) {
                continue;
            }
            match &entry.statement().says {
                Says::Approval(body) => match body.verdict {
                    ApprovalVerdict::Approve => found.gave.push(entry),
                    ApprovalVerdict::Reject => found.rejects += 1,
                    ApprovalVerdict::Withdraw => {
                        withdrawn.extend(body.withdraws.map(|entry| entry.index));
                    }
                },
                Says::Decision(body) if body.verdict == DecisionVerdict::Allow => {
                    found.gave.push(entry);
                }
                Says::Change(_) | Says::Landed(_) | Says::Build(_) | Says::Override(_) => {
                    found.gave.push(entry);
                }
                Says::Governance(_) | Says::Decision(_) | Says::Deployment(_) => {}
            }
        }
        found.gave.retain(|entry| !withdrawn.contains(&entry.index()));
        Ok(found)
    }

    /// `2 approvals, 1 build from there on stop counting`.
    fn count(&self, which: &str) -> String {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &self.gave {
            let kind = match &entry.statement().says {
                Says::Change(_) => "declaration",
                Says::Landed(_) => "landing",
                says => says.kind(),
            };
            *kinds.entry(kind).or_default() += 1;
        }
        let kinds: Vec<_> = kinds
            .into_iter()
            .map(|(kind, count)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let (what, verb) = match (kinds.as_slice(), self.gave.len()) {
            ([], _) => ("nothing".to_owned(), "stops"),
            (_, 1) => (kinds.join(", "), "stops"),
            _ => (kinds.join(", "), "stop"),
        };
        format!("{what} {which} {verb} counting")
    }

    /// The first ten, and whether each is open or what is settled rests on it.
    fn lines(&self, names: &Names, used: &Used) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in self.gave.iter().take(LINES_MAX) {
            let what = match &entry.statement().says {
                Says::Approval(body) => {
                    let hashes: Vec<_> = body.rows.iter().map(|row| row.hash.short()).collect();
                    format!("approval of {}", said::listed(&hashes))
                }
                Says::Change(body) => format!("declaration of {}", body.change.short()),
                Says::Landed(body) => format!("landing of {}", body.head.short()),
                Says::Build(body) => format!("build {}", body.artifact.short()),
                says => says.kind().to_owned(),
            };
            let standing = match used.get(&entry.index()) {
                Some((place, point)) => format!("settled, {place} at entry {point}"),
                None => "open".to_owned(),
            };
            let by = names.of(entry.by());
            lines.push(format!("  entry {} by {by}: {what}; {standing}", entry.index()));
        }
        if self.gave.len() > LINES_MAX {
            lines.push(format!("  and {} more", self.gave.len() - LINES_MAX));
        }
        let settled = self.gave.iter().filter(|entry| used.contains_key(&entry.index())).count();
        if settled > 0 {
            let what = "what is settled by them has to be signed off again";
            lines.push(format!("  {settled} stand under settled points: {what}"));
        }
        lines.extend(match self.rejects {
            0 => None,
            1 => Some("  1 reject stays: countersign lift ends one".to_owned()),
            count => Some(format!("  {count} rejects stay: countersign lift ends one")),
        });
        lines
    }
}

/// The sign-offs, decisions and builds that settled points after `since` rest on.
fn used(desk: &Desk, since: EntryIndex) -> Result<Used, CliError> {
    let mut used = Used::new();
    for (at, decision, cover) in covers(desk, since)? {
        if let Some(decision) = decision {
            used.entry(decision).or_insert_with(|| at.clone());
        }
        for row in cover.into_iter().flat_map(|cover| cover.segments) {
            for approval in row.approvals {
                used.entry(approval).or_insert_with(|| at.clone());
            }
        }
    }
    Ok(used)
}

/// A settled point: its place and entry, the decision that it rests on, and that one's cover.
type Covered = ((String, EntryIndex), Option<EntryIndex>, Option<Cover>);

/// What settled points after `since` rest on.
fn covers(desk: &Desk, since: EntryIndex) -> Result<Vec<Covered>, CliError> {
    let mut covers = Vec::new();
    let blobs = desk.session.blobs();
    for (place, points) in desk.session.view().places() {
        for point in points.all().iter().filter(|point| point.entry.index > since) {
            let at = (place.to_owned(), point.entry.index);
            let bytes = match &point.cover {
                Some(digest) => blobs.get(digest).map_err(crate::session::SessionError::from)?,
                None => None,
            };
            // A cover that is gone or damaged is told by ledger check; here it tells nothing.
            let cover = bytes.and_then(|bytes| Cover::parse(&bytes).ok());
            covers.push((at, point.decision.map(|decision| decision.index), cover));
        }
    }
    Ok(covers)
}
