//! `roster apply`: the roster made to say what a file says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::difference::{retire, want};
use super::file::{Entry, Lines, RosterFile, parse};
use crate::base::limits::ROSTER_FILE_BYTES_MAX;
use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::desk::{Desk, Profile};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::{Person, find, fresh_member_id};
use crate::cli::touched::by_operations;
use crate::cli::ui::Role;
use crate::key::PublicKey;
use crate::roster::Member;
use crate::statement::governance::{Operation, SetAdmins};
use crate::statement::words::MemberKind;

/// Make the roster say what a file says
///
/// Members are found by id, else by e-mail address; who is not in the file stays as is. The same
/// file again changes nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file:\n  admins = [\"ada@shop.example\"]   # optional, with threshold\n\n  \
    [[member]]\n  name   = \"Ben Ode\"\n  emails = [\"ben@shop.example\"]\n  \
    duties = [\"review\"]\n  keys   = [\"ssh-ed25519 AAAA...\"]\n  \
    # id, kind, level, teams, handles, operator, retired\n\n\
    Examples:\n  countersign roster apply roster.toml\n  countersign roster apply -n roster.toml"
)]
pub(crate) struct Args {
    /// The file; - is standard input
    file: PathBuf,
    #[command(flatten)]
    flags: SigningFlags,
}

/// A member as the file has it: whom it is about, and what it says.
struct Wanted {
    line: usize,
    known: Option<Member>,
    /// Whether the id was made just now.
    is_fresh: bool,
    person: Person,
    operator: Option<String>,
    retired: bool,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let bytes = context.read(&args.file, ROSTER_FILE_BYTES_MAX)?;
    let (text, file) = parse(&args.file, bytes)?;
    let desk = context.desk("roster apply")?;
    let at = |line: usize| format!("{}: line {line}", args.file.display());
    let plan = plan(&desk, &text, &file).map_err(|(line, mut error)| {
        error.message = format!("{}: {}", at(line), error.message);
        error
    })?;
    if plan.operations.is_empty() {
        context.ui.json(&serde_json::json!({ "plan": [], "entries": [] }));
        context.ui.lead(Role::Good, "NOTHING TO DO", "the roster says this already");
        return Ok(ExitStatus::Yes);
    }
    carry_out(context, desk, &plan, &args.flags)
}

type Mistake = (usize, CliError);

fn plan(desk: &Desk, text: &str, file: &RosterFile) -> Result<Plan, Mistake> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let text_lines = Lines::of(text);
    let mut lines: BTreeMap<MemberId, usize> = BTreeMap::new();
    for entry in &file.member {
        let line = text_lines.line(entry.span().start);
        let mut found = read(desk, entry.get_ref(), line).map_err(|error| (line, error))?;
        // Of thousands of fresh ids two may be the same.
        while found.is_fresh && lines.contains_key(&found.person.id) {
            found.person.id = fresh_member_id();
        }
        if let Some(other) = lines.insert(found.person.id.clone(), line) {
            let message = format!("the same member stands in line {other} too");
            return Err((line, CliError::usage(message).hint("write each member once")));
        }
        wanted.push(found);
    }
    resolve_operators(desk, &mut wanted)?;
    let names = desk.names();
    let mut plan = Plan { question: "Sign this?".to_owned(), ..Plan::default() };
    // An operator stands before its agent, wherever the file has it.
    wanted.sort_by_key(|wanted| wanted.person.operator.is_some());
    for one in wanted.iter().filter(|one| !one.retired) {
        want(&mut plan, desk, &one.person, &names).map_err(|error| (one.line, error))?;
    }
    admins(&mut plan, desk, file, &wanted).map_err(|error| (1, error))?;
    for member in wanted.iter().filter(|one| one.retired).filter_map(|one| one.known.as_ref()) {
        retire(&mut plan, desk, member, &names);
    }
    plan.words.extend(by_operations(desk, &plan.operations).map_err(|error| (1, error))?);
    plan.after.push("next: countersign roster show".to_owned());
    Ok(plan)
}

/// The member that an entry is about: by id, else by the address of whoever has it.
fn known(desk: &Desk, entry: &Entry) -> Result<Option<Member>, CliError> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    if let Some(id) = &entry.id {
        return Ok(roster.member(id, size).cloned());
    }
    let mut found: Option<Member> = None;
    for email in &entry.emails {
        let digest = desk.session.salt().digest(email.as_bytes());
        match (roster.member_of_email(digest, size), &found) {
            (Some(member), Some(other)) if member.id != other.id => {
                let message =
                    format!("the addresses are of two members: {}, {}", other.id, member.id);
                return Err(CliError::usage(message).hint("say which one it is with id = ..."));
            }
            (Some(member), _) => found = Some(member.clone()),
            (None, _) => {}
        }
    }
    Ok(found)
}

fn read(desk: &Desk, entry: &Entry, line: usize) -> Result<Wanted, CliError> {
    if entry.id.is_none() && entry.emails.is_empty() {
        return Err(CliError::usage("a member without id and emails cannot be found again")
            .hint("give it emails = [...], or an id of its own"));
    }
    let known = known(desk, entry)?;
    let id = match (&entry.id, &known) {
        (Some(id), _) => id.clone(),
        (None, Some(member)) => member.id.clone(),
        (None, None) => fresh_member_id(),
    };
    let kind = entry.kind.or(known.as_ref().map(|member| member.kind));
    let keys = entry.keys.iter().map(|line| PublicKey::from_openssh(line));
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| {
        CliError::usage("a key that cannot sign here")
            .because(&error)
            .hint("write the line of an Ed25519 key: keys = [\"ssh-ed25519 AAAA...\"]")
    })?;
    let person = Person {
        id,
        kind: kind.unwrap_or(MemberKind::Human),
        level: entry.level.clone(),
        teams: entry.teams.clone(),
        duties: entry.duties.clone(),
        operator: None,
        profile: Profile {
            name: entry.name.clone(),
            emails: entry.emails.clone(),
            handles: entry.handles.clone(),
        },
        keys,
    };
    let is_fresh = entry.id.is_none() && known.is_none();
    let (operator, retired) = (entry.operator.clone(), entry.retired);
    Ok(Wanted { line, known, is_fresh, person, operator, retired })
}

/// Whom a text names: an id, or an e-mail address, of the file or of the roster.
fn whom(desk: &Desk, wanted: &[Wanted], text: &str) -> Result<MemberId, CliError> {
    let named = |one: &&Wanted| {
        let emails = &one.person.profile.emails;
        one.person.id.as_str() == text || emails.iter().any(|own| own.eq_ignore_ascii_case(text))
    };
    if let Some(one) = wanted.iter().find(named) {
        return Ok(one.person.id.clone());
    }
    find(desk, text).map(|member| member.id.clone())
}

fn resolve_operators(desk: &Desk, wanted: &mut [Wanted]) -> Result<(), Mistake> {
    for index in 0..wanted.len() {
        let Some(text) = wanted[index].operator.clone() else { continue };
        let id = whom(desk, wanted, &text).map_err(|error| (wanted[index].line, error))?;
        wanted[index].person.operator = Some(id);
    }
    Ok(())
}

fn admins(
    plan: &mut Plan,
    desk: &Desk,
    file: &RosterFile,
    wanted: &[Wanted],
) -> Result<(), CliError> {
    let old = desk.session.view().roster().admins(desk.session.size());
    let mut admins = match &file.admins {
        Some(texts) => {
            texts.iter().map(|text| whom(desk, wanted, text)).collect::<Result<Vec<_>, _>>()?
        }
        None if file.threshold.is_none() => return Ok(()),
        None => old.map(|set| set.admins.clone()).unwrap_or_default(),
    };
    admins.sort_unstable();
    admins.dedup();
    // What the file does not say stays: nobody asks for fewer signatures by leaving it out.
    let threshold = file.threshold.or_else(|| old.map(|set| set.threshold)).unwrap_or(1);
    if old.is_some_and(|old| old.admins == admins && old.threshold == threshold) {
        return Ok(());
    }
    let names = desk.names();
    let called = |id: &MemberId| {
        let new = wanted.iter().find(|one| one.person.id == *id);
        new.map_or_else(|| names.of(id), |one| one.person.called())
    };
    let mut list: Vec<_> = admins.iter().map(called).collect();
    list.sort_unstable();
    plan.words.push(format!("admins  {}; {threshold} must sign", list.join(", ")));
    plan.operations.push(Operation::SetAdmins(SetAdmins { admins, threshold }));
    Ok(())
}
