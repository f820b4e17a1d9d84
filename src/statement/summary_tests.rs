//! Tests of summaries: what is written is read back, and what others write is read too.

use super::*;

fn sample() -> Summary {
    Summary {
        about: About::Source {
            revision: Revision::new("8f70009fde0c94ade6ce2a054b94718c819126ec").unwrap(),
            branch: ReferenceName::new("refs/heads/main").unwrap(),
        },
        resource: Uri::new("git+https://git.example/acme/shop").unwrap(),
        ledger: LeafHash::from_bytes([0x20; 32]),
        gate: MemberId::new("gate").unwrap(),
        program: ToolName::new("countersign 0.1.0").unwrap(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        policy: (EntryIndex::new(0), ContentDigest::of(b"policy")),
        checkpoint: (TreeSize::new(7), ContentDigest::of(b"checkpoint")),
        entries: BTreeMap::from([(EntryIndex::new(6), ContentDigest::of(b"decision"))]),
        is_passed: true,
        is_two_party: true,
    }
}

fn read(summary: &Summary) -> ReadSummary {
    ReadSummary::parse(&summary.to_payload()).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let found = read(&sample());
    assert_eq!(found.subjects, ["gitCommit:8f70009fde0c94ade6ce2a054b94718c819126ec"]);
    assert_eq!(found.source_refs, ["refs/heads/main"]);
    assert_eq!(found.verifier, format!("urn:countersign:gate:{}:gate", "20".repeat(32)));
    assert_eq!(found.time.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(found.resource, "git+https://git.example/acme/shop");
    assert_eq!(found.policy, format!("urn:countersign:policy:{}:0", "20".repeat(32)));
    assert!(found.is_passed);
    assert_eq!(found.levels, ["SLSA_SOURCE_LEVEL_UNEVALUATED", TWO_PARTY]);
    let artifact = ContentDigest::of(b"image");
    let about = About::Artifacts(vec![artifact]);
    let found = read(&Summary { about, is_two_party: false, ..sample() });
    assert_eq!(found.subjects, [format!("sha256:{artifact}")]);
    assert_eq!(found.levels, ["SLSA_BUILD_LEVEL_UNEVALUATED"]);
    // What failed has no level, whoever took part.
    let found = read(&Summary { is_passed: false, ..sample() });
    assert_eq!((found.is_passed, found.levels), (false, vec!["FAILED".to_owned()]));
}

/// Members that are not known are passed over; one that stands twice is refused (ATTACKS 36).
#[test]
fn others_may_say_more_but_nothing_twice() {
    let good = String::from_utf8(sample().to_payload()).unwrap();
    let more = good.replacen("\"policy\":", "\"x\":[null,true],\"policy\":", 1);
    assert_eq!(ReadSummary::parse(more.as_bytes()), ReadSummary::parse(good.as_bytes()));
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for other in [
        replace("\"gitCommit\":", "\"gitCommit\":\"00\",\"gitCommit\":"),
        replace(
            "\"verificationResult\"",
            "\"verificationResult\":\"FAILED\",\"verificationResult\"",
        ),
        replace("\"PASSED\"", "\"passed\""),
        replace("verification_summary/v1", "verification_summary/v2"),
        replace("Statement/v1", "Statement/v0.1"),
        replace("\"verifiedLevels\"", "\"verifiedLevel\""),
        replace("\"policy\":", "\"y\":1.5,\"policy\":"),
        format!("{good}\n"),
    ] {
        assert!(ReadSummary::parse(other.as_bytes()).is_err(), "{other}");
    }
    let bytes = good.into_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        drop(ReadSummary::parse(&damaged));
        drop(ReadSummary::parse(&bytes[..at]));
    }
}
