//! The witness as a program, over real sockets (`spec/witness.md` sections 1 to 3).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use countersign::base::position::TreeSize;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::note::SignedNote;

use crate::forks::grown;
use crate::support::*;
use crate::told::*;

const NAME: &str = "witness.example/w0";

fn trust(folder: &Folder, log: &Log) -> String {
    let path = folder.path().join("trust.toml");
    fs::write(&path, log.trust(0, "").to_toml()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Every status, over the wire; and what the answer is worth.
#[test]
fn every_status_is_answered() {
    let folder = Folder::new("statuses");
    let log = Log::new(7);
    let running = Running::start(&folder.path().join("w"), NAME, &[&trust(&folder, &log)]);
    assert_eq!(running.newest().status, 404);
    let answer = running.ask(&log.growth(0, 3, &[]));
    assert_eq!(answer.status, 200);
    let mut note = log.checkpoint(3, &[]).note().clone();
    let line = String::from_utf8(answer.body).unwrap();
    note.add(countersign::note::NoteSignature::parse(line.trim_end()).unwrap()).unwrap();
    assert!(running.key.find(&note).unwrap().unwrap().seconds() > 1_700_000_000);
    // What it serves is what it answered, with the log's own signature.
    let newest = running.newest();
    assert_eq!((newest.status, newest.body), (200, note.to_string().into_bytes()));
    assert_eq!(running.ask_with(b"hello").status, 400);
    assert_eq!(running.ask(&log.growth(5, 5, &[])).status, 409);
    let conflict = running.ask(&log.growth(0, 7, &[]));
    assert_eq!((conflict.status, conflict.body.as_slice()), (409, &b"3\n"[..]));
    assert_eq!(conflict.content_type.as_deref(), Some("text/x.tlog.size"));
    let mut above = log.growth(3, 5, &[]);
    above.old_size = TreeSize::new(6);
    assert_eq!(running.ask(&above).status, 400);
    let text = log.growth(3, 5, &[]).to_string();
    assert_eq!(running.ask_with(text.replace(ORIGIN, "other.example").as_bytes()).status, 404);
    assert_eq!(running.ask_with(text.replace("ledger H", "ledger I").as_bytes()).status, 403);
    let mut wrong = log.growth(3, 5, &[]);
    wrong.hashes.swap(0, 1);
    assert_eq!(running.ask(&wrong).status, 422);
    assert_eq!(running.ask(&log.growth(3, 5, &[])).status, 200);
    // Who sends too much is told so, if the answer arrives before the connection is closed.
    let too_much = running.try_with(&vec![b'a'; 200_000]);
    assert!(too_much.is_err() || too_much.is_ok_and(|answer| answer.status == 413));
    assert_eq!(running.newest().status, 200);
    let get = client().get(&format!("{}/add-checkpoint", running.url)).unwrap();
    assert_eq!(get.status, 405);
    // A query is no other path.
    let again = log.growth(5, 5, &[]).to_string();
    let url = format!("{}/add-checkpoint?x=1", running.url);
    assert_eq!(client().post(&url, "text/plain", again.as_bytes()).unwrap().status, 200);
    for path in ["", "logs", "../key", "..%2f..%2fkey", &"0".repeat(64)] {
        let found = client().get(&format!("{}/{path}/checkpoint", running.url)).unwrap();
        assert_eq!(found.status, 404, "{path}");
    }
    assert_eq!(running.end(), Some(0));
}

/// Its key is its own, made once, for nobody else to read; two processes never share a record.
#[test]
fn a_witness_keeps_its_key_and_its_folder() {
    let folder = Folder::new("key");
    let log = Log::new(3);
    let trust = trust(&folder, &log);
    let place = folder.path().join("w");
    let running = Running::start(&place, NAME, &[&trust]);
    let mode = fs::metadata(place.join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = running.key.clone();
    assert_eq!(running.ask(&log.growth(0, 2, &[])).status, 200);
    drop(running);
    let running = Running::start(&place, NAME, &[&trust]);
    assert_eq!(running.key, key);
    assert_eq!(running.ask(&log.growth(0, 3, &[])).status, 409);
    assert_eq!(running.ask(&log.growth(2, 3, &[])).status, 200);
    assert_eq!(running.end(), Some(0));
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["witness", "--listen", "127.0.0.1:0", "--folder"]).arg(&place);
        let output = command.args(["--log", &trust]).args(arguments).output().unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), talk.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (status, talk) = start(&["--name", "other.example"]);
    assert_eq!(status, Some(3));
    assert!(talk.contains("is the key of witness.example/w0"), "{talk}");
    let (status, talk) = start(&["--log", &trust]);
    assert_eq!(status, Some(2), "{talk}");
    // A record that is damaged is told at the start, and nothing is cosigned.
    let logs = place.join("logs");
    let record = fs::read_dir(&logs).unwrap().next().unwrap().unwrap().path();
    fs::write(&record, "garbage").unwrap();
    let (status, talk) = start(&[]);
    assert_eq!(status, Some(3));
    assert!(talk.contains("the record of shop.example/ledger"), "{talk}");
    fs::remove_file(place.join("key")).unwrap();
    let (status, talk) = start(&[]);
    assert_eq!(status, Some(2));
    assert!(talk.contains("name it once: --name"), "{talk}");
}

/// ATTACKS 34: two histories race for one witness, which is killed at any moment and started
/// again. Of one size it cosigns one tree, whatever it answered before it died.
#[test]
fn attack_34_a_killed_witness_never_cosigns_a_second_tree() {
    let folder = Folder::new("killed");
    let log = Log::new(2);
    let place = folder.path().join("w");
    let trust = trust(&folder, &log);
    let mut running = Running::start(&place, NAME, &[&trust]);
    let mut entries: Vec<u64> = Vec::new();
    let (mut answered, mut silent, mut unrecorded) = (0, 0, 0);
    for round in 0..24_u64 {
        let old = entries.len() as u64;
        // The same beginning, and two entries that might come next.
        let candidates = [round, 1_000 + round].map(|next| {
            let mut longer = entries.clone();
            longer.push(next);
            (next, grown(&longer, old))
        });
        let url = format!("{}/add-checkpoint", running.url);
        let cosigned: Vec<u64> = thread::scope(|scope| {
            let asked = candidates.each_ref().map(|(next, request)| {
                let (next, url, body) = (*next, &url, request.to_string());
                scope.spawn(move || {
                    let answer = client().post(url, "text/plain", body.as_bytes());
                    answer.is_ok_and(|answer| answer.status == 200).then_some(next)
                })
            });
            thread::sleep(Duration::from_micros(700 * (round % 12)));
            running.kill();
            asked.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert!(cosigned.len() < 2, "two trees of {} entries were cosigned", old + 1);
        running = Running::start(&place, NAME, &[&trust]);
        let newest = running.newest();
        let kept = (newest.status == 200).then(|| SignedNote::parse(&newest.body).unwrap());
        let is_kept = |(_, request): &&(u64, ConsistencyProof)| {
            kept.as_ref().is_some_and(|note| note.text() == request.checkpoint.text())
        };
        match candidates.iter().find(is_kept) {
            Some((next, request)) => {
                // What was answered is what was recorded, and the other is refused for ever.
                assert!(cosigned.is_empty() || cosigned == [*next]);
                entries.push(*next);
                let (_, other) = candidates.iter().find(|(one, _)| one != next).unwrap();
                let mut other = other.clone();
                assert_eq!(running.ask(&other).status, 409);
                (other.old_size, other.hashes) = (TreeSize::new(old + 1), Vec::new());
                assert_eq!(running.ask(&other).status, 422);
                let mut again = request.clone();
                (again.old_size, again.hashes) = (TreeSize::new(old + 1), Vec::new());
                assert_eq!(running.ask(&again).status, 200);
            }
            None => assert!(cosigned.is_empty(), "answered, and not recorded"),
        }
        answered += usize::from(!cosigned.is_empty());
        silent += usize::from(cosigned.is_empty() && entries.len() as u64 > old);
        unrecorded += usize::from(entries.len() as u64 == old);
    }
    // Where the machine is slow none may be answered; each round ends in one of three ways.
    assert_eq!(answered + silent + unrecorded, 24);
    let forks = fs::read_dir(place.join("forks")).unwrap().count();
    assert_eq!(forks, entries.len(), "each second tree is evidence");
}
