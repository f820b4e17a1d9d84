//! First copies of long ledgers, broken off in the middle (`spec/server.md` section 7).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use countersign::base::limits::{COMMIT_ENTRIES_MAX, COPY_ENTRIES_AT_ONCE};
use countersign::base::time::Clock as _;
use countersign::cli::env::SystemClock;
use countersign::merkle::tile::TILE_WIDTH;
use countersign::session::{LedgerKeyFile, Opening, Session};

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::running::{Hand, trust};
use crate::serving::Serving;

/// What lies between a client and the server: it notes which bundles are asked for, and lets so
/// many of these requests through.
struct Way {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    most: Arc<AtomicUsize>,
    closes: Arc<AtomicBool>,
}

impl Way {
    fn to(server: &Serving) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            most: Arc::new(AtomicUsize::new(usize::MAX)),
            closes: Arc::default(),
        };
        let (asked, most) = (Arc::clone(&way.asked), Arc::clone(&way.most));
        let (closes, address) = (Arc::clone(&way.closes), server.address());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&address).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (asked, most, closes) =
                    (Arc::clone(&asked), Arc::clone(&most), Arc::clone(&closes));
                let passes = move |bytes: &[u8]| {
                    let Some(bundle) = bundle_of(bytes) else { return true };
                    let mut asked = asked.lock().unwrap();
                    asked.push(bundle);
                    let is_over = asked.len() > most.load(Ordering::SeqCst);
                    drop(asked);
                    while is_over && !closes.load(Ordering::SeqCst) {
                        thread::sleep(Duration::from_millis(10));
                    }
                    !is_over
                };
                thread::spawn(move || carry(from, to, passes));
                thread::spawn(move || carry(server, client, |_| true));
            }
        });
        way
    }

    /// Lets so many bundles be asked for from here on; then the way closes, or nothing more is
    /// heard.
    fn let_through(&self, most: usize, closes: bool) {
        self.asked.lock().unwrap().clear();
        self.most.store(most, Ordering::SeqCst);
        self.closes.store(closes, Ordering::SeqCst);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The bundle that a request asks for.
fn bundle_of(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let rest = text.strip_prefix("GET /tile/entries/")?;
    Some(rest.split(' ').next()?.to_owned())
}

/// Carries bytes until one end closes, or they do not pass.
fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !passes(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Adds so many entries to the stage's ledger, by the library.
fn grow(stage: &Stage, count: u64) {
    let ada = Hand::of(stage, "ada");
    let trust = trust(stage);
    let key = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let (key, folder) = (LedgerKeyFile::new(key), stage.ledger());
    let opening =
        Opening { folder: &folder, trust: &trust, ledger_key: &key, command: "test", seen: None };
    let mut session = Session::open(&opening).unwrap();
    let mut number = 0;
    while number < count {
        let end = count.min(number + COMMIT_ENTRIES_MAX as u64);
        let envelopes: Vec<_> = (number..end).map(|number| ada.approves(number)).collect();
        let receipts = session.append(SystemClock.now(), &envelopes).unwrap();
        assert!(receipts.iter().all(Result::is_ok));
        number = end;
    }
}

/// How many entries a log lists.
#[track_caller]
fn entries(log: &Output) -> usize {
    log.ok().lines().filter(|line| line.contains('#')).count()
}

/// A copy of a folder, with everything in it.
fn copied(stage: &Stage, from: &Path, to: &Path) {
    Output::of(stage.program("cp").arg("-r").arg(from).arg(to)).ok();
}

/// Parts of a first copy: what was fetched and proved stays, also where the client is killed, and
/// is not fetched again. What stayed without a signature proves nothing against a server that
/// shows less; whoever has seen the whole is told.
#[test]
fn a_first_copy_that_was_broken_off_goes_on() {
    let stage = Stage::begun("long");
    let older = stage.root().join("older");
    copied(&stage, &stage.ledger(), &older);
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    there.run("cleo", &["log"]).ok();
    let short = stage.root().join("short");
    fs::rename(there.home(), &short).unwrap();
    serving.kill();
    grow(&stage, COPY_ENTRIES_AT_ONCE + 300);
    let serving = Serving::start(&stage);
    let way = Way::to(&serving);
    let there = Elsewhere { stage: &stage, url: way.url.clone() };
    let bundles = usize::try_from(COPY_ENTRIES_AT_ONCE / TILE_WIDTH).unwrap();
    // Nothing stays of a part that is not whole.
    way.let_through(bundles - 1, true);
    there.run("cleo", &["log"]).refused(4, "cannot be reached");
    // One part stays; the client is killed while it waits for the next.
    way.let_through(bundles, false);
    let mut child = there.command("cleo", &["log"]).stdout(Stdio::null()).spawn().unwrap();
    while way.asked().len() <= bundles {
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(way.asked()[0], "000", "nothing was kept before");
    let partial = stage.root().join("partial");
    copied(&stage, &there.home(), &partial);
    way.let_through(usize::MAX, true);
    let whole = there.run("cleo", &["log"]).ok().to_owned();
    let asked = way.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0] == "016" && asked[1].starts_with("017.p/"), "{asked:?}");
    // A copy that was whole stays so: it is read as it was left where the server goes away.
    let newest = stage.root().join("newest");
    fs::rename(there.home(), &newest).unwrap();
    fs::rename(&short, there.home()).unwrap();
    way.let_through(bundles, true);
    there.run("cleo", &["log"]).refused(4, "cannot be reached");
    let copy = there.copy();
    let left = there.run("cleo", &["log", "--ledger", copy.to_str().unwrap()]);
    assert_eq!(entries(&left), 3, "{}", left.out);
    fs::remove_dir_all(there.home()).unwrap();
    fs::rename(&newest, there.home()).unwrap();
    serving.kill();
    assert_eq!(stage.as_user("cleo").run(["log"]).ok(), whole);

    // The server is set back to before all that, and whoever runs it does not notice.
    fs::remove_dir_all(stage.ledger()).unwrap();
    fs::rename(&older, stage.ledger()).unwrap();
    fs::remove_dir_all(stage.home().join(".local/state")).unwrap();
    let serving = Serving::start(&stage);
    let there = Elsewhere { stage: &stage, url: serving.url.clone() };
    there.run("cleo", &["log"]).expect_status(3);
    fs::remove_dir_all(there.home()).unwrap();
    fs::rename(&partial, there.home()).unwrap();
    let few = there.run("cleo", &["log"]);
    assert_eq!(entries(&few), 3, "{}", few.out);
    there.run("cleo", &["ledger", "check"]).ok();
}
