//! Both ways against implementations that are not ours: ct-merkle, tlog_tiles, signed_note, a log
//! that others published, and PyPI's proofbundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::base::digest::{LeafHash, RootHash};
use countersign::base::encoding::hex;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::tlog_proof::TlogProof;
use countersign::merkle::leaf_hash;
use countersign::merkle::proof::{Prover, verify_consistency, verify_inclusion};
use countersign::merkle::tile::{Tile, unbundle};
use countersign::merkle::tree::{TileError, TileTree};
use countersign::note::SignedNote;
use countersign::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use countersign::note::cosignature::{Cosigner, CosignerKey};
use countersign::note::key::{NoteSigner, VerifierKey};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof as TheirGrowth, InclusionProof as TheirInclusion};
use sha2::Sha256;

use crate::support::*;

#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Proofs of every entry and between every two sizes up to 40: ct-merkle's are ours byte for byte,
/// it verifies ours, and we verify its.
#[test]
fn proofs_go_both_ways_with_ct_merkle() {
    let mut ours = TileTree::new();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tiles = BTreeMap::new();
    let mut roots = vec![(ours.root(), theirs.root())];
    let entries: Vec<_> = (0..40_u64).map(|number| number.to_be_bytes().to_vec()).collect();
    for entry in &entries {
        ours.append(&leaf_hash(entry));
        theirs.push(entry.clone());
        tiles.extend(
            ours.take_changed().into_iter().map(|(tile, bytes)| ((tile.level, tile.index), bytes)),
        );
        let size = roots.len();
        roots.push((ours.root(), theirs.root()));
        let tree = TreeSize::new(size as u64);
        let mut prover = Prover::new(tree, |tile: Tile| {
            let bytes: Option<&Vec<u8>> = tiles.get(&(tile.level, tile.index));
            Ok::<_, TileError>(bytes.map(|bytes| bytes[..tile.bytes_count()].to_vec()))
        });
        for (index, entry) in entries[..size].iter().enumerate() {
            let place = EntryIndex::new(index as u64);
            let proof = prover.inclusion(place).unwrap();
            let their_proof = theirs.prove_inclusion(index);
            assert_eq!(proof.concat(), their_proof.as_bytes(), "{index} of {size}");
            let given = TheirInclusion::try_from_bytes(proof.concat()).unwrap();
            theirs.root().verify_inclusion(entry, index as u64, &given).unwrap();
            let (given, rest) = their_proof.as_bytes().as_chunks::<32>();
            assert!(rest.is_empty());
            verify_inclusion(&leaf_hash(entry), place, tree, &ours.root(), given).unwrap();
        }
        for (old, (our_old, their_old)) in roots[..size].iter().enumerate().skip(1) {
            let old_size = TreeSize::new(old as u64);
            let proof = prover.consistency(old_size).unwrap();
            let their_proof = theirs.prove_consistency(size - old);
            let given = TheirGrowth::try_from_bytes(proof.concat()).unwrap();
            assert_eq!(proof.concat(), their_proof.as_bytes(), "{old} to {size}");
            theirs.root().verify_consistency(their_old, &given).unwrap();
            let given = their_proof.as_bytes().as_chunks::<32>().0;
            verify_consistency(old_size, our_old, tree, &ours.root(), given).unwrap();
        }
    }
}

/// tlog_tiles's own way of fetching: it authenticates our tiles against our root.
struct Tiles(BTreeMap<(u8, u64), Vec<u8>>);

impl tlog_tiles::TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            let bytes = &self.0[&(tile.level(), tile.level_index())];
            Ok(bytes[..usize::try_from(tile.width()).unwrap() * 32].to_vec())
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// Tiles over three levels are read by tlog_tiles, which finds every tile good, makes the proofs
/// that we make from them, and verifies ours; a tile with one bit changed is found.
#[test]
fn tiles_go_both_ways_with_tlog_tiles() {
    let mut tree = TileTree::new();
    let mut tiles = BTreeMap::new();
    for number in 0..66_000_u64 {
        tree.append(&leaf_hash(&number.to_be_bytes()));
    }
    for (tile, bytes) in tree.take_changed() {
        tiles.insert((tile.level, tile.index), bytes);
    }
    let size = tree.size().get();
    let root = tlog_tiles::Hash(*tree.root().as_bytes());
    let mut prover = Prover::new(tree.size(), |tile: Tile| {
        let bytes: Option<&Vec<u8>> = tiles.get(&(tile.level, tile.index));
        Ok::<_, TileError>(bytes.map(|bytes| bytes[..tile.bytes_count()].to_vec()))
    });
    let store = Tiles(tiles.clone());
    let reader = tlog_tiles::TileHashReader::new(size, root, &store);
    let hashes = |proof: Vec<[u8; 32]>| proof.into_iter().map(tlog_tiles::Hash).collect::<Vec<_>>();
    for index in [0, 1, 255, 256, 65_535, 65_536, size - 1] {
        let ours = hashes(prover.inclusion(EntryIndex::new(index)).unwrap());
        assert_eq!(ours, tlog_tiles::prove_record(size, index, &reader).unwrap(), "{index}");
        let leaf = tlog_tiles::Hash(*leaf_hash(&index.to_be_bytes()).as_bytes());
        tlog_tiles::check_record(&ours, size, root, index, leaf).unwrap();
    }
    for old in [1, 255, 256, 257, 65_536, 65_537, size - 1] {
        let ours = hashes(prover.consistency(TreeSize::new(old)).unwrap());
        assert_eq!(ours, tlog_tiles::prove_tree(size, old, &reader).unwrap(), "{old}");
        let old_root = prover.root(TreeSize::new(old)).unwrap();
        let old_root = tlog_tiles::Hash(*old_root.as_bytes());
        tlog_tiles::check_tree(&ours, size, root, old, old_root).unwrap();
    }
    // A proof out of a tile with one bit changed is refused here and there. (tlog_tiles' reader
    // compares not every tile with the one above, so it is the proof that is judged.)
    let mut broken = tiles.clone();
    broken.get_mut(&(0, 3)).unwrap()[77] ^= 1;
    let mut prover = Prover::new(tree.size(), |tile: Tile| {
        let bytes: Option<&Vec<u8>> = broken.get(&(tile.level, tile.index));
        Ok::<_, TileError>(bytes.map(|bytes| bytes[..tile.bytes_count()].to_vec()))
    });
    let index = 3 * 256 + 3_u64;
    let (leaf, place) = (leaf_hash(&index.to_be_bytes()), EntryIndex::new(index));
    let proof = prover.inclusion(place).unwrap();
    verify_inclusion(&leaf, place, tree.size(), &tree.root(), &proof).unwrap_err();
    let leaf = tlog_tiles::Hash(*leaf.as_bytes());
    tlog_tiles::check_record(&hashes(proof), size, root, index, leaf).unwrap_err();
}

/// Key and folder of a log that the Tessera project publishes for tests, with its signing key.
const TESSERA_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const TESSERA_SECRET: &str =
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";

fn tessera() -> Option<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = top.join("../shared/vectors/tlog/tessera_testlog");
    if folder.exists() {
        return Some(folder);
    }
    skipped("../shared/vectors/tlog is missing");
    None
}

/// The same entries give the published bytes: every checkpoint from size 0 to 15 with its
/// signature, and proofs out of the published tiles verify here and there.
#[test]
fn a_published_log_is_made_again_byte_for_byte() {
    let Some(folder) = tessera() else { return };
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let signer = NoteSigner::from_text(TESSERA_SECRET).unwrap();
    assert_eq!(signer.verifier_key(), key);
    let full = Tile { level: 0, index: 0, width: 15 };
    let bytes = fs::read(folder.join(full.bundle_path())).unwrap();
    let entries = unbundle(&bytes).unwrap();
    let mut tree = TileTree::new();
    let mut roots = Vec::new();
    for size in 0..=15_u64 {
        let published = fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
        let opened = VerifiedCheckpoint::open(&published, key.name(), &key).unwrap();
        let ours = Checkpoint::new(key.name(), tree.size(), tree.root()).sign(&signer).unwrap();
        assert_eq!(ours.note().to_string().as_bytes(), published, "{size}");
        roots.push(*opened.root());
        if let Some(entry) = entries.get(usize::try_from(size).unwrap()) {
            tree.append(&leaf_hash(entry));
        }
    }
    let mut made = 0;
    for size in 1..=15_u64 {
        let tree_size = TreeSize::new(size);
        let mut prover = Prover::new(tree_size, |tile: Tile| {
            Ok::<_, TileError>(fs::read(folder.join(tile.path())).ok())
        });
        let note = fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
        let checkpoint = SignedNote::parse(&note).unwrap();
        let root = roots[usize::try_from(size).unwrap()];
        let their_root = tlog_tiles::Hash(*root.as_bytes());
        for index in 0..size {
            let hashes = prover.inclusion(EntryIndex::new(index)).unwrap();
            let leaf = leaf_hash(entries[usize::try_from(index).unwrap()]);
            let theirs: Vec<_> = hashes.iter().copied().map(tlog_tiles::Hash).collect();
            let their_leaf = tlog_tiles::Hash(*leaf.as_bytes());
            tlog_tiles::check_record(&theirs, size, their_root, index, their_leaf).unwrap();
            let index = EntryIndex::new(index);
            let file = TlogProof { extra: None, index, hashes, checkpoint: checkpoint.clone() };
            assert_eq!(TlogProof::parse(file.to_string().as_bytes()).unwrap(), file);
            verify_inclusion(&leaf, index, tree_size, &root, &file.hashes).unwrap();
            made += 1;
        }
        for old in 0..=size {
            let old_size = TreeSize::new(old);
            let hashes = prover.consistency(old_size).unwrap();
            let file = ConsistencyProof { old_size, hashes, checkpoint: checkpoint.clone() };
            let file = ConsistencyProof::parse(file.to_string().as_bytes()).unwrap();
            let old_root: &RootHash = &roots[usize::try_from(old).unwrap()];
            let new = file.verify(old_size, old_root, key.name(), &key).unwrap();
            assert_eq!(new.size(), tree_size);
            made += 1;
        }
    }
    assert_eq!(made, 120 + 135);
}

/// A cosignature over the published log that was made outside of this project: with the test key
/// of that log as a witness's, at a fixed second. We verify it and make the same bytes.
#[test]
fn a_cosignature_made_elsewhere_is_ours_byte_for_byte() {
    let Some(folder) = tessera() else { return };
    let line = "\u{2014} witness.example/w1 \
                wDrY1AAAAABlU/EANCz2O6DkpPPrjow8GDWQhCIfSl+CWuwStBbRwtFJ\
                wePV9R8FtGguCNEv+gni2+CPDLE0MEsl0fWoBGECRXoiAw==";
    let key: CosignerKey =
        "witness.example/w1+c03ad8d4+BOHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx".parse().unwrap();
    let checkpoint = fs::read_to_string(folder.join("checkpoint.15")).unwrap();
    let note = SignedNote::parse(format!("{checkpoint}{line}\n").as_bytes()).unwrap();
    assert_eq!(key.find(&note).unwrap().unwrap().seconds(), 1_700_000_000);
    // The log's own signature is none of the witness's, though both are of one Ed25519 key.
    assert_eq!(key.find(&SignedNote::parse(checkpoint.as_bytes()).unwrap()), Ok(None));
    let secret = TESSERA_SECRET.splitn(5, '+').nth(4).unwrap();
    let seed = countersign::base::encoding::unbase64(secret).unwrap();
    let seed: [u8; 32] = seed[1..].try_into().unwrap();
    let cosigner = Cosigner::new("witness.example/w1", &seed).unwrap();
    assert_eq!(cosigner.key(), key);
    assert_eq!(cosigner.sign(&note, 1_700_000_000).unwrap().to_string(), line);
}

/// signed_note reads our cosigned checkpoints, finds the ledger's signature good, and hands over
/// each cosignature as one of a key that it does not know; and it makes the same notes of them.
#[test]
fn cosigned_checkpoints_are_notes_to_signed_note() {
    let log = Log::new(5);
    let ours = log.checkpoint(5, &[0, 1, 2]).note().to_string();
    let theirs = signed_note::Note::from_bytes(ours.as_bytes()).unwrap();
    assert_eq!(theirs.to_bytes(), ours.as_bytes());
    let key = signed_note::StandardVerifier::new(&signer().verifier_key().to_string()).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(key)]);
    let (known, unknown) = theirs.verify(&list).unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 3));
    for (number, signature) in (0..).zip(&unknown) {
        let key = cosigner(number).key();
        assert_eq!((signature.name(), signature.id()), (key.name(), key.id()));
        let public = [&[4][..], key.public_key()].concat();
        assert_eq!(signed_note::key_id(key.name(), &public), key.id());
    }
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (ORIGIN, 5));
    assert_eq!(checkpoint.hash().0, *log.seen(5).root.as_bytes());
}

/// PyPI's proofbundle verifies our proofs and cosignatures, counts witnesses as we do, refuses
/// what we refuse, and writes the same bytes.
#[test]
fn proofs_go_both_ways_with_proofbundle() {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        skipped("COUNTERSIGN_PYTHON names no Python with proofbundle");
        return;
    };
    let log = Log::new(5);
    let folder = std::env::temp_dir().join(format!("proofbundle-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("entry.tlog-proof");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/proof.py");
    let run = |arguments: &[String]| {
        let output = Command::new(&python).arg(script).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let verify = |text: &str, need: u8| {
        fs::write(&file, text).unwrap();
        let mut arguments = vec!["verify".to_owned(), file.display().to_string()];
        arguments.extend([signer().verifier_key().to_string(), need.to_string()]);
        arguments.extend((0..3).map(|number| cosigner(number).key().to_string()));
        run(&arguments)
    };
    for (index, size, witnesses) in [(3, 5, &[0, 2][..]), (0, 1, &[0, 1]), (4, 5, &[2, 1, 0])] {
        let text = log.entry(index, size, witnesses).to_tlog_proof();
        assert_eq!(verify(&text, 2), (true, "verified\n".to_owned()), "{index} of {size}");
    }
    let one = log.entry(3, 5, &[1]).to_tlog_proof();
    assert!(verify(&one, 1).0 && !verify(&one, 2).0);
    let mut other = log.entry(3, 5, &[0, 2]);
    other.leaf = log.leaves[2].clone();
    assert!(!verify(&other.to_tlog_proof(), 2).0);
    let note = log.checkpoint(5, &[]).note().to_string();
    fs::write(&file, &note).unwrap();
    let seed = hex(&[0x21; 32]);
    let (good, line) = run(&[
        "cosign".to_owned(),
        file.display().to_string(),
        seed,
        "witness.example/w1".to_owned(),
        (WITNESSED + 1).to_string(),
    ]);
    assert!(good);
    assert_eq!(line, log.checkpoint(5, &[1]).note().to_string());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_leaf_hash_is_that_of_tlog_tiles() {
    let entry = b"an entry";
    let theirs = tlog_tiles::record_hash(entry);
    assert_eq!(LeafHash::from_bytes(theirs.0), leaf_hash(entry));
}
