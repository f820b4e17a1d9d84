//! Admission of governance (`spec/ledger.md` section 6.2): who must sign, and what is possible.

use std::collections::BTreeSet;

use super::{Admitter, refuse, refuse_with};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::key::{KeyId, PublicKey};
use crate::ledger::append::Refusal;
use crate::note::key::VerifierKey;
use crate::policy::Policy;
use crate::roster::{AdminSet, KeyStanding, Roster};
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{
    AddKey, Genesis, Governance, Operation, RevokeKey, SetBaseline, SetMember,
};
use crate::statement::words::{MemberKind, Revocation};

impl Admitter<'_> {
    /// Steps 3 and 4 for governance, and that every operation is possible.
    pub(super) fn check_governance(
        &mut self,
        envelope: &Envelope,
        statement: &Statement,
        body: &Governance,
        index: EntryIndex,
    ) -> Result<Vec<KeyId>, Refusal> {
        // Operations are tried on a copy of the roster, in order, so that one may rest on another.
        let mut roster = self.view.roster().clone();
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
        let policy = self.policy_after(body)?;
        for operation in &body.operations {
            self.check_operation(&mut roster, policy.as_ref(), operation, index)?;
        }
        check_roster_after(&roster, policy.as_ref(), index)?;
        let is_genesis = body.genesis.is_some();
        // Entry 0 is signed by every admin that it names; all later ones by admins before them.
        let (signers, as_of) = if is_genesis {
            (&roster, index.size_after())
        } else {
            (self.view.roster(), self.size())
        };
        let Some(admins) = signers.admins(as_of) else {
            return Err(refuse("NO_ADMINS", "the genesis names no admins"));
        };
        let members = check_signatures(envelope, signers, admins, index, is_genesis)?;
        let needed = if is_genesis {
            admins.admins.len()
        } else if body.operations.iter().all(Operation::only_reduces) {
            1
        } else {
            usize::try_from(admins.threshold).unwrap_or(usize::MAX)
        };
        if members.len() < needed {
            return Err(refuse_with(
                "THRESHOLD",
                format!("{} of {needed} admins have signed", members.len()),
                "another admin signs the file: countersign sign FILE",
            ));
        }
        if !members.contains(&statement.by) {
            return Err(refuse("PROPOSER", format!("{} proposes without signing", statement.by)));
        }
        Ok(envelope.signatures().iter().map(|signature| signature.keyid).collect())
    }

    /// The policy that holds after the statement, parsed; none where there is none yet.
    fn policy_after(&mut self, body: &Governance) -> Result<Option<Policy>, Refusal> {
        let set = body.operations.iter().rev().find_map(|operation| match operation {
            Operation::SetPolicy(policy) => Some(policy.text.as_str()),
            _ => None,
        });
        let text = set.or(self.view.policy().map(|version| version.text.as_str()));
        text.map(Policy::parse)
            .transpose()
            .map_err(|errors| refuse("POLICY", format!("the policy: {errors}")))
    }

    fn check_operation(
        &self,
        roster: &mut Roster,
        policy: Option<&Policy>,
        operation: &Operation,
        index: EntryIndex,
    ) -> Result<(), Refusal> {
        let after = index.size_after();
        match operation {
            Operation::SetMember(said) => set_member(roster, said, index),
            Operation::RetireMember(said) => {
                if roster.member(&said.member, after).is_none() {
                    return Err(unknown(&said.member));
                }
                roster.retire(index, &said.member);
                Ok(())
            }
            Operation::AddKey(said) => add_key(roster, said, index),
            Operation::RevokeKey(said) => revoke_key(roster, said, index),
            Operation::SetAdmins(said) => {
                let (admins, threshold) = (said.admins.clone(), said.threshold);
                roster.set_admins(AdminSet { entry: index, admins, threshold });
                Ok(())
            }
            Operation::RotateLedgerKey(said) => {
                let key: VerifierKey = said
                    .ledger_key
                    .parse()
                    .map_err(|_| refuse("LEDGER_KEY", "the ledger key is not a verifier key"))?;
                let origin = self.view.ledger().map(|ledger| ledger.origin.as_str().to_owned());
                if origin.as_deref() == Some(key.name()) {
                    Ok(())
                } else {
                    Err(refuse("LEDGER_KEY", "the name of a ledger key is the ledger's origin"))
                }
            }
            Operation::Lift(said) => match self.log.entry(said.entry.index)? {
                Some((entry, _)) if entry == said.entry => Ok(()),
                _ => Err(refuse(
                    "NO_SUCH_ENTRY",
                    format!("entry {} is another one", said.entry.index),
                )),
            },
            Operation::SetBaseline(said) => self.set_baseline(policy, said),
            // The policy was parsed already; a confirmed time needs no check.
            Operation::SetPolicy(_) | Operation::ConfirmClock(_) => Ok(()),
        }
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

fn set_member(roster: &mut Roster, said: &SetMember, index: EntryIndex) -> Result<(), Refusal> {
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
    roster.set_member(index, said);
    Ok(())
}

/// A key has one owner for ever once it was used; until then admins may hand it on (ATTACKS 18).
fn add_key(roster: &mut Roster, said: &AddKey, index: EntryIndex) -> Result<(), Refusal> {
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
    roster.add_key(index, &said.key, &said.member);
    Ok(())
}

fn revoke_key(roster: &mut Roster, said: &RevokeKey, index: EntryIndex) -> Result<(), Refusal> {
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
    let since = said.since.unwrap_or(index);
    let revoked = crate::roster::Revoked { entry: index, cause: said.cause, since };
    roster.revoke(&said.key, revoked);
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
    let able = |id: &&MemberId| {
        let human = roster.member(id, after).is_some_and(|member| member.kind == MemberKind::Human);
        human && !roster.keys_of(id, after).is_empty()
    };
    let count = admins.admins.iter().filter(able).count();
    if count < usize::try_from(admins.threshold).unwrap_or(usize::MAX) {
        return Err(refuse_with(
            "LOCK_OUT",
            format!(
                "only {count} admins with a key would be left, and {} must sign",
                admins.threshold
            ),
            "name other admins in the same statement, or lower the threshold first",
        ));
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
