//! What must never happen, tried on every generated history.

use countersign::policy::ReasonCode;
use countersign::statement::Says;
use countersign::statement::change::{DeclaredAuthor, Landed};
use countersign::statement::governance::{Operation, RevokeKey, SetPolicy};
use countersign::statement::words::{ApprovalVerdict, Assistance, Revocation};
use countersign::verify::attested::StepRecord;
use countersign::verify::{SeenAuthor, Verdict, VerifiedEntry};
use countersign::view::{Fact, View};

use super::aside::debts;
use super::evaluator::{Answer, Asked};
use super::gather::{Gathered, gather};
use super::generate::reject_of;
use super::ledger::{World, public_key};
use super::people::{LEVELS, PEOPLE, REVIEWERS, Random, person, rule, set_member};

/// What was found wrong, with the world in which it was.
pub(crate) type Found = Result<(), String>;

/// The codes of missing sign-offs: which of them a verdict names where no cut of a chain works
/// depends on the cut that it shows.
fn is_vague(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::NeedsSignOff
            | ReasonCode::NeedsLevel
            | ReasonCode::NeedsTeam
            | ReasonCode::NeedsChecklist
            | ReasonCode::NeedsTouch
            | ReasonCode::CarryRefused
            | ReasonCode::UnknownAuthor
            | ReasonCode::PathCollision
    )
}

/// The naive answer and the program's: answer, override, mode, start and reasons.
pub(crate) fn agree(world: &World, asked: &Asked, answer: &Answer) -> Found {
    let verdict = gather(world, asked).judge(&world.view);
    let mine = (answer.allow, answer.overridden, answer.enforced);
    let enforced = verdict.mode == countersign::statement::words::Mode::Enforce;
    if (verdict.is_allowed(), verdict.is_overridden(), enforced) != mine {
        return Err(format!("the answers differ\n{}", told(world, asked, answer, &verdict)));
    }
    let start = verdict.start_entry().map(countersign::base::position::EntryIndex::get);
    if answer.allow && start != answer.start {
        return Err(format!("the starts differ\n{}", told(world, asked, answer, &verdict)));
    }
    // Of several policies that cut a chain otherwise one cut is shown, and which of its steps are
    // rejected depends on that.
    let cuts_differ = !verdict.policies_passed_as_well.is_empty();
    let is_vague =
        |code: ReasonCode| is_vague(code) || (cuts_differ && code == ReasonCode::Rejected);
    let theirs: Vec<ReasonCode> =
        verdict.reasons().into_iter().filter(|code| !is_vague(*code)).collect();
    let mine: Vec<ReasonCode> =
        answer.codes.iter().copied().filter(|code| !is_vague(*code)).collect();
    // Without a start there is nothing to judge: what else a verdict tells is its own affair.
    let startless = answer.codes.contains(&ReasonCode::BaselineMissing);
    if theirs != mine && !(startless && theirs.contains(&ReasonCode::BaselineMissing)) {
        return Err(format!("the reasons differ\n{}", told(world, asked, answer, &verdict)));
    }
    Ok(())
}

/// Everything about a question, so that whoever reads it can follow both.
pub(crate) fn told(world: &World, asked: &Asked, answer: &Answer, verdict: &Verdict) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let gathered = gather(world, asked);
    for logged in &world.log {
        let what = match &logged.statement.says {
            Says::Governance(body) if logged.index == 0 => {
                format!("{} operations", body.operations.len())
            }
            says => format!("{says:?}"),
        };
        let (index, time, by) = (logged.index, logged.time, &logged.statement.by);
        let _ = writeln!(text, "{index} at {time} {by} {}: {what:.900}", logged.keys[0]);
    }
    for version in world.view.policies().iter().rev().take(2) {
        let _ = writeln!(
            text,
            "policy {} at {}\n{}",
            version.number,
            version.time.milliseconds(),
            version.text
        );
    }
    for (at, step) in
        gathered.steps.iter().enumerate().chain(gathered.whole.iter().map(|w| (999, w)))
    {
        let authors: Vec<&String> = step.authors.iter().map(|author| &author.label).collect();
        let (hash, commit) = (step.step.document.hash().short(), step.step.commit.short());
        let detected = step.detected;
        let _ = writeln!(text, "step {at} {} {commit} {hash} {authors:?} {detected:?}", step.title);
    }
    for segment in &verdict.segments {
        let authors: Vec<_> = segment.authors.iter().map(|a| (&a.label, a.standing)).collect();
        let signed: Vec<_> =
            segment.sign_offs.iter().map(|s| (s.member.as_str(), s.entry.get())).collect();
        let asks: Vec<_> =
            segment.assessment.requirements.iter().map(|r| (&r.ask, r.missing)).collect();
        let _ = writeln!(
            text,
            "segment {} {}..{} {} {authors:?} {signed:?} {asks:?} {:?}",
            segment.change.short(),
            segment.first.short(),
            segment.last.short(),
            segment.satisfied,
            segment.discounted,
        );
    }
    for row in &answer.rows {
        let _ = writeln!(
            text,
            "naive row {} up to {} {:?}",
            row.change.short(),
            row.last.short(),
            row.approvals
        );
    }
    let _ = writeln!(text, "{asked:?}");
    let naive = (answer.allow, answer.overridden, answer.enforced, answer.start, answer.lies);
    let _ = writeln!(text, "naive   {naive:?} {:?} {:?}", answer.codes, answer.seen);
    let program =
        (verdict.is_allowed(), verdict.is_overridden(), verdict.mode, verdict.start_entry());
    let _ = writeln!(text, "program {program:?} {:?} {:?}", verdict.reasons(), verdict.problems);
    text
}

/// Whether a statement only ever gives permission: without it there is less of it.
fn gives(world: &World, judged: &Gathered, answer: &Answer, entry: &VerifiedEntry) -> bool {
    match &entry.statement().says {
        Says::Approval(said) => said.verdict == ApprovalVerdict::Approve,
        Says::Override(_) => true,
        Says::Change(said) => {
            // The word of somebody whom the commits do not name bars them, and gives nothing.
            let log = world.model().log;
            let is_own =
                |author: &SeenAuthor| log.member_of(author.email).as_ref() == Some(entry.by());
            let mut steps = judged.steps.iter().chain(&judged.whole);
            let own = DeclaredAuthor::Member(entry.by().clone());
            said.assistance == Assistance::None
                && said.authors == [own]
                && steps.all(|step| step.authors.iter().any(is_own))
        }
        // What contradicts takes away.
        Says::Build(_) => !answer.codes.contains(&ReasonCode::BuildContradicts),
        _ => false,
    }
}

/// A step on a service's word has the verdict of the step that was read (`spec/verdict.md`
/// section 13): its record holds all that a verdict reads of it.
pub(crate) fn attested(world: &World, asked: &Asked) -> Found {
    let read = gather(world, asked);
    let mut told = read.clone();
    let ci = "ci".parse().unwrap();
    for step in &mut told.steps {
        let record = StepRecord::of(step);
        let said = Landed {
            change: record.change,
            repository: "shop".parse().unwrap(),
            base: record.parent.clone(),
            head: record.commit.clone(),
            target: "refs/heads/main".parse().unwrap(),
            step: record.digest(),
        };
        let parsed = StepRecord::parse(&record.to_bytes()).map_err(|error| error.to_string())?;
        let evidence = parsed.into_evidence(&said, &ci, step.step.document.clone());
        let colliding = std::mem::take(&mut step.colliding);
        *step = evidence.map_err(|error| error.to_string())?;
        step.colliding = colliding;
    }
    let (read, told) = (read.judge(&world.view), told.judge(&world.view));
    let same = read.answer == told.answer
        && read.reasons() == told.reasons()
        && read.cover() == told.cover();
    if same { Ok(()) } else { Err(format!("{told:#?}\nread: {read:#?}")) }
}

/// A denied question stays denied without an entry that gives permission.
pub(crate) fn dropping(
    world: &World,
    asked: &Asked,
    answer: &Answer,
    random: &mut Random,
) -> Found {
    let whole = gather(world, asked);
    let given: Vec<usize> = (0..world.verified.len())
        .filter(|at| gives(world, &whole, answer, &world.verified[*at]))
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    for _ in 0..2 {
        let dropped = random.pick(&given);
        let mut less = whole.clone();
        less.entries.remove(dropped);
        let verdict = less.judge(&world.view);
        if (verdict.is_allowed() && !answer.allow)
            || (verdict.is_overridden() && !answer.overridden && !answer.allow)
        {
            return Err(format!(
                "yes without entry {dropped}\n{}",
                told(world, asked, answer, &verdict)
            ));
        }
    }
    Ok(())
}

/// A denied question stays denied on the same log without an entry that gives permission.
pub(crate) fn dropping_from_the_log(
    world: &World,
    asked: &Asked,
    answer: &Answer,
    random: &mut Random,
) -> Option<Found> {
    let judged = gather(world, asked);
    let given: Vec<u64> = world
        .log
        .iter()
        .filter(|logged| {
            if let Says::Governance(body) = &logged.statement.says {
                body.operations.iter().all(|operation| matches!(operation, Operation::Lift(_)))
            } else {
                let entry = &world.verified[usize::try_from(logged.index).unwrap()];
                gives(world, &judged, answer, entry)
            }
        })
        .map(|logged| logged.index)
        .collect();
    if given.is_empty() {
        return None;
    }
    let dropped = random.pick(&given);
    let less = world.without(dropped)?;
    let verdict = gather(&less, asked).judge(&less.view);
    Some(if verdict.is_allowed() && !answer.allow {
        Err(format!("yes without entry {dropped}\n{}", told(world, asked, answer, &verdict)))
    } else {
        Ok(())
    })
}

/// A denied question stays denied when permission is taken away.
pub(crate) fn taking_away(
    world: &World,
    asked: &Asked,
    answer: &Answer,
    random: &mut Random,
) -> (&'static str, Found) {
    let mut less = world.clone();
    less.now = asked.now;
    let what = match random.below(5) {
        0 => {
            let name = random.pick(REVIEWERS);
            let says = reject_of(&less, asked, random);
            less.say(name, person(name).1, says);
            "a reject added"
        }
        1 => {
            let name = random.pick(&["ada", "ben", "cy", "dee", "eve", "flo"]);
            let log = less.model().log;
            let Some(member) = log.member(&super::people::id(name)) else {
                return ("nobody to lower", Ok(()));
            };
            let duties = member.duties.clone();
            let at = LEVELS.iter().position(|l| {
                Some(*l) == member.level.as_ref().map(countersign::base::name::LevelName::as_str)
            });
            let lower = at.filter(|at| *at > 0).map(|at| LEVELS[random.below(at)]);
            less.govern(vec![set_member(name, lower, &duties)]);
            "a level lowered"
        }
        2 | 3 => {
            let (name, number, ..) = random.pick(&PEOPLE[1..]);
            let number = if random.chance(30) { number + 20 } else { number };
            let leaked = random.chance(60);
            let since = random.below(less.log.len() + 1) as u64;
            let since = leaked.then(|| countersign::base::position::EntryIndex::new(since));
            let cause = if leaked { Revocation::Leaked } else { Revocation::Retired };
            let key = public_key(number).fingerprint();
            less.govern(vec![Operation::RevokeKey(RevokeKey { key, cause, since })]);
            let _ = name;
            if leaked { "a key leaked" } else { "a key retired" }
        }
        _ => {
            let Some((_, _, policy)) = less.model().log.policies().last().copied() else {
                return ("no policy", Ok(()));
            };
            let text = policy.text().to_owned();
            let next = rule(random, 99, &text);
            less.govern(vec![Operation::SetPolicy(SetPolicy { text: text + &next })]);
            "a rule added"
        }
    };
    let verdict = gather(&less, asked).judge(&less.view);
    let turned = (verdict.is_allowed() && !answer.allow)
        || (verdict.is_overridden() && !answer.overridden && !answer.allow);
    let found = if turned {
        Err(format!("yes after {what}\n{}", told(&less, asked, answer, &verdict)))
    } else {
        Ok(())
    };
    (what, found)
}

/// Who built what is told in the order of the evidence, and an author who is an operator as well is
/// called by what comes first.
fn in_order(mut verdict: Verdict) -> Verdict {
    for artifact in &mut verdict.artifacts {
        artifact.built_by.sort();
    }
    for author in verdict.segments.iter_mut().flat_map(|segment| &mut segment.authors) {
        author.label.clear();
    }
    verdict
}

/// The order of what has no order is nothing.
pub(crate) fn shuffled(
    world: &World,
    asked: &Asked,
    answer: &Answer,
    random: &mut Random,
) -> Found {
    let mut gathered = gather(world, asked);
    let verdict = gathered.judge(&world.view);
    random.shuffle(&mut gathered.entries);
    random.shuffle(&mut gathered.covers);
    random.shuffle(&mut gathered.runs);
    for step in gathered.steps.iter_mut().chain(&mut gathered.whole) {
        random.shuffle(&mut step.authors);
    }
    let other = gathered.judge(&world.view);
    let (verdict, other) = (in_order(verdict), in_order(other));
    if verdict == other {
        return Ok(());
    }
    Err(format!(
        "another order, another verdict\n{}\n{verdict:#?}\n{other:#?}",
        told(world, asked, answer, &verdict)
    ))
}

/// The view that grew entry by entry, written down and read again each time, is the one that is
/// folded anew, at every entry; and the naive fold finds the same points and debts.
pub(crate) fn folds_agree(world: &World) -> Found {
    let mut grown = View::default();
    for size in 1..=world.verified.len() {
        let text = serde_json::to_string(&grown).unwrap();
        grown = serde_json::from_str(&text).unwrap();
        apply(&mut grown, &world.verified[size - 1]);
        let mut fresh = View::default();
        world.verified[..size].iter().for_each(|entry| apply(&mut fresh, entry));
        if grown != fresh {
            return Err(format!("the fold differs at size {size}"));
        }
    }
    if grown != world.view {
        return Err("the fold differs from the ledger's own".to_owned());
    }
    for (service, environment) in super::generate::PLACES {
        let place = super::generate::place(service, environment);
        let log = world.model().log;
        let mine: Vec<u64> = log.points(&place).iter().map(|point| point.entry).collect();
        let starts = world.view.starts(&place.service, &place.environment);
        let theirs: Vec<u64> = starts.all().iter().map(|point| point.entry.index.get()).collect();
        if mine != theirs {
            return Err(format!("points of {place:?}: naive {mine:?}, program {theirs:?}"));
        }
        let mine = debts(log, &place);
        let theirs = world.view.settled(&place.service, &place.environment).debts().count();
        if mine.len() != theirs {
            return Err(format!("debts of {place:?}: naive {mine:?}, program {theirs}"));
        }
    }
    Ok(())
}

fn apply(view: &mut View, entry: &VerifiedEntry) {
    view.apply(&Fact {
        entry: entry.entry(),
        id: entry.id(),
        time: entry.time(),
        statement: entry.statement(),
        keys: entry.keys(),
    });
}
