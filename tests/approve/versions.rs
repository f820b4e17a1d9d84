//! What was signed before, and what came since: by declared predecessor, by request, by paths.

use super::change_of;
use super::common::Stage;
use super::terminal::{flat, in_terminal};

const CAPTURE: &str = "fn capture() {\n    one();\n    two();\n    three();\n}\n";

/// A stage whose main has a file of five lines, and a branch of ben's that edits it and adds two.
fn with_branch(test: &str) -> Stage {
    let stage = Stage::begun(test);
    stage.commit_lines("src/main.rs", 1..=20);
    stage.git(["checkout", "-q", "-b", "retry"]);
    stage.as_user("ben").commit("src/capture.rs", CAPTURE, "Retry card capture");
    stage.as_user("ben").commit("src/help.rs", "// Help.\n", "Say more");
    stage.write("src/main.rs", &lines(1..=20).replace("line 3\n", "line three\n"));
    stage.as_user("ben").git(["commit", "-qam", "Use it"]);
    stage
}

fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n") + "\n"
}

impl Stage {
    fn commit_lines(&self, path: &str, numbers: std::ops::RangeInclusive<u32>) {
        self.as_user("ben").commit(path, &lines(numbers), "Lines");
    }

    /// Signs a range off as ada, by its hash; gives the hash.
    fn signed(&self, range: &str) -> String {
        let hash = change_of(self, range);
        self.run(["approve", range, "--expect", &hash]).ok();
        hash
    }

    fn signed_by(&self, who: &str, range: &str) {
        let hash = change_of(self, range);
        self.as_user(who).run(["approve", range, "--expect", &hash]).ok();
    }

    fn near(&self, range: &str) -> serde_json::Value {
        let status = self.run(["status", range, "--json"]).json();
        status["segments"][0]["near"].clone()
    }
}

/// Nobody declares anything: a force-push is followed by its paths, and told everywhere.
#[test]
fn a_new_version_is_told_by_its_lines_wherever_it_is_asked_about() {
    let stage = with_branch("since");
    let first = stage.signed("retry");
    let short = &first[..12];
    let ben = stage.as_user("ben");
    stage.write("src/capture.rs", &CAPTURE.replace("    two();\n", "    two(2);\n    again();\n"));
    ben.git(["commit", "-q", "-a", "--amend", "-m", "All of it"]);
    let second = change_of(&stage, "retry");
    assert_ne!(first, second);

    let status = stage.run(["status", "retry"]);
    let said = flat(status.ok());
    assert!(said.contains(&format!("near Ada signed {short} on ")), "{}", status.out);
    let words = "(3 of its 3 paths); since then src/capture.rs +2 -1";
    assert!(said.contains(words), "{}", status.out);
    let near = stage.near("retry");
    assert_eq!(near[0]["because"], "3 of its 3 paths", "{near}");
    assert_eq!(near[0]["since"][0]["added"], 2, "{near}");
    let queue = stage.run(["queue"]);
    let words = format!("you signed {short}; since then src/capture.rs +2 -1");
    assert!(flat(queue.ok()).contains(&words), "{}", queue.out);
    assert!(!stage.as_user("cleo").run(["queue"]).ok().contains("you signed"));

    // The reviewer reads what came since, and nothing else. That paths are alike is a guess, and
    // nobody signs a guess: what it replaces is signed where the reviewer says so.
    let since = "(3 of its 3 paths); since then src/capture.rs +2 -1";
    let row = |flags: &[&str]| {
        let shown = stage.run([&["approve", "retry", "-n"], flags].concat()).json();
        shown["predicate"]["says"]["rows"][0].clone()
    };
    assert!(row(&["--expect", &second]).get("supersedes").is_none());
    assert_eq!(row(&["--expect", &second, "--supersedes", short])["supersedes"], first.as_str());
    let another = ["approve", "retry", "-n", "--supersedes", &second];
    stage.run(another).refused(2, "you signed no version");
    let (status, text) = in_terminal(&stage, "ada", "approve retry", "i\ns\n");
    assert_eq!(status, 0, "{text}");
    let shown = flat(&text);
    assert!(shown.contains(&format!("you signed {short} ")) && shown.contains(since), "{text}");
    assert!(shown.contains("[d]iff [i]nterdiff [s]ign"), "{text}");
    assert!(shown.contains("- two(); + two(2); + again();"), "{text}");
    assert!(!shown.contains("// Help."), "{text}");
    assert!(!shown.contains("supersedes"), "{text}");
}

/// What was declared to replace another is no guess: that is signed.
#[test]
fn what_is_declared_as_the_version_before_is_superseded() {
    let stage = with_branch("declared");
    let first = stage.signed("retry");
    stage.as_user("ben").commit("src/capture.rs", "another\n", "Another version");
    let second = change_of(&stage, "retry");
    let sign = ["approve", "retry", "--expect", &second];
    assert!(!stage.run([&sign[..], &["-n"]].concat()).ok().contains("supersedes"));
    let declare = ["declare", "retry", "--assistance", "none", "--predecessor", &first];
    stage.as_user("ben").run(declare).ok();
    let words = format!("supersedes {}, entry ", &first[..12]);
    assert!(stage.run(sign).ok().contains(&words));
}

/// Of many earlier forms the newest are told, and how many more there are.
#[test]
fn earlier_forms_that_are_not_carried_are_counted() {
    let stage = with_branch("forms");
    for word in ["one", "two", "four", "five", "six"] {
        stage.write("src/main.rs", &lines(1..=20).replace("line 3\n", &format!("line {word}\n")));
        stage.as_user("ben").git(["commit", "-q", "-a", "--amend", "-m", word]);
        stage.signed("retry");
        stage.signed_by("cleo", "retry");
    }
    stage.git(["checkout", "-q", "main"]);
    stage.as_user("cleo").commit("src/main.rs", &lines(1..=20).replace("line 3\n", "3\n"), "Same");
    stage.git(["checkout", "-q", "retry"]);
    stage.as_user("ben").git(["rebase", "-q", "-X", "theirs", "main"]);
    let status = stage.run(["status", "retry"]);
    let told = status.ok().matches("(CARRY_REFUSED)").count();
    assert_eq!(told, 2, "{}", status.out);
    assert!(status.out.contains("more earlier forms: -v"), "{}", status.out);
    let all = stage.run(["status", "retry", "-v"]);
    assert!(all.ok().matches("(CARRY_REFUSED)").count() > 2, "{}", all.out);
    assert!(!all.out.contains("more earlier form"), "{}", all.out);
}

/// The gate's refusal, after main has taken in the newer version by a squash.
#[test]
fn a_refusal_names_what_was_signed_and_what_came_since() {
    let stage = with_branch("refusal");
    let first = stage.signed("retry");
    stage.write("src/capture.rs", &CAPTURE.replace("    two();\n", ""));
    stage.as_user("ben").git(["commit", "-qam", "Less"]);
    stage.git(["checkout", "-q", "main"]);
    stage.git(["merge", "-q", "--squash", "retry"]);
    stage.as_user("ben").git(["commit", "-qm", "Retry card capture (#7)"]);
    let words = format!("Ada signed {} on ", &first[..12]);
    for command in [&["gate", "-n"][..], &["status"], &["check"], &["check", "HEAD"]] {
        let said = stage.run(command);
        let said = flat(&format!("{}{}", said.out, said.talk));
        assert!(said.contains(&words), "{command:?}: {said}");
        assert!(said.contains("since then src/capture.rs +0 -1"), "{command:?}: {said}");
    }
}

/// main moves beneath the change: its own edits are not taken for the author's.
#[test]
fn a_rebase_alone_adds_no_lines() {
    let stage = with_branch("rebased");
    stage.signed("retry");
    stage.git(["checkout", "-q", "main"]);
    let moved = lines(1..=20).replace("line 15\n", "line fifteen\nand more\n");
    stage.as_user("cleo").commit("src/main.rs", &moved, "Main goes on");
    stage.git(["checkout", "-q", "retry"]);
    stage.as_user("ben").git(["rebase", "-q", "main"]);
    // What was signed is carried: nothing is near, it is there.
    assert_eq!(stage.near("retry"), serde_json::json!([]));
    let status = stage.run(["status", "retry"]);
    assert!(flat(status.ok()).contains("carried from"), "{}", status.out);
    // One line of the author's own is one line; one path that left and one that joined are named.
    stage.write("src/main.rs", &moved.replace("line 3\n", "line THREE\n"));
    stage.git(["rm", "-q", "src/help.rs"]);
    stage.as_user("ben").commit("src/other.rs", "1\n2\n", "Other");
    let near = stage.near("retry")[0]["since"].clone();
    let short: Vec<_> = near
        .as_array()
        .unwrap()
        .iter()
        .map(|path| {
            format!("{} {} {} {}", path["path"], path["how"], path["added"], path["removed"])
        })
        .collect();
    assert_eq!(
        short,
        [
            "\"src/help.rs\" \"left\" 0 0",
            "\"src/main.rs\" \"changed\" 1 1",
            "\"src/other.rs\" \"joined\" 2 0"
        ]
    );
    // Where both edit the same lines nothing is guessed: it is said.
    stage.git(["checkout", "-q", "main"]);
    stage.as_user("cleo").commit("src/main.rs", &moved.replace("line 3\n", "3\n"), "Same line");
    stage.git(["checkout", "-q", "retry"]);
    stage.as_user("ben").git(["rebase", "-q", "-X", "theirs", "main"]);
    let near = stage.near("retry")[0]["since"][1].clone();
    assert_eq!(near["how"], "changed_with_base", "{near}");
}

/// Of several ways to be a version the declared one goes first, then the request, then paths.
#[test]
fn a_declared_predecessor_goes_before_a_request_and_before_paths() {
    let stage = with_branch("order");
    let ben = stage.as_user("ben");
    let declare = ["declare", "retry", "--assistance", "none"];
    ben.run(declare).ok();
    let first = stage.signed("retry");
    stage.git(["checkout", "-q", "-b", "elsewhere", "main"]);
    ben.commit("docs/other.md", "1\n", "Elsewhere");
    ben.run(["declare", "elsewhere", "--assistance", "none", "--request", "7"]).ok();
    let requested = stage.signed("elsewhere");
    stage.git(["checkout", "-q", "retry"]);
    ben.commit("src/capture.rs", "other\n", "Another version");
    assert_eq!(stage.near("retry")[0]["change"], first.as_str(), "by paths");
    // The same request, with nothing in common but that.
    ben.run([&declare[..], &["--request", "7"]].concat()).ok();
    let near = stage.near("retry");
    assert_eq!(near[0]["change"], requested.as_str(), "{near}");
    assert_eq!(near[0]["because"], "declared as what this replaces", "the last of the request");
    ben.run([&declare[..], &["--predecessor", &first]].concat()).ok();
    let near = stage.near("retry");
    assert_eq!(near.as_array().unwrap().len(), 1, "one a person: {near}");
}

/// What landed and was built upon shares its paths with what comes after, and is no version of it;
/// nor is what its signer took back.
#[test]
fn what_landed_or_was_withdrawn_is_no_earlier_version() {
    let stage = with_branch("landed");
    let signed = stage.signed("retry");
    stage.git(["checkout", "-q", "main"]);
    stage.git(["merge", "-q", "--no-ff", "-m", "Merge", "retry"]);
    stage.git(["checkout", "-q", "-b", "next"]);
    let ben = stage.as_user("ben");
    ben.commit("src/capture.rs", "next\n", "Next");
    ben.commit("src/help.rs", "next\n", "Next");
    assert_eq!(stage.near("next"), serde_json::json!([]));
    // The same from where the first began is a version of it, until the word is taken back.
    stage.git(["checkout", "-q", "-b", "again", "retry~3"]);
    ben.commit("src/capture.rs", "again\n", "Again");
    ben.commit("src/help.rs", "again\n", "Again");
    stage.git(["branch", "-q", "-f", "main", "retry~3"]);
    let near = stage.near("again");
    assert_eq!(
        (&near[0]["change"], &near[0]["because"]),
        (&signed.into(), &"2 of its 3 paths".into())
    );
    stage.run(["withdraw", "retry", "-y"]).ok();
    assert_eq!(stage.near("again"), serde_json::json!([]));
}

/// Commits that were thrown away take their blobs along: then nothing is guessed.
#[test]
fn what_is_not_at_hand_is_said_to_be_so() {
    let stage = with_branch("away");
    let first = stage.signed("retry");
    stage.write("src/capture.rs", "another\n");
    stage.as_user("ben").git(["commit", "-q", "-a", "--amend", "-m", "All of it"]);
    stage.git(["reset", "-q", "--soft", "main"]);
    stage.as_user("ben").git(["commit", "-qm", "Squashed"]);
    stage.git(["reflog", "expire", "--expire=now", "--all"]);
    stage.git(["gc", "-q", "--prune=now"]);
    let near = stage.near("retry");
    assert_eq!(near[0]["since"][0]["how"], "not_here", "{near}");
    let status = stage.run(["status", "retry"]);
    let words = "since then src/capture.rs is another; what was signed of it is not here";
    assert!(flat(status.ok()).contains(words), "{}", status.out);
    // Without the document of what was signed it is no version by its paths any more.
    let document = stage.ledger().join("blobs").join(&first[..2]).join(&first[2..]);
    std::fs::remove_file(document).unwrap();
    assert_eq!(stage.near("retry"), serde_json::json!([]));
}

/// DESIGN 8: what nobody can read is what a reviewer looks at first.
#[test]
fn what_cannot_be_read_is_shown_first() {
    let stage = Stage::begun("opaque");
    stage.git(["checkout", "-q", "-b", "retry"]);
    stage.as_user("ben").commit("z.bin", "GIF\u{0}", "A picture");
    stage.as_user("ben").commit("a.rs", "fn a() {}\n", "Readable");
    let (status, text) = in_terminal(&stage, "ada", "approve", "d\nq\n");
    assert_eq!(status, 2, "{text}");
    let (summary, difference) = text.split_once("[q]uit:").unwrap();
    for part in [summary, difference] {
        let at = |words: &str| part.find(words).unwrap();
        assert!(at("z.bin") < at("a.rs"), "{text}");
    }
}
