//! What gates, and people in a hurry, do in a generated history.

use countersign::base::digest::{Commitment, ContentDigest};
use countersign::base::name::RequestId;
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::statement::Says;
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{DecisionVerdict, Mode, Outcome};

use super::evaluator::{Answer, Asked, CoverRow};
use super::generate::*;
use super::ledger::cover_digest;
use super::people::{HOUR, SECOND};

impl Generator<'_, '_> {
    pub(crate) fn break_glass(&mut self) {
        let asked = self.asked();
        let count = self.random.pick(&[1, 1, 1, 2, 3, 3]);
        let mut names = ["ada", "ben", "dee", "flo"];
        self.random.shuffle(&mut names);
        let mut made = Vec::new();
        for name in &names[..count] {
            let ago = self.random.pick(&[0, 0, SECOND, HOUR]);
            let claimed = self.world.now - ago;
            let lasts = self.random.pick(&[HOUR, 4 * HOUR, 24 * HOUR]);
            let service = asked.place.service.clone();
            let policies = self.world.model().log.policies();
            let listed = policies.last().and_then(|p| p.2.service(&service));
            let repository = listed.map(|l| l.repository.clone());
            let says = Says::Override(Override {
                service,
                environment: asked.place.environment.clone(),
                repository: repository.unwrap_or_else(|| "shop".parse().unwrap()),
                revision: self.revision(asked.revision),
                artifacts: asked.artifacts.clone(),
                claimed: Timestamp::from_milliseconds(claimed),
                expires: Timestamp::from_milliseconds(claimed + lasts),
                reason: Commitment::from_bytes([4; 32]),
                incident: None,
                drill: self.random.chance(10).then_some(Drill),
            });
            made.extend(self.say(name, says));
        }
        self.ask(&asked);
        if self.random.chance(60) {
            if self.random.chance(25) && !made.is_empty() {
                // No ledger was at hand to record a decision in.
                let mut overrides: Vec<_> = made.iter().map(|at| self.world.id(*at)).collect();
                overrides.sort_unstable();
                let mut says = self.deployment(&asked);
                says.overrides = overrides;
                self.say("gate", Says::Deployment(says));
            } else {
                self.deploy_this(&asked);
            }
            self.wait();
            self.ask(&asked);
        }
    }

    pub(crate) fn deployment(&mut self, asked: &Asked) -> Deployment {
        let outcomes = [Outcome::Started, Outcome::Started, Outcome::Succeeded, Outcome::Started];
        let mut outcome = self.random.pick(&outcomes);
        if self.random.chance(5) {
            outcome = self.random.pick(&[Outcome::Failed, Outcome::Unknown]);
        }
        Deployment {
            service: asked.place.service.clone(),
            environment: asked.place.environment.clone(),
            revision: self.revision(asked.revision),
            artifacts: asked.artifacts.clone(),
            decision: None,
            overrides: Vec::new(),
            started: None,
            outcome,
            trigger: None,
            run: None,
        }
    }

    pub(crate) fn deploy(&mut self) {
        let mut asked = self.asked();
        if self.random.chance(55) {
            self.review_for(&asked);
            asked.now = self.world.now;
        }
        self.deploy_this(&asked);
    }

    /// Decides and deploys, or only one of the two.
    pub(crate) fn deploy_this(&mut self, asked: &Asked) {
        let mut asked = asked.clone();
        asked.now = self.world.now;
        let answer = self.ask(&asked);
        if self.random.chance(4) {
            // Nobody asked the gate.
            let says = self.deployment(&asked);
            self.say("gate", Says::Deployment(says));
            return;
        }
        let rogue = !answer.allow && self.random.chance(12);
        let Some(decision) = self.decision(&asked, &answer, rogue) else { return };
        let by = if rogue { "rogue" } else { "gate" };
        let lag = if self.random.chance(5) { 1 + self.random.below(3) as u64 } else { 0 };
        let seen = self.world.size().saturating_sub(lag).max(1);
        let hand = self.hand(by);
        let Some(index) = self.world.say_having_seen(by, hand, Says::Decision(decision), seen)
        else {
            return;
        };
        if self.random.chance(15) {
            // Something happens in between.
            self.event();
        }
        let goes_ahead = answer.allow || answer.overridden || rogue || !answer.enforced;
        if !goes_ahead || self.random.chance(5) {
            return;
        }
        for _ in 0..=usize::from(self.random.chance(4)) {
            let mut says = self.deployment(&asked);
            says.decision = Some(self.world.id(index));
            if self.random.chance(3) {
                says.revision = self.revision(0);
            }
            self.say("gate", Says::Deployment(says));
        }
    }

    pub(crate) fn decision(
        &mut self,
        asked: &Asked,
        answer: &Answer,
        rogue: bool,
    ) -> Option<Decision> {
        let log = self.world.model().log;
        let policies = log.policies();
        let (policy, _, newest_policy) = policies.last()?;
        let service = newest_policy.service(&asked.place.service)?;
        let newest = log.points(&asked.place).last().map(|point| point.entry);
        let allow = answer.allow || (rogue && newest.is_some());
        let mut rows: Vec<CoverRow> = answer.rows.clone();
        if rogue {
            rows.clear();
        }
        let overrides = if answer.overridden && !allow {
            let mut ids = Vec::new();
            for logged in &self.world.log {
                if let Says::Override(said) = &logged.statement.says
                    && said.revision == self.revision(asked.revision)
                    && said.artifacts == asked.artifacts
                    && said.environment == asked.place.environment
                    && said.service == asked.place.service
                    && said.drill.is_none()
                {
                    ids.push(logged.id);
                }
            }
            ids.sort_unstable();
            ids
        } else {
            Vec::new()
        };
        let cover = allow.then(|| cover_digest(&rows));
        let start = answer.start.or(newest);
        let reason = RequestId::new("NEEDS_SIGN_OFF").unwrap();
        let decision = Decision {
            service: asked.place.service.clone(),
            environment: asked.place.environment.clone(),
            repository: service.repository.clone(),
            revision: self.revision(asked.revision),
            artifacts: asked.artifacts.clone(),
            verdict: if allow { DecisionVerdict::Allow } else { DecisionVerdict::Deny },
            mode: if answer.enforced { Mode::Enforce } else { Mode::Observe },
            start: start.map(EntryIndex::new),
            newest: newest.map(EntryIndex::new),
            policy: EntryIndex::new(*policy),
            trust: ContentDigest::from_bytes([0; 32]),
            reasons: if allow { Vec::new() } else { vec![reason] },
            cover,
            overrides,
            program: "test".parse().unwrap(),
        };
        if let Some(cover) = cover {
            self.world.covers.insert(cover, rows);
        }
        Some(decision)
    }

    /// A deployment turns out to have failed, or to have succeeded.
    pub(crate) fn fail(&mut self) {
        let started: Vec<(u64, String, Deployment)> = self
            .world
            .log
            .iter()
            .filter_map(|logged| match &logged.statement.says {
                Says::Deployment(body) if body.started.is_none() => {
                    Some((logged.index, logged.statement.by.to_string(), body.clone()))
                }
                _ => None,
            })
            .collect();
        let Some(newest) = started.last().cloned() else { return };
        let (index, by, body) =
            if self.random.chance(60) { newest } else { self.random.pick(&started) };
        let by = if self.random.chance(5) { "rogue".to_owned() } else { by };
        let outcome = self.random.pick(&[
            Outcome::Failed,
            Outcome::Failed,
            Outcome::Failed,
            Outcome::Succeeded,
            Outcome::Unknown,
        ]);
        let started = Some(self.world.id(index));
        let says = Deployment { decision: None, overrides: Vec::new(), started, outcome, ..body };
        self.say(&by, Says::Deployment(says));
    }
}
