//! The decision as a statement, and the deployment that begins with it.

use std::collections::BTreeSet;

use super::judge::Judged;
use super::key::PipelineKey;
use super::outcome::{Begun, Ground};
use crate::base::digest::{ContentDigest, StatementId};
use crate::base::name::{RequestId, ToolName};
use crate::base::position::EntryIndex;
use crate::base::time::Span;
use crate::change::Document;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::ledger::topics;
use crate::statement::Says;
use crate::statement::pipeline::{Decision, Deployment};
use crate::statement::words::{DecisionVerdict, Outcome};
use crate::verify::{Question, VerifiedEntry};

/// What was recorded.
pub(crate) struct Recorded {
    /// The decision: its entry and its identity.
    pub(crate) decision: (EntryIndex, StatementId),
    /// Whether an equal denial stood there already.
    pub(crate) is_repeated: bool,
    /// The deployment that began with it.
    pub(crate) started: Option<Begun>,
    /// Its entry.
    pub(crate) deployment: Option<EntryIndex>,
}

/// Records the decision, and with `begin` the deployment that begins with it: both or neither.
///
/// # Errors
/// Where nothing could be kept, signed or appended: then nothing may be deployed.
pub(crate) fn record(
    context: &Context,
    desk: &mut Desk,
    key: &PipelineKey,
    judged: &Judged,
    begin: bool,
) -> Result<Recorded, CliError> {
    keep_documents(desk, judged)?;
    let decision = decision(desk, judged)?;
    let earlier = equal_denial(desk, &decision, judged)?;
    let mut envelopes = Vec::new();
    let id = if let Some(entry) = &earlier {
        entry.id()
    } else {
        let said = Says::Decision(decision);
        envelopes.push(desk.sign(key.signer.as_ref(), &key.member, said)?);
        envelopes[0].statement_id()
    };
    let mut started = None;
    if begin {
        let mut deployment = beginning(&judged.verdict.question);
        deployment.decision = Some(id);
        let said = Says::Deployment(deployment.clone());
        let envelope = desk.sign(key.signer.as_ref(), &key.member, said)?;
        // What is told if this process ends before it knows better is kept first.
        let running = Begun::new(Ground::of(desk), deployment, Some(envelope.statement_id()));
        started = Some(running.expect_nothing(context.now(), key)?);
        envelopes.push(envelope);
    }
    let mut entries = Vec::new();
    if !envelopes.is_empty() {
        match desk.submit_now(context.now(), &envelopes) {
            Ok(receipts) => entries.extend(receipts.iter().map(|receipt| receipt.index)),
            Err(error) => {
                if let Some(begun) = started.filter(|_| !error.is_unanswered) {
                    begun.forget();
                }
                return Err(error);
            }
        }
    }
    let mut entries = entries.into_iter();
    let index = earlier.as_ref().map(VerifiedEntry::index).or_else(|| entries.next());
    let index = index.ok_or_else(|| CliError::unavailable("the decision got no receipt"))?;
    Ok(Recorded {
        decision: (index, id),
        is_repeated: earlier.is_some(),
        started,
        deployment: entries.next(),
    })
}

/// Keeps the document of every segment, so that a change can be looked up by path when branch
/// and objects are gone (ATTACKS 47). Durable before the entry that rests on it.
///
/// # Errors
/// Where one cannot be kept.
pub(crate) fn keep_documents(desk: &Desk, judged: &Judged) -> Result<(), CliError> {
    let blobs = desk.session.blobs();
    let steps = judged.gathered.steps.iter().map(|step| &step.step.document);
    let changes: BTreeSet<_> =
        judged.verdict.segments.iter().map(|segment| segment.change).collect();
    let used = |document: &&Document| !document.is_empty() && changes.contains(&document.hash());
    let whole = std::iter::once(&judged.gathered.difference);
    for document in whole.chain(steps).filter(used) {
        let digest = ContentDigest::from_bytes(*document.hash().as_bytes());
        // A document that is kept already is not written again: a release has hundreds.
        if !blobs.has(&digest) {
            blobs.put(&document.to_bytes()).map_err(unkept)?;
        }
    }
    // What shows that a sign-off is carried, so that anybody can check it again.
    let rows = judged.verdict.cover().segments;
    let named: BTreeSet<_> = rows.iter().flat_map(|row| &row.carried).collect();
    let named: BTreeSet<_> = named.into_iter().map(|from| from.certificate).collect();
    for (certificate, document) in &judged.gathered.carried.certificates {
        if named.contains(&certificate.digest()) {
            blobs.put(&certificate.to_bytes()).map_err(unkept)?;
            blobs.put(&document.to_bytes()).map_err(unkept)?;
        }
    }
    Ok(())
}

fn unkept(error: crate::ledger::store::StoreError) -> CliError {
    crate::session::SessionError::from(error).into()
}

/// The decision as a statement; its cover is durable when this returns.
///
/// # Errors
/// Where there is no policy, or the cover cannot be kept.
pub(crate) fn decision(desk: &Desk, judged: &Judged) -> Result<Decision, CliError> {
    let verdict = &judged.verdict;
    let question = &verdict.question;
    let (_, policy) = verdict.policy.ok_or_else(|| {
        CliError::usage("the ledger has no policy yet")
            .hint("an admin sets one: countersign policy apply FILE")
    })?;
    let invalid =
        |error: crate::base::name::NameError| CliError::from_error(ErrorKind::Usage, &error);
    let mut reasons = Vec::new();
    let (mut cover, mut overrides) = (None, Vec::new());
    if judged.is_overridden() {
        overrides.extend(verdict.overrides.iter().map(|one| one.id));
        overrides.sort_unstable();
    }
    if verdict.is_allowed() {
        cover = Some(desk.session.blobs().put(&verdict.cover().to_bytes()).map_err(unkept)?);
    } else {
        for code in verdict.reasons() {
            reasons.push(RequestId::new(code.as_str()).map_err(invalid)?);
        }
        reasons.sort_unstable();
    }
    Ok(Decision {
        service: question.service.clone(),
        environment: question.environment.clone(),
        repository: judged.repository.clone(),
        revision: question.revision.clone(),
        artifacts: question.artifacts.clone(),
        verdict: verdict.answer,
        mode: verdict.mode,
        start: verdict.start_entry(),
        newest: verdict.newest,
        policy,
        trust: desk.trust.digest(),
        reasons,
        cover,
        overrides,
        program: ToolName::new(concat!("countersign ", env!("CARGO_PKG_VERSION")))
            .map_err(invalid)?,
    })
}

/// The deployment of what was asked, as it begins.
pub(super) fn beginning(question: &Question) -> Deployment {
    Deployment {
        service: question.service.clone(),
        environment: question.environment.clone(),
        revision: question.revision.clone(),
        artifacts: question.artifacts.clone(),
        decision: None,
        overrides: Vec::new(),
        started: None,
        outcome: Outcome::Started,
        trigger: None,
        run: None,
    }
}

/// The same denial within `decision_ttl`: a pipeline that tries again every minute is told no
/// every time, and says it once.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn equal_denial(
    desk: &Desk,
    decision: &Decision,
    judged: &Judged,
) -> Result<Option<VerifiedEntry>, CliError> {
    if decision.verdict == DecisionVerdict::Allow {
        return Ok(None);
    }
    let lasts: Span = judged.policy.defaults().decision_ttl;
    let place = topics::place(&decision.service, &decision.environment);
    for index in desk.session.newest_under(place) {
        let entry = desk.session.entry(index?)?;
        if judged.verdict.question.time.since(entry.time()) >= lasts {
            break;
        }
        if let Says::Decision(earlier) = &entry.statement().says
            && earlier == decision
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}
