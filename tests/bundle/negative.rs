//! ATTACKS 16: what is not there is never proved. A gate that leaves a negative fact out of a
//! bundle breaks something that can be proved, or is believed: then the line reads *attested*, and
//! says by whom.

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::evidence::{Judged, draft_bundle, fill_bundle, gather_as_of};
use countersign::git::Repository;
use countersign::key::Signer as _;
use countersign::statement::Says;
use countersign::statement::break_glass::Override;
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::governance::{
    Accepted, Governance, Operation, RevokeKey, SetBaseline, SetMember, SetPolicy,
};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, DecisionVerdict, Duty, MemberKind, Mode, Outcome, Revocation,
};
use countersign::verify::bundle::{
    Attestation, Bundle, Checked, LineCode, Rests, TamperCode, Tampered, attested_message,
};
use countersign::verify::{Question, verdict};

use crate::library::{now, policy, production, service};
use crate::stage::*;

/// A gate that lies: what it judged at `honest` is decided after more was entered, as if that were
/// not there; `keeps` says which of the later entries are shown all the same.
fn lie(
    stage: &Stage,
    revision: &countersign::base::name::Revision,
    honest: TreeSize,
    keeps: impl Fn(EntryIndex) -> bool,
    policy: Option<EntryIndex>,
) -> Result<Checked, Tampered> {
    let repository = Repository::open(&stage.repository()).unwrap();
    let (gathered, mut view, decided) = {
        let session = stage.session();
        let view = session.view_as_of(honest).unwrap();
        let question = question(revision);
        let mut gathered = gather_as_of(&session, &repository, &question, &view, None).unwrap();
        // What was used up is known by covers alone.
        gathered.covers.clear();
        let judged = verdict(&question, &gathered.evidence_as_of(&view));
        assert!(judged.is_allowed(), "{:?}", judged.reasons());
        let said = Decision {
            service: question.service.clone(),
            environment: question.environment.clone(),
            repository: "shop".parse().unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            verdict: DecisionVerdict::Allow,
            mode: Mode::Enforce,
            start: judged.start_entry(),
            newest: judged.newest,
            policy: policy.unwrap_or(judged.policy.unwrap().1),
            trust: stage.trust.digest(),
            reasons: Vec::new(),
            cover: Some(session.blobs().put(&judged.cover().to_bytes()).unwrap()),
            overrides: Vec::new(),
            program: "a liar".parse().unwrap(),
        };
        (gathered, view, said)
    };
    let index = stage.say("gate", Says::Decision(decided));
    let session = stage.session();
    let decision = session.entry(index).unwrap();
    view.pass_over(decision.statement().seen.unwrap().size);
    let question = Question { time: decision.time(), ..question(revision) };
    let judged = Judged {
        question: &question,
        gathered: &gathered,
        view: &view,
        decision: Some(decision.entry()),
        previous: None,
    };
    let mut draft = draft_bundle(&session, &repository, &judged).unwrap();
    draft.claims.entries.retain(|entry| honest.covers(*entry) || *entry == index || keeps(*entry));
    // Of times it need not lie.
    let newest = EntryIndex::new(draft.claims.size.get() - 1);
    draft.claims.newest_time = session.entry(newest).unwrap().time();
    let gate = key(&stage.root, "gate");
    let signature = gate.sign(&attested_message(&draft.claims)).unwrap();
    let attestation = Attestation::new(gate.public_key().fingerprint(), &signature);
    let bundle = fill_bundle(&session, &repository, draft, Some(attestation), true).unwrap();
    let bundle = Bundle::parse(&bundle.to_bytes()).unwrap();
    stage.check(&bundle)
}

fn question(revision: &countersign::base::name::Revision) -> Question {
    Question {
        service: service(),
        environment: production(),
        revision: revision.clone(),
        artifacts: Vec::new(),
        time: now(),
    }
}

/// A yes, and its line on a negative fact is the gate's word; no negative line is proved.
#[track_caller]
fn is_attested(checked: &Checked, code: LineCode) {
    assert!(checked.is_yes(), "{:?}", checked.reasons());
    assert!(checked.is_full());
    let is_gates = |rests: &Rests| matches!(rests, Rests::Attested { by } if by.contains("gate"));
    for line in checked.lines().iter().filter(|line| line.code.is_negative()) {
        assert!(is_gates(&line.rests), "{line:?}");
    }
    assert!(checked.lines().iter().any(|line| line.code == code));
}

/// A stage with one change that ada signed off, and the size then.
fn signed(test: &str) -> (Stage, countersign::base::name::Revision, TreeSize) {
    let stage = Stage::new(test);
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    let size = stage.look(countersign::view::View::size);
    (stage, tip, size)
}

fn member(id: &str, level: Option<&str>, duties: Vec<Duty>) -> Operation {
    Operation::SetMember(SetMember {
        member: crate::stage::id(id),
        kind: MemberKind::Human,
        level: level.map(|level| level.parse().unwrap()),
        teams: Vec::new(),
        duties,
        operator: None,
        profile: None,
        emails: Vec::new(),
    })
}

/// What an honest gate says at the end: no.
#[track_caller]
fn honestly_no(stage: &Stage, words: &[&str]) {
    stage.gate("honest.bundle", &[]).expect(1, &["NO"]);
    stage.verify("honest.bundle", &[]).expect(1, words);
}

#[test]
fn attack_16_a_reject_left_out_is_the_gates_word() {
    let (stage, tip, size) = signed("no-reject");
    let Says::Approval(mut said) = stage.approval(&tip) else { unreachable!("an approval") };
    said.verdict = ApprovalVerdict::Reject;
    stage.say("dee", Says::Approval(said));
    let found = lie(&stage, &tip, size, |_| false, None).unwrap();
    is_attested(&found, LineCode::NoReject);
    // Shown, it is heard.
    honestly_no(&stage, &["REJECTED"]);
}

#[test]
fn attack_16_a_withdrawal_left_out_is_the_gates_word() {
    let (stage, tip, size) = signed("no-withdrawal");
    let approval = stage.entries().pop().unwrap().entry();
    let Says::Approval(mut said) = stage.approval(&tip) else { unreachable!("an approval") };
    said.verdict = ApprovalVerdict::Withdraw;
    said.withdraws = Some(approval);
    stage.say("ada", Says::Approval(said));
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NoWithdrawal);
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}

#[test]
fn attack_16_a_revocation_left_out_is_the_gates_word() {
    let stage = Stage::new("no-revocation");
    let tip = stage.commit("src/a", "1\n");
    stage.approve("dee", &tip);
    let size = stage.look(countersign::view::View::size);
    let key = key(&stage.root, "dee").public_key().fingerprint();
    let said = RevokeKey { key, cause: Revocation::Leaked, since: Some(EntryIndex::new(0)) };
    stage.govern(Operation::RevokeKey(said));
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NoRevocation);
    // Left out of the middle, it is missed: another governance entry names it.
    let retired = stage.govern(member("eve", None, vec![Duty::Review]));
    let found = lie(&stage, &tip, size, |entry| entry == retired, None).unwrap_err();
    assert_eq!(found.code, TamperCode::Governance, "{found}");
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}

#[test]
fn attack_16_a_demotion_left_out_is_the_gates_word() {
    let (stage, tip, size) = signed("no-demotion");
    stage.govern(member("ada", Some("senior"), Vec::new()));
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NoDemotion);
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}

#[test]
fn attack_16_a_newer_policy_left_out_is_missed() {
    let (stage, tip, size) = signed("newest-policy");
    let two = "[[rule]]\nname = \"two\"\nrequire = [{ count = 2 }]\n\n";
    let text = policy("enforce", two);
    let newer = stage.govern(Operation::SetPolicy(SetPolicy { text }));
    // The ledger takes only decisions under its newest policy, so the decision names it: without
    // that entry the verdict is under another.
    let found = lie(&stage, &tip, size, |_| false, Some(newer)).unwrap_err();
    assert_eq!(found.code, TamperCode::OtherAnswer, "{found}");
    // And with it, the answer is another.
    let found = lie(&stage, &tip, size, |entry| entry == newer, Some(newer)).unwrap_err();
    assert_eq!(found.code, TamperCode::OtherAnswer, "{found}");
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}

/// A policy that came after the decision is beyond every bundle of it.
#[test]
fn attack_16_that_no_policy_is_newer_is_the_gates_word() {
    let (stage, tip, size) = signed("newer-policy");
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NewestPolicy);
}

#[test]
fn attack_16_a_declaration_left_out_is_the_gates_word() {
    let rule = "[[rule]]\nname = \"generated\"\nwhen = { assistance = [\"generated\"] }\n\
                require = [{ count = 2 }]\n\n";
    let stage = Stage::with("no-declaration", &policy("enforce", rule));
    let tip = stage.commit("src/a", "1\n");
    stage.approve("ada", &tip);
    let size = stage.look(countersign::view::View::size);
    let Says::Approval(said) = stage.approval(&tip) else { unreachable!("an approval") };
    let row = &said.rows[0];
    let declared = Declaration {
        change: countersign::base::digest::ChangeHash::from_bytes(*row.hash.as_bytes()),
        repository: "shop".parse().unwrap(),
        base: row.base.clone(),
        head: tip.clone(),
        target: "refs/heads/main".parse().unwrap(),
        authors: vec![DeclaredAuthor::Member(id("ben"))],
        request: None,
        predecessor: None,
        assistance: Assistance::Generated,
        tools: Vec::new(),
    };
    stage.say("ben", Says::Change(declared));
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NoDeclaration);
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}

#[test]
fn attack_16_a_debt_left_out_is_the_gates_word() {
    let (stage, tip, size) = signed("no-debt");
    let time = now();
    let override_of = Says::Override(Override {
        service: service(),
        environment: production(),
        repository: "shop".parse().unwrap(),
        revision: tip.clone(),
        artifacts: Vec::new(),
        claimed: time,
        expires: countersign::base::time::Timestamp::from_milliseconds(
            time.milliseconds() + 3_600_000,
        ),
        reason: countersign::base::digest::Commitment::from_bytes([4; 32]),
        incident: None,
        drill: None,
    });
    let index = stage.say("ada", override_of);
    let identity = stage.session().entry(index).unwrap().id();
    stage.say(
        "gate",
        Says::Deployment(Deployment {
            service: service(),
            environment: production(),
            revision: tip.clone(),
            artifacts: Vec::new(),
            decision: None,
            overrides: vec![identity],
            started: None,
            outcome: Outcome::Started,
            trigger: None,
            run: None,
        }),
    );
    let owed = stage.look(|view| view.settled(&service(), &production()).debts().count());
    assert_eq!(owed, 1);
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NoDebt);
}

#[test]
fn attack_16_a_newer_start_left_out_is_the_gates_word() {
    let (stage, tip, size) = signed("newest-start");
    let says = Operation::SetBaseline(SetBaseline {
        service: service(),
        environment: production(),
        accepted: Accepted::UpTo(tip.clone()),
        replaces: stage.look(|view| {
            view.settled(&service(), &production()).newest().map(|point| point.entry.index)
        }),
        reason: Some(countersign::base::digest::Commitment::from_bytes([3; 32])),
    });
    let base = stage.look(|view| view.newest_governance().map(|entry| entry.leaf));
    let operations = vec![says];
    stage.say("ada", Says::Governance(Governance { genesis: None, base, operations }));
    is_attested(&lie(&stage, &tip, size, |_| false, None).unwrap(), LineCode::NewestStart);
}

/// ATTACKS 7: the same change landed again as another commit, and the cover that used its
/// sign-off up is left out.
#[test]
fn attack_16_a_cover_left_out_is_the_gates_word() {
    let stage = Stage::new("not-spent");
    let first = stage.commit("src/a", "1\n");
    stage.approve("ada", &first);
    stage.gate("a.bundle", &["--", "true"]).expect(0, &["YES"]);
    let undone = crate::library::git(&stage.repository(), &["revert", "--no-edit", first.as_str()]);
    assert!(!undone.is_empty());
    let undone = crate::library::head(&stage.repository());
    stage.approve("ada", &undone);
    stage.gate("b.bundle", &["--", "true"]).expect(0, &["YES"]);
    let again = stage.commit("src/a", "1\n");
    let size = stage.look(countersign::view::View::size);
    is_attested(&lie(&stage, &again, size, |_| false, None).unwrap(), LineCode::NotSpent);
    honestly_no(&stage, &["NEEDS_SIGN_OFF"]);
}
