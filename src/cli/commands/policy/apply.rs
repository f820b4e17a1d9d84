//! `policy apply`: another policy for the ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::enforcing;
use crate::base::name::LevelName;
use crate::cli::Context;
use crate::cli::commands::baseline;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::time;
use crate::cli::ui::Role;
use crate::policy::{Policy, Service};
use crate::statement::governance::{Operation, SetBaseline, SetPolicy};

/// Changed lines that are shown; the statement itself is shown whole by `-n`.
const CHANGED_LINES_MAX: usize = 60;

/// Put a policy in force: an admin signs it
///
/// Shows what changes, and first what it asks less for than the policy before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign policy apply policy.toml\n  \
    countersign policy apply -n policy.toml\n  countersign policy apply enforced.toml \
    --baseline HEAD -m \"from here on\"")]
pub(crate) struct Args {
    /// The policy; - is standard input
    file: PathBuf,
    /// Where it begins to refuse: accept everything up to this commit as the start, in one go
    #[arg(long, value_name = "REVISION")]
    baseline: Option<String>,
    /// Why the start is replaced
    #[arg(short, long, value_name = "WHY", requires = "baseline")]
    message: Option<String>,
    #[command(flatten)]
    flags: SigningFlags,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let policy = super::load(context, Some(&args.file))?;
    let desk = context.desk("policy apply")?;
    let before = match desk.session.view().policy() {
        Some(_) => Some(desk.policy()?),
        None => None,
    };
    if before.as_ref().is_some_and(|before| before.text() == policy.text()) {
        context.ui.json(&serde_json::json!({ "plan": [], "entries": [] }));
        context.ui.lead(Role::Good, "NOTHING TO DO", "this policy is in force already");
        return Ok(ExitStatus::Yes);
    }
    check_levels(&desk, &policy)?;
    let weaker = before.as_ref().map_or(0, |before| policy.weakens(before).len());
    let question = match weaker {
        0 => "Put this policy in force?".to_owned(),
        1 => "Put this policy in force, weaker in 1 thing?".to_owned(),
        count => format!("Put this policy in force, weaker in {count} things?"),
    };
    let (set, reason) = match &args.baseline {
        Some(text) => {
            let places = enforcing::begun(&desk, before.as_ref(), &policy);
            enforcing::baselines(&desk, &places, text, args.message.as_deref())?
        }
        None => (Vec::new(), None),
    };
    let accepted: Vec<_> = set.iter().collect();
    let mut words = in_words(context, &desk, before.as_ref(), &policy, &accepted)?;
    words.extend(set.iter().flat_map(|said| baseline::in_words(&desk, said)));
    let set_policy = Operation::SetPolicy(SetPolicy { text: policy.text().to_owned() });
    let baselines = set.into_iter().map(Operation::SetBaseline);
    let plan = Plan {
        words,
        operations: std::iter::once(set_policy).chain(baselines).collect(),
        openings: reason.into_iter().collect(),
        question,
        after: vec!["next: countersign policy show".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
}

/// What another policy changes, as whoever signs it is told, first or after others: where it begins
/// to refuse and what it would have refused, what it asks less for and until when both hold, its
/// weak spots, and the lines themselves. `accepted` are the baselines of the same statement.
///
/// # Errors
/// Where the ledger cannot be read.
pub(super) fn in_words(
    context: &Context,
    desk: &Desk,
    before: Option<&Policy>,
    policy: &Policy,
    accepted: &[&SetBaseline],
) -> Result<Vec<String>, CliError> {
    let weaker = before.map(|before| policy.weakens(before)).unwrap_or_default();
    let mut words = Vec::new();
    let here = desk.repository_name.as_ref();
    if let Some(name) = here.filter(|name| policy.services().iter().all(|s| s.repository != **name))
    {
        let what = "gate and approve will refuse here";
        words.push(format!("warning  no service is built from this repository, {name}: {what}"));
    }
    let places = enforcing::begun(desk, before, policy);
    words.extend(enforcing::in_words(desk, &places, accepted, context.now())?);
    words.extend(weaker.iter().map(|weakening| format!("WEAKER  {weakening}")));
    words.extend(before.iter().flat_map(|before| new_names(before, policy)));
    if let Some(before) = before.filter(|_| !weaker.is_empty()) {
        words.push(until(context, desk, before, policy));
    }
    let (names, roster) = (desk.names(), desk.session.view().roster());
    let of_roster = policy.warnings_with(roster, desk.session.size(), &|id| names.of(id));
    let mut warnings = [policy.warnings(), of_roster].concat();
    warnings.sort();
    words.extend(warnings.iter().map(|lint| format!("warning  {lint}")));
    words.extend(changed_lines(before.map_or("", Policy::text), policy.text()));
    Ok(words)
}

/// Services that are new names for what others are built from: the policy before did not know them,
/// so no delay makes it hold for them (ATTACKS 29).
fn new_names(before: &Policy, policy: &Policy) -> Vec<String> {
    let known = |service: &&Service| before.service(&service.name).is_none();
    let tell = |service: &Service| {
        let older = before.services().iter().find(|one| one.repository == service.repository)?;
        Some(format!(
            "NEW     {} is built from {}, as {} is: it starts under this policy alone",
            service.name, service.repository, older.name
        ))
    };
    policy.services().iter().filter(known).filter_map(tell).collect()
}

/// Until when what was asked before is asked as well (ATTACKS 29): the longer of both delays, so
/// that no policy shortens the one that it is under.
fn until(context: &Context, desk: &Desk, before: &Policy, policy: &Policy) -> String {
    let delay = before.defaults().weaken_delay.max(policy.defaults().weaken_delay);
    let zone = context.environment.zone.map(|find| find());
    let end = time::local_date(context.now().plus(delay), zone.as_ref());
    let number = desk.session.view().policy().map_or(0, |version| version.number);
    format!(
        "UNTIL   {end} ({}) both hold: a decision must pass policy {number} as well",
        time::span(delay)
    )
}

/// ATTACKS 43: a level that somebody holds cannot go. The ledger refuses it as well; here it is
/// told before anybody signs, and with what to do.
fn check_levels(desk: &Desk, policy: &Policy) -> Result<(), CliError> {
    /// More people than this are counted instead of named.
    const NAMED_MAX: usize = 5;
    let names = desk.names();
    let mut holders: BTreeMap<&LevelName, Vec<String>> = BTreeMap::new();
    for member in desk.session.view().roster().members(desk.session.size()) {
        if let Some(level) = member.level.as_ref().filter(|level| policy.rank(level).is_none()) {
            holders.entry(level).or_default().push(names.of(&member.id));
        }
    }
    if holders.is_empty() {
        return Ok(());
    }
    let mut error = CliError::usage("the policy leaves out a level that is in use");
    for (level, mut people) in holders {
        people.sort();
        let more = people.len().saturating_sub(NAMED_MAX);
        people.truncate(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        error.causes.push(format!("{level}: {}{more}", people.join(", ")));
    }
    Err(error
        .hint("keep it in `levels`, and give these people another: countersign roster apply FILE")
        .hint("then apply a policy without it"))
}

/// What is between the common beginning and end of two texts, old lines before new ones.
fn changed_lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let start = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let removed = old.iter().map(|line| format!("- {line}"));
    let mut lines: Vec<String> =
        removed.chain(new.iter().map(|line| format!("+ {line}"))).collect();
    if lines.len() > CHANGED_LINES_MAX {
        let more = lines.len() - CHANGED_LINES_MAX;
        lines.truncate(CHANGED_LINES_MAX);
        lines.push(format!("... and {more} more changed lines: see them with -n"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(changed_lines("a\nb\nc", "a\nx\ny\nc"), ["- b", "+ x", "+ y"]);
        assert_eq!(changed_lines("a\na", "a\na\na"), ["+ a"]);
        assert_eq!(changed_lines("a", "a"), [""; 0]);
        let long = "x\n".repeat(100);
        assert_eq!(changed_lines("", &long).len(), CHANGED_LINES_MAX + 1);
    }
}
