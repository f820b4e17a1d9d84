//! What an override left to be signed later, and who paid it (`spec/verdict.md` section 9): a
//! bundle brings the cover of the deployment that paid, for what was not counts for 30 days more.

use countersign::verify::bundle::TamperCode;

use crate::second::Second;
use crate::stage::*;

#[test]
fn a_debt_that_was_paid_is_shown_to_be() {
    let stage = Stage::new("paid");
    let owed = stage.commit("src/a", "1\n");
    stage.by("ada", &["override", "-m", "checkout is down", "-y"]).expect(0, &["SIGNED"]);
    stage.gate("a.bundle", &["--", "true"]).expect(0, &["override"]);
    stage.approve("dee", &owed);
    let next = stage.commit("src/a", "2\n");
    stage.approve("dee", &next);
    stage.gate("b.bundle", &["--", "true"]).expect(0, &["YES"]);
    let last = stage.commit("src/a", "3\n");
    stage.approve("dee", &last);
    stage.gate("c.bundle", &["--", "true"]).expect(0, &["YES"]);
    let ended = |name: &str| {
        let covers = stage.bundle(name).evidence.covers;
        covers.into_iter().filter(|cover| cover.ended.is_some()).count()
    };
    assert_eq!((ended("a.bundle"), ended("b.bundle"), ended("c.bundle")), (0, 0, 1));
    // What went ahead by an override was not signed off.
    stage.verify("a.bundle", &[]).expect(1, &["NEEDS_SIGN_OFF"]);
    stage.verify("b.bundle", &[]).expect(0, &["YES"]);
    stage.verify("c.bundle", &[]).expect(0, &["YES"]);
    // What is not named any more has no place in it either.
    let mut stripped = stage.bundle("c.bundle");
    stripped.evidence.covers.retain(|cover| cover.ended.is_none());
    stage.sign(&mut stripped);
    assert_eq!(stage.check(&stripped).unwrap_err().code, TamperCode::Blob);
    let second = Second::new("paid");
    for name in ["a", "b", "c"] {
        second.trust(name, &stage.trust);
        second.bundle(name, &std::fs::read(stage.file(&format!("{name}.bundle"))).unwrap());
    }
    second.agrees(true);
}
