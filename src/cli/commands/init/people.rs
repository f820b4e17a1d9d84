//! The first roster: the admin as git's settings say, and the people of its allowed signers.

use std::path::PathBuf;

use super::allowed::{self, Allowed, parse};
use crate::base::limits::ALLOWED_SIGNERS_BYTES_MAX;
use crate::cli::Context;
use crate::cli::desk::Profile;
use crate::cli::error::CliError;
use crate::cli::people::{Person, public_key};
use crate::git::Repository;
use crate::key::PublicKey;
use crate::statement::words::{Duty, MemberKind};

/// People of the list of allowed signers that entry 0 has room for; the others are added later.
const FIRST_PEOPLE_MAX: usize = 40;
/// What the first admins may do beside governing.
const ADMIN_DUTIES: [Duty; 3] = [Duty::Review, Duty::Deploy, Duty::Override];

/// The admin as git's settings say, and the people of its list of allowed signers.
pub(super) fn people(
    context: &Context,
    repository: &Repository,
    key: &PublicKey,
    others: &[OtherAdmin],
) -> Result<(Vec<Person>, usize), CliError> {
    let email = repository.config_string("user.email").filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| {
        CliError::usage("git does not know your e-mail address")
            .hint("git config --global user.email YOU@EXAMPLE.ORG")
    })?;
    let name = repository.config_string("user.name").or_else(|| context.environment.user.clone());
    let profile =
        Profile { name: name.unwrap_or_default(), emails: vec![email], handles: Vec::new() };
    let mut admin = Person::new(MemberKind::Human, profile, &ADMIN_DUTIES);
    admin.keys.push(key.clone());
    let mut people = vec![admin];
    for other in others {
        let person = other.person(context)?;
        let is_same = |one: &Person| {
            one.keys == person.keys || one.profile.emails[0] == person.profile.emails[0]
        };
        if people.iter().any(is_same) {
            let message = format!("{} stands among the admins twice", person.called());
            return Err(CliError::usage(message)
                .hint("you are one already; name the others, each with an own key"));
        }
        people.push(person);
    }
    let (lines, mut left_out) = allowed_signers(context, repository)?;
    for line in lines {
        let is_same = |person: &&mut Person| {
            let same = |email: &String| {
                person.profile.emails.iter().any(|known| known.eq_ignore_ascii_case(email))
            };
            person.keys.contains(&line.key) || line.emails.iter().any(same)
        };
        let is_full = people.len() > FIRST_PEOPLE_MAX;
        match people.iter_mut().find(is_same) {
            Some(person) => add_to(person, line),
            None if is_full => left_out += 1,
            None => {
                let name = line.emails[0].split('@').next().unwrap_or_default().to_owned();
                let profile = Profile { name, emails: Vec::new(), handles: Vec::new() };
                let mut person = Person::new(MemberKind::Human, profile, &[Duty::Review]);
                add_to(&mut person, line);
                people.push(person);
            }
        }
    }
    Ok((people, left_out))
}

/// Another first admin: `ADDRESS=FILE` or `NAME <ADDRESS>=FILE`.
#[derive(Debug, Clone)]
pub(crate) struct OtherAdmin {
    name: String,
    email: String,
    file: PathBuf,
}

impl std::str::FromStr for OtherAdmin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "write ADDRESS=FILE.pub or 'NAME <ADDRESS>=FILE.pub'".to_owned();
        let (whom, file) = text.split_once('=').ok_or_else(wrong)?;
        let (name, email) = match whom.split_once('<') {
            Some((name, rest)) => (name.trim(), rest.trim().strip_suffix('>').ok_or_else(wrong)?),
            None => (whom.split('@').next().unwrap_or_default(), whom),
        };
        if !email.contains('@') || name.is_empty() || file.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), email: email.to_owned(), file: file.into() })
    }
}

impl OtherAdmin {
    fn person(&self, context: &Context) -> Result<Person, CliError> {
        let (name, emails) = (self.name.clone(), vec![self.email.clone()]);
        let profile = Profile { name, emails, handles: Vec::new() };
        let mut person = Person::new(MemberKind::Human, profile, &ADMIN_DUTIES);
        person.keys.push(public_key(context, &self.file)?);
        Ok(person)
    }
}

fn add_to(person: &mut Person, line: Allowed) {
    for email in line.emails {
        if !person.profile.emails.iter().any(|known| known.eq_ignore_ascii_case(&email)) {
            person.profile.emails.push(email);
        }
    }
    if !person.keys.contains(&line.key) {
        person.keys.push(line.key);
    }
}

fn allowed_signers(
    context: &Context,
    repository: &Repository,
) -> Result<(Vec<Allowed>, usize), CliError> {
    let Some(path) = allowed::file(&context.environment, repository) else {
        return Ok((Vec::new(), 0));
    };
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = context.read(&path, ALLOWED_SIGNERS_BYTES_MAX)?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}
