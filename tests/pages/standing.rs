//! What the pages say of what is live (`spec/server.md` section 8, `spec/verdict.md` section 3):
//! neither what failed nor what nobody signed is told as something else.

use crate::common::Stage;
use crate::server::Running;
use crate::world::{change_of, people, settings};

/// A service that an observed and an enforced place have.
fn begin(test: &str) -> Stage {
    let stage = Stage::new(test);
    stage.run(["init", "-y"]).ok();
    let policy = "version = 1\nlevels = [\"mid\", \"senior\"]\n\n\
                  [environment.production]\nmode = \"enforce\"\n\n\
                  [environment.staging]\nmode = \"observe\"\n\n\
                  [service.shop]\nrepository = \"shop\"\n";
    stage.write("../policy.toml", policy);
    stage.run(["policy", "apply", "../policy.toml", "-y"]).ok();
    stage.write("../people.toml", &people(&stage));
    stage.run(["roster", "apply", "../people.toml", "-y"]).ok();
    settings(&stage, "reading = \"open\"\nwords = \"open\"\n");
    stage
}

fn newest(stage: &Stage, kind: &str) -> u64 {
    let log = stage.run(["log", "-N", "1000", "--json"]).json();
    let entries = log["entries"].as_array().unwrap();
    let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
    of_kind.map(|entry| entry["entry"].as_u64().unwrap()).max().unwrap()
}

/// What failed is not live, however often: what was live before it is, and is answered for.
#[test]
fn what_failed_says_nothing_of_what_is_live() {
    let stage = begin("pages-failed");
    stage.run(["baseline", "HEAD", "--env", "production", "-y"]).ok();
    let ben = stage.as_user("ben");
    ben.commit("pay/fee.rs", "fee = 1\n", "Set a fee");
    ben.run(["declare", "HEAD", "--assistance", "assisted"]).ok();
    let change = change_of(&stage, "HEAD");
    let dan = stage.as_user("dan");
    dan.run(["approve", "HEAD", "--expect", &change, "-m", "read", "-y"]).ok();
    stage.run(["gate", "--", "true"]).ok();
    // More than a page lists.
    let mut failed = Vec::new();
    for _ in 0..6 {
        stage.run(["gate", "--", "false"]).expect_status(1);
        failed.push(newest(&stage, "deployment"));
    }
    assert!(stage.run(["audit"]).ok().contains("LIVE for"));
    let running = Running::start(&stage);
    let page = running.page("/");
    assert!(page.contains("<title>YES"), "{page}");
    assert!(page.contains("</strong> what is live is signed off</h1>"), "{page}");
    assert!(page.contains("all that it brought is signed off"), "{page}");
    assert_eq!(page.matches(">FAILED<").count(), 5, "{page}");
    assert!(!page.contains("NOT SETTLED"), "{page}");
    for entry in failed {
        let page = running.page(&format!("/deployments/{entry}"));
        assert!(page.contains("<title>FAILED") && page.contains("never live"), "{page}");
        assert!(!page.contains("not live any more"), "{page}");
    }
}

/// What a baseline accepted nobody signed off, and no page says so.
#[test]
fn what_a_baseline_accepted_is_not_told_as_signed_off() {
    let stage = begin("pages-accepted");
    stage.run(["baseline", "HEAD", "--env", "staging", "-y"]).ok();
    stage.as_user("ben").commit("pay/fee.rs", "fee = 1\n", "Set a fee");
    let deploy = ["gate", "--env", "staging", "--", "true"];
    stage.run(deploy).ok();
    let accept = ["baseline", "HEAD", "--env", "staging", "--replace", "-m", "it runs", "-y"];
    stage.run(accept).ok();
    let baseline = newest(&stage, "governance");
    // Again, and once more: the second rests on the first.
    for _ in 0..2 {
        stage.run(deploy).ok();
        let deployment = newest(&stage, "deployment");
        let running = Running::start(&stage);
        let page = running.page("/");
        assert!(page.contains("</strong> what is live is accepted by a baseline</h1>"), "{page}");
        let link = format!("accepted by the baseline, <a href=\"/entries/{baseline}\">");
        assert!(page.contains(&link), "{page}");
        assert!(!page.contains("signed off"), "{page}");
        let page = running.page(&format!("/deployments/{deployment}"));
        assert!(page.contains("<title>YES"), "{page}");
        assert!(page.contains("its commit was accepted by a baseline"), "{page}");
        assert!(!page.contains("is signed off"), "{page}");
    }
}

/// What was allowed and then overtaken is signed off: the heading is that of the row, whatever is
/// owed beside it.
#[test]
fn what_was_overtaken_has_one_word_on_the_page() {
    let stage = begin("pages-overtaken");
    stage.run(["baseline", "HEAD", "--env", "production", "-y"]).ok();
    let (ben, dan) = (stage.as_user("ben"), stage.as_user("dan"));
    for file in ["a.rs", "b.rs"] {
        ben.commit(file, "one\n", "Add a file");
        ben.run(["declare", "HEAD", "--assistance", "none"]).ok();
        let change = change_of(&stage, "HEAD");
        dan.run(["approve", "HEAD", "--expect", &change, "-m", "read", "-y"]).ok();
    }
    let decisions: Vec<_> = ["HEAD~1", "HEAD"]
        .iter()
        .map(|revision| {
            stage.run(["gate", "--revision", revision]).ok();
            newest(&stage, "decision").to_string()
        })
        .collect();
    stage.run(["record", "deployment", "--decision", &decisions[1]]).ok();
    // By override, before the slower pipeline is done: its sign-offs are owed.
    ben.commit("hot.rs", "hot\n", "Mend it at once");
    dan.run(["override", "-m", "the shop is down", "-y"]).ok();
    stage.run(["gate", "--", "true"]).ok();
    stage.run(["record", "deployment", "--decision", &decisions[0]]).ok();
    let live = newest(&stage, "deployment");
    let running = Running::start(&stage);
    let page = running.page("/");
    assert!(page.contains("Owed: sign-offs of 1 deployment"), "{page}");
    assert!(page.contains("<title>NOT SETTLED"), "{page}");
    let heading = "</strong> what is live was allowed, and another came between</h1>";
    assert!(page.contains(heading), "{page}");
    assert!(!page.contains("not signed off"), "{page}");
    let page = running.page(&format!("/deployments/{live}"));
    assert!(page.contains("<title>NOT SETTLED"), "{page}");
}
