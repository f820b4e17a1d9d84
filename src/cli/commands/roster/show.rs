//! `roster show`: who may say what, as a table.

use serde::Serialize;

use super::difference::profile_of;
use crate::base::name::{LevelName, MemberId, TeamName};
use crate::base::position::TreeSize;
use crate::cli::Context;
use crate::cli::desk::{Desk, Profile};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{few_admins, few_holders};
use crate::cli::ui::Cell;
use crate::cli::ui::{Role, Table};
use crate::key::KeyId;
use crate::statement::words::{Duty, MemberKind};

/// Show who may say what
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign roster show\n  countersign roster show --json")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Report {
    size: TreeSize,
    admins: Vec<MemberId>,
    threshold: u32,
    /// Whether nobody else watches over what the one admin does.
    single_admin: bool,
    delegations: Vec<Delegated>,
    members: Vec<Row>,
}

/// What a service may do in the admins' place.
#[derive(Serialize)]
struct Delegated {
    service: MemberId,
    below: LevelName,
    teams: Vec<TeamName>,
}

/// A member as an answer.
#[derive(Serialize)]
struct Row {
    id: MemberId,
    #[serde(flatten)]
    profile: Profile,
    kind: MemberKind,
    level: Option<LevelName>,
    teams: Vec<TeamName>,
    duties: Vec<Duty>,
    operator: Option<MemberId>,
    keys: Vec<KeyId>,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, _: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("roster show")?;
    let report = report(&desk);
    context.ui.json(&report);
    let people = report.members.len();
    let noun = if people == 1 { "member" } else { "members" };
    let admins: Vec<_> = report.admins.iter().map(|id| desk.names().of(id)).collect();
    let place = format!("{people} {noun} of {}", desk.trust.origin());
    context.ui.lead(Role::Strong, "ROSTER", &place);
    let of = match (report.single_admin, admins.len()) {
        (true, 1) => "single admin".to_owned(),
        (true, count) => format!("single admin with a key, of {count}"),
        (false, count) => format!("{} of {count} admins must sign", report.threshold),
    };
    context.ui.paragraph(0, &format!("{of}: {}", admins.join(", ")));
    for Delegated { service, below, teams } in &report.delegations {
        let teams: Vec<_> = teams.iter().map(ToString::to_string).collect();
        let teams = if teams.is_empty() { "none".to_owned() } else { teams.join(", ") };
        let called = desk.names().of(service);
        let line = format!("{called} may set people below {below}; teams it may give: {teams}");
        context.ui.paragraph(0, &line);
    }
    context.ui.blank();
    let mut table = Table::new(0);
    let head = ["NAME", "ID", "KIND", "LEVEL", "TEAMS", "DUTIES", "KEYS"];
    table.row(head.map(|word| Cell::new(Role::Strong, word)));
    for row in &report.members {
        table.row(cells(row));
    }
    context.ui.table(&table);
    if let Some(few) = few_holders(desk.session.view()) {
        context.ui.warn(few);
    }
    if let Some(few) = few_admins(desk.session.view()) {
        context.ui.warn(&few);
    }
    Ok(ExitStatus::Yes)
}

fn report(desk: &Desk) -> Report {
    let size = desk.session.size();
    let roster = desk.session.view().roster();
    let members = roster.members(size).map(|member| Row {
        id: member.id.clone(),
        profile: profile_of(desk, member).unwrap_or_default(),
        kind: member.kind,
        level: member.level.clone(),
        teams: member.teams.clone(),
        duties: member.duties.clone(),
        operator: member.operator.clone(),
        keys: keys(desk, &member.id),
    });
    let admins = roster.admins(size);
    let delegations = roster.delegations(size).map(|(service, delegation)| Delegated {
        service: service.clone(),
        below: delegation.below.clone(),
        teams: delegation.teams.clone(),
    });
    Report {
        size,
        admins: admins.map(|set| set.admins.clone()).unwrap_or_default(),
        threshold: admins.map_or(0, |set| set.threshold),
        single_admin: roster.is_single_admin(size),
        delegations: delegations.collect(),
        members: members.collect(),
    }
}

/// A member's keys, the first that was enrolled first: a further one stands last.
fn keys(desk: &Desk, member: &MemberId) -> Vec<KeyId> {
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let mut keys = roster.keys_of(member, size);
    keys.sort_by_key(|key| roster.key(key).and_then(|record| record.enrolled_at(size)));
    keys
}

/// Keys are told apart by their first characters; the whole is in the JSON.
fn cells(row: &Row) -> [String; 7] {
    let list = |items: Vec<String>, between: &str| {
        if items.is_empty() { "-".to_owned() } else { items.join(between) }
    };
    let name = &row.profile.name;
    let keys = row.keys.iter().map(|key| key.to_string().chars().skip(7).take(8).collect());
    [
        if name.is_empty() { "-".to_owned() } else { name.clone() },
        row.id.to_string(),
        row.kind.to_string(),
        row.level.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        list(row.teams.iter().map(ToString::to_string).collect(), ","),
        list(row.duties.iter().map(ToString::to_string).collect(), ","),
        list(keys.collect(), " "),
    ]
}
