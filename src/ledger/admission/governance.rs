//! Admission of governance (`spec/ledger.md` section 12): who must sign, and that all is possible.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::authority::{Authority, Shortfall};
use super::delegated::check_delegated;
use super::operation::Tried;
use super::outcome::{check_admins_are_people, check_level_order, check_roster_after};
use super::{Admitter, refuse, refuse_with};
use crate::base::name::MemberId;
use crate::base::position::{EntryIndex, TreeSize};
use crate::key::KeyId;
use crate::ledger::append::Refusal;
use crate::note::key::VerifierKey;
use crate::policy::Policy;
use crate::roster::{AdminSet, Delegation, KeyStanding, Roster};
use crate::statement::Statement;
use crate::statement::envelope::Envelope;
use crate::statement::governance::{Genesis, Governance, Operation};

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
        let before = self.policy_in_force()?;
        let before = before.as_deref();
        let delegation = self.view.roster().delegation(&statement.by, self.size());
        if let Some(delegation) = delegation.filter(|_| !is_genesis) {
            let scope = (delegation, before);
            self.check_service(envelope, statement, body, scope, index)?;
            self.try_operations(&body.operations, before, index)?;
        } else {
            let roster = self.try_operations(&body.operations, before, index)?;
            // Entry 0 is signed by every admin that it names; later ones by admins before them.
            let (signers, as_of) = if is_genesis {
                (&*roster, index.size_after())
            } else {
                (self.view.roster(), self.size())
            };
            let Some(admins) = signers.admins(as_of) else {
                return Err(refuse("NO_ADMINS", "the genesis names no admins"));
            };
            let members = self.check_signatures(envelope, signers, admins, index, is_genesis)?;
            let authority = if is_genesis {
                let count = admins.admins.len();
                Some(Authority { count, others: BTreeMap::new() })
            } else {
                Authority::of(signers, before, &body.operations, as_of)
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
    /// whoever signs them.
    ///
    /// # Errors
    /// The refusal of the first that is not.
    pub fn check_operations(
        &mut self,
        operations: &[Operation],
        index: EntryIndex,
    ) -> Result<(), Refusal> {
        let before = self.policy_in_force()?;
        self.try_operations(operations, before.as_deref(), index).map(|_| ())
    }

    /// Tries operations under the policy before them; gives the roster after them.
    fn try_operations(
        &self,
        operations: &[Operation],
        before: Option<&Policy>,
        index: EntryIndex,
    ) -> Result<Cow<'_, Roster>, Refusal> {
        // Tried on a copy of the roster, so that one may rest on another.
        let mut tried = Tried::on(self.view.roster());
        let newer = newest_policy(operations)?;
        let policy = newer.as_ref().or(before);
        for operation in operations {
            self.check_operation(&mut tried, policy, operation, index)?;
        }
        check_roster_after(&tried.roster, (before, newer.as_ref()), operations, index)?;
        if let (Some(before), Some(newer)) = (before, &newer) {
            check_level_order(&tried.roster, before, newer, index)?;
        }
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
        let mut roster = Cow::Borrowed(self.view.roster());
        let after = index.size_after();
        for operation in &body.operations {
            check_delegated(&roster, policy, delegation, operation, after).map_err(|why| {
                refuse_with(
                    "DELEGATION",
                    format!("{} may not do this alone: {why}", statement.by),
                    "an admin signs it, with a key of their own",
                )
            })?;
            Roster::apply_to_copy(&mut roster, index, operation);
        }
        Ok(())
    }

    /// Every signature is good and from another admin, or the whole envelope is refused
    /// (ATTACKS 35).
    fn check_signatures(
        &self,
        envelope: &Envelope,
        roster: &Roster,
        admins: &AdminSet,
        index: EntryIndex,
        is_genesis: bool,
    ) -> Result<BTreeSet<MemberId>, Refusal> {
        let message = envelope.pre_authentication_encoding();
        let as_of = admins.entry.size_after().max(TreeSize::new(index.get()));
        let mut members = BTreeSet::new();
        for signature in envelope.signatures() {
            let id = &signature.keyid;
            let Some(record) = roster.key(id) else {
                return Err(refuse("UNKNOWN_KEY", format!("the key {id} is on no roster entry")));
            };
            self.signatures.check(index, &record.key, &message, &signature.signature).map_err(
                |error| refuse("BAD_SIGNATURE", format!("the signature of {id}: {error}")),
            )?;
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
}

/// The last policy that operations set, parsed; none where they set none. Each that is set on the
/// way is a policy too: verdicts read every version that there ever was.
fn newest_policy(operations: &[Operation]) -> Result<Option<Policy>, Refusal> {
    let mut newest = None;
    for operation in operations {
        if let Operation::SetPolicy(said) = operation {
            let policy = Policy::parse(&said.text)
                .map_err(|errors| refuse("POLICY", format!("the policy: {errors}")))?;
            newest = Some(policy);
        }
    }
    Ok(newest)
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
