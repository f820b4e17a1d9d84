//! Overrides in files where the ledger is away (`spec/away.md` section 3, point 2).

use crate::away::{Outage, words};
use crate::serving::Serving;

/// What is signed off may go ahead without the ledger by an override that is in force for it, and
/// by no other file; what went ahead so is recorded by the override, and owed.
#[test]
fn only_what_is_in_force_opens_the_gate() {
    let (outage, serving) = Outage::new("glass-force", None);
    let there = outage.there();
    let root = outage.stage.root();
    there.run("cleo", &["queue"]).ok();
    outage.stage.git(["reset", "-q", "--hard", &outage.second]);
    let commit = outage.signed_off("four");
    there.run("ada", &["gate", "-n"]).ok();
    serving.kill();
    let ran = root.join("ran").to_str().unwrap().to_owned();
    let deploy = |file: &str| there.run("ada", &["gate", "--override", file, "--", "touch", &ran]);
    let sign = |who: &str, name: &str, more: &[&str]| {
        let file = root.join(name).to_str().unwrap().to_owned();
        let base = ["override", "-m", "all is down", "-o", &file, "-y"];
        there.run(who, &[&base[..], more].concat()).ok();
        file
    };
    let shop = ["--service", "shop"];
    for (name, who, more, why) in [
        ("duty", "cleo", &shop[..], "does not have the duty override"),
        ("revision", "ada", &[&shop[..], &[&outage.first]].concat(), "another revision"),
        ("drill", "ada", &[&shop[..], &["--drill"]].concat(), "it is a drill"),
        ("late", "ada", &[&shop[..], &["--for", "1s"]].concat(), "it ran out"),
        ("environment", "ada", &[&shop[..], &["--env", "staging"]].concat(), "environment"),
        ("service", "ada", &["--service", "other"][..], "another service"),
    ] {
        let file = sign(who, name, more);
        if name == "late" {
            std::thread::sleep(std::time::Duration::from_millis(1_050));
        }
        let refused = deploy(&file);
        let told = words(refused.expect_status(1));
        assert!(told.starts_with("NO") && told.contains(&file) && told.contains(why), "{told}");
        assert!(!root.join("ran").exists(), "{name}");
        // Nor beside one that is.
        let good = sign("ada", &format!("{name}.good"), &shop);
        let both = ["gate", "-n", "--override", &good, "--override", &file];
        there.run("ada", &both).expect_status(1);
    }
    // Without any the copy's own yes is no way.
    there.run("ada", &["gate", "-n"]).refused(4, "cannot be reached");
    let file = sign("ada", "good", &shop);
    let passed = deploy(&file);
    assert!(words(passed.ok()).contains("by override"), "{}", passed.out);
    assert!(root.join("ran").exists());
    let serving = Serving::start_at(&outage.stage, &outage.address);
    there.run("ada", &["submit", "--spooled"]).ok();
    serving.kill();
    let says = outage.says();
    let tail: Vec<_> =
        says[says.len() - 2..].iter().map(|said| said.split(' ').next().unwrap()).collect();
    assert_eq!(tail, ["override", "succeeded"], "{says:?}");
    let status = outage.stage.run(["status"]);
    assert!(status.out.contains("owe"), "{}", status.out);
    // Its sign-offs are there: the next yes pays it.
    outage.stage.run(["gate", "--", "true"]).ok();
    let status = outage.stage.run(["status"]);
    assert!(!status.out.contains("owe"), "{}", status.out);
    assert!(outage.says().last().unwrap().contains(&commit[..7]));
    outage.stage.run(["ledger", "check"]).ok();
}
