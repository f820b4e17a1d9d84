//! What the roster says as of one size and another.

use super::*;
use crate::key::{SeedSigner, Signer as _};

fn said(level: &str) -> SetMember {
    SetMember {
        member: MemberId::new("m1").unwrap(),
        kind: MemberKind::Human,
        level: Some(LevelName::new(level).unwrap()),
        teams: Vec::new(),
        duties: vec![Duty::Review, Duty::Decide],
        operator: None,
        profile: None,
        emails: vec![EmailDigest::from_bytes([9; 32])],
    }
}

/// ATTACKS 29: every question can be asked as of an earlier size.
#[test]
fn a_promotion_does_not_reach_back() {
    let mut roster = Roster::default();
    let id = MemberId::new("m1").unwrap();
    roster.set_member(EntryIndex::new(0), &said("junior"));
    roster.set_member(EntryIndex::new(5), &said("senior"));
    roster.retire(EntryIndex::new(9), &id);
    let level = |size| {
        let member = roster.member(&id, TreeSize::new(size));
        member.and_then(|member| member.level.as_ref()).map(LevelName::as_str)
    };
    assert_eq!(level(0), None);
    assert_eq!(level(5), Some("junior"));
    assert_eq!(level(6), Some("senior"));
    assert_eq!(level(10), None);
    let email = EmailDigest::from_bytes([9; 32]);
    assert!(roster.member_of_email(email, TreeSize::new(9)).is_some());
    assert!(roster.member_of_email(email, TreeSize::new(10)).is_none());
}

/// ATTACKS 18 (d): a further key cools from its enrolment on, a first one never.
#[test]
fn attack_18_only_a_further_key_cools() {
    let key = |seed| SeedSigner::from_seed(&[seed; 32], "").unwrap().public_key().clone();
    let (mut roster, time) = (Roster::default(), Timestamp::from_milliseconds);
    let id = MemberId::new("m1").unwrap();
    let other = MemberId::new("m2").unwrap();
    let entry = EntryIndex::new;
    roster.set_member(entry(0), &said("senior"));
    roster.add_key(entry(0), time(5), &key(1), &id);
    roster.add_key(entry(0), time(5), &key(2), &id);
    roster.set_member(entry(1), &SetMember { member: other.clone(), ..said("junior") });
    roster.add_key(entry(1), time(6), &key(3), &other);
    roster.add_key(entry(2), time(7), &key(4), &id);
    let since = |roster: &Roster, seed: u8, size| {
        roster.cooling_since(&key(seed).fingerprint(), TreeSize::new(size))
    };
    for seed in [1, 2, 3] {
        assert_eq!(since(&roster, seed, 9), None, "{seed} is a first key, or of entry 0");
    }
    assert_eq!(since(&roster, 4, 3), Some(time(7)));
    assert_eq!(since(&roster, 4, 2), None, "it is not enrolled yet");
    // The only key revoked, or handed to somebody else: the next one cools all the same.
    let cause = crate::statement::words::Revocation::Retired;
    let revoked = Revoked { entry: entry(3), cause, since: entry(3) };
    roster.revoke(&key(3).fingerprint(), revoked);
    roster.add_key(entry(4), time(9), &key(5), &other);
    assert_eq!(since(&roster, 5, 9), Some(time(9)));
    roster.add_key(entry(5), time(11), &key(4), &other);
    assert_eq!((since(&roster, 4, 5), since(&roster, 4, 6)), (Some(time(7)), Some(time(11))));
    assert_eq!(roster.keys_of(&id, TreeSize::new(9)).len(), 2);
}

/// Only services decide and only humans review, whatever else the roster says.
#[test]
fn a_duty_of_another_kind_counts_for_nothing() {
    let member = Member::from(&said("senior"));
    assert!(member.has_duty(Duty::Review));
    assert!(!member.has_duty(Duty::Decide));
}
