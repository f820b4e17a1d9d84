//! What the commands answer on a sound ledger, as text and as JSON.

use std::fs;

use countersign::base::digest::ContentDigest;
use countersign::base::position::EntryIndex;
use countersign::key::Signer as _;
use countersign::statement::governance::{Operation, RevokeKey};
use countersign::statement::words::{Outcome, Revocation};
use countersign::verify::cover::Cover;

use super::stage::{Stage, git, key};

#[test]
fn the_log_is_newest_first_and_a_line_an_entry() {
    let mut stage = Stage::new("log", "enforce");
    let head = stage.change("two\n", "Retry card capture on gateway timeout", true);
    stage.deploy(&head);
    let text = stage.say(&["log"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("#5") && lines[0].contains("succeeded checkout"), "{text}");
    assert!(lines[2].contains("allow checkout"), "{text}");
    assert!(lines[3].contains("Ada Ruiz") && lines[3].contains("for shop main"), "{text}");
    assert!(lines[4].contains("#1841") && lines[4].contains("AI: assisted"), "{text}");
    let json = stage.json(&["log", "--kind", "approval"]);
    assert_eq!(json["size"], 6);
    assert_eq!(json["entries"][0]["entry"], 2);
    assert_eq!(json["entries"][0]["name"], "Ada Ruiz");
    let by = stage.json(&["log", "--by", "ben"]);
    assert_eq!(by["entries"].as_array().unwrap().len(), 1);
    for arguments in [&["log", "-2"][..], &["log", "-N", "2"]] {
        let (status, out, talk) = stage.run(arguments);
        assert_eq!(status, 0, "{talk}");
        assert!(out.lines().count() == 3 && talk.contains("--from 3"), "{out}{talk}");
    }
    let (status, _, talk) = stage.run(&["log", "--from", "6"]);
    assert!(status == 2 && talk.contains("there is no entry 6"), "{talk}");
}

#[test]
fn an_entry_is_shown_whole_and_its_raw_forms_exactly() {
    let mut stage = Stage::new("show", "enforce");
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    let text = stage.say(&["show", "#2"]);
    assert!(text.starts_with("Entry 2: approval by Ada Ruiz\n"), "{text}");
    assert!(text.contains("comment: read line by line"), "{text}");
    let json = stage.json(&["show", "2"]);
    assert_eq!(json["openings"][0]["text"], "read line by line");
    assert_eq!(json["payload"]["predicate"]["says"]["verdict"], "approve");
    let session = stage.session();
    let entry = session.entry(EntryIndex::new(2)).unwrap();
    let leaf = session.leaf(EntryIndex::new(2)).unwrap();
    drop(session);
    let exact = |flag| stage.run(&["show", "2", flag]).1.into_bytes();
    assert_eq!(exact("--payload"), entry.envelope().payload());
    assert_eq!(exact("--envelope"), entry.envelope().to_canonical());
    assert_eq!(exact("--leaf"), leaf);
    // The decision names the deployment that rests on it, and the other way round.
    assert_eq!(stage.json(&["show", "3"])["related"][2]["entry"], 4);
    assert_eq!(stage.json(&["show", "4"])["related"][0]["entry"], 3);
    // An opening that was deleted reads withheld; every proof is intact.
    fs::remove_dir_all(stage.ledger().join("openings")).unwrap();
    assert!(stage.say(&["show", "2"]).contains("comment: (withheld)"));
    assert!(stage.say(&["ledger", "check"]).starts_with("YES"));
    assert_eq!(stage.run(&["show", "6"]).0, 2);
}

#[test]
fn the_audit_says_who_signed_off_on_what_is_live() {
    let mut stage = Stage::new("audit", "enforce");
    let head = stage.change("two\n", "Retry card capture on gateway timeout", true);
    stage.deploy(&head);
    let text = stage.say(&["audit", "checkout"]);
    for part in [
        "Deployment 4: checkout ",
        "LIVE for",
        "gate  allowed, entry 3 by the gate, policy 1, enforced",
        "proved: judged again from ledger and repository",
        "1 change by 1 author, 1 AI-assisted; 1 exact, 0 carried",
        "Retry card capture on gateway timeout",
        "Ben Ito, mid (proved); AI: assisted (Claude Code), declared",
        "AI-assisted changes need a senior",
        "Ada Ruiz, senior, 20 Nov 2026 09:02 UTC, entry 2, exact",
        "comment: read line by line",
        "Not proved: that nothing reached production around the gate.",
        "operator trusted for completeness, order and time; ledger 6, UTC",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(text.lines().count() <= 24, "{text}");
    let json = stage.json(&["audit"]);
    let deployment = &json["deployments"][0];
    assert_eq!(deployment["settled"], true);
    assert_eq!(deployment["decision"]["basis"], "proved");
    assert_eq!(deployment["changes"][0]["judged_again"], true);
    assert_eq!(deployment["changes"][0]["signed"][0]["member"], "ada");
    assert_eq!(deployment["changes"][0]["match"], "exact");
    assert_eq!(deployment["back"]["may_roll_back"], false);
    assert_eq!(json["people"]["ada"], "Ada Ruiz");
    assert_eq!(json["scope"]["not_proved"], "that nothing reached production around the gate");
    // Entry, decision and outcome lead to the same deployment.
    for entry in ["#3", "#4", "#5", "4"] {
        assert!(stage.say(&["audit", entry]).starts_with("Deployment 4:"), "{entry}");
    }
    // Outside of the repository the gate's word is attested, not proved.
    let away = stage.home.join("away");
    fs::create_dir_all(&away).unwrap();
    let text = stage.say(&["audit", "checkout", "-C", away.to_str().unwrap()]);
    assert!(text.contains("attested by the gate") && text.contains("Ada Ruiz, senior"), "{text}");
}

/// What git blame gives is a commit, and the question is who signed that off.
#[test]
fn the_audit_of_a_commit_tells_what_brought_it_and_who_signed() {
    let mut stage = Stage::new("brought", "enforce");
    let first = stage.change("two\n", "First", true);
    let second = stage.change("three\n", "Second", true);
    stage.deploy(&second);
    let third = stage.change("four\n", "Third", true);
    stage.deploy(&third);
    for name in [first.as_str(), first.short(), "HEAD~2", "main~2"] {
        let text = stage.say(&["audit", name]);
        let said = format!("{} is live in checkout production: deployment ", &first.as_str()[..7]);
        assert!(text.starts_with(&said), "{name}: {text}");
        assert!(text.contains("brought it, in this change"), "{text}");
        assert!(text.contains("1 change by 1 author") && text.contains("First"), "{text}");
        assert!(!text.contains("Second") && !text.contains("Third"), "{text}");
        assert!(text.contains("Ada Ruiz, senior"), "{text}");
    }
    let json = stage.json(&["audit", "HEAD"]);
    assert_eq!(json["deployments"][0]["changes"][0]["last"], third.as_str());
    // The baseline's commit was there before: nobody was asked about it.
    let text = stage.say(&["audit", "HEAD~3"]);
    assert!(text.contains("it was there before deployment"), "{text}");
    // Nothing has this one, and what it needs is another question.
    git(&stage.work(), &["commit", "-q", "--allow-empty", "-m", "Fourth"]);
    let (status, _, told) = stage.run(&["audit", "HEAD"]);
    assert_eq!(status, 2, "{told}");
    assert!(told.contains("countersign status "), "{told}");
    let (_, _, told) = stage.run(&["audit", "checkout/a.txt"]);
    assert!(told.contains("countersign audit COMMIT"), "{told}");
}

#[test]
fn the_audit_knows_the_past() {
    let mut stage = Stage::new("past", "enforce");
    let first = stage.change("two\n", "First", true);
    stage.deploy(&first);
    let second = stage.change("three\n", "Second", true);
    stage.deploy(&second);
    let text = stage.say(&["audit", "checkout"]);
    assert!(text.starts_with("Deployment 9:") && text.contains("may be redeployed"), "{text}");
    // The clock of these ledgers starts on 20 Nov 2026 at 09:00 UTC, a minute an entry.
    let text = stage.say(&["audit", "checkout", "--at", "2026-11-20 09:06"]);
    assert!(text.starts_with("Deployment 4:"), "{text}");
    assert!(text.contains("As of 2026-11-20T09:06:00Z (UTC): 7 entries."), "{text}");
    let text = stage.say(&["audit", "checkout", "--at", "2026-11-20 10:06+01:00"]);
    assert!(text.starts_with("Deployment 4:"), "{text}");
    let text = stage.say(&["audit", "checkout", "--at", "2026-11-20T09:03:30Z"]);
    assert!(text.starts_with("Nothing of checkout was deployed to production"), "{text}");
    let period = stage.json(&["audit", "--from", "2026-11-20", "--to", "2026-11-20"]);
    assert_eq!(period["deployments"].as_array().unwrap().len(), 2);
    assert!(
        stage.say(&["audit", "--from", "2026-11-20"]).starts_with("2 deployments: 2 signed off")
    );
    assert_eq!(stage.run(&["audit", "--at", "soon"]).0, 2);
    // Nobody knows what will be live.
    let (status, _, told) = stage.run(&["audit", "checkout", "--at", "2999-11-29"]);
    assert_eq!(status, 2, "{told}");
    assert!(told.contains("2999-11-29 is still to come"), "{told}");
}

#[test]
fn what_became_known_later_is_said() {
    let mut stage = Stage::new("since", "enforce");
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    let leaked = key("ben").public_key().fingerprint();
    stage.govern(vec![Operation::RevokeKey(RevokeKey {
        key: leaked,
        cause: Revocation::Leaked,
        since: Some(EntryIndex::new(1)),
    })]);
    // The author's key took no permission: nothing changes. The signer's does.
    assert!(!stage.say(&["audit", "checkout"]).contains("Changed since"));
    // A withdrawal after the deployment is known to the report, and to the entry itself.
    assert_eq!(stage.withdraw(2).get(), 7);
    let text = stage.say(&["audit", "checkout"]);
    assert!(text.contains("entry 7: Ada Ruiz withdrew entry 2 of "), "{text}");
    assert_eq!(stage.json(&["show", "2"])["related"][0]["how"], "withdraws it");
    let own = key("ada").public_key().fingerprint();
    stage.govern(vec![Operation::RevokeKey(RevokeKey {
        key: own,
        cause: Revocation::Leaked,
        since: Some(EntryIndex::new(2)),
    })]);
    let text = stage.say(&["audit", "checkout"]);
    assert!(text.contains("Changed since"), "{text}");
    assert!(text.contains("entry 8: the key of Ada Ruiz had leaked"), "{text}");
    assert!(text.contains("would not count"), "{text}");
    let json = stage.json(&["audit", "checkout"]);
    assert_eq!(json["deployments"][0]["changed_since"][0]["kind"], "key_leaked");
    // As it was before the revocation, nobody knew.
    let before = stage.json(&["audit", "checkout", "--at", "2026-11-20 09:05"]);
    assert_eq!(before["deployments"][0]["changed_since"].as_array().unwrap().len(), 0);
}

#[test]
fn what_only_observation_let_through_stands_apart() {
    let mut stage = Stage::new("observe", "observe");
    let head = stage.change("two\n", "=HYPERLINK(\"http://evil.example\",\"x\")", false);
    stage.deploy(&head);
    let text = stage.say(&["audit", "checkout"]);
    for part in [
        "WOULD REFUSE",
        "What it brought was not signed off as policy 1 asks: NEEDS_LEVEL, NEEDS_SIGN_OFF",
        "1 change by 1 author, 1 AI-assisted; 1 not signed off",
        "1 of at least senior (AI-assisted changes need a senior), MISSING",
        "signed  nobody\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let json = stage.json(&["audit", "checkout"]);
    assert_eq!(json["deployments"][0]["changes"][0]["judged_again"], true, "{json:#}");
    assert_eq!(json["deployments"][0]["changes"][0]["covered"], false, "{json:#}");
    let text = stage.say(&["audit", "--from", "2026-11-20"]);
    assert!(text.starts_with("1 deployment: 0 signed off, 1 WOULD REFUSE"), "{text}");
    let json = stage.json(&["audit", "checkout"]);
    assert_eq!(json["deployments"][0]["would_refuse"], true);
    assert_eq!(json["deployments"][0]["settled"], false);
    // Without the repository the decision's own words are all that is known.
    let git = stage.work().join(".git");
    fs::rename(&git, stage.home.join("away")).unwrap();
    let text = stage.say(&["audit", "checkout"]);
    fs::rename(stage.home.join("away"), &git).unwrap();
    assert!(text.contains("not signed off as policy 1 asks: NEEDS_LEVEL"), "{text}");
    assert!(!text.contains("1 change by") && text.contains("attested by the gate"), "{text}");
    // ATTACKS 57: the title is text in every spreadsheet.
    let file = stage.home.join("report.csv");
    let (status, _, talk) = stage.run(&["audit", "checkout", "-o", file.to_str().unwrap()]);
    assert_eq!(status, 0, "{talk}");
    let csv = fs::read_to_string(&file).unwrap();
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\""), "{csv}");
}

/// The change that brought what is live, who signed it, and what is said of the commit.
fn brought(stage: &Stage) -> (serde_json::Value, String) {
    let json = stage.json(&["audit", "checkout"]);
    let live = json["deployments"][0].clone();
    assert_eq!(live["changes"].as_array().unwrap().len(), 1, "{live:#}");
    assert_eq!(live["changes"][0]["judged_again"], true, "{live:#}");
    let text = stage.say(&["audit", "checkout"]);
    assert!(text.contains("1 change by 1 author") && text.contains("Ada Ruiz, senior"), "{text}");
    (live, text)
}

#[test]
fn what_is_live_has_its_changes_also_where_the_commit_was_deployed_before() {
    let mut stage = Stage::new("again", "enforce");
    let first = stage.change("two\n", "First", true);
    // A deployment that failed, and the same commit once more.
    stage.deploy_and(&first, Outcome::Failed);
    let [_, good, _] = stage.deploy(&first);
    let (live, text) = brought(&stage);
    assert_eq!(live["entry"], good.get());
    assert_eq!(live["changes"][0]["title"], "First");
    // What failed, or is live, is nothing to go back to: only the baseline is left.
    assert!(live["back"]["entry"] == 0 && live["back"]["may_roll_back"] == false, "{text}");
    // Nobody knows how it ended, and it is deployed once more: its changes are those it had.
    let [_, unknown, _] = stage.deploy_and(&first, Outcome::Unknown);
    let [_, again, _] = stage.deploy(&first);
    let (live, text) = brought(&stage);
    assert_eq!(live["entry"], again.get());
    assert!(live["same_commit_as"]["entry"].as_u64().unwrap() < unknown.get(), "{text}");
    let same = format!("Same commit as deployment {}, which", live["same_commit_as"]["entry"]);
    assert!(text.contains(&same), "{text}");
    // Another commit, and back to the first.
    let second = stage.change("three\n", "Second", true);
    let [_, other, _] = stage.deploy(&second);
    let (live, _) = brought(&stage);
    assert_eq!(live["changes"][0]["title"], "Second");
    assert_eq!(live["back"]["entry"], again.get());
    let [_, rollback, _] = stage.deploy(&first);
    let (live, text) = brought(&stage);
    assert_eq!(live["entry"], rollback.get());
    assert_eq!(live["changes"][0]["title"], "First");
    assert!(text.contains("Same commit as deployment "), "{text}");
    assert_eq!(live["back"]["entry"], other.get());
    // What failed after it is neither live nor to go back to.
    stage.deploy_and(&second, Outcome::Failed);
    let third = stage.change("four\n", "Third", true);
    stage.deploy_and(&third, Outcome::Failed);
    let (live, _) = brought(&stage);
    assert_eq!((&live["entry"], &live["live"]), (&rollback.get().into(), &true.into()));
}

#[test]
fn a_baseline_that_is_deployed_again_brought_nothing() {
    let mut stage = Stage::new("baseline", "enforce");
    let head = stage.head();
    stage.deploy(&head);
    let text = stage.say(&["audit", "checkout"]);
    assert!(text.contains("It brought no change: same commit as the baseline, entry 0"), "{text}");
}

#[test]
fn reports_go_to_files_whose_ending_is_their_format() {
    let mut stage = Stage::new("files", "enforce");
    let head = stage.change("two\n", "Retry, once", true);
    stage.deploy(&head);
    let path = |name: &str| stage.home.join(name).to_str().unwrap().to_owned();
    let near = |name: &str| format!("../{name}");
    assert!(stage.say(&["audit", "checkout", "-o", &near("r.csv")]).contains("1 row of ledger 6"));
    let csv = fs::read_to_string(path("r.csv")).unwrap();
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("row,deployment_entry,time_utc,service,"), "{csv}");
    assert!(lines[1].starts_with("deployment,4,2026-11-20T09:04:00Z,checkout,production,"));
    assert!(lines[2].starts_with("change,4,") && lines[2].contains("\"Retry, once\""), "{csv}");
    assert!(lines[2].contains("Ada Ruiz (ada), senior"), "{csv}");
    stage.say(&["audit", "checkout", "-o", &near("r.json")]);
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(path("r.json")).unwrap()).unwrap();
    assert_eq!(written["deployments"][0]["entry"], 4);
    let (status, _, talk) = stage.run(&["audit", "checkout", "-o", &path("r.html")]);
    assert!(status == 2 && talk.contains(".json or .csv"), "{talk}");
}

#[test]
fn people_and_hashes_have_their_lists() {
    let mut stage = Stage::new("lists", "enforce");
    let head = stage.change("two\n", "Retry", true);
    stage.deploy(&head);
    let text = stage.say(&["audit", "ada"]);
    assert!(text.starts_with("Ada Ruiz (ada) signed 1 entry"), "{text}");
    // Of a commit that was deployed who signed is told; from elsewhere the entries about it.
    let text = stage.say(&["audit", &head.as_str()[..10]]);
    assert!(text.contains("is live in checkout production"), "{text}");
    let away = stage.home.join("away");
    fs::create_dir_all(&away).unwrap();
    let text = stage.say(&["audit", &head.as_str()[..10], "-C", away.to_str().unwrap()]);
    assert!(text.contains("5 entries"), "{text}");
    let (status, _, talk) = stage.run(&["audit", "nobody"]);
    assert!(status == 2 && talk.contains("services: checkout"), "{talk}");
}

#[test]
fn receipts_and_checkpoints_are_printed_exactly() {
    let mut stage = Stage::new("prove", "enforce");
    stage.change("two\n", "Retry", true);
    let note = stage.say(&["ledger", "checkpoint"]);
    assert!(note.starts_with("shop.example/ledger\n3\n"), "{note}");
    let receipt = stage.say(&["ledger", "prove", "1"]);
    assert!(receipt.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{receipt}");
    assert!(receipt.contains("\nindex 1\n"), "{receipt}");
    let file = stage.home.join("one.tlog-proof");
    stage.say(&["ledger", "prove", "#1", "-o", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), receipt);
    // As JSON the same bytes are a member of an object.
    let json = stage.json(&["ledger", "checkpoint"]);
    assert_eq!((&json["size"], &json["checkpoint"]), (&3.into(), &note.as_str().into()));
    let json = stage.json(&["ledger", "prove", "1"]);
    assert_eq!((&json["entry"], &json["receipt"]), (&1.into(), &receipt.as_str().into()));
    let json = stage.json(&["ledger", "prove", "1", "-o", file.to_str().unwrap()]);
    assert_eq!(json["file"], file.to_str().unwrap());
    // The receipt verifies against the leaf and the pinned key.
    let session = stage.session();
    let leaf = session.entry(EntryIndex::new(1)).unwrap().entry().leaf;
    let key = session.view().ledger().unwrap().keys[0].1.parse().unwrap();
    let opened = countersign::ledger::receipt::Receipt::open(
        receipt.as_bytes(),
        leaf,
        "shop.example/ledger",
        &key,
    );
    assert_eq!(opened.unwrap().index, EntryIndex::new(1));
    assert_ne!(ContentDigest::of(receipt.as_bytes()), ContentDigest::of(note.as_bytes()));
}

/// ATTACKS 17: whoever holds the gate's key can write an allow for what nobody signed off. An audit
/// judges again, and says so.
#[test]
fn attack_17_a_forged_decision_is_told_as_what_it_is() {
    let mut stage = Stage::new("forged", "enforce");
    let good = stage.change("two\n", "Good", true);
    stage.deploy(&good);
    let borrowed = Cover::of(&[], &[]);
    let evil = stage.change("three\n", "Evil", false);
    stage.forge(&evil, &borrowed);
    let (status, out, _) = stage.run(&["audit", "checkout"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("WARNING: judged again from ledger and repository"), "{out}");
    assert!(!out.contains("proved: judged again"), "{out}");
    assert!(out.contains("Evil"), "what it brought is told all the same\n{out}");
}
