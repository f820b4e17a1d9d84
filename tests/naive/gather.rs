//! The evidence for the program, from the model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign::base::digest::ChangeHash;
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::change::{ChangePath, CommitFacts, Document, Identity, Opaque, PathFacts, Step};
use countersign::verify::cover::Cover;
use countersign::verify::evidence::{Live, Position};
use countersign::verify::{
    CarriedTo, Evidence, KnownCover, Question, Returning, SeenAuthor, SeenKind, StepEvidence,
    Verdict, VerifiedEntry, verdict,
};
use countersign::view::View;

use super::evaluator::{Asked, CoverRow, Lies};
use super::ledger::{World, cover_text};
use super::repository::{Tree, carried_to, collisions, difference, differing, email, is_opaque};
use super::segment::Part;
use super::start::{lies, rejected, step_part, whole_part, within};

/// Everything that evidence borrows.
#[derive(Clone)]
pub(crate) struct Gathered {
    pub(crate) question: Question,
    pub(crate) position: Position,
    pub(crate) steps: Vec<StepEvidence>,
    pub(crate) difference: Document,
    pub(crate) live: Option<Live>,
    pub(crate) whole: Option<StepEvidence>,
    pub(crate) runs: Vec<(usize, usize)>,
    pub(crate) cover: Option<Cover>,
    pub(crate) start_changes: Vec<ChangeHash>,
    pub(crate) returning: Vec<Returning>,
    pub(crate) covers: Vec<KnownCover>,
    pub(crate) carried: Vec<CarriedTo>,
    pub(crate) entries: Vec<VerifiedEntry>,
}

impl Gathered {
    pub(crate) fn judge(&self, view: &View) -> Verdict {
        verdict(
            &self.question,
            &Evidence {
                view,
                position: &self.position,
                steps: &self.steps,
                difference: &self.difference,
                entries: &self.entries,
                cover: self.cover.as_ref(),
                start_changes: &self.start_changes,
                returning: &self.returning,
                live: self.live.as_ref(),
                whole: self.whole.as_ref(),
                runs: &self.runs,
                covers: &self.covers,
                carried: &self.carried,
                uncarried: &[],
            },
        )
    }
}

pub(crate) fn question(world: &World, asked: &Asked) -> Question {
    Question {
        service: asked.place.service.clone(),
        environment: asked.place.environment.clone(),
        revision: world.repository.commits[asked.revision].id.clone(),
        artifacts: asked.artifacts.clone(),
        time: Timestamp::from_milliseconds(asked.now),
    }
}

/// Gathers the evidence for a question.
pub(crate) fn gather(world: &World, asked: &Asked) -> Gathered {
    let model = world.model();
    let repository = &world.repository;
    let points = model.log.points(&asked.place);
    let find = |at: usize| points[at].revision.as_ref().and_then(|r| repository.find(r));
    let lies = (!points.is_empty()).then(|| lies(&model, asked, &points));
    let newest = points.len().checked_sub(1).and_then(find);
    let (start, position) = match lies {
        Some(Lies::Linear) => (newest, Position::Linear),
        Some(Lies::Behind) => (Some(asked.revision), Position::Behind),
        Some(Lies::Diverged(start)) => (find(start), Position::Diverged { start }),
        Some(Lies::Unrelated) => (Some(asked.revision), Position::Unrelated),
        Some(Lies::FromRoot) | None => (None, Position::FromRoot),
    };
    let walk = repository.walk(asked.revision).into_iter();
    let mut commits: Vec<usize> = walk.take_while(|commit| Some(*commit) != start).collect();
    commits.reverse();
    let evidence = |part: &Part| step_evidence(world, part);
    let parts: Vec<Part> = commits.iter().map(|commit| step_part(&model, *commit)).collect();
    let tree = repository.tree(Some(asked.revision));
    let is_linear = matches!(position, Position::Linear | Position::FromRoot);
    let is_beside = matches!(position, Position::Diverged { .. } | Position::Behind);
    let live = is_beside.then(|| Live {
        document: difference(&repository.tree(start), &repository.tree(newest)),
        commits: Vec::new(),
    });
    // Every run: more than the program asks for, and nothing that it may not have.
    let mut runs = Vec::new();
    for first in 0..parts.len() {
        runs.extend((first + 1..parts.len().min(first + 32)).map(|last| (first, last)));
    }
    let mut judged: Vec<(&Part, &Part)> = parts.iter().map(|part| (part, part)).collect();
    judged.extend(runs.iter().map(|(first, last)| (&parts[*first], &parts[*last])));
    judged.extend(parts.first().zip(parts.last()));
    let whole = (!is_linear).then(|| whole_part(&model, newest, asked.revision));
    judged.extend(whole.iter().map(|whole| (whole, whole)));
    let cover = match lies {
        Some(Lies::Behind) => start_cover(world, asked, asked.revision, true),
        Some(Lies::Diverged(_)) => start_cover(world, asked, start.unwrap(), false),
        _ => None,
    };
    let rows = cover.iter().flat_map(|cover| &cover.segments);
    let rows: Vec<CoverRow> = rows
        .map(|row| CoverRow {
            change: row.change,
            first: row.first.clone(),
            last: row.last.clone(),
            approvals: BTreeSet::new(),
            carried: BTreeMap::new(),
            is_carried: false,
            contained: false,
        })
        .collect();
    let rows: Vec<&CoverRow> = rows.iter().collect();
    let start_changes = within(&model, &rows).into_iter().collect();
    let history = start.filter(|_| is_beside).map(|start| repository.reachable(start));
    let returning = history.into_iter().flat_map(|history| {
        rejected(&model).into_iter().map(move |(change, head)| Returning {
            change,
            document: repository.known_trees(change).map(|(old, new)| difference(&old, &new)),
            in_start: head.is_some_and(|head| history.contains(&head)),
        })
    });
    let returning = returning.collect();
    let mut steps: Vec<StepEvidence> = parts.iter().map(evidence).collect();
    let mut touched: BTreeSet<String> = BTreeSet::new();
    for (part, step) in parts.iter().zip(&mut steps) {
        touched.extend(differing(&part.old, &part.new));
        let colliding = collisions(&Tree::new(), &part.new).into_iter();
        let colliding = colliding.filter(|path| touched.contains(path));
        step.colliding =
            colliding.map(|path| ChangePath::new(path.into_bytes()).unwrap()).collect();
    }
    Gathered {
        question: question(world, asked),
        position,
        steps,
        difference: difference(&repository.tree(start), &tree),
        live,
        whole: whole.as_ref().map(evidence),
        runs,
        cover,
        start_changes,
        returning,
        covers: covers(world, asked),
        carried: carried(world, &judged),
        entries: world.verified.clone(),
    }
}

fn parse(world: &World, digest: &countersign::base::digest::ContentDigest) -> Option<Cover> {
    let rows = world.covers.get(digest)?;
    Some(Cover::parse(cover_text(rows).as_bytes()).unwrap())
}

/// What the newest deployment of the start was signed off with, one that brought something first.
fn start_cover(world: &World, asked: &Asked, start: usize, same: bool) -> Option<Cover> {
    let revision = &world.repository.commits[start].id;
    let mut found = None;
    for point in world.model().log.points(&asked.place) {
        let Some(deployed) = &point.deployed else { continue };
        let is_it = point.revision.as_ref() == Some(revision)
            && (!same || deployed.artifacts == asked.artifacts);
        let Some(digest) = deployed.cover.filter(|_| is_it) else { continue };
        let Some(cover) = parse(world, &digest) else { continue };
        if found.is_none() || !cover.segments.is_empty() {
            found = Some(cover);
        }
    }
    found
}

/// What is carried to any of what is judged: from one part to another.
fn carried(world: &World, judged: &[(&Part, &Part)]) -> Vec<CarriedTo> {
    let mut found = Vec::new();
    for (first, last) in judged {
        for carried in carried_to(&world.forms, &first.old, &last.new) {
            let to = CarriedTo { landing: last.last.clone(), carried, is_grounded: true };
            if !found.contains(&to) {
                found.push(to);
            }
        }
    }
    found
}

fn covers(world: &World, asked: &Asked) -> Vec<KnownCover> {
    let mut covers = Vec::new();
    let group = super::fold::group_of(&asked.place);
    let mut points = world.model().log.own_points(&asked.place);
    if group != asked.place {
        points.extend(world.model().log.own_points(&group));
    }
    for point in points {
        let digest = point.deployed.and_then(|deployed| deployed.cover);
        if let Some(cover) = digest.and_then(|digest| parse(world, &digest)) {
            let landed = Some(EntryIndex::new(point.entry));
            covers.push(KnownCover {
                deployed: None,
                landed,
                ended: None,
                cover: Some(Arc::new(cover)),
            });
        }
    }
    for place in super::fold::places_of(&world.log, &asked.place.service) {
        for point in world.model().log.own_points(&place) {
            let digest = point.deployed.as_ref().and_then(|deployed| deployed.cover);
            if let Some(cover) = digest.and_then(|digest| parse(world, &digest))
                && point.stands()
            {
                let time = Timestamp::from_milliseconds(point.time);
                let deployed = Some((EntryIndex::new(point.entry), time));
                let (cover, ended) = (Some(Arc::new(cover)), Some(EntryIndex::new(point.entry)));
                covers.push(KnownCover { deployed, landed: None, ended, cover });
            }
        }
    }
    covers
}

fn step_evidence(world: &World, part: &Part) -> StepEvidence {
    let repository = &world.repository;
    let document = difference(&part.old, &part.new);
    let path = |path: &String| ChangePath::new(path.clone().into_bytes()).unwrap();
    let facts = |changed: &ChangePath| {
        let text = String::from_utf8(changed.as_bytes().to_vec()).unwrap();
        let content = [&part.new, &part.old].map(|tree| tree.get(&text));
        let opaque = content.iter().flatten().any(|content| is_opaque(content));
        PathFacts {
            path: changed.clone(),
            opaque: opaque.then_some(Opaque::Binary),
            new_size_bytes: None,
            ..blank_facts()
        }
    };
    let nobody = || Identity { name: Vec::new(), email: Vec::new() };
    let commit = |at: &usize| {
        let commit = &repository.commits[*at];
        CommitFacts {
            id: commit.id.clone(),
            parents: commit.parents.iter().map(|p| repository.commits[*p].id.clone()).collect(),
            author: nobody(),
            committer: nobody(),
            co_authors: Vec::new(),
            trailers: Vec::new(),
            message: Vec::new(),
            author_counts: repository.wrote(*at),
        }
    };
    let (named, detected) = repository.authors_of(&part.commits);
    let author = |named: &super::repository::Named| SeenAuthor {
        kind: if named.tool { SeenKind::Tool } else { SeenKind::Person },
        email: email(&named.email),
        label: named.email.clone(),
    };
    let own = repository.find(&part.last);
    let mut authors: Vec<SeenAuthor> = named.iter().map(author).collect();
    authors.sort();
    let own_first: BTreeSet<(bool, usize)> =
        part.commits.iter().map(|at| (Some(*at) != own, *at)).collect();
    StepEvidence {
        step: Step {
            commit: part.last.clone(),
            parent: own
                .and_then(|own| repository.commits[own].parents.first())
                .map(|parent| repository.commits[*parent].id.clone()),
            path_facts: document.paths().map(facts).collect(),
            document,
            commits: own_first.iter().map(|(_, at)| commit(at)).collect(),
            author_counts: own.is_some_and(|own| repository.wrote(own)),
            collisions: collisions(&part.old, &part.new).iter().map(path).collect(),
        },
        title: own.map(|own| repository.commits[own].label.clone()).unwrap_or_default(),
        authors,
        detected,
        colliding: collisions(&part.old, &part.new).iter().map(path).collect(),
        attested_by: None,
    }
}

fn blank_facts() -> PathFacts {
    let path = ChangePath::new(b"x".to_vec()).unwrap();
    let link_targets = Vec::new();
    PathFacts { path, opaque: None, new_size_bytes: None, link_targets }
}
