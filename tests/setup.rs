//! Commands of an admin: `init`, `key`, `roster`, `policy apply`, `baseline`, `submit`.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod common;

use std::fmt::Write as _;

use common::{Output, Stage};

#[test]
fn init_needs_no_flags_where_git_signs_with_a_key_file() {
    let stage = Stage::new("init-file");
    let answer = stage.run(["init", "-y"]);
    let out = answer.ok();
    assert!(out.lines().count() <= 20 && out.lines().all(|line| line.len() <= 80), "{out}");
    for words in ["BEGUN", "localhost/shop", "single admin", "trust root", "one trusted host"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(out.lines().last().unwrap().starts_with("next: countersign roster add"), "{out}");
    assert!(stage.ledger().join("checkpoint").exists() && stage.gate_key().exists());
    let shown = stage.run(["trust", "show", "--json"]).json();
    assert!(out.contains(shown["digest"].as_str().unwrap()), "{out}");
    // A second one is refused in one line and a hint.
    let again = stage.run(["init", "-y"]);
    again.refused(2, "this repository has its ledger already: localhost/shop");
    assert_eq!(again.talk.lines().count(), 2, "{}", again.talk);
}

#[test]
fn init_takes_a_key_out_of_the_agent() {
    let stage = Stage::new("init-agent");
    let socket = stage.home().join("agent");
    let mut agent = stage.program("ssh-agent");
    let mut agent = agent.arg("-D").arg("-a").arg(&socket);
    agent = agent.stdout(std::process::Stdio::null());
    let mut agent = agent.spawn().unwrap();
    for _ in 0..100 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut add = stage.program("ssh-add");
    Output::of(add.arg("-q").arg(stage.key("ada")).env("SSH_AUTH_SOCK", &socket)).ok();
    // git names the key literally, and its file is gone.
    let line = std::fs::read_to_string(stage.key("ada").with_extension("pub")).unwrap();
    stage.git(["config", "--global", "user.signingkey", &format!("key::{}", line.trim())]);
    std::fs::remove_file(stage.key("ada")).unwrap();
    let answer = Output::of(stage.command(["init", "-y"]).env("SSH_AUTH_SOCK", &socket));
    let _ = agent.kill().and_then(|()| agent.wait());
    assert!(answer.ok().contains("git signs with it"), "{}", answer.out);
}

#[test]
fn init_without_any_key_says_how_to_make_one() {
    let stage = Stage::new("init-none");
    stage.git(["config", "--global", "--unset", "gpg.format"]);
    let answer = stage.run(["init", "-y"]);
    answer.refused(2, "there is no key to sign with hint: make one: countersign key generate");
    assert!(!stage.ledger().exists() && !stage.gate_key().exists());
}

#[test]
fn init_shows_entry_0_and_makes_nothing() {
    let stage = Stage::new("init-dry");
    let shown = stage.run(["init", "-n", "--json"]).json();
    assert_eq!(shown["predicate"]["says"]["genesis"]["origin"], "localhost/shop");
    assert!(!stage.home().join(".config").exists() && !stage.home().join(".local").exists());
    // Nobody can be asked, and nothing was said.
    stage.run(["init"]).refused(2, "add -y to go ahead");
    assert!(!stage.home().join(".local").exists());
}

#[test]
fn init_takes_the_first_roster_from_allowed_signers() {
    let stage = Stage::new("init-allowed");
    let mut text = String::new();
    for name in ["ada", "ben", "cleo"] {
        let key = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        write!(text, "{name}@shop.example namespaces=\"git\" {key}").unwrap();
    }
    let file = stage.write(stage.home().join("allowed"), &text);
    let file = file.to_str().unwrap();
    stage.git(["config", "--global", "gpg.ssh.allowedSignersFile", file]);
    stage.git(["remote", "add", "origin", "git@git.example:team/shop.git"]);
    let answer = stage.run(["init", "-y", "--json"]).json();
    assert_eq!(answer["origin"], "git.example/team/shop");
    // ada stands in the list too and is no second member; the gate is the fourth.
    assert_eq!(answer["members"], 4);
}

#[test]
fn init_starts_an_empty_repository_from_nothing() {
    let stage = Stage::new("init-unborn");
    stage.git(["update-ref", "-d", "HEAD"]);
    assert_eq!(stage.run(["init", "-y", "--json"]).json()["baseline"], "none");
}

/// A roster file with one member for each of the names.
fn roster_file(stage: &Stage, names: &[&str], more: &str) -> String {
    let mut text = String::new();
    for name in names {
        let key = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        let key = key.trim();
        write!(
            text,
            "[[member]]\nname = \"{name}\"\nemails = [\"{name}@shop.example\"]\n\
             duties = [\"review\"]\nkeys = [\"{key}\"]\n{more}\n"
        )
        .unwrap();
    }
    stage.write("roster.toml", &text);
    text
}

fn member<'a>(roster: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let members = roster["members"].as_array().unwrap();
    members.iter().find(|member| member["name"] == name).unwrap()
}

fn fingerprint(stage: &Stage, name: &str) -> String {
    let mut command = stage.program("ssh-keygen");
    let answer = Output::of(command.arg("-lf").arg(stage.key(name)));
    answer.ok().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn people_are_added_with_one_line_each() {
    let stage = Stage::begun("add");
    let answer = stage.run(["roster", "show"]);
    let out = answer.ok();
    assert!(out.starts_with("ROSTER  4 members of localhost/shop\nsingle admin: Ada\n"), "{out}");
    let roster = stage.run(["roster", "show", "--json"]).json();
    let ben = member(&roster, "Ben");
    assert_eq!(ben["keys"][0], fingerprint(&stage, "ben"));
    assert_eq!(ben["duties"], serde_json::json!(["review"]));
    // The same address again is refused, and so is a private key.
    let add = |email: &str, key: &std::path::Path| {
        let key = key.to_str().unwrap();
        stage.run(["roster", "add", "B", "--email", email, "--public-key", key, "-y"])
    };
    let key = stage.key("dan");
    add("Ben@Shop.example", &key.with_extension("pub")).refused(2, "is on the roster already: Ben");
    add("dan@shop.example", &key).refused(2, "is a private key");
}

#[test]
fn only_an_admin_on_the_roster_changes_it() {
    let stage = Stage::begun("admins");
    let add = ["roster", "add", "Eve", "--email", "eve@x.example", "-y"];
    stage
        .as_user("ben")
        .run(add)
        .refused(2, "Ben is no admin of this ledger hint: ask an admin: Ada");
    // dan's key is on nobody's roster entry.
    stage.as_user("dan").run(add).refused(2, "is not enrolled");
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 3);
}

#[test]
fn a_roster_file_is_applied_once_and_changes_nothing_again() {
    let stage = Stage::new("apply");
    stage.run(["init", "-y"]).ok();
    let text = roster_file(&stage, &["ben", "cleo"], "teams = [\"payments\"]");
    let shown = stage.run(["roster", "apply", "roster.toml", "-n", "--json"]);
    assert_eq!(shown.json()["predicate"]["says"]["operations"].as_array().unwrap().len(), 4);
    assert!(
        shown.talk.contains("add     ben <ben@shop.example>: human, teams payments"),
        "{}",
        shown.talk
    );
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 1);

    assert!(
        stage.run(["roster", "apply", "roster.toml", "-y"]).ok().starts_with("DONE  entry 1\n")
    );
    let again = stage.run(["roster", "apply", "roster.toml"]);
    assert!(again.ok().starts_with("NOTHING TO DO"), "{}", again.out);
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 2);

    // One thing changed is one operation, told in words.
    stage.write("roster.toml", &text.replacen("payments", "web", 1));
    let change = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]);
    assert_eq!(change.json()["plan"], serde_json::json!(["change  ben: teams web (was payments)"]));
    stage.write("roster.toml", "[[member]]\nemails = [\"ben@shop.example\"]\nretired = true\n");
    let retire = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]);
    assert_eq!(retire.json()["plan"], serde_json::json!(["retire  ben"]));
    assert_eq!(
        stage.run(["roster", "show", "--json"]).json()["members"].as_array().unwrap().len(),
        3
    );
}

/// The example of `spec/roster-file.md` does what the text beside it says.
#[test]
fn the_example_of_the_specification_is_applied() {
    let stage = Stage::begun("example");
    let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/roster-file.md");
    let spec = std::fs::read_to_string(spec).unwrap();
    let example = spec.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    stage.write("roster.toml", example);
    let apply = || stage.run(["roster", "apply", "roster.toml", "-y"]);
    // A level that the policy does not list is refused.
    apply().refused(2, "the level senior, which the policy does not list");
    let policy = stage.run(["policy", "show"]).ok().to_owned();
    let with_levels = "version = 1\nlevels = [\"junior\", \"senior\"]\n";
    stage.write("policy.toml", &policy.replacen("version = 1\n", with_levels, 1));
    stage.run(["policy", "apply", "policy.toml", "-y"]).ok();
    apply().ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!((&roster["threshold"], roster["admins"].as_array().unwrap().len()), (&2.into(), 2));
    let ben = member(&roster, "Ben Ode");
    assert_eq!((&ben["level"], ben["keys"].as_array().unwrap().len()), (&"senior".into(), 2));
    let coder = member(&roster, "Coder");
    assert_eq!((&coder["id"], &coder["operator"]), (&"coder".into(), &ben["id"]));
    let names: Vec<_> = roster["members"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert!(!names.contains(&&"Cleo".into()), "{names:?}");
    assert!(apply().ok().starts_with("NOTHING TO DO"));
}

/// ATTACKS 18: who alone decides is told so where it is about themselves.
#[test]
fn a_single_admin_is_told_when_it_is_about_themselves() {
    let stage = Stage::begun("self");
    let say = |text: &str| {
        stage.write("roster.toml", text);
        stage.run(["roster", "apply", "roster.toml", "-y"]).talk
    };
    let about_self = "this is about yourself, and you are the single admin";
    let ada = "[[member]]\nemails = [\"ada@shop.example\"]\nteams = [\"web\"]\n";
    assert!(say(ada).contains(about_self));
    assert!(!say(&ada.replace("ada@", "ben@")).contains(about_self));
    // With two admins, whoever signs is not alone.
    say("admins = [\"ada@shop.example\", \"ben@shop.example\"]\n");
    assert!(!say(&ada.replace("web", "pay")).contains(about_self));
}

#[test]
fn a_large_roster_is_signed_in_parts() {
    let stage = Stage::new("parts");
    stage.run(["init", "-y"]).ok();
    let mut text = String::new();
    for number in 0..300 {
        write!(
            text,
            "[[member]]\nname = \"P{number}\"\nemails = [\"p{number}@shop.example\"]\n\
             duties = [\"review\"]\n"
        )
        .unwrap();
    }
    stage.write("roster.toml", &text);
    let answer = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]).json();
    assert!(answer["entries"].as_array().unwrap().len() > 1, "{}", answer["entries"]);
    assert!(stage.run(["roster", "apply", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(roster["members"].as_array().unwrap().len(), 302);
}

#[test]
fn a_misspelt_field_is_told_with_its_line() {
    let stage = Stage::begun("misspelt");
    stage.write("roster.toml", "[[member]]\nemails = [\"x@x.example\"]\nteam = [\"web\"]\n");
    stage
        .run(["roster", "apply", "roster.toml", "-y"])
        .refused(2, "roster.toml: line 3: unknown field `team`");
    for (text, says) in [
        ("\n[[member]]\nname = \"X\"\n", "line 2: a member without id and emails"),
        ("[[member]]\nid = \"a1\"\nkeys = [\"ssh-rsa AAAA\"]\n", "line 1: a key that cannot sign"),
        ("[[member]]\nid = \"a1\"\nduties = [\"reviews\"]\n", "line 3: unknown variant"),
        (
            "[[member]]\nid = \"a1\"\n[[member]]\nid = \"a1\"\n",
            "line 3: the same member stands in line 1",
        ),
        ("[[member]]\nid = \"gate\"\nkind = \"human\"\n", "is a service: that was set once"),
        (
            "[[member]]\nid = \"a1\"\nkind = \"agent\"\noperator = \"nobody\"\n",
            "nobody is no member",
        ),
    ] {
        stage.write("roster.toml", text);
        stage.run(["roster", "apply", "roster.toml", "-y"]).refused(2, says);
    }
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 3);
}

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
        .refused(2, "not enrolled");
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
fn a_key_has_one_owner_and_is_revoked_with_what_it_touches() {
    let stage = Stage::begun("keys");
    let dan = stage.key("dan").with_extension("pub");
    let enroll = |whom: &str| stage.run(["key", "enroll", whom, dan.to_str().unwrap(), "-y"]);
    enroll("eve@shop.example").refused(2, "eve@shop.example is no member");
    // A second key under somebody's name is told (ATTACKS 18).
    let talk = enroll("ben@shop.example").talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("beside the key that they have"), "{talk}");
    assert!(enroll("BEN@shop.example").ok().starts_with("NOTHING TO DO"));
    let key = fingerprint(&stage, "dan");
    let revoke =
        |since: &str| stage.run(["key", "revoke", &key, "--leaked-since", since, "-y", "--json"]);
    revoke("99").refused(2, "there is no entry 99: the ledger has 4");
    revoke("yesterday").refused(2, "neither an entry nor a time");
    revoke("2999-01-01").refused(2, "there is no entry at or after 1 Jan 2999");
    let plan = revoke("2020-01-01").json()["plan"][1].as_str().unwrap().to_owned();
    assert_eq!(plan, "leaked since entry 0: 0 approvals from there on lose their effect");
    enroll("ben@shop.example").refused(2, "the key was revoked at entry 4");
    stage.run(["key", "revoke", &key]).refused(2, "--retired|--leaked-since");
}

/// ATTACKS 19: a time becomes an entry, and what loses its effect is counted before it is signed.
#[test]
fn a_leak_tells_which_approvals_lose_their_effect() {
    let stage = Stage::begun("leak");
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    // Nothing is approved without a look but by its hash, which the refusal names.
    let ben = stage.as_user("ben");
    let refusal = ben.run(["approve", &commit, "-y"]).talk;
    let hash = refusal.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();
    ben.run(["approve", &commit, "-y", "--expect", &hash]).ok();
    let key = fingerprint(&stage, "ben");
    let plan = |since: &str| {
        let shown = stage.run(["key", "revoke", &key, "--leaked-since", since, "-n"]);
        shown.ok();
        shown.talk.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(plan("3").contains("leaked since entry 3: 1 approval from there on"), "{}", plan("3"));
    assert!(plan("2020-01-01T00:00Z").contains("leaked since entry 0: 1 approval"));
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 4);
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

#[test]
fn a_generated_key_begins_a_ledger() {
    let stage = Stage::new("generate");
    stage.git(["config", "--global", "--unset", "gpg.format"]);
    stage.run(["key", "list"]).ok();
    stage.run(["key", "generate"]).refused(2, "without a terminal no passphrase can be asked");
    let made = stage.run(["key", "generate", "--no-passphrase", "--json"]).json();
    let key = made["key"].as_str().unwrap();
    stage.run(["key", "generate", "--no-passphrase"]).refused(2, "is there already");
    stage.run(["init", "-y"]).ok();
    let listed = stage.run(["key", "list", "--json"]).json();
    assert_eq!(listed[0]["key"], key);
    assert_eq!((&listed[0]["signs"], &listed[0]["member"]), (&true.into(), &"Ada".into()));
    // OpenSSH reads what was made.
    let mut check = stage.program("ssh-keygen");
    let file = stage.home().join(".ssh/id_ed25519_countersign");
    assert!(Output::of(check.arg("-lf").arg(file)).ok().contains(key));
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
             hint: name one with --ledger; if there is none yet: countersign init",
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

/// Runs a script in which a folder at home is a file system of 4-KiB pages that can fill up.
fn on_a_small_disk(stage: &Stage, folder: &str, pages: u32, script: &str) -> Output {
    let folder = stage.home().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = stage.program("unshare");
    command.args(["-rm", "sh", "-c"]);
    command
        .arg(format!("mount -t tmpfs -o size={}k none \"$DISK\" || exit 77\n{script}", pages * 4));
    Output::of(command.env("DISK", folder).env("PROGRAM", env!("CARGO_BIN_EXE_countersign")))
}

/// Wherever `init` runs out of space: exit 4, the cause once, a hint; and with space again the
/// same command finishes, or says what is left and what to do about it.
#[test]
fn init_on_a_full_disk_is_told_once_and_taken_up_again() {
    let mut left: Vec<String> = Vec::new();
    for (folder, pages) in [1, 2, 3, 4].map(|pages| (".config", pages)).into_iter().chain([
        (".local", 1),
        (".local", 2),
        (".local", 6),
    ]) {
        let stage = Stage::new(&format!("full-{}-{pages}", &folder[1..]));
        let script = "\"$PROGRAM\" init -y >/dev/null 2>\"$HOME/talk\"\necho $? >\"$HOME/status\"\n\
            mount -o remount,size=10m \"$DISK\"\nexec \"$PROGRAM\" init -y";
        let again = on_a_small_disk(&stage, folder, pages, script);
        let Ok(status) = std::fs::read_to_string(stage.home().join("status")) else {
            println!("skipped: no file system of one's own here: {}", again.talk);
            return;
        };
        let talk = std::fs::read_to_string(stage.home().join("talk")).unwrap();
        let first = Output { status: status.trim().parse().unwrap(), out: String::new(), talk };
        first.refused(4, "free some space");
        let told = first.talk.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(told.matches("No space left").count(), 1, "{}", first.talk);
        if again.status != 0 {
            again.refused(2, "localhost/shop");
            assert!(again.talk.contains("stopped"), "{}", again.talk);
            left.push(again.talk.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    for words in ["pin its trust root", "[[repository]], and under it path ="] {
        assert!(left.iter().any(|talk| talk.contains(words)), "{words}: {left:?}");
    }
}

#[test]
fn init_says_what_it_is_about_to_begin() {
    let stage = Stage::new("init-asks");
    let asked = stage.run(["init"]);
    asked.refused(2, "add -y to go ahead");
    let key = fingerprint(&stage, "ada");
    let head = stage.git(["rev-parse", "HEAD"]);
    for words in ["ledger    localhost/shop", &format!("key       {key}"), &head[..7]] {
        assert!(asked.talk.contains(words), "{words}: {}", asked.talk);
    }
    assert!(asked.talk.lines().all(|line| line.len() <= 80), "{}", asked.talk);
}

/// What an attempt left that died between the ledger's key and the ledger.
#[test]
fn a_key_without_its_ledger_is_named() {
    let stage = Stage::new("init-left");
    let key = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    stage.write(&key, "left\n");
    stage.run(["init", "-y"]).refused(2, "if an init stopped half-way: remove");
    std::fs::remove_file(&key).unwrap();
    stage.run(["init", "-y"]).ok();
}

#[test]
fn an_agent_that_gives_no_answer_leaves_it_unknown() {
    let stage = Stage::begun("agent-gone");
    let with = |key: &str| {
        let mut command = stage.command(["roster", "add", "E", "--email", "e@x.example", "-y"]);
        command.arg("--key").arg(key).env("SSH_AUTH_SOCK", stage.home().join("nowhere"));
        Output::of(&mut command)
    };
    let away = fingerprint(&stage, "dan");
    with(&away).refused(2, "is not enrolled");
    let ben = fingerprint(&stage, "ben");
    with(&ben).refused(4, "the signer is unavailable");
    with(stage.key("ada").to_str().unwrap()).ok();
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
fn a_relative_signing_key_of_git_is_refused() {
    let stage = Stage::begun("relative");
    std::fs::copy(stage.key("ben"), stage.repository().join("id")).unwrap();
    let add = ["roster", "add", "E", "--email", "e@x.example", "-y"];
    for text in ["id", "./id", "../keys/ada"] {
        stage.git(["config", "user.signingkey", text]);
        stage
            .run(add)
            .refused(2, &format!("user.signingKey is a relative path: {text} hint: make"));
        assert!(stage.run(["key", "list"]).ok().contains("relative"), "{text}");
    }
    stage.git(["config", "user.signingkey", "~/keys/ada"]);
    stage.run(add).ok();
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
fn the_admins_change_and_the_threshold_stays() {
    let stage = Stage::begun("keeps-threshold");
    let apply = |text: &str, more: &[&str]| {
        stage.write("roster.toml", text);
        let command = ["roster", "apply", "roster.toml", "-y", "--json"];
        stage.run(command.iter().chain(more))
    };
    apply("admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n", &[]).ok();
    let three = "admins = [\"ada@shop.example\", \"ben@shop.example\", \"cleo@shop.example\"]\n";
    let plan = apply(three, &["-o", "three.json"]).json();
    assert_eq!(plan["plan"], serde_json::json!(["admins  Ada, Ben, Cleo; 2 must sign"]));
}

#[test]
fn a_plan_in_parts_is_shown_as_one_document() {
    let stage = Stage::begun("parts-shown");
    let mut text = String::new();
    for number in 0..300 {
        write!(text, "[[member]]\nname = \"P{number}\"\nemails = [\"p{number}@x.example\"]\n")
            .unwrap();
    }
    stage.write("roster.toml", &text);
    let shown = stage.run(["roster", "apply", "roster.toml", "-n", "--json"]).json();
    assert!(shown.as_array().unwrap().len() > 1);
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
