//! Bundles of what git really makes: merges of two and of many, merges that keep one side, a chain
//! from the root, links, submodules and files that become folders. Full ones prove themselves,
//! compact ones by the repository, and the second verifier says the same of either.

use std::os::unix::fs::symlink;
use std::path::Path;

use countersign::base::digest::ContentDigest;
use countersign::base::name::Revision;
use countersign::git::Repository;

use crate::library::{Beginnings, Person, commit, gate, git, head, policy};
use crate::second::Second;
use crate::stage::*;

/// Every step since the first commit is signed off; then both forms of the bundle are verified.
#[track_caller]
fn is_proved(stage: &Stage, test: &str, start: Option<&Revision>) -> Vec<u8> {
    let repository = Repository::open(&stage.repository()).unwrap();
    let tip = head(&stage.repository());
    for step in repository.chain(start, &tip).unwrap().commits {
        let step = repository.step(&step).unwrap();
        if !step.document.is_empty() {
            stage.approve("ada", &step.commit);
        }
    }
    stage.gate("full.bundle", &["--full"]).expect(0, &["YES", "full"]);
    stage.gate("compact.bundle", &[]).expect(0, &["YES", "compact"]);
    let place = stage.repository();
    let repository = ["--json", "--repo", place.to_str().unwrap()];
    for (name, more) in [("full.bundle", &["--json"][..]), ("compact.bundle", &repository[..])] {
        let said = stage.verify(name, more);
        assert_eq!(said.status, 0, "{test}: {said:?}");
        let lines = said.json()["files"][0]["lines"].as_array().unwrap().clone();
        for code in ["CHANGES", "DIFFERENCE", "FACTS", "BROUGHT_IN"] {
            let line = lines.iter().find(|line| line["code"] == code).unwrap();
            assert_eq!(line["rests"], "proved", "{test}: {code}");
        }
    }
    let second = Second::new(test);
    for name in ["full", "compact"] {
        second.trust(name, &stage.trust);
        let bytes = std::fs::read(stage.file(&format!("{name}.bundle"))).unwrap();
        second.bundle(name, &bytes);
        let mut stripped = stage.bundle(&format!("{name}.bundle"));
        stripped.attestation = None;
        stripped.evidence.decision = None;
        for number in 0..4 {
            second.bundle(&format!("{name}.stripped{number}"), &stripped.to_bytes());
        }
    }
    second.agrees(true);
    std::fs::read(stage.file("full.bundle")).unwrap()
}

/// A branch from the first commit with one file of its own.
fn branch(repository: &Path, name: &str) {
    git(repository, &["checkout", "-q", "-b", name, "main"]);
    commit(repository, &format!("src/{name}"), "1\n", &format!("Add {name}"));
    git(repository, &["checkout", "-q", "main"]);
}

#[test]
fn a_merge_of_two() {
    let stage = Stage::new("merge");
    let (repository, start) = (stage.repository(), head(&stage.repository()));
    branch(&repository, "left");
    stage.commit("src/a", "1\n");
    git(&repository, &["merge", "-q", "--no-ff", "-m", "Merge left", "left"]);
    is_proved(&stage, "merge", Some(&start));
}

#[test]
fn a_merge_of_many() {
    let stage = Stage::new("octopus");
    let (repository, start) = (stage.repository(), head(&stage.repository()));
    for name in ["left", "right", "third"] {
        branch(&repository, name);
    }
    stage.commit("src/a", "1\n");
    git(&repository, &["merge", "-q", "--no-ff", "-m", "Merge all", "left", "right", "third"]);
    is_proved(&stage, "octopus", Some(&start));
}

/// Its tree is its first parent's: nothing below has to be shown, and nothing more is asked for.
#[test]
fn a_merge_that_keeps_one_side() {
    let stage = Stage::new("ours");
    let (repository, start) = (stage.repository(), head(&stage.repository()));
    branch(&repository, "left");
    stage.commit("src/a", "1\n");
    git(&repository, &["merge", "-q", "-s", "ours", "-m", "Keep ours", "left"]);
    is_proved(&stage, "ours", Some(&start));
    // And one that is the only step of a chain.
    stage.gate("begun.bundle", &["--", "true"]).expect(0, &["YES"]);
    let start = head(&repository);
    branch(&repository, "right");
    git(&repository, &["merge", "-q", "-s", "ours", "--no-ff", "-m", "Keep ours", "right"]);
    is_proved(&stage, "ours-alone", Some(&start));
}

#[test]
fn a_chain_from_the_root() {
    let human = countersign::statement::words::MemberKind::Human;
    let review = vec![countersign::statement::words::Duty::Review];
    let person = |id| Person {
        id,
        called: None,
        kind: human,
        level: Some("senior"),
        duties: review.clone(),
    };
    let people = vec![person("ada"), person("ben"), gate()];
    let policy = Some(policy("enforce", ""));
    let stage = Stage::begin("root", &Beginnings { people, policy, has_baseline: false });
    stage.commit("src/a", "1\n");
    is_proved(&stage, "root", None);
}

/// What no difference shows, and paths that become something else.
#[test]
fn what_is_no_plain_file() {
    let stage = Stage::new("odd");
    let (repository, start) = (stage.repository(), head(&stage.repository()));
    symlink("src/a", repository.join("link")).unwrap();
    stage.commit("data", "a\0b");
    std::fs::remove_file(repository.join("link")).unwrap();
    symlink("README", repository.join("link")).unwrap();
    let module = format!("160000,{start},module");
    git(&repository, &["update-index", "--add", "--cacheinfo", &module]);
    git(&repository, &["add", "link"]);
    git(&repository, &["commit", "-q", "-m", "A link elsewhere, and a module"]);
    git(&repository, &["rm", "-q", "--cached", "data"]);
    std::fs::remove_file(repository.join("data")).unwrap();
    std::fs::create_dir(repository.join("data")).unwrap();
    std::fs::write(repository.join("data/run"), "#!/bin/sh\n").unwrap();
    git(&repository, &["add", "data/run"]);
    git(&repository, &["update-index", "--chmod=+x", "data/run"]);
    git(&repository, &["commit", "-q", "-m", "A folder for a file"]);
    let full = String::from_utf8(is_proved(&stage, "odd", Some(&start))).unwrap();
    for word in ["\"binary\"", "\"submodule\"", "\"targets\":["] {
        assert!(full.contains(word), "{word}");
    }
}

/// A verdict from both forms of the bundle, and of a compact one beside the repository: always what
/// the gate said, and whatever is read in commits is proved where there are commits.
#[track_caller]
fn says_what_the_gate_said(stage: &Stage, test: &str, words: &[&str]) {
    let status = stage.gate("full.bundle", &["--full"]).status;
    assert_eq!(stage.gate("compact.bundle", &[]).status, status, "{test}");
    let place = stage.repository();
    let repository = ["--json", "--repo", place.to_str().unwrap()];
    for (name, more, difference, position) in [
        ("full.bundle", &["--json"][..], "proved", "attested"),
        ("compact.bundle", &["--json"], "attested", "attested"),
        ("compact.bundle", &repository, "proved", "proved"),
    ] {
        let said = stage.verify(name, more);
        assert_eq!(said.status, status, "{test}: {said:?}");
        let json = said.json();
        let lines = json["files"][0]["lines"].as_array().unwrap();
        let rests = |code: &str| {
            let line = lines.iter().find(|line| line["code"] == code);
            line.map(|line| line["rests"].as_str().unwrap().to_owned())
        };
        assert_eq!(rests("POSITION").as_deref(), Some(position), "{test}: {name} {more:?}");
        // What went back changes nothing.
        let wanted = (test != "behind").then_some(difference);
        assert_eq!(rests("DIFFERENCE").as_deref(), wanted, "{test}: {name} {more:?}");
    }
    stage.verify("full.bundle", &[]).expect(status, words);
    let second = Second::new(test);
    for name in ["full", "compact"] {
        second.trust(name, &stage.trust);
        second.bundle(name, &std::fs::read(stage.file(&format!("{name}.bundle"))).unwrap());
    }
    second.agrees(true);
}

/// What is to be deployed does not continue what is live: it went back, parted from it, or has
/// nothing in common with it.
#[test]
fn what_does_not_continue_what_is_live() {
    let stage = Stage::new("positions");
    let repository = stage.repository();
    let before = head(&repository);
    let first = stage.commit("src/a", "1\n");
    stage.approve("ada", &first);
    stage.gate("begun.bundle", &["--", "true"]).expect(0, &["YES"]);
    let live = stage.commit("src/a", "2\n");
    stage.approve("ada", &live);
    stage.gate("begun.bundle", &["--", "true"]).expect(0, &["YES"]);
    git(&repository, &["checkout", "-q", "--detach", first.as_str()]);
    says_what_the_gate_said(&stage, "behind", &["YES"]);
    git(&repository, &["checkout", "-q", "-b", "hotfix", before.as_str()]);
    let parted = commit(&repository, "src/b", "1\n", "Mend what is live");
    says_what_the_gate_said(&stage, "diverged", &["NO"]);
    stage.approve("ada", &parted);
    says_what_the_gate_said(&stage, "diverged-signed", &[]);
    git(&repository, &["checkout", "-q", "--orphan", "elsewhere"]);
    commit(&repository, "src/c", "1\n", "Begin again");
    says_what_the_gate_said(&stage, "unrelated", &["NO"]);
}

/// A gate that leaves out what would be undone is believed, and caught by whoever has the
/// repository.
#[test]
fn what_is_live_is_proved_from_a_repository() {
    let stage = Stage::new("live-left-out");
    let repository = stage.repository();
    let before = head(&repository);
    let live = stage.commit("src/a", "1\n");
    stage.approve("ada", &live);
    stage.gate("begun.bundle", &["--", "true"]).expect(0, &["YES"]);
    git(&repository, &["checkout", "-q", "-b", "hotfix", before.as_str()]);
    let parted = commit(&repository, "src/b", "1\n", "Mend what is live");
    stage.approve("ada", &parted);
    stage.gate("honest.bundle", &[]).expect(0, &["YES"]);
    let mut lying = stage.bundle("honest.bundle");
    let live = lying.evidence.live.take().unwrap();
    let known: Vec<_> = lying.evidence.steps.iter().map(|step| step.document).collect();
    if !known.contains(&live.document) {
        let name = ContentDigest::from_bytes(*live.document.as_bytes());
        lying.blobs.retain(|blob| ContentDigest::of(&blob.0) != name);
    }
    stage.sign(&mut lying);
    std::fs::write(stage.file("lying.bundle"), lying.to_bytes()).unwrap();
    let place = repository.to_str().unwrap();
    stage.verify("lying.bundle", &[]).expect(0, &["YES"]);
    stage.verify("lying.bundle", &["--repo", place]).expect(3, &["REPOSITORY", "what is live"]);
    stage.verify("honest.bundle", &["--repo", place]).expect(0, &["YES"]);
}

/// A repository that is another, or has only some of the commits, proves nothing, and says so.
#[test]
fn a_repository_that_cannot_prove() {
    let stage = Stage::new("other-repository");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("compact.bundle", &[]).expect(0, &["YES"]);
    let other = stage.root.join("other");
    std::fs::create_dir_all(&other).unwrap();
    git(&other, &["init", "-q", "-b", "main"]);
    commit(&other, "src/a", "1\n", "Another history");
    let shallow = stage.root.join("shallow");
    let url = format!("file://{}", stage.repository().display());
    git(&stage.root, &["clone", "-q", "--depth", "1", &url, shallow.to_str().unwrap()]);
    for (place, why) in [(&other, tip.as_str()), (&shallow, "shallow")] {
        let said = stage.verify("compact.bundle", &["--repo", place.to_str().unwrap()]);
        assert_eq!(said.status, 2, "{}: {said:?}", place.display());
        assert!(said.all().contains(&why[..7]), "{}: {said:?}", place.display());
    }
}

/// `gate --attested` reads no commit, so there is none to show.
#[test]
fn no_bundle_of_what_was_not_read() {
    let stage = Stage::new("attested");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    let revision = tip.to_string();
    let said = stage.gate("a.bundle", &["--attested", "--revision", &revision]);
    said.expect(2, &["a bundle shows commits", "--attested reads none"]);
    assert!(!stage.file("a.bundle").exists());
    assert_eq!(stage.decisions().len(), 0, "nothing is recorded");
}

/// What is above the limit is not read.
#[test]
fn a_file_above_the_limit_is_not_read() {
    let stage = Stage::new("limit");
    let limit = u64::try_from(countersign::base::limits::BUNDLE_BYTES_MAX).unwrap();
    let file = std::fs::File::create(stage.file("large.bundle")).unwrap();
    std::io::Write::write_all(&mut &file, countersign::verify::bundle::BUNDLE_START.as_bytes())
        .unwrap();
    file.set_len(limit + 1).unwrap();
    stage.verify("large.bundle", &[]).expect(2, &["too large", "268435456 bytes"]);
}
