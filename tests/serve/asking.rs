//! What commands print, asked of a server, and its own gate (`spec/server.md` sections 1 and 4).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use countersign::base::limits::QUESTION_BYTES_MAX;
use serde_json::{Value, json};

use crate::common::{Output, Stage};
use crate::running::*;

/// A stage with a bare clone that the server has, and a token for its gate.
fn stage(test: &str) -> Stage {
    let stage = Stage::with_branch(test);
    stage.git(["clone", "-q", "--bare", ".", "../served.git"]);
    let clone = stage.root().join("served.git");
    let token = countersign::base::digest::ContentDigest::of(TOKEN.as_bytes());
    settings(
        &stage,
        &format!(
            "{OPEN}[[ledger.\"localhost/shop\".serve.token]]\nname = \"runner\"\n\
             sha256 = \"{token}\"\nmay = [\"gate\"]\n\
             [ledger.\"localhost/shop\".serve.repository]\nshop = \"{}\"\n",
            clone.display()
        ),
    );
    stage
}

const TOKEN: &str = "cnVubmVyLXJ1bm5lci1ydW5uZXItcnVubmVyLXJ1bg";

/// Members that say when it was asked, which is later each time.
const MOMENTS: [&str; 4] = ["age_milliseconds", "since", "trust", "time"];

/// A value without what differs between two moments.
fn lasting(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !MOMENTS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), lasting(value)))
            .collect(),
        Value::Array(items) => items.iter().map(lasting).collect(),
        other => other.clone(),
    }
}

fn decide(running: &Running, token: Option<&str>, body: &Value) -> (u16, Value) {
    let request = ureq::post(running.at("/v1/gate")).config().http_status_as_error(false).build();
    let request = request.header("content-type", JSON);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    let mut answer = request.send(body.to_string()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

/// A server says what the command says, out of its own clone.
#[test]
fn commands_and_server_say_the_same() {
    let stage = stage("serve-same");
    let change = stage.change_of("retry");
    stage.as_user("cleo").run(["approve", "retry", "-y", "--expect", &change]).ok();
    let head = stage.git(["rev-parse", "main"]);
    let ada = stage.run(["roster", "show", "--json"]).json()["admins"][0].clone();
    let commands = [
        vec!["status", "retry", "--json"],
        vec!["status", "main~0", "--json"],
        vec!["queue", "--for", "Ada", "--json"],
        vec!["gate", "-n", "--revision", &head, "--json"],
    ];
    let said: Vec<Value> = commands.map(|command| stage.run(command).json()).into();
    stage.git(["checkout", "-q", "main"]);
    let landed = stage.run(["status", "--json"]).json();
    let running = Running::start(&stage);
    let paths = [
        "/v1/status?range=retry".to_owned(),
        "/v1/status?range=main~0&service=shop&environment=production".to_owned(),
        format!("/v1/queue?for={}", ada.as_str().unwrap()),
        format!("/v1/verdict?revision={head}"),
        "/v1/status".to_owned(),
    ];
    for (path, said) in paths.iter().zip(said.iter().chain([&landed])) {
        assert_eq!(lasting(&running.json(path)), lasting(said), "{path}");
    }
    for (path, status) in [
        ("/v1/queue", 400),
        ("/v1/queue?for=Nobody", 422),
        ("/v1/queue?for=Ada&for=Ben", 400),
        ("/v1/status?branch=retry", 400),
        ("/v1/status?range=nothing", 422),
        ("/v1/status?service=other", 422),
        ("/v1/status?service=!", 400),
        ("/v1/verdict", 400),
        ("/v1/verdict?revision=nothing", 422),
        ("/v1/verdict?revision=main&artifact=sha256:0", 400),
        ("/v1/bundles/0", 404),
        ("/v1/bundles/1000", 404),
        ("/v1/bundles/x", 404),
    ] {
        let answer = running.get(path);
        assert_eq!(answer.status, status, "{path}: {}", String::from_utf8_lossy(&answer.body));
        error(&answer);
    }
    assert_eq!(running.end().0, Some(0));
}

/// What was pushed since the clone was fetched is told as that, and is there once it is fetched.
#[test]
fn a_commit_that_the_clone_does_not_have_is_told_with_the_cause() {
    let stage = stage("serve-behind");
    let head = stage.as_user("cleo").commit("later.rs", "fee = 2\n", "Take two");
    let running = Running::start(&stage);
    for named in [head.as_str(), "nothing"] {
        let answer = running.get(&format!("/v1/verdict?revision={named}"));
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, error(&answer).as_str()), (422, "USAGE"), "{said}");
        assert!(said.contains("may be behind"), "{said}");
        assert!(said.contains("git fetch"), "{said}");
    }
    stage.git(["--git-dir", "../served.git", "fetch", "-q", "origin", &head]);
    let answer = running.json(&format!("/v1/verdict?revision={head}"));
    assert_eq!(answer["revision"], head, "{answer}");
    assert_eq!(running.end().0, Some(0));
}

/// A sign-off that comes while the server judges counts: the decision rests on the ledger as it is
/// when it is appended.
#[test]
fn a_decision_is_judged_anew_where_the_ledger_has_grown() {
    let stage = stage("serve-grown");
    let change = stage.change_of("main..retry");
    let head = stage.git(["rev-parse", "retry"]);
    let running = Running::start(&stage);
    // Who judges waits for what a branch is, until it is told.
    let branch = stage.root().join("served.git/refs/heads/slow");
    Output::of(stage.program("mkfifo").arg(&branch)).ok();
    let question = json!({"service": "shop", "environment": "production", "revision": "slow"});
    let (judges, judging) = channel();
    let (goes_on, going_on) = channel::<()>();
    thread::spawn(move || {
        while let Ok(mut branch) = OpenOptions::new().write(true).open(&branch) {
            let _ = judges.send(());
            // Once it may go on it need not ask again.
            let _ = going_on.recv();
            let _ = writeln!(branch, "{head}");
        }
    });
    thread::scope(|scope| {
        let asked = scope.spawn(|| decide(&running, Some(TOKEN), &question));
        judging.recv().unwrap();
        let approve = ["approve", "retry", "--expect", &change];
        let mut cleo = stage.as_user("cleo").command(approve);
        Output::of(cleo.env("COUNTERSIGN_LEDGER", &running.url)).ok();
        let approval = checkpoint(&stage, &running).size().get() - 1;
        drop(goes_on);
        let (status, said) = asked.join().unwrap();
        assert_eq!(status, 200, "{said}");
        // Judged with the sign-off, and on no other ledger than that it stands in.
        let has = &said["verdict"]["nearly"]["has"][0]["entry"];
        assert_eq!((has, &said["verdict"]["size"]), (&json!(approval), &json!(approval + 1)));
        assert_eq!(said["decision"]["entry"], approval + 1);
        assert!(judging.recv().is_ok(), "it was judged once");
    });
    assert_eq!(running.end().0, Some(0));
}

/// `spec/bundle.md` section 2: a bundle does not show a key that came after its decision. It is
/// served until that key signs, and then said to be no longer there to be made, which is no damage.
#[test]
fn bundles_of_decisions_before_another_ledger_key_are_told_apart() {
    let stage = stage("serve-rotated");
    let head = stage.git(["rev-parse", "main"]);
    let running = Running::start(&stage);
    let asked = json!({"service": "shop", "environment": "production", "revision": head});
    let decided = |running: &Running| {
        let (status, said) = decide(running, Some(TOKEN), &asked);
        assert_eq!(status, 200, "{said}");
        said["decision"]["entry"].as_u64().unwrap()
    };
    let before = decided(&running);
    let at_url = |arguments: &[&str]| {
        Output::of(stage.command(arguments).env("COUNTERSIGN_LEDGER", &running.url))
    };
    let bundle = format!("/v1/bundles/{before}");
    let verifies = |body: &[u8]| {
        let file = stage.root().join("served.bundle");
        fs::write(&file, body).unwrap();
        stage.run(["verify", file.to_str().unwrap()]).ok();
    };
    at_url(&["ledger", "rotate-key", "-y"]).ok();
    // The rotation is the last entry that the key before it signs.
    let served = running.get(&bundle);
    assert_eq!(served.status, 200, "{}", String::from_utf8_lossy(&served.body));
    verifies(&served.body);
    at_url(&["roster", "add", "Eve", "--email", "eve@shop.example", "-y"]).ok();
    let refused = running.get(&bundle);
    let told: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!((refused.status, &told["error"]), (409, &json!("KEY_REPLACED")), "{told}");
    let why = told["why"].as_str().unwrap();
    assert!(why.contains("the ledger's key was replaced in entry"), "{why}");
    assert!(why.contains("stays good as it is"), "{why}");
    at_url(&["audit", &format!("#{before}")]).ok();
    // What the gate wrote then is good, and is not proved anew: no damage either.
    let again = ["ledger", "prove", "--bundle", "../served.bundle", "-o", "../again.bundle"];
    at_url(&again).refused(2, "the ledger's key was replaced in entry");
    stage.run(["verify", "../served.bundle"]).ok();
    at_url(&["ledger", "check"]).ok();
    // Decisions from then on show it.
    let decline = json!({"service": "shop", "environment": "production",
        "revision": stage.git(["rev-parse", "retry"])});
    let (status, said) = decide(&running, Some(TOKEN), &decline);
    assert_eq!(status, 200, "{said}");
    let after = said["decision"]["entry"].as_u64().unwrap();
    let served = running.get(&format!("/v1/bundles/{after}"));
    assert_eq!(served.status, 200, "{}", String::from_utf8_lossy(&served.body));
    assert_eq!(running.end().0, Some(0));
}

/// Who deploys holds no key: the server decides, and the decision and its bundle verify elsewhere.
#[test]
fn the_server_decides_with_its_own_key() {
    let stage = stage("serve-gate");
    let head = stage.git(["rev-parse", "main"]);
    let retry = stage.git(["rev-parse", "retry"]);
    let running = Running::start(&stage);
    let ask = |revision: &str| {
        let environment = "production";
        json!({"service": "shop", "environment": environment, "revision": revision})
    };
    assert_eq!(decide(&running, None, &ask(&head)).0, 401);
    assert_eq!(decide(&running, Some("unknown"), &ask(&head)).0, 401);
    let (status, said) = decide(&running, Some(TOKEN), &ask(&head));
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["verdict"]["answer"], "allow", "{said}");
    let entry = said["decision"]["entry"].as_u64().unwrap();
    assert_eq!(said["verdict"]["recorded"]["decision"], entry);
    let receipt =
        countersign::base::encoding::unbase64(said["decision"]["receipt"].as_str().unwrap());
    let receipt_file = stage.root().join("decision.tlog-proof");
    fs::write(&receipt_file, receipt.unwrap()).unwrap();
    stage.run(["verify", receipt_file.to_str().unwrap()]).ok();
    let bundle = running.get(&format!("/v1/bundles/{entry}"));
    assert_eq!(bundle.status, 200, "{}", String::from_utf8_lossy(&bundle.body));
    let bundle_file = stage.root().join("decision.bundle");
    fs::write(&bundle_file, bundle.body).unwrap();
    // Outside of any repository, with nothing but the trust root.
    let mut verify: Command = stage.command(["verify", bundle_file.to_str().unwrap()]);
    let answer = Output::of(verify.current_dir(stage.root()));
    assert!(answer.ok().contains("head") || answer.out.contains(&head[..7]), "{}", answer.out);
    // What is not on the branch is refused, and the same refusal again is said once.
    let (status, refused) = decide(&running, Some(TOKEN), &ask(&retry));
    assert_eq!((status, &refused["verdict"]["answer"]), (200, &json!("deny")), "{refused}");
    let (_, again) = decide(&running, Some(TOKEN), &ask(&retry));
    assert_eq!(again["decision"]["entry"], refused["decision"]["entry"]);
    assert_eq!(again["verdict"]["recorded"]["repeated"], true);
    let frame = json!({"service": ""}).to_string().len();
    for (body, status) in [
        (json!({"service": "shop"}), 400),
        (json!({"service": "shop", "environment": "production", "revision": "x"}), 422),
        (json!({"service": "other", "environment": "production", "revision": head}), 422),
        (json!({"service": "shop", "environment": "moon", "revision": head}), 422),
        (json!({"service": "x".repeat(QUESTION_BYTES_MAX - frame)}), 400),
        (json!({"service": "x".repeat(QUESTION_BYTES_MAX - frame + 1)}), 413),
    ] {
        assert_eq!(decide(&running, Some(TOKEN), &body).0, status);
    }
    assert_eq!(running.end().0, Some(0));
    stage.run(["ledger", "check"]).ok();
}
