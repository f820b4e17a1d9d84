//! `policy test`: cases beside a policy, and whether it answers them as its authors expect.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::limits::CASES_BYTES_MAX;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::text::counted;
use crate::cli::ui::{Role, Word};
use crate::policy::{Assessment, Cases, Policy, PolicyError, PolicyErrors};

/// Test a policy against cases: given facts and sign-offs, yes or no
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status 1 where a case is answered otherwise than it expects, 2 where \
    the file\nhas mistakes. The cases are written as spec/policy.md section 11 \
    says.\n\nExamples:\n  countersign policy test policy.test.toml\n  \
    countersign policy test --policy newer.toml policy.test.toml"
)]
pub(crate) struct Args {
    /// The cases; - is standard input
    file: PathBuf,
    /// Test this policy: the default is the one that the cases name, else the ledger's
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// What became of all cases.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    policy: &'a str,
    mistakes: &'a [PolicyError],
    cases: Vec<CaseReport<'a>>,
    passed: usize,
    failed: usize,
}

/// What became of one.
#[derive(Serialize)]
struct CaseReport<'a> {
    name: &'a str,
    line: usize,
    ok: bool,
    differences: Vec<String>,
    assessment: Assessment,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let bytes = context.read(&args.file, CASES_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        CliError::usage(format!("{} is no text", args.file.display())).because(&error.utf8_error())
    })?;
    let named = match Cases::policy_file(&text) {
        Ok(named) => named,
        Err(errors) => return Ok(mistakes(context, args, "", &errors)),
    };
    let (policy, whose) = tested(context, args, named.as_deref())?;
    let cases = match Cases::parse(&text, &policy) {
        Ok(cases) => cases,
        Err(errors) => return Ok(mistakes(context, args, &whose, &errors)),
    };
    let reports: Vec<CaseReport<'_>> = cases
        .as_slice()
        .iter()
        .map(|case| {
            let outcome = case.run(&policy);
            CaseReport {
                name: &case.name,
                line: case.line,
                ok: outcome.differences.is_empty(),
                differences: outcome.differences,
                assessment: outcome.assessment,
            }
        })
        .collect();
    let failed = reports.iter().filter(|case| !case.ok).count();
    let passed = reports.len() - failed;
    print(context, args, &reports, &whose);
    context.ui.json(&Report {
        valid: true,
        policy: &whose,
        mistakes: &[],
        cases: reports,
        passed,
        failed,
    });
    Ok(if failed == 0 { ExitStatus::Yes } else { ExitStatus::No })
}

/// The policy that is tested, and what to call it.
fn tested(
    context: &mut Context,
    args: &Args,
    named: Option<&str>,
) -> Result<(Policy, String), CliError> {
    let file = match (&args.policy, named) {
        (Some(file), _) => Some(file.clone()),
        (None, Some(named)) => Some(args.file.parent().unwrap_or(Path::new("")).join(named)),
        (None, None) => None,
    };
    if let Some(file) = file {
        return Ok((super::load(context, Some(&file))?, file.display().to_string()));
    }
    if !context.has_ledger()? {
        return Err(CliError::usage("which policy do the cases test?")
            .hint("write  policy = \"policy.toml\"  in the file, or give --policy FILE"));
    }
    let desk = context.desk("policy test")?;
    Ok((desk.policy()?, "the ledger's policy".to_owned()))
}

fn print(context: &mut Context, args: &Args, reports: &[CaseReport<'_>], whose: &str) {
    let ui = &mut context.ui;
    for case in reports {
        if case.ok {
            ui.lead(Role::Good, "ok  ", case.name);
        } else {
            let at = format!("{} (line {})", case.name, case.line);
            ui.lead(Role::Bad, "FAIL", &at);
            for difference in &case.differences {
                ui.paragraph(6, difference);
            }
        }
    }
    let failed = reports.iter().filter(|case| !case.ok).count();
    let total = counted(reports.len(), "case");
    let of = format!("{} on {whose}", args.file.display());
    match failed {
        0 => ui.answer(Word::Yes, &format!("{total} of {of}: all as expected")),
        failed => ui.answer(Word::No, &format!("{failed} of {total} of {of}: not as expected")),
    }
}

fn mistakes(context: &mut Context, args: &Args, whose: &str, errors: &PolicyErrors) -> ExitStatus {
    let mistakes = errors.as_slice();
    context.ui.json(&Report {
        valid: false,
        policy: whose,
        mistakes,
        cases: Vec::new(),
        passed: 0,
        failed: 0,
    });
    super::print_mistakes(&mut context.ui, &args.file, errors);
    ExitStatus::Usage
}
