//! The release that the gate names while the ledger is away is one that it lets through
//! (`spec/away.md` section 3): the server is really stopped, and what is printed is typed.

use crate::away::{Outage, POLICY, words};
use crate::serving::Serving;

/// Asks about a commit that nobody signed off, types the way back that is told, and gives the
/// release that it names.
#[track_caller]
fn followed(outage: &Outage, told: &str) -> String {
    let there = outage.there();
    outage.stage.git(["checkout", "-q", "--detach", &outage.third]);
    let refused = there.run("ada", &["gate", "--", "true"]);
    refused.refused(4, "cannot be reached");
    let talk = words(&refused.talk);
    let way = format!("{told} passes: git checkout --detach ");
    let (_, way) = talk.split_once(&way).unwrap_or_else(|| panic!("{way}: {talk}"));
    let (release, way) = way.split_once(" && ").unwrap();
    assert!(way.starts_with("countersign gate -- CMD"), "{way}");
    outage.stage.git(["checkout", "-q", "--detach", release]);
    there.run("ada", &["gate", "--", "true"]).ok();
    release.to_owned()
}

fn hand_in(outage: &Outage) {
    let serving = Serving::start_at(&outage.stage, &outage.address);
    outage.there().run("ada", &["submit", "--spooled"]).ok();
    serving.kill();
}

/// What was rolled back from lies ahead of what is settled: what lies behind it is named.
#[test]
fn after_a_rollback() {
    let (outage, serving) = Outage::new("back-rollback", None);
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    outage.release("four");
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    outage.there().run("ada", &["gate", "--", "true"]).ok();
    serving.kill();
    assert_eq!(followed(&outage, "what was live before"), outage.first[..10]);
}

/// What went ahead in the outage before settled nothing: no way leads in a circle.
#[test]
fn after_an_unsettled_deployment() {
    let (outage, serving) = Outage::new("back-unsettled", None);
    serving.kill();
    for release in [&outage.first, &outage.second] {
        outage.stage.git(["checkout", "-q", "--detach", release]);
        outage.there().run("ada", &["gate", "--", "true"]).ok();
    }
    hand_in(&outage);
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    outage.there().run("ada", &["gate", "--", "true"]).refused(4, "cannot be reached");
    // What was gone back to is live the second time.
    for told in ["what was live before", "what is live"] {
        assert_eq!(followed(&outage, told), outage.first[..10]);
        hand_in(&outage);
    }
}

/// What an override let through settled nothing either; and what is live is named where nothing
/// else passes.
#[test]
fn after_an_override() {
    let (outage, serving) = Outage::new("back-override", None);
    let there = outage.there();
    outage.stage.git(["checkout", "-q", "--detach", &outage.first]);
    there.run("ada", &["gate", "--", "true"]).ok();
    serving.kill();
    assert_eq!(followed(&outage, "what is live"), outage.first[..10]);
    let serving = Serving::start_at(&outage.stage, &outage.address);
    outage.stage.git(["checkout", "-q", "--detach", &outage.third]);
    there.run("ada", &["override", "-m", "all is down", "--service", "shop", "-y"]).ok();
    there.run("ada", &["gate", "--", "true"]).ok();
    serving.kill();
    outage.stage.as_user("ben").commit("five", "5\n", "Five");
    assert_eq!(followed(&outage, "what was live before"), outage.first[..10]);
}

/// Where no release passes, none is named.
#[test]
fn none_is_named_that_does_not_pass() {
    let (outage, serving) = Outage::new("back-none", None);
    let there = outage.there();
    let policy = format!("{POLICY}artifact = \"required\"\n");
    let policy = outage.stage.write(outage.stage.root().join("required.toml"), &policy);
    there.run("ada", &["policy", "apply", policy.to_str().unwrap(), "-y"]).ok();
    serving.kill();
    let refused = there.run("ada", &["gate", "--", "true"]);
    refused.refused(4, "cannot be reached");
    let talk = words(&refused.talk);
    assert!(talk.contains("no ledger is needed") && !talk.contains("git checkout"), "{talk}");
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    there.run("ada", &["gate", "-n"]).refused(4, "cannot be reached");
}
