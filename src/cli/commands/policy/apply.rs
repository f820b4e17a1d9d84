//! `policy apply`: another policy for the ledger.

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::ui::Role;
use crate::policy::Policy;
use crate::statement::governance::{Operation, SetPolicy};

/// Changed lines that are shown; the statement itself is shown whole by `-n`.
const CHANGED_LINES_MAX: usize = 60;

/// Put a policy in force: an admin signs it
///
/// Shows what changes, and first what it asks less for than the policy before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign policy apply policy.toml\n  \
    countersign policy apply -n policy.toml")]
pub(crate) struct Args {
    /// The policy; - is standard input
    file: PathBuf,
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
    let weaker = before.as_ref().map(|before| policy.weakens(before)).unwrap_or_default();
    let mut words = Vec::new();
    words.extend(weaker.iter().map(|weakening| format!("WEAKER  {weakening}")));
    words.extend(policy.warnings().iter().map(|lint| format!("warning  {lint}")));
    words.extend(changed_lines(before.as_ref().map_or("", Policy::text), policy.text()));
    let question = match weaker.len() {
        0 => "Put this policy in force?".to_owned(),
        1 => "Put this policy in force, weaker in 1 thing?".to_owned(),
        count => format!("Put this policy in force, weaker in {count} things?"),
    };
    let plan = Plan {
        words,
        operations: vec![Operation::SetPolicy(SetPolicy { text: policy.text().to_owned() })],
        openings: Vec::new(),
        question,
        after: vec!["next: countersign policy show".to_owned()],
    };
    carry_out(context, desk, &plan, &args.flags)
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
