//! The server's own gate (`spec/server.md` section 4): it judges with its own clone, and signs with
//! its own key.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde::{Deserialize, Serialize};

use super::Office;
use super::answers::{answered, json, problem, repository_of};
use crate::base::encoding;
use crate::base::name::{EnvironmentName, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::commands::gate::artifact;
use crate::cli::error::CliError;
use crate::cli::gate::judge::{Inquiry, judge};
use crate::cli::gate::record::{decision, equal_denial, keep_documents};
use crate::cli::gate::render::report;
use crate::cli::report::{RecordedLine, VerdictReport};
use crate::key::Signer as _;
use crate::server::{Problem, json_of};
use crate::session::sign;
use crate::statement::Says;
use crate::statement::envelope::Envelope;
use crate::statement::words::Duty;

/// How often it is judged anew where the ledger has grown meanwhile. After that the decision stands
/// for the moment that it was judged at, which it names.
const TRIES: u32 = 3;

/// The routes.
pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new().route("/v1/gate", post(decide))
}

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: ServiceName,
    environment: EnvironmentName,
    revision: String,
    #[serde(default)]
    artifacts: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    verdict: VerdictReport,
    decision: DecisionLine,
}

#[derive(Serialize)]
struct DecisionLine {
    entry: EntryIndex,
    receipt: String,
}

/// A decision on its way into the ledger.
struct Judged {
    verdict: VerdictReport,
    size: TreeSize,
    /// The envelope; none where an equal denial stands at `earlier`.
    envelope: Option<Envelope>,
    earlier: Option<EntryIndex>,
}

async fn decide(State(office): State<Arc<Office>>, request: Request) -> Result<Response, Problem> {
    if office.gate_key().is_none() {
        let why = "the gate's key is not on the server: it decides nothing";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "NO_GATE", why));
    }
    let asked: Asked = json_of(office.server(), request).await?;
    for text in &asked.artifacts {
        artifact(text).map_err(|why| Problem::malformed(format!("artifacts: {why}")))?;
    }
    for number in 1..=TRIES {
        let (shared, question) = (Arc::clone(&office), asked.clone());
        let judged = office.server().judge(move || judged(&shared, &question));
        let Judged { mut verdict, size, envelope, earlier } = judged.await?.map_err(problem)?;
        let only_at = (number < TRIES).then_some(size);
        let proof = match (envelope, earlier) {
            (Some(envelope), _) => office.server().append_own(envelope, only_at).await?,
            (None, Some(index)) => {
                let snapshot = office.server().newest();
                Some(office.server().work(move || snapshot.session.prove(index)).await??)
            }
            (None, None) => None,
        };
        let Some(proof) = proof else { continue };
        let entry = proof.receipt.index;
        let repeated = earlier.is_some();
        verdict.recorded = Some(RecordedLine { decision: entry, repeated, deployment: None });
        let receipt = encoding::base64(proof.to_tlog_proof().as_bytes());
        let answer = Answer { verdict, decision: DecisionLine { entry, receipt } };
        return Ok(answered(json(&answer).map_err(problem)?));
    }
    Err(Problem::unavailable("the ledger grows faster than it is judged"))
}

/// Judges on the newest commit, and signs.
fn judged(office: &Office, asked: &Asked) -> Result<Judged, CliError> {
    let signer =
        office.gate_key().ok_or_else(|| CliError::usage("the gate's key is not on the server"))?;
    let snapshot = office.server().newest();
    let repository = repository_of(&snapshot, Some(&asked.service));
    let desk = office.desk(&snapshot, repository.as_ref())?;
    let member = desk.owner(&signer.public_key().fingerprint())?.clone();
    if !member.has_duty(Duty::Decide) {
        let message = format!("{} does not have the duty {}", member.id, Duty::Decide);
        return Err(CliError::usage(message));
    }
    let artifacts: Vec<_> = asked.artifacts.iter().filter_map(|text| artifact(text).ok()).collect();
    let inquiry = Inquiry {
        service: Some(&asked.service),
        environment: Some(&asked.environment),
        revision: &asked.revision,
        artifacts: &artifacts,
        attested: false,
    };
    let found = judge(&desk, &inquiry, office.now())?;
    keep_documents(&desk, &found)?;
    let said = decision(&desk, &found)?;
    let earlier = equal_denial(&desk, &said, &found)?;
    let verdict = report(&desk, &found, None)?;
    let size = desk.session.size();
    if let Some(earlier) = earlier {
        let earlier = Some(earlier.index());
        return Ok(Judged { verdict, size, envelope: None, earlier });
    }
    let envelope = sign(&desk.session.statement(&member.id, Says::Decision(said)), signer)?;
    Ok(Judged { verdict, size, envelope: Some(envelope), earlier: None })
}
