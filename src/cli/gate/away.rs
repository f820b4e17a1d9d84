//! The gate where the ledger is away (`spec/away.md` section 3): what passes all the same, by what
//! was verified last, and what is recorded of it later.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkout;
use super::judge::{Inquiry, Judged, judge_with};
use super::key::PipelineKey;
use super::outcome::{Begun, Ground, carry_out};
use super::record::{beginning, decision, keep_documents};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::limits::BUNDLE_BYTES_MAX;
use crate::base::name::{MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::address::{Address, WAY_OUT};
use crate::cli::desk::{Desk, HAND_IN, read_envelope, words_beside};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::time::{ago, span};
use crate::cli::ui::Word;
use crate::key::KeyId;
use crate::ledger::leaf::{Leaf, no_leaf};
use crate::policy::ReasonCode;
use crate::session::{SessionError, Spooled};
use crate::statement::words::Duty;
use crate::statement::{Says, Statement};
use crate::store::durable;
use crate::verify::bundle::{Bundle, Checked, check};
use crate::verify::trust::TrustRoot;
use crate::verify::{Position, Question, VerifiedEntry};

/// What is asked of the gate.
pub(crate) struct Asked<'a> {
    /// The question.
    pub(crate) inquiry: Inquiry<'a>,
    /// A bundle that is to answer it.
    pub(crate) bundle: Option<&'a Path>,
    /// Signed overrides.
    pub(crate) overrides: &'a [PathBuf],
    /// The deployment.
    pub(crate) command: &'a [OsString],
    /// Whether it runs in whatever work tree this is.
    pub(crate) any_checkout: bool,
    /// Whether nothing is to be recorded.
    pub(crate) only_decide: bool,
}

/// What there is without the ledger.
struct Away {
    trust: TrustRoot,
    ground: Ground,
    /// The copy as it was left; none where there is none, and of a ledger's own folder.
    left: Option<Desk>,
    /// The bundles of what was allowed here.
    bundles: Option<PathBuf>,
    why: CliError,
}

/// What passes, and by what.
struct Passing {
    by: &'static str,
    why: String,
    question: Question,
    entry: Option<EntryIndex>,
    /// What is recorded of the decision later, and the deployment that rests on it.
    judged: Option<Box<Judged>>,
    rests_on: Option<StatementId>,
    overrides: Spooled,
    /// Whose key attests it, and who that is.
    gate: Option<(KeyId, MemberId)>,
}

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

/// Answers without the ledger.
///
/// # Errors
/// Exit 4, with what can be done, where nothing passes.
pub(crate) fn run(
    context: &mut Context,
    asked: &Asked<'_>,
    address: Address,
    error: SessionError,
) -> Result<ExitStatus, CliError> {
    let away = Away::new(address, error)?;
    let found = match (asked.bundle, asked.overrides) {
        (Some(file), _) => Some(by_bundle(context, &away, asked, file)?),
        (None, []) => match by_kept_bundle(context, &away, asked)? {
            Some(found) => Some(Ok(found)),
            None => by_rollback(context, &away, asked).map(Ok),
        },
        (None, files) => Some(by_overrides(context, &away, asked, files)?),
    };
    match found {
        Some(Ok(passing)) => pass(context, asked, away, &passing),
        Some(Err(refused)) => {
            context.ui.answer(Word::No, &refused);
            tell_away(context, &away.why);
            Ok(ExitStatus::No)
        }
        None => Err(ways(&away, asked)),
    }
}

impl Away {
    fn new(address: Address, error: SessionError) -> Result<Self, CliError> {
        let (trust, bundles) = (address.trust.clone(), address.bundles());
        let ground = Ground {
            ledger: trust.ledger(),
            seen: Some(address.newest_seen()?),
            spool: address.spool().cloned(),
        };
        let left = match address.open_as_left("gate") {
            Some(Ok(session)) => Some(address.desk(session)),
            Some(Err(error)) if !error.is_away() => return Err(error.into()),
            Some(Err(_)) | None => None,
        };
        Ok(Self { trust, ground, left, bundles, why: error.into() })
    }

    /// The question, as the policy that was verified last lets it be put.
    fn question(&self, context: &Context, asked: &Asked<'_>) -> Option<Question> {
        let desk = self.left.as_ref()?;
        let policy = desk.policy().ok()?;
        let service = desk.service(&policy, asked.inquiry.service).ok()?.name.clone();
        let environment = crate::cli::desk::environment(&policy, asked.inquiry.environment).ok()?;
        let revision = desk.repository.as_ref()?.resolve(asked.inquiry.revision).ok()?;
        let (artifacts, time) = (asked.inquiry.sorted_artifacts(), context.now());
        Some(Question { service, environment, revision, artifacts, time })
    }
}

/// What a bundle answers to the question, which is its own.
fn by_bundle(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
    file: &Path,
) -> Result<Result<Passing, String>, CliError> {
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
    let is_asked = asked.inquiry.service.is_none_or(|name| *name == question.service)
        && asked.inquiry.environment.is_none_or(|name| *name == question.environment)
        && revision == question.revision
        && asked.inquiry.sorted_artifacts() == question.artifacts;
    if !is_asked {
        return Ok(Err(format!(
            "{named} answers for {} {} in {}, and that is not what is asked",
            question.service,
            question.revision.short(),
            question.environment
        )));
    }
    if !checked.is_yes() {
        return Ok(Err(format!("{named}: {}", checked.reasons().join(", "))));
    }
    Ok(Ok(Passing::of_bundle(context, &bundle, &checked)))
}

/// A bundle of the same question that this gate wrote when it allowed it, and that is not too old.
fn by_kept_bundle(
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
fn by_rollback(context: &Context, away: &Away, asked: &Asked<'_>) -> Option<Passing> {
    let desk = away.left.as_ref()?;
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

/// Overrides that are not in the ledger yet, judged by roster and policy as they were read last.
fn by_overrides(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
    files: &[PathBuf],
) -> Result<Result<Passing, String>, CliError> {
    let desk = away.left.as_ref().ok_or_else(|| {
        away.why.clone().hint("nothing was ever read of this ledger here: no roster to judge by")
    })?;
    let (mut entries, mut spooled) = (Vec::new(), Spooled::default());
    let last = EntryIndex::new(desk.session.size().get().saturating_sub(1));
    for file in files {
        let envelope = read_envelope(context, file)?;
        let statement = Statement::parse(envelope.payload());
        let Ok(Statement { says: Says::Override(_), ledger, .. }) = &statement else {
            return Err(CliError::usage(format!("{} is no override", file.display()))
                .hint("name what countersign override -o FILE wrote"));
        };
        if *ledger != Some(away.trust.ledger()) {
            return Ok(Err(format!("{} is for another ledger", file.display())));
        }
        // It is judged as if it were the newest entry that was read.
        let leaf = Leaf::new(context.now(), no_leaf(), envelope.to_canonical())
            .map_err(|error| CliError::from_error(ErrorKind::Usage, &error))?;
        let roster = desk.session.view().roster();
        match VerifiedEntry::verify(last, &leaf.to_bytes(), roster) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Ok(Err(format!("{}: {}", file.display(), error.what))),
        }
        spooled.words.extend(words_beside(context, file, &envelope)?);
        spooled.envelopes.push(envelope);
    }
    let judged = judge_with(desk, &asked.inquiry, context.now(), entries)?;
    if !judged.passes() {
        let reasons: Vec<_> = judged.verdict.reasons().iter().map(|code| code.as_str()).collect();
        return Ok(Err(format!(
            "no override is in force for it, as of the {} entries read last: {}",
            desk.session.size(),
            reasons.join(", ")
        )));
    }
    Ok(Ok(Passing {
        by: "override",
        why: format!("by override, as of the {} entries read last", desk.session.size()),
        question: judged.verdict.question.clone(),
        entry: None,
        judged: Some(Box::new(judged)),
        rests_on: None,
        overrides: spooled,
        gate: None,
    }))
}

impl Passing {
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

/// Says yes, and runs and keeps what is to be.
fn pass(
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
    let records = runs || (!asked.only_decide && passing.judged.is_some());
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

/// The name of the file of what was allowed for a question.
pub(crate) fn kept_name(question: &Question) -> String {
    let Question { service, environment, revision, artifacts, .. } = question;
    let artifacts: Vec<_> = artifacts.iter().map(ToString::to_string).collect();
    let text = format!("{service}\n{environment}\n{revision}\n{}", artifacts.join("\n"));
    format!("{}.bundle", ContentDigest::of(text.as_bytes()))
}

fn tell_away(context: &mut Context, why: &CliError) {
    context.ui.paragraph(0, &format!("the ledger is away: {}", why.message));
}

/// What is left, with the commands for it.
fn ways(away: &Away, asked: &Asked<'_>) -> CliError {
    let run = if asked.command.is_empty() { "" } else { " -- CMD" };
    let age = away.trust.max_age().map(|age| format!(" younger than {}", span(age)));
    let mut error = away.why.clone().hint(format!(
        "a bundle of it{} passes: countersign gate --bundle FILE{run}",
        age.unwrap_or_default()
    ));
    let policy = away.left.as_ref().and_then(|desk| Some((desk, desk.policy().ok()?)));
    if let Some((desk, policy)) = policy
        && let Ok(service) = desk.service(&policy, asked.inquiry.service)
        && let Ok(environment) = crate::cli::desk::environment(&policy, asked.inquiry.environment)
    {
        let points = desk.session.view().settled(&service.name, &environment);
        let mut revisions = points.all().iter().rev().filter_map(|point| point.revision.as_ref());
        let (live, before) = (revisions.next(), revisions.next());
        if let Some(back) = before.or(live) {
            error = error.hint(format!(
                "what was live before passes: countersign gate --revision {}{run}",
                back.short()
            ));
        }
    }
    match &away.left {
        // Without a roster nobody can judge the file: it is deployed by hand, and recorded later.
        None => error.hint(WAY_OUT),
        Some(_) => error.hint(format!("{WAY_OUT}; then: countersign gate --override FILE{run}")),
    }
}
