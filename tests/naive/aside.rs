//! Artifacts, overrides and debts (`spec/verdict.md` sections 6 and 9).

use std::collections::BTreeSet;

use countersign::policy::{Facts, Policy, ReasonCode};
use countersign::statement::Says;
use countersign::statement::break_glass::Override;
use countersign::statement::governance::{Operation, SetMember};
use countersign::statement::words::{Duty, MemberKind, Outcome};

use super::assess::assess;
use super::evaluator::{Asked, Judged, Model};
use super::fold::{Log, Logged, Place, Point};
use super::segment::{Segments, presence};

/// Section 6.
pub(crate) fn artifacts(segments: &Segments<'_>, judged: &mut Judged) {
    let (asked, service) = (segments.asked, segments.service);
    let log = segments.model.log;
    let facts = Facts {
        service: asked.place.service.clone(),
        environment: asked.place.environment.clone(),
        declared: None,
        detected: None,
        authors: Vec::new(),
        paths: Vec::new(),
        collision: false,
        artifact: true,
    };
    if asked.artifacts.is_empty() {
        if service.artifact_required || assess(segments.policy, &facts, &[]).asks {
            judged.codes.insert(ReasonCode::ArtifactRequired);
        }
        return;
    }
    for artifact in &asked.artifacts {
        let (mut sources, mut counts) = (BTreeSet::new(), false);
        for logged in log.0 {
            let Says::Build(said) = &logged.statement.says else { continue };
            let by = &logged.statement.by;
            let is_named = service.builders.is_empty() || service.builders.contains(by);
            if said.artifact != *artifact || !is_named {
                continue;
            }
            // What contradicts stands, whoever left or lost a key since.
            sources.insert((said.repository.clone(), said.revision.clone()));
            let has_duty = log.member(by).is_some_and(|member| {
                member.kind == MemberKind::Service && member.duties.contains(&Duty::Build)
            });
            counts |= has_duty && !log.under_leaked_key(logged);
        }
        let revision = segments.model.repository.commits[asked.revision].id.clone();
        let expected = (service.repository.clone(), revision);
        if sources.iter().any(|source| *source != expected) {
            judged.codes.insert(ReasonCode::BuildContradicts);
        } else if !counts && service.artifact_required {
            judged.codes.insert(ReasonCode::BuildUnknown);
        }
        let words = segments.words_on_artifact(*artifact);
        if words.rejected {
            judged.codes.insert(ReasonCode::Rejected);
        }
        let found = assess(segments.policy, &facts, &words.sign_offs);
        if found.asks {
            judged.seen.insert("a rule about artifacts");
        }
        judged.codes.extend(found.codes);
    }
}

/// Section 9: whether enough members override, by the strictest terms of the policies that
/// count; `None` where nobody does.
pub(crate) fn overridden(model: &Model<'_>, asked: &Asked, policies: &[Policy]) -> Option<bool> {
    let log = model.log;
    let mut members = BTreeSet::new();
    for logged in log.0 {
        let Says::Override(said) = &logged.statement.says else { continue };
        let by = &logged.statement.by;
        let has_duty = log.below(logged.index).human_with(by, Duty::Override)
            && log.human_with(by, Duty::Override);
        let keys = log.keys_of(by);
        let (_, entry, enrolled) = keys.iter().find(|key| key.0 == logged.keys[0]).unwrap();
        let cools = policies.iter().any(|policy| {
            let cooling = policy.defaults().key_cooling.milliseconds();
            keys.iter().any(|key| key.1 < *entry) && asked.now - enrolled < cooling
        });
        let revoked = log.operations().iter().any(|(_, operation)| {
            matches!(operation, Operation::RevokeKey(said) if said.key == logged.keys[0])
        });
        let good = !log.under_leaked_key(logged) && !cools && !revoked;
        let counts = policies.iter().all(|policy| {
            let terms = policy.override_terms();
            let expires = said.expires.milliseconds();
            let longest = said.claimed.milliseconds() + terms.longest.milliseconds();
            let service = policy.service(&asked.place.service).unwrap();
            said.repository == service.repository
                && said.claimed.milliseconds() <= asked.now
                && asked.now < expires.min(longest)
                && presence(logged.presence) >= terms.presence
        });
        if is_for(said, asked, model) && has_duty && good && counts {
            members.insert(by);
        }
    }
    if members.is_empty() {
        return None;
    }
    let due = policies.iter().map(|policy| policy.override_terms().debt_due.milliseconds());
    let due = due.min().unwrap();
    // What any cell of the group owes counts.
    let mut owed = Vec::new();
    for place in places(log) {
        if place.service == asked.place.service
            && place.environment.group() == asked.place.environment.group()
        {
            owed.extend(unpaid(model, &place, asked.now, due));
        }
    }
    let overdue = owed.iter().map(|(_, since)| *since);
    let able = |log: Log<'_>| {
        let members = log.members().into_iter();
        let able = |member: &&SetMember| {
            log.human_with(&member.member, Duty::Override) && log.has_key(&member.member)
        };
        members.filter(able).count()
    };
    let needed = match overdue.min() {
        Some(oldest) => {
            // The most that there were at one time since 30 days before.
            let since = oldest.saturating_sub(30 * 86_400_000);
            let mut most = able(log);
            for (at, logged) in log.0.iter().enumerate() {
                let until = log.0.get(at + 1).map_or(u64::MAX, |next| next.time);
                if until > since || logged.time >= since {
                    most = most.max(able(log.below(logged.index + 1)));
                }
            }
            most.clamp(1, 3)
        }
        None => 1,
    };
    Some(members.len() >= needed)
}

/// Every place that the log speaks of.
fn places(log: Log<'_>) -> BTreeSet<Place> {
    let of = |logged: &Logged| match &logged.statement.says {
        Says::Deployment(said) => Some((said.service.clone(), said.environment.clone())),
        Says::Decision(said) => Some((said.service.clone(), said.environment.clone())),
        _ => None,
    };
    let found = log.0.iter().filter_map(of);
    found.map(|(service, environment)| Place { service, environment }).collect()
}

fn is_for(said: &Override, asked: &Asked, model: &Model<'_>) -> bool {
    said.drill.is_none()
        && said.service == asked.place.service
        && said.environment == asked.place.environment
        && said.revision == model.repository.commits[asked.revision].id
        && said.artifacts == asked.artifacts
}

/// The debts of a place: the deployment's entry, and since when it is owed.
pub(crate) fn debts(log: Log<'_>, place: &Place) -> Vec<(u64, u64)> {
    // A group's deployments end nothing that a cell of it owes.
    let own = log.own_points(place);
    let newest = own.iter().rev().find(|point| point.stands()).map(|point| point.entry);
    owed_after(log, place, newest)
}

/// Those that make overrides harder: overdue, and neither settled as what they are nor waived.
fn unpaid(model: &Model<'_>, place: &Place, now: u64, due: u64) -> Vec<(u64, u64)> {
    let log = model.log;
    let mut own = log.own_points(place);
    own.retain(Point::stands);
    let counts = |&(entry, since): &(u64, u64)| {
        let (before, after): (Vec<&Point>, Vec<&Point>) =
            own.iter().partition(|point| point.entry < entry);
        let revision = match &log.0[usize::try_from(entry).unwrap()].statement.says {
            Says::Decision(said) => &said.revision,
            Says::Deployment(said) => &said.revision,
            _ => unreachable!(),
        };
        let pays =
            |point: &&Point| point.deployed.is_none() || point.revision.as_ref() == Some(revision);
        let is_new = |point: &&&Point| !before.iter().any(|older| older.revision == point.revision);
        let end = after.iter().find(is_new);
        let ended = end.map_or(now, |point| point.time);
        // The chain of what ended it has the commit, at the end of a segment.
        let cover = end.and_then(|point| point.deployed.as_ref()?.cover);
        let rows = cover.and_then(|cover| model.covers.get(&cover)).into_iter().flatten();
        let mut rows = rows.filter(|row| !row.contained);
        if rows.any(|row| row.last == *revision) {
            return false;
        }
        // Thirty days more where it was overdue when something else ended it.
        !after.iter().any(pays) && since + due <= ended && now < ended + 30 * 86_400_000
    };
    owed_after(log, place, None).into_iter().filter(counts).collect()
}

fn owed_after(log: Log<'_>, place: &Place, newest: Option<u64>) -> Vec<(u64, u64)> {
    // The overrides that a debt names, with its entry and since when it is owed.
    let mut owed: Vec<(u64, u64, Vec<u64>)> = Vec::new();
    for logged in log.0 {
        let Some(such) = went_ahead(log, place, logged) else { continue };
        let named: Vec<u64> = such.iter().map(|one| one.index).collect();
        // As long as it is owed, it is owed once.
        let ended = log.below(logged.index).own_points(place);
        let ended = ended.iter().rev().find(|point| point.stands()).map(|point| point.entry);
        if owed.iter().any(|(entry, _, other)| *other == named && Some(*entry) > ended) {
            continue;
        }
        let claimed = such.iter().filter_map(|o| match &o.statement.says {
            Says::Override(said) => Some(said.claimed.milliseconds()),
            _ => None,
        });
        let since = claimed.chain([logged.time]).min().unwrap();
        owed.push((logged.index, since, named));
    }
    let after = |entry: u64| newest.is_none_or(|newest| entry > newest);
    owed.into_iter().filter(|one| after(one.0)).map(|(entry, since, _)| (entry, since)).collect()
}

/// The overrides by which an entry says that something went ahead at a place.
fn went_ahead<'a>(log: Log<'a>, place: &Place, logged: &Logged) -> Option<Vec<&'a Logged>> {
    let before = log.below(logged.index);
    let (revision, artifacts, named) = match &logged.statement.says {
        Says::Decision(said)
            if said.service == place.service && said.environment == place.environment =>
        {
            (&said.revision, &said.artifacts, &said.overrides)
        }
        Says::Deployment(body)
            if body.service == place.service
                && body.environment == place.environment
                && body.outcome != Outcome::Failed
                && body.started.is_none() =>
        {
            let decision = before.0.iter().find_map(|d| match &d.statement.says {
                Says::Decision(said) if Some(d.id) == body.decision => Some(said),
                _ => None,
            });
            let named = match decision {
                Some(said)
                    if said.revision == body.revision
                        && said.artifacts == body.artifacts
                        && !said.overrides.is_empty() =>
                {
                    &said.overrides
                }
                _ => &body.overrides,
            };
            (&body.revision, &body.artifacts, named)
        }
        _ => return None,
    };
    let is_such = |o: &&Logged| {
        named.contains(&o.id)
            && matches!(&o.statement.says, Says::Override(said)
                if said.drill.is_none()
                    && said.service == place.service
                    && said.environment == place.environment
                    && said.revision == *revision
                    && said.artifacts == *artifacts)
    };
    let such: Vec<&Logged> = before.0.iter().filter(is_such).collect();
    (!such.is_empty()).then_some(such)
}
