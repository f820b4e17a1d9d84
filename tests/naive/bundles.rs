//! Every question of generated histories as a bundle: what a verifier elsewhere makes of it is what
//! the gate made of it (`spec/bundle.md`). And the vectors of the format, from such histories.

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::digest::ContentDigest;
use countersign::base::name::RequestId;
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::carry::find;
use countersign::change::carry::{CarryContents, Certificate};
use countersign::change::{ChangePath, Content, Document, Mode, ObjectId, Side};
use countersign::statement::Says;
use countersign::statement::pipeline::Decision;
use countersign::statement::words::{DecisionVerdict, Mode as Enforcement};
use countersign::verify::bundle::{
    Attestation, Bundle, Checked, Given, Rests, Tampered, attested_message, check, draft,
};
use countersign::verify::{Evidence, Question, StepEvidence, Verdict};
use serde_json::{Value, json};

use super::blessing;
use super::evaluator::Asked;
use super::gather::{Gathered, gather};
use super::generate::history;
use super::ledger::{World, public_key, sign_message};
use super::people::person;
use super::repository::{Tree, difference, salt};

/// A bundle, and the verdict that it is of.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) verdict: Verdict,
    pub(crate) world: World,
}

/// What a gate would record and write; `None` where it could not record a decision, or the commits
/// say nothing that a commit can say.
pub(crate) fn make(world: &World, asked: &Asked) -> Option<Made> {
    let view = world.view.clone();
    let mut gathered = sparse(gather(world, asked));
    if let Some(whole) = &mut gathered.whole {
        // Everything from what is settled, whatever the revision's own parent is.
        let points = view.starts(&asked.place.service, &asked.place.environment);
        whole.step.parent = points.newest().and_then(|point| point.revision.clone());
    }
    let steps = || gathered.steps.iter().chain(&gathered.whole);
    let commits = steps().flat_map(|step| &step.step.commits);
    let commits: BTreeSet<usize> =
        commits.map(|commit| world.repository.find(&commit.id).unwrap()).collect();
    if commits.iter().any(|at| world.repository.commits[*at].authors.is_empty()) {
        return None;
    }
    let mut world = world.clone();
    world.now = asked.now;
    let judged = gathered.judge(&view);
    let (_, policy) = judged.policy?;
    let said = decision(&world, asked, &judged, policy)?;
    let index = EntryIndex::new(world.say("gate", person("gate").1, Says::Decision(said))?);
    let entry = world.verified.last().unwrap();
    assert_eq!(entry.index(), index);
    let question = Question { time: entry.time(), ..gathered.question.clone() };
    let gathered = Gathered { question: question.clone(), ..gathered };
    let verdict = gathered.judge(&view);
    let governance: Vec<EntryIndex> = world
        .verified
        .iter()
        .filter(|entry| matches!(entry.statement().says, Says::Governance(_)))
        .map(countersign::verify::VerifiedEntry::index)
        .collect();
    let (certificates, contents) = certificates(&world, &gathered);
    let mut draft = draft(&Given {
        question: &question,
        evidence: &evidence(&gathered, &view),
        ledger: view.ledger()?.id,
        decision: Some(entry.entry()),
        governance: &governance,
        certificates: &certificates,
        contents: &contents,
        previous: None,
    });
    let (keyid, signature) = sign_message(person("gate").1, &attested_message(&draft.claims));
    let attestation = Some(Attestation::new(keyid, &signature));
    let object = |id: &ObjectId| {
        let at = world.repository.find(&id.revision()).unwrap();
        (*id, world.repository.commits[at].object.clone())
    };
    let objects: BTreeMap<_, _> = draft.commits.iter().map(object).collect();
    let entries = std::mem::take(&mut draft.claims.entries);
    let shown = entries.iter().map(|index| world.shown(*index)).collect();
    draft.claims.entries = entries;
    let bundle = draft.finish(world.note(), shown, &salt(), attestation, objects);
    Some(Made { bytes: bundle.to_bytes(), verdict, world })
}

/// Only what a verdict on changes reads, so that the rest must come from what is claimed.
fn sparse(mut gathered: Gathered) -> Gathered {
    gathered.entries.retain(|entry| {
        let says = &entry.statement().says;
        matches!(says, Says::Approval(_) | Says::Change(_) | Says::Build(_) | Says::Override(_))
    });
    gathered
}

fn evidence<'a>(gathered: &'a Gathered, view: &'a countersign::view::View) -> Evidence<'a> {
    Evidence {
        view,
        position: &gathered.position,
        steps: &gathered.steps,
        difference: &gathered.difference,
        entries: &gathered.entries,
        cover: gathered.cover.as_ref(),
        start_changes: &gathered.start_changes,
        returning: &gathered.returning,
        live: gathered.live.as_ref(),
        whole: gathered.whole.as_ref(),
        runs: &gathered.runs,
        covers: &gathered.covers,
        carried: &gathered.carried,
        uncarried: &[],
    }
}

/// What the gate records of a verdict.
fn decision(
    world: &World,
    asked: &Asked,
    verdict: &Verdict,
    policy: EntryIndex,
) -> Option<Decision> {
    let policies = world.model().log.policies();
    let service = policies.last()?.2.service(&asked.place.service)?.repository.clone();
    let goes_ahead = verdict.mode == Enforcement::Enforce && verdict.is_overridden();
    let mut overrides: Vec<_> = verdict.overrides.iter().map(|one| one.id).collect();
    overrides.retain(|_| goes_ahead);
    overrides.sort_unstable();
    let (allowed, question) = (verdict.is_allowed(), &verdict.question);
    let reasons = verdict.reasons().into_iter().filter(|_| !allowed);
    let mut reasons: Vec<_> = reasons.map(|code| RequestId::new(code.as_str()).unwrap()).collect();
    reasons.sort_unstable();
    Some(Decision {
        service: question.service.clone(),
        environment: question.environment.clone(),
        repository: service,
        revision: question.revision.clone(),
        artifacts: question.artifacts.clone(),
        verdict: if allowed { DecisionVerdict::Allow } else { DecisionVerdict::Deny },
        mode: verdict.mode,
        start: verdict.start_entry(),
        newest: verdict.newest,
        policy,
        trust: ContentDigest::from_bytes([0; 32]),
        reasons,
        cover: allowed.then(|| ContentDigest::of(&verdict.cover().to_bytes())),
        overrides,
        program: "test".parse().unwrap(),
    })
}

/// The certificates of what is carried, and what each is applied to, found once more.
fn certificates(
    world: &World,
    gathered: &Gathered,
) -> (Vec<(Certificate, Document)>, Vec<CarryContents>) {
    let (mut certificates, mut sources) = (Vec::new(), Vec::new());
    for to in &gathered.carried {
        let (before, after) = &world.forms[&to.carried.approved()];
        let approved = difference(before, after);
        let landed = landed(gathered, to.carried.landed());
        let mut source = CarryContents::default();
        for content in world
            .repository
            .commits
            .iter()
            .map(|c| &c.tree)
            .chain([before, after])
            .flat_map(Tree::values)
        {
            source
                .contents
                .insert(ContentDigest::of(content.as_bytes()), content.clone().into_bytes());
        }
        let at = world.repository.find(&to.landing).unwrap();
        let tree = &world.repository.commits[at].tree;
        for path in approved.paths().filter(|path| !landed.paths().any(|other| other == *path)) {
            source.sides.insert(path.clone(), side(tree, path));
        }
        let (certificate, _) = find(&approved, &landed, 1, &source).unwrap();
        assert_eq!(certificate.digest(), to.carried.certificate());
        certificates.push((certificate, approved));
        sources.push(source);
    }
    (certificates, sources)
}

fn side(tree: &Tree, path: &ChangePath) -> Side {
    let text = String::from_utf8(path.as_bytes().to_vec()).unwrap();
    tree.get(&text).map_or(Side::ABSENT, |content| Side {
        mode: Mode::File,
        content: Content::Sha256(ContentDigest::of(content.as_bytes())),
    })
}

fn landed(gathered: &Gathered, change: countersign::base::digest::ChangeHash) -> Document {
    let of = |step: &StepEvidence| step.step.document.clone();
    let mut known: Vec<Document> = gathered.steps.iter().chain(&gathered.whole).map(of).collect();
    known.push(gathered.difference.clone());
    for (first, last) in &gathered.runs {
        let run = &gathered.steps[*first..=*last];
        let documents: Vec<_> = run.iter().map(|step| &step.step.document).collect();
        known.extend(Document::compose(&documents));
    }
    known.into_iter().find(|document| document.hash() == change).unwrap()
}

/// What a verifier elsewhere makes of a bundle.
pub(crate) fn verify(made: &Made) -> Result<Checked, Tampered> {
    let bundle = Bundle::parse(&made.bytes).map_err(|error| {
        Tampered::new(countersign::verify::bundle::TamperCode::Form, error.to_string())
    })?;
    check(&bundle, &made.world.trust(), Timestamp::from_milliseconds(0))
}

/// The verdict of a bundle is the gate's, whatever is asked of whatever history.
pub(crate) fn agrees(made: &Made) -> Result<(), String> {
    let checked =
        verify(made).map_err(|tampered| format!("{}: {tampered}", tampered.code.as_str()))?;
    let (mine, theirs) = (&made.verdict, checked.verdict());
    let of = |verdict: &Verdict| {
        (
            (verdict.answer, verdict.mode, verdict.reasons(), verdict.start_entry()),
            (verdict.newest, verdict.cover(), verdict.is_overridden(), verdict.overrides_needed),
            (verdict.undone.clone(), verdict.owed.clone()),
        )
    };
    if of(mine) != of(theirs) {
        return Err(format!("another verdict:\n{:#?}\n{:#?}", of(mine), of(theirs)));
    }
    if checked.is_yes() != mine.is_allowed() {
        return Err("another answer".to_owned());
    }
    Ok(())
}

fn worlds(count: u64, mut each: impl FnMut(u64, &World, &Asked)) {
    for seed in 20_000..20_000 + count {
        history(seed, &mut |world, asked, _| each(seed, world, asked));
    }
}

/// Linear, diverged, back, from a root, carried, overridden, with artifacts: whatever histories
/// bring.
#[test]
#[allow(clippy::disallowed_methods, reason = "how many worlds is for who runs it to say")]
fn bundles_repeat_the_verdicts_of_generated_histories() {
    let wanted = std::env::var("BUNDLE_WORLDS").ok().and_then(|count| count.parse().ok());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut asked_of = 0;
    worlds(wanted.unwrap_or(30), |seed, world, asked| {
        let Some(made) = make(world, asked) else {
            *counts.entry("not recorded".to_owned()).or_default() += 1;
            return;
        };
        if let Err(wrong) = agrees(&made) {
            panic!("seed {seed}, {asked:?}: {wrong}");
        }
        asked_of += 1;
        let bundle = Bundle::parse(&made.bytes).unwrap();
        let mut count = |what: String| *counts.entry(what).or_default() += 1;
        count(format!("{:?}", bundle.evidence.position));
        count(format!("{:?}", made.verdict.answer));
        for (what, is_so) in [
            ("carried", !bundle.evidence.carried.is_empty()),
            ("overridden", made.verdict.is_overridden()),
            ("artifacts", !bundle.evidence.question.artifacts.is_empty()),
            ("earlier covers", !bundle.evidence.covers.is_empty()),
            ("something owed", bundle.evidence.settled.iter().any(|place| !place.owed.is_empty())),
            ("a whole difference", bundle.evidence.whole.is_some()),
        ] {
            if is_so {
                count(what.to_owned());
            }
        }
    });
    println!("{asked_of} bundles, each of one verdict: {counts:?}");
    for needed in ["Linear", "Diverged", "Behind", "FromRoot", "Allow", "Deny", "carried"] {
        assert!(counts.get(needed).is_some_and(|count| *count > 0), "{needed}: {counts:?}");
    }
}

/// What makes a vector worth keeping.
type Wanted = (&'static str, fn(&Bundle, &Verdict) -> bool);

const WANTED: &[Wanted] = &[
    ("linear", |bundle, verdict| is_at(bundle, "Linear") && verdict.is_allowed()),
    ("linear-denied", |bundle, verdict| is_at(bundle, "Linear") && !verdict.is_allowed()),
    ("from-root", |bundle, verdict| is_at(bundle, "FromRoot") && verdict.is_allowed()),
    ("behind", |bundle, verdict| is_at(bundle, "Behind") && verdict.is_allowed()),
    ("behind-denied", |bundle, verdict| is_at(bundle, "Behind") && !verdict.is_allowed()),
    ("diverged", |bundle, verdict| is_at(bundle, "Diverged") && verdict.is_allowed()),
    ("diverged-denied", |bundle, verdict| is_at(bundle, "Diverged") && !verdict.is_allowed()),
    ("carried", |bundle, verdict| {
        !bundle.evidence.carried.is_empty()
            && verdict.segments.iter().any(countersign::verify::Segment::is_carried)
            && verdict.is_allowed()
    }),
    ("overridden", |_, verdict| verdict.is_overridden() && verdict.mode == Enforcement::Enforce),
    ("artifacts", |bundle, verdict| {
        !bundle.evidence.question.artifacts.is_empty() && verdict.is_allowed()
    }),
    ("artifacts-denied", |_, verdict| {
        verdict.reasons().iter().any(|code| code.as_str().starts_with("BUILD"))
    }),
    ("rejected", |_, verdict| verdict.reasons().iter().any(|code| code.as_str() == "REJECTED")),
    ("spent", |bundle, verdict| {
        !bundle.evidence.covers.is_empty()
            && verdict
                .segments
                .iter()
                .flat_map(|segment| &segment.discounted)
                .any(|one| one.code == countersign::policy::ReasonCode::Spent)
    }),
    ("owed", |bundle, _| bundle.evidence.settled.iter().any(|place| !place.owed.is_empty())),
    ("empty-chain", |bundle, verdict| {
        is_at(bundle, "Linear") && bundle.evidence.steps.is_empty() && verdict.is_allowed()
    }),
];

fn is_at(bundle: &Bundle, position: &str) -> bool {
    format!("{:?}", bundle.evidence.position) == position
}

/// Where each vector is from: known from the cases that are kept, or looked for to be blessed.
fn seeds() -> BTreeSet<u64> {
    if blessing::is_blessing() {
        return (20_000..20_150).collect();
    }
    let cases = std::fs::read(blessing::vectors("bundle/cases.json")).unwrap();
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let seeds = cases["cases"].as_array().unwrap().iter();
    seeds.filter_map(|case| case["seed"].as_u64()).collect()
}

/// A small bundle of each kind, with its trust root and what it answers.
#[test]
#[allow(clippy::disallowed_methods, reason = "reads the vectors")]
fn the_vectors_are_what_is_generated() {
    let mut found: BTreeMap<&str, (u64, Made)> = BTreeMap::new();
    for seed in seeds() {
        history(seed, &mut |world, asked, _| {
            let Some(made) = make(world, asked) else { return };
            let bundle = Bundle::parse(&made.bytes).unwrap();
            for (name, is_wanted) in WANTED {
                let known = found.get(name);
                let is_smaller = known.is_none_or(|known| made.bytes.len() < known.1.bytes.len());
                if is_smaller && is_wanted(&bundle, &made.verdict) {
                    let (bytes, verdict) = (made.bytes.clone(), made.verdict.clone());
                    let world = made.world.clone();
                    found.insert(name, (seed, Made { bytes, verdict, world }));
                }
            }
        });
    }
    let mut cases = Vec::new();
    for (name, (seed, made)) in &found {
        let file = format!("{name}.bundle");
        blessing::compare(&format!("bundle/{file}"), &made.bytes);
        blessing::compare(&format!("bundle/{name}.toml"), made.world.trust().to_toml().as_bytes());
        let checked = verify(made).unwrap();
        cases.push(answer(name, *seed, &checked));
        cases.extend(refused(name, made));
    }
    let missing = WANTED.iter().filter(|(name, _)| !found.contains_key(name)).map(|one| one.0);
    assert_eq!(missing.collect::<Vec<_>>(), [] as [&str; 0]);
    let about = "Bundles, each NAME.bundle under the trust root NAME.toml, and what a verifier \
                 answers: answer, reasons, and of each line what it rests on. With `replace`, the \
                 text of the file first has each text replaced by the other, the first time that \
                 it stands there. `seed` is for who generates them.";
    blessing::compare_cases("bundle/cases.json", about, &cases);
}

fn answer(name: &str, seed: u64, checked: &Checked) -> Value {
    let lines: Vec<Value> = checked
        .lines()
        .iter()
        .map(|line| match &line.rests {
            Rests::Proved => json!([line.code.as_str(), "proved"]),
            Rests::Attested { by } => json!([line.code.as_str(), "attested", by]),
        })
        .collect();
    json!({
        "bundle": name,
        "seed": seed,
        "answer": if checked.is_yes() { "YES" } else { "NO" },
        "reasons": checked.reasons(),
        "lines": lines,
    })
}

/// Changes on the way, and the step that finds each out.
fn refused(name: &str, made: &Made) -> Vec<Value> {
    let text = String::from_utf8(made.bytes.clone()).unwrap();
    let bundle = Bundle::parse(&made.bytes).unwrap();
    let size = bundle.evidence.size;
    let mut tried: Vec<(String, String)> = vec![
        ("{\"index\":0,".to_owned(), "{\"index\":0, ".to_owned()),
        (format!("\"size\":{size}"), format!("\"size\":{size}e0")),
        (format!("\"size\":{size}"), format!("\"size\":{}", size.get() + 1)),
        ("\"entries\":[{\"index\":0,".to_owned(), "\"entries\":[{\"index\":1,".to_owned()),
        ("\"ledger\":\"".to_owned(), "\"ledger\":\"0".to_owned()),
        ("\"position\":\"linear\"".to_owned(), "\"position\":\"behind\"".to_owned()),
        ("\"attestation\":".to_owned(), "\"attestatiom\":".to_owned()),
        ("\"salt\":\"BQUF".to_owned(), "\"salt\":\"BQUG".to_owned()),
        (format!("ledger\\n{}", size.get() + 1), format!("ledger\\n{}", size.get() + 2)),
    ];
    let objects = bundle.objects.first().map(|object| {
        (
            countersign::base::encoding::base64(&object.0),
            countersign::base::encoding::base64(b"blob 0\0"),
        )
    });
    tried.extend(objects);
    let blobs = bundle.blobs.first().map(|blob| {
        (countersign::base::encoding::base64(&blob.0), countersign::base::encoding::base64(b"x"))
    });
    tried.extend(blobs);
    let trust = made.world.trust();
    let found = tried.into_iter().filter(|(from, _)| text.contains(from)).map(|(from, to)| {
        let changed = text.replacen(&from, &to, 1);
        let code = match Bundle::parse(changed.as_bytes()) {
            Err(_) => "FORM",
            Ok(bundle) => check(&bundle, &trust, Timestamp::from_milliseconds(0))
                .map_or_else(|tampered| tampered.code.as_str(), |_| "accepted"),
        };
        assert_ne!(code, "accepted", "{name}: {from} to {to}");
        json!({"bundle": name, "replace": [[from, to]], "answer": "TAMPERED", "reasons": [code]})
    });
    found.collect()
}

/// ATTACKS 16, 34 on bundles of generated histories: bits flipped here and there, none accepted.
#[test]
fn flipped_bits_of_generated_bundles_are_caught() {
    let (mut flipped, mut accepted) = (0_usize, 0_usize);
    worlds(3, |seed, world, asked| {
        let Some(made) = make(world, asked) else { return };
        let trust = made.world.trust();
        let mut bytes = made.bytes.clone();
        let start = usize::try_from(seed).unwrap() % 997;
        for at in (start..bytes.len()).step_by(997) {
            let bit = 1 << (at % 8);
            bytes[at] ^= bit;
            let found = Bundle::parse(&bytes)
                .map(|bundle| check(&bundle, &trust, Timestamp::from_milliseconds(0)).is_ok());
            accepted += usize::from(found == Ok(true));
            flipped += 1;
            bytes[at] ^= bit;
        }
    });
    println!("{flipped} bits flipped, {accepted} accepted");
    assert!(flipped > 100);
    assert_eq!(accepted, 0);
}

/// The key of the gate is that of the roster.
#[test]
fn the_gates_hand_is_its_own() {
    let (keyid, _) = sign_message(person("gate").1, b"");
    assert_eq!(keyid, public_key(person("gate").1).fingerprint());
}
