//! A server that is killed under load, again and again: what it acknowledged is there, once; what
//! it did not is handed in again, and is there once as well.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use countersign::base::digest::StatementId;
use countersign::ledger::leaf::Leaf;
use countersign::merkle::tile::{TILE_WIDTH, Tile};
use countersign::statement::envelope::Envelope;
use serde_json::Value;

use crate::common::Stage;
use crate::running::*;

const CLIENTS: u64 = 8;

/// Where each statement stands, by all the entries that are served.
fn entries(stage: &Stage, running: &Running) -> BTreeMap<StatementId, Vec<u64>> {
    let size = checkpoint(stage, running).size();
    let mut found: BTreeMap<StatementId, Vec<u64>> = BTreeMap::new();
    let mut entry = 0;
    for index in 0..size.get().div_ceil(TILE_WIDTH) {
        let tile = Tile::within(0, index, size).unwrap();
        let bundle = running.get(&format!("/{}", tile.bundle_path())).body;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            let envelope = Leaf::parse(leaf).unwrap().envelope().to_vec();
            let id = Envelope::parse_canonical(&envelope).unwrap().statement_id();
            found.entry(id).or_default().push(entry);
            (entry, rest) = (entry + 1, after);
        }
    }
    assert_eq!(entry, size.get());
    found
}

/// What a client has handed in: the statement, and its entry once it was acknowledged.
type Handed = Mutex<BTreeMap<StatementId, Option<u64>>>;

/// Hands statements in, one after the other, and the same again until it is acknowledged.
fn hand_in(hand: &Hand, url: &Mutex<String>, handed: &Handed, client: u64, ended: &AtomicBool) {
    let asker = countersign::http::client::Client::new(Duration::from_secs(60), 1 << 20);
    for number in 0.. {
        let envelope = hand.approves(client << 32 | number);
        let id = envelope.statement_id();
        let body = parcel(std::slice::from_ref(&envelope)).to_string();
        handed.lock().unwrap().insert(id, None);
        loop {
            if ended.load(Ordering::SeqCst) {
                return;
            }
            let at = format!("{}/v1/statements", url.lock().unwrap());
            let Ok(answer) = asker.post(&at, JSON, body.as_bytes()) else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            if answer.status != 200 {
                assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
                continue;
            }
            let said: Value = serde_json::from_slice(&answer.body).unwrap();
            let entry = entry_of(&said["answers"][0]);
            handed.lock().unwrap().insert(id, Some(entry));
            break;
        }
    }
}

/// The entry of a receipt, which is verified at the end.
fn entry_of(answer: &Value) -> u64 {
    let receipt = answer["receipt"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let receipt = countersign::base::encoding::unbase64(receipt).unwrap();
    let receipt = String::from_utf8(receipt).unwrap();
    let line = receipt.lines().find_map(|line| line.strip_prefix("index ")).unwrap();
    line.parse().unwrap()
}

fn campaign(test: &str, kills: u32) {
    let stage = Stage::begun(test);
    settings(&stage, &format!("{OPEN}member_statements_per_minute = 1000000\n"));
    let people = ["ada", "ben", "cleo"].map(|name| Hand::of(&stage, name));
    let mut running = Running::start(&stage);
    let url = Mutex::new(running.url.clone());
    let handed = Handed::default();
    let ended = AtomicBool::new(false);
    // The moments differ, and are the same in every run.
    let mut drawn = 0x2545_f491_4f6c_dd1d_u64;
    let killed = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let hand = &people[usize::try_from(client).unwrap() % people.len()];
            let (url, handed, ended) = (&url, &handed, &ended);
            scope.spawn(move || hand_in(hand, url, handed, client, ended));
        }
        let mut killed = 0;
        for _ in 0..kills {
            drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            thread::sleep(Duration::from_micros(20_000 + (drawn >> 33) % 180_000));
            running.kill();
            killed += 1;
            running = Running::start(&stage);
            url.lock().unwrap().clone_from(&running.url);
        }
        thread::sleep(Duration::from_millis(300));
        ended.store(true, Ordering::SeqCst);
        killed
    });
    let found = entries(&stage, &running);
    let handed = handed.into_inner().unwrap();
    let acknowledged = handed.iter().filter_map(|(id, entry)| Some((id, (*entry)?)));
    let (mut count, mut lost, mut duplicated) = (0, 0, 0);
    for (id, entry) in acknowledged {
        count += 1;
        lost += u32::from(found.get(id).is_none_or(|at| !at.contains(&entry)));
    }
    for at in found.values() {
        duplicated += u32::from(at.len() > 1);
    }
    println!("{killed} kills: {count} acknowledged, {lost} lost, {duplicated} duplicated");
    assert_eq!((killed, lost, duplicated), (kills, 0, 0));
    assert!(count > kills, "hardly anything was handed in: {count}");
    assert_eq!(running.end().0, Some(0));
    stage.run(["ledger", "check"]).ok();
}

#[test]
fn a_server_that_is_killed_loses_nothing_and_repeats_nothing() {
    campaign("serve-kills", 20);
}

#[test]
#[ignore = "a campaign of minutes: cargo test --test serve -- --ignored two_hundred"]
fn two_hundred_kills_lose_nothing_and_repeat_nothing() {
    campaign("serve-many-kills", 200);
}
