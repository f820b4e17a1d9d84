//! People as an admin names them, turned into operations of governance.

use std::path::Path;

use crate::base::digest::EmailDigest;
use crate::base::encoding;
use crate::base::limits::PUBLIC_KEY_LINE_BYTES_MAX;
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::cli::Context;
use crate::cli::desk::{Desk, Profile};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::time;
use crate::key::PublicKey;
use crate::roster::Member;
use crate::session::random;
use crate::statement::commitment::{EmailSalt, Opening};
use crate::statement::governance::{AddKey, Operation, SetMember};
use crate::statement::words::{Duty, MemberKind};

/// A member as the roster is to say it, with the profile in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The opaque id.
    pub(crate) id: MemberId,
    /// Set once.
    pub(crate) kind: MemberKind,
    /// A level of the policy.
    pub(crate) level: Option<LevelName>,
    /// Teams.
    pub(crate) teams: Vec<TeamName>,
    /// Duties.
    pub(crate) duties: Vec<Duty>,
    /// The human who answers for an agent.
    pub(crate) operator: Option<MemberId>,
    /// Name, e-mail addresses, handles: kept beside the ledger, never in it.
    pub(crate) profile: Profile,
    /// Keys to enrol.
    pub(crate) keys: Vec<PublicKey>,
}

impl Person {
    /// A person with a fresh id.
    pub(crate) fn new(kind: MemberKind, profile: Profile, duties: &[Duty]) -> Self {
        Self {
            id: fresh_member_id(),
            kind,
            level: None,
            teams: Vec::new(),
            duties: duties.to_vec(),
            operator: None,
            profile,
            keys: Vec::new(),
        }
    }

    /// Digests of the e-mail addresses, sorted.
    pub(crate) fn email_digests(&self, salt: &EmailSalt) -> Vec<EmailDigest> {
        sorted(self.profile.emails.iter().map(|email| salt.digest(email.as_bytes())))
    }

    /// The operation that says all of this but the keys, and the opening of the profile, which
    /// must be kept before the operation becomes an entry.
    ///
    /// # Errors
    /// Where the profile is too long to be kept.
    pub(crate) fn set_member(
        &self,
        salt: &EmailSalt,
    ) -> Result<(SetMember, Option<Opening>), CliError> {
        let opening = match &self.profile {
            profile if *profile == Profile::default() => None,
            profile => Some(open(&serde_json::to_string(profile).unwrap_or_default())?),
        };
        let said = SetMember {
            member: self.id.clone(),
            kind: self.kind,
            level: self.level.clone(),
            teams: sorted(self.teams.iter().cloned()),
            duties: sorted(self.duties.iter().copied()),
            operator: self.operator.clone(),
            profile: opening.as_ref().and_then(Opening::commitment),
            emails: self.email_digests(salt),
        };
        Ok((said, opening))
    }

    /// The operations that enrol the keys.
    pub(crate) fn add_keys(&self) -> impl Iterator<Item = Operation> + '_ {
        let add = |key: &PublicKey| {
            let (member, key) = (self.id.clone(), key.clone());
            Operation::AddKey(AddKey { member, key, attestation: None })
        };
        self.keys.iter().map(add)
    }

    /// What the person is called in a plan, before there is any opening.
    pub(crate) fn called(&self) -> String {
        called(&self.id, &self.profile)
    }
}

/// `Ben Ode <ben@shop.example>`, or as much of it as is known.
pub(crate) fn called(id: &MemberId, profile: &Profile) -> String {
    match (profile.name.as_str(), profile.emails.first()) {
        ("", None) => id.to_string(),
        ("", Some(email)) => email.clone(),
        (name, None) => name.to_owned(),
        (name, Some(email)) => format!("{name} <{email}>"),
    }
}

/// `m` and eight random hexadecimal digits: an id says nothing of whom it is.
pub(crate) fn fresh_member_id() -> MemberId {
    let text = format!("m{}", encoding::hex(&random::<4>()));
    MemberId::new(text).unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}

/// A free text under a fresh salt: what is signed is a commitment to it.
///
/// # Errors
/// Where it is too long to be kept.
pub(crate) fn open(text: &str) -> Result<Opening, CliError> {
    Opening::new(random(), text).map_err(|error| CliError::from_error(ErrorKind::Usage, &error))
}

/// The public key in a file; `-` is stdin.
///
/// # Errors
/// Where it cannot be read, or holds no Ed25519 key.
pub(crate) fn public_key(context: &Context, path: &Path) -> Result<PublicKey, CliError> {
    let bytes = context.read(path, PUBLIC_KEY_LINE_BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("PRIVATE KEY-----") {
        return Err(CliError::usage(format!("{} is a private key", path.display()))
            .hint(format!("hand in the public one: {}.pub", path.display())));
    }
    PublicKey::from_openssh(text.trim()).map_err(|error| {
        CliError::usage(format!("{} is no public key that can sign here", path.display()))
            .because(&error)
            .hint("an Ed25519 key is needed: countersign key generate")
    })
}

/// The member whom a text names, by id or e-mail address.
///
/// # Errors
/// Where there is none.
pub(crate) fn find<'d>(desk: &'d Desk, text: &str) -> Result<&'d Member, CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let digest = desk.session.salt().digest(text.as_bytes());
    let by_id = || roster.member(&MemberId::new(text).ok()?, size);
    roster.member_of_email(digest, size).or_else(by_id).ok_or_else(|| {
        CliError::usage(format!("{text} is no member"))
            .hint("name a member by id or e-mail address: countersign roster show")
    })
}

/// A key to be enrolled, in words. Who has one already is told, and that what the new one signs
/// waits: a second key under somebody's name is how an admin would sign as them (ATTACKS 18).
/// `earlier` are keys of theirs that the same statement enrols before it.
pub(crate) fn key_in_words(
    desk: &Desk,
    called: &str,
    member: &MemberId,
    key: &PublicKey,
    earlier: usize,
) -> Vec<String> {
    let roster = desk.session.view().roster();
    let others = match roster.keys_of(member, desk.session.size()).len() + earlier {
        0 => String::new(),
        1 => ", beside the key that they have".to_owned(),
        count => format!(", beside the {count} keys that they have"),
    };
    let mut words = vec![format!("key     {called}: {}{others}", key.fingerprint())];
    let cools = roster.had_key(member) || earlier > 0;
    // Only what humans sign off waits; a gate's or a builder's key is good at once.
    let signs_off =
        roster.member(member, desk.session.size()).is_none_or(|one| one.kind == MemberKind::Human);
    let policy = desk.policy().ok().filter(|_| cools && signs_off);
    let cooling = policy.map(|policy| policy.defaults().key_cooling);
    if let Some(cooling) = cooling.filter(|cooling| cooling.milliseconds() > 0) {
        words.push(format!("        what it signs counts after {}", time::span(cooling)));
    }
    words
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<std::collections::BTreeSet<T>>().into_iter().collect()
}
