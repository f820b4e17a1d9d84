//! What an audit is asked about: a service, a person, a commit, a hash, an entry, or
//! everything.

use super::{Period, log, places};
use crate::base::name::{MemberId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;

/// What is asked about.
pub(super) enum Subject {
    /// Every place.
    Everything,
    /// What is live of a service.
    Service(ServiceName),
    /// What somebody signed.
    Person(MemberId),
    /// A commit that is here, and how it was named.
    Commit {
        /// The commit.
        revision: Revision,
        /// Its digits, or what was typed.
        text: String,
    },
    /// Every entry about a change, commit or artifact.
    Hash(String),
    /// One entry.
    Entry(EntryIndex),
}

/// Without a subject: the only service, else all of them.
pub(super) fn only_service(desk: &Desk, period: &Period) -> Result<Subject, CliError> {
    let policy = desk.policy()?;
    match policy.services() {
        [one] if !period.is_given() => Ok(Subject::Service(one.name.clone())),
        _ => Ok(Subject::Everything),
    }
}

/// Guesses by form: an entry, a service, somebody, a hash.
pub(super) fn subject(desk: &Desk, names: &Names, text: &str) -> Result<Subject, CliError> {
    if let Ok(number) = log::entry_number(text)
        && (text.starts_with('#') || number < desk.session.size().get())
    {
        return Ok(Subject::Entry(EntryIndex::new(number)));
    }
    let services = places::services(desk);
    if let Some(service) = services.iter().find(|service| service.as_str() == text) {
        return Ok(Subject::Service(service.clone()));
    }
    let member = log::member(desk, names, text);
    if let Ok(member) = member {
        return Ok(Subject::Person(member));
    }
    // Whoever has left is still found by the address that commits name.
    if let Some(member) = by_address(desk, text) {
        return Ok(Subject::Person(member));
    }
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hash = (7..=64).contains(&digits.len())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let repository = desk.repository.as_ref();
    if let Some(revision) = repository.and_then(|found| found.resolve(text).ok()) {
        let text = if is_hash { digits.to_owned() } else { revision.to_string() };
        return Ok(Subject::Commit { revision, text });
    }
    if is_hash {
        return Ok(Subject::Hash(digits.to_owned()));
    }
    let known: Vec<_> = services.iter().take(5).map(ToString::to_string).collect();
    Err(CliError::usage(format!("{text} is no service, person, commit, hash or entry"))
        .hint("of a request or a path: countersign audit COMMIT, as git log or git blame names it")
        .hint(format!("services: {}", known.join(", ")))
        .hint("people are listed by countersign roster show, entries by countersign log"))
}

/// Whose address it is, or was.
fn by_address(desk: &Desk, text: &str) -> Option<MemberId> {
    let (roster, digest) =
        (desk.session.view().roster(), desk.session.salt().digest(text.as_bytes()));
    let now = roster.member_of_email(digest, desk.session.size()).map(|member| member.id.clone());
    now.or_else(|| {
        let mut ever = roster.members_ever();
        ever.find(|member| member.emails.contains(&digest)).map(|member| member.id.clone())
    })
}
