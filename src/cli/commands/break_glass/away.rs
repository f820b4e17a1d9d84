//! An override with no ledger at hand: by the pinned trust root, the newest tree that was seen,
//! and the signer's own word on who they are. It is handed in later, and owed from now on.

use super::Args;
use super::said::{Answer, Target, artifacts, plan, revision, write};
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::base::time::Span;
use crate::cli::Context;
use crate::cli::address::Address;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{confirm, show_statement};
use crate::cli::time;
use crate::cli::ui::Role;
use crate::key::Signer;
use crate::session::{SessionError, fresh_nonce, sign};
use crate::statement::{Says, Statement};

/// What a policy allows that does not say otherwise.
const LASTS: Span = Span::from_milliseconds(4 * 3_600_000);

/// Signs it into a file.
pub(super) fn run(
    context: &mut Context,
    args: &Args,
    why: &str,
    address: &Address,
    error: SessionError,
) -> Result<ExitStatus, CliError> {
    let cause = error.to_string();
    if args.flags.output.is_none() && !args.flags.dry_run {
        return Err(CliError::from(error)
            .hint("no ledger is needed for a file: add -o FILE, and hand it in later"));
    }
    let target = target(args, address)?;
    let signer = context.signer(None)?;
    let by = member(args, address, signer.as_ref())?;
    let lasts = args.lasts.unwrap_or(LASTS);
    let now = context.now();
    let what = if args.drill { "a drill: it lets nothing through" } else { "break the glass" };
    plan(context, args, "override", &format!("{}: {what}", target.called()));
    plan(context, args, "ledger", &format!("not at hand: {cause}"));
    plan(
        context,
        args,
        "policy",
        "unknown here: it may ask for a shorter time, a touch, or more people",
    );
    plan(
        context,
        args,
        "until",
        &format!("{}, {}", time::clock(now.plus(lasts), now), time::hours(lasts)),
    );
    plan(context, args, "by", &format!("{by}, whose duty it must be"));
    if !args.drill {
        let from = time::clock(now, now);
        plan(
            context,
            args,
            "owed",
            &format!("the sign-offs, from {from} on, however late it is handed in"),
        );
    }
    let statement = |says| -> Result<Statement, CliError> {
        Ok(Statement {
            ledger: Some(address.trust.ledger()),
            by: by.clone(),
            nonce: fresh_nonce(),
            seen: Some(address.newest_seen()?),
            says,
        })
    };
    if args.flags.dry_run {
        let (says, _) = target.says(args, why, now, lasts)?;
        show_statement(context, &statement(Says::Override(says))?)?;
        return Ok(ExitStatus::Yes);
    }
    confirm(context, args.flags.yes, "Sign it?")?;
    let (says, opening) = target.says(args, why, context.now(), lasts)?;
    let envelope = sign(&statement(Says::Override(says.clone()))?, signer.as_ref())?;
    let path = args.flags.output.as_deref().unwrap_or_else(|| std::path::Path::new("-"));
    let Some(file) = write(context, path, &envelope, &opening)? else {
        return Ok(ExitStatus::Yes);
    };
    let until = time::clock(says.expires, now);
    context.ui.lead(Role::Good, "SIGNED", &format!("{file}: {}, until {until}", target.called()));
    context.ui.paragraph(2, "policy and duty are judged when it is handed in");
    if !args.drill {
        let by_hand = "deploy by hand; then countersign record deployment --override";
        let line = match address.url() {
            Some(_) => format!(
                "a gate that has read the ledger takes it: countersign gate --override {file} -- \
                 CMD; where there is none, {by_hand} {file}"
            ),
            None => format!("no gate decides without the ledger: {by_hand} {file}"),
        };
        context.ui.paragraph(2, &line);
    }
    context.ui.paragraph(2, "hand it in as soon as the ledger is back");
    context.ui.line(&format!("next: countersign submit {file}"));
    context.ui.json(&Answer { file: Some(file), ..Answer::new(&by, &says) });
    Ok(ExitStatus::Yes)
}

/// Without a policy nothing can be looked up: what is not named is taken from the settings.
fn target(args: &Args, address: &Address) -> Result<Target, CliError> {
    let away = "the ledger is not at hand, and with it the policy";
    let service: ServiceName = args.service.clone().ok_or_else(|| {
        CliError::usage(format!("which service? {away}")).hint("name it with --service")
    })?;
    let repository = args.repository.clone().or_else(|| address.repository_name.clone());
    let repository = repository.ok_or_else(|| {
        CliError::usage(format!("which repository? {away}"))
            .hint("say how the policy calls it with --repository")
    })?;
    let environment = match &args.environment {
        Some(named) => named.clone(),
        None => EnvironmentName::new("production")
            .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?,
    };
    let revision = revision(address.repository.as_ref(), &args.revision)?;
    Ok(Target { service, environment, repository, revision, artifacts: artifacts(args) })
}

/// Who signs: as is said, or as the ledger said when this user last signed with that key.
fn member(args: &Args, address: &Address, signer: &dyn Signer) -> Result<MemberId, CliError> {
    if let Some(by) = &args.by {
        return Ok(by.clone());
    }
    let key = signer.public_key().fingerprint();
    address.known_owner(&key)?.ok_or_else(|| {
        CliError::usage(format!("whose key is {key}? the ledger is not at hand to tell"))
            .hint("say your member id with --by ID; countersign roster show has it elsewhere")
    })
}
