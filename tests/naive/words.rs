//! What reviewers and authors say in a generated history.

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::digest::{ChangeHash, Commitment, ContentDigest};
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow, ChecklistAnswer};
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::governance::{Lift, Operation};
use countersign::statement::words::{ApprovalVerdict, Assistance, Shown, SubjectType};

use super::evaluator::Asked;
use super::fold::Log;
use super::generate::*;
use super::ledger::{SECURITY_KEYS, public_key};
use super::people::{PEOPLE, REVIEWERS, id, person};
use super::repository::email;

impl Generator<'_, '_> {
    pub(crate) fn row(&mut self, change: ChangeHash, service: &str) -> ApprovalRow {
        let change = self.spoken_of(change);
        let (mut repository, mut target) =
            ("shop".parse().unwrap(), "refs/heads/main".parse().unwrap());
        // Mostly as the policy names them.
        let policies = self.world.model().log.policies();
        let listed = policies.last().and_then(|p| p.2.service(&service.parse().unwrap()));
        if let Some(listed) = listed.filter(|_| self.random.chance(70)) {
            repository = listed.repository.clone();
            target = listed.branch.clone();
        }
        if self.random.chance(3) {
            repository = "elsewhere".parse().unwrap();
        }
        if self.random.chance(3) {
            target = "refs/heads/side".parse().unwrap();
        }
        let commits = self.world.repository.commits.len();
        let read = if self.random.chance(50) { self.random.below(commits) } else { 0 };
        let head = self.revision(read);
        let seen = if self.random.chance(90) { Assistance::Generated } else { Assistance::None };
        ApprovalRow {
            hash: ContentDigest::from_bytes(*change.as_bytes()),
            repository: Some(repository),
            target: Some(target),
            service: None,
            base: None,
            head: Some(head),
            assistance_seen: Some(seen),
            shown: Shown::Diff,
            supersedes: None,
        }
    }

    /// The key that somebody signs with.
    pub(crate) fn hand(&mut self, name: &str) -> u8 {
        let first = person(name).1;
        let log = Log(&self.world.log);
        let mut known = vec![first];
        for number in [first + 20, SECURITY_KEYS + first] {
            let fingerprint = match number {
                number if number < 60 => public_key(number).fingerprint(),
                _ => continue,
            };
            if log.keys_of(&id(name)).iter().any(|key| key.0 == fingerprint) {
                known.push(number);
                known.push(number);
            }
        }
        if name == "dee" && self.random.chance(30) {
            let fingerprint = public_key(SECURITY_KEYS).fingerprint();
            if log.keys_of(&id(name)).iter().any(|key| key.0 == fingerprint) {
                return SECURITY_KEYS;
            }
        }
        self.random.pick(&known)
    }

    pub(crate) fn say(&mut self, name: &str, says: Says) -> Option<u64> {
        let hand = self.hand(name);
        self.world.say(name, hand, says)
    }

    pub(crate) fn approval(
        &mut self,
        verdict: ApprovalVerdict,
        rows: Vec<ApprovalRow>,
    ) -> Approval {
        let item = "rollback plan".parse().unwrap();
        let answer = Commitment::from_bytes([1; 32]);
        let answers = self.random.chance(60);
        Approval {
            verdict,
            subject_type: SubjectType::Change,
            rows,
            withdraws: None,
            comment: None,
            checklist: if answers { vec![ChecklistAnswer { item, answer }] } else { Vec::new() },
        }
    }

    /// Some reviewers sign off what a revision needs.
    pub(crate) fn review(&mut self) {
        let asked = self.asked();
        self.review_for(&asked);
    }

    pub(crate) fn review_for(&mut self, asked: &Asked) {
        let mut reviewers = REVIEWERS.to_vec();
        self.random.shuffle(&mut reviewers);
        let count = 1 + self.random.below(3);
        let changes = self.changes(asked);
        if changes.is_empty() {
            return;
        }
        let same = self.random.chance(80);
        for name in &reviewers[..count] {
            let changes = if same { changes.clone() } else { self.changes(asked) };
            let service = asked.place.service.as_str();
            let rows = changes.into_iter().map(|c| self.row(c, service));
            // Two changes may be spoken of by one form of both.
            let rows: BTreeMap<_, _> = rows.map(|row| (row.hash, row)).collect();
            let rows: Vec<_> = rows.into_values().collect();
            let together = self.random.chance(70);
            let groups = if together || rows.is_empty() {
                vec![rows]
            } else {
                rows.into_iter().map(|row| vec![row]).collect()
            };
            for rows in groups.into_iter().filter(|rows| !rows.is_empty()) {
                let says = Says::Approval(self.approval(ApprovalVerdict::Approve, rows));
                self.say(name, says);
            }
        }
        if let Some(artifact) = asked.artifacts.first().filter(|_| self.random.chance(50)) {
            let row = artifact_row(*artifact);
            let mut said = self.approval(ApprovalVerdict::Approve, vec![row]);
            said.subject_type = SubjectType::Artifact;
            self.say(reviewers[0], Says::Approval(said));
        }
        if !asked.artifacts.is_empty() && self.random.chance(70) {
            self.build_of(asked.revision);
        }
    }

    /// A word on one change that comes from anywhere.
    pub(crate) fn word(&mut self, verdict: ApprovalVerdict) {
        let asked = self.asked();
        let changes = self.changes(&asked);
        if changes.is_empty() {
            return;
        }
        let name = self.random.pick(&["ada", "ben", "cy", "dee", "flo", "eve", "agent"]);
        let change = self.random.pick(&changes);
        let row = self.row(change, asked.place.service.as_str());
        let mut said = self.approval(verdict, vec![row]);
        if self.random.chance(8) {
            said.subject_type = SubjectType::Artifact;
            said.rows = vec![artifact_row(artifact(asked.revision))];
        }
        self.say(name, Says::Approval(said));
    }

    pub(crate) fn withdraw(&mut self) {
        let said: Vec<(u64, String, Approval)> = self
            .world
            .log
            .iter()
            .filter_map(|logged| match &logged.statement.says {
                Says::Approval(said) if said.verdict != ApprovalVerdict::Withdraw => {
                    Some((logged.index, logged.statement.by.to_string(), said.clone()))
                }
                _ => None,
            })
            .collect();
        if said.is_empty() {
            return;
        }
        let rejects: Vec<_> =
            said.iter().filter(|s| s.2.verdict == ApprovalVerdict::Reject).cloned().collect();
        let wants_reject = !rejects.is_empty() && self.random.chance(50);
        let (index, by, mut old) = self.random.pick(if wants_reject { &rejects } else { &said });
        old.verdict = ApprovalVerdict::Withdraw;
        old.withdraws = Some(self.world.reference(index));
        if old.rows.len() > 1 && self.random.chance(50) {
            old.rows.truncate(1);
        }
        self.say(&by, Says::Approval(old));
    }

    pub(crate) fn lift(&mut self) {
        let log = &self.world.log;
        let rejects: Vec<u64> = log
            .iter()
            .filter(|logged| {
                matches!(&logged.statement.says, Says::Approval(said)
                    if said.verdict == ApprovalVerdict::Reject)
            })
            .map(|logged| logged.index)
            .collect();
        if rejects.is_empty() {
            return;
        }
        let entry = self.world.reference(self.random.pick(&rejects));
        let reason = Commitment::from_bytes([2; 32]);
        self.world.govern(vec![Operation::Lift(Lift { entry, reason })]);
    }

    pub(crate) fn declare(&mut self) {
        let asked = self.asked();
        let changes = self.changes(&asked);
        if changes.is_empty() {
            return;
        }
        let one = self.random.pick(&changes);
        let all = self.random.chance(50);
        let chain = self.chain(&asked);
        let by = self.random.pick(&["ci", "ci", "ci", "eve", "cy", "ben", "ada", "agent", "bot"]);
        for change in if all { changes } else { vec![one] } {
            let change = self.spoken_of(change);
            let mut authors = BTreeSet::new();
            for commit in &chain {
                for named in &self.world.repository.commits[*commit].authors {
                    if !named.tool && self.random.chance(60) {
                        let known = PEOPLE.iter().any(|person| person.0 == named.email);
                        authors.insert(if known && self.random.chance(70) {
                            DeclaredAuthor::Member(id(&named.email))
                        } else {
                            DeclaredAuthor::Email(email(&named.email))
                        });
                    }
                }
            }
            if authors.is_empty() || self.random.chance(12) {
                let name = self.random.pick(&["ada", "cy", "eve", "dee", "agent"]);
                authors.insert(DeclaredAuthor::Member(id(name)));
            }
            let assistance = self.random.pick(&[
                Assistance::None,
                Assistance::None,
                Assistance::Assisted,
                Assistance::Generated,
            ]);
            let repository = if self.random.chance(95) { "shop" } else { "elsewhere" };
            let head = self.revision(asked.revision);
            let says = Says::Change(Declaration {
                change,
                repository: repository.parse().unwrap(),
                base: None,
                head,
                target: "refs/heads/main".parse().unwrap(),
                authors: authors.into_iter().collect(),
                request: None,
                predecessor: None,
                assistance,
                tools: Vec::new(),
            });
            self.say(by, says);
        }
    }
}

pub(crate) fn artifact_row(artifact: ContentDigest) -> ApprovalRow {
    ApprovalRow {
        hash: artifact,
        repository: None,
        target: None,
        service: Some("shop".parse().unwrap()),
        base: None,
        head: None,
        assistance_seen: None,
        shown: Shown::Summary,
        supersedes: None,
    }
}
