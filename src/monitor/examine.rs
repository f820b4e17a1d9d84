//! What an entry that was admitted rightly gives cause for (`spec/monitor.md` section 2).

use std::path::Path;

use serde_json::json;

use super::alarm::{Alarm, Code};
use super::source::Source;
use crate::base::digest::ContentDigest;
use crate::base::limits::ALARM_ENTRIES_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::blobs::Blobs;
use crate::key::KeyId;
use crate::ledger::leaf::Leaf;
use crate::ledger::store::{Store as _, StoreError};
use crate::ledger::topics;
use crate::policy::Policy;
use crate::roster::KeyStanding;
use crate::session::SessionError;
use crate::session::follow::Judged;
use crate::statement::Says;
use crate::statement::break_glass::Override;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{Operation, RevokeKey};
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{
    ApprovalVerdict, DecisionVerdict, Mode, Outcome, Revocation, SubjectType,
};
use crate::verify::VerifiedEntry;
use crate::verify::cover::{Cover, CoverRow};
use crate::verify::trust::TrustRoot;

/// Looks at entries, in order.
pub(super) struct Examiner<'a> {
    trust: &'a TrustRoot,
    source: &'a dyn Source,
    /// Covers that were read are kept: questions about decisions want them.
    kept: Blobs,
    covers_missing: u64,
}

impl<'a> Examiner<'a> {
    /// Looks at the entries of a ledger, with the side store of `source`; `folder` is that of the
    /// copy.
    #[must_use]
    pub(super) fn new(trust: &'a TrustRoot, source: &'a dyn Source, folder: &Path) -> Self {
        Self { trust, source, kept: Blobs::new(folder), covers_missing: 0 }
    }

    /// Covers of decisions that were not at hand.
    #[must_use]
    pub(super) const fn covers_missing(&self) -> u64 {
        self.covers_missing
    }

    /// The alarms that an entry gives cause for.
    ///
    /// # Errors
    /// [`SessionError`] where the copy or the side store cannot be read.
    pub(super) fn examine(&mut self, judged: &Judged<'_>) -> Result<Vec<Alarm>, SessionError> {
        let mut found = Vec::new();
        match &judged.statement.says {
            Says::Override(said) => found.extend(self.overriding(judged, said)),
            Says::Governance(said) => {
                for operation in &said.operations {
                    match operation {
                        Operation::SetPolicy(_) => found.extend(self.weakened(judged)),
                        Operation::RevokeKey(said) => found.extend(self.leaked(judged, said)?),
                        _ => {}
                    }
                }
            }
            Says::Decision(said) => found.extend(self.decision(judged, said)?),
            Says::Deployment(said) => found.extend(self.deployment(judged, said)?),
            Says::Approval(_) | Says::Change(_) | Says::Landed(_) | Says::Build(_) => {}
        }
        Ok(found)
    }

    fn overriding(&self, judged: &Judged<'_>, said: &Override) -> Option<Alarm> {
        if said.drill.is_some() {
            return None;
        }
        let (by, revision) = (&judged.statement.by, said.revision.short());
        let what = format!("{by} overrides {} in {} at {revision}", said.service, said.environment);
        Some(self.alarm(Code::Override, judged, what, json!({})))
    }

    fn weakened(&self, judged: &Judged<'_>) -> Option<Alarm> {
        let mut newest = judged.view.policies().iter().rev();
        let (newer, older) = (newest.next()?, newest.next()?);
        let weaker = match (Policy::parse(&newer.text), Policy::parse(&older.text)) {
            (Ok(newer), Ok(older)) => newer.weakens(&older),
            // Admission takes none that cannot be read.
            _ => return None,
        };
        if weaker.is_empty() {
            return None;
        }
        let count = weaker.len();
        let points = if count == 1 { "point" } else { "points" };
        let what = format!(
            "policy {} asks for less than policy {}, in {count} {points}",
            newer.number, older.number
        );
        let weaker: Vec<_> = weaker.iter().map(ToString::to_string).collect();
        Some(self.alarm(Code::Weakened, judged, what, json!({"weaker": weaker})))
    }

    /// What a key had signed in the time in which it had leaked already.
    fn leaked(&self, judged: &Judged<'_>, said: &RevokeKey) -> Result<Option<Alarm>, SessionError> {
        let (Revocation::Leaked, Some(since)) = (said.cause, said.since) else { return Ok(None) };
        let (mut entries, mut count) = (Vec::new(), 0_u64);
        for index in since.get()..judged.index.get() {
            let index = EntryIndex::new(index);
            if signers(judged, index)?.contains(&said.key) {
                count += 1;
                if entries.len() < ALARM_ENTRIES_MAX {
                    entries.push(index);
                }
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let key = said.key;
        let what = format!("{key} leaked as of entry {since}, and signed {count} entries since");
        let evidence = json!({"key": key, "since": since, "entries": entries, "count": count});
        Ok(Some(self.alarm(Code::LeakedKey, judged, what, evidence)))
    }

    /// An allow decision rests on what its cover names.
    fn decision(
        &mut self,
        judged: &Judged<'_>,
        said: &Decision,
    ) -> Result<Option<Alarm>, SessionError> {
        let (DecisionVerdict::Allow, Some(digest)) = (said.verdict, said.cover) else {
            return Ok(None);
        };
        let content = match self.source.file(&digest) {
            Ok(Some(content)) => content,
            Ok(None) => {
                self.covers_missing += 1;
                return Ok(None);
            }
            Err(StoreError::Integrity { why, .. }) => {
                return Ok(Some(self.unsupported(judged, &format!("its cover {why}"))));
            }
            Err(error) => return Err(error.into()),
        };
        let Ok(cover) = Cover::parse(&content) else {
            return Ok(Some(self.unsupported(judged, "its cover is none")));
        };
        self.kept.put(&content)?;
        for row in &cover.segments {
            for approval in &row.approvals {
                if let Some(why) = not_supporting(judged, row, *approval)? {
                    let why = format!("the sign-off that is entry {approval} {why}");
                    return Ok(Some(self.unsupported(judged, &why)));
                }
            }
        }
        Ok(None)
    }

    fn unsupported(&self, judged: &Judged<'_>, why: &str) -> Alarm {
        let what = format!("the decision of entry {} is not supported: {why}", judged.index);
        self.alarm(Code::Unsupported, judged, what, json!({}))
    }

    /// Where the policy enforces, only what an allow decision settles may be deployed, or what an
    /// override lets through.
    fn deployment(
        &self,
        judged: &Judged<'_>,
        said: &Deployment,
    ) -> Result<Option<Alarm>, SessionError> {
        if said.started.is_some() || !matches!(said.outcome, Outcome::Started | Outcome::Succeeded)
        {
            return Ok(None);
        }
        let view = judged.view;
        let policy = view.policy().and_then(|version| Policy::parse(&version.text).ok());
        let mode = policy.map(|policy| policy.mode(&said.service, &said.environment));
        if mode == Some(Mode::Observe) {
            return Ok(None);
        }
        let points = view.settled(&said.service, &said.environment);
        let is_settled =
            points.live().is_some_and(|live| live.entry.index == judged.index && live.settled);
        let is_let_through = points.ever_owed().iter().any(|debt| {
            debt.entry.index == judged.index
                || debt.deployments.iter().any(|deployed| deployed.index == judged.index)
        });
        if is_settled || is_let_through {
            return Ok(None);
        }
        let (code, why) = match overtaken(judged, said)? {
            Some(entry) => {
                let why = format!(
                    "allowed by entry {entry}, and another deployment was settled since that \
                     decision: it settles nothing"
                );
                (Code::Unsettled, why)
            }
            None => (Code::Unsupported, "and no allow decision supports it".to_owned()),
        };
        let revision = said.revision.short();
        let what =
            format!("{} was deployed to {} at {revision}, {why}", said.service, said.environment);
        let evidence = said.decision.map_or_else(|| json!({}), |id| json!({"decision": id}));
        Ok(Some(self.alarm(code, judged, what, evidence)))
    }

    /// An alarm about an entry; its evidence names the statement, but for what is no statement's.
    fn alarm(
        &self,
        code: Code,
        judged: &Judged<'_>,
        what: String,
        mut evidence: serde_json::Value,
    ) -> Alarm {
        if matches!(code, Code::Override | Code::Unsupported | Code::Unsettled)
            && let Some(members) = evidence.as_object_mut()
        {
            members.insert("statement".to_owned(), json!(judged.envelope.statement_id()));
        }
        Alarm::of_entry(self.trust, code, judged, what, evidence)
    }
}

/// The entry of the allow decision that a deployment names, where all that keeps it from settling
/// is a point that was settled since (`spec/verdict.md` section 3, 2b): so it is of what was
/// deployed one after the other while the ledger was away.
fn overtaken(judged: &Judged<'_>, said: &Deployment) -> Result<Option<EntryIndex>, SessionError> {
    let Some(named) = said.decision else { return Ok(None) };
    let Some(index) = judged.store.entries_of(&topics::statement(named))?.first().copied() else {
        return Ok(None);
    };
    let Some(bytes) = judged.store.leaf(index)? else { return Ok(None) };
    let view = judged.view;
    let Ok(entry) = VerifiedEntry::verify(index, &bytes, view.roster()) else { return Ok(None) };
    let statement = entry.statement();
    let Says::Decision(decision) = &statement.says else { return Ok(None) };
    let is_allowed = decision.verdict == DecisionVerdict::Allow
        && decision.service == said.service
        && decision.environment == said.environment
        && decision.revision == said.revision
        && decision.artifacts == said.artifacts;
    let newest = view.starts(&said.service, &said.environment).newest();
    let is_behind = decision.newest != newest.map(|point| point.entry.index);
    let seen = statement.seen.as_ref().map_or(TreeSize::default(), |seen| seen.size);
    let doubt = view.newest_doubt(&decision.repository);
    let is_undoubted = doubt.is_none_or(|doubt| seen.covers(doubt));
    let is_young = judged.time.since(entry.time()) < view.decisions_last()
        && view.policy().is_some_and(|policy| policy.entry < index);
    Ok((is_allowed && is_behind && is_undoubted && is_young).then_some(index))
}

/// Whose keys signed an entry of the copy.
fn signers(judged: &Judged<'_>, index: EntryIndex) -> Result<Vec<KeyId>, SessionError> {
    let wrong = |why: &str| SessionError::integrity(format!("entry {index}"), why);
    let bytes = judged.store.leaf(index)?.ok_or_else(|| wrong("is missing"))?;
    let leaf = Leaf::parse(&bytes).map_err(|error| wrong(&error.to_string()))?;
    let envelope = Envelope::parse_canonical(leaf.envelope());
    let envelope = envelope.map_err(|error| wrong(&error.to_string()))?;
    Ok(envelope.signatures().iter().map(|one| one.keyid).collect())
}

/// Why an entry that a cover names does not support its row; none where it does.
fn not_supporting(
    judged: &Judged<'_>,
    row: &CoverRow,
    approval: EntryIndex,
) -> Result<Option<String>, SessionError> {
    let seen = judged.statement.seen.as_ref().map_or(TreeSize::default(), |seen| seen.size);
    if !seen.covers(approval) || approval >= judged.index {
        return Ok(Some("was not there for the gate to see".to_owned()));
    }
    let Some(bytes) = judged.store.leaf(approval)? else {
        return Ok(Some("is missing".to_owned()));
    };
    let roster = judged.view.roster();
    let entry = match VerifiedEntry::verify(approval, &bytes, roster) {
        Ok(entry) => entry,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let Says::Approval(said) = &entry.statement().says else {
        return Ok(Some("is no sign-off".to_owned()));
    };
    let is_of = |hash: ContentDigest| row.is_of(hash);
    if said.verdict != ApprovalVerdict::Approve || !said.rows.iter().any(|one| is_of(one.hash)) {
        return Ok(Some("does not approve what was deployed".to_owned()));
    }
    let as_of = TreeSize::new(judged.index.get());
    for key in entry.keys() {
        match roster.standing(key, approval, as_of) {
            KeyStanding::Good => {}
            KeyStanding::Leaked => return Ok(Some("is under a key that leaked".to_owned())),
            KeyStanding::NotValid => {
                return Ok(Some("is under a key that was not valid".to_owned()));
            }
        }
    }
    is_withdrawn(judged, row, approval, seen)
}

/// Whether an approval was withdrawn for the gate to see.
fn is_withdrawn(
    judged: &Judged<'_>,
    row: &CoverRow,
    approval: EntryIndex,
    seen: TreeSize,
) -> Result<Option<String>, SessionError> {
    for change in row.changes() {
        let hash = ContentDigest::from_bytes(*change.as_bytes());
        for index in judged.store.entries_of(&topics::subject(SubjectType::Change, hash))? {
            if index <= approval || !seen.covers(index) {
                continue;
            }
            let Some(bytes) = judged.store.leaf(index)? else { continue };
            let Ok(entry) = VerifiedEntry::verify(index, &bytes, judged.view.roster()) else {
                continue;
            };
            if let Says::Approval(said) = &entry.statement().says
                && said.withdraws.as_ref().is_some_and(|taken| taken.index == approval)
            {
                return Ok(Some(format!("was withdrawn by entry {index}")));
            }
        }
    }
    Ok(None)
}
