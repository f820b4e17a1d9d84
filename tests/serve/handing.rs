//! Handing in (`spec/server.md` section 3).

use std::fs;

use countersign::base::digest::ContentDigest;
use countersign::base::limits::REQUEST_STATEMENTS_MAX;
use countersign::statement::Says;
use countersign::statement::envelope::Envelope;
use serde_json::{Value, json};

use crate::common::Stage;
use crate::running::*;

/// A receipt for each statement, in order; the same again gets the same; what is refused is
/// answered beside what is taken up.
#[test]
fn statements_are_taken_up_and_answered() {
    let stage = Stage::begun("serve-handing");
    settings(&stage, OPEN);
    let (ada, ben) = (Hand::of(&stage, "ada"), Hand::of(&stage, "ben"));
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size().get();
    let first = [ada.approves(1), ben.approves(1)];
    let answered = running.hand_in(&first);
    assert_eq!(entry(&stage, &first[0], &answered[0]), size);
    assert_eq!(entry(&stage, &first[1], &answered[1]), size + 1);
    assert_eq!(checkpoint(&stage, &running).size().get(), size + 2);
    // A wrong signature, the same again, and twice in one request.
    let mut broken = ben.approves(2);
    let other = ben.approves(3);
    broken = Envelope::new(broken.payload().to_vec(), other.signatures().to_vec());
    let third = ada.approves(4);
    let mixed = [broken, first[0].clone(), third.clone(), third.clone()];
    let answered = running.hand_in(&mixed);
    assert_eq!(answered[0]["refused"], "BAD_SIGNATURE");
    assert_eq!(entry(&stage, &first[0], &answered[1]), size);
    assert_eq!(entry(&stage, &third, &answered[2]), size + 2);
    assert_eq!(entry(&stage, &third, &answered[3]), size + 2);
    assert_eq!(checkpoint(&stage, &running).size().get(), size + 3);
    let (status, log) = running.end();
    assert_eq!(status, Some(0), "{log}");
    // Every line of the log is JSON, and tells what became of each.
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let judged = lines.iter().filter(|line| line["event"] == "judged");
    let outcomes: Vec<_> = judged.map(|line| line["outcome"].as_str().unwrap()).collect();
    let expected = ["taken up", "taken up", "BAD_SIGNATURE", "known", "taken up", "taken up"];
    assert_eq!(outcomes, expected);
    stage.run(["ledger", "check"]).ok();
}

/// What a request is refused for as a whole, each with its status and code.
#[test]
fn requests_that_are_none_are_refused() {
    let stage = Stage::begun("serve-refused");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size();
    let good = parcel(&[ada.approves(1)]);
    let text = good.to_string();
    let url = running.at("/v1/statements");
    let envelope = good["envelopes"][0].clone();
    let many = |count| vec![envelope.clone(); count];
    for (body, why) in [
        (String::new(), "not a single JSON object"),
        ("[]".to_owned(), "not a single JSON object"),
        (format!("{text} "), "not a single JSON object"),
        ("{}".to_owned(), "envelopes"),
        (json!({"envelopes": []}).to_string(), "1 to 256"),
        (json!({"envelopes": many(REQUEST_STATEMENTS_MAX + 1)}).to_string(), "1 to 256"),
        (json!({"envelopes": [1]}).to_string(), "envelope 0"),
        (json!({"envelopes": [envelope, {}]}).to_string(), "envelope 1"),
        (text.replace("\"envelopes\"", "\"envelope\""), "unknown field"),
        (text.replacen('{', "{\"words\":null,", 1), "null"),
        (text.replacen('{', "{\"words\":[\"!\"],", 1), "word 0"),
        (text.replacen('{', "{\"words\":[\"e30=\"],", 1), "word 0"),
        (text.replacen('{', "{\"files\":[\"a\"],", 1), "file 0"),
        (text.replacen('{', "{\"envelopes\":[],", 1), "duplicate"),
    ] {
        let answer = client().post(&url, JSON, body.as_bytes()).unwrap();
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, error(&answer).as_str()), (400, "MALFORMED"), "{body}");
        assert!(said.contains(why), "{why:?} is not in {said}");
    }
    for kind in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded"] {
        let answer = client().post(&url, kind, text.as_bytes()).unwrap();
        assert_eq!((answer.status, error(&answer).as_str()), (415, "CONTENT_TYPE"));
    }
    let answer = client().get(&url).unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (405, "METHOD"));
    let answer = client().get(&running.at("/v1/nothing")).unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (404, "NOT_FOUND"));
    assert_eq!(checkpoint(&stage, &running).size(), size);
    let kind = "Application/JSON; charset=utf-8";
    assert_eq!(client().post(&url, kind, text.as_bytes()).unwrap().status, 200);
    let most = json!({"envelopes": many(REQUEST_STATEMENTS_MAX)}).to_string();
    assert_eq!(client().post(&url, JSON, most.as_bytes()).unwrap().status, 200);
    assert_eq!(running.end().0, Some(0));
}

/// Words and files are kept where the statement names them, and only then.
#[test]
fn what_travels_beside_is_kept_where_it_is_named() {
    let stage = Stage::with_branch("serve-beside");
    settings(&stage, OPEN);
    let file = stage.root().join("approval.json");
    let file = file.to_str().unwrap();
    let (cleo, change) = (stage.as_user("cleo"), stage.change_of("retry"));
    let said = ["approve", "retry", "-m", "it is well", "-y", "--expect", &change, "-o", file];
    cleo.run(said).ok();
    let envelope = Envelope::parse(&fs::read(file).unwrap()).unwrap();
    let words: Value = serde_json::from_slice(&fs::read(format!("{file}.why")).unwrap()).unwrap();
    let document = stage.run(["hash", "retry", "--document"]);
    let document = document.out.into_bytes();
    // Who signs where the ledger is keeps it there at once; this is somebody elsewhere.
    fs::remove_dir_all(stage.ledger().join("blobs")).unwrap();
    let running = Running::start(&stage);
    let stray = b"nobody names this";
    let stray_digest = ContentDigest::of(stray).to_string();
    let blob = |digest: &str| format!("/blobs/{}/{}", &digest[..2], &digest[2..]);
    assert_eq!(running.get(&blob(&change)).status, 404);
    let mut body = parcel(std::slice::from_ref(&envelope));
    body["words"] = json!([base64(words[0].to_string().as_bytes())]);
    body["files"] = json!([base64(stray), base64(&document)]);
    let answered = answers(&running.post(&body));
    entry(&stage, &envelope, &answered[0]);
    let served = running.get(&blob(&change));
    assert_eq!((served.status, served.body == document), (200, true));
    assert_eq!(running.get(&blob(&stray_digest)).status, 404);
    let opening: countersign::statement::commitment::Opening =
        serde_json::from_value(words[0].clone()).unwrap();
    let commitment = opening.commitment().unwrap();
    let opened = running.json(&format!("/v1/openings/{commitment}"));
    assert_eq!(opened, words[0]);
    assert_eq!(running.get(&format!("/v1/openings/{}", "0".repeat(64))).status, 404);
    assert_eq!(running.end().0, Some(0));
    let status = stage.run(["status", "retry"]);
    assert!(status.ok().contains("Cleo"), "{}", status.out);
}

/// What a revoked key brings is not kept: its statement is refused, and no entry names the file.
/// The same from a key in force is.
#[test]
fn what_a_revoked_key_brings_leaves_nothing_behind() {
    let stage = Stage::begun("serve-beside-revoked");
    settings(&stage, OPEN);
    let (ada, ben) = (Hand::of(&stage, "ada"), Hand::of(&stage, "ben"));
    stage.run(["key", "revoke", "ben", "--leaked-since", "1", "-y"]).ok();
    let running = Running::start(&stage);
    let document = b"a document of a change that is signed";
    let digest = ContentDigest::of(document);
    let path = digest.to_string();
    let path = format!("/blobs/{}/{}", &path[..2], &path[2..]);
    let hand_in = |hand: &Hand| {
        let mut body = parcel(&[hand.says(Says::Approval(approval(digest)))]);
        body["files"] = json!([base64(document)]);
        answers(&running.post(&body)).remove(0)
    };
    assert_eq!(hand_in(&ben)["refused"], "KEY_REVOKED");
    assert_eq!(running.get(&path).status, 404);
    assert!(hand_in(&ada)["receipt"].is_string());
    assert_eq!(running.get(&path).status, 200);
    // What another entry names stays, whoever brings it again.
    assert_eq!(hand_in(&ben)["refused"], "KEY_REVOKED");
    assert_eq!(running.get(&path).status, 200);
    assert_eq!(running.end().0, Some(0));
}
