//! The vectors of `spec/slsa.md`: `COUNTERSIGN_BLESS=1 cargo test --test vectors_slsa` writes
//! `spec/vectors/slsa/` anew; else the files there are compared, byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/blessing.rs"]
mod blessing;
mod samples;

use std::collections::BTreeMap;

use blessing::{compare, compare_cases};
use countersign::base::encoding::{base64, unbase64};
use countersign::base::name::RepositoryUri;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::statement::envelope::Envelope;
use countersign::statement::provenance::Provenance;
use countersign::statement::summary::{About, ReadSummary, Summary};
use serde_json::json;

const URI: &str = "git+https://git.example/acme/shop";

fn summary() -> Summary {
    Summary {
        about: About::Source {
            revision: samples::revision("release"),
            branch: "refs/heads/main".parse().unwrap(),
        },
        resource: URI.parse().unwrap(),
        ledger: samples::entry(0).leaf,
        gate: samples::member("gate"),
        program: "countersign 0.1.0".parse().unwrap(),
        time: "2026-01-01T00:00:00.043Z".to_owned(),
        policy: (EntryIndex::new(0), samples::content("policy")),
        checkpoint: (TreeSize::new(44), samples::content("checkpoint")),
        entries: [0, 41, 43]
            .map(|index| (EntryIndex::new(index), samples::content(&format!("entry {index}"))))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        is_passed: true,
        is_two_party: true,
    }
}

/// Summaries of a commit and of an artifact, one that did not pass, and the key that signed them.
#[test]
fn our_vectors_of_summaries() {
    let artifacts = About::Artifacts(vec![samples::content("artifact")]);
    let artifacts = Summary {
        about: artifacts,
        resource: "pkg:oci/checkout?repository_url=registry.example/acme".parse().unwrap(),
        is_two_party: false,
        ..summary()
    };
    let failed = Summary { is_passed: false, is_two_party: false, ..summary() };
    for (name, summary) in [("source", summary()), ("artifact", artifacts), ("failed", failed)] {
        let payload = summary.to_payload();
        let mut bytes = samples::envelope(&payload, samples::GATE).to_canonical();
        bytes.push(b'\n');
        compare(&format!("slsa/{name}.vsa.json"), &bytes);
        let envelope = Envelope::parse(&bytes).unwrap();
        let found = ReadSummary::parse(envelope.payload()).unwrap();
        assert_eq!(found.is_passed, summary.is_passed, "{name}");
        if name == "source" {
            // The example of the spec is this one, but for line breaks.
            let spec = include_str!("../spec/slsa.md");
            let example = spec.split("<!-- summary -->").nth(1).unwrap();
            let lines: String = example.lines().map(str::trim).collect();
            assert_eq!(lines, String::from_utf8(payload).unwrap());
        }
    }
    let key = samples::signer(samples::GATE);
    let line = countersign::key::Signer::public_key(&key).to_openssh();
    compare("slsa/gate.pub", format!("{line}\n").as_bytes());
}

/// Provenances, what is asked of each, and the commit that it names, or none.
#[test]
fn our_vectors_of_provenances() {
    let good = samples::provenance();
    let file: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let payload = unbase64(file["payload"].as_str().unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    let commit = samples::revision("release").to_string();
    let item = payload.split("\"resolvedDependencies\":[").nth(1).unwrap();
    let item = &item[..=item.find("}}").unwrap() + 1];
    let with = |from: &str, to: &str| {
        assert!(payload.contains(from), "{from}");
        payload.replacen(from, to, 1)
    };
    let uri = format!("\"uri\":\"{URI}@refs/heads/main\"");
    let cases = [
        ("the one dependency that is the repository", payload.clone()),
        ("without a reference behind it", with(&uri, &format!("\"uri\":\"{URI}\""))),
        ("another beside it", with(item, &format!("{item},{{\"uri\":\"pkg:docker/rust\"}}"))),
        ("no dependency", with(item, "")),
        ("two that are", with(item, &format!("{item},{item}"))),
        ("a fork", with("acme/shop", "mallory/shop")),
        ("a longer name", with("acme/shop@", "acme/shopper@")),
        ("nothing behind the @", with("@refs/heads/main", "@")),
        ("another host", with("git.example/", "git.example@evil.example/")),
        ("only in externalParameters", {
            let moved = format!("\"externalParameters\":{{\"source\":{item}}}");
            with(item, "").replacen("\"externalParameters\":{}", &moved, 1)
        }),
        ("no commit", with("gitCommit", "sha1")),
        ("a short commit", with(&commit, &commit[..12])),
        ("a commit twice", {
            let member = format!("\"gitCommit\":\"{commit}\"");
            with(&member, &format!("{member},{member}"))
        }),
        ("another artifact", with(&samples::content("artifact").to_string(), &"0".repeat(64))),
        ("an older version", with("provenance/v1", "provenance/v0.2")),
        ("an older statement", with("Statement/v1", "Statement/v0.1")),
    ];
    let mut rows = Vec::new();
    let uri = RepositoryUri::new(URI).unwrap();
    for (why, payload) in cases {
        let mut file = file.clone();
        file["payload"] = json!(base64(payload.as_bytes()));
        let found = Provenance::parse(file.to_string().as_bytes())
            .and_then(|found| found.source(samples::content("artifact"), &uri));
        let found = found.ok().map(|commit| commit.to_string());
        let is_good = rows.len() < 3;
        assert_eq!(found.is_some(), is_good, "{why}");
        rows.push(json!({ "why": why, "payload": payload, "commit": found }));
    }
    compare_cases(
        "slsa/provenances.json",
        &format!(
            "payloads of provenances, and the commit that each names for the artifact {} of the \
             repository {URI}; null where it is refused",
            samples::content("artifact")
        ),
        &rows,
    );
}
