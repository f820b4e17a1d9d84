//! `policy apply`, `baseline`, `sign`, `submit`, `trust`: what admins sign together.

use crate::common::{Output, Stage};
use crate::{fingerprint, member};

#[test]
fn a_weaker_policy_is_told_before_it_is_signed() {
    let stage = Stage::begun("policy");
    let observe = stage.run(["policy", "show"]).ok().to_owned();
    assert!(observe.contains("[service.\"shop\"]"), "{observe}");
    stage.write("policy.toml", &observe);
    assert!(stage.run(["policy", "apply", "policy.toml"]).ok().starts_with("NOTHING TO DO"));

    stage.write("policy.toml", &observe.replace("mode = \"observe\"", "mode = \"enforce\""));
    let stricter = stage.run(["policy", "apply", "policy.toml", "-y"]);
    stricter.ok();
    assert!(!stricter.talk.contains("WEAKER"), "{}", stricter.talk);

    stage.write("policy.toml", &observe);
    let weaker = stage.run(["policy", "apply", "policy.toml"]);
    weaker.refused(2, "without a terminal nobody can be asked");
    assert!(weaker.talk.starts_with("WEAKER  "), "{}", weaker.talk);
    assert!(weaker.talk.contains("- mode = \"enforce\""), "{}", weaker.talk);
    assert!(stage.run(["policy", "show"]).ok().contains("mode = \"enforce\""));
    stage.as_user("ben").run(["policy", "apply", "policy.toml", "-y"]).refused(2, "is no admin");
    stage.run(["policy", "apply", "policy.toml", "-y"]).ok();
    assert_eq!(stage.run(["policy", "show"]).ok(), observe);
    // ATTACKS 29: a new name for what is there already is under no delay, and said to be so.
    stage.write("policy.toml", &format!("{observe}\n[service.other]\nrepository = \"shop\"\n"));
    let renamed = stage.run(["policy", "apply", "policy.toml", "-n"]);
    let told = renamed.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("NEW other is built from shop, as shop is"), "{renamed:?}");
    stage.write("policy.toml", "version = 1\nrules = 3\n");
    stage.run(["policy", "apply", "policy.toml", "-y"]).expect_status(2);
}

#[test]
fn a_start_is_replaced_only_with_a_reason() {
    let stage = Stage::begun("baseline");
    assert!(stage.run(["baseline"]).ok().starts_with("NOTHING TO DO"));
    let head = stage.as_user("ada").commit("a", "a\n", "More");
    stage.run(["baseline", "-y"]).refused(2, "shop in production starts at entry 0 already");
    stage.run(["baseline", "--replace", "-y"]).refused(2, "--message");
    let shown = stage.run(["baseline", "--replace", "-m", "moved", "-n", "--json"]).json();
    let said = &shown["predicate"]["says"]["operations"][0]["set_baseline"];
    assert_eq!(
        (said["accepted"].as_str(), said["replaces"].as_u64()),
        (Some(head.as_str()), Some(0))
    );
    // The reason is a commitment; the words stay outside.
    assert!(!shown.to_string().contains("moved"), "{shown}");
    stage.run(["baseline", "--replace", "-m", "moved", "-y"]).ok();
    assert!(stage.run(["baseline"]).ok().starts_with("NOTHING TO DO"));
    let misspelt = stage.run(["baseline", "--env", "prodution", "-y"]);
    misspelt.expect_status(2);
    assert!(misspelt.talk.contains("did you mean"), "{}", misspelt.talk);
}

#[test]
fn a_written_statement_is_submitted_once() {
    let stage = Stage::begun("submit");
    let key = fingerprint(&stage, "ben");
    let written = stage.run(["key", "revoke", &key, "--retired", "-y", "-o", "revoke.json"]);
    assert!(written.ok().contains("next: countersign submit revoke.json"), "{}", written.out);
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 3);
    // Whoever hands it in: what counts is who signed.
    let first = stage.as_user("dan").run(["submit", "revoke.json"]);
    assert!(first.ok().starts_with("TAKEN UP  entry 3: governance by Ada"), "{}", first.out);
    let again = stage.run(["submit", "revoke.json"]);
    assert!(again.ok().starts_with("KNOWN  entry 3 already"), "{}", again.out);
    stage.write("garbage", "{}");
    stage.run(["submit", "revoke.json", "garbage"]).refused(2, "garbage is no signed statement");
    stage.run(["submit", "nowhere"]).expect_status(2);
    stage
        .as_user("ben")
        .run(["roster", "add", "E", "--email", "e@x.example", "-y"])
        .refused(2, "none of your keys may sign");
}

#[test]
fn a_stale_statement_is_refused_with_what_to_do() {
    let stage = Stage::begun("stale");
    stage
        .run(["key", "revoke", &fingerprint(&stage, "ben"), "--retired", "-y", "-o", "a.json"])
        .ok();
    stage.run(["roster", "add", "Dan", "--email", "dan@shop.example", "-y"]).ok();
    stage.run(["submit", "a.json"]).refused(2, "another governance entry came in between");
    stage.run(["sign", "a.json", "-y"]).refused(2, "another governance entry came in between");
}

#[test]
fn two_admins_sign_one_file() {
    let stage = Stage::begun("threshold");
    stage.write(
        "roster.toml",
        "admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n",
    );
    let answer = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]).json();
    assert_eq!(answer["plan"], serde_json::json!(["admins  Ada, Ben; 2 must sign"]));
    assert!(stage.run(["roster", "apply", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
    let add = ["roster", "add", "Dan", "--email", "dan@shop.example", "-y"];
    stage.run(add).refused(2, "2 admins must sign this hint: write it with -o FILE");
    let written = stage.run(add.iter().copied().chain(["-o", "dan.json"]));
    assert!(written.ok().contains("next: countersign sign dan.json"), "{}", written.out);
    stage.run(["submit", "dan.json"]).refused(2, "1 of 2 admins have signed");
    stage.run(["sign", "dan.json", "-y"]).refused(2, "Ada has signed this already");
    stage.as_user("cleo").run(["sign", "dan.json", "-y"]).refused(2, "Cleo is no admin");
    let signed = stage.as_user("ben").run(["sign", "dan.json", "-y"]);
    assert!(signed.ok().starts_with("SIGNED  2 of 2 admins"), "{}", signed.out);
    assert!(signed.talk.contains("proposed by Ada"), "{}", signed.talk);
    stage.run(["submit", "dan.json"]).ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(member(&roster, "Dan")["kind"], "human");
}

/// Whoever signs beside another, on another machine, signs what that one was told: words travel
/// beside the file, and a reject says why to everybody.
#[test]
fn words_travel_beside_the_file_of_a_statement() {
    let stage = Stage::with_branch("words");
    let (dan, beside) = (["roster", "add", "Dan", "--email", "dan@shop.example"], "dan.json.why");
    let (openings, early) = (stage.ledger().join("openings"), stage.root().join("early"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let copied = std::process::Command::new("cp").arg("-r").args([from, to]).status();
        assert!(copied.unwrap().success());
    };
    let forget = || {
        std::fs::remove_dir_all(&openings).unwrap();
        copy(&early, &openings);
    };
    copy(&openings, &early);
    let written = stage.run(dan.iter().copied().chain(["-y", "-o", "dan.json"]));
    assert!(written.talk.contains("its words lie beside it, in dan.json.why"), "{written:?}");
    assert!(written.ok().contains("next: countersign submit dan.json"), "{}", written.out);
    // Another machine has not what was kept on the first.
    forget();
    let shown = stage.run(["sign", "dan.json", "-n"]);
    assert!(shown.talk.contains("Dan"), "{}", shown.talk);
    // Words that the statement does not commit to are nobody's.
    let words = std::fs::read_to_string(stage.repository().join(beside)).unwrap();
    stage.write(beside, &words.replace("Dan", "Eve"));
    stage.run(["submit", "dan.json"]).refused(2, "is not what was said with it");
    stage.write(beside, &words);
    stage.run(["submit", "dan.json"]).ok();

    let cleo = stage.as_user("cleo");
    let hash = stage.change_of("retry");
    let reject = ["reject", "retry", "--expect", &hash, "-m", "no tests yet"];
    cleo.run([&reject[..], &["-o", "no.json"]].concat()).ok();
    forget();
    let taken = stage.run(["submit", "no.json"]);
    let entry = taken.ok().split_once("entry ").unwrap().1.split_once(':').unwrap().0.to_owned();
    assert!(taken.out.contains(": reject by Cleo"), "{}", taken.out);
    let shown = stage.run(["show", &entry]);
    assert!(shown.ok().contains(": reject by Cleo"), "{}", shown.out);
    assert!(shown.out.contains("comment: no tests yet"), "{}", shown.out);
    cleo.run(["withdraw", &entry, "-m", "there are now", "-y", "-o", "back.json"]).ok();
    forget();
    let taken = stage.run(["submit", "back.json"]);
    assert!(taken.ok().contains(": withdrawal by Cleo"), "{}", taken.out);
    let entry = taken.out.split_once("entry ").unwrap().1.split_once(':').unwrap().0.to_owned();
    let shown = stage.run(["show", &entry]);
    assert!(shown.ok().contains("comment: there are now"), "{}", shown.out);
}

/// What was signed elsewhere is kept where it is handed in, for later versions to be compared.
#[test]
fn the_change_of_a_sign_off_that_is_handed_in_is_kept() {
    let stage = Stage::with_branch("kept");
    let cleo = stage.as_user("cleo");
    let hash = stage.change_of("retry");
    cleo.run(["approve", "retry", "--expect", &hash, "-o", "yes.json"]).ok();
    std::fs::remove_dir_all(stage.ledger().join("blobs")).unwrap();
    stage.run(["submit", "yes.json"]).ok();
    stage.git(["checkout", "-q", "retry"]);
    stage.as_user("ben").commit("src/capture.rs", "fn a() {\n\ty();\n}\n", "Again");
    stage.git(["checkout", "-q", "main"]);
    let status = cleo.run(["status", "retry"]);
    assert!(status.ok().contains("since then src/capture.rs"), "{}", status.out);
}

#[test]
fn a_repository_without_a_ledger_uses_no_other_ones() {
    let stage = Stage::begun("foreign");
    let other = stage.root().join("other");
    stage.git(["init", "-q", "-b", "main", other.to_str().unwrap()]);
    let there = |arguments: &[&str]| {
        Output::of(stage.command(["-C", other.to_str().unwrap()]).args(arguments))
    };
    let size = || stage.run(["roster", "show", "--json"]).json()["size"].clone();
    let before = size();
    for command in [&["status"][..], &["roster", "show"]] {
        there(command).refused(
            2,
            "no ledger is known for this repository \
             hint: name one with --ledger; if there is none yet: countersign init \
             hint: if others have one: take their trust root, countersign trust pin FILE",
        );
    }
    there(&["roster", "add", "E", "--email", "e@x.example", "-y"]).refused(2, "no ledger is known");
    assert_eq!(size(), before);
    there(&["roster", "show", "--ledger", "localhost/shop"]).ok();
    // Outside any repository the only ledger is meant.
    let outside = stage.home();
    Output::of(&mut stage.command(["-C", outside.to_str().unwrap(), "roster", "show"])).ok();
}

/// A person on another machine: its own home, a clone, a copy of the ledger's folder without the
/// ledger's key, and a trust root that was pinned. Naming the folder is enough.
#[test]
fn a_second_machine_signs_on_a_copy_of_the_ledger() {
    let stage = Stage::begun("second-machine");
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    let (home, clone) = (stage.root().join("far"), stage.root().join("far/shop"));
    let copy = home.join("copy");
    std::fs::create_dir_all(&home).unwrap();
    stage.git(["clone", "-q", ".", clone.to_str().unwrap()]);
    Output::of(stage.program("cp").arg("-r").arg(stage.ledger()).arg(&copy)).ok();
    let far = |arguments: &[&str], variable: bool| {
        let mut command = stage.command(["-C", clone.to_str().unwrap()]);
        command.args(arguments).env("HOME", &home).env("COUNTERSIGN_KEY", stage.key("ben"));
        for (name, folder) in [("CONFIG", ".config"), ("DATA", ".data"), ("STATE", ".state")] {
            command.env(format!("XDG_{name}_HOME"), home.join(folder));
        }
        if variable {
            command.env("COUNTERSIGN_LEDGER", &copy);
        } else {
            command.arg("--ledger").arg(&copy);
        }
        Output::of(&mut command)
    };
    far(&["roster", "show"], false).refused(2, "no trust root is pinned for this ledger");
    let shown = stage.run(["trust", "show", "--json"]).json();
    let (file, digest) = (shown["file"].as_str().unwrap(), shown["digest"].as_str().unwrap());
    far(&["trust", "pin", file, "--expect", digest], false).ok();
    for variable in [false, true] {
        assert_eq!(far(&["trust", "show", "--json"], variable).json()["digest"], digest);
        far(&["roster", "show"], variable).ok();
    }
    // Nothing can be appended there; what is written is handed in at the first machine.
    let refusal = far(&["approve", &commit, "-y"], false).talk;
    let hash = refusal.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();
    let approve = ["approve", &commit, "-y", "--expect", &hash];
    far(&approve, false).refused(2, "the ledger's own key is not on this machine");
    let written = home.join("a.json");
    let write = [&approve[..], &["-o", written.to_str().unwrap()]].concat();
    far(&write, true).ok();
    let taken = stage.run([std::ffi::OsStr::new("submit"), written.as_os_str()]);
    assert!(taken.ok().starts_with("TAKEN UP  entry 3: approval by Ben"), "{}", taken.out);
    // A ledger that gives itself another's name is judged by that one's trust root.
    let checkpoint = std::fs::read_to_string(copy.join("checkpoint")).unwrap();
    let other = checkpoint.replacen("localhost/shop", "localhost/evil", 1);
    stage.write(copy.join("checkpoint"), &other);
    far(&["roster", "show"], false).refused(2, "no trust root is pinned");
}

#[test]
fn trust_is_shown_for_the_ledger_of_the_repository() {
    let stage = Stage::begun("trust-of");
    let other = stage.root().join("other");
    stage.git(["init", "-q", "-b", "main", other.to_str().unwrap()]);
    let there = ["-C", other.to_str().unwrap()];
    stage.run(there.into_iter().chain(["init", "-y"])).ok();
    let shown = |folder: &[&str]| {
        let command = folder.iter().copied().chain(["trust", "show", "--json"]);
        stage.run(command).json()["origin"].clone()
    };
    assert_eq!((shown(&there), shown(&[])), ("localhost/other".into(), "localhost/shop".into()));
}

#[test]
fn several_ledgers_are_not_taken_for_none() {
    let stage = Stage::begun("several");
    let home = stage.home();
    stage.run(["-C", home.to_str().unwrap(), "key", "list"]).ok();
    let settings = home.join(".config/countersign/config.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    stage.write(&settings, &format!("{text}\n[ledger.\"b.example\"]\n"));
    let listed = stage.run(["-C", home.to_str().unwrap(), "key", "list"]);
    listed.refused(2, "2 ledgers are known");
}

#[test]
fn an_answer_is_written_to_a_file_or_to_standard_output() {
    let stage = Stage::begun("output");
    let add = |file: &str| {
        stage.run(["roster", "add", "E", "--email", "e@x.example", "-y", "-q", "-o", file])
    };
    add("nowhere/a.json").refused(2, "nowhere/a.json");
    for special in ["/dev/null", "."] {
        add(special).refused(2, "is not a file hint: name a file, or - for standard output");
    }
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    let written = add("-");
    assert!(written.json()["payload"].is_string(), "{}", written.out);
    assert!(!stage.repository().join("-").exists());
    stage.write("a.json", &written.out);
    stage.run(["submit", "a.json"]).ok();
    // A recorded fact, too, and it says so as JSON.
    let key = stage.gate_key();
    let record = ["record", "deployment", "--key", key.to_str().unwrap(), "--json", "-o", "b.json"];
    assert_eq!(stage.run(record).json()["file"], "b.json");
    stage.run(["submit", "b.json"]).ok();
    assert!(stage.run(["record", "deployment", "-h"]).ok().contains("[default: succeeded]"));
}

#[test]
fn who_finds_the_ledger_in_use_is_told_by_whom() {
    let stage = Stage::begun("in-use");
    let lock = stage.ledger().join("lock");
    let file = std::fs::File::options().read(true).write(true).open(&lock).unwrap();
    file.lock().unwrap();
    stage.run(["roster", "show"]).refused(4, "hint: wait for it, or see what it does: ps -p ");
}

/// Nobody waits for the ledger while an admin reads and is asked.
#[test]
fn the_ledger_is_free_while_an_admin_is_asked() {
    use std::io::{Read as _, Write as _};
    let stage = Stage::begun("asked");
    let mut command = stage.program("script");
    let program = env!("CARGO_BIN_EXE_countersign");
    let asked = format!("{program} roster add Eve --email eve@x.example");
    command.args(["-q", "-e", "-c", &asked, "/dev/null"]).env("TERM", "dumb");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut person) = command.spawn() else {
        println!("skipped: no program called script");
        return;
    };
    let mut out = person.stdout.take().unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("[y/N]") {
        let mut byte = [0];
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    // Another admin is not kept waiting, and the one who is asked is told of what came between.
    stage.run(["roster", "add", "Dan", "--email", "dan@x.example", "-y"]).ok();
    person.stdin.take().unwrap().write_all(b"y\n").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(person.wait().unwrap().code(), Some(2), "{rest}");
    assert!(rest.contains("another governance entry came in between"), "{rest}");
}
