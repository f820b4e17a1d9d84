//! Section 2: what entries give cause for.

use countersign::base::limits::ALARM_ENTRIES_MAX;
use countersign::base::position::EntryIndex;
use countersign::key::Signer as _;
use countersign::session::MirrorPlace;
use countersign::statement::break_glass::Drill;
use countersign::statement::governance::{Operation, RevokeKey, SetPolicy};
use countersign::statement::words::Revocation;
use countersign::verify::cover::Cover;

use crate::stage::key;
use crate::support::append_many;
use crate::watched::Watched;

#[test]
fn nothing_is_raised_where_all_is_well() {
    let mut watched = Watched::new("well");
    let looked = watched.publish_and_look().expect(0, &[]);
    assert!(looked.talk.contains("7 entries judged; all is well"), "{}", looked.talk);
    watched.look().expect(0, &[]);
    let head = watched.stage.change("three\n", "More", true);
    watched.stage.deploy(&head);
    append_many(&mut watched.stage.session(), 600, 300);
    watched.publish_and_look().expect(0, &[]);
    // The copy is a ledger's folder, and good; questions are answered from it, and nothing else.
    let copy = watched.folder();
    let (_, out, talk) = watched.stage.run_on(&copy, &["ledger", "check"]);
    assert!(out.contains("entries good  612 of 612"), "{out} {talk}");
    let private = watched.stage.home.join("private");
    let place = MirrorPlace { folder: watched.mirror(), openings: Some(private.clone()) };
    watched.stage.session().mirror_to(&place, true).unwrap();
    watched.look_with(&["--openings", private.to_str().unwrap()]).expect(0, &[]);
    let (status, out, talk) = watched.stage.run_on(&copy, &["log"]);
    assert_eq!(status, 0, "{out} {talk}");
    assert!(out.contains("#611"), "{out}");
    let before = watched.stage.session().size();
    let arguments = ["roster", "add", "Eve", "--public-key", "eve.pub", "-y"];
    let (status, ..) = watched.stage.run_on(&copy, &arguments);
    assert_ne!(status, 0);
    assert_eq!(watched.stage.session().size(), before);
}

#[test]
fn an_override_is_told_and_a_drill_is_not() {
    let mut watched = Watched::new("override");
    watched.publish_and_look().expect(0, &[]);
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, Some(Drill));
    let entry = watched.break_glass(&head, None);
    let looked = watched.publish_and_look().expect(1, &["OVERRIDE"]);
    let alarm = &looked.alarms[0];
    assert_eq!(alarm["type"], "countersign alarm v1");
    assert_eq!(alarm["level"], "notice");
    assert_eq!(alarm["entry"].as_u64().unwrap(), entry.get());
    assert_eq!(alarm["ledger"].as_str().unwrap(), watched.stage.trust.ledger().to_string());
    assert_eq!(alarm["id"].as_str().unwrap().len(), 64);
    let statement = watched.stage.session().entry(entry).unwrap().id().to_string();
    assert_eq!(alarm["evidence"]["statement"].as_str().unwrap(), statement);
    // What was told is not told again.
    watched.look().expect(0, &[]);
}

#[test]
fn a_weaker_policy_is_told() {
    let mut watched = Watched::new("weaker");
    watched.publish_and_look().expect(0, &[]);
    let text = watched.stage.session().view().policy().unwrap().text.clone();
    let set = |text: String| vec![Operation::SetPolicy(SetPolicy { text })];
    watched.stage.govern(set(text.replace("\"enforce\"", "\"observe\"")));
    let looked = watched.publish_and_look().expect(1, &["WEAKENED"]);
    let weaker = looked.alarms[0]["evidence"]["weaker"].as_array().unwrap();
    assert!(weaker.iter().any(|one| one.as_str().unwrap().contains("observe")), "{weaker:?}");
    // The other way round is no alarm.
    watched.stage.govern(set(text));
    watched.publish_and_look().expect(0, &[]);
}

#[test]
fn what_a_leaked_key_had_signed_is_told() {
    let mut watched = Watched::new("leaked");
    let first = watched.stage.session().size().get();
    append_many(&mut watched.stage.session(), ALARM_ENTRIES_MAX as u64 + 1, 50);
    let revoke = |name: &str, since: u64| {
        let (key, since) = (key(name).public_key().fingerprint(), Some(EntryIndex::new(since)));
        vec![Operation::RevokeKey(RevokeKey { key, cause: Revocation::Leaked, since })]
    };
    // Ben has signed nothing since; what ada has signed is listed, up to the limit.
    watched.stage.govern(revoke("ben", first));
    watched.stage.govern(revoke("ada", first));
    let looked = watched.publish_and_look().expect(1, &["LEAKED_KEY"]);
    let evidence = &looked.alarms[0]["evidence"];
    assert_eq!(evidence["count"].as_u64().unwrap(), ALARM_ENTRIES_MAX as u64 + 1);
    assert_eq!(evidence["entries"].as_array().unwrap().len(), ALARM_ENTRIES_MAX);
    assert_eq!(evidence["entries"][0].as_u64().unwrap(), first);
}

/// The gate allows what nobody signed off: its own cover does not hold.
#[test]
fn a_decision_that_its_cover_does_not_support_is_told() {
    let mut watched = Watched::new("cover");
    watched.publish_and_look().expect(0, &[]);
    let head = watched.stage.change("three\n", "More", false);
    let cover = |approval: u64| {
        let text = format!(
            "{{\"type\":\"countersign cover v1\",\"segments\":[{{\"change\":\"{}\",\"first\":\
             \"{head}\",\"last\":\"{head}\",\"approvals\":[{approval}],\"match\":\"exact\",\
             \"carried\":[]}}],\"contained\":[]}}",
            "0".repeat(64)
        );
        Cover::parse(text.as_bytes()).unwrap()
    };
    for (approval, why) in [
        // The genesis; the sign-off of another change; what is not there.
        (0, "is no sign-off"),
        (3, "does not approve what was deployed"),
        (9_999, "was not there for the gate to see"),
    ] {
        let [decision, ..] = watched.stage.forge(&head, &cover(approval));
        let looked = watched.publish_and_look().expect(3, &["UNSUPPORTED"]);
        let alarm = &looked.alarms[0];
        assert_eq!(alarm["entry"].as_u64().unwrap(), decision.get());
        assert!(alarm["what"].as_str().unwrap().contains(why), "{alarm}");
    }
}

#[test]
fn a_deployment_that_nothing_supports_is_told_where_the_policy_enforces() {
    let mut watched = Watched::new("unasked");
    watched.publish_and_look().expect(0, &[]);
    let head = watched.stage.change("three\n", "More", false);
    let entry = watched.deploy_by(&head, None);
    let looked = watched.publish_and_look().expect(3, &["UNSUPPORTED"]);
    assert_eq!(looked.alarms[0]["entry"].as_u64().unwrap(), entry.get());
    // Nobody is told of it where nothing is refused.
    let text = watched.stage.session().view().policy().unwrap().text.clone();
    let text = text.replace("\"enforce\"", "\"observe\"");
    watched.stage.govern(vec![Operation::SetPolicy(SetPolicy { text })]);
    watched.deploy_by(&head, None);
    watched.publish_and_look().expect(1, &["WEAKENED"]);
}

/// Two went ahead while the ledger was away, each by a yes of the gate: that the first was settled
/// meanwhile is no lack of support. What was taken back meanwhile is, and so is another revision.
#[test]
fn a_deployment_that_another_overtook_is_a_notice() {
    let mut watched = Watched::new("overtaken");
    let head = watched.stage.change("three\n", "More", true);
    let [decision, ..] = watched.stage.deploy(&head);
    watched.publish_and_look().expect(0, &[]);
    let entry = watched.deploy_by(&head, Some(decision));
    let looked = watched.publish_and_look().expect(1, &["UNSETTLED"]);
    let alarm = &looked.alarms[0];
    assert_eq!(alarm["level"], "notice");
    assert_eq!(alarm["entry"].as_u64().unwrap(), entry.get());
    let what = alarm["what"].as_str().unwrap();
    assert!(what.contains(&format!("allowed by entry {decision}")), "{what}");
    let other = watched.stage.change("four\n", "Others", false);
    watched.deploy_by(&other, Some(decision));
    watched.publish_and_look().expect(3, &["UNSUPPORTED"]);
    watched.stage.withdraw(3);
    watched.deploy_by(&head, Some(decision));
    watched.publish_and_look().expect(3, &["UNSUPPORTED"]);
}
