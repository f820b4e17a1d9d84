//! The ground that servers and clients stand on, with real sockets: every limit is reached, and
//! nothing but the connection that reached it is harmed.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use countersign::base::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEAD_LINES_MAX};
use countersign::http::client::{Client, ClientError};
use countersign::http::server::{Limits, serve};

/// So long that a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(60);
/// A limit that is reached on purpose.
const SHORT: Duration = Duration::from_millis(200);

/// Limits that no test reaches by chance.
const WIDE: Limits = Limits {
    connections_max: 8,
    body_bytes_max: 1_000,
    head_wait: LONG,
    request_wait: LONG,
    connection_wait: LONG,
    stop_wait: LONG,
};

/// A server in a thread of its own; it is asked to stop when the value is dropped.
struct Served {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Served {
    fn start(routes: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = tokio::sync::oneshot::channel::<()>();
        let stopped = async move { drop(asked.await) };
        let running = thread::spawn(move || serve(listener, routes, limits, stopped).unwrap());
        Self { address, stop: Some(stop), running: Some(running) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Asks it to stop, and waits until it has.
    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Says how many bytes came, and a word.
fn routes() -> Router {
    Router::new()
        .route("/length", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/hello", get(|| async { "hello" }))
}

fn client() -> Client {
    Client::new(LONG, 1_000)
}

/// Everything that the other side sends until it closes.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn requests_are_answered() {
    let served = Served::start(routes(), WIDE);
    let answer = client().get(&served.url("/hello")).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
    let answer = client().post(&served.url("/length"), "text/plain", &[b'a'; 1_000]).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"1000"[..]));
    assert_eq!(client().get(&served.url("/nothing")).unwrap().status, 404);
    assert_eq!(client().get(&served.url("/length")).unwrap().status, 405);
}

#[test]
fn heads_have_their_limits() {
    let served = Served::start(routes(), WIDE);
    let asked = |head: &str| {
        let mut stream = served.connect();
        stream.write_all(head.as_bytes()).unwrap();
        rest(stream)
    };
    let lines = |count: usize| {
        let more = "a: b\r\n".repeat(count - 2);
        asked(&format!("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n"))
    };
    assert!(lines(HTTP_HEAD_LINES_MAX).ends_with("hello"));
    assert!(lines(HTTP_HEAD_LINES_MAX + 1).starts_with("HTTP/1.1 431"));
    let begun = "GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\na: ";
    let fill = |length: usize| format!("{begun}{}", "a".repeat(length - begun.len()));
    let whole = format!("{}\r\n\r\n", fill(HTTP_HEAD_BYTES_MAX - 4));
    assert!(asked(&whole).ends_with("hello"));
    // One whose end is not among so many bytes is not read on.
    assert!(asked(&fill(HTTP_HEAD_BYTES_MAX)).starts_with("HTTP/1.1 431"));
}

#[test]
fn contents_and_heads_over_their_limits_are_refused() {
    let served = Served::start(routes(), WIDE);
    let answer = client().post(&served.url("/length"), "text/plain", &[b'a'; 1_001]).unwrap();
    assert_eq!(answer.status, 413);
    // In chunks, whose sum is not told before.
    let mut stream = served.connect();
    stream
        .write_all(b"POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    for _ in 0..4 {
        // The server may have hung up already.
        drop(stream.write_all(format!("180\r\n{}\r\n", "a".repeat(0x180)).as_bytes()));
    }
    assert!(rest(stream).starts_with("HTTP/1.1 413"));
    let mut stream = served.connect();
    let line = format!("GET /hello HTTP/1.1\r\nhost: a\r\na: {}\r\n\r\n", "a".repeat(20_000));
    drop(stream.write_all(line.as_bytes()));
    assert!(!rest(stream).contains("hello"));
    let mut stream = served.connect();
    let lines = "a: b\r\n".repeat(100);
    drop(stream.write_all(format!("GET /hello HTTP/1.1\r\nhost: a\r\n{lines}\r\n").as_bytes()));
    assert!(!rest(stream).contains("hello"));
    assert_eq!(client().get(&served.url("/hello")).unwrap().status, 200);
}

#[test]
fn garbage_and_half_closed_connections_harm_nobody() {
    let served = Served::start(routes(), WIDE);
    for garbage in
        [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\0\0\0\0", b"GET\r\n\r\n", b"\r\n\r\n\r\n"]
    {
        let mut stream = served.connect();
        drop(stream.write_all(garbage));
        drop(stream.shutdown(Shutdown::Write));
        assert!(!rest(stream).starts_with("HTTP/1.1 200"));
    }
    // A request that ends before its content does.
    let mut stream = served.connect();
    stream.write_all(b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(!rest(stream).starts_with("HTTP/1.1 200"));
    assert_eq!(client().get(&served.url("/hello")).unwrap().status, 200);
}

#[test]
fn who_is_slow_is_hung_up_on() {
    let limits = Limits { head_wait: SHORT, request_wait: SHORT, ..WIDE };
    let served = Served::start(routes(), limits);
    // A head that never ends, and a connection that says nothing.
    let mut head = served.connect();
    head.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n").unwrap();
    let silent = served.connect();
    // A content that never ends.
    let mut content = served.connect();
    content
        .write_all(b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
        .unwrap();
    assert!(!rest(head).contains("hello"));
    assert!(!rest(silent).contains("hello"));
    assert!(rest(content).starts_with("HTTP/1.1 408"));
    assert_eq!(client().get(&served.url("/hello")).unwrap().status, 200);
}

#[test]
fn connections_end_and_are_counted() {
    let limits = Limits { connections_max: 1, connection_wait: SHORT, ..WIDE };
    let served = Served::start(routes(), limits);
    // The first is served and kept; the second waits until the first has lasted long enough.
    let mut first = served.connect();
    first.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut byte = [0; 1];
    first.read_exact(&mut byte).unwrap();
    assert_eq!(client().get(&served.url("/hello")).unwrap().status, 200);
    assert!(rest(first).ends_with("hello"));
}

#[test]
fn a_server_that_is_asked_to_stop_waits_for_nobody_for_long() {
    let limits = Limits { stop_wait: SHORT, ..WIDE };
    let mut served = Served::start(routes(), limits);
    let mut stream = served.connect();
    let head = b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head).unwrap();
    stream.write_all(b"begun").unwrap();
    // Another connection is answered: the first was accepted before it.
    assert_eq!(client().get(&served.url("/hello")).unwrap().status, 200);
    drop(served.stop.take());
    served.running.take().unwrap().join().unwrap();
    assert_eq!(rest(stream), "");
}

#[test]
fn a_server_that_is_asked_to_stop_answers_what_it_has_begun() {
    let (begun, was_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Arc::new(Mutex::new(may_go));
    let slow = move || {
        let (begun, may_go) = (begun.clone(), Arc::clone(&may_go));
        async move {
            let work = move || {
                begun.send(()).unwrap();
                may_go.lock().unwrap().recv().unwrap();
            };
            tokio::task::spawn_blocking(work).await.unwrap();
            "done"
        }
    };
    let mut served = Served::start(routes().route("/slow", get(slow)), WIDE);
    let url = served.url("/slow");
    let asked = thread::spawn(move || client().get(&url).unwrap());
    let idle = served.connect();
    was_begun.recv().unwrap();
    drop(served.stop.take());
    // Nobody new is served, and the idle one is let go, while the work goes on.
    assert_eq!(rest(idle), "");
    go.send(()).unwrap();
    assert_eq!(asked.join().unwrap().body, b"done");
    served.stop();
    assert!(TcpStream::connect(served.address).is_err());
}

#[test]
fn a_client_waits_no_longer_and_reads_no_more_than_it_said() {
    // Who accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hello", silent.local_addr().unwrap());
    let hasty = Client::new(SHORT, 1_000);
    assert_eq!(hasty.get(&url), Err(ClientError::TimedOut(SHORT)));
    // Who answers byte by byte, for ever.
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hello", slow.local_addr().unwrap());
    let dribbling = thread::spawn(move || {
        let (mut stream, _) = slow.accept().unwrap();
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"));
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(hasty.get(&url), Err(ClientError::TimedOut(SHORT)));
    dribbling.join().unwrap();
    let served = Served::start(routes(), WIDE);
    let modest = Client::new(LONG, 4);
    assert_eq!(modest.get(&served.url("/hello")), Err(ClientError::TooLarge(4)));
    let closed = served.url("/hello");
    drop(served);
    assert!(matches!(client().get(&closed), Err(ClientError::NoConnection(_))));
    assert!(matches!(client().get("no url"), Err(ClientError::Failed(_))));
}

#[test]
fn a_client_follows_nobody_elsewhere() {
    let elsewhere = || async { axum::response::Redirect::temporary("http://127.0.0.1:1/") };
    let served = Served::start(Router::new().route("/", get(elsewhere).post(elsewhere)), WIDE);
    let answer = client().get(&served.url("/")).unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (307, Some("http://127.0.0.1:1/")));
    assert_eq!(client().post(&served.url("/"), "text/plain", b"a").unwrap().status, 307);
}
