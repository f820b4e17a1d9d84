//! `gate -o F.bundle` and `verify F.bundle`, as whole processes.

use countersign::statement::Says;
use countersign::statement::words::ApprovalVerdict;

use crate::second;
use crate::stage::*;

/// `spec/bundle.md`: one change, signed off, and verified where there is nothing but a trust root.
#[test]
fn a_verdict_is_repeated_elsewhere() {
    let stage = Stage::new("repeated");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &[]).expect(0, &["YES", "bundle:", "compact"]);
    let said = stage.verify("a.bundle", &[]);
    said.expect(0, &["YES", "is signed off", "attested by gate at size 2", "no reject stands"]);
    let json = stage.verify("a.bundle", &["--json"]).json();
    let file = &json["files"][0];
    assert_eq!(file["answer"], "YES");
    assert_eq!(file["proves"], "compact verdict");
    let lines = file["lines"].as_array().unwrap();
    let rests = |code: &str| {
        let line = lines.iter().find(|line| line["code"] == code).unwrap();
        line["rests"].as_str().unwrap().to_owned()
    };
    for proved in ["ENTRIES", "GOVERNANCE", "SIGN_OFFS", "DECISION", "CHAIN", "AUTHORS", "START"] {
        assert_eq!(rests(proved), "proved", "{proved}");
    }
    for attested in ["CHANGES", "NO_REJECT", "NEWEST_POLICY", "NEWEST_START", "TIME", "COMPLETE"] {
        assert_eq!(rests(attested), "attested", "{attested}");
    }
    assert_eq!(lines.last().unwrap()["code"], "BEFORE");
    assert_eq!(lines.last().unwrap()["by"], "the admins in entry 0");
}

/// A denial is repeated as one, with its reasons.
#[test]
fn a_denial_stays_one() {
    let stage = Stage::new("denial");
    stage.commit("src/a", "1\n");
    stage.gate("a.bundle", &[]).expect(1, &["NO", "bundle:"]);
    stage.verify("a.bundle", &[]).expect(1, &["NO", "NEEDS_SIGN_OFF"]);
    // The same denial once more is the same entry, and the same bundle but for the checkpoint.
    stage.gate("b.bundle", &[]).expect(1, &["NO"]);
    stage.verify("b.bundle", &[]).expect(1, &["NO", "NEEDS_SIGN_OFF"]);
    assert_eq!(stage.decisions().len(), 1);
}

/// ATTACKS 16: where nothing was recorded, nobody attests, and the answer is no.
#[test]
fn attack_16_nobody_attests_what_was_not_recorded() {
    let stage = Stage::new("unattested");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &["-n"]).expect(0, &["YES"]);
    stage.verify("a.bundle", &[]).expect(1, &["NO", "UNATTESTED", "nobody"]);
}

/// A full bundle proves the link from commits to changes; a repository proves that of a compact
/// one.
#[test]
fn objects_prove_what_a_compact_bundle_attests() {
    let stage = Stage::new("full");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("c.bundle", &[]).expect(0, &["YES"]);
    let said = stage.gate("f.bundle", &["--full"]);
    said.expect(0, &["YES", "source code", "full"]);
    let rests = |said: crate::library::Said, code: &str| {
        let json = said.json();
        let lines = json["files"][0]["lines"].as_array().unwrap().clone();
        let line = lines.iter().find(|line| line["code"] == code).unwrap();
        line["rests"].as_str().unwrap().to_owned()
    };
    for (code, compact, full) in [
        ("CHANGES", "attested", "proved"),
        ("DIFFERENCE", "attested", "proved"),
        ("FACTS", "attested", "proved"),
        ("MERGES", "attested", "attested"),
        ("NO_REJECT", "attested", "attested"),
    ] {
        assert_eq!(rests(stage.verify("c.bundle", &["--json"]), code), compact, "{code}");
        assert_eq!(rests(stage.verify("f.bundle", &["--json"]), code), full, "{code}");
    }
    let repository = stage.repository();
    let repository = ["--json", "--repo", repository.to_str().unwrap()];
    for code in ["CHANGES", "DIFFERENCE", "FACTS", "MERGES", "BROUGHT_IN"] {
        assert_eq!(rests(stage.verify("c.bundle", &repository), code), "proved", "{code}");
    }
    assert_eq!(rests(stage.verify("c.bundle", &repository), "NO_REJECT"), "attested");
}

/// Section 6: bundles of one deployment after the other lead from the baseline without a gap.
#[test]
fn bundles_join_into_a_lineage() {
    let stage = Stage::new("lineage");
    let names = ["a.bundle", "b.bundle", "c.bundle"];
    for (at, name) in names.iter().enumerate() {
        let tip = stage.commit("src/a", &format!("{at}\n"));
        stage.approve("ada", &tip);
        let before = at.checked_sub(1).map(|at| stage.file(names[at]));
        let mut more = Vec::new();
        if let Some(before) = &before {
            more.extend(["--after", before.to_str().unwrap()]);
        }
        more.extend(["--", "true"]);
        stage.gate(name, &more).expect(0, &["YES"]);
    }
    let all = |names: &[&str], since: &str| {
        let mut arguments = vec!["verify".to_owned()];
        arguments.extend(names.iter().map(|name| stage.file(name).display().to_string()));
        let trust = stage.file("trust.toml").display().to_string();
        arguments.extend(["--trust".to_owned(), trust, "--since".to_owned(), since.to_owned()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = elsewhere(&stage.root, &arguments);
        if let Some(status) = second::status(&arguments[1..]) {
            assert_eq!(status, said.status, "{arguments:?}: {said:?}");
        }
        said
    };
    all(&names, "baseline").expect(0, &["3 bundles lead from baseline", "without a gap"]);
    let second = stage.bundle("b.bundle").evidence.settled[0].points[0].entry.index;
    all(&names[1..], &second.to_string()).expect(0, &["2 bundles lead", "without a gap"]);
    all(&names[1..], "baseline").expect(1, &["NO", "starts at entry"]);
    all(&["a.bundle", "c.bundle"], "baseline").expect(3, &["TAMPERED", "another bundle"]);
    all(&["c.bundle", "b.bundle"], "baseline").expect(1, &["NO"]);
    all(&names, "yesterday").expect(2, &["baseline"]);
}

/// `max_age` (`spec/settings.md`): an old yes is none.
#[test]
fn a_stale_bundle_is_no_answer() {
    let stage = Stage::new("stale");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &[]).expect(0, &["YES"]);
    let pinned = std::fs::read_to_string(stage.file("trust.toml")).unwrap();
    let with = |age: &str| {
        let text = format!("{pinned}max_age = \"{age}\"\n");
        countersign::verify::trust::TrustRoot::parse(text.as_bytes()).unwrap()
    };
    let bundle = stage.bundle("a.bundle");
    let decided = bundle.evidence.question.time;
    let at = |trust: &countersign::verify::trust::TrustRoot, later: u64| {
        let now =
            countersign::base::time::Timestamp::from_milliseconds(decided.milliseconds() + later);
        countersign::verify::bundle::check(&bundle, trust, now).unwrap()
    };
    let hour = 3_600_000;
    assert!(at(&with("1h"), hour - 1).is_yes());
    assert_eq!(at(&with("1h"), hour).reasons(), ["STALE"]);
    assert!(at(&stage.trust, 1_000 * hour).is_yes());
}

/// What is written is damaged on the way.
#[test]
fn what_was_changed_is_tampered() {
    let stage = Stage::new("changed");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    stage.gate("a.bundle", &[]).expect(0, &["YES"]);
    let text = std::fs::read_to_string(stage.file("a.bundle")).unwrap();
    for (from, to, code) in [
        ("\"position\":\"linear\"", "\"position\":\"behind\"", "ATTESTATION"),
        ("\"size\":2", "\"size\":1e0", "FORM"),
        ("\"entries\":[{\"index\":0,", "\"entries\":[ {\"index\":0,", "FORM"),
        ("\"blobs\":[", "\"blobs\":[\"\",", "BLOB"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(stage.file("b.bundle"), text.replacen(from, to, 1)).unwrap();
        stage.verify("b.bundle", &[]).expect(3, &["TAMPERED", code]);
    }
    std::fs::write(stage.file("b.bundle"), &text[1..]).unwrap();
    stage.verify("b.bundle", &[]).expect(2, &["proves nothing"]);
}

/// A gate that cannot write what it was asked for runs nothing.
#[test]
fn no_proof_no_deployment() {
    let stage = Stage::new("unwritten");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    let said = stage.gate("none/a.bundle", &["--", "touch", "../deployed"]);
    assert_ne!(said.status, 0, "{said:?}");
    assert!(!stage.root.join("deployed").exists());
    assert_eq!(stage.settled(), Some(stage.parent(&tip)), "what had begun failed");
    stage.gate("a.txt", &[]).expect(2, &[".bundle"]);
}

/// A reject that the gate saw denies, here and elsewhere.
#[test]
fn a_reject_denies_elsewhere_too() {
    let stage = Stage::new("reject");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    let Says::Approval(mut said) = stage.approval(&tip) else { unreachable!("an approval") };
    said.verdict = ApprovalVerdict::Reject;
    stage.say("dee", Says::Approval(said));
    stage.gate("a.bundle", &[]).expect(1, &["NO"]);
    stage.verify("a.bundle", &[]).expect(1, &["NO", "REJECTED"]);
}
