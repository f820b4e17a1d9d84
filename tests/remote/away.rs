//! What passes where the ledger is away, and what is recorded of it later (`spec/away.md`
//! section 3).

use std::fs;

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

pub(crate) const POLICY: &str = "version = 1\n\n[environment.production]\nmode = \"enforce\"\n\n\
                      [service.shop]\nrepository = \"shop\"\n";

/// A stage whose policy refuses, with two signed releases behind it, the newer one live, and a
/// third commit that nobody signed off. ada and ben may override.
pub(crate) struct Outage {
    pub(crate) stage: Stage,
    url: String,
    pub(crate) address: String,
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) third: String,
}

impl Outage {
    pub(crate) fn new(test: &str, max_age: Option<&str>) -> (Self, Serving) {
        let stage = Stage::begun(test);
        if let Some(age) = max_age {
            let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
            let root = fs::read_to_string(&trust).unwrap();
            fs::write(&trust, format!("{root}max_age = \"{age}\"\n")).unwrap();
        }
        let policy = stage.write(stage.root().join("policy.toml"), POLICY);
        stage.run(["policy", "apply", policy.to_str().unwrap(), "-y"]).ok();
        let people: String = ["ada", "ben"]
            .map(|who| {
                let duties = "duties = [\"review\", \"override\"]";
                format!("[[member]]\nemails = [\"{who}@shop.example\"]\n{duties}\n\n")
            })
            .concat();
        let file = stage.write(stage.root().join("people.toml"), &people);
        stage.run(["roster", "apply", file.to_str().unwrap(), "-y"]).ok();
        let serving = Serving::start(&stage);
        let url = serving.url.clone();
        let address = serving.address();
        let mut outage = Self {
            url,
            address,
            first: String::new(),
            second: String::new(),
            third: String::new(),
            stage,
        };
        outage.first = outage.release("one");
        outage.second = outage.release("two");
        outage.third = outage.stage.as_user("ben").commit("three", "3\n", "Three");
        (outage, serving)
    }

    pub(crate) fn there(&self) -> Elsewhere<'_> {
        Elsewhere { stage: &self.stage, url: self.url.clone() }
    }

    /// A commit by ben that ada signs off, and that is deployed.
    pub(crate) fn release(&self, name: &str) -> String {
        let commit = self.signed_off(name);
        let deployed = self.there().run("ada", &["gate", "--", "true"]);
        assert!(deployed.ok().starts_with("YES"), "{}", deployed.out);
        commit
    }

    /// A commit by ben that ada signs off.
    pub(crate) fn signed_off(&self, name: &str) -> String {
        let commit = self.stage.as_user("ben").commit(name, "x\n", name);
        let there = self.there();
        there.run("ben", &["declare", "HEAD", "--assistance", "none", "-y"]).ok();
        let answer = there.run("ada", &["status", "--json"]);
        let hash = answer.json()["segments"][0]["change"].as_str().unwrap().to_owned();
        there.run("ada", &["approve", "HEAD", "--expect", &hash]).ok();
        commit
    }

    pub(crate) fn says(&self) -> Vec<String> {
        let log = self.stage.run(["log", "--json", "-100"]);
        let entries = log.json()["entries"].as_array().unwrap().clone();
        let says: Vec<_> =
            entries.iter().map(|row| row["says"].as_str().unwrap().to_owned()).collect();
        says.into_iter().rev().collect()
    }
}

/// A text without its line breaks.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Nothing passes that was not signed off, and the message names every way with its command.
#[test]
fn the_ways_are_told() {
    let (outage, serving) = Outage::new("away-told", Some("7d"));
    serving.kill();
    let there = outage.there();
    let told = there.run("ada", &["gate", "--", "true"]);
    told.refused(4, "cannot be reached");
    let talk = words(&told.talk);
    for way in [
        "a bundle of it younger than 7 days passes: countersign gate --bundle FILE -- CMD",
        &format!("git checkout --detach {} && countersign gate -- CMD", &outage.first[..10]),
        "in an emergency no ledger is needed: countersign override --service shop --env production \
         --repository shop -m WHY -o FILE; then: countersign gate --override FILE -- CMD",
    ] {
        assert!(talk.contains(way), "{way:?} does not stand in:\n{talk}");
    }
    // As they stand there, they work.
    let typed = |from: &str, until: char| -> Vec<String> {
        let at = talk.find(from).unwrap_or_else(|| panic!("{from}: {talk}"));
        let (_, command) = talk[at..].split_once("countersign ").unwrap();
        let command = command.split(until).next().unwrap();
        let file = outage.stage.root().join("typed.json").display().to_string();
        let word = |word: &str| match word {
            "CMD" => "true".to_owned(),
            "FILE" => file.clone(),
            word => word.to_owned(),
        };
        command.split(' ').map(word).collect()
    };
    for (typed, more) in
        [(typed("no ledger is needed: ", ';'), &["-y"][..]), (typed("; then: ", '\n'), &[])]
    {
        let typed = typed.iter().map(String::as_str).filter(|word| *word != "hint:");
        // The command ends with what it runs, and other hints follow.
        let end = typed.clone().position(|word| word == "true").map_or(usize::MAX, |at| at + 1);
        let typed: Vec<_> = typed.take(end).chain(more.iter().copied()).collect();
        there.run("ada", &typed).ok();
    }
    // Where nothing was ever read there is nothing to judge by.
    fs::remove_dir_all(there.home()).unwrap();
    let unknown = there.run("ada", &["gate"]);
    unknown.refused(4, "cannot be reached");
    for way in ["(--trust FILE)", &format!("[ledger.\"ORIGIN\"] url = \"{}\"", there.url)] {
        assert!(words(&unknown.talk).contains(way), "{way}: {}", unknown.talk);
    }
    let trust = outage.stage.home().join(".config/countersign/trust/localhost_shop.toml");
    let told = there.run("ada", &["gate", "--trust", trust.to_str().unwrap()]);
    told.refused(4, "cannot be reached");
    let way = "countersign gate --bundle FILE --service SERVICE --env ENVIRONMENT";
    assert!(words(&told.talk).contains(way), "{}", told.talk);
}

/// 3: what this gate allowed passes again while it is young enough, and its deployment is recorded.
#[test]
fn a_kept_bundle_passes_while_it_is_young() {
    for (age, passes) in [(Some("7d"), true), (Some("1s"), false)] {
        let (outage, serving) = Outage::new("away-kept", age);
        let there = outage.there();
        // Decided, and not deployed yet when the ledger goes away.
        outage.stage.git(["reset", "-q", "--hard", &outage.second]);
        let commit = outage.signed_off("four");
        there.run("ada", &["gate"]).ok();
        serving.kill();
        if !passes {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        let gate = there.run("ada", &["gate", "--", "true"]);
        if !passes {
            gate.refused(4, "cannot be reached");
            continue;
        }
        assert!(gate.ok().starts_with(&format!("YES  shop {}", &commit[..10])), "{}", gate.out);
        assert!(words(&gate.out).contains("as its bundle shows"), "{}", gate.out);
        let serving = Serving::start_at(&outage.stage, &outage.address);
        there.run("ada", &["submit", "--spooled"]).ok();
        there.run("ada", &["submit", "--spooled"]).ok();
        serving.kill();
        let says = outage.says();
        let last = says.last().unwrap();
        assert!(last.starts_with(&format!("succeeded shop {}", &commit[..7])), "{says:?}");
        outage.stage.run(["ledger", "check"]).ok();
    }
}

/// 1: a bundle by name, as anybody may have brought it; and what it does not answer for.
#[test]
fn a_bundle_answers_for_its_own_question_alone() {
    let (outage, serving) = Outage::new("away-bundle", None);
    let there = outage.there();
    outage.stage.git(["reset", "-q", "--hard", &outage.second]);
    let file = outage.stage.root().join("second.bundle");
    let file = file.to_str().unwrap();
    there.run("ada", &["gate", "-o", file]).ok();
    serving.kill();
    // Where nothing was ever read of the ledger as well.
    fs::remove_dir_all(there.home().join("cache")).unwrap();
    let trust = outage.stage.home().join(".config/countersign/trust/localhost_shop.toml");
    let trust = trust.to_str().unwrap();
    let there_run =
        |arguments: &[&str]| there.run("ada", &[&["--trust", trust][..], arguments].concat());
    // Without its policy nobody knows what is meant by what is left out.
    for some in [&[][..], &["--service", "shop"], &["--env", "production"]] {
        let gate = there_run(&[&["gate", "-n", "--bundle", file], some].concat());
        gate.refused(2, "which service and environment?");
    }
    let place = ["--service", "shop", "--env", "production"];
    let with = |arguments: &[&str]| there_run(&[&["gate", "--bundle", file], arguments].concat());
    let gate = with(&[&place[..], &["--", "true"]].concat());
    assert!(words(gate.ok()).contains("as its bundle shows"), "{}", gate.out);
    with(&["-n", "--service", "other", "--env", "production"]).expect_status(1);
    with(&["-n", "--service", "shop", "--env", "staging"]).expect_status(1);
    outage.stage.git(["reset", "-q", "--hard", &outage.third]);
    let other = with(&[&["-n"], &place[..]].concat());
    assert!(other.expect_status(1).starts_with("NO"), "{}", other.out);
    // Known too late, without the server: what is missing is told, and named it passes.
    outage.stage.git(["reset", "-q", "--hard", &outage.second]);
    let asked = [&["gate", "-n", "--bundle", file], &place[..]].concat();
    let unknown = there.run("ada", &asked);
    unknown.refused(4, "cannot be reached");
    assert!(words(&unknown.talk).contains("(--trust FILE)"), "{}", unknown.talk);
    there_run(&asked).ok();
    outage.stage.git(["reset", "-q", "--hard", &outage.third]);
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    assert_ne!(with(&[&["-n"], &place[..]].concat()).status, 0);
    let serving = Serving::start_at(&outage.stage, &outage.address);
    there.run("ada", &["submit", "--spooled"]).ok();
    serving.kill();
    assert!(outage.says().last().unwrap().starts_with("succeeded shop"));
}

/// A bundle that is no yes: which age is allowed, and what to do about it.
#[test]
fn what_a_bundle_lacks_is_told() {
    let (outage, serving) = Outage::new("away-lacks", Some("1s"));
    let there = outage.there();
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    let file = |name: &str| outage.stage.root().join(name).display().to_string();
    let (stale, unattested) = (file("stale.bundle"), file("unattested.bundle"));
    there.run("ada", &["gate", "-o", &stale]).ok();
    there.run("ada", &["gate", "-n", "-o", &unattested]).ok();
    serving.kill();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let next = "while the ledger is at hand countersign gate -o FILE.bundle";
    for (file, lack) in [
        (stale, "must be younger than 1 s (max_age of the trust root)"),
        (unattested, "no decision was recorded with it"),
    ] {
        let refused = there.run("ada", &["gate", "-n", "--bundle", &file]);
        let said = words(refused.expect_status(1));
        for told in [lack, next, "in an emergency no ledger is needed"] {
            assert!(said.contains(told), "{told}: {said}");
        }
    }
}

/// What is left out is what it is where the ledger is at hand, never what the bundle says: one for
/// staging lets nothing run that would go to production.
#[test]
fn a_bundle_does_not_choose_the_environment() {
    let (outage, serving) = Outage::new("away-environment", None);
    let there = outage.there();
    let two = format!("{POLICY}\n[environment.staging]\nmode = \"enforce\"\n");
    let policy = outage.stage.write(outage.stage.root().join("two.toml"), &two);
    there.run("ada", &["policy", "apply", policy.to_str().unwrap(), "-y"]).ok();
    there.run("ada", &["baseline", &outage.first, "--env", "staging", "-y"]).ok();
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    let file = outage.stage.root().join("staging.bundle");
    let file = file.to_str().unwrap();
    there.run("ada", &["gate", "--env", "staging", "-o", file]).ok();
    serving.kill();
    let run = |more: &[&str]| there.run("ada", &[&["gate", "--bundle", file], more].concat());
    let marker = outage.stage.root().join("ran");
    let touch = ["--", "touch", marker.to_str().unwrap()];
    let refused = run(&touch);
    let said = words(refused.expect_status(1));
    assert!(said.contains("to staging, and asked is shop"), "{said}");
    assert!(said.contains("to production"), "{said}");
    assert!(!marker.exists());
    run(&[&["--env", "staging"], &touch[..]].concat()).ok();
    assert!(marker.exists());
}

/// 4: back to what was live before, by the copy alone; what was never live does not pass so.
#[test]
fn going_back_passes() {
    let (outage, serving) = Outage::new("away-back", None);
    let there = outage.there();
    serving.kill();
    there.run("ada", &["gate", "--", "true"]).refused(4, "cannot be reached");
    outage.stage.git(["checkout", "-q", "--detach", &outage.first]);
    let gate = there.run("ada", &["gate", "--", "false"]);
    assert!(gate.expect_status(1).starts_with("YES"), "CMD's own status: {}", gate.out);
    let gate = there.run("ada", &["gate", "--", "true"]);
    assert!(words(gate.ok()).contains("it was live here before"), "{}", gate.out);
    let serving = Serving::start_at(&outage.stage, &outage.address);
    there.run("ada", &["log", "-q"]).ok();
    serving.kill();
    let says = outage.says();
    let tail: Vec<_> =
        says[says.len() - 4..].iter().map(|said| said.split(' ').next().unwrap()).collect();
    assert_eq!(tail, ["decision", "failed", "decision", "succeeded"], "{says:?}");
    outage.stage.run(["ledger", "check"]).ok();
}

/// 2: an override as a file, by the roster that was read last; owed from the moment that it claims.
#[test]
fn an_override_passes_and_is_owed() {
    let (outage, serving) = Outage::new("away-override", None);
    let there = outage.there();
    // Who signs is known from when they were here last.
    there.run("cleo", &["queue"]).ok();
    serving.kill();
    let file = outage.stage.root().join("override.json");
    let file = file.to_str().unwrap();
    let sign = |who: &str, file: &str| {
        there
            .run(who, &["override", "-m", "all is down", "--service", "shop", "-o", file, "-y"])
            .ok();
    };
    sign("ada", file);
    let gate = there.run("ada", &["gate", "--override", file, "--", "true"]);
    assert!(gate.ok().starts_with(&format!("YES  shop {}", &outage.third[..10])), "{}", gate.out);
    // Of another commit, by somebody without the duty, altered: no.
    let cleos = outage.stage.root().join("cleo.json");
    sign("cleo", cleos.to_str().unwrap());
    there.run("ada", &["gate", "-n", "--override", cleos.to_str().unwrap()]).expect_status(1);
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    outage.stage.as_user("ben").commit("five", "5\n", "Five");
    there.run("ada", &["gate", "-n", "--override", file]).expect_status(1);
    let serving = Serving::start_at(&outage.stage, &outage.address);
    let status = there.run("ada", &["submit", "--spooled"]);
    status.ok();
    serving.kill();
    let says = outage.says();
    let tail: Vec<_> =
        says[says.len() - 3..].iter().map(|said| said.split(' ').next().unwrap()).collect();
    assert_eq!(tail, ["override", "decision", "succeeded"], "{says:?}");
    outage.stage.git(["checkout", "-q", "--detach", &outage.third]);
    let owed = outage.stage.run(["status"]);
    assert!(owed.out.contains("owe"), "{}", owed.out);
    outage.stage.run(["ledger", "check"]).ok();
}

/// Two that went back one after the other in one outage: what watches the ledger calls nobody for
/// the second.
#[test]
fn two_that_go_back_are_no_alarm() {
    let (outage, serving) = Outage::new("away-twice", None);
    let there = outage.there();
    serving.kill();
    for revision in [&outage.first, &outage.second] {
        there.run("ada", &["gate", "--any-checkout", "--revision", revision, "--", "true"]).ok();
    }
    let serving = Serving::start_at(&outage.stage, &outage.address);
    there.run("ada", &["submit", "--spooled"]).ok();
    let folder = outage.stage.root().join("watched");
    let trust = outage.stage.home().join(".config/countersign/trust/localhost_shop.toml");
    let mut command = there.command("ada", &["monitor", &serving.url, "--once", "--folder"]);
    command.arg(folder).arg("--trust").arg(trust);
    let looked = Output::of(&mut command);
    serving.kill();
    let told = looked.expect_status(1);
    assert_eq!(told.matches("UNSETTLED").count(), 1, "{told}");
    assert!(!told.contains("\"integrity\""), "{told}");
}
