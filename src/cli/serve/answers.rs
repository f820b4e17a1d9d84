//! What commands print with `--json`, asked of a server (`spec/server.md` section 1).

use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

use super::Office;
use crate::base::encoding::undecimal;
use crate::base::name::{EnvironmentName, RepositoryName, ServiceName};
use crate::base::position::EntryIndex;
use crate::cli::commands::gate::artifact;
use crate::cli::commands::queue::Queue;
use crate::cli::commands::status::told;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::gate::bundle::{key_not_shown, key_replaced, of_decision, verifies};
use crate::cli::gate::judge::{Inquiry, judge};
use crate::cli::gate::render::report;
use crate::cli::review::{Place, PlaceArgs, member_named};
use crate::key::Signer;
use crate::policy::Policy;
use crate::server::{Problem, Snapshot};
use crate::statement::Says;

type Answered = Result<Response, Problem>;

/// The routes; each tells what names people and commits.
pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/v1/queue", get(queue))
        .route("/v1/status", get(status))
        .route("/v1/verdict", get(verdict))
        .route("/v1/bundles/{entry}", get(bundle))
}

/// What may be there several times.
const SEVERAL: &str = "artifact";

/// The query of a URL: each other name once, and none that is not asked for.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads it.
    ///
    /// # Errors
    /// 400 where a name is not one of `known`, or is there twice.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_ref()) {
                let names = known.join(", ");
                return Err(Problem::malformed(format!("{name} is none of {names}")));
            }
            if name != SEVERAL && found.iter().any(|(other, _)| *other == name) {
                return Err(Problem::malformed(format!("{name} is there twice")));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(found))
    }

    /// The value of a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The same, read as what it should be.
    ///
    /// # Errors
    /// 400 where it is not.
    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|error| Problem::malformed(format!("{name}: {error}")))
        };
        self.text(name).map(parse).transpose()
    }

    fn place(&self) -> Result<PlaceArgs, Problem> {
        let service: Option<ServiceName> = self.parsed("service")?;
        let env: Option<EnvironmentName> = self.parsed("environment")?;
        Ok(PlaceArgs { service, env })
    }
}

/// What is to be known of a commit that a server's clone does not have.
const BEHIND: &str = "the server judges in its own clone, which may be behind: whoever runs it \
                      brings it up with git fetch there, and operations.md section 2 has a unit \
                      for that";

/// What a command would say on standard error.
pub(super) fn problem(error: CliError) -> Problem {
    let mut why = error.message;
    for cause in error.causes {
        why = format!("{why}: {cause}");
    }
    if error.is_commit_missing {
        why = format!("{why}; {BEHIND}");
    }
    match error.kind {
        ErrorKind::Usage => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "USAGE", why),
        ErrorKind::Integrity => Problem::integrity(why),
        ErrorKind::Unavailable => Problem::unavailable(why),
    }
}

/// The answer of a command.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    serde_json::to_vec(value).map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))
}

pub(super) fn answered(body: Vec<u8>) -> Response {
    let head = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (head, body).into_response()
}

impl Office {
    /// Answers out of a snapshot, at a desk in the clone that a service is built from.
    ///
    /// # Errors
    /// What `answer` fails with, and where there is no such service or clone.
    pub(super) async fn ask(
        self: &Arc<Self>,
        service: Option<ServiceName>,
        answer: impl FnOnce(&Self, &Desk) -> Result<Vec<u8>, CliError> + Send + 'static,
    ) -> Answered {
        let office = Arc::clone(self);
        let body = self.server().judge(move || {
            let snapshot = office.server().newest();
            let repository = repository_of(&snapshot, service.as_ref());
            let desk = office.desk(&snapshot, repository.as_ref())?;
            answer(&office, &desk)
        });
        Ok(answered(body.await?.map_err(problem)?))
    }
}

/// The repository that a service is built from, as the policy in force has it.
pub(super) fn repository_of(
    snapshot: &Snapshot,
    service: Option<&ServiceName>,
) -> Option<RepositoryName> {
    let policy = Policy::parse(&snapshot.session.view().policy()?.text).ok()?;
    Some(policy.known_service(service?).ok()?.repository.clone())
}

async fn queue(State(office): State<Arc<Office>>, uri: Uri) -> Answered {
    let query = Query::of(&uri, &["service", "environment", "for"])?;
    let place = query.place()?;
    let reader = query.text("for").map(str::to_owned);
    let reader = reader.ok_or_else(|| Problem::malformed("for is missing: whose queue it is"))?;
    let answer = move |office: &Office, desk: &Desk| {
        let reader = member_named(desk, &reader)?;
        let place = Place::new(desk, &place)?;
        json(&Queue::new(desk, &place, reader, office.now())?.answer())
    };
    office.ask(query.parsed("service")?, answer).await
}

async fn status(State(office): State<Arc<Office>>, uri: Uri) -> Answered {
    let query = Query::of(&uri, &["service", "environment", "range"])?;
    let place = query.place()?;
    let range = query.text("range").map(str::to_owned);
    let answer = move |office: &Office, desk: &Desk| {
        let place = Place::new(desk, &place)?;
        told(desk, &place, range.as_deref(), office.now())
    };
    office.ask(query.parsed("service")?, answer).await
}

async fn verdict(State(office): State<Arc<Office>>, uri: Uri) -> Answered {
    let query = Query::of(&uri, &["service", "environment", "revision", SEVERAL])?;
    let PlaceArgs { service, env: environment } = query.place()?;
    let revision = query.text("revision").map(str::to_owned);
    let revision = revision.ok_or_else(|| Problem::malformed("revision is missing"))?;
    let artifacts = query.0.iter().filter(|(name, _)| name == SEVERAL).map(|(_, text)| {
        artifact(text).map_err(|why| Problem::malformed(format!("{SEVERAL}: {why}")))
    });
    let artifacts: Vec<_> = artifacts.collect::<Result<_, _>>()?;
    let of = service.clone();
    let answer = move |office: &Office, desk: &Desk| {
        let inquiry = Inquiry {
            service: service.as_ref(),
            environment: environment.as_ref(),
            revision: &revision,
            artifacts: &artifacts,
            attested: false,
        };
        json(&report(desk, &judge(desk, &inquiry, office.now())?, None)?)
    };
    office.ask(of, answer).await
}

/// 409: the ledger's key was replaced after the decision, and no reader of the bundle knows it.
fn no_longer(decision: EntryIndex, replaced: EntryIndex) -> Problem {
    let why = format!(
        "{}: the bundle that the gate wrote then stays good as it is; who has none asks the ledger \
         itself, countersign audit '#{decision}'",
        key_replaced(replaced)
    );
    Problem::new(StatusCode::CONFLICT, "KEY_REPLACED", why)
}

/// The bundle of a decision.
async fn bundle(State(office): State<Arc<Office>>, Path(entry): Path<String>) -> Answered {
    let nothing = || Problem::not_found("there is no decision at that entry");
    let index = EntryIndex::new(undecimal(&entry).map_err(|_| nothing())?);
    // One bundle at a time is made, and it waits for a place among those that judge.
    let mut folded = office.folded().await;
    let shared = Arc::clone(&office);
    let bytes = office.server().judge(move || {
        let snapshot = shared.server().newest();
        if !snapshot.session.size().covers(index) {
            return Err(nothing());
        }
        let entry = snapshot.session.entry(index)?;
        let Says::Decision(said) = &entry.statement().says else { return Err(nothing()) };
        let desk = shared.desk(&snapshot, Some(&said.repository)).map_err(problem)?;
        let signer = shared.gate_key().map(|signer| -> &dyn Signer { signer });
        let bundle = of_decision(&desk, index, signer, &mut folded).map_err(problem)?;
        if let Some(entry) = key_not_shown(&desk.session, &bundle) {
            return Err(no_longer(index, entry));
        }
        let bytes = bundle.to_bytes();
        verifies(&bytes, &desk.trust, shared.now()).map_err(problem)?;
        Ok(bytes)
    });
    let head = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((head, bytes.await??).into_response())
}
