//! Bundles of what git really makes: merges of two and of many, merges that keep one side, a chain
//! from the root, links, submodules and files that become folders. Full ones prove themselves,
//! compact ones by the repository, and the second verifier says the same of either.

use std::os::unix::fs::symlink;
use std::path::Path;

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
