//! What a wanted member differs in from the roster, in words and operations.

use crate::base::name::MemberId;
use crate::cli::desk::{Desk, Names, Profile};
use crate::cli::error::CliError;
use crate::cli::governance::Plan;
use crate::cli::people::{Person, key_count, key_in_words};
use crate::key::PublicKey;
use crate::roster::Member;
use crate::statement::governance::{Operation, RetireMember};

/// The profile of a member, where it is not withheld.
pub(crate) fn profile_of(desk: &Desk, member: &Member) -> Option<Profile> {
    let text = desk.session.openings().text(member.profile?).ok().flatten()?;
    serde_json::from_str(&text).ok()
}

/// Adds to a plan whatever makes the roster say what is wanted of a person.
///
/// # Errors
/// Where what is wanted cannot be, such as another kind.
pub(super) fn want(
    plan: &mut Plan,
    desk: &Desk,
    person: &Person,
    names: &Names,
) -> Result<(), CliError> {
    let size = desk.session.size();
    let found = desk.session.view().roster().member(&person.id, size);
    let words = match found {
        None => Some(format!("add     {}: {}", person.called(), all_of(person))),
        Some(member) => {
            if member.kind != person.kind {
                let message = format!(
                    "{} is {} {}: that was set once",
                    person.called(),
                    article(member.kind.as_str()),
                    member.kind
                );
                return Err(CliError::usage(message)
                    .hint("retire this member and add another with an id of its own"));
            }
            let changes = changes(desk, member, person);
            let called = names.of(&member.id);
            (!changes.is_empty()).then(|| format!("change  {called}: {}", changes.join("; ")))
        }
    };
    if let Some(words) = words {
        let (mut operation, mut opening) = person.set_member(desk.session.salt())?;
        // The same profile keeps its commitment: a new one would be more than a demotion.
        if let (Some(member), Operation::SetMember(said)) = (found, &mut operation)
            && member.profile.is_some()
            && profile_of(desk, member).is_some_and(|known| known == person.profile)
        {
            said.profile = member.profile;
            opening = None;
        }
        plan.words.push(words);
        plan.operations.push(operation);
        plan.openings.extend(opening);
    }
    let held = desk.session.view().roster();
    let is_new = |key: &&PublicKey| {
        held.key(&key.fingerprint()).and_then(|record| record.owner(size)) != Some(&person.id)
    };
    let keys: Vec<PublicKey> = person.keys.iter().filter(is_new).cloned().collect();
    let beside = key_count(desk, &person.id);
    for key in &keys {
        plan.words.push(key_in_words(&person.called(), key, beside));
    }
    let person = Person { keys, ..person.clone() };
    plan.operations.extend(person.add_keys());
    Ok(())
}

/// Adds a retirement to a plan; none where the member is retired already.
pub(super) fn retire(plan: &mut Plan, desk: &Desk, member: &Member, names: &Names) {
    if desk.session.view().roster().member(&member.id, desk.session.size()).is_some() {
        plan.words.push(format!("retire  {}", names.of(&member.id)));
        let member = member.id.clone();
        plan.operations.push(Operation::RetireMember(RetireMember { member, reason: None }));
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// What a new member is, in words.
fn all_of(person: &Person) -> String {
    let mut words = vec![person.kind.to_string()];
    words.extend(person.level.as_ref().map(|level| format!("level {level}")));
    if !person.teams.is_empty() {
        words.push(format!("teams {}", joined(&person.teams)));
    }
    let duties = if person.duties.is_empty() {
        "no duties".to_owned()
    } else {
        format!("may {}", joined(&person.duties))
    };
    words.push(duties);
    words.join(", ")
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn or_none<T: ToString>(items: &[T]) -> String {
    if items.is_empty() { "none".to_owned() } else { joined(items) }
}

/// What is another, in words; empty where nothing is.
fn changes(desk: &Desk, member: &Member, person: &Person) -> Vec<String> {
    let mut words = Vec::new();
    let mut differs = |what: &str, old: String, new: String| {
        if old != new {
            words.push(format!("{what} {new} (was {old})"));
        }
    };
    let (mut teams, mut duties) = (person.teams.clone(), person.duties.clone());
    teams.sort_unstable();
    teams.dedup();
    duties.sort_unstable();
    duties.dedup();
    let level = |level: Option<&crate::base::name::LevelName>| {
        level.map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    differs("level", level(member.level.as_ref()), level(person.level.as_ref()));
    differs("teams", or_none(&member.teams), or_none(&teams));
    differs("duties", or_none(&member.duties), or_none(&duties));
    let operator =
        |id: &Option<MemberId>| id.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    differs("operator", operator(&member.operator), operator(&person.operator));
    let known = profile_of(desk, member).unwrap_or_default();
    let wanted = &person.profile;
    differs("name", known.name.clone(), wanted.name.clone());
    differs("handles", or_none(&known.handles), or_none(&wanted.handles));
    if member.emails != person.email_digests(desk.session.salt()) {
        words.push(format!("e-mail {}", or_none(&wanted.emails)));
    } else if words.is_empty() && known != *wanted {
        words.push("profile".to_owned());
    }
    words
}
