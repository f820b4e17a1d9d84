//! Whether one operation of governance is possible (`spec/ledger.md` section 12.3), whoever signs.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Admitter, refuse, refuse_with};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::key::PublicKey;
use crate::ledger::append::Refusal;
use crate::note::key::VerifierKey;
use crate::policy::Policy;
use crate::roster::Roster;
use crate::statement::Says;
use crate::statement::governance::{AddKey, Lift, Operation, RevokeKey, SetBaseline, SetMember};
use crate::statement::words::{ApprovalVerdict, MemberKind, Revocation};

/// What operations lead to, as far as they were tried.
pub(super) struct Tried<'a> {
    pub(super) roster: Cow<'a, Roster>,
    lifted: BTreeSet<EntryIndex>,
    rotates: bool,
}

impl<'a> Tried<'a> {
    /// Nothing was tried yet.
    pub(super) const fn on(roster: &'a Roster) -> Self {
        Self { roster: Cow::Borrowed(roster), lifted: BTreeSet::new(), rotates: false }
    }
}

impl Admitter<'_> {
    pub(super) fn check_operation(
        &self,
        tried: &mut Tried<'_>,
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
        Roster::apply_to_copy(&mut tried.roster, index, operation);
        Ok(())
    }

    /// A new key of the ledger is of its origin, and none that it had before.
    fn check_rotation(&self, tried: &mut Tried<'_>, text: &str) -> Result<(), Refusal> {
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
        if self.is_partial {
            return if self.view.is_lifted(index) { Err(lifted(index)) } else { Ok(()) };
        }
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
        if newest == said.replaces || self.is_partial {
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

pub(super) fn unknown(member: &MemberId) -> Refusal {
    refuse("UNKNOWN_MEMBER", format!("{member} is not a member"))
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
