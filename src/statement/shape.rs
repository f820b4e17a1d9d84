//! Rules of each kind that a type alone does not say; each is a sentence of `spec/statement.md`.

use super::approval::{Approval, ApprovalRow};
use super::break_glass::Override;
use super::change::Declaration;
use super::governance::{Governance, Operation, SetMember};
use super::pipeline::{Build, Decision, Deployment};
use super::words::{
    ApprovalVerdict, Assistance, DecisionVerdict, Outcome, Revocation, SubjectType,
};
use super::{Says, Statement, StatementError};
use crate::base::digest::ContentDigest;
use crate::base::limits::{
    LEDGER_KEY_BYTES_MAX, LIST_ITEMS_MAX, OPERATIONS_MAX, OVERRIDE_MILLISECONDS_MAX,
    POLICY_BYTES_MAX, SUBJECTS_MAX,
};

type Rule = Result<(), &'static str>;

fn rule(holds: bool, what: &'static str) -> Rule {
    if holds { Ok(()) } else { Err(what) }
}

/// A list that is a set has one spelling: sorted, nothing twice.
fn is_sorted_set<T: Ord>(items: &[T]) -> bool {
    items.len() <= LIST_ITEMS_MAX && items.windows(2).all(|pair| pair[0] < pair[1])
}

impl Statement {
    /// Checks the rules of the statement's kind.
    pub(super) fn check_shape(&self) -> Result<(), StatementError> {
        let kind = self.says.kind();
        let is_genesis = matches!(&self.says, Says::Governance(body) if body.genesis.is_some());
        let checked = rule(
            self.ledger.is_some() != is_genesis && self.seen.is_some() != is_genesis,
            "ledger and seen stand in every statement but entry 0",
        )
        .and_then(|()| {
            let seen_something = self.seen.is_none_or(|seen| seen.size.get() > 0);
            rule(seen_something, "seen.size is at least 1")
        })
        .and_then(|()| match &self.says {
            Says::Governance(body) => governance(body),
            Says::Change(body) => declaration(body),
            Says::Approval(body) => approval(body),
            Says::Landed(_) => Ok(()),
            Says::Build(body) => build(body),
            Says::Decision(body) => decision(body),
            Says::Deployment(body) => deployment(body),
            Says::Override(body) => break_glass(body),
        });
        checked.map_err(|what| StatementError::Shape { kind, what })
    }
}

fn governance(body: &Governance) -> Rule {
    rule(
        body.genesis.is_some() != body.base.is_some(),
        "base stands in every statement but entry 0, which has genesis instead",
    )?;
    body.genesis.iter().try_for_each(|genesis| ledger_key(&genesis.ledger_key))?;
    rule((1..=OPERATIONS_MAX).contains(&body.operations.len()), "expected 1 to 500 operations")?;
    body.operations.iter().try_for_each(operation)
}

/// What a verifier key is in full is judged where it is used; here it is kept one printable word.
fn ledger_key(text: &str) -> Rule {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    rule(
        (1..=LEDGER_KEY_BYTES_MAX).contains(&text.len()) && printable,
        "a ledger key is 1 to 255 printable ASCII characters without spaces",
    )
}

fn operation(operation: &Operation) -> Rule {
    match operation {
        Operation::SetMember(member) => set_member(member),
        Operation::SetAdmins(body) => {
            let count = body.admins.len();
            let threshold = usize::try_from(body.threshold).unwrap_or(usize::MAX);
            rule(is_sorted_set(&body.admins) && count > 0, "admins are a sorted list, not empty")?;
            rule((1..=count).contains(&threshold), "threshold is from 1 to the number of admins")
        }
        Operation::SetPolicy(body) => {
            rule(body.text.len() <= POLICY_BYTES_MAX, "the policy text is at most 24 KiB")
        }
        Operation::SetBaseline(body) => rule(
            body.replaces.is_some() == body.reason.is_some(),
            "a baseline says why exactly where it says what it replaces",
        ),
        // A retirement with an earlier entry would look as if it voided something.
        Operation::RevokeKey(body) => rule(
            body.since.is_none() || body.cause == Revocation::Leaked,
            "since stands only with the cause leaked",
        ),
        Operation::RotateLedgerKey(body) => ledger_key(&body.ledger_key),
        Operation::Delegate(body) => {
            rule(is_sorted_set(&body.teams), "teams are a sorted list without repetition")
        }
        Operation::RetireMember(_)
        | Operation::AddKey(_)
        | Operation::EndDelegation(_)
        | Operation::Lift(_)
        | Operation::ConfirmClock(_) => Ok(()),
    }
}

fn set_member(body: &SetMember) -> Rule {
    rule(is_sorted_set(&body.teams), "teams are a sorted list without repetition")?;
    rule(is_sorted_set(&body.duties), "duties are a sorted list without repetition")?;
    rule(is_sorted_set(&body.emails), "emails are a sorted list without repetition")
}

fn declaration(body: &Declaration) -> Rule {
    rule(
        is_sorted_set(&body.authors) && !body.authors.is_empty(),
        "authors are a sorted list, not empty",
    )?;
    rule(is_sorted_set(&body.tools), "tools are a sorted list without repetition")?;
    rule(
        body.tools.is_empty() || body.assistance != Assistance::None,
        "tools are named only where assistance is not none",
    )
}

fn approval(body: &Approval) -> Rule {
    rule((1..=SUBJECTS_MAX).contains(&body.rows.len()), "expected 1 to 100 subjects")?;
    let mut hashes: Vec<_> = body.rows.iter().map(|row| row.hash).collect();
    hashes.sort_unstable();
    rule(hashes.windows(2).all(|pair| pair[0] != pair[1]), "no subject stands twice")?;
    rule(
        body.withdraws.is_some() == (body.verdict == ApprovalVerdict::Withdraw),
        "withdraws stands exactly in a withdrawal",
    )?;
    rule(body.checklist.len() <= LIST_ITEMS_MAX, "at most 100 checklist answers")?;
    let items: Vec<_> = body.checklist.iter().map(|answer| &answer.item).collect();
    rule(is_sorted_set(&items), "checklist answers are sorted by item, none twice")?;
    body.rows.iter().try_for_each(|row| approval_row(body.subject_type, row))
}

fn approval_row(subject_type: SubjectType, row: &ApprovalRow) -> Rule {
    let is_change = subject_type == SubjectType::Change;
    let context = [
        row.repository.is_some(),
        row.target.is_some(),
        row.head.is_some(),
        row.assistance_seen.is_some(),
    ];
    rule(
        context.iter().all(|present| *present == is_change),
        "repository, target, head and assistance_seen stand exactly for changes",
    )?;
    rule(row.service.is_some() != is_change, "service stands exactly for artifacts")?;
    rule(is_change || row.base.is_none(), "base stands only for changes")
}

fn build(body: &Build) -> Rule {
    let is_its = body
        .embedded
        .as_ref()
        .is_none_or(|file| body.provenance == Some(ContentDigest::of(file.as_bytes())));
    rule(is_its, "what is embedded is the file whose digest provenance is")
}

fn decision(body: &Decision) -> Rule {
    rule(is_sorted_set(&body.artifacts), "artifacts are a sorted list without repetition")?;
    rule(is_sorted_set(&body.reasons), "reasons are a sorted list without repetition")?;
    rule(
        body.reasons.is_empty() == (body.verdict == DecisionVerdict::Allow),
        "reasons stand exactly in a deny",
    )?;
    rule(is_sorted_set(&body.overrides), "overrides are a sorted list without repetition")?;
    rule(
        body.overrides.is_empty() || body.verdict == DecisionVerdict::Deny,
        "overrides stand only in a deny",
    )?;
    rule(
        body.verdict == DecisionVerdict::Deny || (body.start.is_some() && body.cover.is_some()),
        "an allow names its start and its cover",
    )
}

fn deployment(body: &Deployment) -> Rule {
    rule(is_sorted_set(&body.artifacts), "artifacts are a sorted list without repetition")?;
    rule(
        body.started.is_none() || body.outcome != Outcome::Started,
        "an outcome that names its beginning is not itself a beginning",
    )?;
    rule(is_sorted_set(&body.overrides), "overrides are a sorted list without repetition")?;
    rule(
        body.overrides.is_empty() || (body.decision.is_none() && body.started.is_none()),
        "overrides stand only where neither a decision nor a beginning does",
    )
}

fn break_glass(body: &Override) -> Rule {
    rule(is_sorted_set(&body.artifacts), "artifacts are a sorted list without repetition")?;
    let lasts = body.expires.milliseconds().checked_sub(body.claimed.milliseconds());
    rule(
        lasts.is_some_and(|lasts| (1..=OVERRIDE_MILLISECONDS_MAX).contains(&lasts)),
        "an override expires at most a day after it was signed",
    )
}
