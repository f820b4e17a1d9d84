//! The ledger's own key is replaced while a server answers for it (`spec/server.md` sections 3, 7).

use std::fs;

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

fn add<'a>(name: &'a str, address: &'a str) -> [&'a str; 6] {
    ["roster", "add", name, "--email", address, "-y"]
}

/// It is made where it lies, and nowhere else; the server takes no other.
#[test]
fn the_ledgers_key_is_replaced_where_it_lies() {
    let stage = Stage::begun("rotated-where");
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
    let mut command = there.command("ada", &["ledger", "rotate-key", "-y"]);
    command.env("XDG_CONFIG_HOME", there.home().join("config")).arg("--trust").arg(trust);
    Output::of(&mut command).refused(2, "the ledger's own key is not on this machine");

    let file = stage.root().join("rotate.json");
    let file = file.to_str().unwrap();
    there.run("ada", &["ledger", "rotate-key", "-y", "-o", file]).ok();
    let next = stage.home().join(".config/countersign/keys/localhost_shop.ledger.next");
    let away = next.with_extension("away");
    fs::rename(&next, &away).unwrap();
    there.run("ada", &["submit", file]).refused(2, "the new ledger key is not here");
    // It goes on without.
    there.run("ada", &add("Eve", "eve@shop.example")).ok();
    fs::rename(&away, &next).unwrap();
    // Governance came in between: what was written before it is signed anew.
    there.run("ada", &["submit", file]).expect_status(2);
    assert!(next.exists());
    let rotated = there.run("ada", &["ledger", "rotate-key", "-y", "--json"]).json();
    assert!(!next.exists());
    there.run("ada", &add("Fay", "fay@shop.example")).ok();
    // Its proof was made in time, whatever came next.
    stage.run(["verify", rotated["proof"].as_str().unwrap()]).ok();
    there.run("cleo", &["ledger", "check"]).ok();
    serving.kill();
    stage.run(["ledger", "check"]).ok();
}

/// A copy from before two rotations is brought up over them, as is none.
#[test]
fn an_older_copy_follows_the_ledgers_key() {
    let stage = Stage::begun("rotated-older");
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    there.run("cleo", &["log"]).ok();
    let older = stage.root().join("older");
    Output::of(stage.program("cp").arg("-r").arg(there.home()).arg(&older)).ok();
    for (name, address) in [("Eve", "eve@shop.example"), ("Fay", "fay@shop.example")] {
        there.run("ada", &["ledger", "rotate-key", "-y"]).ok();
        there.run("ada", &add(name, address)).ok();
    }
    let newest = there.run("cleo", &["log"]).ok().to_owned();
    fs::remove_dir_all(there.home()).unwrap();
    assert_eq!(there.run("cleo", &["log"]).ok(), newest, "without a copy");
    fs::remove_dir_all(there.home()).unwrap();
    fs::rename(&older, there.home()).unwrap();
    assert_eq!(there.run("cleo", &["log"]).ok(), newest, "with an older copy");
    there.run("cleo", &["ledger", "check"]).ok();
    // What is handed in through it is believed by a receipt of the newest key.
    stage.as_user("ben").commit("more", "1\n", "Say more");
    there.run("ben", &["declare", "HEAD", "--assistance", "none", "-y"]).ok();
    serving.kill();
    stage.run(["ledger", "check"]).ok();
}
