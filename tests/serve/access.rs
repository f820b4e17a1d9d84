//! Who may (`spec/server.md` sections 2 and 5): tokens, what is withheld, and rates.

use std::fmt::Write as _;

use countersign::base::digest::ContentDigest;
use countersign::base::limits::TOKEN_BYTES_MAX;

use crate::common::Stage;
use crate::running::*;

const READER: &str = "cmVhZGVyLXJlYWRlci1yZWFkZXItcmVhZGVyLXJlYQ";
const INSIDER: &str = "aW5zaWRlci1pbnNpZGVyLWluc2lkZXItaW5zaWRlcg";

/// A table of tokens and what each may.
fn tokens(list: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (token, may) in list {
        let sha256 = ContentDigest::of(token.as_bytes());
        let name = &token[..8];
        let table = "[[ledger.\"localhost/shop\".serve.token]]";
        writeln!(text, "{table}\nname = \"{name}\"\nsha256 = \"{sha256}\"\nmay = [{may}]").unwrap();
    }
    text
}

/// The status of a path, asked with that line.
fn status(running: &Running, path: &str, authorization: Option<&str>) -> u16 {
    let request = ureq::get(running.at(path)).config().http_status_as_error(false).build();
    let request = match authorization {
        Some(line) => request.header("authorization", line),
        None => request,
    };
    request.call().unwrap().status().as_u16()
}

/// Without settings nothing is read without a token; a token reads what it may.
#[test]
fn reading_takes_a_token_unless_it_is_open() {
    let stage = Stage::begun("serve-tokens");
    settings(&stage, &tokens(&[(READER, "\"read\""), (INSIDER, "\"read\", \"words\"")]));
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let log = ["/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1"];
    let words = ["/v1/salt", "/v1/queue?for=Ada"];
    let bearer = |token: &str| format!("Bearer {token}");
    let basic = |token: &str| format!("Basic {}", base64(format!("ada:{token}").as_bytes()));
    for path in log.iter().chain(&words) {
        assert_eq!(status(&running, path, None), 401, "{path}");
        assert_eq!(status(&running, path, Some(&bearer("unknown"))), 401, "{path}");
        assert_eq!(status(&running, path, Some("Bearer")), 401, "{path}");
    }
    for line in [bearer(READER), basic(READER)] {
        for path in log {
            assert_eq!(status(&running, path, Some(&line)), 200, "{path}");
        }
        for path in words {
            assert_eq!(status(&running, path, Some(&line)), 403, "{path}");
        }
        assert_eq!(status(&running, "/v1/salt", Some(&bearer(INSIDER))), 200);
    }
    // What is kept behind a token is kept by nobody between.
    let answer = ureq::get(running.at("/tile/0/000.p/1"));
    let answer = answer.header("authorization", bearer(READER)).call().unwrap();
    let cached = answer.headers()["cache-control"].to_str().unwrap();
    assert_eq!(cached, "private, max-age=31536000, immutable");
    // Handing in takes none, and neither does the health.
    assert_eq!(status(&running, "/healthz", None), 200);
    let answered = running.hand_in(&[ada.approves(1)]);
    assert!(answered[0]["receipt"].is_string());
    assert_eq!(running.end().0, Some(0));
}

/// What a token may not is told with its name in the log; as a password it only reads; one of
/// others' making is as long as settings take it.
#[test]
fn a_token_that_is_refused_is_told_as_what_it_is() {
    let stage = Stage::begun("serve-refused");
    let lengthy = "a".repeat(TOKEN_BYTES_MAX);
    let list = [(READER, "\"read\""), (INSIDER, "\"gate\""), (&lengthy, "\"read\"")];
    settings(&stage, &tokens(&list));
    let running = Running::start(&stage);
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(status(&running, "/checkpoint", Some(&bearer(&lengthy))), 200);
    assert_eq!(status(&running, "/checkpoint", Some(&bearer(&format!("{lengthy}a")))), 401);
    assert_eq!(status(&running, "/v1/salt", Some(&bearer(READER))), 403);
    let request = ureq::post(running.at("/v1/gate")).config().http_status_as_error(false).build();
    let basic = format!("Basic {}", base64(format!("ci:{INSIDER}").as_bytes()));
    let request = request.header("authorization", basic).header("content-type", JSON);
    let mut answer = request.send("{}").unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    assert!(text.contains("Authorization: Bearer") && !text.contains("not known"), "{text}");
    let log = running.end().1;
    let refused = log.lines().find(|line| line.contains("\"status\":403")).unwrap();
    assert!(refused.contains(&format!("\"token\":\"{}\"", &READER[..8])), "{log}");
    assert!(refused.contains("\"why\":\"this token may not read words\""), "{log}");
}

/// A rate is of a member, by a signature that holds: others who hand in what a member has signed
/// use up nothing of it.
#[test]
fn a_member_hands_in_at_a_rate_and_takes_nobody_elses() {
    let stage = Stage::begun("serve-rates");
    settings(&stage, &format!("{OPEN}member_statements_per_minute = 5\n"));
    let (ada, ben) = (Hand::of(&stage, "ada"), Hand::of(&stage, "ben"));
    let running = Running::start(&stage);
    let first: Vec<_> = (0..5).map(|number| ada.approves(number)).collect();
    running.hand_in(&first);
    let more = parcel(&[ada.approves(5)]);
    let request = ureq::post(running.at("/v1/statements")).config().http_status_as_error(false);
    let request = request.build().header("content-type", JSON);
    let answer = request.send(more.to_string()).unwrap();
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let answer = running.post(&more);
    assert_eq!((answer.status, error(&answer).as_str()), (429, "RATE"));
    // The same again is known, and somebody else is not held up.
    for _ in 0..5 {
        assert!(running.hand_in(&first)[0]["receipt"].is_string());
    }
    assert!(running.hand_in(&[ben.approves(5)])[0]["receipt"].is_string());
    // All or nothing: a request with one too many takes up nothing.
    let size = checkpoint(&stage, &running).size();
    let both = parcel(&[ben.approves(6), ada.approves(7)]);
    assert_eq!(running.post(&both).status, 429);
    assert_eq!(checkpoint(&stage, &running).size(), size);
    assert_eq!(running.end().0, Some(0));
}
