//! What `init` says of what it made.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::Plan;
use crate::base::digest::ContentDigest;
use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::desk::{gate_key_file, ledger_key_file};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::people::Person;
use crate::cli::report::few_admins_of;
use crate::cli::ui::{Role, Table};
use crate::config::Configuration;
use crate::statement::governance::Accepted;
use crate::verify::trust::TrustRoot;

/// What was made, as an answer.
#[derive(Serialize)]
struct Report<'a> {
    origin: &'a str,
    repository: &'a str,
    service: &'a str,
    branch: &'a str,
    baseline: String,
    folder: String,
    ledger_key_file: String,
    gate_key_file: String,
    admin: &'a MemberId,
    key: String,
    members: usize,
    trust_root: ContentDigest,
    trust_root_file: String,
}

/// Tells what was made, and what it does not give yet.
pub(super) fn report(
    context: &mut Context,
    configuration: &Configuration,
    plan: &Plan,
    root: &TrustRoot,
    trust_file: PathBuf,
) -> Result<ExitStatus, CliError> {
    let key = plan.signer.public_key().fingerprint();
    let at_home = |path: PathBuf| match context.environment.home.as_ref() {
        Some(home) => match path.strip_prefix(home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        },
        None => path.display().to_string(),
    };
    let ledger_key = ledger_key_file(configuration, &plan.origin)?.path().to_owned();
    let gate_key = gate_key_file(configuration, &plan.origin)?;
    let answer = Report {
        origin: plan.origin.as_str(),
        repository: plan.repository.as_str(),
        service: plan.service.as_str(),
        branch: plan.branch.as_str(),
        baseline: plan.accepted.to_string(),
        folder: plan.folder.display().to_string(),
        ledger_key_file: ledger_key.display().to_string(),
        gate_key_file: gate_key.display().to_string(),
        admin: &plan.people[0].id,
        key: key.to_string(),
        members: plan.people.len() + 1,
        trust_root: root.digest(),
        trust_root_file: trust_file.display().to_string(),
    };
    let mut table = Table::new(2);
    table.row(["ledger", &at_home(plan.folder.clone())]);
    table.row(["its key", &at_home(ledger_key)]);
    table.row(["gate key", &at_home(gate_key)]);
    table.row(["admin", &format!("{}, single admin", plan.people[0].called())]);
    table.row(["", &key.to_string()]);
    table.row(["", &at_home(plan.why_key.clone().into())]);
    table.row(["policy", "observe: all is decided and recorded, nothing refused"]);
    table.row(["baseline", &baseline_in_words(plan)]);
    table.row(["trust root", &root.digest().to_string()]);
    table.row(["", &at_home(trust_file)]);
    if plan.people.len() > 1 || plan.left_out > 0 {
        table.row(["reviewers", &reviewers_in_words(plan)]);
    }
    let ui = &mut context.ui;
    ui.json(&answer);
    ui.lead(Role::Good, "BEGUN", &format!("the ledger {}", plan.origin));
    ui.table(&table);
    ui.blank();
    ui.paragraph(
        0,
        "This is for one trusted host: who can write the ledger and its key can rewrite both.",
    );
    ui.warn("only you have the duty override: in an emergency nobody else can break the glass");
    if let Some(few) = few_admins_of(plan.admins, plan.threshold) {
        ui.warn(&few);
    }
    if plan.people.len() > 1 {
        ui.paragraph(0, "No author signs off their own change: that is for the others.");
        ui.line("next: countersign status");
    } else {
        ui.paragraph(
            0,
            "Alone there is never a YES: no author signs off their own change. Add somebody:",
        );
        ui.line("next: countersign roster add \"NAME\" --email ADDRESS --public-key FILE.pub");
    }
    Ok(ExitStatus::Yes)
}

fn baseline_in_words(plan: &Plan) -> String {
    let place = format!("{} in production", plan.service);
    match &plan.accepted {
        Accepted::Nothing => format!("{place} starts from nothing: every commit counts"),
        Accepted::UpTo(revision) => {
            format!("{place} is accepted up to {}", revision.short())
        }
    }
}

fn reviewers_in_words(plan: &Plan) -> String {
    let others: Vec<_> = plan.people[1..].iter().map(Person::called).collect();
    let mut text = match others.len() {
        0 => "none of git's allowed signers".to_owned(),
        1..=3 => format!("{}, from git's allowed signers", others.join(", ")),
        count => format!("{count} people from git's allowed signers"),
    };
    if plan.left_out > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, "; {} left out", plan.left_out);
    }
    text
}
