//! Every no says what to do next: situations of all sorts, and what `gate -n`, `status` and
//! `policy explain` tell in them.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

#[path = "../common/mod.rs"]
mod common;
mod places;

use common::{Output, Stage};

const POLICY: &str = r#"version = 1
levels = ["mid", "senior"]
[defaults]
exempt = ["docs/**"]
[environment.production]
mode = "enforce"
[service.shop]
repository = "shop"
[[rule]]
name = "AI needs a senior"
when = { assistance = ["assisted", "generated"], author_below = "senior" }
require = [{ level = "senior" }]
[[rule]]
name = "infrastructure"
when = { paths = ["infra/**"] }
require = [{ team = "sre" }]
checklist = ["rollback plan"]
presence = "touch"
"#;

/// A shop under the policy above: ada is the admin, ben is mid, dan is senior and in sre.
fn stage(test: &str) -> Stage {
    stage_under(test, POLICY)
}

fn stage_under(test: &str, policy: &str) -> Stage {
    let stage = Stage::begun(test);
    apply(&stage, policy);
    let key = stage.key("dan").with_extension("pub");
    let key = key.to_str().unwrap();
    let who = ["roster", "add", "Dan", "--email", "dan@shop.example", "--public-key", key];
    stage.run([&who[..], &["--level", "senior", "--team", "sre", "-y"]].concat()).ok();
    stage
}

fn apply(stage: &Stage, policy: &str) {
    stage.write("../policy.toml", policy);
    stage.run(["policy", "apply", "-y", "../policy.toml"]).ok();
}

/// What stands on the screens, white space aside; each fits 80 columns, but for a command with the
/// digest of an artifact, which is not broken, and ends with what is next.
#[track_caller]
fn told(output: &Output) -> String {
    let fits = |line: &str| line.chars().count() <= 80 || line.contains(" --artifact sha256:");
    assert!(output.out.lines().all(fits), "{}", output.out);
    assert!(output.out.contains("\nnext: "), "{}", output.out);
    output.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The gate refuses, tells all of it, and names the next step.
#[track_caller]
fn refuses(stage: &Stage, flags: &[&str], words: &[&str], next: &str) {
    let output = stage.run([&["gate", "-n"], flags].concat());
    output.expect_status(1);
    let text = told(&output);
    for word in words {
        assert!(text.contains(word), "{word:?} does not stand in:\n{}", output.out);
    }
    let (_, last) = text.rsplit_once("next: ").unwrap();
    assert!(last.contains(next), "{next:?}: {}", output.out);
}

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    let text = told(output);
    for word in words {
        assert!(text.contains(word), "{word:?} does not stand in:\n{}", output.out);
    }
}

/// Signs a revision as somebody, answering what the policy asks.
#[track_caller]
fn approve(stage: &Stage, who: &str, revision: &str) {
    let shown = stage.run(["status", revision, "--json"]);
    let change = shown.json()["segments"][0]["change"].as_str().unwrap().to_owned();
    let user = stage.as_user(who);
    let answered = ["--check", "rollback plan=redeploy"];
    let plain = user.run(["approve", revision, "--expect", &change, "-m", "read"]);
    if plain.status != 0 {
        let all = [&["approve", revision, "--expect", &change, "-m", "read"], &answered[..]];
        user.run(all.concat()).ok();
    }
}

#[test]
fn what_is_missing_tells_whom_to_ask_and_what_its_author_can_do() {
    let stage = stage("reasons-missing");
    let ben = stage.as_user("ben");
    ben.commit("src/a", "1\n", "Retry");
    refuses(
        &stage,
        &[],
        &[
            "needs 2 humans who are not authors, for an author is only NEEDS_SIGN_OFF",
            "needs 1 of at least senior: AI needs a senior NEEDS_LEVEL",
            "ask 2 of Ada, Cleo and Dan: countersign approve",
            "do Ben signs for it and says how it was written: countersign declare",
        ],
        "Dan runs countersign approve",
    );
    let explained = stage.run(["policy", "explain", "HEAD"]);
    explained.ok();
    says(
        &explained,
        &[
            "NO HEAD to production: 2 needs are open",
            "policy 2; change",
            "asks line 9: AI needs a senior yes, assistance: is generated yes, author_below: Ben",
            "wants 1 of at least senior, NEEDS_LEVEL",
            "silent line 13: infrastructure no, paths: src/a does not match infra/**",
            "not exempt: the rule \"AI needs a senior\" matches",
        ],
    );
    ben.run(["declare", "HEAD", "--assistance", "generated"]).ok();
    refuses(&stage, &[], &["1 of at least senior"], "Dan runs countersign approve");
    // One human will do now, and is told as what they count for.
    approve(&stage, "cleo", "HEAD");
    let status = stage.run(["status", "HEAD"]);
    says(&status, &["ok the floor: Cleo", "missing 1 of at least senior", "ask Dan"]);
    assert!(!status.out.contains("countersign declare"), "{}", status.out);
    approve(&stage, "dan", "HEAD");
    let yes = stage.run(["policy", "explain", "HEAD"]);
    says(&yes, &["YES HEAD to production: it has all that is asked", "has 1 of at least senior"]);
    assert!(stage.run(["gate", "-n"]).ok().starts_with("YES"));
}

#[test]
fn attack_15_a_touch_that_nobody_can_give_is_told() {
    let stage = stage("reasons-touch");
    stage.as_user("ben").commit("infra/a", "1\n", "Bigger");
    stage.as_user("ben").run(["declare", "HEAD", "--assistance", "none"]).ok();
    refuses(
        &stage,
        &[],
        &[
            "needs 1 of sre: infrastructure (touched; answers rollback plan) NEEDS_TEAM",
            "ask nobody who could has a security key: countersign key enroll MEMBER FILE",
        ],
        "countersign approve",
    );
    approve(&stage, "dan", "HEAD");
    refuses(
        &stage,
        &[],
        &[
            "NEEDS_TOUCH",
            "not Dan, entry",
            "the key was not touched (for NEEDS_TOUCH \"infrastructure\")",
        ],
        "countersign key enroll MEMBER FILE",
    );
    // Nobody is told to sign with what they do not have.
    let gate = stage.run(["gate", "-n"]);
    assert!(!gate.out.contains("--key KEY"), "{}", gate.out);
}

/// A checklist that was asked for after the sign-off: the same reviewer answers it.
#[test]
fn an_unanswered_checklist_is_answered_by_signing_again() {
    let asks = POLICY.replace("presence = \"touch\"\n", "");
    let asks_nothing = asks.replace("checklist = [\"rollback plan\"]\n", "");
    let stage = stage_under("reasons-checklist", &asks_nothing);
    let ben = stage.as_user("ben");
    ben.commit("infra/a", "1\n", "Bigger");
    ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
    approve(&stage, "dan", "HEAD");
    apply(&stage, &asks);
    refuses(
        &stage,
        &[],
        &[
            "needs 1 of sre: infrastructure (answers rollback plan) NEEDS_CHECKLIST",
            "not Dan, entry 6: not answered: rollback plan (for NEEDS_CHECKLIST",
            "do sign again and answer the checklist: countersign approve",
        ],
        "Dan runs countersign approve",
    );
    let explained = stage.run(["policy", "explain", "HEAD"]);
    says(&explained, &["wants 1 of sre (answers rollback plan), NEEDS_CHECKLIST"]);
    approve(&stage, "dan", "HEAD");
    assert!(stage.run(["gate", "-n"]).ok().starts_with("YES"));
}

/// Whoever signs off and turns out to have written it: an address is added to the roster later.
#[test]
fn a_reviewer_who_turns_out_to_be_an_author_does_not_count() {
    let stage = stage("reasons-author");
    let ben = stage.as_user("ben");
    ben.commit("src/a", "1\n", "Retry\n\nCo-authored-by: A. Ruiz <ada@home.example>");
    ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
    let key = stage.key("ada").with_extension("pub");
    let key = key.to_str().unwrap();
    approve(&stage, "ada", "HEAD");
    let before = stage.run(["gate", "-n"]);
    assert!(before.out.contains("1 more human"), "{}", before.out);
    stage.write(
        "../roster.toml",
        &format!(
            "[[member]]\nname = \"Ada\"\nemails = [\"ada@shop.example\", \"ada@home.example\"]\n\
             duties = [\"review\", \"deploy\", \"override\"]\nkeys = [{:?}]\n",
            std::fs::read_to_string(key).unwrap().trim()
        ),
    );
    stage.run(["roster", "apply", "../roster.toml", "-y"]).ok();
    refuses(
        &stage,
        &[],
        &["not Ada, entry", "an author of the change IS_AUTHOR", "ask Cleo and Dan"],
        "Cleo and Dan run countersign approve",
    );
    stage.as_user("ada").run(["approve", "HEAD", "-n"]).refused(2, "somebody else signs it off");
}

#[test]
fn what_does_not_count_any_more_tells_why() {
    let stage = stage("reasons-discounted");
    let ben = stage.as_user("ben");
    ben.commit("src/a", "1\n", "Retry");
    ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
    approve(&stage, "cleo", "HEAD");
    assert!(stage.run(["gate", "-n"]).ok().starts_with("YES"));
    // ATTACKS 29: more is known than was shown.
    ben.run(["declare", "HEAD", "--assistance", "generated"]).ok();
    let words = ["not Cleo, entry", "was shown assistance none; it is SAW_LESS_ASSISTANCE"];
    refuses(&stage, &[], &words, "Dan runs countersign approve");
    approve(&stage, "dan", "HEAD");
    assert!(stage.run(["gate", "-n"]).ok().starts_with("YES"));
    stage.as_user("dan").run(["withdraw", "HEAD", "-m", "wrong", "-y"]).ok();
    refuses(&stage, &[], &["WITHDRAWN", "not Dan"], "Dan runs countersign approve");
    let reject = stage.as_user("cleo").run(["reject", "HEAD", "-m", "it leaks", "-y"]);
    if reject.status != 0 {
        let shown = stage.run(["status", "HEAD", "--json"]).json();
        let change = shown["segments"][0]["change"].as_str().unwrap();
        let flags = ["reject", "HEAD", "-m", "it leaks", "--expect", change];
        stage.as_user("cleo").run(flags).ok();
    }
    refuses(
        &stage,
        &[],
        &["no Cleo rejected it, entry", "REJECTED", "do Cleo runs countersign withdraw"],
        "Cleo runs countersign withdraw",
    );
    let status = stage.run(["status", "HEAD"]);
    says(&status, &["HEAD to production: rejected", "next: Cleo runs countersign withdraw"]);
    let explained = stage.run(["policy", "explain", "HEAD"]);
    says(&explained, &["rejected Cleo rejected it, entry"]);
}

#[test]
fn what_no_signature_mends_tells_what_does() {
    let stage = stage("reasons-denied");
    let ben = stage.as_user("ben");
    stage.write("Lib/a", "1\n");
    ben.commit("lib/A", "1\n", "Two that are one");
    refuses(
        &stage,
        &[],
        &["denied a changed path equals another one", "PATH_COLLISION"],
        "rename one of the paths, or set allow_collisions in the policy",
    );
    says(&stage.run(["policy", "explain", "HEAD"]), &["denied a changed path", "PATH_COLLISION"]);
    stage
        .run(["gate", "-n", "--env", "prod"])
        .refused(2, "did you mean \"production\"?) (UNKNOWN_ENVIRONMENT)");
    stage
        .run(["gate", "-n", "--service", "shops"])
        .refused(2, "did you mean \"shop\"?) (UNKNOWN_SERVICE)");
    apply(&stage, &POLICY.replace("\"shop\"\n", "\"shop\"\nartifact = \"required\"\n"));
    refuses(&stage, &[], &["ARTIFACT_REQUIRED"], "gate --artifact sha256:DIGEST");
    let artifact = format!("sha256:{}", "ab".repeat(32));
    refuses(&stage, &["--artifact", &artifact], &["BUILD_UNKNOWN"], "countersign record build");
    stage.git(["checkout", "-q", "--orphan", "other"]);
    ben.commit("x", "1\n", "From nowhere");
    refuses(
        &stage,
        &["--artifact", &artifact],
        &["DIVERGED", "does not descend from"],
        "merge or rebase onto it",
    );
}

/// Of an artifact as of a change: needs, has, what does not count and why, and whom to ask.
#[test]
fn attack_12_an_artifact_tells_what_it_needs_and_whom_to_ask() {
    let stage = stage("reasons-artifact");
    let rule = "[[rule]]\nname = \"a plan is read\"\nwhen = { artifact = true }\n\
                require = [{ level = \"senior\" }]\nchecklist = [\"blast radius\"]\n";
    apply(&stage, &format!("{POLICY}{rule}"));
    let artifact = format!("sha256:{}", "ab".repeat(32));
    let gate = ["gate", "-n", "--artifact", &artifact];
    let shown = |words: &[&str]| {
        let output = stage.run(gate);
        output.expect_status(1);
        let (told, next) = output.out.rsplit_once("next: ").unwrap();
        // A command is never broken, or it could not be copied.
        let fits = |line: &str| {
            line.chars().count() <= 80 || line.trim_start().starts_with("countersign ")
        };
        assert!(told.lines().all(fits), "{told}");
        // The command is whole, so that it can be copied.
        assert!(next.contains(&format!("\n  countersign approve --artifact {artifact}")), "{next}");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(told.contains(word), "{word:?} does not stand in:\n{}", output.out);
        }
    };
    shown(&[
        "NO shop",
        "its artifact is not signed off",
        "needs 1 of at least senior: a plan is read",
        "NEEDS_LEVEL",
        "ask Dan: countersign approve --artifact",
        "--check 'blast",
    ]);
    let dan = stage.as_user("dan");
    let sign = ["approve", "--artifact", &artifact, "--expect", &artifact];
    dan.run(sign).ok();
    shown(&[
        "needs 1 of at least senior: a plan is read",
        "has Dan, senior, entry",
        "not Dan, entry",
        "NEEDS_CHECKLIST",
    ]);
    let report = stage.run([&gate[..], &["--json"]].concat()).json();
    assert_eq!(report["reasons"][0], "NEEDS_CHECKLIST");
    assert_eq!(report["artifacts"][0]["not_counted"][0]["code"], "NEEDS_CHECKLIST");
    stage.as_user("cleo").run([&["reject"], &sign[1..], &["-m", "destroys it"]].concat()).ok();
    let output = stage.run(gate);
    output.expect_status(1);
    let told = output.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("no Cleo rejected it, entry"), "{}", output.out);
    assert!(told.contains("next: Cleo runs countersign withdraw"), "{}", output.out);
}

/// Who has begun to sign all of it as one is told what that lacks, and not step by step.
#[test]
fn what_was_signed_as_one_and_lacks_somebody_is_told() {
    let stage = stage("reasons-nearly");
    let ben = stage.as_user("ben");
    let base = stage.git(["rev-parse", "HEAD"]);
    ben.commit("src/a", "1\n", "One");
    ben.commit("src/a", "2\n", "Two");
    let all = format!("{base}..HEAD");
    let hash = stage.run(["hash", &all]);
    let hash = hash.ok().split_whitespace().next().unwrap().to_owned();
    stage.as_user("dan").run(["approve", &all, "--expect", &hash]).ok();
    refuses(
        &stage,
        &[],
        &[
            "or as one: ",
            "(2 commits), by Ben",
            "needs 1 more human who is not an author",
            "has Dan, senior, entry",
        ],
        "countersign approve ",
    );
    let output = stage.run(["gate", "-n"]);
    assert!(!output.out.contains("CARRY_REFUSED"), "{}", output.out);
    // The same for what goes back beside every deployment, where it is the whole difference.
    let report = stage.run(["gate", "-n", "--json"]).json();
    assert_eq!(report["nearly"]["change"], hash);
}

/// A service that is one of several is named in every command that would mean another.
#[test]
fn commands_name_the_service_where_there_are_several() {
    let other = "[service.search]\nrepository = \"shop\"\n";
    let stage = stage_under(
        "reasons-services",
        &POLICY.replace("[[rule]]\nname = \"AI", &format!("{other}[[rule]]\nname = \"AI")),
    );
    stage.as_user("ben").commit("src/a", "1\n", "Retry");
    refuses(&stage, &["--service", "shop"], &[], "--service shop");
    let status = stage.run(["status", "HEAD", "--service", "shop"]);
    says(&status, &["--service shop"]);
}

/// Ten steps are told, the others counted; who rejected one is told before what it lacks.
#[test]
fn a_long_status_is_short_and_tells_rejects() {
    let stage = stage("reasons-long");
    let ben = stage.as_user("ben");
    for number in 0..12 {
        ben.commit("src/a", &format!("{number}\n"), &format!("Step {number}"));
    }
    let first = stage.git(["rev-parse", "HEAD~11"]);
    let hash = stage.run(["hash", &first]);
    let hash = hash.ok().split_whitespace().next().unwrap().to_owned();
    stage.as_user("cleo").run(["reject", &first, "--expect", &hash, "-m", "no"]).ok();
    let status = stage.run(["status"]);
    says(&status, &["Step 0: Cleo rejected it, entry", "2 more: -v lists them"]);
    assert!(!status.out.contains("Step 11"), "{}", status.out);
    assert!(stage.run(["status", "-v"]).out.contains("Step 11"));
}

/// The audit gives no leave that the gate would not give, and calls nothing signed that nobody
/// has to sign.
#[test]
fn the_way_back_is_judged_and_nothing_is_not_a_change() {
    let stage = stage_under(
        "reasons-back",
        &POLICY.replace("exempt = [\"docs/**\"]", "undeclared = \"none\""),
    );
    let ben = stage.as_user("ben");
    let land = |text: &str| {
        ben.commit("src/a", text, "Retry");
        ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
        approve(&stage, "dan", "HEAD");
        stage.run(["gate", "--", "true"]).ok();
    };
    land("1\n");
    let first = stage.git(["rev-parse", "HEAD"]);
    land("2\n");
    says_any(&stage.run(["audit"]), "may be redeployed: countersign gate --revision");
    let hash = stage.run(["hash", &first]);
    let hash = hash.ok().split_whitespace().next().unwrap().to_owned();
    stage.as_user("cleo").run(["reject", &first, "--expect", &hash, "-m", "no"]).ok();
    says_any(&stage.run(["audit"]), "may not be redeployed: the gate would refuse it: REJECTED");
    stage.run(["gate", "-n", "--revision", &first]).expect_status(1);
    ben.git(["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    stage.run(["gate", "--", "true"]).ok();
    let audit = stage.run(["audit"]);
    says_any(&audit, "1 step changes nothing: no sign-off is asked");
    assert!(!audit.out.contains("exempts") && !audit.out.contains("MISSING"), "{}", audit.out);
}

#[track_caller]
fn says_any(output: &Output, words: &str) {
    let text = output.ok().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(words), "{words:?} does not stand in:\n{}", output.out);
}

/// The same change under a policy that is only tried out, and a change by its hash.
#[test]
fn a_policy_is_tried_on_one_change() {
    let stage = stage("reasons-tried");
    let ben = stage.as_user("ben");
    ben.commit("docs/a", "1\n", "Docs");
    ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
    let lifted = stage.run(["policy", "explain", "HEAD"]);
    says(&lifted, &["YES HEAD to production", "lifted the floor: every path is exempt"]);
    stage.write("../newer.toml", &POLICY.replace("exempt = [\"docs/**\"]\n", ""));
    let tried =
        stage.run(["policy", "explain", "--policy", "../newer.toml", "--one", "HEAD^..HEAD"]);
    says(&tried, &["NO HEAD^..HEAD to production: 1 sign-off is missing", "../newer.toml; change"]);
    let json = stage.run(["policy", "explain", "HEAD", "--json"]).json();
    assert_eq!(json["rules"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["policy"], 2);
    let change = json["change"].as_str().unwrap();
    says(&stage.run(["policy", "explain", &change[..12]]), &["lifted the floor"]);
    stage.run(["policy", "explain", &"0".repeat(64)]).refused(2, "nobody has declared the change");
    // A range is a history as ever, with a ledger or without.
    assert!(stage.run(["policy", "explain", "HEAD~1.."]).ok().contains("1 change"));
}

/// F29: what several commits undo among themselves was signed off by nobody, and needs nobody.
#[test]
fn what_changes_nothing_is_not_called_signed_off() {
    let stage = stage("reasons-nothing");
    let ben = stage.as_user("ben");
    ben.commit("src/a", "1\n", "Retry");
    ben.git(["revert", "--no-edit", "HEAD"]);
    let gate = stage.run(["gate", "-n"]);
    gate.ok();
    says(&gate, &["YES", "to production: 2 commits change nothing since baseline 0"]);
    assert!(!gate.out.contains("signed off"), "{}", gate.out);
    let status = stage.run(["status"]);
    says(&status, &["2 commits change nothing"]);
    // An empty commit beside one that is signed off.
    let stage = self::stage("reasons-empty");
    let ben = stage.as_user("ben");
    ben.commit("src/b", "1\n", "Fee");
    ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
    approve(&stage, "cleo", "HEAD");
    ben.git(["commit", "-q", "--allow-empty", "-m", "Build again"]);
    let gate = stage.run(["gate", "-n"]);
    says(&gate, &["1 change, signed off; 1 commit changes nothing", "1 signed off: 1 exact"]);
}

/// ATTACKS 18: every verdict says so where one person governs.
#[test]
fn attack_18_a_verdict_says_who_governs_alone() {
    let stage = stage("reasons-alone");
    stage.as_user("ben").commit("src/a", "1\n", "Retry");
    let gate = stage.run(["gate", "-n"]);
    assert!(gate.out.contains("\n  single admin: Ada alone sets policy and roster\n"), "{gate:?}");
    let json = stage.run(["gate", "-n", "--json"]).json();
    assert!(json["single_admin"].is_string(), "{json}");
    let show = stage.run(["roster", "show"]);
    let warned = show.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(warned.contains("with that key lost nobody can govern"), "{}", show.talk);
    // F33: of two who both must sign none can be spared either; of three one can.
    let admins = |named: &str, threshold: u32| {
        let text = format!("admins = [{named}]\nthreshold = {threshold}\n");
        stage.write("../admins.toml", &text);
        stage.run(["roster", "apply", "../admins.toml", "-y"])
    };
    let two = admins("\"ada@shop.example\", \"ben@shop.example\"", 2);
    let warned = two.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(warned.contains("2 admins must sign and only 2 can"), "{}", two.talk);
    let gate = stage.run(["gate", "-n"]);
    assert!(!gate.out.contains("single admin"), "{gate:?}");
}

/// ATTACKS 29: whoever relaxes a policy gives a debt no more time; every screen tells the same.
#[test]
fn attack_29_a_debt_is_due_when_the_strictest_policy_wants_it() {
    let stage = stage("reasons-due");
    let due = |span: &str| format!("{POLICY}[override]\ndebt_due = \"{span}\"\n");
    apply(&stage, &due("2h"));
    apply(&stage, &due("20h"));
    let commit = stage.as_user("ben").commit("src/a", "1\n", "Retry");
    let gate = stage.run(["gate", "-n"]);
    says(&gate, &["emergency: countersign override", "(leaves a debt, due in 2 h)"]);
    let plan = stage.run(["override", "-n", "-m", "cards time out"]);
    assert!(plan.talk.contains("(2 h)"), "{plan:?}");
    stage.run(["override", "-m", "cards time out", "-y"]).ok();
    let gate = stage.run(["gate", "--json"]).json();
    let due = |json: &serde_json::Value, member: &str| {
        let text = json[member].as_str().unwrap_or_default();
        // The hour is enough to tell two hours from twenty.
        text[..13].to_owned()
    };
    let decision = gate["recorded"]["decision"].to_string();
    let words = ["record", "deployment", "--revision", &commit, "--decision", &decision, "--json"];
    let deployed = stage.run(words);
    assert_eq!(due(&deployed.json(), "owed_until"), due(&gate, "due"), "{gate}");
    let status = stage.run(["status", "HEAD", "--json"]).json();
    assert_eq!(due(&status["owed"][0], "due"), due(&gate, "due"), "{status}");
}
