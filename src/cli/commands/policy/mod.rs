//! `policy`: what a policy says, whether it is sound, and what it would have asked.

mod apply;
mod check;
mod enforcing;
mod explain;
mod show;
mod test;

use std::path::Path;

use crate::base::limits::POLICY_BYTES_MAX;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::cli::ui::{Table, Ui, Word};
use crate::policy::{Policy, PolicyErrors};
use crate::statement::governance::SetBaseline;

/// Show, check, apply or try out a policy
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Show(show::Args),
    Check(check::Args),
    Apply(apply::Args),
    Explain(explain::Args),
    Test(test::Args),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Show(args) => show::run(context, args),
        Action::Check(args) => check::run(context, args),
        Action::Apply(args) => apply::run(context, args),
        Action::Explain(args) => explain::run(context, args),
        Action::Test(args) => test::run(context, args),
    }
}

/// What a policy in a statement changes, as `policy apply` told it to who wrote the statement, with
/// the baselines that the same statement sets.
///
/// # Errors
/// Where the text is no policy.
pub(super) fn plan_in_words(
    context: &Context,
    desk: &Desk,
    text: &str,
    accepted: &[&SetBaseline],
) -> Result<Vec<String>, CliError> {
    let policy = Policy::parse(text).map_err(|error| {
        CliError::from_error(ErrorKind::Usage, &error).hint("its author writes it anew")
    })?;
    let before = desk.session.view().policy().map(|_| desk.policy()).transpose()?;
    apply::in_words(context, desk, before.as_ref(), &policy, accepted)
}

/// Reads a policy text; `Err` inside are the mistakes of a text that is no policy.
fn parse(context: &Context, file: &Path) -> Result<Result<Policy, PolicyErrors>, CliError> {
    let bytes = context.read(file, POLICY_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        CliError::usage(format!("{} is no text", file.display())).because(&error.utf8_error())
    })?;
    Ok(Policy::parse(&text))
}

/// A policy to work with: that of a file, else the built-in one.
fn load(context: &Context, file: Option<&Path>) -> Result<Policy, CliError> {
    /// More are not shown where one wants to do something else with the policy.
    const SHOWN_MAX: usize = 5;
    let Some(file) = file else {
        return Policy::parse(Policy::built_in())
            .map_err(|errors| CliError::integrity("the built-in policy").because(&errors));
    };
    parse(context, file)?.map_err(|errors| {
        let mut error = CliError::usage(format!("{} is no policy", file.display()));
        let mistakes = errors.as_slice();
        error.causes.extend(mistakes.iter().take(SHOWN_MAX).map(ToString::to_string));
        if mistakes.len() <= SHOWN_MAX {
            return error;
        }
        error.hint(format!("see all {}: countersign policy check FILE", mistakes.len()))
    })
}

/// Every mistake of a text, with its place.
fn print_mistakes(ui: &mut Ui, file: &Path, errors: &PolicyErrors) {
    let mistakes = errors.as_slice();
    let what = format!("{} has {}", file.display(), counted(mistakes.len(), "mistake"));
    ui.answer(Word::No, &what);
    let mut table = Table::new(2);
    for mistake in mistakes {
        let hint = mistake.hint.as_ref().map(|hint| format!(" ({hint})"));
        let what = format!("{}{}", mistake.what, hint.unwrap_or_default());
        table.row([format!("line {}:{}", mistake.line, mistake.column), what]);
    }
    ui.table(&table);
}
