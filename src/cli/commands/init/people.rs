//! The first roster: the admin as git's settings say, and the people of its allowed signers.

use super::allowed::{Allowed, parse};
use crate::cli::Context;
use crate::cli::desk::Profile;
use crate::cli::error::CliError;
use crate::cli::people::Person;
use crate::git::Repository;
use crate::key::PublicKey;
use crate::statement::words::{Duty, MemberKind};

/// People of the list of allowed signers that entry 0 has room for; the others are added later.
const FIRST_PEOPLE_MAX: usize = 40;
/// Bytes of a list of allowed signers that are read.
const ALLOWED_SIGNERS_BYTES_MAX: usize = 1024 * 1024;

/// The admin as git's settings say, and the people of its list of allowed signers.
pub(super) fn people(
    context: &Context,
    repository: &Repository,
    key: &PublicKey,
) -> Result<(Vec<Person>, usize), CliError> {
    let email = repository.config_string("user.email").filter(|email| !email.is_empty());
    let email = email.ok_or_else(|| {
        CliError::usage("git does not know your e-mail address")
            .hint("git config --global user.email YOU@EXAMPLE.ORG")
    })?;
    let name = repository.config_string("user.name").or_else(|| context.environment.user.clone());
    let profile =
        Profile { name: name.unwrap_or_default(), emails: vec![email], handles: Vec::new() };
    let duties = [Duty::Review, Duty::Deploy, Duty::Override];
    let mut admin = Person::new(MemberKind::Human, profile, &duties);
    admin.keys.push(key.clone());
    let mut people = vec![admin];
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
    let Some(text) = repository.config_string("gpg.ssh.allowedSignersFile") else {
        return Ok((Vec::new(), 0));
    };
    let path = match (text.strip_prefix("~/"), &context.environment.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => repository.work_dir().unwrap_or_default().join(&text),
    };
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = context.read(&path, ALLOWED_SIGNERS_BYTES_MAX)?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}
