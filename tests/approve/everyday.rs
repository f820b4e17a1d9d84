//! The day of a reviewer with ten waiting changes (`spec/everyday.md` section 1), in a real
//! terminal. Keystrokes are what is typed, the end of each line included; tool time is what the
//! program takes while nobody thinks.

use std::time::{Duration, Instant};

use super::common::{Output, Stage};
use super::terminal::{flat, in_terminal};

const POLICY: &str = r#"version = 1
levels = ["junior", "senior"]

[environment.production]
mode = "enforce"

[service.shop]
repository = "shop"
branch     = "refs/heads/main"

[[rule]]
name      = "infrastructure has a high blast radius"
when      = { paths = ["infra/**"] }
require   = [{ team = "sre", count = 1 }]
checklist = ["blast radius", "rollback plan"]
"#;

/// What the reviewer does: what it is, the command, and what is typed into it.
const DAY: [(&str, &str, &str); 4] = [
    ("what waits?", "queue", ""),
    ("eight changes of the queue", "approve", QUEUE),
    ("two pull requests at once", "approve 7 9", "d\ns\n"),
    ("is anything left?", "queue", ""),
];

/// Three small ones, one after reading it; infrastructure with its checklist; a binary; a new
/// version of what was signed yesterday; one to reject; one more.
const QUEUE: &str = "s\ns\nd\ns\nd\ns\none shop\nredeploy\nd\ns\ni\ns\nd\nr\n\
    retries are not idempotent\ns\n";

/// Dan reviews. Ben wrote ten changes, and Dan one of his own, which is not offered.
fn stage() -> Stage {
    let stage = Stage::begun("everyday");
    let file = stage.write(stage.home().join("policy.toml"), POLICY);
    stage.run(["policy", "apply", file.to_str().unwrap(), "-y"]).ok();
    let key = stage.key("dan").with_extension("pub");
    let who = ["roster", "add", "Dan", "--email", "dan@shop.example", "--public-key"];
    let rest = [key.to_str().unwrap(), "--level", "senior", "--team", "sre", "-y"];
    stage.run([&who[..], &rest].concat()).ok();
    let (ben, dan) = (stage.as_user("ben"), stage.as_user("dan"));

    begin(&stage, "version", "src/version.rs", "fn a() {}\nfn b() {}\n", "Say the version");
    let hash = super::change_of(&stage, "version");
    dan.run(["approve", "version", "--expect", &hash]).ok();
    for (number, name) in ["help", "typo", "capture"].into_iter().enumerate() {
        let text = format!("fn f{number}() {{\n    g();\n}}\n");
        begin(&stage, name, &format!("src/{name}.rs"), &text, &format!("Work on {name}"));
    }
    begin(&stage, "more-machines", "infra/main.tf", "count = 4\n", "More machines");
    begin(&stage, "logo", "logo.bin", "GIF\u{0}\u{1}\u{2}\n", "A logo");
    stage.git(["checkout", "-q", "version"]);
    ben.commit("src/version.rs", "fn a() {}\nfn b() { c() }\n", "Mend it");
    ben.run(["declare", "version", "--assistance", "none", "--request", "version"]).ok();
    begin(&stage, "retries", "src/retries.rs", "fn retry() { again() }\n", "Retry for ever");
    begin(&stage, "last", "docs/last.md", "The last.\n", "Say the last word");
    stage.git(["checkout", "-q", "-b", "dans-own", "main"]);
    dan.commit("src/own.rs", "mine\n", "My own");
    dan.run(["declare", "dans-own", "--assistance", "none"]).ok();
    requests(&stage);
    stage
}

/// A branch of ben's with one commit, declared.
fn begin(stage: &Stage, name: &str, path: &str, text: &str, message: &str) {
    stage.git(["checkout", "-q", "-b", name, "main"]);
    stage.as_user("ben").commit(path, text, message);
    let declare = ["declare", name, "--assistance", "none", "--request", name];
    stage.as_user("ben").run(declare).ok();
}

/// A remote with two pull requests that are not here.
fn requests(stage: &Stage) {
    let bare = stage.root().join("forge.git").display().to_string();
    Output::of(stage.program("git").args(["init", "-q", "--bare", "-b", "main", &bare])).ok();
    stage.git(["remote", "add", "origin", &bare]);
    stage.git(["push", "-q", "origin", "main"]);
    for number in ["7", "9"] {
        stage.git(["checkout", "-q", "--detach", "main"]);
        stage.as_user("ben").commit(&format!("src/r{number}.rs"), "1\n2\n", "A request");
        stage.git(["push", "-q", "origin", &format!("HEAD:refs/pull/{number}/head")]);
    }
    stage.git(["checkout", "-q", "main"]);
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are for people, who ask with --nocapture")]
fn a_day_with_ten_changes_takes_few_keystrokes() {
    let stage = stage();
    let spec = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/everyday.md");
    let spec = std::fs::read_to_string(spec).unwrap();
    // A dry run asks nothing, tells what would be asked, and signs nothing.
    let (status, text) = in_terminal(&stage, "dan", "approve more-machines -n", "");
    assert_eq!(status, 0, "{text}");
    for words in ["the policy asks: blast radius?", "\"verdict\": \"approve\""] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    let (mut keystrokes, mut tool_time, mut screens) = (0, Duration::ZERO, Vec::new());
    for (what, command, typed) in DAY {
        let begun = Instant::now();
        let (status, text) = in_terminal(&stage, "dan", command, typed);
        let taken = begun.elapsed();
        assert_eq!(status, 0, "{what}:\n{text}");
        let keys = "countersign ".len() + command.len() + 1 + typed.len();
        eprintln!("everyday: {what}: {keys} keystrokes, {} ms", taken.as_millis());
        let row = format!("| {what} | `{command}` | {keys} |");
        assert!(spec.contains(&row), "spec/everyday.md lacks: {row}");
        keystrokes += keys;
        tool_time += taken;
        screens.push(text);
    }
    eprintln!("everyday: {keystrokes} keystrokes, {} ms in all", tool_time.as_millis());
    assert!(spec.contains(&format!("| all | | {keystrokes} |")), "{keystrokes} in all");

    let [queue, eight, two, after] = screens.as_slice() else { unreachable!("four commands") };
    assert!(queue.contains("8 changes wait for you"), "{queue}");
    assert!(!queue.contains("My own") && flat(queue).contains("you signed "), "{queue}");
    assert_eq!(eight.matches("signed: entry ").count(), 7, "{eight}");
    assert_eq!(eight.matches("rejected: entry ").count(), 1, "{eight}");
    let shown = flat(eight);
    for words in [
        "1 of 8 that wait for you",
        "cannot be read: binary",
        "blast radius? ",
        "; since then src/version.rs +1 -1",
        "supersedes ",
        "nothing more waits for you",
    ] {
        assert!(shown.contains(words), "{words:?} is missing:\n{eight}");
    }
    assert!(flat(two).contains("signed: entry "), "{two}");
    assert!(after.contains("nothing waits for you"), "{after}");
    // What is asked stands on one screen, and no line is broken by the terminal.
    let (_, read) = eight.split_once("1 of 8 that wait").unwrap();
    for screen in read.split("[q]uit:") {
        assert!(screen.lines().count() <= 24, "{screen}");
    }
    // Where a person types, the end of what is typed ends the line.
    let typed = ["[q]uit: ", "radius? ", "plan? ", "why? "];
    for text in &screens {
        let text = typed.iter().fold(text.clone(), |text, ask| text.replace(ask, "\n"));
        for line in text.lines() {
            assert!(flat(line).chars().count() <= 80, "{line:?}");
        }
    }
}
