//! What overrides leave behind, and how it ends (ATTACKS 32).

use countersign::statement::words::DecisionVerdict;

use crate::stage::{PEOPLE, Stage, git, head, wait};

/// A debt that is overdue: one change went ahead by override of Ada, and another has landed.
fn overdue(test: &str, holders: usize) -> Stage {
    let stage = Stage::new(test, holders, "debt_due = \"1s\"");
    stage.commit("lib.rs", "one\n");
    stage.break_glass("ada");
    stage.deploy().expect(0, &["YES shop"]);
    wait(1_000);
    stage.commit("lib.rs", "two\n");
    stage.deploy().expect(1, &["NO shop", "overdue since "]);
    stage
}

#[test]
fn attack_32_alone_the_next_override_needs_nobody_else() {
    let stage = overdue("one", 1);
    stage.break_glass("ada");
    stage.deploy().expect(0, &["YES shop", "by override of Ada Ruiz"]);
    assert_eq!(stage.debts(), 2);
}

#[test]
fn attack_32_while_a_debt_is_overdue_both_of_two_must_override() {
    more_must_override("two", 2, 2);
}

#[test]
fn attack_32_while_a_debt_is_overdue_all_of_three_must_override() {
    more_must_override("three", 3, 3);
}

#[test]
fn attack_32_while_a_debt_is_overdue_three_of_five_must_override() {
    more_must_override("five", 5, 3);
}

/// One override can no longer pay for another: `needed` of the `holders` must sign.
fn more_must_override(test: &str, holders: usize, needed: usize) {
    let stage = overdue(test, holders);
    for (number, (who, name)) in PEOPLE.iter().take(needed).enumerate() {
        let signed = stage.break_glass(who);
        let missing = needed - number - 1;
        if missing == 0 {
            assert!(signed.out.ends_with("next: countersign gate -- CMD\n"), "{signed:?}");
            break;
        }
        let mut others: Vec<_> =
            PEOPLE[number + 1..holders].iter().map(|(_, name)| *name).collect();
        // They are told in the roster's order, by id; here names begin as ids do.
        others.sort_unstable();
        let asked = match others.as_slice() {
            [one] => (*one).to_owned(),
            [rest @ .., last] => {
                let all = format!("{} and {last}", rest.join(", "));
                if others.len() == missing { all } else { format!("{missing} more of {all}") }
            }
            [] => unreachable!("somebody is missing"),
        };
        let told = format!("a debt is overdue, so {asked} must override too");
        let signed = signed.expect(0, &[&told]);
        assert!(!signed.out.contains(name), "{signed:?}");
        let refused =
            stage.deploy().expect(1, &["NO shop", "DEBT_OVERDUE", &format!("ask {asked}: ")]);
        let command = format!("countersign override {} -m WHY", head(&stage.repository()).short());
        assert!(refused.all().contains(&command), "{refused:?}");
        assert!(!refused.out.contains("emergency"), "{refused:?}");
        assert!(!stage.has_deployed());
        let report = stage.run(&["gate", "-n", "--json"]).expect(1, &[]).json();
        assert_eq!(report["overrides_needed"], needed);
        assert_eq!(report["overridden"], false);
        assert_eq!(report["owed"][0]["overdue"], true);
    }
    stage.deploy().expect(0, &["YES shop", "by override of "]);
    assert!(stage.has_deployed());
    let decision = stage.decisions().pop().unwrap().1;
    assert_eq!(decision.overrides.len(), needed);
    assert!(decision.overrides.is_sorted());
    assert_eq!(stage.debts(), 2);
}

#[test]
fn attack_32_the_next_decision_asks_for_what_was_overridden() {
    let stage = Stage::new("paid", 2, "");
    let before = stage.settled();
    let hurried = stage.commit("lib.rs", "one\n");
    stage.break_glass("ada");
    stage.deploy().expect(0, &["YES shop"]);
    let later = stage.commit("other.rs", "two\n");
    stage.approve("mia", &later);
    // The sign-off of the later change alone does not carry what was never signed off.
    stage.deploy().expect(1, &["NO shop", "1 of 2 changes is not signed off", "owed"]);
    assert_eq!(stage.decisions().last().unwrap().1.start, Some(entry(0)));
    assert_eq!(stage.settled(), before);
    let pay = format!("countersign approve {}..{}", before.unwrap().short(), hurried.short());
    for command in ["status", "queue"] {
        let shown = stage.by("jo", &[command]);
        shown.expect(0, &["deployment 3 by override of Ada Ruiz, since ", "; due ", &pay]);
        let report = stage.by("jo", &[command, "--json"]).expect(0, &[]).json();
        assert_eq!(report["owed"][0]["revision"], hurried.as_str());
        assert_eq!(report["owed"][0]["overdue"], false);
    }
    stage
        .run(&["audit", "shop"])
        .expect(0, &["by OVERRIDE", "DENIED, and overridden", "Owed", &pay]);
    stage.approve("mia", &hurried);
    stage.deploy().expect(0, &["YES shop", "2 changes, all signed off"]);
    assert_eq!(stage.decisions().last().unwrap().1.verdict, DecisionVerdict::Allow);
    assert_eq!(stage.settled(), Some(later));
    assert_eq!(stage.debts(), 0);
    stage.run(&["audit", "#3"]).expect(0, &["paid by entry ", "checkout is down"]);
    let report = stage.run(&["audit", "#3", "--json"]).expect(0, &[]).json();
    assert_eq!(report["debts"][0]["state"], "paid");
    assert_eq!(report["deployments"][0]["overrides"], serde_json::json!([1]));
    let shown = stage.run(&["status"]).expect(0, &[]);
    assert!(!shown.out.contains("owed"), "{shown:?}");
}

#[test]
fn attack_32_the_command_that_is_shown_pays() {
    let stage = Stage::new("pays", 1, "");
    let before = stage.settled().unwrap();
    stage.commit("lib.rs", "one\n");
    let hurried = stage.commit("lib.rs", "two\n");
    stage.break_glass("ada");
    stage.deploy().expect(0, &["YES shop", "2 changes are not signed off"]);
    let report = stage.by("mia", &["status", "--json"]).expect(0, &[]).json();
    let command = report["owed"][0]["command"].as_str().unwrap().to_owned();
    let mut words: Vec<&str> = command.split(' ').skip(1).collect();
    let range = format!("{before}..{hurried}");
    let hash = stage.run(&["hash", &range]).expect(0, &[]).out;
    words.extend(["--expect", hash.lines().next().unwrap()]);
    let left = "its sign-offs are there; countersign gate -- CMD settles it";
    stage.by("mia", &words).expect(0, &["signed: entry ", left]);
    // No sign-off ends it by itself: nobody is asked for one again.
    for command in ["status", "queue", "audit"] {
        let shown = stage.by("mia", &[command]).expect(0, &["countersign gate -- CMD settles it"]);
        assert!(!shown.out.contains("countersign approve "), "{shown:?}");
    }
    let report = stage.by("mia", &["status", "--json"]).expect(0, &[]).json();
    assert_eq!(report["owed"][0]["signed_off"], true);
    assert_eq!(report["owed"][0]["command"], "countersign gate -- CMD");
    let later = stage.commit("other.rs", "three\n");
    stage.approve("mia", &later);
    stage.deploy().expect(0, &["YES shop"]);
    stage.run(&["audit", "shop"]).expect(0, &["paid by entry "]);
    // Away from the repository a run of steps hides the commit in its middle, but not its end.
    let elsewhere = stage.run(&["-C", "/", "audit", "shop", "--json"]).expect(0, &[]).json();
    assert_eq!(elsewhere["debts"][0]["state"], "paid");
}

#[test]
fn attack_32_what_is_paid_late_is_told_so() {
    let stage = overdue("late", 2);
    stage
        .run(&["queue", "--key", &stage.root.join("mia").display().to_string()])
        .expect(0, &["overdue since ", "DEBT_OVERDUE"]);
    stage.run(&["audit", "shop"]).expect(0, &["overdue since "]);
    let last = head(&stage.repository());
    let first = git(&stage.repository(), &["rev-parse", "HEAD^"]).parse().unwrap();
    stage.approve("mia", &first);
    stage.approve("mia", &last);
    // What is overdue does not stand in the way of what is signed off: it is paid by it.
    stage.deploy().expect(0, &["YES shop"]);
    stage.run(&["audit", "shop"]).expect(0, &["paid late, after "]);
    // And it is paid: the next emergency needs no more people than any other.
    stage.commit("lib.rs", "three\n");
    stage.break_glass("ada").expect(0, &["next: countersign gate -- CMD"]);
    stage.deploy().expect(0, &["YES shop", "by override of Ada Ruiz until"]);
}

#[test]
fn attack_32_what_another_cell_owes_is_told() {
    let stage = Stage::new("cells", 2, "debt_due = \"1s\"");
    stage.commit("lib.rs", "one\n");
    let cell = ["--env", "production/eu"];
    stage.by("ada", &[&["override", "-m", "down", "-y"], &cell[..]].concat()).expect(0, &[]);
    stage.run(&[&["gate"], &cell[..]].concat()).expect(0, &["by override of Ada Ruiz"]);
    wait(1_000);
    let owed = "production/eu: ";
    for command in ["status", "queue"] {
        // The gate let it through, though nobody recorded a deployment.
        let shown = stage.by("jo", &[command]);
        shown.expect(0, &["production/eu: ", "decision 2, no", "DEBT_OVERDUE"]);
        let report = stage.by("jo", &[command, "--json"]).expect(0, &[]).json();
        assert_eq!(report["owed"][0]["environment"], "production/eu");
    }
    stage.break_glass("ada").expect(0, &[owed, "2 people must", "Mia Kern must"]);
    stage.run(&["gate", "-n"]).expect(1, &["NO shop", "ask Mia Kern: ", owed]);
    stage.break_glass("mia");
    stage.run(&["gate", "-n"]).expect(0, &["YES shop", "by override of Ada Ruiz and Mia Kern"]);
}

#[test]
fn attack_32_a_rollback_undoes_the_debt_and_the_audit_says_never_signed_off() {
    let stage = Stage::new("undone", 2, "");
    let good = stage.commit("lib.rs", "one\n");
    stage.approve("ada", &good);
    stage.deploy().expect(0, &["YES shop"]);
    stage.commit("lib.rs", "two\n");
    stage.break_glass("mia");
    stage.deploy().expect(0, &["YES shop", "by override of Mia Kern"]);
    assert_eq!(stage.debts(), 1);
    git(&stage.repository(), &["checkout", "-q", "--detach", good.as_str()]);
    stage.deploy().expect(0, &["YES shop"]);
    assert_eq!(stage.debts(), 0);
    let audit = stage.run(&["audit", "shop"]).expect(0, &["undone by entry ", "never signed off"]);
    assert!(!audit.out.contains("paid"), "{audit:?}");
    let report = stage.run(&["audit", "shop", "--json"]).expect(0, &[]).json();
    assert_eq!(report["debts"][0]["state"], "undone");
    // Away from the repository the cover alone says so, too.
    let elsewhere = stage.run(&["-C", "/", "audit", "shop", "--json"]).expect(0, &[]).json();
    assert_eq!(elsewhere["debts"][0]["state"], "undone");
    // What was undone, deployed again, is asked for again.
    git(&stage.repository(), &["checkout", "-q", "main"]);
    let pay = stage.run(&["gate", "-n"]);
    pay.expect(0, &["YES shop", "by override of Mia Kern"]);
}

#[test]
fn audits_of_a_period_tell_overrides_and_drills_apart() {
    let stage = Stage::new("period", 2, "");
    stage.commit("lib.rs", "one\n");
    stage.by("mia", &["override", "--drill", "-m", "exercise", "-y"]).expect(0, &["a drill"]);
    stage.break_glass("ada");
    stage.deploy().expect(0, &["YES shop"]);
    let words = ["1 by override", "Overrides", "checkout is down", "Drills", "exercise"];
    stage.run(&["audit", "--from", "2020-01-01"]).expect(0, &words);
    let file = stage.root.join("all.csv").display().to_string();
    stage.run(&["audit", "--from", "2020-01-01", "-o", &file]).expect(0, &["wrote"]);
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",match,overrides"), "{csv}");
    assert!(csv.lines().nth(1).unwrap().ends_with(",2"), "{csv}");
    stage.run(&["audit", "#2"]).expect(0, &["Overrides", "Ada Ruiz", "Owed"]);
}

fn entry(index: u64) -> countersign::base::position::EntryIndex {
    countersign::base::position::EntryIndex::new(index)
}
