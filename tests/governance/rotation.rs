//! `ledger rotate-key`, and other admins in the place of the first.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Output, Stage};

fn verifier_key(stage: &Stage) -> String {
    // The key of a checkpoint is named by the letters after the origin in its signature.
    let checkpoint = stage.run(["ledger", "checkpoint"]).ok().to_owned();
    let line = checkpoint.lines().find(|line| line.starts_with('\u{2014}')).unwrap().to_owned();
    line.split(' ').nth(2).unwrap()[..5].to_owned()
}

/// ATTACKS 18 (a): the ledger's key is replaced by the admins; old checkpoints and receipts
/// verify, trust roots stay, and the old key opens and writes nothing any more.
#[test]
fn attack_18_the_ledger_key_is_rotated() {
    let stage = Stage::begun("rotate");
    let keys = stage.home().join(".config/countersign/keys");
    let (file, next) =
        (keys.join("localhost_shop.ledger"), keys.join("localhost_shop.ledger.next"));
    let old_secret = std::fs::read_to_string(&file).unwrap();
    let (old_key, trust) = (verifier_key(&stage), stage.run(["trust", "show", "--json"]).json());
    let old_copy = stage.home().join("old-copy");
    Output::of(stage.program("cp").arg("-r").arg(stage.ledger()).arg(&old_copy)).ok();

    let shown = stage.run(["ledger", "rotate-key", "-n"]);
    assert!(shown.ok().contains("rotate_ledger_key") && !next.exists(), "{}", shown.out);
    stage.as_user("ben").run(["ledger", "rotate-key", "-y"]).refused(2, "Ben is no admin");
    let rotated = stage.run(["ledger", "rotate-key", "-y"]);
    assert!(
        rotated.ok().starts_with("DONE  entry 3\nwrote rotated-3.tlog-proof"),
        "{}",
        rotated.out
    );
    assert!(!next.exists());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), old_secret);
    // The rotation itself is the last that the old key signs; the next entry has the new one's.
    assert_eq!(verifier_key(&stage), old_key);
    let add = ["roster", "add", "Eve", "--email", "eve@shop.example", "-y"];
    stage.run(add).ok();
    assert_ne!(verifier_key(&stage), old_key);
    stage.run(["ledger", "check"]).ok();
    assert_eq!(stage.run(["trust", "show", "--json"]).json()["digest"], trust["digest"]);
    stage.run(["ledger", "prove", "1"]).ok();

    // Whoever has the old key cannot go on with it, nor after a second rotation.
    let new_secret = std::fs::read_to_string(&file).unwrap();
    stage.write(&file, &old_secret);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let more = ["roster", "add", "Fay", "--email", "fay@shop.example", "-y"];
    stage.run(more).refused(2, "the ledger's own key is not on this machine");
    stage.write(&file, &new_secret);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    stage.run(more).ok();
    // The proof of that key is good for ever, and a file of that name that is another's stays.
    stage.run(["verify", "rotated-3.tlog-proof"]).ok();
    stage.write("rotated-6.tlog-proof", "another ledger's");
    let again = stage.run(["ledger", "rotate-key", "-y"]);
    again.ok();
    let talk = again.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("rotated-6.tlog-proof was not written: another file is there"), "{talk}");
    assert!(talk.contains("countersign ledger prove 6 -o FILE"), "{talk}");
    stage.run(["ledger", "prove", "6", "-o", "second.tlog-proof"]).ok();
    stage.run(["verify", "rotated-3.tlog-proof", "second.tlog-proof"]).ok();
    stage.run(["roster", "add", "Gus", "--email", "gus@shop.example", "-y"]).ok();
    stage.run(["ledger", "check"]).ok();
    // The copy from before, with its old checkpoint, opens as it did: nothing rotated there.
    stage.run(["roster", "show", "--ledger", old_copy.to_str().unwrap()]).expect_status(3);
    let mut there = stage.command(["roster", "show", "--ledger", old_copy.to_str().unwrap()]);
    there.env("XDG_STATE_HOME", stage.root().join("elsewhere"));
    Output::of(&mut there).ok();
}

/// With two admins the new key waits until both have signed; elsewhere it is not taken up.
#[test]
fn attack_18_a_rotation_that_two_sign_waits_for_its_key() {
    let stage = Stage::begun("rotate-two");
    let two = "admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n";
    stage.write("roster.toml", two);
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    stage.run(["ledger", "rotate-key", "-y"]).refused(2, "2 admins must sign this");
    stage.run(["ledger", "rotate-key", "-y", "-o", "r.json"]).ok();
    stage.as_user("ben").run(["sign", "r.json", "-y"]).ok();
    let next = stage.home().join(".config/countersign/keys/localhost_shop.ledger.next");
    let away = next.with_extension("away");
    std::fs::rename(&next, &away).unwrap();
    stage.run(["submit", "r.json"]).refused(2, "the new ledger key is not on this machine");
    std::fs::rename(&away, &next).unwrap();
    let submitted = stage.run(["submit", "r.json"]);
    assert!(submitted.ok().contains("wrote rotated-4.tlog-proof"), "{}", submitted.out);
    stage.run(["verify", "rotated-4.tlog-proof"]).ok();
    assert!(!next.exists());
    // Handed in again it is known, and nothing is asked of a key.
    let json = stage.run(["submit", "r.json", "--json"]).json();
    assert_eq!((&json[0]["entry"], &json[0]["proof"]), (&4.into(), &"rotated-4.tlog-proof".into()));
    // What was not written in time cannot be made any more.
    stage.as_user("ben").commit("more", "1\n", "Say more");
    stage.as_user("ben").run(["declare", "HEAD", "--assistance", "none", "-y"]).ok();
    let known = stage.run(["submit", "r.json"]);
    assert!(known.ok().starts_with("KNOWN  entry 4"), "{}", known.out);
    let talk = known.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("there is another entry after it already"), "{talk}");
    stage.run(["ledger", "check"]).ok();
}

/// A process that ended between the entry and the key's new place: the next one takes it up.
#[test]
fn attack_18_a_rotation_survives_a_crash() {
    let stage = Stage::begun("rotate-crash");
    let file = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let next = file.with_extension("ledger.next");
    let old = std::fs::read_to_string(&file).unwrap();
    stage.run(["ledger", "rotate-key", "-y"]).ok();
    std::fs::rename(&file, &next).unwrap();
    stage.write(&file, &old);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    stage.run(["roster", "add", "Eve", "--email", "eve@shop.example", "-y"]).ok();
    assert!(!next.exists());
    assert_ne!(std::fs::read_to_string(&file).unwrap(), old);
    stage.run(["ledger", "check"]).ok();
}

/// ATTACKS 18 (a): other admins take the first ones' place, and the trust root stays.
#[test]
fn attack_18_admins_are_replaced() {
    let stage = Stage::begun("replace-admins");
    let apply = |who: &str, text: &str| {
        stage.write("roster.toml", text);
        stage.as_user(who).run(["roster", "apply", "roster.toml", "-y"])
    };
    let digest = stage.run(["trust", "show", "--json"]).json()["digest"].clone();
    apply("ada", "admins = [\"ben@shop.example\"]\n").ok();
    apply("ada", "admins = [\"ada@shop.example\"]\n").refused(2, "Ada is no admin");
    let gone = "[[member]]\nemails = [\"ada@shop.example\"]\nretired = true\n";
    apply("ben", gone).ok();
    let more = ["roster", "add", "Eve", "--email", "eve@shop.example", "-y"];
    stage.as_user("ben").run(more).ok();
    stage.run(["ledger", "check"]).ok();
    assert_eq!(stage.run(["trust", "show", "--json"]).json()["digest"], digest);
    apply("ben", "admins = [\"ben@shop.example\", \"cleo@shop.example\"]\nthreshold = 3\n")
        .refused(2, "threshold");
}
