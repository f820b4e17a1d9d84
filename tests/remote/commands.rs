//! Every command against a real server: it works as it does against the folder, or refuses in one
//! line with what to do instead. Which commands there are is asked of the program itself.

use crate::common::{Output, Stage};
use crate::serving::Serving;
use crate::tour::Tour;

/// What only reads: run at the URL, and once the server has ended at the folder, with the same
/// answer.
const READING: &[&[&str]] = &[
    &["log"],
    &["log", "--json"],
    &["show", "0"],
    &["show", "3", "--json"],
    &["status", "main..retry"],
    &["status", "--json"],
    &["check", "main..retry"],
    &["queue"],
    &["queue", "--json"],
    &["gate", "-n"],
    &["policy", "show"],
    &["policy", "explain", "retry"],
    &["policy", "check", "../policy.toml"],
    &["policy", "test", "../cases.toml"],
    &["roster", "show"],
    &["roster", "show", "--json"],
    &["roster", "import", "../new.toml", "--from", "../people.csv", "-n"],
    &["key", "list"],
    &["audit"],
    &["audit", "shop", "--json"],
    &["trust", "show"],
    &["hash", "main..retry"],
    &["ledger", "prove", "2"],
    &["ledger", "prove", "--since", "2"],
    &["ledger", "checkpoint"],
    &["completions", "bash"],
    &["man"],
];

/// What works on the ledger's own folder alone, and what is to be done instead.
const REFUSED: &[(&[&str], &str)] = &[
    (&["ledger", "restore", "--from", "nowhere", "--in-place"], "once the server is stopped"),
    (&["ledger", "checkpoint", "--witness"], "the server asks its witnesses itself"),
    (&["roster", "forget", "ben@shop.example", "-y"], "once the server is stopped"),
    (&["init", "-y"], "on the machine that the ledger is on"),
    (&["serve"], "on the machine that the ledger is on"),
];

/// Commands that wait for requests, and ask nothing of the ledger that is named.
const ASKS_NO_LEDGER: &[&str] = &["witness"];

#[test]
fn every_command_works_against_the_url() {
    let stage = Stage::with_branch("remote-commands");
    let serving = Serving::start(&stage);
    let tour = Tour::new(&stage, &serving.url);
    let hash = tour.change_of("main..retry");
    tour.sign_off(&hash);
    tour.govern();
    tour.leave_in_the_inbox(&hash);
    tour.land();
    tour.decide();
    tour.record();
    tour.sign_together();
    tour.keep();
    for (refused, instead) in REFUSED {
        let refusal = tour.run("ada", refused);
        refusal.refused(2, "works on the ledger's own folder");
        refusal.refused(2, instead);
        refusal.refused(2, "unset COUNTERSIGN_LEDGER");
    }
    // Reading: the same words as from the folder.
    let at_url: Vec<Output> = READING.iter().map(|command| tour.run("cleo", command)).collect();
    assert_eq!(tour.untried(ASKS_NO_LEDGER), Vec::<&str>::new(), "commands that were not tried");
    serving.kill();
    for (command, at_url) in READING.iter().zip(at_url) {
        let at_folder = stage.as_user("cleo").run(*command);
        assert_eq!(at_url.status, at_folder.status, "{command:?}:\n{}", at_url.talk);
        assert_eq!(lasting(&at_url.out), lasting(&at_folder.out), "{command:?}");
    }
    stage.run(["ledger", "check"]).ok();
    // The backup is one of the whole ledger.
    let backup = stage.root().join("ledger.tar");
    let restored = stage.root().join("restored");
    let from = ["ledger", "restore", "--from", backup.to_str().unwrap()];
    stage.run(from.into_iter().chain(["--to", restored.to_str().unwrap()])).ok();
}

/// The lines that do not say how long ago something was.
fn lasting(out: &str) -> String {
    let fleeting = [" ago", "LIVE for", "seconds"];
    let lasts = |line: &&str| !fleeting.iter().any(|words| line.contains(words));
    out.lines().filter(lasts).collect::<Vec<_>>().join("\n")
}
