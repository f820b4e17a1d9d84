//! Which witnesses must have cosigned a checkpoint: names, groups and a quorum in the shape of C2SP
//! tlog-policy (`spec/proof.md` section 3).
//!
//! A group holds where at least `need` of its members do, a member being a witness or a group that
//! was named before. Each name is a member at most once, so a witness counts in one way only.

use std::collections::{BTreeMap, BTreeSet};

use super::cosignature::CosignerKey;
use super::{NoteError, SignedNote};
use crate::base::limits::{WITNESS_GROUPS_MAX, WITNESSES_MAX};
use crate::base::name::WitnessName;

/// A quorum that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// More witnesses or groups than are read.
    #[error("at most {WITNESSES_MAX} witnesses and {WITNESS_GROUPS_MAX} groups are read")]
    TooMany,
    /// A name stands for two things, or is `none`.
    #[error("the name {0} is taken")]
    NameTaken(WitnessName),
    /// A name that no witness and no earlier group has.
    #[error("no witness or group before it is called {0}")]
    Unknown(WitnessName),
    /// Two witnesses have one key: who holds it would count twice.
    #[error("the key of {0} is another's too")]
    SharedKey(WitnessName),
    /// A name is a member twice, in one group or in two.
    #[error("{0} is a member twice")]
    MemberTwice(WitnessName),
    /// A group wants more of its members than there are, or none of them.
    #[error("the group {name} has {members} members, and cannot need {need} of them")]
    Need {
        /// The group.
        name: WitnessName,
        /// How many it wants.
        need: usize,
        /// How many there are.
        members: usize,
    },
}

/// A witness under the name that groups call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The name; it means nothing outside of the quorum.
    pub name: WitnessName,
    /// Its key.
    pub key: CosignerKey,
}

/// How many members of a group must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// One of them.
    Any,
    /// Each of them.
    All,
    /// So many, from 1 to the number of members.
    Count(usize),
}

/// A group of witnesses and of groups named before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessGroup {
    /// Its name.
    pub name: WitnessName,
    /// How many members must hold.
    pub need: Need,
    /// The members.
    pub members: Vec<WitnessName>,
}

/// Whom a checkpoint must be cosigned by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WitnessQuorum {
    witnesses: Vec<Witness>,
    /// Witnesses first, in their order, then groups in theirs: so many must hold, and of which.
    groups: Vec<(usize, Vec<usize>)>,
    /// Its name and place; `None` where no cosignature is wanted.
    quorum: Option<(WitnessName, usize)>,
}

/// What was found of a quorum on one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Whether the quorum is met; always so where none is wanted.
    pub is_met: bool,
    /// Who cosigned, and when by their own clocks in seconds since 1970, in the order of the
    /// witnesses.
    pub cosigned: Vec<(WitnessName, u64)>,
    /// How many witnesses are known.
    pub known: usize,
}

impl Witnessed {
    /// The newest time of a cosignature, in seconds since 1970.
    #[must_use]
    pub fn newest_seconds(&self) -> Option<u64> {
        self.cosigned.iter().map(|(_, seconds)| *seconds).max()
    }
}

impl WitnessQuorum {
    /// A quorum over witnesses and groups; `None` wants no cosignature.
    ///
    /// # Errors
    /// [`QuorumError`].
    pub fn new(
        witnesses: Vec<Witness>,
        groups: &[WitnessGroup],
        quorum: Option<&WitnessName>,
    ) -> Result<Self, QuorumError> {
        if witnesses.len() > WITNESSES_MAX || groups.len() > WITNESS_GROUPS_MAX {
            return Err(QuorumError::TooMany);
        }
        let mut places: BTreeMap<&WitnessName, usize> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for (place, witness) in witnesses.iter().enumerate() {
            name(&mut places, &witness.name, place)?;
            if !keys.insert(witness.key.public_key()) {
                return Err(QuorumError::SharedKey(witness.name.clone()));
            }
        }
        let mut members_all = BTreeSet::new();
        let mut settled = Vec::with_capacity(groups.len());
        for (position, group) in groups.iter().enumerate() {
            let mut members = Vec::new();
            for member in &group.members {
                let place = places.get(member).copied();
                let place = place.ok_or_else(|| QuorumError::Unknown(member.clone()))?;
                if !members_all.insert(place) {
                    return Err(QuorumError::MemberTwice(member.clone()));
                }
                members.push(place);
            }
            settled.push((need(group)?, members));
            name(&mut places, &group.name, witnesses.len() + position)?;
        }
        let find = |wanted: &WitnessName| match places.get(wanted) {
            Some(place) => Ok((wanted.clone(), *place)),
            None => Err(QuorumError::Unknown(wanted.clone())),
        };
        let quorum = quorum.map(find).transpose()?;
        Ok(Self { witnesses, groups: settled, quorum })
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The witness or group that must hold; `None` where no cosignature is wanted.
    #[must_use]
    pub fn quorum(&self) -> Option<&WitnessName> {
        self.quorum.as_ref().map(|(name, _)| name)
    }

    /// Whether those witnesses, by their positions, are enough: a pure function, and more
    /// witnesses never turn yes into no.
    #[must_use]
    pub fn is_met_by(&self, cosigned: &BTreeSet<usize>) -> bool {
        let Some((_, quorum)) = &self.quorum else { return true };
        let mut holds: Vec<bool> =
            (0..self.witnesses.len()).map(|place| cosigned.contains(&place)).collect();
        // Members stand before their group, so one pass settles all.
        for (need, members) in &self.groups {
            let count = members.iter().filter(|member| holds[**member]).count();
            holds.push(count >= *need);
        }
        holds[*quorum]
    }

    /// Verifies every cosignature of known witnesses on a note, and judges the quorum. Lines of
    /// others are passed over.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] where the line of a known witness does not verify, whatever
    /// the others say.
    pub fn assess(&self, note: &SignedNote) -> Result<Witnessed, NoteError> {
        let mut places = BTreeSet::new();
        let mut cosigned = Vec::new();
        for (place, witness) in self.witnesses.iter().enumerate() {
            if let Some(found) = witness.key.find(note)? {
                places.insert(place);
                cosigned.push((witness.name.clone(), found.seconds()));
            }
        }
        let (is_met, known) = (self.is_met_by(&places), self.witnesses.len());
        Ok(Witnessed { is_met, cosigned, known })
    }
}

/// Gives a name to a place; `none` is what a quorum says that wants nobody.
fn name<'a>(
    places: &mut BTreeMap<&'a WitnessName, usize>,
    name: &'a WitnessName,
    place: usize,
) -> Result<(), QuorumError> {
    if name.as_str() == "none" || places.insert(name, place).is_some() {
        return Err(QuorumError::NameTaken(name.clone()));
    }
    Ok(())
}

/// How many members a group wants, as a number.
fn need(group: &WitnessGroup) -> Result<usize, QuorumError> {
    let members = group.members.len();
    let need = match group.need {
        Need::Any => 1,
        Need::All => members.max(1),
        Need::Count(count) => count,
    };
    if (1..=members).contains(&need) {
        return Ok(need);
    }
    Err(QuorumError::Need { name: group.name.clone(), need, members })
}
