//! ATTACKS 9, 10, 32: what is no review by two.

use super::*;
use crate::base::digest::ChangeHash;
use crate::base::name::Revision;
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::policy::{
    Assessment, AssistanceSource, Author, Need, Presence, ReasonCode, Requirement,
};
use crate::statement::words::{Assistance, DecisionVerdict, Mode};
use crate::verify::Question;

fn author(member: Option<&str>, kind: AuthorKind, standing: Standing) -> Author {
    let member = member.map(|id| id.parse().unwrap());
    Author { member, kind, level: None, standing, label: String::new() }
}

fn human(id: &str, standing: Standing) -> Author {
    author(Some(id), AuthorKind::Human, standing)
}

fn segment(authors: Vec<Author>, signers: &[&str]) -> Segment {
    let commit = Revision::new("ab".repeat(20)).unwrap();
    let floor = Requirement {
        because: "floor".to_owned(),
        need: Need { count: 1, level: None, team: None },
        filled_by: signers.iter().map(|id| id.parse().unwrap()).collect(),
        sign_offs: signers.iter().map(|_| EntryIndex::new(3)).collect(),
        missing: 0,
        code: ReasonCode::NeedsSignOff,
        ask: String::new(),
        checklist: Vec::new(),
        presence: Presence::NoTouch,
        exact_only: false,
    };
    Segment {
        change: ChangeHash::from_bytes([1; 32]),
        first: commit.clone(),
        last: commit,
        steps: 1,
        title: String::new(),
        paths: 1,
        authors,
        requests: Vec::new(),
        assessment: Assessment {
            assistance: Assistance::None,
            assistance_from: AssistanceSource::Declared,
            requirements: vec![floor],
            not_counted: Vec::new(),
            exempt: false,
            satisfied: true,
            denials: Vec::new(),
        },
        sign_offs: Vec::new(),
        carried: Vec::new(),
        discounted: Vec::new(),
        rejects: Vec::new(),
        satisfied: true,
    }
}

fn verdict(segments: Vec<Segment>) -> Verdict {
    let question = Question {
        service: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        revision: Revision::new("ab".repeat(20)).unwrap(),
        artifacts: Vec::new(),
        time: Timestamp::from_milliseconds(0),
    };
    Verdict {
        question,
        size: TreeSize::new(9),
        answer: DecisionVerdict::Allow,
        mode: Mode::Enforce,
        policy: None,
        policies_passed_as_well: Vec::new(),
        start: None,
        newest: None,
        segments,
        nearly: None,
        signed: Vec::new(),
        problems: Vec::new(),
        artifacts: Vec::new(),
        undone: Vec::new(),
        undone_commits: Vec::new(),
        overrides: Vec::new(),
        overrides_needed: 1,
        owed: Vec::new(),
        owed_elsewhere: Vec::new(),
    }
}

fn good() -> Segment {
    segment(vec![human("ben", Standing::Proved)], &["ada"])
}

#[test]
fn a_known_author_and_another_human_are_two() {
    assert!(is_two_party(&verdict(vec![good()])));
    let attested = segment(vec![human("ben", Standing::Attested)], &["ada"]);
    let tool = author(None, AuthorKind::Tool, Standing::Claimed);
    let assisted = segment(vec![human("ben", Standing::Proved), tool], &["ada", "mia"]);
    let mut nothing = segment(Vec::new(), &[]);
    nothing.paths = 0;
    assert!(is_two_party(&verdict(vec![attested, assisted, nothing])));
}

#[test]
fn attack_09_whoever_is_only_claimed_is_nobody() {
    for author in [
        human("ben", Standing::Claimed),
        author(None, AuthorKind::Unknown, Standing::Claimed),
        author(Some("deps"), AuthorKind::Bot, Standing::Proved),
        author(Some("helper"), AuthorKind::Agent, Standing::Proved),
        author(Some("ci"), AuthorKind::Service, Standing::Attested),
    ] {
        let only = segment(vec![author.clone()], &["ada", "mia"]);
        assert!(!is_two_party(&verdict(vec![only])), "{author:?}");
        let beside = segment(vec![human("ben", Standing::Proved), author.clone()], &["ada"]);
        assert!(!is_two_party(&verdict(vec![beside])), "{author:?}");
    }
    let tool = author(None, AuthorKind::Tool, Standing::Claimed);
    assert!(!is_two_party(&verdict(vec![segment(vec![tool], &["ada", "mia"])])));
    assert!(!is_two_party(&verdict(vec![segment(Vec::new(), &["ada", "mia"])])));
}

#[test]
fn attack_10_32_every_segment_needs_both() {
    let mut exempt = good();
    exempt.assessment.exempt = true;
    let mut open = good();
    open.satisfied = false;
    let unsigned = segment(vec![human("ben", Standing::Proved)], &[]);
    let own = segment(vec![human("ben", Standing::Proved)], &["ben"]);
    for wrong in [exempt, open, unsigned, own] {
        assert!(!is_two_party(&verdict(vec![good(), wrong.clone()])), "{wrong:?}");
        assert!(!is_two_party(&verdict(vec![wrong, good()])));
    }
    // Nothing changed: nobody took part.
    assert!(!is_two_party(&verdict(Vec::new())));
    let mut nothing = good();
    nothing.paths = 0;
    assert!(!is_two_party(&verdict(vec![nothing])));
    // What is denied, though an override lets it through.
    let mut denied = verdict(vec![good()]);
    denied.answer = DecisionVerdict::Deny;
    assert!(!is_two_party(&denied));
}
