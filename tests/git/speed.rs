//! Goal: judging 1,000 steps takes less than two seconds. Method: a generated history, larger in
//! content than most; run by `cargo test --release --test git -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::time::Instant;

use countersign::change::Document;

use crate::scratch::Scratch;

/// A stream for `git fast-import`: 1,000 commits on main, each sixth a merge of two others; 2,000
/// files in 40 folders, some 7 of them changed a commit, some 24 KiB each.
fn history() -> String {
    let mut stream = String::new();
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut mark = 0;
    let mut commit = |branch: &str, parents: &str, files: u64, stream: &mut String| {
        mark += 1;
        write!(
            stream,
            "commit refs/heads/{branch}\nmark :{mark}\nauthor A <a@x> {0} +0000\n\
             committer A <a@x> {0} +0000\ndata 2\nx\n{parents}",
            1_000_000_000 + 60 * mark
        )
        .unwrap();
        for _ in 0..files {
            let number = random(2_000);
            let mut content = String::new();
            for line in 0..600 {
                writeln!(content, "line {line} of {number}: {:016x}", random(1 << 20)).unwrap();
            }
            let (folder, length) = (number % 40, content.len());
            write!(stream, "M 100644 inline d{folder}/f{number}\ndata {length}\n{content}\n")
                .unwrap();
        }
        mark
    };
    let mut last = commit("main", "", 2_000, &mut stream);
    for number in 1..1_000 {
        if number % 6 == 0 {
            let from = format!("from :{last}\n");
            let one = commit("side", &from, 3, &mut stream);
            let two = commit("side", &format!("from :{one}\n"), 3, &mut stream);
            let moved = commit("main", &from, 1, &mut stream);
            last = commit("main", &format!("from :{moved}\nmerge :{two}\n"), 4, &mut stream);
        } else {
            last = commit("main", &format!("from :{last}\n"), 7, &mut stream);
        }
    }
    stream
}

#[test]
#[ignore = "a measurement, meaningful in a release build only"]
fn a_thousand_steps_take_less_than_two_seconds() {
    let scratch = Scratch::new();
    scratch.git_bytes(&["fast-import", "--quiet"], history().as_bytes());
    scratch.git(&["repack", "-q", "-a", "-d"]);
    let started = Instant::now();
    let repository = scratch.open();
    let head = repository.resolve("main").unwrap();
    let chain = repository.chain(None, &head).unwrap();
    let commits = &chain.commits[chain.commits.len() - 1_000..];
    let steps = repository.steps(commits).unwrap();
    let several = started.elapsed();
    let documents: Vec<&Document> = steps.iter().map(|step| &step.document).collect();
    let whole = Document::compose(&documents).unwrap();
    let hashed = started.elapsed();
    let rows: usize = documents.iter().map(|document| document.rows().len()).sum();
    println!("{rows} rows: steps {several:?}, with composition {hashed:?}");
    let direct = repository.document(steps[0].parent.as_ref(), &head).unwrap();
    assert_eq!(whole, direct);
    let again = Instant::now();
    let alone = scratch.open();
    for commit in commits {
        alone.step(commit).unwrap();
    }
    println!("on one thread {:?}", again.elapsed());
    assert!(hashed.as_secs() < 2, "{hashed:?}");
}
