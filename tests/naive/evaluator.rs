//! A second evaluator, written from `spec/verdict.md` alone and without any cleverness: it reads
//! the whole log again for every question. It shares types, the parser of policies and patterns,
//! and the comparison of policies with the program, and none of its judging.

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::digest::{ChangeHash, ContentDigest};
use countersign::base::name::Revision;
use countersign::policy::{Policy, ReasonCode, environment_matches};
use countersign::statement::words::Mode;

use super::fold::{Log, Place, Point, names_cell};
use super::repository::{Forms, Repository};
use super::segment::{Part, Segments};
use super::start::{self, Start, step_part, whole_part};
use super::{aside, chain};

/// All that there is to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    pub(crate) log: Log<'a>,
    pub(crate) repository: &'a Repository,
    /// The covers that are at hand, by digest.
    pub(crate) covers: &'a BTreeMap<ContentDigest, Vec<CoverRow>>,
    /// The changes of which somebody may have spoken, before and after.
    pub(crate) forms: &'a Forms,
}

/// One row of a cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoverRow {
    pub(crate) change: ChangeHash,
    pub(crate) first: Revision,
    pub(crate) last: Revision,
    pub(crate) approvals: BTreeSet<u64>,
    /// Changes whose sign-offs were carried here, each with its certificate.
    pub(crate) carried: BTreeMap<ChangeHash, ContentDigest>,
    /// Whether one of the approvals was.
    pub(crate) is_carried: bool,
    /// Not a segment: it lies in the chain, and somebody approved it.
    pub(crate) contained: bool,
}

impl CoverRow {
    pub(crate) fn is_of(&self, change: ChangeHash) -> bool {
        self.change == change || self.carried.contains_key(&change)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) place: Place,
    pub(crate) revision: usize,
    pub(crate) artifacts: Vec<ContentDigest>,
    pub(crate) now: u64,
}

/// How the revision lies to the settled points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lies {
    Linear,
    FromRoot,
    Behind,
    /// With an index into the points.
    Diverged(usize),
    Unrelated,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) allow: bool,
    pub(crate) overridden: bool,
    pub(crate) enforced: bool,
    /// Why not, but for what is missing where no cut works.
    pub(crate) codes: BTreeSet<ReasonCode>,
    pub(crate) start: Option<u64>,
    pub(crate) lies: Option<Lies>,
    pub(crate) rows: Vec<CoverRow>,
    /// What happened on the way, for the table of what the generator hits.
    pub(crate) seen: BTreeSet<&'static str>,
}

/// The judgement under one policy.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) codes: BTreeSet<ReasonCode>,
    pub(crate) uncovered: bool,
    /// A reject stands on one of the steps.
    pub(crate) rejected_step: bool,
    /// The newest reject on more than a step that nobody answered.
    pub(crate) unanswered: Option<u64>,
    pub(crate) rows: Vec<CoverRow>,
    /// Every step and run of the chain that somebody approved.
    pub(crate) approved: Vec<CoverRow>,
    pub(crate) seen: BTreeSet<&'static str>,
}

fn denied(code: ReasonCode) -> Answer {
    Answer {
        allow: false,
        overridden: false,
        enforced: true,
        codes: BTreeSet::from([code]),
        start: None,
        lies: None,
        rows: Vec::new(),
        seen: BTreeSet::new(),
    }
}

/// Section 4.
pub(crate) fn evaluate(model: &Model<'_>, asked: &Asked) -> Answer {
    // A clock that went back is behind the ledger.
    let newest = model.log.0.last().map_or(0, |logged| logged.time);
    let asked = &Asked { now: asked.now.max(newest), ..asked.clone() };
    let policies = policies(model, asked);
    let Some(newest) = policies.first() else { return denied(ReasonCode::PolicyMissing) };
    if newest.service(&asked.place.service).is_none() {
        return denied(ReasonCode::UnknownService);
    }
    if newest.environment(&asked.place.environment).is_err() {
        return denied(ReasonCode::UnknownEnvironment);
    }
    let enforced = policies
        .iter()
        .any(|policy| policy.mode(&asked.place.service, &asked.place.environment) == Mode::Enforce);
    let points = points(model, asked, &policies);
    let mut answer = match points.last() {
        None => denied(ReasonCode::BaselineMissing),
        Some(_) => judge(model, asked, &policies, &points),
    };
    answer.enforced = enforced;
    if policies.len() > 1 {
        answer.seen.insert("an older policy counts");
    }
    if !answer.allow && !answer.codes.contains(&ReasonCode::CompositionMismatch) {
        match aside::overridden(model, asked, &policies) {
            Some(true) => answer.overridden = true,
            Some(false) => {
                answer.codes.insert(ReasonCode::DebtOverdue);
            }
            None => {}
        }
    }
    answer
}

/// Section 3: a cell that one of the policies names has its own points alone.
fn points(model: &Model<'_>, asked: &Asked, policies: &[Policy]) -> Vec<Point> {
    let mut points = model.log.points(&asked.place);
    if policies.iter().any(|policy| names_cell(policy, &asked.place)) {
        points = model.log.own_points(&asked.place);
        points.retain(Point::stands);
    }
    points
}

/// Step 1: the policies that count, the newest first.
fn policies(model: &Model<'_>, asked: &Asked) -> Vec<Policy> {
    let all = model.log.policies();
    let Some((_, _, newest)) = all.last() else { return Vec::new() };
    let mut count = vec![(*newest).clone()];
    for at in (0..all.len() - 1).rev() {
        let policy = all[at].2;
        let replaced = all[at + 1].1;
        let delays = all[at..].iter().map(|(_, _, p)| p.defaults().weaken_delay);
        let recent = asked.now - replaced < delays.max().unwrap().milliseconds();
        let knew = policy.service(&asked.place.service).is_some()
            && policy
                .environments()
                .iter()
                .any(|table| environment_matches(&table.name, &asked.place.environment));
        if recent && knew && !newest.weakens(policy).is_empty() {
            count.push(policy.clone());
        }
    }
    count
}

/// Steps 2 to 5 from the settled points.
fn judge(model: &Model<'_>, asked: &Asked, policies: &[Policy], points: &[Point]) -> Answer {
    let Start { lies, entry: mut start, steps, refused } =
        start::find(model, asked, policies, points);
    let newest = &points[points.len() - 1];
    let commit = |point: &Point| point.revision.as_ref().and_then(|r| model.repository.find(r));
    let parts: Vec<Part> = steps.iter().map(|step| step_part(model, *step)).collect();
    let (mut of_chains, mut of_whole, mut judged) = (Vec::new(), Vec::new(), Vec::new());
    for policy in policies {
        let service = policy.service(&asked.place.service).unwrap();
        let (approvals_after, elsewhere) = (None, None);
        let segments = Segments { model, asked, policy, service, approvals_after, elsewhere };
        let mut of_chain = chain::judge(&segments, &parts);
        chain::brought_in(&segments, &parts, &mut of_chain);
        if let Some(codes) = &refused {
            of_chain.codes.extend(codes.iter().copied());
            of_chain.uncovered = true;
        }
        let (rejected_step, unanswered) = (of_chain.rejected_step, of_chain.unanswered);
        of_chains.push(of_chain);
        let whole = [whole_part(model, commit(newest), asked.revision)];
        let mut of_the_whole = chain::judge(&segments, &whole);
        of_the_whole.uncovered |= rejected_step;
        // Only what was signed off since answers.
        if unanswered.is_some() {
            let since = Segments { approvals_after: unanswered, ..segments };
            of_the_whole.uncovered |= chain::judge(&since, &whole).uncovered;
        }
        of_whole.push(of_the_whole);
        let mut this = Judged::default();
        aside::artifacts(&segments, &mut this);
        judged.push(this);
    }
    let holds = |all: &[Judged]| all.iter().all(|one| one.codes.is_empty() && !one.uncovered);
    let mut approved = of_chains[0].approved.clone();
    approved.sort_by_key(|row| (row.change, row.first.clone(), row.last.clone()));
    let is_linear = matches!(lies, Lies::Linear | Lies::FromRoot);
    if !is_linear && !holds(&of_chains) && holds(&of_whole) {
        start = newest.entry;
        of_whole[0].seen.insert("the whole difference lets through");
        of_chains = of_whole;
    }
    judged.splice(0..0, of_chains);
    let codes: BTreeSet<ReasonCode> = judged.iter().flat_map(|j| j.codes.clone()).collect();
    let allow = codes.is_empty() && !judged.iter().any(|judged| judged.uncovered);
    let seen = judged.iter().flat_map(|judged| judged.seen.clone()).collect();
    let mut rows = judged.swap_remove(0).rows;
    approved.retain(|one| {
        let same = |row: &CoverRow| {
            row.is_of(one.change) && row.first == one.first && row.last == one.last
        };
        !rows.iter().any(same)
    });
    rows.extend(approved);
    Answer {
        allow,
        overridden: false,
        enforced: true,
        codes,
        start: Some(start),
        lies: Some(lies),
        rows,
        seen,
    }
}
