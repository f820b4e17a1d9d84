//! Saying yes while the ledger is away: what runs, and what is kept to be recorded later.

use serde::Serialize;

use super::passing::Passing;
use super::{Asked, Away, tell_away};
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::HAND_IN;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::checkout;
use crate::cli::gate::key::PipelineKey;
use crate::cli::gate::outcome::{Begun, carry_out};
use crate::cli::gate::record::{beginning, decision, keep_documents};
use crate::cli::ui::Word;
use crate::statement::Says;
use crate::statement::words::Duty;

#[derive(Serialize)]
struct Report<'a> {
    answer: &'static str,
    away: bool,
    by: &'static str,
    service: &'a str,
    environment: &'a str,
    revision: &'a Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<EntryIndex>,
    why: &'a str,
}

/// Says yes, and runs and keeps what is to be.
pub(super) fn pass(
    context: &mut Context,
    asked: &Asked<'_>,
    away: Away,
    passing: &Passing,
) -> Result<ExitStatus, CliError> {
    let runs = !asked.command.is_empty();
    if runs && !asked.any_checkout {
        let repository = context.repository()?;
        checkout::check(&repository, &passing.question.revision)?;
    }
    let is_decided = passing.judged.is_some() || !passing.overrides.envelopes.is_empty();
    let records = runs || (!asked.only_decide && is_decided);
    let begun = if records { Some(kept(context, &away, passing, runs)?) } else { None };
    let question = &passing.question;
    let what =
        format!("{} {} to {}", question.service, question.revision.short(), question.environment);
    context.ui.answer(Word::Yes, &format!("{what}: {}", passing.why));
    tell_away(context, &away.why);
    context.ui.json(&Report {
        answer: Word::Yes.as_str(),
        away: true,
        by: passing.by,
        service: question.service.as_str(),
        environment: question.environment.as_str(),
        revision: &question.revision,
        decision: passing.entry,
        why: &away.why.message,
    });
    if records {
        context.ui.line(&format!("recorded once the ledger is back: {HAND_IN}"));
    }
    drop(away);
    match begun.flatten() {
        Some((key, begun)) => Ok(carry_out(context, &key, begun, passing.entry, asked.command)),
        None => Ok(ExitStatus::Yes),
    }
}

/// Keeps what is to be recorded later; gives what is about to begin.
fn kept(
    context: &mut Context,
    away: &Away,
    passing: &Passing,
    runs: bool,
) -> Result<Option<(PipelineKey, Begun)>, CliError> {
    let key = gate_key(context, away, passing)?;
    if let Some(desk) = &away.left {
        if passing.judged.is_some() {
            key.need(desk, Duty::Decide)?;
        }
        if runs {
            key.need(desk, Duty::Deploy)?;
        }
    }
    let mut beside = passing.overrides.clone();
    let mut rests_on = passing.rests_on;
    if let (Some(judged), Some(desk)) = (&passing.judged, &away.left) {
        keep_documents(desk, judged)?;
        let said = Says::Decision(decision(desk, judged)?);
        let envelope = desk.sign(key.signer.as_ref(), &key.member, said)?;
        rests_on = Some(envelope.statement_id());
        let own = desk.session.spooled(std::slice::from_ref(&envelope))?;
        beside.envelopes.push(envelope);
        beside.words.extend(own.words);
        beside.files.extend(own.files);
    }
    let now = context.now();
    if runs {
        let mut said = beginning(&passing.question);
        said.decision = rests_on;
        said.overrides = passing.overrides();
        let begun = Begun::new(away.ground.clone(), said, None).with(beside);
        let begun = begun.expect_nothing(now, &key)?;
        return Ok(Some((key, begun)));
    }
    let spool = away.ground.spool.as_ref().ok_or_else(|| {
        CliError::usage("there is no home folder to keep what is recorded later in")
            .hint("only decide: countersign gate -n")
    })?;
    spool.keep(now, &beside)?;
    Ok(None)
}

/// The key that signs what is recorded later.
fn gate_key(
    context: &mut Context,
    away: &Away,
    passing: &Passing,
) -> Result<PipelineKey, CliError> {
    let found = match &away.left {
        Some(desk) => PipelineKey::find(context, desk)?,
        None => PipelineKey::without(context, away.trust.origin(), passing.gate.as_ref())?,
    };
    found.ok_or_else(|| {
        CliError::usage("the gate's key is not on this machine")
            .hint("only decide, and record nothing: countersign gate -n")
    })
}
