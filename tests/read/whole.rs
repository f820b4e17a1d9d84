//! From `init` to `audit`, all through the program: what the real gate recorded is judged again.

use super::common::Stage;

#[test]
fn what_the_gate_allowed_is_proved_from_ledger_and_repository() {
    let stage = Stage::begun("read-whole");
    stage.as_user("ben").commit("src/lib.rs", "fn retry() {}\n", "Retry card capture");
    let ben = stage.as_user("ben");
    let declared = ["declare", "HEAD~1..HEAD", "--assistance", "none", "-y"];
    ben.run(declared).ok();
    let ada = stage.as_user("ada");
    let hash = ada.run(["log", "-1", "--kind", "change", "--json"]).json();
    let entry = hash["entries"][0]["entry"].to_string();
    let hash = ada.run(["show", &entry, "--json"]).json();
    let change = hash["payload"]["predicate"]["says"]["change"].as_str().unwrap();
    ada.run(["approve", "HEAD~1..HEAD", "--expect", change, "-y"]).ok();
    let gate = stage.run(["gate", "--", "true"]);
    gate.ok();
    let text = stage.run(["audit"]).ok().to_owned();
    assert!(text.contains("allowed, entry "), "{text}");
    assert!(text.contains("proved: judged again from ledger and repository"), "{text}");
    assert!(text.contains("author  Ben (proved); AI: none, declared"), "{text}");
    assert!(text.contains("Retry card capture") && text.contains("signed  Ada"), "{text}");
    assert!(text.contains("outcome succeeded"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let check = stage.run(["ledger", "check"]).ok().to_owned();
    assert!(check.starts_with("YES"), "{check}");
    assert!(stage.run(["log"]).ok().contains("approve"), "{text}");
}
