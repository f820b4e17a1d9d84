//! Admission (`spec/ledger.md` section 12): what may become an entry, and why something may not.
//!
//! The rules are replayed by `ledger check`, so they read nothing but the view before the entry,
//! the log before the entry, and the envelope.

mod authority;
mod delegated;
mod governance;
mod operation;
mod outcome;
mod partial;
mod signatures;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::append::{Admission, Admitted, Refusal};
use super::topics;
use crate::base::digest::{RootHash, StatementId};
use crate::base::limits::OVERRIDE_AHEAD_MILLISECONDS_MAX;
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::key::KeyId;
use crate::policy::Policy;
use crate::roster::{KeyStanding, Member};
use crate::statement::approval::Approval;
use crate::statement::break_glass::Override;
use crate::statement::change::Declaration;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{EntryReference, Operation};
use crate::statement::pipeline::{Build, Decision, Deployment};
use crate::statement::words::{ApprovalVerdict, Duty, MemberKind};
use crate::statement::{Says, Seen, Statement};
use crate::view::{Fact, View};

pub use self::authority::{Authority, Shortfall, is_reduction};
pub use self::delegated::check_delegated;
pub use self::partial::admit_governance;
pub use self::signatures::{Signatures, VerifyNow};

/// What admission asks of the log before the entry.
pub trait Log {
    /// The root of the tree of the first `size` entries; none beyond the log.
    ///
    /// # Errors
    /// A [`Refusal`] where the log cannot be read.
    fn root(&self, size: TreeSize) -> Result<Option<RootHash>, Refusal>;

    /// Where a statement stands, if it stands.
    ///
    /// # Errors
    /// A [`Refusal`] where the log cannot be read.
    fn find(&self, id: StatementId) -> Result<Option<EntryIndex>, Refusal>;

    /// The statement of an entry and the entry's leaf hash; none beyond the log.
    ///
    /// # Errors
    /// A [`Refusal`] where the log cannot be read.
    fn entry(&self, index: EntryIndex) -> Result<Option<(EntryReference, Statement)>, Refusal>;
}

/// Judges envelopes against a view, and folds into it what it admits.
///
/// After a commit that failed, the view holds entries that may not exist: throw it away.
pub struct Admitter<'a> {
    view: &'a mut View,
    log: &'a dyn Log,
    /// Statements that this batch has admitted already.
    batch: BTreeMap<StatementId, EntryIndex>,
    /// The last admitted statement, until its leaf hash is known.
    waiting: Option<Waiting>,
    policy: PolicyCache,
    signatures: &'a dyn Signatures,
    /// Whether only some entries of the log are at hand: what others say is not asked.
    is_partial: bool,
}

/// The policy that was parsed last: to read one is dearer than to judge an entry.
#[derive(Debug, Clone, Default)]
pub struct PolicyCache(Option<(u64, Rc<Policy>)>);

struct Waiting {
    id: StatementId,
    time: Timestamp,
    statement: Arc<Statement>,
    keys: Vec<KeyId>,
}

pub(super) fn refuse(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(code, message)
}

pub(super) fn refuse_with(
    code: &'static str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Refusal {
    Refusal::new(code, message).with_hint(hint)
}

impl<'a> Admitter<'a> {
    /// An admitter for the entries that follow those of `view`.
    #[must_use]
    pub fn new(view: &'a mut View, log: &'a dyn Log) -> Self {
        Self::resume(view, log, &VerifyNow, PolicyCache::default())
    }

    /// The same for one entry after the other of a log that is replayed: with the policy of the
    /// entries before, and with what becomes of signatures.
    #[must_use]
    pub fn resume(
        view: &'a mut View,
        log: &'a dyn Log,
        signatures: &'a dyn Signatures,
        policy: PolicyCache,
    ) -> Self {
        let (batch, waiting) = (BTreeMap::new(), None);
        Self { view, log, batch, waiting, policy, signatures, is_partial: false }
    }

    /// Gives back the policy, for the next [`Admitter::resume`].
    #[must_use]
    pub fn into_policy(self) -> PolicyCache {
        self.policy
    }

    /// The size of the log before the entry that is judged.
    fn size(&self) -> TreeSize {
        self.view.size()
    }

    fn member(&self, id: &MemberId) -> Result<&Member, Refusal> {
        self.view.roster().member(id, self.size()).ok_or_else(|| {
            refuse_with(
                "UNKNOWN_MEMBER",
                format!("{id} is not a member of this ledger"),
                "an admin adds members: countersign roster apply FILE",
            )
        })
    }

    /// Step 4 of admission for every kind but governance: one signature, by a key of `by`.
    fn check_signature(
        &self,
        envelope: &Envelope,
        statement: &Statement,
        index: EntryIndex,
    ) -> Result<Vec<KeyId>, Refusal> {
        let [signature] = envelope.signatures() else {
            return Err(refuse("SIGNATURES", "exactly one signature is expected"));
        };
        let record = self.view.roster().key(&signature.keyid).ok_or_else(|| {
            refuse_with(
                "UNKNOWN_KEY",
                format!("the key {} is on nobody's roster entry", signature.keyid),
                "an admin enrols keys: countersign key enroll MEMBER FILE.pub",
            )
        })?;
        let message = envelope.pre_authentication_encoding();
        let checked = self.signatures.check(index, &record.key, &message, &signature.signature);
        checked.map_err(|error| {
            refuse("BAD_SIGNATURE", format!("the signature of {}: {error}", signature.keyid))
        })?;
        if record.owner(self.size()) != Some(&statement.by) {
            return Err(refuse(
                "NOT_THE_OWNER",
                format!("the key {} is not a key of {}", signature.keyid, statement.by),
            ));
        }
        let standing = self.view.roster().standing(&signature.keyid, index, self.size());
        if standing != KeyStanding::Good {
            return Err(refuse_with(
                "KEY_REVOKED",
                format!("the key {} was revoked", signature.keyid),
                "hand statements in before a key is retired; sign again with a key in force, or \
                 have an admin enroll one: countersign key enroll MEMBER FILE",
            ));
        }
        Ok(vec![signature.keyid])
    }

    /// Step 3: meant for this ledger, by somebody who had seen a true state of it.
    fn check_context(&self, statement: &Statement) -> Result<(), Refusal> {
        let Some(ledger) = self.view.ledger() else {
            return Err(refuse("NO_GENESIS", "the first entry of a ledger is its genesis"));
        };
        if statement.ledger != Some(ledger.id) {
            return Err(refuse(
                "OTHER_LEDGER",
                format!("the statement was signed for another ledger than {}", ledger.id.short()),
            ));
        }
        let Some(Seen { size, root }) = statement.seen else {
            return Err(refuse("SEEN", "the statement names no checkpoint that was seen"));
        };
        let is_ours = || Ok(self.is_partial || self.log.root(size)? == Some(root));
        if size > self.size() || !is_ours()? {
            return Err(refuse_with(
                "SEEN",
                format!("the signer had seen a tree of {size} entries that is not this ledger's"),
                "the signer keeps that checkpoint, which proves two histories: countersign verify \
                 THEIRS OURS -o F.fork",
            ));
        }
        Ok(())
    }

    fn check_kind(&mut self, statement: &Statement, time: Timestamp) -> Result<(), Refusal> {
        match &statement.says {
            Says::Governance(_) => Ok(()),
            Says::Change(body) => self.check_declaration(&statement.by, body),
            Says::Landed(_) => self.check_landed(&statement.by),
            Says::Approval(body) => self.check_approval(&statement.by, body),
            Says::Build(body) => self.check_build(&statement.by, body),
            Says::Decision(body) => self.check_decision(&statement.by, body),
            Says::Deployment(body) => self.check_deployment(&statement.by, body),
            Says::Override(body) => self.check_override(&statement.by, body, time),
        }
    }

    fn check_duty(&self, by: &MemberId, duty: Duty) -> Result<(), Refusal> {
        if self.member(by)?.has_duty(duty) {
            return Ok(());
        }
        Err(refuse_with(
            "NO_DUTY",
            format!("{by} does not have the duty {duty}"),
            "an admin gives duties: countersign roster apply FILE",
        ))
    }

    fn check_declaration(&self, by: &MemberId, _: &Declaration) -> Result<(), Refusal> {
        // Humans and agents declare what they wrote; whether they did is the verdict's question.
        match self.member(by)?.kind {
            MemberKind::Human | MemberKind::Agent => Ok(()),
            MemberKind::Bot | MemberKind::Service => self.check_duty(by, Duty::Declare),
        }
    }

    /// What others need not read again is said by machines that do nothing else all day.
    fn check_landed(&self, by: &MemberId) -> Result<(), Refusal> {
        if self.member(by)?.kind != MemberKind::Service {
            return Err(refuse(
                "NOT_SERVICE",
                "only a service says which change landed as a commit",
            ));
        }
        self.check_duty(by, Duty::Declare)
    }

    fn check_approval(&self, by: &MemberId, body: &Approval) -> Result<(), Refusal> {
        self.check_duty(by, Duty::Review)?;
        let Some(named) = body.withdraws else { return Ok(()) };
        let found = self.log.entry(named.index)?.filter(|(entry, _)| *entry == named);
        let Some((_, withdrawn)) = found else {
            return Err(refuse("NO_SUCH_ENTRY", format!("entry {} is another one", named.index)));
        };
        match &withdrawn.says {
            Says::Approval(old) if old.verdict != ApprovalVerdict::Withdraw => {
                let hashes = |approval: &Approval| -> Vec<_> {
                    approval.rows.iter().map(|row| row.hash).collect()
                };
                if withdrawn.by != *by {
                    return Err(refuse("NOT_YOURS", format!("entry {} is not yours", named.index)));
                }
                if old.subject_type != body.subject_type
                    || !hashes(body).iter().all(|hash| hashes(old).contains(hash))
                {
                    let what = format!("entry {} speaks of other subjects", named.index);
                    return Err(refuse("OTHER_SUBJECTS", what));
                }
                Ok(())
            }
            _ => Err(refuse("NO_SUCH_ENTRY", format!("entry {} is no approval", named.index))),
        }
    }

    fn check_build(&self, by: &MemberId, _: &Build) -> Result<(), Refusal> {
        self.check_duty(by, Duty::Build)
    }

    fn check_decision(&mut self, by: &MemberId, body: &Decision) -> Result<(), Refusal> {
        self.check_duty(by, Duty::Decide)?;
        self.check_place(&body.service, &body.environment)?;
        let policy = self.view.policy().map(|policy| policy.entry);
        if policy != Some(body.policy) {
            return Err(refuse("STALE", "the decision rests on a policy that is not the newest"));
        }
        let settled = self.view.starts(&body.service, &body.environment);
        let is_ours = |index| settled.all().iter().any(|point| point.entry.index == index);
        if [body.start, body.newest].into_iter().flatten().all(is_ours) {
            Ok(())
        } else {
            Err(refuse("NO_SUCH_ENTRY", "the decision starts at no settled point"))
        }
    }

    fn check_deployment(&mut self, by: &MemberId, body: &Deployment) -> Result<(), Refusal> {
        self.check_duty(by, Duty::Deploy)?;
        self.check_place(&body.service, &body.environment)
    }

    /// An override may arrive late, when it is good for nothing but to be owed; it never comes
    /// from the future (ATTACKS 32).
    fn check_override(
        &mut self,
        by: &MemberId,
        body: &Override,
        time: Timestamp,
    ) -> Result<(), Refusal> {
        self.check_duty(by, Duty::Override)?;
        self.check_place(&body.service, &body.environment)?;
        if body.claimed.since(time).milliseconds() > OVERRIDE_AHEAD_MILLISECONDS_MAX {
            return Err(refuse_with(
                "CLOCK",
                "the override claims to be signed in the future",
                "set the clock of the machine that signed it, and sign again",
            ));
        }
        let policy = self.policy()?;
        let service = policy.service(&body.service);
        if service.is_none_or(|service| service.repository == body.repository) {
            return Ok(());
        }
        Err(refuse(
            "REPOSITORY",
            format!("{} is not built from the repository {}", body.service, body.repository),
        ))
    }

    /// An unknown name never gets weaker rules (ATTACKS 13).
    fn check_place(
        &mut self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<(), Refusal> {
        let policy = self.policy()?;
        let hint = "an admin lists it in the policy: countersign policy apply FILE";
        if let Err(unknown) = policy.known_service(service) {
            return Err(refuse_with("UNKNOWN_SERVICE", unknown.to_string(), hint));
        }
        if let Err(unknown) = policy.environment(environment) {
            return Err(refuse_with("UNKNOWN_ENVIRONMENT", unknown.to_string(), hint));
        }
        Ok(())
    }

    /// The policy in force, parsed once for each version; none where there is none yet.
    fn policy_in_force(&mut self) -> Result<Option<Rc<Policy>>, Refusal> {
        let Some(version) = self.view.policy() else { return Ok(None) };
        if let Some((number, policy)) = &self.policy.0
            && *number == version.number
        {
            return Ok(Some(Rc::clone(policy)));
        }
        let policy = Policy::parse(&version.text)
            .map_err(|errors| refuse("POLICY", format!("the policy in force: {errors}")))?;
        let policy = Rc::new(policy);
        self.policy.0 = Some((version.number, Rc::clone(&policy)));
        Ok(Some(policy))
    }

    /// The policy in force, for what cannot be without one.
    fn policy(&mut self) -> Result<Rc<Policy>, Refusal> {
        self.policy_in_force()?.ok_or_else(|| {
            refuse_with(
                "POLICY_MISSING",
                "the ledger has no policy yet",
                "an admin sets one: countersign policy apply FILE",
            )
        })
    }
}

impl Admission for Admitter<'_> {
    fn admit(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        envelope: &[u8],
    ) -> Result<Admitted, Refusal> {
        // Step 1: it parses, within limits.
        let envelope = Envelope::parse(envelope).map_err(|e| refuse("MALFORMED", e.to_string()))?;
        let id = envelope.statement_id();
        // Step 2: the same statement in another spelling never gets a second entry (ATTACKS 5).
        let found = match self.batch.get(&id) {
            Some(index) => Some(*index),
            None => self.log.find(id)?,
        };
        if let Some(index) = found {
            return Ok(Admitted::Existing(index));
        }
        let statement = match self.signatures.statement(envelope.payload()) {
            Some(statement) => statement,
            None => Arc::new(
                Statement::parse(envelope.payload())
                    .map_err(|e| refuse("MALFORMED", e.to_string()))?,
            ),
        };
        let keys = if let Says::Governance(body) = &statement.says {
            self.check_governance(&envelope, &statement, body, index)?
        } else {
            self.check_context(&statement)?;
            self.member(&statement.by)?;
            self.check_signature(&envelope, &statement, index)?
        };
        self.check_kind(&statement, time)?;
        let topics = topics::topics(id, &statement);
        self.batch.insert(id, index);
        self.waiting = Some(Waiting { id, time, statement, keys });
        Ok(Admitted::New { envelope: envelope.to_canonical(), topics })
    }

    fn permits_jump(&self, _: Timestamp, time: Timestamp, envelope: &[u8]) -> bool {
        if time <= self.view.clock_confirmed_until() {
            return true;
        }
        let parsed = Envelope::parse(envelope).ok();
        let statement = parsed.and_then(|envelope| Statement::parse(envelope.payload()).ok());
        matches!(statement, Some(Statement { says: Says::Governance(body), .. })
        if body.operations.iter().any(|operation| {
            matches!(operation, Operation::ConfirmClock(said) if said.until >= time)
        }))
    }

    fn accepted(&mut self, entry: EntryReference) {
        if let Some(waiting) = self.waiting.take() {
            self.view.apply(&Fact {
                entry,
                id: waiting.id,
                time: waiting.time,
                statement: &waiting.statement,
                keys: &waiting.keys,
            });
        }
    }
}
