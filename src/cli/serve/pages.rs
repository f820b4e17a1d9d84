//! Pages for people, out of a snapshot of the ledger and the server's own clones.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::Office;
use super::answers::{Query, problem};
use crate::base::digest::ChangeHash;
use crate::base::name::{MemberId, RepositoryName, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::pages::{
    ChangeArgs, ChangePage, DeploymentPage, EntryPage, Frame, HEADERS, ICON, LedgerPage,
    MemberPage, MembersPage, OverviewPage, QueueArgs, QueuePage, STYLE, problem_page,
};
use crate::cli::review::PlaceArgs;
use crate::git::Range;
use crate::ledger::topics;
use crate::policy::Policy;
use crate::server::{Problem, Snapshot};
use crate::statement::Says;

/// What a page is.
const HTML: &str = "text/html; charset=utf-8";

type Answered = Result<Response, Problem>;

/// Pages, which name people and commits.
pub(super) fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/", get(overview))
        .route("/queue", get(queue))
        .route("/changes/{change}", get(change))
        .route("/deployments/{entry}", get(deployment))
        .route("/entries/{entry}", get(entry))
        .route("/members", get(members))
        .route("/members/{member}", get(member))
        .route("/ledger", get(ledger))
}

/// What pages are shown with: it says nothing of anybody.
pub(super) fn style() -> Router<Arc<Office>> {
    Router::new()
        .route("/style.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
}

fn file(kind: &'static str, content: &'static str) -> Response {
    protected(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response())
}

/// An answer with what a browser is told beside it.
fn protected(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Errors as who asks can read them: a page for a browser, JSON for others, whatever was asked for.
pub(super) async fn as_asked(request: Request, next: Next) -> Response {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accept.is_some_and(|accept| accept.contains("text/html"));
    let mut response = next.run(request).await;
    let is_page = response.headers().get(CONTENT_TYPE).is_some_and(|kind| *kind == HTML);
    if is_page == is_browser {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if !is_browser {
        return problem.into_response();
    }
    let page = problem_page(&problem);
    // What is said beside stays: how to come with a token, and when to come again.
    let head = response.headers_mut();
    head.remove(CONTENT_LENGTH);
    head.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    *response.body_mut() = Body::from(page);
    protected(response)
}

/// Whose clone a page is read in.
enum Clone {
    /// That of a service; where none is named, of the first that the policy lists.
    Service(Option<ServiceName>),
    /// That of the service that an entry is about.
    Entry(EntryIndex),
    /// That of a repository in which somebody said something of a change.
    Change(ChangeHash),
}

impl Clone {
    /// The repository; none where it does not matter, or is not known.
    fn repository(&self, snapshot: &Snapshot) -> Result<Option<RepositoryName>, CliError> {
        let session = &snapshot.session;
        let policy = session.view().policy();
        let Some(policy) = policy.and_then(|version| Policy::parse(&version.text).ok()) else {
            return Ok(None);
        };
        let of =
            |service: &ServiceName| policy.service(service).map(|known| known.repository.clone());
        Ok(match self {
            Self::Service(Some(service)) => of(service),
            Self::Service(None) => policy.services().first().map(|first| first.repository.clone()),
            Self::Entry(index) => match &session.entry(*index)?.statement().says {
                Says::Decision(said) => Some(said.repository.clone()),
                Says::Deployment(said) => of(&said.service),
                _ => None,
            },
            Self::Change(change) => {
                let entries = session.entries_under([topics::change(*change)])?;
                let mut named = entries.iter().filter_map(|entry| match &entry.statement().says {
                    Says::Change(said) => Some(&said.repository),
                    Says::Approval(said) => {
                        said.rows.iter().find_map(|row| row.repository.as_ref())
                    }
                    _ => None,
                });
                named.next().cloned()
            }
        })
    }
}

impl Office {
    /// A page out of a snapshot, or the page that says why there is none.
    async fn page(
        self: &Arc<Self>,
        clone: Clone,
        page: impl FnOnce(&Desk, &Frame, Timestamp) -> Result<String, CliError> + Send + 'static,
    ) -> Answered {
        let office = Arc::clone(self);
        let found = self
            .server()
            .judge(move || {
                let snapshot = office.server().newest();
                let now = office.now();
                let bare = office.desk(&snapshot, None)?;
                let frame = Frame::of(&bare, now);
                let found = clone.repository(&snapshot).and_then(|repository| {
                    page(&office.desk(&snapshot, repository.as_ref())?, &frame, now)
                });
                Ok(found.map_err(|error| {
                    let told = problem(error.clone());
                    let kind = error.kind;
                    // A page says no more of the server than others are told.
                    let page = frame.fault(&match &told.for_the_log {
                        None => error,
                        Some(_) => CliError::new(kind, told.why.clone()),
                    });
                    let is_missing = kind == ErrorKind::Usage;
                    (if is_missing { Problem::not_found(told.whole()) } else { told }, page)
                }))
            })
            .await?
            .map_err(problem)?;
        let head = [(CONTENT_TYPE, HTML), (CACHE_CONTROL, "no-cache")];
        Ok(protected(match found {
            Ok(page) => (head, page).into_response(),
            Err((problem, page)) => {
                (problem.status, Extension(problem), head, page).into_response()
            }
        }))
    }
}

impl Office {
    /// The page that says that there is none.
    async fn nothing(self: &Arc<Self>, why: String) -> Answered {
        self.page(Clone::Service(None), move |_, _, _| Err(CliError::usage(why))).await
    }
}

async fn overview(State(office): State<Arc<Office>>) -> Answered {
    office
        .page(Clone::Service(None), |desk, frame, now| {
            Ok(OverviewPage::read(desk, now)?.page(frame))
        })
        .await
}

async fn queue(State(office): State<Arc<Office>>, uri: Uri) -> Answered {
    let query = Query::of(&uri, &["service", "environment", "for"])?;
    let (place, reader) = (place(&query)?, query.text("for").map(str::to_owned));
    office
        .page(Clone::Service(place.service.clone()), move |desk, frame, now| {
            let place = default_place(desk, place)?;
            Ok(QueuePage::read(desk, &QueueArgs { place, reader }, now)?.page(frame))
        })
        .await
}

async fn change(
    State(office): State<Arc<Office>>,
    Path(change): Path<String>,
    uri: Uri,
) -> Answered {
    let change: ChangeHash = match change.parse() {
        Ok(change) => change,
        Err(error) => return office.nothing(format!("that is no change: {error}")).await,
    };
    let query = Query::of(&uri, &["service", "environment", "base", "head"])?;
    let place = place(&query)?;
    let (base, head) = (query.parsed::<Revision>("base")?, query.parsed::<Revision>("head")?);
    let range = head.map(|head| Range { base, head });
    let clone = match &place.service {
        Some(service) => Clone::Service(Some(service.clone())),
        None => Clone::Change(change),
    };
    office
        .page(clone, move |desk, frame, now| {
            let place = default_place(desk, place)?;
            Ok(ChangePage::read(desk, &ChangeArgs { change, place, range }, now)?.page(frame))
        })
        .await
}

async fn deployment(State(office): State<Arc<Office>>, Path(entry): Path<String>) -> Answered {
    let Ok(entry) = entry.parse().map(EntryIndex::new) else {
        return office.nothing("an entry is a number".to_owned()).await;
    };
    office
        .page(Clone::Entry(entry), move |desk, frame, now| {
            Ok(DeploymentPage::read(desk, entry, now)?.page(frame))
        })
        .await
}

async fn entry(State(office): State<Arc<Office>>, Path(entry): Path<String>) -> Answered {
    let Ok(entry) = entry.parse().map(EntryIndex::new) else {
        return office.nothing("an entry is a number".to_owned()).await;
    };
    office
        .page(Clone::Service(None), move |desk, frame, _| {
            Ok(EntryPage::read(desk, entry)?.page(frame))
        })
        .await
}

async fn members(State(office): State<Arc<Office>>) -> Answered {
    office
        .page(Clone::Service(None), |desk, frame, _| Ok(MembersPage::read(desk).page(frame)))
        .await
}

async fn member(State(office): State<Arc<Office>>, Path(member): Path<String>) -> Answered {
    let member: MemberId = match member.parse() {
        Ok(member) => member,
        Err(error) => return office.nothing(format!("that is no member: {error}")).await,
    };
    office
        .page(Clone::Service(None), move |desk, frame, now| {
            Ok(MemberPage::read(desk, &member, now)?.page(frame))
        })
        .await
}

async fn ledger(State(office): State<Arc<Office>>) -> Answered {
    office
        .page(Clone::Service(None), |desk, frame, now| Ok(LedgerPage::read(desk, now)?.page(frame)))
        .await
}

fn place(query: &Query) -> Result<PlaceArgs, Problem> {
    Ok(PlaceArgs { service: query.parsed("service")?, env: query.parsed("environment")? })
}

/// The place that is meant where none is named: the first service of the clone, and the first
/// environment where `production` is none.
fn default_place(desk: &Desk, place: PlaceArgs) -> Result<PlaceArgs, CliError> {
    let policy = desk.policy()?;
    let is_here = |repository: &RepositoryName| {
        desk.repository_name.as_ref().is_none_or(|name| name == repository)
    };
    let first = policy.services().iter().find(|service| is_here(&service.repository));
    let service = place.service.or_else(|| first.map(|service| service.name.clone()));
    let env = match place.env {
        Some(env) => Some(env),
        None if crate::cli::desk::environment(&policy, None).is_ok() => None,
        None => policy.environments().first().map(|first| first.name.clone()),
    };
    Ok(PlaceArgs { service, env })
}
