//! A server whose acknowledgements wait for a mirror (`spec/settings.md` section 3, `mirror`).

use std::fs;

use crate::common::Stage;
use crate::running::*;

/// No receipt before the mirror is durable too. Without its disk nothing is acknowledged, and the
/// server says so; with it again the same statements get the receipts of their entries.
#[test]
fn a_server_waits_for_its_mirror() {
    let stage = Stage::begun("serve-mirrored");
    let (mirror, away) = (stage.root().join("mirror"), stage.root().join("away"));
    let config = stage.home().join(".config/countersign/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let table = "[ledger.\"localhost/shop\"]\n";
    let sync = format!("{table}mirror = \"sync\"\nmirror_folder = \"{}\"\n", mirror.display());
    assert!(text.contains(table), "{text}");
    fs::write(&config, text.replacen(table, &sync, 1)).unwrap();
    settings(&stage, OPEN);
    stage.run(["ledger", "mirror"]).ok();
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let shown = |running: &Running| running.get("/checkpoint").body;
    let mirrored = || fs::read(mirror.join("checkpoint")).unwrap();
    for number in 0..3 {
        let approval = ada.approves(number);
        let answers = running.hand_in(std::slice::from_ref(&approval));
        entry(&stage, &approval, &answers[0]);
        assert_eq!(mirrored(), shown(&running), "what is acknowledged is in the mirror");
    }
    // Its disk is not mounted.
    fs::rename(&mirror, &away).unwrap();
    let (third, fourth) = (ada.approves(3), ada.approves(4));
    for approval in [&third, &fourth] {
        let answer = running.post(&parcel(std::slice::from_ref(approval)));
        assert_eq!((answer.status, error(&answer).as_str()), (503, "UNAVAILABLE"));
    }
    assert_eq!(running.get("/healthz").status, 503);
    assert!(!mirror.exists(), "a mirror is not begun by an append");
    fs::rename(&away, &mirror).unwrap();
    // Behind a balancer nobody hands anything in now: asking alone tells that it is well again.
    healthy(&running);
    assert_eq!(mirrored(), shown(&running), "what was not acknowledged is there as well");
    let both = [third, fourth];
    let again = running.hand_in(&both);
    let entries: Vec<_> =
        both.iter().zip(&again).map(|(one, answer)| entry(&stage, one, answer)).collect();
    assert_eq!(entries[1], entries[0] + 1, "each stands there once");
    assert_eq!(running.get("/healthz").status, 200);
    assert_eq!(mirrored(), shown(&running));
    assert_eq!(running.end().0, Some(0));
    stage.run(["ledger", "check", "--mirror", mirror.to_str().unwrap()]).ok();
}
