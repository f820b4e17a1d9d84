//! `roster forget`: names, addresses and words of somebody deleted, and every proof intact.

use std::collections::BTreeSet;

use crate::base::digest::Commitment;
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::address::SERVER_STOPPED;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{confirm, tell};
use crate::cli::people::find;
use crate::cli::ui::Role;
use crate::session::check::commitments;
use crate::session::{MirrorPlace, SessionError, forget_in_mirror};
use crate::statement::Says;
use crate::statement::governance::Operation;
use crate::verify::VerifiedEntry;

/// Delete names, addresses and words of somebody
///
/// Deletes the openings beside the ledger: the profile, and the comments and reasons that the
/// member wrote. The ledger holds commitments only, so every proof stays as it is, and reports
/// read "withheld". Copies of the ledger's folder keep theirs until it is done there too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign roster forget m1f3a9c2e -n\n  \
    countersign roster forget m1f3a9c2e")]
pub(crate) struct Args {
    /// Whose: a member's id, or an e-mail address while they are one
    member: String,
    /// Show what would be deleted and delete nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    context.need_own_folder("roster forget", SERVER_STOPPED)?;
    let desk = context.desk("roster forget")?;
    let (roster, size) = (desk.session.view().roster(), desk.session.size());
    let id = match MemberId::new(args.member.as_str()) {
        // Who left is forgotten too, and is found by id.
        Ok(id) if roster.member_ever(&id, size).is_some() => id,
        _ => find(&desk, &args.member)?.id.clone(),
    };
    let openings = desk.session.openings();
    let mut kept = BTreeSet::new();
    for commitment in all_of(&desk, &id)? {
        if openings.text(commitment).map_err(SessionError::from)?.is_some() {
            kept.insert(commitment);
        }
    }
    if kept.is_empty() {
        context.ui.json(&serde_json::json!({ "member": id, "deleted": 0 }));
        context.ui.lead(Role::Good, "NOTHING TO DO", &format!("nothing of {id} is kept here"));
        return Ok(ExitStatus::Yes);
    }
    let count = kept.len();
    let noun = if count == 1 { "opening" } else { "openings" };
    let asks_nothing = args.yes || args.dry_run;
    let called = desk.names().of(&id);
    tell(context, asks_nothing, &format!("forget  {called} ({id}): {count} {noun}"));
    tell(context, asks_nothing, "the words are gone for good; entries and proofs stay");
    if roster.member(&id, size).is_some() {
        tell(context, asks_nothing, "still a member: a roster file brings the profile back");
    }
    if args.dry_run {
        context.ui.json(&serde_json::json!({ "member": id, "would_delete": count }));
        return Ok(ExitStatus::Yes);
    }
    confirm(context, args.yes, "Delete them?")?;
    for commitment in kept {
        openings.remove(commitment).map_err(SessionError::from)?;
    }
    let mirror = context.configuration()?.mirror(desk.trust.origin());
    let place = mirror.map(|found| MirrorPlace { folder: found.folder, openings: found.openings });
    let in_mirror = match &place {
        Some(place) => {
            forget_in_mirror(desk.session.folder(), place).map_err(SessionError::from)?
        }
        None => 0,
    };
    let answer = serde_json::json!({ "member": id, "deleted": count, "in_mirror": in_mirror });
    context.ui.json(&answer);
    context.ui.lead(Role::Good, "DONE", &format!("{count} {noun} of {id} deleted"));
    if in_mirror > 0 {
        context.ui.line(&format!("and {in_mirror} in the mirror's folder of openings"));
    }
    context.ui.line("next: the same on every copy of the ledger's folder, and in backups");
    Ok(ExitStatus::Yes)
}

/// Every commitment to words about a member or by one.
fn all_of(desk: &Desk, id: &MemberId) -> Result<BTreeSet<Commitment>, CliError> {
    let mut found = BTreeSet::new();
    for index in 0..desk.session.size().get() {
        let entry = desk.session.entry(EntryIndex::new(index))?;
        if entry.by() == id && !matches!(entry.statement().says, Says::Governance(_)) {
            found.extend(commitments(entry.statement()).into_iter().map(|(_, what)| what));
        }
        found.extend(of_governance(&entry, id));
    }
    Ok(found)
}

/// What governance says of a member, and the reasons that the member gave as its proposer.
fn of_governance(entry: &VerifiedEntry, id: &MemberId) -> Vec<Commitment> {
    let Says::Governance(body) = &entry.statement().says else { return Vec::new() };
    let is_by = entry.by() == id;
    let one = |operation: &Operation| match operation {
        Operation::SetMember(said) if said.member == *id => said.profile,
        Operation::RetireMember(said) if said.member == *id || is_by => said.reason,
        Operation::Lift(said) if is_by => Some(said.reason),
        Operation::SetBaseline(said) if is_by => said.reason,
        _ => None,
    };
    body.operations.iter().filter_map(one).collect()
}
