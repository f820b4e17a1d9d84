//! `ledger mirror`: served by any web server, read by others' readers, resumed after a kill, and
//! never made to follow another history.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::base::limits::MIRROR_STEP_ENTRIES;
use countersign::session::{MirrorPlace, MirrorRun};

use super::stage::Stage;
use super::support::*;

/// A static web server that serves a folder; ended with the value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        command.arg(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.split(" port ").nth(1).unwrap().split(' ').next().unwrap();
        let port = port.parse().unwrap();
        Self { child, port }
    }

    /// The content of a path; none where the answer is 404.
    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET /{path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let is_found = answer.starts_with(b"HTTP/1.0 200");
        is_found.then(|| answer[end + 4..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody else's reader of tiles, over HTTP.
impl tlog_tiles::TileReader for Server {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let path = |tile: &tlog_tiles::Tile| tile.path().replace("tile/8/", "tile/");
        Ok(tiles.iter().map(|tile| self.get(&path(tile)).unwrap()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

fn mirror(stage: &Stage, to: &Path, more: &[&str]) -> serde_json::Value {
    let to = to.to_str().unwrap();
    let arguments = [&["ledger", "mirror", "--to", to], more].concat();
    json_of(stage, &stage.ledger(), &arguments, 0)
}

/// spec/proof.md section 6: a reader of others finds every entry in the tree that is signed.
#[test]
fn a_mirror_is_served_by_any_web_server() {
    use tlog_tiles::HashReader as _;
    let stage = stage("served");
    append_many(&mut stage.session(), 700, 350);
    let to = stage.home.join("www");
    mirror(&stage, &to, &[]);
    let server = Server::start(&to);
    let note = server.get("checkpoint").unwrap();
    let text = String::from_utf8(note).unwrap();
    let text = &text[..=text.find("\n\n").unwrap()];
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("shop.example/ledger", 706));
    let reader = tlog_tiles::TileHashReader::new(706, *checkpoint.hash(), &server);
    for (number, path) in
        [(0, "tile/entries/000"), (1, "tile/entries/001"), (2, "tile/entries/002.p/194")]
    {
        let bundle = server.get(path).unwrap();
        for (at, entry) in
            countersign::merkle::tile::unbundle(&bundle).unwrap().iter().enumerate().step_by(31)
        {
            let index = number * 256 + at as u64;
            let stored = tlog_tiles::stored_hash_index(0, index);
            let found = reader.read_hashes(&[stored]).unwrap();
            assert_eq!(found, [tlog_tiles::record_hash(entry)], "entry {index}");
        }
    }
    assert!(server.get("tile/entries/002").is_none());
    // What is forgotten is not in what everybody reads; the required files are.
    let names = files(&to);
    assert!(names.keys().any(|name| name.starts_with("blobs/")), "{:?}", names.keys());
    assert!(!names.keys().any(|name| name.contains("opening") || name.contains("salt")));
}

/// ATTACKS 37: what `roster forget` deletes is deleted in the mirror's folder apart as well.
#[test]
fn attack_37_what_is_forgotten_is_forgotten_in_the_mirror() {
    let stage = stage("forgotten");
    let (to, apart) = (stage.home.join("www"), stage.home.join("apart"));
    let more = ["--openings", apart.to_str().unwrap()];
    let done = mirror(&stage, &to, &more);
    assert_eq!((&done["openings_written"], &done["openings_removed"]), (&5.into(), &0.into()));
    assert_eq!(files(&apart).len(), 6, "five openings and the salt");
    assert_eq!(stage.run(&["roster", "forget", "ben", "-y"]).0, 0);
    let done = mirror(&stage, &to, &more);
    assert_eq!((&done["openings_written"], &done["openings_removed"]), (&0.into(), &1.into()));
    assert_eq!(files(&apart).len(), 5);
    let nested = to.join("private");
    let arguments = ["ledger", "mirror", "--to", to.to_str().unwrap(), "--openings"];
    let (status, _, talk) = stage.run(&[&arguments[..], &[nested.to_str().unwrap()]].concat());
    assert!(status == 2 && flat(&talk).contains("lie in one another"), "{talk}");
}

/// Partial tiles go once the full one is there, and what every size leaves is a good mirror.
#[test]
fn a_mirror_grows_and_keeps_no_partial_tile_of_a_full_one() {
    let stage = stage("grows");
    let to = stage.home.join("www");
    for count in [1, 100, 148, 1, 1, 255, 1] {
        append_many(&mut stage.session(), count, 256);
        mirror(&stage, &to, &[]);
        let check = ["ledger", "check", "--mirror", to.to_str().unwrap()];
        let found = json_of(&stage, &stage.ledger(), &check, 0);
        assert_eq!(found["mirror"]["size"], found["size"]);
    }
    let names: Vec<_> = files(&to).into_keys().filter(|name| name.contains(".p/")).collect();
    assert!(!names.iter().any(|name| name.contains("000.p") && !name.contains("/1/")), "{names:?}");
}

/// Every state that a kill may leave behind: files in the order of writing, up to any of them, one
/// half-written beside, and no newer checkpoint. It is finished to the same bytes.
#[test]
fn a_mirror_goes_on_where_it_was_killed() {
    let stage = stage("killed");
    let to = stage.home.join("www");
    mirror(&stage, &to, &[]);
    let old = files(&to);
    append_many(&mut stage.session(), 300, 300);
    mirror(&stage, &to, &[]);
    let whole = files(&to);
    let mut added: Vec<_> = whole.keys().filter(|name| !old.contains_key(*name)).collect();
    // Entries, then tiles, the lower levels first.
    added.sort_by_key(|name| (!name.starts_with("blobs"), !name.contains("entries"), name.len()));
    assert!(added.len() >= 4, "{added:?}");
    for kept in 0..=added.len() {
        let _ = fs::remove_dir_all(&to);
        let wrote = added[..kept].iter().map(|name| ((*name).clone(), whole[*name].clone()));
        for (name, bytes) in old.clone().into_iter().chain(wrote) {
            let path = to.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(to.join("tile/0/.000.4711.0"), [1; 40]).unwrap();
        mirror(&stage, &to, &[]);
        let mut found = files(&to);
        found.remove("tile/0/.000.4711.0");
        assert_eq!(found.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>(), "{kept}");
        assert_eq!(found, whole, "{kept}");
    }
}

/// The real thing: one that follows is killed while entries come, many times; what it left is
/// always finished, and good.
#[test]
fn one_that_follows_is_killed_and_resumed() {
    let stage = stage("follows");
    let to = stage.home.join("www");
    let trust = stage.home.join("trust.toml");
    let check = ["ledger", "check", "--mirror", to.to_str().unwrap()];
    for round in 0..8_u64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["ledger", "mirror", "--follow", "--every", "1", "--to"]).arg(&to);
        command.arg("--ledger").arg(stage.ledger()).arg("--trust").arg(&trust);
        command.current_dir(stage.work()).env_clear().env("HOME", &stage.home);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        append_many(&mut stage.session(), 40, 8);
        std::thread::sleep(Duration::from_millis(round * 37 % 190));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    mirror(&stage, &to, &[]);
    let found = json_of(&stage, &stage.ledger(), &check, 0);
    assert_eq!(found["mirror"]["size"], 6 + 320);
}

/// ATTACKS 34: neither a fork nor a ledger that was set back is followed, and both checkpoints are
/// named.
#[test]
fn attack_34_neither_a_fork_nor_a_rollback_is_followed() {
    let stage = stage("fork");
    let old = stage.copy("old");
    append_many(&mut stage.session(), 5, 5);
    let to = stage.home.join("www");
    let arguments = ["ledger", "mirror", "--to", to.to_str().unwrap()];
    mirror(&stage, &to, &[]);
    let before = files(&to);
    let root = |folder: &Path| {
        let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
        let root = note.lines().nth(2).unwrap();
        countersign::base::encoding::hex(&countersign::base::encoding::unbase64(root).unwrap())
    };
    let refused = |folder: &Path, words: &[&str]| {
        // Another user's: this one has seen more, and is told so before the mirror is looked at.
        let _ = fs::remove_dir_all(stage.home.join(".local/state"));
        let (status, out, talk) = stage.run_on(folder, &arguments);
        assert_eq!(status, 3, "{out}{talk}");
        for word in words {
            let all: String = talk.split_whitespace().collect();
            let word: String = word.split_whitespace().collect();
            assert!(all.contains(&word), "{word} is not in {talk}");
        }
        assert_eq!(files(&to), before);
    };
    // Set back: the mirror has more.
    let (mine, theirs) = (root(&stage.ledger()), root(&old));
    refused(&old, &["has 11 entries", &mine, "the ledger 6", &theirs, "set back"]);
    // A fork of the same size and one that is longer.
    let home = stage.home.clone();
    let fork = stage.home.join("ledger");
    let kept = copy_folder(&stage.ledger(), &home.join("kept"));
    copy_folder(&old, &fork);
    append_many(&mut stage.session(), 5, 5);
    refused(&fork, &["another history of the first 11 entries", &mine, &root(&fork)]);
    append_many(&mut stage.session(), 5, 5);
    refused(&fork, &["another history of the first 11 entries", &mine, &root(&fork)]);
    copy_folder(&kept, &fork);
    let _ = fs::remove_dir_all(stage.home.join(".local/state"));
    mirror(&stage, &to, &[]);
}

/// The ledger is held for one step at a time.
#[test]
fn a_step_of_a_mirror_copies_so_many_entries() {
    let stage = Stage::new("steps", "enforce");
    let mut session = stage.session();
    let mut steps_to = |size: u64, name: &str| {
        let more = size - session.size().get();
        append_many(&mut session, more, 1_024);
        let place = MirrorPlace { folder: stage.home.join(name), openings: None };
        let mut run = MirrorRun::begin(&session, &place, false).unwrap();
        let mut steps = 1;
        while !run.step(&session).unwrap() {
            steps += 1;
        }
        assert_eq!(run.finish(session.folder()).unwrap().size.get(), size);
        steps
    };
    // The last step writes the log.
    assert_eq!(steps_to(MIRROR_STEP_ENTRIES, "at"), 2);
    assert_eq!(steps_to(MIRROR_STEP_ENTRIES + 1, "above"), 3);
}
