//! A chain cut into covered segments (`spec/verdict.md` section 4, step 4).

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::digest::ChangeHash;
use countersign::change::carry::Carried;
use countersign::policy::ReasonCode;
use countersign::statement::Says;
use countersign::statement::words::{ApprovalVerdict, SubjectType};

use super::assess::assess;
use super::evaluator::{CoverRow, Judged};
use super::repository::{Tree, difference, differing};
use super::segment::{Part, Segments, Words};

/// Step 4.
pub(crate) fn judge(segments: &Segments<'_>, parts: &[Part]) -> Judged {
    let mut judged = Judged::default();
    let count = parts.len();
    if count == 0 {
        judged.seen.insert("an empty chain");
        return judged;
    }
    for first in 0..count {
        for last in first..count {
            let (length, run) = (last - first + 1, &parts[first..=last]);
            let (change, is_empty) = change_of(run);
            if (length > 32 && length != count) || is_empty {
                continue;
            }
            // What is carried there has landed as well, whatever it counts for.
            let mut changes = vec![change];
            let carried = segments.carried(&run[0].old, &run[run.len() - 1].new);
            let used_up = elsewhere(segments, parts, first, last);
            changes.extend(carried.iter().map(Carried::approved).filter(|c| !used_up.contains(c)));
            changes.retain(|change| segments.words(*change, None, &[]).approved);
            for change in changes {
                let (first, last) = (parts[first].first.clone(), parts[last].last.clone());
                let (approvals, carried) = (BTreeSet::new(), BTreeMap::new());
                let (is_carried, contained) = (false, true);
                let row =
                    CoverRow { change, first, last, approvals, carried, is_carried, contained };
                judged.approved.push(row);
            }
        }
    }
    let rejected: Vec<bool> =
        (0..count).map(|at| rejects(segments, &parts[at..=at], &mut judged)).collect();
    // covered[first][last]: the row, where these steps are covered as one.
    let mut covered: BTreeMap<(usize, usize), CoverRow> = BTreeMap::new();
    for first in 0..count {
        for last in first..count {
            let length = last - first + 1;
            let is_run = length <= 32 || length == count;
            // What a run leaves as it was before, it took back.
            let blocked =
                (first..=last).any(|at| rejected[at] && !takes_back(parts, (first, last), at));
            if is_run && !blocked {
                let elsewhere = elsewhere(segments, parts, first, last);
                let here = Segments { elsewhere: Some(&elsewhere), ..*segments };
                let (row, codes) = cover(&here, &parts[first..=last]);
                if length == 1 {
                    judged.seen.extend(seen_of(&codes));
                }
                if let Some(row) = row {
                    covered.insert((first, last), row);
                }
            }
        }
    }
    hear_of_runs(segments, parts, &covered, &mut judged);
    let took_back = |step: usize| {
        covered.keys().any(|run| {
            run.0 <= step && step <= run.1 && run.0 < run.1 && takes_back(parts, *run, step)
        })
    };
    if (0..count).any(|step| rejected[step] && !took_back(step)) {
        judged.rejected_step = true;
    }
    if let Some(cut) = cut(&covered, 0, count) {
        if cut.iter().any(|(first, last)| first != last) {
            judged.seen.insert("a run of steps approved as one");
        }
        if count > 1 && cut.len() == 1 {
            judged.seen.insert("the whole chain approved as one");
        }
        if cut.iter().any(|segment| covered[segment].is_carried) {
            judged.seen.insert("a carried sign-off counts");
        }
        judged.rows = cut.iter().map(|segment| covered[segment].clone()).collect();
    } else {
        judged.uncovered = true;
        // What is reported: each step alone, or the shortest covered run that begins there.
        let mut at = 0;
        while at < count {
            let shortest = (at..count).find(|last| covered.contains_key(&(at, *last)));
            if shortest.is_none() && rejected[at] {
                judged.codes.insert(ReasonCode::Rejected);
            }
            at = shortest.unwrap_or(at) + 1;
        }
    }
    judged
}

/// What a reject on several steps denies, unless somebody signed off more or it is gone.
fn hear_of_runs(
    segments: &Segments<'_>,
    parts: &[Part],
    covered: &BTreeMap<(usize, usize), CoverRow>,
    judged: &mut Judged,
) {
    let count = parts.len();
    for first in 0..count {
        for last in first + 1..count {
            let length = last - first + 1;
            if (length <= 32 || length == count) && rejects(segments, &parts[first..=last], judged)
            {
                // Only what was signed off after the reject answers it.
                let newest = newest_reject(segments, &parts[first..=last]);
                let paths = differing(&parts[first].old, &parts[last].new);
                let answered = covered.keys().any(|(from, to)| {
                    let longer = *from <= first && last <= *to && to - from > last - first;
                    longer
                        && (is_gone(parts, &paths, (*from, *to))
                            || answers(segments, parts, (*from, *to), newest))
                });
                judged.seen.insert("a reject on a run");
                if !answered {
                    judged.codes.insert(ReasonCode::Rejected);
                    judged.unanswered = judged.unanswered.max(newest);
                }
            }
        }
    }
}

/// The changes of which another landing of the chain takes the sign-offs, rather than that of these
/// steps: an exact one, or one before it.
fn elsewhere(
    segments: &Segments<'_>,
    parts: &[Part],
    first: usize,
    last: usize,
) -> BTreeSet<ChangeHash> {
    let count = parts.len();
    let here = segments.carried(&parts[first].old, &parts[last].new);
    let mut taken = BTreeSet::new();
    if here.is_empty() {
        return taken;
    }
    for f in 0..count {
        for l in (f..count).filter(|l| l - f < 32 || l - f + 1 == count) {
            let (change, is_empty) = change_of(&parts[f..=l]);
            let others = segments.carried(&parts[f].old, &parts[l].new);
            for one in &here {
                let is_exact = change == one.approved() && !is_empty;
                let is_carried = others.iter().any(|other| other.approved() == one.approved());
                if (l < first && (is_exact || is_carried)) || (last < f && is_exact) {
                    taken.insert(one.approved());
                }
            }
        }
    }
    taken
}

/// Step 4: what was rejected up to a commit that a step brings in, and is no run of the chain.
pub(crate) fn brought_in(segments: &Segments<'_>, parts: &[Part], judged: &mut Judged) {
    let count = parts.len();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for first in 0..count {
        runs.extend(
            (first..count).filter(|l| l - first < 32 || l - first + 1 == count).map(|l| (first, l)),
        );
    }
    // One that ends there is heard as what it is.
    let heard: Vec<(ChangeHash, usize)> =
        runs.iter().map(|(f, l)| (change_of(&parts[*f..=*l]).0, *l)).collect();
    for logged in segments.model.log.0 {
        let Says::Approval(said) = &logged.statement.says else { continue };
        if said.verdict != ApprovalVerdict::Reject || said.subject_type != SubjectType::Change {
            continue;
        }
        for row in &said.rows {
            let change = ChangeHash::from_bytes(*row.hash.as_bytes());
            let read = row.head.as_ref().and_then(|head| segments.model.repository.find(head));
            let at = read.and_then(|read| (0..count).find(|at| parts[*at].commits.contains(&read)));
            let Some(at) = at.filter(|at| !heard.contains(&(change, *at))) else { continue };
            if !segments.words(change, None, &[]).rejects.contains(&logged.index) {
                continue;
            }
            judged.seen.insert("a reject up to a commit that is brought in");
            // A run stands where no step of it is rejected, but for what it took back.
            let stands = |run: (usize, usize)| {
                let rejected = |at: usize| {
                    let own = &parts[at..=at];
                    !change_of(own).1
                        && words(segments, own).rejected
                        && !takes_back(parts, run, at)
                };
                !(run.0..=run.1).any(rejected)
            };
            let paths = differing(&parts[at].old, &parts[at].new);
            let answered = runs.iter().any(|run| {
                let around = run.0 <= at && at <= run.1 && stands(*run);
                let is_empty = parts[run.0].old == parts[run.1].new;
                around
                    && (is_empty || answers(segments, parts, *run, None))
                    && (is_gone(parts, &paths, *run)
                        || answers(segments, parts, *run, Some(logged.index)))
            });
            if !answered {
                judged.codes.insert(ReasonCode::Rejected);
                judged.unanswered = judged.unanswered.max(Some(logged.index));
            }
        }
    }
}

/// Whether every path that a step of a longer run changed is in the end as before the run.
fn takes_back(parts: &[Part], (first, last): (usize, usize), step: usize) -> bool {
    let changed = differing(&parts[first].old, &parts[last].new);
    let own = differing(&parts[step].old, &parts[step].new);
    last > first && !own.iter().any(|path| changed.contains(path))
}

/// Whether a run left these paths as they were, and no later step touches them.
fn is_gone(parts: &[Part], paths: &[String], (first, last): (usize, usize)) -> bool {
    let touches =
        |old: &Tree, new: &Tree| differing(old, new).iter().any(|path| paths.contains(path));
    !touches(&parts[first].old, &parts[last].new)
        && !parts[last + 1..].iter().any(|part| touches(&part.old, &part.new))
}

/// Whether a run that changes something is covered by the approvals above an entry alone.
fn answers(
    segments: &Segments<'_>,
    parts: &[Part],
    (first, last): (usize, usize),
    above: Option<u64>,
) -> bool {
    let elsewhere = elsewhere(segments, parts, first, last);
    let approvals_after = above.or(segments.approvals_after);
    let here = Segments { approvals_after, elsewhere: Some(&elsewhere), ..*segments };
    parts[first].old != parts[last].new && cover(&here, &parts[first..=last]).0.is_some()
}

/// The change that steps make together, and whether it is none.
pub(crate) fn change_of(parts: &[Part]) -> (ChangeHash, bool) {
    let document = difference(&parts[0].old, &parts[parts.len() - 1].new);
    (document.hash(), document.is_empty())
}

/// The cut that takes the shortest segment first.
fn cut(
    covered: &BTreeMap<(usize, usize), CoverRow>,
    from: usize,
    count: usize,
) -> Option<Vec<(usize, usize)>> {
    if from == count {
        return Some(Vec::new());
    }
    for last in from..count {
        if covered.contains_key(&(from, last))
            && let Some(mut rest) = cut(covered, last + 1, count)
        {
            rest.insert(0, (from, last));
            return Some(rest);
        }
    }
    None
}

fn rejects(segments: &Segments<'_>, parts: &[Part], judged: &mut Judged) -> bool {
    let (old, new) = (&parts[0].old, &parts[parts.len() - 1].new);
    if old == new {
        return false;
    }
    let words = words(segments, parts);
    judged.seen.extend(seen_of(&words.codes));
    words.rejected
}

fn newest_reject(segments: &Segments<'_>, parts: &[Part]) -> Option<u64> {
    words(segments, parts).rejects.last().copied()
}

fn words(segments: &Segments<'_>, parts: &[Part]) -> Words {
    let (old, new) = (&parts[0].old, &parts[parts.len() - 1].new);
    let carried = segments.carried(old, new);
    segments.words(difference(old, new).hash(), Some(&parts[parts.len() - 1].last), &carried)
}

fn seen_of(codes: &BTreeSet<ReasonCode>) -> Vec<&'static str> {
    codes.iter().map(|code| code.as_str()).collect()
}

/// Whether these steps are covered as one segment, and what speaks against it.
fn cover(segments: &Segments<'_>, parts: &[Part]) -> (Option<CoverRow>, BTreeSet<ReasonCode>) {
    let (old, new) = (&parts[0].old, &parts[parts.len() - 1].new);
    let last = &parts[parts.len() - 1].last;
    let change = difference(old, new).hash();
    let (first, last) = (parts[0].first.clone(), last.clone());
    if old == new {
        let (approvals, carried) = (BTreeSet::new(), BTreeMap::new());
        let (is_carried, contained) = (false, false);
        let row = CoverRow { change, first, last, approvals, carried, is_carried, contained };
        return (Some(row), BTreeSet::new());
    }
    let words = words(segments, parts);
    let found = assess(segments.policy, &segments.facts(parts), &words.sign_offs);
    if found.codes.is_empty() && !words.rejected {
        let (approvals, carried, contained) = (found.filled, words.carried, false);
        let is_carried =
            words.sign_offs.iter().any(|s| s.carried && approvals.contains(&s.entry.get()));
        let row = CoverRow { change, first, last, approvals, carried, is_carried, contained };
        return (Some(row), BTreeSet::new());
    }
    (None, found.codes)
}
