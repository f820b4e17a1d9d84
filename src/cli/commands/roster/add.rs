//! `roster add`: one person, in one line.

use std::path::PathBuf;

use super::difference::want;
use crate::base::name::{LevelName, TeamName};
use crate::cli::Context;
use crate::cli::desk::Profile;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{Plan, SigningFlags, carry_out};
use crate::cli::people::{Person, public_key};
use crate::statement::words::{Duty, MemberKind};

/// Add one person
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    countersign roster add \"Ben Ode\" --email ben@shop.example --public-key ben.pub\n  \
    countersign roster add Cleo --email c@shop.example --level senior \\\n    \
    --public-key - < cleo.pub")]
pub(crate) struct Args {
    /// How the person is called
    name: String,
    /// An address that their commits carry; may be given several times
    #[arg(long = "email", value_name = "ADDRESS", required = true)]
    emails: Vec<String>,
    /// Their public key; - is standard input
    #[arg(long = "public-key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// A level of the policy
    #[arg(long)]
    level: Option<LevelName>,
    /// A team
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<TeamName>,
    /// What they may do [default: review]
    #[arg(long = "duty", value_name = "DUTY", value_parser = duty)]
    duties: Vec<Duty>,
    #[command(flatten)]
    flags: SigningFlags,
}

fn duty(text: &str) -> Result<Duty, String> {
    let words: Vec<_> = Duty::ALL.iter().map(|duty| duty.as_str()).collect();
    Duty::from_word(text).ok_or_else(|| format!("expected one of {}", words.join(", ")))
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let desk = context.desk("roster add")?;
    let view = desk.session.view();
    for email in &args.emails {
        let digest = desk.session.salt().digest(email.as_bytes());
        if let Some(member) = view.roster().member_of_email(digest, desk.session.size()) {
            let called = desk.names().of(&member.id);
            return Err(CliError::usage(format!("{email} is on the roster already: {called}"))
                .hint("change it with countersign roster apply FILE"));
        }
    }
    let (name, emails) = (args.name.clone(), args.emails.clone());
    let profile = Profile { name, emails, handles: Vec::new() };
    let duties = if args.duties.is_empty() { vec![Duty::Review] } else { args.duties.clone() };
    let mut person = Person::new(MemberKind::Human, profile, &duties);
    person.level.clone_from(&args.level);
    person.teams.clone_from(&args.teams);
    for file in &args.keys {
        person.keys.push(public_key(context, file)?);
    }
    let mut plan = Plan { question: format!("Add {}?", args.name), ..Plan::default() };
    want(&mut plan, &desk, &person, &desk.names())?;
    if person.keys.is_empty() {
        let id = &person.id;
        plan.after.push(format!("next: countersign key enroll {id} FILE.pub"));
    } else {
        plan.after.push("next: countersign roster show".to_owned());
    }
    carry_out(context, desk, &plan, &args.flags)
}
