//! Section 5: a real receiver, that may be away or fail.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use countersign::base::limits::{
    ALARMS_SENT_AT_ONCE_MAX, ALARMS_WAITING_MAX, WEBHOOK_ANSWER_BYTES_MAX,
    WEBHOOK_WAIT_MILLISECONDS,
};
use countersign::base::time::Timestamp;
use countersign::http::server::{Limits, serve};
use countersign::monitor::{MirrorFolder, Monitor, Webhook};
use countersign::session::sign;
use countersign::statement::Says;

use crate::stage::{START, key, member};
use crate::watched::{Watched, deployment};

const LONG: Duration = Duration::from_secs(60);
const SHORT: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(2)];

/// What a receiver got, and what it answers.
#[derive(Default)]
struct Got {
    lines: Vec<String>,
    /// So many requests are answered with 500 first.
    failures: usize,
    answer_bytes: u64,
}

struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Receiver {
    fn start() -> Self {
        let got = Arc::new(Mutex::new(Got::default()));
        let shared = Arc::clone(&got);
        let take = move |headers: HeaderMap, body: String| async move {
            let mut got = shared.lock().unwrap();
            assert_eq!(headers["content-type"], "application/json");
            if got.failures > 0 {
                got.failures -= 1;
                return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
            }
            got.lines.push(body);
            (StatusCode::OK, "x".repeat(usize::try_from(got.answer_bytes).unwrap()))
        };
        let routes = Router::new().route("/hook", post(take));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = tokio::sync::oneshot::channel::<()>();
        let stopped = async move { drop(asked.await) };
        let limits = Limits {
            connections_max: 8,
            body_bytes_max: 1_000_000,
            head_wait: LONG,
            request_wait: LONG,
            connection_wait: LONG,
            stop_wait: LONG,
        };
        let running = thread::spawn(move || serve(listener, routes, limits, stopped).unwrap());
        Self { address, got, stop: Some(stop), running: Some(running) }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn lines(&self) -> Vec<String> {
        self.got.lock().unwrap().lines.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.running.take().unwrap().join().unwrap();
    }
}

fn open(watched: &Watched) -> Monitor {
    Monitor::open(&watched.folder(), &watched.stage.trust, true).unwrap()
}

fn hook(url: &str) -> Webhook {
    Webhook::new(url, Duration::from_millis(WEBHOOK_WAIT_MILLISECONDS))
}

/// The program hands over what it prints, and each alarm once.
#[test]
fn the_program_hands_over_what_it_prints() {
    let mut watched = Watched::new("hook");
    let receiver = Receiver::start();
    let url = receiver.url();
    watched.publish();
    watched.look_with(&["--webhook", &url]).expect(0, &[]);
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    watched.deploy_by(&head, None);
    watched.publish();
    let output = watched.command(&["--once", "--webhook", &url]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(receiver.lines(), printed.lines().collect::<Vec<_>>());
    assert!(!receiver.lines().is_empty());
    let count = receiver.lines().len();
    watched.look_with(&["--webhook", &url]);
    assert_eq!(receiver.lines().len(), count);
    // What stands is handed over once.
    std::fs::write(watched.mirror().join("checkpoint"), "none").unwrap();
    for _ in 0..2 {
        watched.look_with(&["--webhook", &url]).expect(3, &["BROKEN"]);
    }
    assert_eq!(receiver.lines().len(), count + 1);
}

/// Section 4: what the webhook did not take is 4 in each run, also in that which raised it, and
/// nothing is said to be well beside it.
#[test]
fn an_alarm_that_is_not_delivered_is_no_notice() {
    let mut watched = Watched::new("hook-refuses");
    let receiver = Receiver::start();
    let url = receiver.url();
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    for codes in [&["OVERRIDE"][..], &[]] {
        receiver.got.lock().unwrap().failures = 3;
        let looked = watched.look_with(&["--webhook", &url]).expect(4, codes);
        assert!(looked.talk.contains("wait for the webhook"), "{}", looked.talk);
        assert!(!looked.talk.contains("all is well"), "{}", looked.talk);
    }
    let looked = watched.look_with(&["--webhook", &url]).expect(0, &[]);
    assert!(looked.talk.contains("all is well"), "{}", looked.talk);
    // What does not add up outweighs that nobody was told.
    std::fs::write(watched.mirror().join("checkpoint"), "none").unwrap();
    receiver.got.lock().unwrap().failures = 3;
    watched.look_with(&["--webhook", &url]).expect(3, &["BROKEN"]);
}

/// What was not taken is tried again, then kept, also over a restart, and comes in order.
#[test]
fn what_was_not_taken_is_kept_and_tried_again() {
    let mut watched = Watched::new("hook-again");
    let receiver = Receiver::start();
    let webhook = hook(&receiver.url()).again_after(&SHORT);
    let source = MirrorFolder(watched.mirror());
    for text in ["three\n", "four\n"] {
        let head = watched.stage.change(text, "More", false);
        watched.break_glass(&head, None);
    }
    watched.publish();
    let mut monitor = open(&watched);
    let round = monitor.round(&source).unwrap();
    assert_eq!(round.alarms.len(), 2);
    // Three tries fail: nothing was taken.
    receiver.got.lock().unwrap().failures = 3;
    let delivered = monitor.deliver(&webhook).unwrap();
    assert_eq!((delivered.sent, delivered.waiting), (0, 2));
    assert!(delivered.failed.unwrap().contains("status 500"));
    drop(monitor);
    // Two fail, the third is taken.
    receiver.got.lock().unwrap().failures = 2;
    let mut monitor = open(&watched);
    assert!(monitor.round(&source).unwrap().alarms.is_empty());
    let delivered = monitor.deliver(&webhook).unwrap();
    assert_eq!((delivered.sent, delivered.waiting, delivered.failed), (2, 0, None));
    let lines: Vec<_> = round.alarms.iter().map(|alarm| alarm.line().to_owned()).collect();
    assert_eq!(receiver.lines(), lines);
    // Nobody is there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let head = watched.stage.change("five\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    monitor.round(&source).unwrap();
    let webhook = hook(&format!("http://{nobody}/")).again_after(&SHORT);
    let delivered = monitor.deliver(&webhook).unwrap();
    assert_eq!((delivered.sent, delivered.waiting), (0, 1));
}

/// So many wait, and so many go in a round; those that were left out are counted.
#[test]
fn what_waits_is_bounded() {
    let watched = Watched::new("hook-many");
    let receiver = Receiver::start();
    let head = watched.stage.head();
    let mut session = watched.stage.session();
    let envelopes: Vec<_> = (0..=ALARMS_WAITING_MAX)
        .map(|_| {
            let statement = session.statement(&member("gate"), Says::Deployment(deployment(&head)));
            sign(&statement, &key("gate")).unwrap()
        })
        .collect();
    let later = Timestamp::from_milliseconds(START + 100 * 60_000);
    assert!(session.append(later, &envelopes).unwrap().iter().all(Result::is_ok));
    drop(session);
    watched.publish();
    let mut monitor = open(&watched);
    let round = monitor.round(&MirrorFolder(watched.mirror())).unwrap();
    assert_eq!(round.alarms.len(), ALARMS_WAITING_MAX + 1);
    let webhook = hook(&receiver.url()).again_after(&SHORT);
    let first = monitor.deliver(&webhook).unwrap();
    let left = ALARMS_WAITING_MAX - ALARMS_SENT_AT_ONCE_MAX;
    assert_eq!((first.sent, first.failed), (ALARMS_SENT_AT_ONCE_MAX, None));
    // The place of the first that went is taken by the count of those that were left out.
    assert_eq!(first.waiting, left + 1);
    while monitor.deliver(&webhook).unwrap().waiting > 0 {}
    let lines = receiver.lines();
    assert_eq!(lines.len(), ALARMS_WAITING_MAX + 1);
    let last: serde_json::Value = serde_json::from_str(&lines[ALARMS_WAITING_MAX]).unwrap();
    assert_eq!(
        (last["code"].as_str(), last["evidence"]["count"].as_u64()),
        (Some("SUPPRESSED"), Some(1))
    );
}

/// Of an answer only so much is read; a longer one is no delivery.
#[test]
fn an_answer_of_the_webhook_is_bounded() {
    let mut watched = Watched::new("hook-answer");
    let receiver = Receiver::start();
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    let mut monitor = open(&watched);
    monitor.round(&MirrorFolder(watched.mirror())).unwrap();
    let webhook = hook(&receiver.url()).again_after(&[]);
    receiver.got.lock().unwrap().answer_bytes = WEBHOOK_ANSWER_BYTES_MAX + 1;
    assert!(monitor.deliver(&webhook).unwrap().failed.is_some());
    receiver.got.lock().unwrap().answer_bytes = WEBHOOK_ANSWER_BYTES_MAX;
    assert_eq!(monitor.deliver(&webhook).unwrap().sent, 1);
}

/// One that never answers is waited for as long as was said, and what waits is kept.
#[test]
fn a_webhook_is_waited_for_so_long() {
    let mut watched = Watched::new("hook-silent");
    let receiver = Receiver::start();
    let head = watched.stage.change("three\n", "More", false);
    watched.break_glass(&head, None);
    watched.publish();
    let mut monitor = open(&watched);
    monitor.round(&MirrorFolder(watched.mirror())).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let hasty = Webhook::new(&url, Duration::from_millis(200)).again_after(&[]);
    let delivered = monitor.deliver(&hasty).unwrap();
    assert_eq!((delivered.sent, delivered.waiting), (0, 1));
    assert_eq!(delivered.failed.as_deref(), Some("no answer within 0.2 s"));
    let patient = Webhook::new(&receiver.url(), Duration::from_millis(WEBHOOK_WAIT_MILLISECONDS));
    let delivered = monitor.deliver(&patient).unwrap();
    assert_eq!((delivered.sent, delivered.waiting, delivered.failed), (1, 0, None));
}
