//! What a statement says, in a line for people.

use super::desk::Names;
use crate::base::digest::ContentDigest;
use crate::base::name::{ReferenceName, Revision};
use crate::key::Presence;
use crate::statement::Says;
use crate::statement::approval::Approval;
use crate::statement::break_glass::Override;
use crate::statement::change::DeclaredAuthor;
use crate::statement::governance::{Governance, Operation, SetMember};
use crate::statement::pipeline::{Build, Decision, Deployment};
use crate::statement::words::{ApprovalVerdict, DecisionVerdict, Mode};
use crate::verify::VerifiedEntry;
use crate::view::View;

/// The branch without `refs/heads/`, for people.
pub(crate) fn branch(reference: &ReferenceName) -> &str {
    reference.as_str().strip_prefix("refs/heads/").unwrap_or(reference.as_str())
}

/// The first seven digits of a commit, for a line that has room for no more.
pub(crate) fn commit(revision: &Revision) -> String {
    revision.as_str().chars().take(7).collect()
}

/// `touch claimed`, as far as the signature itself says anything.
pub(crate) const fn touch(presence: Presence) -> &'static str {
    match presence {
        Presence::None => "no touch",
        Presence::TouchClaimed => "touch claimed",
        Presence::VerifiedClaimed => "touch and PIN claimed",
    }
}

/// What a statement is: a reject and a withdrawal are approvals in the format alone.
pub(crate) const fn kind(says: &Says) -> &'static str {
    match says {
        Says::Approval(body) => match body.verdict {
            ApprovalVerdict::Approve => "approval",
            ApprovalVerdict::Reject => "reject",
            ApprovalVerdict::Withdraw => "withdrawal",
        },
        other => other.kind(),
    }
}

/// What an entry says, without who and when.
pub(crate) fn words(entry: &VerifiedEntry, view: &View, names: &Names) -> String {
    match &entry.statement().says {
        Says::Governance(body) => governance(entry, body, view, names),
        Says::Change(body) => {
            let authors: Vec<_> =
                body.authors.iter().map(|author| declared(author, names)).collect();
            // Whoever declares their own change is named before the line already.
            let own = matches!(body.authors.as_slice(),
                [DeclaredAuthor::Member(author)] if author == entry.by());
            let by = if own { String::new() } else { format!(" by {}", listed(&authors)) };
            let request = body.request.as_ref().map(|id| format!("{id} ")).unwrap_or_default();
            format!("change {request}{}{by}, AI: {}", body.change.short(), body.assistance)
        }
        Says::Landed(body) => {
            format!("change {} landed as {}", body.change.short(), commit(&body.head))
        }
        Says::Approval(body) => approval(body),
        Says::Build(Build { artifact, repository, revision, .. }) => {
            format!("build {} from {repository} {}", artifact.short(), commit(revision))
        }
        Says::Decision(body) => decision(body),
        Says::Deployment(body) => deployment(body),
        Says::Override(body) => break_glass(body),
    }
}

fn declared(author: &DeclaredAuthor, names: &Names) -> String {
    match author {
        DeclaredAuthor::Member(id) => names.of(id),
        DeclaredAuthor::Email(email) => format!("e-mail {}", email.short()),
    }
}

/// The first two, and how many more.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [one, two] => format!("{one}, {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

fn approval(body: &Approval) -> String {
    if let Some(withdrawn) = body.withdraws {
        return format!("withdraw entry {}", withdrawn.index);
    }
    let hashes: Vec<_> = body.rows.iter().map(|row| row.hash.short()).collect();
    let place = body.rows.first().and_then(|row| {
        Some(format!(" for {} {}", row.repository.as_ref()?, branch(row.target.as_ref()?)))
    });
    let place = place.unwrap_or_else(|| " (artifact)".to_owned());
    format!("{} {}{place}", body.verdict, listed(&hashes))
}

fn artifacts(digests: &[ContentDigest]) -> String {
    match digests {
        [] => String::new(),
        [one] => format!(", artifact {}", one.short()),
        more => format!(", {} artifacts", more.len()),
    }
}

fn decision(body: &Decision) -> String {
    let Decision { service, environment, revision, reasons, .. } = body;
    let verdict = match (body.verdict, body.mode) {
        (DecisionVerdict::Deny, Mode::Observe) => "WOULD REFUSE".to_owned(),
        (verdict, _) => verdict.to_string(),
    };
    let why: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", listed(&why)) };
    format!("decision {verdict} {service} {} {environment}{why}", commit(revision))
}

fn break_glass(body: &Override) -> String {
    let Override { service, environment, revision, .. } = body;
    let artifacts = artifacts(&body.artifacts);
    let drill = if body.drill.is_some() { "override (a drill)" } else { "override" };
    let until = super::time::date(body.expires);
    format!("{drill} {service} {} {environment}{artifacts}, until {until}", commit(revision))
}

fn deployment(body: &Deployment) -> String {
    let Deployment { service, environment, revision, outcome, .. } = body;
    let artifacts = artifacts(&body.artifacts);
    format!("{outcome} {service} {} {environment}{artifacts}", commit(revision))
}

fn governance(entry: &VerifiedEntry, body: &Governance, view: &View, names: &Names) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(genesis) = &body.genesis {
        parts.push(format!("ledger {}", genesis.origin));
    }
    let said = body.operations.iter();
    parts.extend(said.map(|operation| self::operation(entry, operation, view, names)));
    match parts.as_slice() {
        [one, two, three, _, ..] => {
            format!("{one}; {two}; {three}; {} more", parts.len() - 3)
        }
        _ => parts.join("; "),
    }
}

/// One operation in words.
pub(crate) fn operation(
    entry: &VerifiedEntry,
    operation: &Operation,
    view: &View,
    names: &Names,
) -> String {
    match operation {
        Operation::SetMember(said) => {
            let SetMember { member, kind, level, .. } = said;
            let what = level.as_ref().map_or_else(|| kind.to_string(), ToString::to_string);
            format!("member {}: {what}", names.of(member))
        }
        Operation::RetireMember(said) => format!("retire {}", names.of(&said.member)),
        Operation::AddKey(said) => {
            format!("key {} of {}", short_key(&said.key.fingerprint()), names.of(&said.member))
        }
        Operation::RevokeKey(said) => {
            let since = said.since.map(|index| format!(" since {index}")).unwrap_or_default();
            format!("revoke key {}: {}{since}", short_key(&said.key), said.cause)
        }
        Operation::SetAdmins(said) => {
            let admins: Vec<_> = said.admins.iter().map(|id| names.of(id)).collect();
            format!("admins {}, {} must sign", listed(&admins), said.threshold)
        }
        Operation::RotateLedgerKey(_) => "new ledger key".to_owned(),
        Operation::Lift(said) => format!("lift the reject at entry {}", said.entry.index),
        Operation::ConfirmClock(said) => {
            format!("confirm the clock up to {}", super::time::date(said.until))
        }
        Operation::SetPolicy(_) => {
            let mut versions = view.policies().iter();
            let number = versions.rfind(|policy| policy.entry == entry.index());
            number.map_or_else(|| "policy".to_owned(), |policy| format!("policy {}", policy.number))
        }
        Operation::Delegate(said) => {
            format!("let {} set people below {}", names.of(&said.service), said.below)
        }
        Operation::EndDelegation(said) => {
            format!("end what {} was let do", names.of(&said.service))
        }
        Operation::SetBaseline(said) => {
            let accepted = match &said.accepted {
                crate::statement::governance::Accepted::Nothing => "nothing".to_owned(),
                crate::statement::governance::Accepted::UpTo(revision) => commit(revision),
            };
            format!("baseline {} {}: {accepted}", said.service, said.environment)
        }
    }
}

/// `SHA256:Zk3v..`, for people.
pub(crate) fn short_key(key: &crate::key::KeyId) -> String {
    let text = key.to_string();
    let start: String = text.chars().take(14).collect();
    format!("{start}..")
}
