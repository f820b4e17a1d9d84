//! How a server starts (`spec/server.md` sections 5 and 6): settings that cannot be are wrong
//! usage, and what it lacks is told, to whom it belongs.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use crate::common::Stage;
use crate::running::*;

/// An address that is none is for people: a unit does not start it again for ever.
#[test]
fn an_address_that_is_none_is_wrong_usage() {
    let stage = Stage::begun("serve-listen");
    for listen in ["foo", ":18443", "127.0.0.1", "127.0.0.1:99999"] {
        stage.run(["serve", "--listen", listen]).refused(2, "address and port");
    }
    let path = stage.home().join(".config/countersign/config.toml");
    let before = fs::read_to_string(&path).unwrap();
    settings(&stage, "[ledger.\"localhost/shop\".serve]\nlisten = \"127.0.0.1\"\n");
    let refused = stage.run(["serve"]);
    assert_eq!(refused.status, 2);
    assert!(refused.talk.contains("listen is an address and a port"), "{}", refused.talk);
    fs::write(&path, before).unwrap();
    // What is taken by another may be free later.
    let holds = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holds.local_addr().unwrap().to_string();
    stage.run(["serve", "--listen", &taken]).refused(4, "--listen");
    drop(holds);
}

/// What it says first can be done as it stands.
#[test]
fn what_comes_next_works() {
    let stage = Stage::begun("serve-next");
    let said = |listen: &str| {
        let mut command = stage.command(["serve", "--listen", listen]);
        let mut running = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The lines come at once, and then it listens.
        let mut seen = String::new();
        let mut out = std::io::BufReader::new(running.stdout.take().unwrap());
        while !seen.contains("words") {
            assert_ne!(std::io::BufRead::read_line(&mut out, &mut seen).unwrap(), 0, "{seen}");
        }
        let id = running.id().to_string();
        assert!(
            std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success()
        );
        std::io::Read::read_to_string(&mut out, &mut seen).unwrap();
        let talk = running.wait_with_output().unwrap().stderr;
        (seen, String::from_utf8_lossy(&talk).into_owned())
    };
    // Reading takes a token, and there is none.
    let (out, talk) = said("127.0.0.1:0");
    assert!(!out.contains("next:"), "{out}");
    assert!(talk.contains("nobody can read") && talk.contains("reading = \"open\""), "{talk}");
    let before = fs::read_to_string(stage.home().join(".config/countersign/config.toml")).unwrap();
    let sha256 = "07".repeat(32);
    settings(
        &stage,
        &format!(
            "[[ledger.\"localhost/shop\".serve.token]]\nname = \"ci\"\nsha256 = \"{sha256}\"\n\
             may = [\"read\"]\n"
        ),
    );
    let (out, _) = said("127.0.0.1:0");
    assert!(out.contains("next: COUNTERSIGN_TOKEN=TOKEN COUNTERSIGN_LEDGER=http://127.0"), "{out}");
    fs::write(stage.home().join(".config/countersign/config.toml"), before).unwrap();
    settings(&stage, OPEN);
    let (out, _) = said("127.0.0.1:0");
    assert!(out.contains("next: COUNTERSIGN_LEDGER=http://127.0.0.1:"), "{out}");
    let (out, _) = said("0.0.0.0:0");
    assert!(out.contains("next: COUNTERSIGN_LEDGER=http://NAME:"), "{out}");
}

/// A clone that is not there is the server's business: told in its log with the path, and to who
/// asks as a lack, without.
#[test]
fn a_clone_that_is_not_there_is_nobodys_fault_who_asks() {
    let stage = Stage::with_branch("serve-no-clone");
    let head = stage.git(["rev-parse", "main"]);
    let path = stage.home().join(".config/countersign/config.toml");
    let before = fs::read_to_string(&path).unwrap();
    let gone = stage.root().join("gone.git");
    let named = format!(
        "{OPEN}[ledger.\"localhost/shop\".serve.repository]\nshop = \"{}\"\n",
        gone.display()
    );
    let root = stage.root().display().to_string();
    for (tables, is_named) in [(named.as_str(), true), (OPEN, false)] {
        fs::write(&path, &before).unwrap();
        settings(&stage, tables);
        let running = Running::start(&stage);
        for asked in ["/v1/queue?for=Ada", "/v1/status", &format!("/v1/verdict?revision={head}")] {
            let answer = running.get(asked);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!((answer.status, error(&answer).as_str()), (503, "UNAVAILABLE"), "{text}");
            assert!(text.contains("the server has no clone of shop"), "{asked}: {text}");
            assert!(!text.contains(&root), "{asked}: {text}");
        }
        let request = ureq::get(running.at("/queue")).config().http_status_as_error(false).build();
        let mut page = request.header("accept", "text/html").call().unwrap();
        let text = page.body_mut().read_to_string().unwrap();
        assert_eq!(page.status().as_u16(), 503, "{text}");
        assert!(text.contains("the server has no clone of shop"), "{text}");
        assert!(!text.contains("-C DIR") && !text.contains(&root), "{text}");
        // What needs none is there.
        assert_eq!(running.get("/").status, 200);
        assert_eq!(running.get("/ledger").status, 200);
        let (status, log) = running.end();
        assert_eq!(status, Some(0));
        let lacks = format!("no clone of shop: not in a git repository: {}", gone.display());
        assert_eq!(log.contains(&lacks), is_named, "{log}");
    }
}

/// Connections that say nothing take no handle from who hands in: where there are few handles,
/// there are fewer connections, and the log says so.
#[test]
fn connections_leave_file_handles_for_work() {
    let stage = Stage::begun("serve-handles");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let mut command = stage.program("sh");
    command.args(["-c", "ulimit -n 300 && exec \"$0\" serve --json --listen 127.0.0.1:0"]);
    command.arg(env!("CARGO_BIN_EXE_countersign"));
    let running = Running::of(command);
    // One that was there before keeps its place.
    let kept = client();
    let body = |number| serde_json::to_vec(&parcel(&[ada.approves(number)])).unwrap();
    let post = |number| kept.post(&running.at("/v1/statements"), JSON, &body(number));
    assert_eq!(post(1).unwrap().status, 200);
    let idle: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut stream = TcpStream::connect(running.url.trim_start_matches("http://")).unwrap();
            stream.write_all(b"GET /checkpoint HTTP/1.1\r\nhos").unwrap();
            stream
        })
        .collect();
    for number in 2..5 {
        let answer = post(number).unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
    }
    drop(idle);
    let (status, log) = running.end();
    assert_eq!(status, Some(0), "{log}");
    let lacking = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lacking: Vec<_> = lacking.filter(|line| line["event"] == "lacking").collect();
    assert_eq!(lacking.len(), 1, "{log}");
    assert!(lacking[0]["why"].as_str().unwrap().starts_with("150 connections"), "{log}");
}
