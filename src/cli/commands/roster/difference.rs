//! What a wanted member differs in from the roster, in words and operations.

use crate::base::name::MemberId;
use crate::cli::desk::{Desk, Names, Profile};
use crate::cli::error::CliError;
use crate::cli::governance::Plan;
use crate::cli::people::{Person, called, key_in_words};
use crate::key::PublicKey;
use crate::roster::Member;
use crate::statement::governance::{Operation, RetireMember, SetMember};

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
    if let Some(member) = found.filter(|member| member.kind != person.kind) {
        let message = format!(
            "{} is {} {}: that was set once",
            person.called(),
            article(member.kind.as_str()),
            member.kind
        );
        return Err(CliError::usage(message)
            .hint("retire this member and add another with an id of its own"));
    }
    let (mut said, mut opening) = person.set_member(desk.session.salt())?;
    if let Some(words) = in_words(desk, &said, Some(&person.profile), names) {
        // The same profile keeps its commitment: a new one would be more than a demotion.
        if let Some(member) = found
            && member.profile.is_some()
            && profile_of(desk, member).is_some_and(|known| known == person.profile)
        {
            said.profile = member.profile;
            opening = None;
        }
        plan.words.push(words);
        plan.operations.push(Operation::SetMember(said));
        plan.openings.extend(opening);
    }
    let held = desk.session.view().roster();
    let is_new = |key: &&PublicKey| {
        held.key(&key.fingerprint()).and_then(|record| record.owner(size)) != Some(&person.id)
    };
    let keys: Vec<PublicKey> = person.keys.iter().filter(is_new).cloned().collect();
    for (earlier, key) in keys.iter().enumerate() {
        plan.words.extend(key_in_words(desk, &person.called(), &person.id, key, earlier));
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

/// What an operation makes of a member, in words; none where all stays as it is. The profile is
/// the one that it commits to, where that is not withheld.
pub(in crate::cli::commands) fn in_words(
    desk: &Desk,
    said: &SetMember,
    profile: Option<&Profile>,
    names: &Names,
) -> Option<String> {
    match desk.session.view().roster().member(&said.member, desk.session.size()) {
        None => {
            let called = profile
                .map_or_else(|| said.member.to_string(), |profile| called(&said.member, profile));
            Some(format!("add     {called}: {}", all_of(said)))
        }
        Some(member) => {
            let changes = changes(desk, member, said, profile);
            let called = names.of(&member.id);
            (!changes.is_empty()).then(|| format!("change  {called}: {}", changes.join("; ")))
        }
    }
}

/// What a new member is, in words.
fn all_of(said: &SetMember) -> String {
    let mut words = vec![said.kind.to_string()];
    words.extend(said.level.as_ref().map(|level| format!("level {level}")));
    if !said.teams.is_empty() {
        words.push(format!("teams {}", joined(&said.teams)));
    }
    let duties = if said.duties.is_empty() {
        "no duties".to_owned()
    } else {
        format!("may {}", joined(&said.duties))
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
fn changes(
    desk: &Desk,
    member: &Member,
    said: &SetMember,
    profile: Option<&Profile>,
) -> Vec<String> {
    let mut words = Vec::new();
    let mut differs = |what: &str, old: String, new: String| {
        if old != new {
            words.push(format!("{what} {new} (was {old})"));
        }
    };
    let (mut old_teams, mut old_duties) = (member.teams.clone(), member.duties.clone());
    old_teams.sort_unstable();
    old_duties.sort_unstable();
    let level = |level: Option<&crate::base::name::LevelName>| {
        level.map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    differs("level", level(member.level.as_ref()), level(said.level.as_ref()));
    differs("teams", or_none(&old_teams), or_none(&said.teams));
    differs("duties", or_none(&old_duties), or_none(&said.duties));
    let operator =
        |id: &Option<MemberId>| id.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    differs("operator", operator(&member.operator), operator(&said.operator));
    let known = profile_of(desk, member).unwrap_or_default();
    if let Some(wanted) = profile {
        differs("name", known.name.clone(), wanted.name.clone());
        differs("handles", or_none(&known.handles), or_none(&wanted.handles));
    }
    if member.emails != said.emails {
        let shown = profile.map(|wanted| or_none(&wanted.emails));
        words.push(format!("e-mail {}", shown.unwrap_or_else(|| "(withheld)".to_owned())));
    } else if words.is_empty() && profile.is_some_and(|wanted| known != *wanted) {
        words.push("profile".to_owned());
    }
    words
}
