//! What `serve` answers beside what lies there (`crate::server`): what commands print, out of a
//! snapshot of the ledger and the server's own clones.

mod answers;
mod deciding;
mod log;
mod office;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;

use crate::server::{Right, guarded};

pub(crate) use self::log::tell;
pub(crate) use self::office::{Office, Parts};

/// Every route of a server.
pub(crate) fn routes(office: &Arc<Office>) -> Router {
    let server = office.server();
    let answers = guarded(answers::routes(), server, Right::Words).with_state(Arc::clone(office));
    let deciding = guarded(deciding::routes(), server, Right::Gate);
    let deciding = deciding.with_state(Arc::clone(office));
    let pages = guarded(pages::routes(), server, Right::Words).with_state(Arc::clone(office));
    let style = pages::style().with_state(Arc::clone(office));
    let all = server.routes().merge(answers).merge(deciding).merge(pages).merge(style);
    server.finish(all).layer(from_fn(pages::as_asked))
}
