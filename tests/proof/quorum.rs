//! Which witnesses are enough, and trust roots that say so.

use std::collections::BTreeSet;

use countersign::base::name::WitnessName;
use countersign::note::NoteError;
use countersign::note::cosignature::CosignerKey;
use countersign::note::quorum::{Need, QuorumError, Witness, WitnessGroup, WitnessQuorum};
use countersign::verify::trust::{TrustError, TrustRoot};
use proptest::prelude::*;

use crate::support::*;

fn name(text: &str) -> WitnessName {
    WitnessName::new(text).unwrap()
}

fn witness(text: &str, key: u8) -> Witness {
    let key = CosignerKey::new(&format!("{text}.example"), [key; 32]).unwrap();
    Witness { name: name(text), key }
}

fn group(text: &str, need: Need, members: &[&str]) -> WitnessGroup {
    WitnessGroup { name: name(text), need, members: members.iter().map(|one| name(one)).collect() }
}

/// The example of C2SP tlog-policy: two of X, and any of Y.
fn two_levels() -> WitnessQuorum {
    let witnesses: Vec<_> = ["x1", "x2", "x3", "y1", "y2", "y3"]
        .iter()
        .zip(1..)
        .map(|(name, key)| witness(name, key))
        .collect();
    let groups = [
        group("x", Need::Count(2), &["x1", "x2", "x3"]),
        group("y", Need::Any, &["y1", "y2", "y3"]),
        group("x-and-y", Need::All, &["x", "y"]),
    ];
    WitnessQuorum::new(witnesses, &groups, Some(&name("x-and-y"))).unwrap()
}

/// `spec/proof.md` section 3: every subset of six witnesses, against the sentence itself.
#[test]
fn groups_of_groups_are_judged_as_they_read() {
    let quorum = two_levels();
    for bits in 0_u32..64 {
        let cosigned: BTreeSet<usize> = (0..6).filter(|bit| bits & (1 << bit) != 0).collect();
        let of_x = cosigned.iter().filter(|place| **place < 3).count();
        let expected = of_x >= 2 && cosigned.len() > of_x;
        assert_eq!(quorum.is_met_by(&cosigned), expected, "{bits:06b}");
    }
    let one = WitnessQuorum::new(vec![witness("w", 1)], &[], Some(&name("w"))).unwrap();
    assert!(one.is_met_by(&BTreeSet::from([0])) && !one.is_met_by(&BTreeSet::new()));
    let none = WitnessQuorum::new(vec![witness("w", 1)], &[], None).unwrap();
    assert!(none.is_met_by(&BTreeSet::new()) && none.quorum().is_none());
    assert!(WitnessQuorum::default().is_met_by(&BTreeSet::new()));
}

#[test]
fn quorums_that_cannot_be_are_refused() {
    let new = |groups: &[WitnessGroup], quorum: &str| {
        WitnessQuorum::new(vec![witness("a", 1), witness("b", 2)], groups, Some(&name(quorum)))
    };
    let twice = vec![witness("a", 1), witness("b", 1)];
    assert_eq!(WitnessQuorum::new(twice, &[], None), Err(QuorumError::SharedKey(name("b"))));
    assert_eq!(new(&[], "c"), Err(QuorumError::Unknown(name("c"))));
    let later = [group("g", Need::Any, &["h"]), group("h", Need::Any, &["a"])];
    assert_eq!(new(&later, "g"), Err(QuorumError::Unknown(name("h"))));
    let itself = [group("g", Need::Any, &["g"])];
    assert_eq!(new(&itself, "g"), Err(QuorumError::Unknown(name("g"))));
    let double = [group("g", Need::All, &["a", "b"]), group("h", Need::Any, &["a"])];
    assert_eq!(new(&double, "g"), Err(QuorumError::MemberTwice(name("a"))));
    let same = [group("g", Need::All, &["a", "a"])];
    assert_eq!(new(&same, "g"), Err(QuorumError::MemberTwice(name("a"))));
    assert_eq!(new(&[group("a", Need::Any, &["b"])], "a"), Err(QuorumError::NameTaken(name("a"))));
    let none = [group("none", Need::Any, &["b"])];
    assert_eq!(new(&none, "a"), Err(QuorumError::NameTaken(name("none"))));
    for (need, members) in
        [(Need::Count(0), &["a"][..]), (Need::Count(2), &["a"]), (Need::Any, &[]), (Need::All, &[])]
    {
        let found = new(&[group("g", need, members)], "g");
        assert!(matches!(found, Err(QuorumError::Need { .. })), "{need:?} of {members:?}");
    }
    let many: Vec<_> = (0..33).map(|key| witness(&format!("w{key}"), key)).collect();
    assert_eq!(WitnessQuorum::new(many.clone(), &[], None), Err(QuorumError::TooMany));
    assert!(WitnessQuorum::new(many[..32].to_vec(), &[], None).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]

    /// One witness more never turns yes into no.
    #[test]
    fn more_witnesses_never_take_a_quorum_away(
        needs in proptest::collection::vec((1..4_usize, 1..4_usize), 1..5),
        cosigned in proptest::collection::btree_set(0..12_usize, 0..12),
        more in 0..12_usize,
    ) {
        let witnesses: Vec<_> = (0..12).map(|key| witness(&format!("w{key}"), key)).collect();
        let mut groups: Vec<WitnessGroup> = Vec::new();
        let mut next = 0;
        for (number, (count, need)) in needs.iter().enumerate() {
            if next + count > 12 {
                break;
            }
            let mut members: Vec<_> =
                (next..next + count).map(|number| name(&format!("w{number}"))).collect();
            next += count;
            members.extend(groups.last().map(|last| last.name.clone()));
            let need = Need::Count((*need).min(members.len()));
            groups.push(WitnessGroup { name: name(&format!("g{number}")), need, members });
        }
        let quorum = groups.last().map(|last| last.name.clone());
        let quorum = WitnessQuorum::new(witnesses, &groups, quorum.as_ref()).unwrap();
        let mut larger = cosigned.clone();
        larger.insert(more);
        prop_assert!(!quorum.is_met_by(&cosigned) || quorum.is_met_by(&larger));
    }
}

/// ATTACKS 34: who cosigned is counted from signatures, each witness once, and a known witness's
/// bad line makes the whole note bad.
#[test]
fn attack_34_a_quorum_is_counted_from_signatures() {
    let log = Log::new(5);
    let trust = log.trust(3, "2");
    let quorum = trust.witnesses();
    for (witnesses, is_met) in
        [(&[][..], false), (&[1], false), (&[0, 2], true), (&[2, 1, 0], true), (&[1, 7], false)]
    {
        let found = quorum.assess(log.checkpoint(5, witnesses).note()).unwrap();
        assert_eq!(found.is_met, is_met, "{witnesses:?}");
        let known: Vec<_> = (0..3).filter(|number| witnesses.contains(number)).collect();
        assert_eq!(found.cosigned.len(), known.len());
        let newest = known.last().map(|number| WITNESSED + u64::from(*number));
        assert_eq!(found.newest_seconds(), newest);
    }
    // The same witness again, at another time, is one witness: its first line counts.
    let mut note = log.checkpoint(5, &[1]).note().clone();
    note.add(cosigner(1).sign(&note, WITNESSED + 99).unwrap()).unwrap();
    let found = quorum.assess(&note).unwrap();
    assert_eq!((found.is_met, found.newest_seconds()), (false, Some(WITNESSED + 1)));
    // A cosignature of another tree, under a known name and id.
    let mut note = log.checkpoint(5, &[]).note().clone();
    note.add(cosigner(1).sign(log.checkpoint(4, &[]).note(), WITNESSED).unwrap()).unwrap();
    let name = "witness.example/w1".to_owned();
    assert_eq!(quorum.assess(&note), Err(NoteError::BadSignature { name }));
    // Who has that name with another key is nobody known.
    let stranger = countersign::note::cosignature::Cosigner::new("witness.example/w1", &[9; 32]);
    let mut note = log.checkpoint(5, &[0]).note().clone();
    note.add(stranger.unwrap().sign(&note, WITNESSED).unwrap()).unwrap();
    assert_eq!(quorum.assess(&note).unwrap().cosigned.len(), 1);
    // A cosigner signs checkpoints only, and times that have a place.
    let other = signer().sign("no checkpoint\n").unwrap();
    assert!(cosigner(1).sign(&other, WITNESSED).is_err());
    assert!(cosigner(1).sign(&note, 1 << 63).is_err());
    assert!(cosigner(1).sign(&note, (1 << 63) - 1).is_ok());
}

/// `spec/settings.md` section 2: trust roots with witnesses, each mistake for itself.
#[test]
fn trust_roots_name_witnesses_strictly() {
    let log = Log::new(1);
    let good = log.trust(2, "\"all\"").to_toml().to_owned();
    let read = |text: &str| TrustRoot::parse(text.as_bytes());
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read(&good.replacen(from, to, 1)).unwrap_err()
    };
    assert_eq!(read(&good).unwrap().witnesses().witnesses().len(), 2);
    assert_eq!(refused("quorum = \"enough\"\n", ""), TrustError::NoQuorum);
    let none = read(&good.replacen("\"enough\"", "\"none\"", 1)).unwrap();
    assert_eq!(none.witnesses().quorum(), None);
    let alone = log.trust_with("quorum = \"none\"\n");
    assert_eq!(alone.witnesses(), log.trust(0, "").witnesses());
    assert!(matches!(refused("\"all\"", "3"), TrustError::Quorum(QuorumError::Need { .. })));
    for need in ["0", "-1", "\"most\"", "1.5", "true"] {
        let found = refused("\"all\"", need);
        let is_need = matches!(found, TrustError::Quorum(QuorumError::Need { .. }));
        assert!(is_need || matches!(found, TrustError::Malformed { .. }), "{need}: {found}");
    }
    assert!(matches!(refused("name = \"w0\"", "name = \"W0\""), TrustError::Malformed { .. }));
    assert!(matches!(refused("[[group]]", "url = \"x\"\n[[group]]"), TrustError::Malformed { .. }));
    assert!(matches!(refused("need", "want"), TrustError::Malformed { .. }));
    let id = format!("{:08x}", cosigner(0).key().id());
    assert_eq!(refused(&id, "00000000"), TrustError::WitnessKey(name("w0")));
    // A key of a log is none of a witness, whoever holds it.
    let key = cosigner(0).key().to_string();
    let of_log = signer().verifier_key().to_string();
    assert_eq!(refused(&key, &of_log), TrustError::WitnessKey(name("w0")));
    let own = CosignerKey::new("witness.example/own", *signer().verifier_key().public_key());
    let found = refused(&key, &own.unwrap().to_string());
    assert_eq!(found, TrustError::WitnessIsLedger(name("w0")));
    // One key under two names would count twice.
    let again = CosignerKey::new("witness.example/again", *cosigner(0).key().public_key());
    let found = refused(&cosigner(1).key().to_string(), &again.unwrap().to_string());
    assert_eq!(found, TrustError::Quorum(QuorumError::SharedKey(name("w1"))));
}
