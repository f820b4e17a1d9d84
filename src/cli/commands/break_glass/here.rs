//! An override with the ledger at hand: planned by what the gate would say, signed, handed in.

use super::Args;
use super::said::{Answer, Target, artifacts, plan, revision, write};
use crate::base::name::MemberId;
use crate::base::time::{Span, Timestamp};
use crate::cli::Context;
use crate::cli::desk::{Desk, Held};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::judge::{Inquiry, Judged, judge};
use crate::cli::governance::{confirm, show_statement};
use crate::cli::report::{
    Reporting, elsewhere_lines, listed, more_of, override_command, override_holders, owed_lines,
};
use crate::cli::review::{Place, PlaceArgs, me};
use crate::cli::text::counted;
use crate::cli::time;
use crate::cli::ui::Role;
use crate::key::PublicKey;
use crate::policy::{Presence, ReasonCode};
use crate::roster::Member;
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::break_glass::Override;
use crate::statement::words::{Duty, MemberKind, Mode};
use crate::verify::{debt_due, owed_elsewhere};

/// At most so many changes are named in the plan.
const NAMED_MAX: usize = 3;

/// What the plan rests on.
struct Planned {
    place: Place,
    target: Target,
    reader: Member,
    lasts: Span,
    /// What the gate would say; none where that cannot be judged here.
    judged: Option<Judged>,
}

/// Signs it, and hands it in or writes it to a file.
pub(super) fn run(
    context: &mut Context,
    args: &Args,
    why: &str,
    mut held: Held,
) -> Result<ExitStatus, CliError> {
    let desk = held.desk(context)?;
    let planned = planned(context, desk, args)?;
    tell_plan(context, desk, args, &planned);
    if args.flags.dry_run {
        let (says, _) = planned.target.says(args, why, context.now(), planned.lasts)?;
        show_statement(context, &desk.session.statement(&planned.reader.id, Says::Override(says)))?;
        return Ok(ExitStatus::Yes);
    }
    let enrolled = desk.enrolled();
    if context.ui.has_person() {
        // An answer or a passphrase may take its time.
        held.leave();
    }
    let question = if args.drill { "Sign this drill?" } else { "Break the glass?" };
    confirm(context, args.flags.yes, question)?;
    let signer = context.signer(Some(&enrolled))?;
    let desk = held.desk(context)?;
    let owner = desk.owner(&signer.public_key().fingerprint())?;
    if owner.id != planned.reader.id {
        return Err(
            CliError::usage("another member's key would sign now").hint("run the command again")
        );
    }
    check_touch(&planned.place, signer.public_key())?;
    let (says, opening) = planned.target.says(args, why, context.now(), planned.lasts)?;
    desk.session.openings().put(&opening).map_err(SessionError::from)?;
    let by = planned.reader.id.clone();
    let envelope = desk.sign(signer.as_ref(), &by, Says::Override(says.clone()))?;
    let mut answer = Answer::new(&by, &says);
    if let Some(path) = &args.flags.output {
        answer.file = write(context, path, &envelope, &opening)?;
        if answer.file.is_none() {
            return Ok(ExitStatus::Yes);
        }
    } else {
        let receipts = desk.submit(context.now(), &[envelope])?;
        answer.entry = receipts.first().map(|receipt| receipt.index);
    }
    conclude(context, desk, &planned, &says, answer);
    held.leak();
    Ok(ExitStatus::Yes)
}

fn planned(context: &mut Context, desk: &Desk, args: &Args) -> Result<Planned, CliError> {
    let named = PlaceArgs { service: args.service.clone(), env: args.environment.clone() };
    let place = Place::new(desk, &named)?;
    let longest = place.policy.override_terms().longest;
    let lasts = args.lasts.unwrap_or(longest);
    if lasts > longest {
        return Err(CliError::usage(format!("the policy lets an override last {longest} at most"))
            .hint(format!("ask for less: --for {longest}")));
    }
    let reader = me(context, desk)?;
    if let Some(by) = args.by.as_ref().filter(|by| **by != reader.id) {
        let message = format!("the key that would sign is of {}, not of {by}", reader.id);
        return Err(CliError::usage(message).hint("name the other key with --key KEY"));
    }
    check_duty(desk, &reader)?;
    let revision = revision(desk.repository.as_ref(), &args.revision)?;
    let target = Target {
        service: place.service.name.clone(),
        environment: place.environment.clone(),
        repository: place.service.repository.clone(),
        revision,
        artifacts: artifacts(args),
    };
    let judged = judged(context, desk, &place, &target);
    if !args.drill {
        check_needed(&place, judged.as_ref())?;
    }
    Ok(Planned { place, target, reader, lasts, judged })
}

/// Who breaks the glass must be one of those that may.
fn check_duty(desk: &Desk, reader: &Member) -> Result<(), CliError> {
    if reader.has_duty(Duty::Override) && reader.kind == MemberKind::Human {
        return Ok(());
    }
    let names = desk.names();
    let holders = override_holders(desk.session.view());
    let holders: Vec<_> = holders.into_iter().map(|member| names.of(&member.id)).collect();
    let error =
        CliError::usage(format!("{} does not have the duty override", names.of(&reader.id)));
    Err(if holders.is_empty() {
        error.hint("nobody has it; an admin gives it: countersign roster apply FILE")
    } else {
        error.hint(format!("who has it: {}", listed(&holders)))
    })
}

/// What the gate would say. An emergency does not wait for a repository that is whole: where
/// nothing can be judged here, nothing is told of it.
fn judged(context: &mut Context, desk: &Desk, place: &Place, target: &Target) -> Option<Judged> {
    let inquiry = Inquiry {
        service: Some(&place.service.name),
        environment: Some(&place.environment),
        revision: target.revision.as_str(),
        artifacts: &target.artifacts,
        attested: false,
    };
    match judge(desk, &inquiry, context.now()) {
        Ok(judged) => Some(judged),
        Err(error) => {
            let why = error.causes.first().unwrap_or(&error.message);
            context.ui.note(&format!("what it would let through cannot be told here: {why}"));
            None
        }
    }
}

/// Nothing is signed that nobody needs.
fn check_needed(place: &Place, judged: Option<&Judged>) -> Result<(), CliError> {
    // A policy that was replaced lately may still refuse.
    let mode = judged.map_or(place.mode(), |judged| judged.verdict.mode);
    if mode == Mode::Observe {
        let message = format!("nothing is refused in {}: the policy observes", place.environment);
        return Err(CliError::usage(message).hint("deploy: countersign gate -- CMD"));
    }
    if judged.is_some_and(|judged| judged.verdict.is_allowed()) {
        return Err(CliError::usage("it passes without an override")
            .hint("deploy: countersign gate -- CMD"));
    }
    Ok(())
}

/// A touch that the policy wants cannot come from a key that has none.
fn check_touch(place: &Place, key: &PublicKey) -> Result<(), CliError> {
    let wanted = place.policy.override_terms().presence;
    if wanted == Presence::NoTouch || key.application().is_some() {
        return Ok(());
    }
    Err(CliError::usage("the policy wants a touch for an override, and this key has none")
        .hint("sign with a FIDO key of yours: --key KEY")
        .hint("which there are: countersign key list"))
}

fn tell_plan(context: &mut Context, desk: &Desk, args: &Args, planned: &Planned) {
    let Planned { place, target, lasts, .. } = planned;
    let now = context.now();
    let names = desk.names();
    let terms = place.policy.override_terms();
    let what = if args.drill { "a drill: it lets nothing through" } else { "break the glass" };
    plan(context, args, "override", &format!("{}: {what}", target.called()));
    for (number, line) in through(planned).iter().enumerate() {
        plan(context, args, if number == 0 { "through" } else { "" }, line);
    }
    let (until, length) = (time::clock(now.plus(*lasts), now), time::hours(*lasts));
    plan(context, args, "until", &format!("{until}, {length}"));
    if terms.presence != Presence::NoTouch {
        plan(context, args, "touch", "the policy wants a touch of your key");
    }
    if !args.drill {
        let due_within = debt_due(&place.question(&target.revision, now), desk.session.view());
        let (due, length) = (time::clock(now.plus(due_within), now), time::hours(due_within));
        let line = format!("the sign-offs of all that it lets through, by {due} ({length})");
        plan(context, args, "owed", &line);
    }
    for (number, line) in overdue(desk, planned, now).iter().enumerate() {
        plan(context, args, if number == 0 { "debts" } else { "" }, line);
    }
    let holders = override_holders(desk.session.view());
    let others = holders.into_iter().filter(|member| member.id != planned.reader.id);
    let others: Vec<_> = others.map(|member| names.of(&member.id)).collect();
    let line = if others.is_empty() {
        "nobody but you: a second person should have it".to_owned()
    } else {
        format!("also {}", listed(&others))
    };
    plan(context, args, "duty", &line);
}

/// What it would let through.
fn through(planned: &Planned) -> Vec<String> {
    let Some(judged) = &planned.judged else { return Vec::new() };
    let open: Vec<_> = judged.verdict.uncovered().collect();
    let mut lines = Vec::new();
    if !open.is_empty() {
        let verb = if open.len() == 1 { "is" } else { "are" };
        lines.push(format!("{} that {verb} not signed off", counted(open.len(), "change")));
    }
    for segment in open.iter().take(NAMED_MAX) {
        lines.push(format!("{} {}", segment.last.short(), segment.title));
    }
    if open.len() > NAMED_MAX {
        lines.push(format!("and {} more", open.len() - NAMED_MAX));
    }
    for artifact in judged.verdict.artifacts.iter().filter(|one| !one.is_signed_off()) {
        lines.push(format!("artifact {}, which is not signed off", artifact.artifact.short()));
    }
    // How many must override is told with the debts.
    let others = judged.verdict.problems.iter();
    for problem in others.filter(|problem| problem.code != ReasonCode::DebtOverdue) {
        lines.push(format!("{} ({})", problem.text, problem.code));
    }
    lines
}

/// What is owed already, and what that asks of this override.
fn overdue(desk: &Desk, planned: &Planned, now: Timestamp) -> Vec<String> {
    let (view, place) = (desk.session.view(), &planned.place);
    let owed = crate::verify::owed(&place.question(&planned.target.revision, now), view);
    let points = view.settled(&place.service.name, &place.environment);
    let start = points.newest().and_then(|point| point.revision.as_ref());
    let names = desk.names();
    let reporting = Reporting::new(&names, view, &place.policy);
    let elsewhere = match &planned.judged {
        Some(judged) => judged.verdict.owed_elsewhere.clone(),
        None => owed_elsewhere(&place.question(&planned.target.revision, now), view),
    };
    let mut owed = owed_lines(&names, &owed, start, now);
    owed.extend(elsewhere_lines(&reporting, &place.service.name, &elsewhere, now));
    let mut lines: Vec<_> = owed.iter().map(|line| line.said().to_owned()).collect();
    if owed.iter().any(|owed| owed.overdue) {
        let needed = planned.judged.as_ref().map(|judged| judged.verdict.overrides_needed);
        lines.push(match needed {
            Some(needed) => format!("one is overdue, so {needed} people must override"),
            None => "one is overdue, so more people must override".to_owned(),
        });
    }
    lines
}

/// Tells what was signed, what it costs, and what is still missing.
fn conclude(
    context: &mut Context,
    desk: &Desk,
    planned: &Planned,
    said: &Override,
    mut answer: Answer<'_>,
) {
    let now = context.now();
    let until = time::clock(said.expires, now);
    let what =
        if said.drill.is_some() { ", a drill".to_owned() } else { format!(", until {until}") };
    let rest = format!("{}{what}", planned.target.called());
    let place = match (&answer.entry, &answer.file) {
        (Some(entry), _) => format!("entry {entry}: {rest}"),
        (None, Some(file)) => format!("{file}: {rest}"),
        (None, None) => rest,
    };
    context.ui.lead(Role::Good, "SIGNED", &place);
    let mut next = "countersign gate -- CMD".to_owned();
    if said.drill.is_some() {
        context.ui.line("  it lets nothing through and leaves no debt; audits list it");
        next = format!("countersign audit {}", said.service);
    } else {
        let question = planned.place.question(&planned.target.revision, now);
        let due = said.claimed.plus(debt_due(&question, desk.session.view()));
        let line =
            format!("deploying it leaves a debt: its sign-offs, due {}", time::clock(due, now));
        context.ui.paragraph(2, &line);
        answer.due = Some(time::rfc3339(due));
        if let Some(missing) = missing(desk, planned, &mut answer) {
            context.ui.paragraph(2, &missing.said);
            next = missing.command;
        }
    }
    if let Some(file) = &answer.file {
        next = format!("countersign submit {file}");
    }
    context.ui.paragraph(0, &format!("next: {next}"));
    context.ui.json(&answer);
}

/// Who else must override, and how.
struct Missing {
    said: String,
    command: String,
}

/// What is missing beside this override; none where it is enough, or nobody can tell.
fn missing(desk: &Desk, planned: &Planned, answer: &mut Answer<'_>) -> Option<Missing> {
    let judged = planned.judged.as_ref()?;
    let mut members: Vec<&MemberId> =
        judged.verdict.overrides.iter().map(|one| &one.member).collect();
    if !members.contains(&&planned.reader.id) {
        members.push(&planned.reader.id);
    }
    let needed = judged.verdict.overrides_needed;
    (answer.overriding, answer.needed) = (Some(members.len()), Some(needed));
    let missing = needed.checked_sub(members.len()).filter(|missing| *missing > 0)?;
    let (names, view) = (desk.names(), desk.session.view());
    let others = override_holders(view).into_iter().filter(|one| !members.contains(&&one.id));
    let others: Vec<_> = others.map(|member| names.of(&member.id)).collect();
    let reporting = Reporting::new(&names, view, &planned.place.policy);
    Some(Missing {
        said: format!("a debt is overdue, so {} must override too", more_of(missing, &others)),
        command: override_command(&reporting, &judged.verdict.question),
    })
}
