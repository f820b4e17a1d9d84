//! Goal: the figures of `spec/carry.md`. Method: in bare git directories of public repositories,
//! the change that was on a branch is compared with the change that landed, for each merge where
//! main had moved; of linear histories, each commit is moved back by some commits and landed
//! again. Each carried one is read and applied once more by the independent reader. Needs
//! histories, so it runs only when asked:
//!
//!     COUNTERSIGN_HISTORIES=DIR:DIR cargo test --release --test carry -- --ignored --nocapture

#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::disallowed_methods, reason = "makes scratch repositories")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::carry::{FindError, find};
use countersign::change::Document;
use countersign::change::carry::{CarrySource as _, PathRelation, relate};
use countersign::git::{Range, Repository};

use crate::independent;

/// Newest merges of a history with merges.
const MERGES: usize = 800;
/// Newest commits of a history without.
const COMMITS: usize = 200;
/// By how many commits those are moved back.
const BACK: [usize; 3] = [10, 50, 100];

/// A scratch repository that has a history's objects, and what is made here beside them.
struct Scratch {
    folder: PathBuf,
    repository: Repository,
    head: String,
}

impl Scratch {
    fn new(history: &Path) -> Self {
        let name = history.ancestors().nth(1).unwrap().file_name().unwrap().to_string_lossy();
        let folder =
            std::env::temp_dir().join(format!("countersign-history-{}-{name}", std::process::id()));
        git(None, &["init", "-q", "--bare", folder.to_str().unwrap()]).unwrap();
        let objects = format!("{}/objects\n", history.canonicalize().unwrap().display());
        std::fs::write(folder.join("objects/info/alternates"), objects).unwrap();
        let head = git(Some(history), &["rev-parse", "HEAD"]).unwrap();
        let repository = Repository::open(&folder).unwrap();
        Self { folder, repository, head }
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        git(Some(&self.folder), arguments)
    }

    fn range(&self, base: &str, head: &str) -> Range {
        let revision = |id: &str| self.repository.resolve(id).unwrap();
        Range { base: Some(revision(base)), head: revision(head) }
    }

    fn document(&self, range: &Range) -> Document {
        self.repository.document(range.base.as_ref(), &range.head).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn git(folder: Option<&Path>, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for person in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{person}_NAME"), "a").env(format!("GIT_{person}_EMAIL"), "a@x");
        command.env(format!("GIT_{person}_DATE"), "1700000000 +0000");
    }
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

#[derive(Default)]
struct Tally {
    landings: usize,
    exact: usize,
    carried: usize,
    carried_three: usize,
    different: usize,
    /// Of those that are not exact, what git merges to exactly the landed tree, by whether it is
    /// carried.
    merged: [usize; 2],
    merged_three: usize,
    /// Why what git merges is not carried, with the first such path.
    why: BTreeMap<String, usize>,
    examples: Vec<String>,
    /// What is carried and git does not merge so.
    only_carried: Vec<String>,
}

impl Tally {
    /// Judges one landing; `merges` says whether git merges it to the landed tree.
    fn add(
        &mut self,
        scratch: &Scratch,
        approved: &Range,
        landed: &Range,
        merges: impl Fn() -> bool,
    ) {
        let documents = (scratch.document(approved), scratch.document(landed));
        if documents.0.is_empty() || documents.1.is_empty() {
            return;
        }
        self.landings += 1;
        if documents.0 == documents.1 {
            self.exact += 1;
            return;
        }
        let merges = merges();
        let [one, three] = [1, 3].map(|gap| judge(scratch, approved, landed, &documents, gap));
        self.carried += usize::from(one.is_ok());
        self.carried_three += usize::from(three.is_ok());
        self.different += usize::from(one.is_err());
        self.merged[usize::from(one.is_ok())] += usize::from(merges);
        self.merged_three += usize::from(merges && three.is_ok());
        match one {
            Err(why) if merges => {
                for (_, fault) in &why {
                    *self.why.entry(fault.clone()).or_default() += 1;
                }
                self.examples.push(format!("{} {:?}", landed.head, why.first().unwrap()));
            }
            Ok(()) if !merges => self.only_carried.push(landed.head.to_string()),
            _ => {}
        }
    }

    fn print(&self, name: &str) {
        let dead = self.landings - self.exact;
        let merged = self.merged[0] + self.merged[1];
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} of {merged} | {} of {merged} |",
            self.landings,
            self.exact,
            self.carried,
            self.carried_three,
            dead - self.carried,
            self.merged[1],
            self.merged_three,
        );
        println!("    why what git merges is not carried, by path: {:?}", self.why);
        for example in self.examples.iter().take(12) {
            println!("    {example}");
        }
        println!("    carried, and git merges otherwise: {:?}", self.only_carried);
    }
}

/// Whether it is carried, confirmed by the independent reader; else why not, path by path.
fn judge(
    scratch: &Scratch,
    approved: &Range,
    landed: &Range,
    documents: &(Document, Document),
    gap: u32,
) -> Result<(), Vec<(String, String)>> {
    let source = scratch.repository.carried_ranges(approved.clone(), landed.clone());
    let (certificate, carried) = match find(&documents.0, &documents.1, gap, &source) {
        Ok(found) => found,
        Err(FindError::Different(why)) => {
            let told = |(path, fault): &(_, countersign::change::carry::CarryFault)| {
                let path: &countersign::change::ChangePath = path;
                (path.to_string(), format!("{fault:?}"))
            };
            return Err(why.iter().map(told).collect());
        }
        Err(error) => return Err(vec![(String::new(), error.to_string())]),
    };
    assert!(source.failure().is_none());
    assert!(carried.closest_lines().is_none_or(|lines| lines >= gap as usize));
    let files = independent::read(&certificate.to_bytes());
    let mut edited = 0;
    for (path, relation) in relate(&documents.0, &documents.1, &source) {
        let PathRelation::Edited(sides) = relation else { continue };
        let digests = [sides.base, sides.approved, sides.before, sides.landed];
        let four = digests.map(|digest| source.content(&path, &digest).unwrap());
        let four = four.each_ref().map(AsRef::as_ref);
        independent::holds(&files[path.as_bytes()], gap as usize, four).unwrap();
        edited += 1;
    }
    assert_eq!((edited, carried.edited().len()), (files.len(), files.len()));
    Ok(())
}

fn merges(scratch: &Scratch) -> Tally {
    let mut tally = Tally::default();
    let listed = scratch
        .git(&[
            "log",
            "--first-parent",
            "--min-parents=2",
            "--max-parents=2",
            "--format=%H %T %P",
            &format!("-{MERGES}"),
            &scratch.head,
        ])
        .unwrap();
    for line in listed.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [merge, tree, main, branch] = words[..] else { continue };
        let Some(base) = scratch.git(&["merge-base", main, branch]) else { continue };
        if base == main {
            continue;
        }
        let (approved, landed) = (scratch.range(&base, branch), scratch.range(main, merge));
        tally.add(scratch, &approved, &landed, || {
            scratch.git(&["merge-tree", "--write-tree", main, branch]).as_deref() == Some(tree)
        });
    }
    tally
}

/// Each commit, as if it had been written `back` commits before it landed.
fn moved_back(scratch: &Scratch, back: usize) -> Tally {
    let mut tally = Tally::default();
    let count = format!("-{COMMITS}");
    let format = "--format=%H %T %P";
    let listed = scratch.git(&["log", "--first-parent", format, &count, &scratch.head]).unwrap();
    for line in listed.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [commit, tree, parent] = words[..] else { continue };
        let Some(old) = scratch.git(&["rev-parse", &format!("{parent}~{back}")]) else { continue };
        let base = format!("--merge-base={parent}");
        let Some(moved) = scratch.git(&["merge-tree", "--write-tree", &base, &old, commit]) else {
            continue;
        };
        let branch = scratch.git(&["commit-tree", "-m", "x", "-p", &old, &moved]).unwrap();
        let (approved, landed) = (scratch.range(&old, &branch), scratch.range(parent, commit));
        tally.add(scratch, &approved, &landed, || {
            scratch.git(&["merge-tree", "--write-tree", parent, &branch]).as_deref() == Some(tree)
        });
    }
    tally
}

#[test]
#[ignore = "needs histories: see the top of this file"]
fn figures() {
    let named = std::env::vars().find(|(key, _)| key == "COUNTERSIGN_HISTORIES").unwrap().1;
    println!("| history | landings | exact | carried | gap 3 | different | merged | gap 3 |");
    for history in named.split(':') {
        let scratch = Scratch::new(Path::new(history));
        let date = scratch.git(&["log", "-1", "--format=%h, %cs", &scratch.head]).unwrap();
        println!("{history} at {date}");
        let tally = merges(&scratch);
        if tally.landings >= 50 {
            tally.print("merges");
            continue;
        }
        for back in BACK {
            moved_back(&scratch, back).print(&format!("moved back by {back}"));
        }
    }
}
