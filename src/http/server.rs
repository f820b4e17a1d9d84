//! A server: connections are driven one by one, and none outlives its limits. What is answered is
//! the business of the routes.
//!
//! A listener hands over at most so many connections at a time; the next waits to be accepted. A
//! head must arrive in time, a request be answered in time, a connection end in time. Asked to
//! stop, the server accepts nothing more, lets requests that have begun end, and closes the rest.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::tls::Tls;
use crate::base::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEAD_LINES_MAX};

/// How long to rest where no connection can be accepted, as when there are no file handles left.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Who is at the other side of a connection, as far as the network tells: each request has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What one server may spend.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most connections at a time.
    pub connections_max: usize,
    /// Most bytes of a request's content.
    pub body_bytes_max: usize,
    /// How long a head may take to arrive, and a connection may do nothing.
    pub head_wait: Duration,
    /// How long a request may take, from its head to its answer.
    pub request_wait: Duration,
    /// How long a connection may last.
    pub connection_wait: Duration,
    /// How long those that are at work may go on after the server was asked to stop: one who hands
    /// in a few bytes and no more keeps it no longer.
    pub stop_wait: Duration,
}

/// Serves routes until `stop` is ready, on threads of its own; returns when every connection has
/// ended.
///
/// # Errors
/// Where there are no threads or the listener is none.
pub fn serve(
    listener: TcpListener,
    routes: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_over(listener, None, routes, limits, stop)
}

/// The same over TLS, where `tls` is there.
///
/// # Errors
/// As [`serve`].
pub fn serve_over(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        run(listener, tls, bounded(routes, limits), limits, stop).await;
        Ok(())
    });
    // Work that a request left behind, such as a file that is being written, ends first.
    drop(runtime);
    outcome
}

/// Ready when the process is asked to end: SIGTERM or SIGINT.
///
/// # Errors
/// Where signals cannot be taken. Called within [`serve`] only.
pub async fn asked_to_end() -> io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    either(terminate.recv(), interrupt.recv()).await;
    Ok(())
}

/// The routes, each answer within its time and each content within its size.
fn bounded(routes: Router, limits: Limits) -> Router {
    let in_time = move |request: Request, next: Next| async move {
        let answer = timeout(limits.request_wait, next.run(request)).await;
        let late = |_| StatusCode::REQUEST_TIMEOUT.into_response();
        Ok::<Response, Infallible>(answer.unwrap_or_else(late))
    };
    routes.layer(DefaultBodyLimit::max(limits.body_bytes_max)).layer(from_fn(in_time))
}

async fn run(
    listener: tokio::net::TcpListener,
    tls: Option<Tls>,
    routes: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let tls = tls.map(Arc::new);
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let (told, ends) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // Nobody closes the semaphore, so there is a place once another connection ends.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let Some((place, accepted)) = either(next, stop.as_mut()).await else { break };
        let Ok((stream, address)) = accepted else {
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let (tls, routes, ends) = (tls.clone(), routes.clone(), ends.clone());
        let peer = Peer(address.ip().to_canonical());
        connections.spawn(async move {
            // An answer in several parts does not wait for the first to be confirmed.
            drop(stream.set_nodelay(true));
            match tls {
                None => connection(stream, peer, routes, limits, ends).await,
                // Who does not get through to the end of the handshake costs as much as a head.
                Some(tls) => {
                    let accepted = tls.acceptor().accept(stream);
                    if let Ok(Ok(stream)) = timeout(limits.head_wait, accepted).await {
                        connection(stream, peer, routes, limits, ends).await;
                    }
                }
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    drop(told);
    let all = async { while connections.join_next().await.is_some() {} };
    drop(timeout(limits.stop_wait, all).await);
}

/// Drives one connection to its end. A failure is the business of who is at the other side.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    routes: Router,
    limits: Limits,
    mut ends: watch::Receiver<()>,
) {
    let routes = TowerToHyperService::new(routes);
    let routes = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let driven = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .max_headers(HTTP_HEAD_LINES_MAX)
        .max_buf_size(HTTP_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), routes);
    let mut driven = pin!(driven);
    // The sender sends nothing: that it is gone is the word.
    let ends = async move { while ends.changed().await.is_ok() {} };
    let over = either(ends, sleep(limits.connection_wait));
    if either(driven.as_mut(), over).await.is_none() {
        driven.as_mut().graceful_shutdown();
        drop(timeout(limits.connection_wait, driven).await);
    }
}

/// What the first of two futures gives; `None` where the second is ready before.
pub async fn either<T, U>(
    first: impl Future<Output = T>,
    second: impl Future<Output = U>,
) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    std::future::poll_fn(|context| {
        if let std::task::Poll::Ready(value) = first.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(value));
        }
        second.as_mut().poll(context).map(|_| None)
    })
    .await
}
