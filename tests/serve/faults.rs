//! What a server survives: too much, too slow, half, garbage, again and again; its own death.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use countersign::base::limits::REQUEST_BYTES_MAX;
use countersign::statement::envelope::Envelope;
use serde_json::{Value, json};

use crate::common::{Output, Stage};
use crate::mount::{Mount, fill};
use crate::running::*;

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Everything that comes until the other side closes.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The memory of a process that is not shared, in KiB.
fn memory(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A content over the limit is refused as soon as that shows; many that are announced and never
/// come take no memory.
#[test]
fn too_much_is_refused_in_bounded_memory() {
    let stage = Stage::begun("serve-much");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let before = memory(&running);
    let head = |length: usize| {
        format!(
            "POST /v1/statements HTTP/1.1\r\nhost: a\r\ncontent-type: {JSON}\r\n\
             content-length: {length}\r\n\r\n{{\"envelopes\":["
        )
    };
    let mut stream = connect(&running);
    stream.write_all(head(REQUEST_BYTES_MAX + 1).as_bytes()).unwrap();
    let said = rest(stream);
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("TOO_LARGE"), "{said}");
    // In chunks, whose sum is not told before; white space is strict JSON as well.
    let mut stream = connect(&running);
    let chunked = format!(
        "POST /v1/statements HTTP/1.1\r\nhost: a\r\ncontent-type: {JSON}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(chunked.as_bytes()).unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    for _ in 0..=REQUEST_BYTES_MAX / 0x10_0000 {
        // The server may have hung up already.
        drop(stream.write_all(chunk.as_bytes()));
    }
    assert!(rest(stream).starts_with("HTTP/1.1 413"));
    // Two hundred that announce as much as is taken, and send a few bytes of it.
    let announced: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect(&running);
            stream.write_all(head(REQUEST_BYTES_MAX).as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(running.hand_in(&[ada.approves(1)])[0]["receipt"].is_string());
    let after = memory(&running);
    assert!(after < before + 300 * 1024, "{before} KiB before, {after} after");
    drop(announced);
    // Exactly as much as is taken is read, and is no JSON object.
    let answer =
        client().post(&running.at("/v1/statements"), JSON, &vec![b' '; REQUEST_BYTES_MAX]).unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (400, "MALFORMED"));
    assert_eq!(running.end().0, Some(0));
}

/// Garbage, halves and the slow harm nobody: whoever comes next is answered.
#[test]
fn garbage_halves_and_the_slow_harm_nobody() {
    let stage = Stage::begun("serve-garbage");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size();
    let statement = parcel(&[ada.approves(1)]).to_string();
    // Slow: hundreds that have said a part of a head, and then nothing.
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = connect(&running);
            stream.write_all(b"GET /checkpoint HTTP/1.1\r\nhos").unwrap();
            stream
        })
        .collect();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\xff",
    ] {
        let mut stream = connect(&running);
        drop(stream.write_all(garbage));
        drop(stream.shutdown(Shutdown::Write));
        assert!(!rest(stream).starts_with("HTTP/1.1 200"));
    }
    let head = format!(
        "POST /v1/statements HTTP/1.1\r\nhost: a\r\ncontent-type: {JSON}\r\n\
         content-length: {}\r\n\r\n",
        statement.len()
    );
    // Ends before its content does: nothing is taken up.
    let mut stream = connect(&running);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&statement.as_bytes()[..statement.len() / 2]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(!rest(stream).starts_with("HTTP/1.1 200"));
    assert_eq!(checkpoint(&stage, &running).size(), size);
    // Sends everything and closes its half: taken up, and answered to who still reads.
    let mut stream = connect(&running);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(statement.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    drop(rest(stream));
    // And again, by somebody who recorded it: nothing more is taken up, whatever became of it.
    for _ in 0..3 {
        let answer = running.post(&serde_json::from_str(&statement).unwrap());
        assert_eq!(answer.status, 200);
    }
    assert_eq!(checkpoint(&stage, &running).size().get(), size.get() + 1);
    drop(slow);
    let (status, log) = running.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    stage.run(["ledger", "check"]).ok();
}

/// Asked to end, it answers what was handed in before, and lets go of the ledger.
#[test]
fn whoever_was_before_the_end_is_answered() {
    let stage = Stage::begun("serve-end");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size().get();
    let statements: Vec<_> = (0..40).map(|number| ada.approves(number)).collect();
    let answered: Vec<bool> = std::thread::scope(|scope| {
        let handing = statements.iter().map(|statement| {
            let body = parcel(std::slice::from_ref(statement));
            scope.spawn(|| {
                let body = body;
                running.try_post(&body).is_ok_and(|answer| answer.status == 200)
            })
        });
        let handing: Vec<_> = handing.collect();
        running.ask_to_end();
        handing.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (status, log) = running.ended();
    assert_eq!(status, Some(0), "{log}");
    let acknowledged = answered.iter().filter(|answered| **answered).count() as u64;
    let report = stage.run(["ledger", "check", "--json"]);
    let now = report.json()["size"].as_u64().unwrap_or_else(|| panic!("{}", report.out));
    // What was not answered may be there, or not.
    assert!((size + acknowledged..=size + 40).contains(&now), "{size} {acknowledged} {now}");
}

/// On a full disk nothing that travels with words is taken, and the health says so, whatever is
/// taken besides; where there is room again it says that too, before anything was handed in.
#[test]
fn a_full_disk_is_no_health() {
    let stage = Stage::with_branch("serve-full");
    settings(&stage, OPEN);
    let file = stage.root().join("approval.json");
    let file = file.to_str().unwrap();
    let (cleo, change) = (stage.as_user("cleo"), stage.change_of("retry"));
    cleo.run(["approve", "retry", "-m", "it is well", "-y", "--expect", &change, "-o", file]).ok();
    let envelope = Envelope::parse(&fs::read(file).unwrap()).unwrap();
    let words: Value = serde_json::from_slice(&fs::read(format!("{file}.why")).unwrap()).unwrap();
    let mut body = parcel(std::slice::from_ref(&envelope));
    body["words"] = json!([base64(words[0].to_string().as_bytes())]);
    // The disk of the ledger has 24 MiB.
    let aside = stage.root().join("aside");
    let moved = |from: &Path, to: &Path| {
        let mut copy = stage.program("cp");
        Output::of(copy.arg("-a").arg(from.join(".")).arg(to)).ok();
    };
    fs::create_dir(&aside).unwrap();
    moved(&stage.ledger(), &aside);
    let Some(mount) = Mount::at(stage.ledger(), "size=24m,mode=700") else { return };
    moved(&aside, &stage.ledger());
    fs::remove_dir_all(stage.ledger().join("blobs")).unwrap();
    let running = Running::start(&stage);
    assert_eq!(running.get("/healthz").status, 200);
    let filler = mount.0.join("filler");
    fill(&filler, 0);
    for _ in 0..2 {
        let answer = running.post(&body);
        assert_eq!((answer.status, error(&answer).as_str()), (503, "UNAVAILABLE"));
        assert!(!String::from_utf8_lossy(&answer.body).contains(stage.root().to_str().unwrap()));
        assert_eq!(running.get("/healthz").status, 503);
    }
    fs::remove_file(&filler).unwrap();
    healthy(&running);
    let answered = answers(&running.post(&body));
    entry(&stage, &envelope, &answered[0]);
    let (status, log) = running.end();
    assert_eq!(status, Some(0));
    // Where it is full is told to whoever runs it.
    assert!(
        log.contains("No space left") && log.contains(stage.ledger().to_str().unwrap()),
        "{log}"
    );
}

/// Content that is broken on its way is not told as too large.
#[test]
fn chunks_that_are_none_are_malformed() {
    let stage = Stage::begun("serve-chunks");
    let sha256 = countersign::base::digest::ContentDigest::of(b"gate");
    let table = "[[ledger.\"localhost/shop\".serve.token]]";
    let token = format!("{table}\nname = \"ci\"\nsha256 = \"{sha256}\"\nmay = [\"gate\"]\n");
    settings(&stage, &format!("{OPEN}{token}"));
    let running = Running::start(&stage);
    for path in ["/v1/gate", "/v1/statements"] {
        let mut stream = connect(&running);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer gate\r\n\
             content-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let said = rest(stream);
        assert!(said.starts_with("HTTP/1.1 400") && said.contains("MALFORMED"), "{path}: {said}");
    }
    assert_eq!(running.end().0, Some(0));
}
