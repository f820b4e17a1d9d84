//! Histories: a world begins, and then people, pipelines and admins do what comes to their minds,
//! mostly something that makes sense.

use std::cell::RefCell;
use std::collections::BTreeSet;

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::base::name::Revision;
use countersign::statement::Says;
use countersign::statement::governance::Operation;
use countersign::statement::words::ApprovalVerdict;

use super::evaluator::{Answer, Asked, evaluate};
use super::fold::Place;
use super::ledger::World;
use super::people::{HOUR, Random, SECOND, START, beginning, repository};
use super::repository::{Forms, Tree, difference, differing, places, sheet};

pub(crate) const PLACES: &[(&str, &str)] = &[
    ("shop", "production"),
    ("shop", "production"),
    ("shop", "production"),
    ("shop", "production/eu"),
    ("shop", "production/us"),
    ("shop", "staging"),
    ("pay", "production"),
    ("pay", "production"),
    ("pay", "production/eu"),
];

/// Who is told of every question that a history asks on its way.
pub(crate) type Asks<'a> = dyn FnMut(&World, &Asked, &Answer) + 'a;

pub(crate) struct Generator<'a, 'b> {
    pub(crate) random: Random,
    pub(crate) world: World,
    pub(crate) asks: &'a mut Asks<'b>,
    pub(crate) rules: usize,
    /// Every change that came to anybody's mind.
    pub(crate) minds: RefCell<Forms>,
}

pub(crate) fn place(service: &str, environment: &str) -> Place {
    Place { service: service.parse().unwrap(), environment: environment.parse().unwrap() }
}

pub(crate) fn artifact(number: usize) -> ContentDigest {
    ContentDigest::of(format!("artifact {number}").as_bytes())
}

/// A whole history from a seed.
pub(crate) fn history(seed: u64, asks: &mut Asks<'_>) -> World {
    let mut random = Random(seed);
    let repository = repository(&mut random);
    let mut world = World::new(repository, START);
    let operations = beginning(&mut random, &world.repository);
    world.begin(operations);
    let minds = RefCell::default();
    let mut generator = Generator { random, world, asks, rules: 10, minds };
    let events = 8 + generator.random.below(14);
    for _ in 0..events {
        generator.event();
    }
    for _ in 0..3 {
        let asked = generator.asked();
        generator.ask(&asked);
    }
    generator.world
}

impl Generator<'_, '_> {
    pub(crate) fn wait(&mut self) {
        let steps = [0, 0, SECOND, SECOND, SECOND, HOUR / 2, HOUR, HOUR, 5 * HOUR, 24 * HOUR];
        let mut step = self.random.pick(&steps);
        if self.random.chance(4) {
            step = 72 * HOUR;
        }
        if self.random.chance(5) {
            // Right at or beside the end of some span that began with an earlier entry.
            let from = self.world.log[self.random.below(self.world.log.len())].time;
            let span = self.random.pick(&[HOUR, 2 * HOUR, 5 * HOUR, 24 * HOUR, 72 * HOUR]);
            let until = from + span + self.random.pick(&[0, 1]) - self.random.pick(&[0, 1]);
            step = until.saturating_sub(self.world.now).min(96 * HOUR);
        }
        self.world.now += step;
    }

    pub(crate) fn event(&mut self) {
        self.wait();
        match self.random.below(100) {
            0..24 => self.review(),
            24..48 => self.deploy(),
            48..52 => self.fail(),
            52..60 => self.declare(),
            60..65 => self.word(ApprovalVerdict::Reject),
            65..70 => self.withdraw(),
            70..72 => self.lift(),
            72..75 => self.change_member(),
            75..78 => self.second_key(),
            78..82 => self.revoke(),
            82..86 => self.set_policy(),
            86..92 => self.break_glass(),
            92..96 => self.build(),
            96..98 => self.replace_baseline(),
            _ => self.word(ApprovalVerdict::Approve),
        }
    }

    /// A place and a revision that somebody might ask for: mostly a late one.
    pub(crate) fn asked(&mut self) -> Asked {
        let (service, environment) = self.random.pick(PLACES);
        let count = self.world.repository.commits.len();
        let late = self.random.below(count).max(self.random.below(count));
        let artifacts = match (service, self.random.below(10)) {
            ("pay", 0..8) | ("shop", 0) => vec![artifact(late)],
            _ => Vec::new(),
        };
        let environment = if self.random.chance(1) { "nowhere" } else { environment };
        let place = place(service, environment);
        Asked { place, revision: late, artifacts, now: self.world.now }
    }

    pub(crate) fn ask(&mut self, asked: &Asked) -> Answer {
        let asked = Asked { now: self.world.now, ..asked.clone() };
        let answer = evaluate(&self.world.model(), &asked);
        (self.asks)(&self.world, &asked, &answer);
        answer
    }

    /// The commits between the newest settled point and a revision.
    pub(crate) fn chain(&self, asked: &Asked) -> Vec<usize> {
        let repository = &self.world.repository;
        let points = self.world.model().log.points(&asked.place);
        let settled: BTreeSet<usize> =
            points.iter().filter_map(|point| repository.find(point.revision.as_ref()?)).collect();
        let walk = repository.walk(asked.revision).into_iter();
        let mut chain: Vec<usize> = walk.take_while(|commit| !settled.contains(commit)).collect();
        chain.reverse();
        chain
    }

    pub(crate) fn between(&self, old: Option<usize>, new: usize) -> ChangeHash {
        let repository = &self.world.repository;
        let (old, new) = (repository.tree(old), repository.tree(Some(new)));
        let change = difference(&old, &new).hash();
        self.minds.borrow_mut().insert(change, (old, new));
        change
    }

    /// The same edits as they may have been read: before others edited the other place of a file.
    pub(crate) fn as_read(&mut self, change: ChangeHash) -> ChangeHash {
        let Some((mut old, mut new)) = self.minds.borrow().get(&change).cloned() else {
            return change;
        };
        for path in differing(&old.clone(), &new.clone()) {
            let both = [old.get(&path), new.get(&path)].map(|c| c.and_then(|c| places(c)));
            let [Some(before), Some(after)] = both else { continue };
            let kept = self.random.pick(&["0", "1", "3"]);
            let (before, after) = if before[0] == after[0] {
                (sheet(kept, before[1]), sheet(kept, after[1]))
            } else if before[1] == after[1] {
                (sheet(before[0], kept), sheet(after[0], kept))
            } else {
                continue;
            };
            old.insert(path.clone(), before);
            new.insert(path, after);
        }
        let read = difference(&old, &new).hash();
        self.minds.borrow_mut().insert(read, (old, new));
        read
    }

    /// A change that somebody speaks of: as it lands, or as it was read.
    pub(crate) fn spoken_of(&mut self, change: ChangeHash) -> ChangeHash {
        let change = if self.random.chance(30) { self.as_read(change) } else { change };
        if let Some(form) = self.minds.borrow().get(&change) {
            self.world.forms.insert(change, form.clone());
        }
        change
    }

    pub(crate) fn parent(&self, commit: usize) -> Option<usize> {
        self.world.repository.commits[commit].parents.first().copied()
    }

    /// Changes that somebody may sign off for a revision to pass: step by step, a run, all of it.
    pub(crate) fn changes(&mut self, asked: &Asked) -> Vec<ChangeHash> {
        let chain = self.chain(asked);
        let points = self.world.model().log.points(&asked.place);
        let newest = points.last().and_then(|point| point.revision.clone());
        let newest = newest.and_then(|revision| self.world.repository.find(&revision));
        let style = self.random.below(100);
        let mut changes = if chain.is_empty() || style < 12 {
            vec![self.between(newest, asked.revision)]
        } else if style < 24 {
            vec![self.between(self.parent(chain[0]), chain[chain.len() - 1])]
        } else if style < 34 && chain.len() > 1 {
            let first = self.random.below(chain.len() - 1);
            let last = first + 1 + self.random.below(chain.len() - first - 1);
            let rest = chain[..first].iter().chain(&chain[last + 1..]);
            let mut all: Vec<_> =
                rest.map(|step| self.between(self.parent(*step), *step)).collect();
            all.push(self.between(self.parent(chain[first]), chain[last]));
            all
        } else {
            chain.iter().map(|step| self.between(self.parent(*step), *step)).collect()
        };
        let empty = difference(&Tree::new(), &Tree::new()).hash();
        let mut seen = BTreeSet::new();
        changes.retain(|change| *change != empty && seen.insert(*change));
        changes
    }

    pub(crate) fn revision(&self, commit: usize) -> Revision {
        self.world.repository.commits[commit].id.clone()
    }
}

/// A reject that somebody might think of: of a change on the way to what is asked.
pub(crate) fn reject_of(world: &World, asked: &Asked, random: &mut Random) -> Says {
    let mut silent = |_: &World, _: &Asked, _: &Answer| {};
    let mut generator = Generator {
        random: Random(random.next()),
        world: world.clone(),
        asks: &mut silent,
        rules: 0,
        minds: RefCell::default(),
    };
    let changes = generator.changes(asked);
    let change = changes.first().copied();
    let change = change.unwrap_or_else(|| generator.between(None, asked.revision));
    let row = generator.row(change, asked.place.service.as_str());
    Says::Approval(generator.approval(ApprovalVerdict::Reject, vec![row]))
}

/// What sort of statement it is, for the table.
pub(crate) fn kind(says: &Says) -> String {
    match says {
        Says::Governance(body) if body.genesis.is_some() => "genesis".to_owned(),
        Says::Governance(body) => match &body.operations[0] {
            Operation::SetMember(_) => "member set".to_owned(),
            Operation::RetireMember(_) => "member retired".to_owned(),
            Operation::AddKey(_) => "second key".to_owned(),
            Operation::RevokeKey(said) => format!("key {}", said.cause),
            Operation::Lift(_) => "lift".to_owned(),
            Operation::SetPolicy(_) => "policy".to_owned(),
            Operation::SetBaseline(_) => "baseline".to_owned(),
            _ => "other governance".to_owned(),
        },
        Says::Change(_) => "declaration".to_owned(),
        Says::Landed(_) => "landing".to_owned(),
        Says::Approval(said) => format!("{} of {}", said.verdict, said.subject_type),
        Says::Build(_) => "build".to_owned(),
        Says::Decision(said) => format!("decision: {}", said.verdict),
        Says::Deployment(said) => match (said.decision, said.started) {
            (None, None) if said.overrides.is_empty() => "deployment without decision".to_owned(),
            (None, None) => "deployment on overrides alone".to_owned(),
            (_, Some(_)) => format!("outcome: {}", said.outcome),
            _ => "deployment".to_owned(),
        },
        Says::Override(said) => {
            if said.drill.is_some() {
                "drill".to_owned()
            } else {
                "override".to_owned()
            }
        }
    }
}
