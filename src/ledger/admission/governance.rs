//! Admission of governance (`spec/ledger.md` section 12): who must sign, and what is possible.

use std::collections::{BTreeMap, BTreeSet};

use super::authority::{Authority, Shortfall};
use super::delegated::check_delegated;
use super::{Admitter, refuse, refuse_with};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key::{KeyId, PublicKey};
use crate::ledger::append::Refusal;
use crate::note::key::VerifierKey;
use crate::policy::Policy;
use crate::roster::{AdminSet, Delegation, KeyStanding, Roster};
use crate::statement::envelope::Envelope;
use crate::statement::governance::{
    AddKey, Genesis, Governance, Lift, Operation, RevokeKey, SetBaseline, SetMember,
};
use crate::statement::words::{ApprovalVerdict, MemberKind, Revocation};
use crate::statement::{Says, Statement};
use crate::view::View;

/// What operations lead to, as far as they were tried.
#[derive(Default)]
struct Tried {
    roster: Roster,
    lifted: BTreeSet<EntryIndex>,
    rotates: bool,
}

impl Admitter<'_> {
    /// Steps 3 and 4 for governance, and that every operation is possible.
    pub(super) fn check_governance(
        &mut self,
        envelope: &Envelope,
        statement: &Statement,
        body: &Governance,
        index: EntryIndex,
    ) -> Result<Vec<KeyId>, Refusal> {
        if let Some(genesis) = &body.genesis {
            if index.get() != 0 {
                return Err(refuse("GENESIS", "a ledger begins once"));
            }
            check_ledger_key(genesis)?;
        } else {
            self.check_context(statement)?;
            if body.base != self.view.newest_governance().map(|entry| entry.leaf) {
                return Err(refuse_with(
                    "STALE",
                    "another governance entry came in between",
                    "plan again on the newest state and sign that",
                ));
            }
        }
        let is_genesis = body.genesis.is_some();
        let before = parsed(self.view.policy().map(|version| version.text.as_str()))?;
        let delegation = self.view.roster().delegation(&statement.by, self.size());
        if let Some(delegation) = delegation.filter(|_| !is_genesis) {
            let scope = (delegation, before.as_ref());
            self.check_service(envelope, statement, body, scope, index)?;
            self.check_operations(&body.operations, index)?;
        } else {
            let roster = self.check_operations(&body.operations, index)?;
            // Entry 0 is signed by every admin that it names; later ones by admins before them.
            let (signers, as_of) = if is_genesis {
                (&roster, index.size_after())
            } else {
                (self.view.roster(), self.size())
            };
            let Some(admins) = signers.admins(as_of) else {
                return Err(refuse("NO_ADMINS", "the genesis names no admins"));
            };
            let members = check_signatures(envelope, signers, admins, index, is_genesis)?;
            let authority = if is_genesis {
                let count = admins.admins.len();
                Some(Authority { count, others: BTreeMap::new() })
            } else {
                Authority::of(signers, before.as_ref(), &body.operations, as_of)
            };
            if let Some(missing) = authority.and_then(|authority| authority.shortfall(&members)) {
                return Err(too_few(&missing));
            }
            if !members.contains(&statement.by) {
                let what = format!("{} proposes without signing", statement.by);
                return Err(refuse("PROPOSER", what));
            }
        }
        Ok(envelope.signatures().iter().map(|signature| signature.keyid).collect())
    }

    /// Whether operations are possible, in order and all together, as the entry at `index`,
    /// whoever signs them. Gives the roster after them.
    ///
    /// # Errors
    /// The refusal of the first that is not.
    pub fn check_operations(
        &self,
        operations: &[Operation],
        index: EntryIndex,
    ) -> Result<Roster, Refusal> {
        // Tried on a copy of the roster, so that one may rest on another.
        let mut tried = Tried { roster: self.view.roster().clone(), ..Tried::default() };
        let policy = self.policy_after(operations)?;
        for operation in operations {
            self.check_operation(&mut tried, policy.as_ref(), operation, index)?;
        }
        check_roster_after(&tried.roster, policy.as_ref(), index)?;
        check_level_order(&tried.roster, self.view, policy.as_ref(), index)?;
        if operations.iter().any(|operation| matches!(operation, Operation::SetAdmins(_))) {
            check_admins_are_people(&tried.roster, index)?;
        }
        Ok(tried.roster)
    }

    /// What a service does alone that admins let: every operation is within its delegation.
    fn check_service(
        &self,
        envelope: &Envelope,
        statement: &Statement,
        body: &Governance,
        (delegation, policy): (&Delegation, Option<&Policy>),
        index: EntryIndex,
    ) -> Result<(), Refusal> {
        self.check_signature(envelope, statement, index)?;
        let mut roster = self.view.roster().clone();
        let after = index.size_after();
        for operation in &body.operations {
            check_delegated(&roster, policy, delegation, operation, after).map_err(|why| {
                refuse_with(
                    "DELEGATION",
                    format!("{} may not do this alone: {why}", statement.by),
                    "an admin signs it, with a key of their own",
                )
            })?;
            roster.apply(index, Timestamp::default(), operation);
        }
        Ok(())
    }

    /// The policy that holds after operations, parsed; none where there is none yet.
    fn policy_after(&self, operations: &[Operation]) -> Result<Option<Policy>, Refusal> {
        let set = operations.iter().rev().find_map(|operation| match operation {
            Operation::SetPolicy(policy) => Some(policy.text.as_str()),
            _ => None,
        });
        parsed(set.or(self.view.policy().map(|version| version.text.as_str())))
    }

    fn check_operation(
        &self,
        tried: &mut Tried,
        policy: Option<&Policy>,
        operation: &Operation,
        index: EntryIndex,
    ) -> Result<(), Refusal> {
        let after = index.size_after();
        let roster = &tried.roster;
        match operation {
            Operation::SetMember(said) => check_member(roster, said, index)?,
            Operation::RetireMember(said) => {
                if roster.member(&said.member, after).is_none() {
                    return Err(unknown(&said.member));
                }
            }
            Operation::AddKey(said) => check_key(roster, said, index)?,
            Operation::RevokeKey(said) => check_revocation(roster, said, index)?,
            Operation::RotateLedgerKey(said) => self.check_rotation(tried, &said.ledger_key)?,
            Operation::Lift(said) => {
                self.check_lift(said)?;
                if !tried.lifted.insert(said.entry.index) {
                    return Err(lifted(said.entry.index));
                }
            }
            Operation::SetBaseline(said) => self.set_baseline(policy, said)?,
            Operation::Delegate(said) => {
                let service = roster.member(&said.service, after);
                if service.is_none_or(|member| member.kind != MemberKind::Service) {
                    let what = format!("{} is no service of the roster", said.service);
                    return Err(refuse("NOT_A_SERVICE", what));
                }
            }
            Operation::EndDelegation(said) => {
                if roster.delegation(&said.service, after).is_none() {
                    let what = format!("nothing is delegated to {}", said.service);
                    return Err(refuse("DELEGATION", what));
                }
            }
            // The policy was parsed already; a confirmed time needs no check.
            Operation::SetAdmins(_) | Operation::SetPolicy(_) | Operation::ConfirmClock(_) => {}
        }
        tried.roster.apply(index, Timestamp::default(), operation);
        Ok(())
    }

    /// A new key of the ledger is of its origin, and none that it had before.
    fn check_rotation(&self, tried: &mut Tried, text: &str) -> Result<(), Refusal> {
        let key: VerifierKey = text
            .parse()
            .map_err(|_| refuse("LEDGER_KEY", "the ledger key is not a verifier key"))?;
        let Some(ledger) = self.view.ledger().filter(|own| own.origin.as_str() == key.name())
        else {
            return Err(refuse("LEDGER_KEY", "the name of a ledger key is the ledger's origin"));
        };
        let had = ledger.keys.iter().any(|(_, old)| old == text);
        if had || std::mem::replace(&mut tried.rotates, true) {
            return Err(refuse("LEDGER_KEY", "a ledger has each key once, and one at a time"));
        }
        Ok(())
    }

    /// Only a reject is lifted, and once: what else an entry says, its author takes back.
    fn check_lift(&self, said: &Lift) -> Result<(), Refusal> {
        let index = said.entry.index;
        let Some((_, lifted_statement)) =
            self.log.entry(index)?.filter(|(entry, _)| *entry == said.entry)
        else {
            return Err(refuse("NO_SUCH_ENTRY", format!("entry {index} is another one")));
        };
        match &lifted_statement.says {
            Says::Approval(body) if body.verdict == ApprovalVerdict::Reject => {}
            _ => {
                return Err(refuse_with(
                    "NOT_A_REJECT",
                    format!("entry {index} is no reject"),
                    "only a reject is lifted; see the entry with countersign show",
                ));
            }
        }
        if self.view.is_lifted(index) { Err(lifted(index)) } else { Ok(()) }
    }

    /// A baseline once for each service and environment, unless it says what it replaces and why.
    fn set_baseline(&self, policy: Option<&Policy>, said: &SetBaseline) -> Result<(), Refusal> {
        let known = policy.is_some_and(|policy| {
            policy.service(&said.service).is_some() && policy.environment(&said.environment).is_ok()
        });
        if !known {
            let what = format!("the policy names no {} in {}", said.service, said.environment);
            return Err(refuse("UNKNOWN_SERVICE", what));
        }
        let newest = self.view.settled(&said.service, &said.environment).newest();
        let newest = newest.map(|point| point.entry.index);
        if newest == said.replaces {
            return Ok(());
        }
        Err(match newest {
            Some(newest) => refuse_with(
                "BASELINE",
                format!(
                    "{} in {} starts at entry {newest} already",
                    said.service, said.environment
                ),
                "countersign baseline --replace -m WHY",
            ),
            None => refuse("BASELINE", "there is nothing to replace"),
        })
    }
}

fn lifted(index: EntryIndex) -> Refusal {
    refuse("LIFTED", format!("the reject at entry {index} is lifted already"))
}

fn too_few(missing: &Shortfall) -> Refusal {
    let Shortfall { found, needed, about } = missing;
    match about {
        None => refuse_with(
            "THRESHOLD",
            format!("{found} of {needed} admins have signed"),
            "another admin signs the file: countersign sign FILE",
        ),
        Some(about) => refuse_with(
            "OWN_SIGNATURE",
            format!(
                "{about} gets something by this, so that signature does not count: \
                 {found} of {needed} others have signed"
            ),
            "another admin signs the file: countersign sign FILE",
        ),
    }
}

fn parsed(text: Option<&str>) -> Result<Option<Policy>, Refusal> {
    text.map(Policy::parse)
        .transpose()
        .map_err(|errors| refuse("POLICY", format!("the policy: {errors}")))
}

fn unknown(member: &MemberId) -> Refusal {
    refuse("UNKNOWN_MEMBER", format!("{member} is not a member"))
}

fn check_ledger_key(genesis: &Genesis) -> Result<(), Refusal> {
    let key: VerifierKey = genesis
        .ledger_key
        .parse()
        .map_err(|_| refuse("LEDGER_KEY", "the ledger key is not a verifier key"))?;
    if key.name() == genesis.origin.as_str() {
        Ok(())
    } else {
        Err(refuse("LEDGER_KEY", "the name of a ledger key is the ledger's origin"))
    }
}

fn check_member(roster: &Roster, said: &SetMember, index: EntryIndex) -> Result<(), Refusal> {
    let id = &said.member;
    if roster.kind_ever(id).is_some_and(|kind| kind != said.kind) {
        return Err(refuse("KIND", format!("what {id} is was set once and never changes")));
    }
    let after = index.size_after();
    for email in &said.emails {
        if let Some(other) = roster.member_of_email(*email, after)
            && other.id != *id
        {
            let what = format!("{id} and {} share an e-mail address", other.id);
            return Err(refuse("EMAIL", what));
        }
    }
    if said.kind == MemberKind::Agent && said.operator.is_none() {
        return Err(refuse("OPERATOR", format!("{id} is an agent and names no operator")));
    }
    if let Some(operator) = &said.operator
        && roster.kind_ever(operator).is_none_or(|kind| kind != MemberKind::Human)
    {
        return Err(refuse("OPERATOR", format!("the operator {operator} is no human member")));
    }
    Ok(())
}

/// A key has one owner for ever once it was used; until then admins may hand it on (ATTACKS 18).
fn check_key(roster: &Roster, said: &AddKey, index: EntryIndex) -> Result<(), Refusal> {
    let after = index.size_after();
    if roster.member(&said.member, after).is_none() {
        return Err(unknown(&said.member));
    }
    let id = PublicKey::fingerprint(&said.key);
    if let Some(record) = roster.key(&id) {
        let owner = record.owner(after).map(ToString::to_string).unwrap_or_default();
        if record.revoked(after).is_some() {
            return Err(refuse("KEY_REVOKED", format!("the key {id} was revoked")));
        }
        if record.is_bound() || owner == said.member.as_str() {
            return Err(refuse("KEY_OWNED", format!("the key {id} belongs to {owner} for ever")));
        }
    }
    Ok(())
}

fn check_revocation(roster: &Roster, said: &RevokeKey, index: EntryIndex) -> Result<(), Refusal> {
    let Some(record) = roster.key(&said.key) else {
        return Err(refuse("UNKNOWN_KEY", format!("the key {} is on no roster entry", said.key)));
    };
    let before = record.revoked(index.size_after());
    if said.cause == Revocation::Retired && (before.is_some() || said.since.is_some()) {
        return Err(refuse("KEY_REVOKED", "a key retires once, from the entry that says so"));
    }
    if said.cause == Revocation::Leaked && said.since.is_none_or(|since| since > index) {
        return Err(refuse("SINCE", "leaked since which entry? name one that exists"));
    }
    Ok(())
}

/// What must hold of the whole roster once every operation is done.
fn check_roster_after(
    roster: &Roster,
    policy: Option<&Policy>,
    index: EntryIndex,
) -> Result<(), Refusal> {
    let after = index.size_after();
    let Some(admins) = roster.admins(after) else {
        return Err(refuse("NO_ADMINS", "the genesis names no admins"));
    };
    let count = roster.able_admins(after).len();
    if count < usize::try_from(admins.threshold).unwrap_or(usize::MAX) {
        return Err(refuse_with(
            "LOCK_OUT",
            format!(
                "{count} {} with a key would be left, and {} must sign: nobody could govern",
                if count == 1 { "admin" } else { "admins" },
                admins.threshold
            ),
            "first enroll another key for them, or name other admins or a lower threshold in a \
             roster file: countersign roster apply FILE",
        ));
    }
    for (service, delegation) in roster.delegations(after) {
        if policy.is_none_or(|policy| policy.rank(&delegation.below).is_none()) {
            return Err(refuse_with(
                "LEVEL",
                format!(
                    "{service} may set people below {}, which the policy does not list",
                    delegation.below
                ),
                "list it in the policy's levels, or end the delegation first",
            ));
        }
    }
    let Some(policy) = policy else { return Ok(()) };
    for member in roster.members(after) {
        if let Some(level) = &member.level
            && policy.rank(level).is_none()
        {
            return Err(refuse_with(
                "LEVEL",
                format!("{} has the level {level}, which the policy does not list", member.id),
                "list it in the policy's levels, or give the member another level first",
            ));
        }
    }
    Ok(())
}

/// A policy that puts one level in use above another which was above it promotes and demotes
/// people in silence (ATTACKS 43).
fn check_level_order(
    roster: &Roster,
    view: &View,
    newer: Option<&Policy>,
    index: EntryIndex,
) -> Result<(), Refusal> {
    let older = view.policy().and_then(|version| Policy::parse(&version.text).ok());
    let (Some(older), Some(newer)) = (older, newer) else { return Ok(()) };
    let after = index.size_after();
    let held = roster.members(after).filter_map(|member| member.level.as_ref());
    let bounds = roster.delegations(after).map(|(_, delegation)| &delegation.below);
    let mut ranks: Vec<_> = held
        .chain(bounds)
        .filter_map(|level| Some((older.rank(level)?, newer.rank(level)?, level)))
        .collect();
    ranks.sort_unstable();
    match ranks.windows(2).find(|pair| pair[0].1 > pair[1].1) {
        None => Ok(()),
        Some(pair) => Err(refuse_with(
            "LEVEL",
            format!("the policy puts {} above {}, and people hold both", pair[0].2, pair[1].2),
            "give them other levels first: countersign roster apply FILE",
        )),
    }
}

/// Admins who are named are present humans: nobody becomes one by getting a name that waits.
fn check_admins_are_people(roster: &Roster, index: EntryIndex) -> Result<(), Refusal> {
    let after = index.size_after();
    for id in roster.admins(after).map(|set| set.admins.as_slice()).unwrap_or_default() {
        match roster.member(id, after) {
            Some(member) if member.kind == MemberKind::Human => {}
            Some(member) => {
                let what = format!("{id} is of the kind {}: only humans are admins", member.kind);
                return Err(refuse("NOT_HUMAN", what));
            }
            None => return Err(unknown(id)),
        }
    }
    Ok(())
}

/// Every signature is good and from another admin, or the whole envelope is refused (ATTACKS 35).
fn check_signatures(
    envelope: &Envelope,
    roster: &Roster,
    admins: &AdminSet,
    index: EntryIndex,
    is_genesis: bool,
) -> Result<BTreeSet<MemberId>, Refusal> {
    let message = envelope.pre_authentication_encoding();
    let as_of = admins.entry.size_after().max(crate::base::position::TreeSize::new(index.get()));
    let mut members = BTreeSet::new();
    for signature in envelope.signatures() {
        let id = &signature.keyid;
        let Some(record) = roster.key(id) else {
            return Err(refuse("UNKNOWN_KEY", format!("the key {id} is on no roster entry")));
        };
        record
            .key
            .verify(&message, &signature.signature)
            .map_err(|error| refuse("BAD_SIGNATURE", format!("the signature of {id}: {error}")))?;
        let good = is_genesis || roster.standing(id, index, as_of) == KeyStanding::Good;
        let Some(owner) = record.owner(as_of).filter(|_| good) else {
            return Err(refuse("KEY_REVOKED", format!("the key {id} is not in force")));
        };
        if !admins.admins.contains(owner) || roster.member(owner, as_of).is_none() {
            return Err(refuse("NOT_ADMIN", format!("{owner} is not an admin of this ledger")));
        }
        if !members.insert(owner.clone()) {
            return Err(refuse("SIGNED_TWICE", format!("{owner} has signed twice")));
        }
    }
    Ok(members)
}
