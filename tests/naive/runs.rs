//! The runs: many worlds, counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Instant;

use super::evaluator::{Answer, Asked, Lies, evaluate};
use super::generate::history;
use super::ledger::World;
use super::people::Random;
use super::properties;

/// How often each situation was met.
#[derive(Debug, Default)]
struct Met(BTreeMap<String, usize>);

impl Met {
    fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn note_answer(&mut self, answer: &Answer) {
        self.note("a question");
        let said = match (answer.allow, answer.overridden, answer.enforced) {
            (true, _, _) => "allowed",
            (false, true, _) => "overridden",
            (false, false, true) => "refused",
            (false, false, false) => "denied and observed",
        };
        self.note(format!("answer: {said}"));
        let lies = answer.lies.map(|lies| match lies {
            Lies::Linear => "linear",
            Lies::FromRoot => "from the root",
            Lies::Behind => "behind",
            Lies::Diverged(_) => "diverged",
            Lies::Unrelated => "unrelated",
        });
        if let Some(lies) = lies {
            self.note(format!("{lies}: {}", if answer.allow { "allowed" } else { "denied" }));
        }
        for code in &answer.codes {
            self.note(format!("reason: {code}"));
        }
        for seen in &answer.seen {
            self.note(format!("seen: {seen}"));
        }
    }

    fn table(&self) -> String {
        self.0.iter().fold(String::new(), |mut table, (what, count)| {
            let _ = writeln!(table, "{count:>8}  {what}");
            table
        })
    }
}

/// The same disagreement in a shorter log: without each entry that it does not need.
fn shrunk(world: &World, asked: &Asked) -> Result<(), String> {
    let differs =
        |world: &World| properties::agree(world, asked, &evaluate(&world.model(), asked)).is_err();
    let mut world = world.clone();
    for at in (1..world.size()).rev() {
        if let Some(less) = world.without(at).filter(differs) {
            world = less;
        }
    }
    properties::agree(&world, asked, &evaluate(&world.model(), asked))
}

fn one(seed: u64, met: &mut Met) -> Result<(), String> {
    let mut random = Random(seed ^ 0x5eed);
    let mut found: Result<(), String> = Ok(());
    let mut asked_last: Option<(World, Asked, Answer)> = None;
    let world = history(seed, &mut |world, asked, answer| {
        met.note_answer(answer);
        if found.is_ok() && properties::agree(world, asked, answer).is_err() {
            found = shrunk(world, asked);
        }
        if found.is_ok() && !answer.allow {
            found = properties::dropping(world, asked, answer, &mut random);
        }
        if asked_last.is_none() || random.chance(20) {
            asked_last = Some((world.clone(), asked.clone(), answer.clone()));
        }
    });
    found?;
    for _ in 0..world.refused.len() {
        met.note("a statement that is not admitted");
    }
    for logged in &world.log {
        met.note(format!("entry: {}", super::generate::kind(&logged.statement.says)));
    }
    if seed.is_multiple_of(8) {
        met.note("property: folds agree at every entry");
        properties::folds_agree(&world)?;
    }
    if let Some((world, asked, answer)) = asked_last {
        met.note("property: order is nothing");
        properties::shuffled(&world, &asked, &answer, &mut random)?;
        met.note("property: on a service's word");
        properties::attested(&world, &asked)?;
        let (what, found) = properties::taking_away(&world, &asked, &answer, &mut random);
        met.note(format!("property: {what}"));
        found?;
        if seed % 4 == 1
            && let Some(found) =
                properties::dropping_from_the_log(&world, &asked, &answer, &mut random)
        {
            met.note("property: dropped from the log");
            found?;
        }
    }
    Ok(())
}

/// A number from the environment of the run.
#[expect(clippy::disallowed_methods, reason = "whoever looks for a case asks for one world")]
fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

/// Runs worlds on two threads; gives what was met, and what failed.
fn run(worlds: u64) -> (Met, Vec<(u64, String)>) {
    let only = asked_for("SEED");
    let (met, failed) = (Mutex::new(Met::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (met, failed) = (&met, &failed);
            scope.spawn(move || {
                let mut own = Met::default();
                for seed in (half..worlds).step_by(2) {
                    if only.is_some_and(|only| only != seed) {
                        continue;
                    }
                    if let Err(why) = one(seed, &mut own) {
                        failed.lock().unwrap().push((seed, why));
                    }
                }
                let mut all = met.lock().unwrap();
                for (what, count) in own.0 {
                    *all.0.entry(what).or_default() += count;
                }
            });
        }
    });
    (met.into_inner().unwrap(), failed.into_inner().unwrap())
}

/// What a run must meet; each line of the table that a history can bring about.
const EXPECTED: &[&str] = &[
    "a statement that is not admitted",
    "answer: allowed",
    "answer: denied and observed",
    "answer: overridden",
    "answer: refused",
    "behind: allowed",
    "behind: denied",
    "diverged: allowed",
    "diverged: denied",
    "from the root: allowed",
    "from the root: denied",
    "linear: allowed",
    "linear: denied",
    "unrelated: allowed",
    "unrelated: denied",
    "entry: approve of artifact",
    "entry: approve of change",
    "entry: baseline",
    "entry: build",
    "entry: decision: allow",
    "entry: decision: deny",
    "entry: declaration",
    "entry: deployment",
    "entry: deployment on overrides alone",
    "entry: deployment without decision",
    "entry: drill",
    "entry: key leaked",
    "entry: key retired",
    "entry: lift",
    "entry: member retired",
    "entry: member set",
    "entry: outcome: failed",
    "entry: outcome: succeeded",
    "entry: outcome: unknown",
    "entry: override",
    "entry: policy",
    "entry: reject of artifact",
    "entry: reject of change",
    "entry: second key",
    "entry: withdraw of artifact",
    "entry: withdraw of change",
    "property: a key leaked",
    "property: a key retired",
    "property: a level lowered",
    "property: a reject added",
    "property: a rule added",
    "property: dropped from the log",
    "property: folds agree at every entry",
    "property: order is nothing",
    "reason: ARTIFACT_REQUIRED",
    "reason: BASELINE_MISSING",
    "reason: BUILD_CONTRADICTS",
    "reason: BUILD_UNKNOWN",
    "reason: DEBT_OVERDUE",
    "reason: DIVERGED",
    "reason: POLICY_MISSING",
    "reason: REJECTED",
    "reason: UNDOES_SETTLED",
    "reason: UNKNOWN_ENVIRONMENT",
    "reason: UNKNOWN_SERVICE",
    "seen: KEY_COOLING",
    "seen: KEY_REVOKED",
    "seen: NEEDS_LEVEL",
    "seen: NEEDS_SIGN_OFF",
    "seen: NEEDS_TEAM",
    "seen: PATH_COLLISION",
    "seen: SPENT",
    "seen: UNKNOWN_AUTHOR",
    "seen: WITHDRAWN",
    "seen: WRONG_BRANCH",
    "seen: a reject on a run",
    "seen: a rule about artifacts",
    "seen: a run of steps approved as one",
    "seen: an empty chain",
    "seen: an older policy counts",
    "seen: CARRY_REFUSED",
    "seen: a carried sign-off counts",
    "seen: the whole chain approved as one",
    "seen: the whole difference lets through",
];

/// Runs, prints the table and the first cases that failed, each as short as it got.
fn check(worlds: u64) {
    let begin = Instant::now();
    let (met, mut failed) = run(worlds);
    println!("{}{worlds} worlds in {:?}", met.table(), begin.elapsed());
    failed.sort();
    for (seed, why) in failed.iter().take(4) {
        println!("seed {seed}: {why}");
    }
    let seeds: Vec<_> = failed.iter().map(|(seed, why)| (seed, why.lines().next())).collect();
    assert!(failed.is_empty(), "{seeds:?}");
    let never = EXPECTED.iter().filter(|what| !met.0.contains_key(**what));
    let never: Vec<_> = never.collect();
    assert!(never.is_empty(), "{worlds} worlds never met {never:?}");
}

/// `SEED=N` runs one world alone, `WORLDS=N` another number of them.
#[test]
fn the_naive_evaluator_agrees() {
    check(asked_for("WORLDS").unwrap_or(800));
}

#[test]
#[ignore = "an hour unoptimised; minutes with --release"]
fn the_naive_evaluator_agrees_at_length() {
    check(100_000);
}
