//! What passes while the ledger is away: a bundle, going back, an override that is signed.

use std::collections::BTreeSet;
use std::iter;
use std::path::{Path, PathBuf};

use super::{Asked, Away, kept_name};
use crate::base::digest::StatementId;
use crate::base::limits::BUNDLE_BYTES_MAX;
use crate::base::name::{MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, read_envelope, words_beside};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::gate::judge::{Judged, judge_with};
use crate::cli::time::{ago, span};
use crate::evidence::is_ancestor;
use crate::key::KeyId;
use crate::ledger::leaf::{Leaf, no_leaf};
use crate::policy::ReasonCode;
use crate::session::{SessionError, Spooled};
use crate::statement::envelope::Envelope;
use crate::statement::words::Mode;
use crate::statement::{Says, Statement};
use crate::store::durable;
use crate::verify::bundle::{Bundle, Checked, Refused, check};
use crate::verify::{Position, Question, VerifiedEntry, why_not_in_force};

/// What passes, and by what.
pub(super) struct Passing {
    pub(super) by: &'static str,
    pub(super) why: String,
    pub(super) question: Question,
    pub(super) entry: Option<EntryIndex>,
    /// What is recorded of the decision later, and the deployment that rests on it.
    pub(super) judged: Option<Box<Judged>>,
    pub(super) rests_on: Option<StatementId>,
    pub(super) overrides: Spooled,
    /// Whose key attests it, and who that is.
    pub(super) gate: Option<(KeyId, MemberId)>,
}

/// What a bundle answers to the question, which is its own.
pub(super) fn by_bundle(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
    file: &Path,
) -> Result<Result<Passing, String>, CliError> {
    let (service, environment) = away.place(asked)?;
    let bytes = context.read(file, BUNDLE_BYTES_MAX)?;
    let named = file.display();
    let bundle = Bundle::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{named} is no bundle: {error}"))
            .hint("name a file that countersign gate -o FILE.bundle wrote")
    })?;
    let checked = check(&bundle, &away.trust, context.now()).map_err(|error| {
        CliError::integrity(format!("{named}: {error}")).hint("countersign verify tells more")
    })?;
    let question = checked.verdict().question.clone();
    let revision = match context.repository_if_any()? {
        Some(repository) => repository.resolve(asked.inquiry.revision)?,
        None => Revision::new(asked.inquiry.revision).map_err(|_| {
            CliError::usage("this is not a git repository")
                .hint("name the commit, all digits of it, with --revision")
        })?,
    };
    let is_asked = service == question.service
        && environment == question.environment
        && revision == question.revision
        && asked.inquiry.sorted_artifacts() == question.artifacts;
    if !is_asked {
        return Ok(Err(format!(
            "{named} answers for {} {} to {}, and asked is {service} {} to {environment}",
            question.service,
            question.revision.short(),
            question.environment,
            revision.short()
        )));
    }
    if !checked.is_yes() {
        return Ok(Err(format!("{named}: {}", why_no(context, away, &checked))));
    }
    Ok(Ok(Passing::of_bundle(context, &bundle, &checked)))
}

/// Why a bundle is no yes, and what to do about it.
fn why_no(context: &Context, away: &Away, checked: &Checked) -> String {
    let told = checked.refused().into_iter().map(|refused| match refused {
        Refused::Unattested => "no decision was recorded with it; while the ledger is at hand \
                                countersign gate -o FILE.bundle, without -n, writes one that has it"
            .to_owned(),
        Refused::Quorum => "too few witnesses cosigned what it rests on; countersign verify tells \
                            who did"
            .to_owned(),
        Refused::Stale => {
            let decided = checked.decided().map(|decided| ago(decided.time, context.now()));
            let age = away.trust.max_age().map(span);
            format!(
                "it was decided {}, and must be younger than {} (max_age of the trust root); \
                 while the ledger is at hand countersign gate -o FILE.bundle writes a newer one",
                decided.unwrap_or_default(),
                age.unwrap_or_default()
            )
        }
    });
    let codes = checked.reasons().join(", ");
    iter::once(codes).chain(told).collect::<Vec<_>>().join("; ")
}

/// A bundle of the same question that this gate wrote when it allowed it, and that is not too old.
pub(super) fn by_kept_bundle(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
) -> Result<Option<Passing>, CliError> {
    // Without an age that somebody decided on, nothing passes by itself for ever.
    let (Some(_), Some(folder)) = (away.trust.max_age(), &away.bundles) else { return Ok(None) };
    let Some(question) = away.question(context, asked) else { return Ok(None) };
    let file = folder.join(kept_name(&question));
    let bytes = durable::read(&file, BUNDLE_BYTES_MAX).map_err(SessionError::from)?;
    let Some(bundle) = bytes.and_then(|bytes| Bundle::parse(&bytes).ok()) else { return Ok(None) };
    let checked = check(&bundle, &away.trust, context.now())
        .map_err(|error| CliError::integrity(format!("{}: {error}", file.display())))?;
    if !checked.is_yes() || is_rejected_since(context, away, asked) {
        return Ok(None);
    }
    Ok(Some(Passing::of_bundle(context, &bundle, &checked)))
}

/// Whether a reject stands on it, as far as was verified last: that is no matter of age.
fn is_rejected_since(context: &Context, away: &Away, asked: &Asked<'_>) -> bool {
    let Some(desk) = &away.left else { return false };
    let judged = judge_with(desk, &asked.inquiry, context.now(), Vec::new());
    judged.is_ok_and(|judged| judged.verdict.reasons().contains(&ReasonCode::Rejected))
}

/// Going back to what was live before, judged by what was verified last.
pub(super) fn by_rollback(context: &Context, away: &Away, asked: &Asked<'_>) -> Option<Passing> {
    let desk = away.left.as_ref()?;
    if is_ahead(context, away, desk, asked) {
        return None;
    }
    let judged = judge_with(desk, &asked.inquiry, context.now(), Vec::new()).ok()?;
    let is_behind = match judged.gathered.position {
        Position::Behind => true,
        Position::Linear => judged.gathered.steps.is_empty(),
        _ => false,
    };
    let is_back = judged.verdict.is_allowed() && is_behind;
    is_back.then(|| Passing {
        by: "rollback",
        why: format!(
            "it was live here before, as of the {} entries read last",
            desk.session.size()
        ),
        question: judged.verdict.question.clone(),
        entry: None,
        judged: Some(Box::new(judged)),
        rests_on: None,
        overrides: Spooled::default(),
        gate: None,
    })
}

/// Whether it is neither what is settled nor behind it, as far as that is known without judging:
/// of many releases that were rolled back from each would be judged over a long chain.
fn is_ahead(context: &Context, away: &Away, desk: &Desk, asked: &Asked<'_>) -> bool {
    let (Some(question), Some(repository)) = (away.question(context, asked), &desk.repository)
    else {
        return false;
    };
    let points = desk.session.view().starts(&question.service, &question.environment);
    let Some(settled) = points.newest().and_then(|newest| newest.revision.as_ref()) else {
        return false;
    };
    is_ancestor(repository, &question.revision, settled).is_ok_and(|is_behind| !is_behind)
}

/// Overrides that are not in the ledger yet, judged by roster and policy as they were read last.
pub(super) fn by_overrides(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
    files: &[PathBuf],
) -> Result<Result<Passing, String>, CliError> {
    let desk = away.left.as_ref().ok_or_else(|| {
        away.why.clone().hint("nothing was ever read of this ledger here: no roster to judge by")
    })?;
    let (mut entries, mut spooled) = (Vec::new(), Spooled::default());
    for file in files {
        let envelope = read_envelope(context, file)?;
        match signed(context, away, desk, file, &envelope)? {
            Ok(entry) => entries.push(entry),
            Err(refused) => return Ok(Err(refused)),
        }
        spooled.words.extend(words_beside(context, file, &envelope)?);
        spooled.envelopes.push(envelope);
    }
    let judged = judge_with(desk, &asked.inquiry, context.now(), entries.clone())?;
    let (verdict, view) = (&judged.verdict, desk.session.view());
    let as_of = format!("as of the {} entries read last", desk.session.size());
    for (file, entry) in files.iter().zip(&entries) {
        if let Some(why) = why_not_in_force(&verdict.question, view, entry) {
            return Ok(Err(format!("{} is not in force, {as_of}: {why}", file.display())));
        }
    }
    let (found, needed) = (verdict.overrides.len(), verdict.overrides_needed);
    if found < needed {
        return Ok(Err(format!("{needed} members must override, {as_of}, and {found} did")));
    }
    // Where the copy alone says yes, it is the override that lets it through all the same: what was
    // rejected or revoked since is not known here.
    let is_unasked = verdict.is_allowed() || verdict.mode == Mode::Observe;
    if !is_unasked && !judged.is_overridden() {
        let reasons: Vec<_> = verdict.reasons().iter().map(|code| code.as_str()).collect();
        return Ok(Err(format!("no override lifts this, {as_of}: {}", reasons.join(", "))));
    }
    Ok(Ok(Passing {
        by: "override",
        why: format!("by override, {as_of}"),
        question: verdict.question.clone(),
        entry: None,
        judged: (!is_unasked).then(|| Box::new(judged)),
        rests_on: None,
        overrides: spooled,
        gate: None,
    }))
}

/// An override of a file, as if it were the newest entry that was read; or why it is none of this
/// ledger.
fn signed(
    context: &Context,
    away: &Away,
    desk: &Desk,
    file: &Path,
    envelope: &Envelope,
) -> Result<Result<VerifiedEntry, String>, CliError> {
    let statement = Statement::parse(envelope.payload());
    let Ok(Statement { says: Says::Override(_), ledger, .. }) = &statement else {
        return Err(CliError::usage(format!("{} is no override", file.display()))
            .hint("name what countersign override -o FILE wrote"));
    };
    if *ledger != Some(away.trust.ledger()) {
        return Ok(Err(format!("{} is for another ledger", file.display())));
    }
    let leaf = Leaf::new(context.now(), no_leaf(), envelope.to_canonical())
        .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?;
    let last = EntryIndex::new(desk.session.size().get().saturating_sub(1));
    let entry = VerifiedEntry::verify(last, &leaf.to_bytes(), desk.session.view().roster());
    Ok(entry.map_err(|error| format!("{}: {}", file.display(), error.what)))
}

impl Passing {
    /// The overrides that the deployment names itself, where no decision does.
    pub(super) fn overrides(&self) -> Vec<StatementId> {
        let signed = self.overrides.envelopes.iter().filter(|_| self.judged.is_none());
        let ids: BTreeSet<_> = signed.map(Envelope::statement_id).collect();
        ids.into_iter().collect()
    }

    fn of_bundle(context: &Context, bundle: &Bundle, checked: &Checked) -> Self {
        let decided = checked.decided();
        let entries = checked.rebuilt().entries().iter();
        let rests_on = decided.and_then(|decided| {
            entries.clone().find(|entry| entry.entry() == decided.entry).map(VerifiedEntry::id)
        });
        let age = decided.map(|decided| ago(decided.time, context.now())).unwrap_or_default();
        let index = decided.map(|decided| decided.entry.index);
        let number = index.map(|index| index.to_string()).unwrap_or_default();
        let gate = bundle.attestation.as_ref().map(|attestation| attestation.keyid);
        Self {
            by: "bundle",
            why: format!("decided at entry {number}, {age}, as its bundle shows"),
            question: checked.verdict().question.clone(),
            entry: index,
            judged: None,
            rests_on,
            overrides: Spooled::default(),
            gate: gate.zip(decided.map(|decided| decided.by.clone())),
        }
    }
}
