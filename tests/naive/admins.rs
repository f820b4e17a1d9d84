//! What admins and builders do in a generated history.

use countersign::base::digest::Commitment;
use countersign::base::position::EntryIndex;
use countersign::statement::Says;
use countersign::statement::governance::{
    Accepted, Operation, RetireMember, RevokeKey, SetBaseline, SetPolicy,
};
use countersign::statement::pipeline::Build;
use countersign::statement::words::Revocation;

use super::generate::*;
use super::ledger::{SECURITY_KEYS, public_key};
use super::people::{LEVELS, REVIEWERS, add_key, id, person, policy, rule, set_member};

impl Generator<'_, '_> {
    pub(crate) fn change_member(&mut self) {
        let name = self.random.pick(&["ada", "ben", "cy", "dee", "eve", "flo", "ci"]);
        let (_, _, _, level, _, duties) = person(name);
        let operation = match self.random.below(10) {
            0 if name != "ada" => {
                Operation::RetireMember(RetireMember { member: id(name), reason: None })
            }
            1 => set_member(name, level, &duties[..duties.len() / 2]),
            2 | 3 => set_member(name, level, duties),
            _ => {
                let level = level.map(|_| self.random.pick(LEVELS));
                set_member(name, level, duties)
            }
        };
        self.world.govern(vec![operation]);
    }

    pub(crate) fn second_key(&mut self) {
        let name = self.random.pick(REVIEWERS);
        let device = self.random.chance(30);
        let number = person(name).1 + if device { SECURITY_KEYS } else { 20 };
        self.world.govern(vec![add_key(name, number)]);
        if self.random.chance(60) {
            self.review();
        }
    }

    pub(crate) fn revoke(&mut self) {
        let name = self.random.pick(&["ben", "cy", "dee", "flo", "ci", "rogue", "builder", "eve"]);
        let leaked = self.random.chance(60);
        let key = public_key(self.hand(name)).fingerprint();
        let size = usize::try_from(self.world.size()).unwrap();
        let since = self.random.below(size + 1).max(self.random.below(size));
        let since = leaked.then(|| EntryIndex::new(since as u64));
        let cause = if leaked { Revocation::Leaked } else { Revocation::Retired };
        self.world.govern(vec![Operation::RevokeKey(RevokeKey { key, cause, since })]);
    }

    pub(crate) fn set_policy(&mut self) {
        let old = self.world.model().log.policies();
        let old = old.last().map(|(_, _, policy)| policy.text().to_owned());
        self.rules += 1;
        let text = match old {
            // The same with another rule, or something altogether else.
            Some(old) if self.random.chance(40) => {
                let next = rule(&mut self.random, self.rules, &old);
                old + &next
            }
            _ => policy(&mut self.random, ""),
        };
        self.world.govern(vec![Operation::SetPolicy(SetPolicy { text })]);
    }

    pub(crate) fn replace_baseline(&mut self) {
        let (service, environment) = self.random.pick(PLACES);
        let place = place(service, environment);
        let points = self.world.model().log.own_points(&place);
        let newest = points.iter().rev().find(|point| point.stands()).map(|point| point.entry);
        let commit = self.random.below(self.world.repository.commits.len());
        let accepted = if self.random.chance(8) {
            Accepted::Nothing
        } else {
            Accepted::UpTo(self.revision(commit))
        };
        let operation = Operation::SetBaseline(SetBaseline {
            service: place.service,
            environment: place.environment,
            accepted,
            replaces: newest.map(EntryIndex::new),
            reason: newest.map(|_| Commitment::from_bytes([3; 32])),
        });
        self.world.govern(vec![operation]);
    }

    pub(crate) fn build(&mut self) {
        let commit = self.random.below(self.world.repository.commits.len());
        self.build_of(commit);
    }

    pub(crate) fn build_of(&mut self, commit: usize) {
        let by = self.random.pick(&["ci", "ci", "ci", "builder"]);
        let count = self.world.repository.commits.len();
        let built = if self.random.chance(90) { commit } else { self.random.below(count) };
        let revision = self.revision(built);
        let repository = if self.random.chance(97) { "shop" } else { "elsewhere" };
        let says = Says::Build(Build {
            artifact: artifact(commit),
            repository: repository.parse().unwrap(),
            revision,
            provenance: None,
            embedded: None,
        });
        self.say(by, says);
    }
}
