//! `ledger mirror`: a copy that grows, and follows no other history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign::merkle::leaf_hash;
use countersign::merkle::tile::unbundle;
use countersign::note::SignedNote;
use countersign::note::checkpoint::Checkpoint;

use crate::common::Stage;

fn files(folder: &Path, top: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, top, found);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_mirror_is_the_ledger_as_files_and_grows() {
    let stage = Stage::begun("mirror");
    let to = stage.root().join("www/ledger");
    let mirror = || stage.run(["ledger", "mirror", "--to", to.to_str().unwrap()]);
    let first = mirror();
    assert!(first.ok().contains("has 3 entries: 2 files written\n"), "{}", first.out);
    let mut found = BTreeMap::new();
    files(&to, &to, &mut found);
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]);
    let note = stage.run(["ledger", "checkpoint"]);
    assert_eq!(found["checkpoint"], note.ok().as_bytes());
    let entries = unbundle(&found["tile/entries/000.p/3"]).unwrap();
    let hashes: Vec<_> = entries.iter().map(|entry| *leaf_hash(entry).as_bytes()).collect();
    assert_eq!(hashes.concat(), found["tile/0/000.p/3"]);
    let second = stage.run(["show", "1", "--leaf"]);
    assert_eq!(second.ok().as_bytes(), entries[1]);
    assert!(mirror().ok().contains("0 files written"));
    stage.run(["roster", "add", "Eve", "--email", "eve@shop.example", "-y"]).ok();
    let grown = stage.run(["ledger", "mirror", "--to", to.to_str().unwrap(), "--json"]).json();
    assert_eq!((&grown["had"], &grown["size"]), (&3.into(), &4.into()));
    assert_eq!(grown["files_written"], 2);
    assert!(to.join("tile/0/000.p/3").exists() && to.join("tile/0/000.p/4").exists());
}

/// ATTACKS 34: a copy is never made to follow another history, and nothing in it is replaced.
#[test]
fn attack_34_a_mirror_follows_no_fork() {
    let stage = Stage::begun("mirror-fork");
    let to = stage.root().join("copy");
    let mirror = || stage.run(["ledger", "mirror", "--to", to.to_str().unwrap()]);
    mirror().ok();
    let note = fs::read(to.join("checkpoint")).unwrap();
    let secret = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let secret = fs::read_to_string(secret).unwrap();
    let signer = countersign::note::key::NoteSigner::from_text(&secret).unwrap();
    let parsed = SignedNote::parse(&note).unwrap();
    let good: Checkpoint = parsed.text().parse().unwrap();
    let mut other = good.clone();
    other.root = countersign::base::digest::RootHash::from_bytes([1; 32]);
    let mut ahead = good;
    ahead.size = countersign::base::position::TreeSize::new(9);
    for (forged, says) in [(other, "another history"), (ahead, "has 9 entries")] {
        let forged = forged.sign(&signer).unwrap().note().to_string();
        fs::write(to.join("checkpoint"), &forged).unwrap();
        mirror().refused(3, says);
        assert_eq!(fs::read_to_string(to.join("checkpoint")).unwrap(), forged);
    }
    fs::remove_file(to.join("checkpoint")).unwrap();
    let tile = to.join("tile/0/000.p/3");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    mirror().refused(3, "is another");
    assert_eq!(fs::read(&tile).unwrap(), bytes);
    assert!(!to.join("checkpoint").exists());
    fs::remove_file(&tile).unwrap();
    mirror().ok();
    assert_eq!(fs::read(to.join("checkpoint")).unwrap(), note);
}
