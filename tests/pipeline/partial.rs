//! Partial clones: what was left at the server comes in one round (ATTACKS 50).

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

use std::path::PathBuf;

use crate::library::Said;
use crate::stage::{Stage, commit, git, said};

/// Eight signed steps in many folders, a merge of two sides among them.
fn stage(test: &str) -> Stage {
    let stage = Stage::new(test, "enforce");
    let repository = stage.repository();
    git(&repository, &["config", "uploadpack.allowFilter", "true"]);
    let mut steps = Vec::new();
    for number in 0..6 {
        let path = format!("d{number}/deep/er/file");
        steps.push(commit(&repository, &path, &format!("{number}\n"), "A step"));
    }
    git(&repository, &["switch", "-q", "-c", "side"]);
    commit(&repository, "d0/deep/er/file", "side\n", "Beside");
    git(&repository, &["switch", "-q", "main"]);
    steps.push(commit(&repository, "d1/deep/er/file", "main\n", "A step"));
    git(&repository, &["merge", "-q", "--no-ff", "-m", "Merge side", "side"]);
    steps.push(crate::stage::head(&repository));
    for step in &steps {
        stage.approve("ada", step);
    }
    stage
}

fn clone(stage: &Stage, filter: &str) -> PathBuf {
    let clone = stage.root.join("clone");
    let from = format!("file://{}", stage.repository().display());
    let arguments = ["clone", "-q", "--no-checkout", filter, &from, clone.to_str().unwrap()];
    git(&stage.root, &arguments);
    clone
}

/// Runs the program in the clone; gives what it said, and how often something was fetched.
fn rounds(stage: &Stage, clone: &std::path::Path, variable: Option<(&str, &str)>) -> (Said, usize) {
    let trace = stage.root.join("trace");
    let _ = std::fs::remove_file(&trace);
    let arguments = ["-C", clone.to_str().unwrap(), "gate", "-n", "--revision", "origin/main"];
    let mut command = stage.command(&arguments);
    command.env("GIT_TRACE2_EVENT", &trace);
    command.envs(variable);
    let said = said(&command.output().unwrap());
    let events = std::fs::read_to_string(&trace).unwrap_or_default();
    let is_fetch = |line: &&str| line.contains(r#""event":"start""#) && line.contains(r#""fetch""#);
    let is_served =
        |line: &&str| line.contains(r#""event":"start""#) && line.contains("upload-pack");
    let rounds = events.lines().filter(is_fetch).count();
    assert_eq!(rounds, events.lines().filter(is_served).count(), "{events}");
    (said, rounds)
}

#[test]
fn attack_50_the_blobs_of_a_blobless_clone_come_in_one_round() {
    let stage = stage("blobless");
    let clone = clone(&stage, "--filter=blob:none");
    let (passed, fetched) = rounds(&stage, &clone, None);
    assert_eq!((passed.status, fetched), (0, 1), "{passed:?}");
    assert!(passed.out.contains("8 changes, all signed off"), "{passed:?}");
    // And are there from then on.
    let (passed, fetched) = rounds(&stage, &clone, None);
    assert_eq!((passed.status, fetched), (0, 0), "{passed:?}");
    // Nothing else was written: no reference, no list of what was fetched.
    assert!(!clone.join(".git/FETCH_HEAD").exists());
}

#[test]
fn attack_50_a_treeless_clone_takes_one_round_more() {
    let stage = stage("treeless");
    let clone = clone(&stage, "--filter=tree:0");
    let (passed, fetched) = rounds(&stage, &clone, None);
    assert_eq!((passed.status, fetched), (0, 2), "{passed:?}");
    assert!(passed.out.contains("8 changes, all signed off"), "{passed:?}");
}

#[test]
fn attack_50_what_cannot_be_fetched_is_no_verdict() {
    let stage = stage("unfetched");
    let clone = clone(&stage, "--filter=blob:none");
    let forbidden = Some(("GIT_NO_LAZY_FETCH", "1"));
    let (refused, fetched) = rounds(&stage, &clone, forbidden);
    assert_eq!((refused.status, fetched), (4, 0), "{refused:?}");
    assert!(refused.talk.contains("git fetch --refetch --no-filter"), "{refused:?}");
    std::fs::rename(stage.repository(), stage.root.join("gone")).unwrap();
    std::fs::create_dir(stage.repository()).unwrap();
    let arguments = ["-C", clone.to_str().unwrap(), "gate", "-n", "--revision", "origin/main"];
    let refused = stage.run(&arguments);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(refused.talk.contains("objects from origin"), "{refused:?}");
    assert!(refused.talk.contains("git fetch --refetch --no-filter origin"), "{refused:?}");
}

/// What lies in the clone is not run: no hook, and no transport that is a command.
#[test]
fn attack_50_a_round_runs_no_hook_and_no_command() {
    let stage = stage("hooks");
    let clone = clone(&stage, "--filter=blob:none");
    let hooks = clone.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let ran = stage.root.join("ran");
    for hook in ["reference-transaction", "post-checkout", "pre-auto-gc", "post-index-change"] {
        let path = hooks.join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
    }
    let (passed, fetched) = rounds(&stage, &clone, None);
    assert_eq!((passed.status, fetched), (0, 1), "{passed:?}");
    std::fs::rename(&clone, stage.root.join("first")).unwrap();
    let clone = self::clone(&stage, "--filter=blob:none");
    let command = format!("ext::sh -c 'touch {}'", ran.display());
    git(&clone, &["config", "remote.origin.url", &command]);
    git(&clone, &["config", "protocol.ext.allow", "always"]);
    let arguments = ["-C", clone.to_str().unwrap(), "gate", "-n", "--revision", "origin/main"];
    let refused = stage.run(&arguments);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(!ran.exists());
}
