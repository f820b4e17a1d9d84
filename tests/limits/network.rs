//! Limits of servers, and of those who ask them, over real sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use countersign::base::digest::ContentDigest;
use countersign::base::limits::*;
use countersign::blobs::Elsewhere as _;
use countersign::http::client::Credentials;
use countersign::http::server::{Limits, serve};
use countersign::monitor::{Served, Source as _};
use countersign::session::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{both, refused};

/// So long that a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(600);
/// A limit that is reached on purpose.
const SHORT: Duration = Duration::from_millis(200);

/// Two ends of each connection are files of this process.
fn allow_files(count: usize) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(most > count as u64, "this needs {count} open files: raise the hard limit of {most}");
}

fn connect(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    stream
}

/// Waits for a whole answer.
fn answered(stream: &mut TcpStream) {
    let (mut answer, mut part) = (Vec::new(), [0; 512]);
    while !answer.ends_with(b"hello") {
        let count = stream.read(&mut part).unwrap();
        assert_ne!(count, 0, "it was hung up");
        answer.extend_from_slice(&part[..count]);
    }
}

/// As many are served at a time as these limits say; the next is when one of them has gone.
fn connections(limits: Limits) {
    // However slow this machine is, nobody is hung up on.
    let limits = Limits { head_wait: LONG, request_wait: LONG, connection_wait: LONG, ..limits };
    allow_files(2 * limits.connections_max + 200);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, asked) = tokio::sync::oneshot::channel::<()>();
    let routes = Router::new().route("/", get(|| async { "hello" }));
    let stopped = async move { drop(asked.await) };
    let running = thread::spawn(move || serve(listener, routes, limits, stopped).unwrap());
    let mut open: Vec<_> = (0..limits.connections_max)
        .map(|_| {
            let mut stream = connect(address);
            answered(&mut stream);
            stream
        })
        .collect();
    let mut next = connect(address);
    // The server is at work meanwhile: what it wanted to accept, it would have accepted.
    for stream in open.iter_mut().take(100) {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        answered(stream);
    }
    next.set_nonblocking(true).unwrap();
    assert_eq!(next.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    next.set_nonblocking(false).unwrap();
    drop(open.pop());
    answered(&mut next);
    drop((open, next, stop));
    running.join().unwrap();
}

/// Who takes connections, and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Answers each request with this status and so many bytes, until the test ends.
fn prompt(status: &'static str, length: usize) -> String {
    let (listener, url) = silent();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
            // Who has read enough hangs up.
            drop(stream.read(&mut [0; 4_096]));
            drop(stream.write_all(head.as_bytes()));
            drop(stream.write_all(&vec![0; length]));
        }
    });
    url
}

fn server(url: &str, wait: Duration) -> Server {
    Server::new(url, Credentials::default(), wait).unwrap()
}

limits! {
    connections_of_a_server: SERVER_CONNECTIONS_MAX => {
        assert_eq!(countersign::server::LIMITS.connections_max, SERVER_CONNECTIONS_MAX);
        connections(countersign::server::LIMITS);
    }
    connections_of_a_witness: WITNESS_CONNECTIONS_MAX => {
        let limits = countersign::witness::LIMITS;
        assert_eq!(limits.connections_max, WITNESS_CONNECTIONS_MAX);
        connections(limits);
    }
    the_wait_of_a_client: CLIENT_WAIT_MILLISECONDS => {
        let (_listener, url) = silent();
        refused(server(&url, SHORT).checkpoint(), "no answer within 0.2 s");
        let url = prompt("404 Not Found", 0);
        let wait = Duration::from_millis(CLIENT_WAIT_MILLISECONDS);
        refused(server(&url, wait).checkpoint(), "there is no /checkpoint");
    }
    the_wait_of_who_can_do_without: CLIENT_BRIEF_WAIT_MILLISECONDS => {
        let (_listener, url) = silent();
        refused(server(&url, SHORT).checkpoint(), "no answer within 0.2 s");
        let url = prompt("404 Not Found", 0);
        let wait = Duration::from_millis(CLIENT_BRIEF_WAIT_MILLISECONDS);
        refused(server(&url, wait).checkpoint(), "there is no /checkpoint");
    }
    the_wait_of_a_monitor: MONITOR_WAIT_MILLISECONDS => {
        let shown = |url: &str, wait| {
            Served::new(url, Credentials::default(), wait).unwrap().show().map(drop)
        };
        let (_listener, url) = silent();
        refused(shown(&url, SHORT), "no answer within 0.2 s");
        let url = prompt("404 Not Found", 0);
        refused(shown(&url, Duration::from_millis(MONITOR_WAIT_MILLISECONDS)), "it is not there");
    }
    an_answer_to_a_client: CLIENT_ANSWER_BYTES_MAX => {
        both(CLIENT_ANSWER_BYTES_MAX, "the answer has over", |length| {
            let server = server(&prompt("200 OK", length), LONG);
            let found = server.blob(&ContentDigest::of(b"any"))?;
            assert_eq!(found.map(|content| content.len()), Some(length));
            Ok::<_, countersign::ledger::store::StoreError>(())
        });
    }
}
