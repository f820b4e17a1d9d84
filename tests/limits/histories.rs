//! Limits of histories, reached by real ones.

use std::fmt::Write as _;

use countersign::base::limits::*;
use countersign::base::name::Revision;
use countersign::change::CommitFacts;
use countersign::git::Repository;
use countersign::verify::StepEvidence;
use countersign::verify::attested::StepRecord;

use crate::large::git;
use crate::refused;
use crate::support::Folder;

/// A line of commits on a root, all of empty trees: gives the folder, the root and the others.
fn line(count: usize) -> (Folder, Vec<Revision>) {
    let folder = Folder::new();
    git(folder.path(), &["init", "-q", "-b", "main", "."], b"");
    let mut stream = String::new();
    for number in 0..=count {
        let time = 1_000_000_000 + number;
        writeln!(stream, "commit refs/heads/main").unwrap();
        writeln!(stream, "committer Ada <ada@shop.example> {time} +0000\ndata 1\nx").unwrap();
    }
    git(folder.path(), &["fast-import", "--quiet"], stream.as_bytes());
    let listed = git(folder.path(), &["rev-list", "--reverse", "main"], b"");
    let commits = listed.lines().map(|line| Revision::new(line).unwrap()).collect();
    (folder, commits)
}

/// A commit of two parents, and of an empty tree.
fn merge(folder: &Folder, first: &Revision, second: &Revision) -> Revision {
    let tree = git(folder.path(), &["hash-object", "-t", "tree", "-w", "--stdin"], b"");
    let (first, second) = (first.as_str(), second.as_str());
    let arguments = ["commit-tree", &tree, "-p", first, "-p", second, "-m", "merge"];
    Revision::new(git(folder.path(), &arguments, b"")).unwrap()
}

limits! {
    steps_of_a_chain: CHAIN_STEPS_MAX => {
        let (folder, commits) = line(CHAIN_STEPS_MAX + 1);
        let repository = Repository::open(folder.path()).unwrap();
        let [root, second, .., last] = &commits[..] else { panic!("a short history") };
        let chain = |start: Option<&Revision>, head| repository.chain(start, head);
        let above = format!("more than {CHAIN_STEPS_MAX} commits");
        assert_eq!(chain(Some(second), last).unwrap().commits.len(), CHAIN_STEPS_MAX);
        refused(chain(Some(root), last), &above);
    }
    commits_of_a_step: STEP_COMMITS_MAX => {
        let (folder, commits) = line(STEP_COMMITS_MAX);
        let [root, .., before, last] = &commits[..] else { panic!("a short history") };
        let (at, above) = (merge(&folder, root, before), merge(&folder, root, last));
        let repository = Repository::open(folder.path()).unwrap();
        let step = repository.step(&at).unwrap();
        assert_eq!(step.commits.len(), STEP_COMMITS_MAX);
        refused(repository.step(&above), &format!("more than {STEP_COMMITS_MAX} commits"));
        // A record that says so of a step is read within the same limit.
        let mut evidence = StepEvidence {
            step,
            title: String::new(),
            authors: Vec::new(),
            detected: None,
            colliding: Vec::new(),
            attested_by: None,
        };
        let read = |evidence: &StepEvidence| {
            StepRecord::parse(&StepRecord::of(evidence).to_bytes()).map(drop)
        };
        assert!(read(&evidence).is_ok());
        let one_more = CommitFacts { id: root.clone(), ..evidence.step.commits[0].clone() };
        evidence.step.commits.push(one_more);
        refused(read(&evidence), "1 to 100,000");
    }
}
