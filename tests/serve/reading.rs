//! Reading (`spec/server.md` section 1).

use countersign::base::position::TreeSize;
use countersign::ledger::tiles::files_between;
use countersign::merkle;
use countersign::merkle::tile::{HASH_BYTES, TILE_WIDTH, Tile};
use countersign::merkle::tree::TileTree;

use serde_json::Value;

use crate::common::Stage;
use crate::running::*;

/// The whole log is read as tiles, and gives the root of the signed checkpoint.
#[test]
fn the_log_is_read_as_tiles() {
    let stage = Stage::begun("serve-tiles");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let statements: Vec<_> = (0..600).map(|number| ada.approves(number)).collect();
    let partial = checkpoint(&stage, &running);
    for part in statements.chunks(256) {
        running.hand_in(part);
    }
    let newest = checkpoint(&stage, &running);
    assert_eq!(newest.size().get(), partial.size().get() + 600);
    // Full tiles, partial tiles of now, and those of the tree that was.
    for (size, root) in [(newest.size(), newest.root()), (partial.size(), partial.root())] {
        let tile = |tile: Tile| {
            let answer = running.get(&format!("/{}", tile.path()));
            assert_eq!(answer.body.len(), usize::from(tile.width) * HASH_BYTES);
            Ok::<_, countersign::ledger::store::StoreError>(Some(answer.body))
        };
        assert_eq!(TileTree::load(size, tile).unwrap().root(), *root);
        for file in files_between(TreeSize::default(), size) {
            assert_eq!(running.get(&format!("/{}", file.path())).status, 200, "{}", file.path());
        }
    }
    let mut tree = TileTree::new();
    for index in 0..newest.size().get().div_ceil(TILE_WIDTH) {
        let tile = Tile::within(0, index, newest.size()).unwrap();
        let bundle = running.get(&format!("/{}", tile.bundle_path())).body;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            tree.append(&merkle::leaf_hash(leaf));
            rest = after;
        }
    }
    assert_eq!(tree.root(), *newest.root());
    for path in
        ["/tile/0/001", "/tile/0/000.p/0", "/tile/0/x001/000", "/tile/entries/099", "/tile/"]
    {
        let answer = running.get(path);
        let is_there = path == "/tile/0/001";
        assert_eq!(answer.status, if is_there { 200 } else { 404 }, "{path}");
    }
    for path in ["/tile/../checkpoint", "/blobs/..%2f..%2fcheckpoint/x", "/blobs/a/b", "/blobs/"] {
        let answer = running.get(path);
        assert!(answer.status == 404 || path.contains(".."), "{path}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("sled"), "{path}");
    }
    assert_eq!(running.get("/healthz").body, b"ok\n");
    assert_eq!(running.end().0, Some(0));
}

/// What never changes may be kept for ever, and what changes may not.
#[test]
fn caches_are_told_what_they_may_keep() {
    let stage = Stage::begun("serve-caches");
    settings(&stage, OPEN);
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size();
    let tile = Tile::within(0, 0, size).unwrap();
    let cached = |path: &str| {
        let answer = ureq::get(running.at(path)).call().unwrap();
        let value = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        (value("cache-control"), value("content-type"))
    };
    let for_ever = "public, max-age=31536000, immutable".to_owned();
    let bytes = "application/octet-stream".to_owned();
    assert_eq!(cached(&format!("/{}", tile.path())), (for_ever.clone(), bytes.clone()));
    assert_eq!(cached(&format!("/{}", tile.bundle_path())), (for_ever, bytes.clone()));
    let text = "text/plain; charset=utf-8".to_owned();
    assert_eq!(cached("/checkpoint"), ("no-cache".to_owned(), text));
    assert_eq!(cached("/v1/salt"), ("no-store".to_owned(), bytes));
    assert_eq!(running.get("/v1/salt").body.len(), 32);
    assert_eq!(running.end().0, Some(0));
}

/// The log tells who asked for what: what only reads with `-v` alone.
#[test]
fn the_log_tells_where_requests_come_from() {
    let stage = Stage::begun("serve-log");
    settings(&stage, OPEN);
    for (arguments, paths) in [
        (&["serve", "--json", "--listen", "127.0.0.1:0"][..], &["/nothing"][..]),
        (&["serve", "--json", "-v", "--listen", "127.0.0.1:0"], &["/checkpoint", "/nothing"]),
    ] {
        let running = Running::of(stage.command(arguments));
        running.get("/checkpoint?secret=1");
        running.get("/nothing");
        let log = running.end().1;
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answered: Vec<_> = lines.filter(|line| line["event"] == "answered").collect();
        let told: Vec<_> = answered.iter().map(|line| line["path"].as_str().unwrap()).collect();
        assert_eq!(told, paths);
        assert!(answered.iter().all(|line| line["peer"] == "127.0.0.1"), "{log}");
    }
}

/// One process owns the ledger: whoever else wants it is told who has it, in one line, and where a
/// command asks instead. Nobody waits for a server's end.
#[test]
fn a_second_server_is_refused() {
    let stage = Stage::begun("serve-second");
    settings(&stage, OPEN);
    let running = Running::start(&stage);
    let holder = format!("process {} (serve {}) holds its lock", running.id(), running.url);
    let instead = format!("a server answers for it: --ledger {}", running.url);
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["roster", "show"]] {
        let second = stage.run(command);
        second.refused(4, &holder);
        assert_eq!(second.out, "");
        let talk = second.talk.replace("\n  ", " ");
        assert!(talk.contains(&instead) && !talk.contains("wait for it"), "{talk}");
    }
    stage.run(["roster", "show", "--ledger", &running.url]).ok();
    assert_eq!(running.get("/healthz").status, 200);
    assert_eq!(running.end().0, Some(0));
}
