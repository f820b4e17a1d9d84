//! A ledger as files (`spec/proof.md` section 6): which there are, and what stands in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::ledger::store::{
    Batch, CheckpointFile, Commit, Head, HeadToken, Store, StoreError, Topic,
};
use countersign::ledger::tiles::{LogFile, files_between, write_files};
use countersign::merkle::leaf_hash;
use countersign::merkle::tile::{Tile, tiles_of, unbundle};
use countersign::note::checkpoint::VerifiedCheckpoint;
use countersign::store::memory::MemoryStore;
use proptest::prelude::*;

use crate::support::*;

fn checkpoint(file: &impl CheckpointFile) -> VerifiedCheckpoint {
    VerifiedCheckpoint::open(&file.load().unwrap().unwrap(), ORIGIN, &keys()[0]).unwrap()
}

#[test]
fn files_of_70_000_entries() {
    let files: Vec<_> = files_between(TreeSize::new(0), TreeSize::new(70_000)).collect();
    assert_eq!(files.len(), 274 + 274 + 2 + 1);
    let paths: Vec<_> = files.iter().map(|file| file.path()).collect();
    assert_eq!(paths[0], "tile/entries/000");
    assert_eq!(paths[273], "tile/entries/273.p/112");
    assert_eq!(paths[274], "tile/0/000");
    assert_eq!(paths[550], "tile/2/000.p/1");
    for (file, path) in files.iter().zip(&paths) {
        assert_eq!(LogFile::from_path(path), Ok(*file));
    }
    let more: Vec<_> = files_between(TreeSize::new(70_000), TreeSize::new(70_001)).collect();
    let more: Vec<_> = more.iter().map(|file| file.path()).collect();
    assert_eq!(more, ["tile/entries/273.p/113", "tile/0/273.p/113"]);
    assert_eq!(files_between(TreeSize::new(256), TreeSize::new(256)).count(), 0);
    assert!(LogFile::from_path("tile/checkpoint").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever the stops on the way, each file that the newest tree needs was written once.
    #[test]
    fn a_copy_that_grew_has_all_that_a_fresh_one_has(
        mut sizes in proptest::collection::vec(0..140_000_u64, 1..6),
    ) {
        sizes.sort_unstable();
        let mut grown = BTreeSet::new();
        let mut old = 0;
        for size in &sizes {
            for file in files_between(TreeSize::new(old), TreeSize::new(*size)) {
                prop_assert!(grown.insert(file), "{} twice", file.path());
            }
            old = *size;
        }
        for file in files_between(TreeSize::new(0), TreeSize::new(old)) {
            prop_assert!(grown.contains(&file), "{} is missing", file.path());
        }
    }
}

/// Reads the files of a copy as tlog_tiles does.
struct Theirs(BTreeMap<String, Vec<u8>>);

impl tlog_tiles::TileReader for Theirs {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let path = |tile: &tlog_tiles::Tile| tile.path().replace("tile/8/", "tile/");
        Ok(tiles.iter().map(|tile| self.0[&path(tile)].clone()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// A whole copy is read by tlog_tiles by its own names of files, and every entry is in the tree.
#[test]
fn a_copy_is_read_by_tlog_tiles() {
    let (store, file) = in_memory(814);
    let checkpoint = checkpoint(&file);
    let mut files = BTreeMap::new();
    let mut order = Vec::new();
    write_files(&store, TreeSize::new(0), &checkpoint, |path, bytes| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none());
        order.push(path.to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(order.last().map(String::as_str), Some("checkpoint"));
    assert_eq!(files["checkpoint"], file.load().unwrap().unwrap());
    let (size, root) = (814, tlog_tiles::Hash(*checkpoint.root().as_bytes()));
    let theirs = Theirs(files);
    let reader = tlog_tiles::TileHashReader::new(size, root, &theirs);
    let mut index = 0;
    for number in 0..4 {
        let partial = if number == 3 { ".p/46" } else { "" };
        let bundle = &theirs.0[&format!("tile/entries/{number:03}{partial}")];
        for entry in unbundle(bundle).unwrap() {
            assert_eq!(Some(entry.to_vec()), store.leaf(EntryIndex::new(index)).unwrap());
            let leaf = tlog_tiles::Hash(*leaf_hash(entry).as_bytes());
            assert_eq!(leaf, tlog_tiles::record_hash(entry));
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            tlog_tiles::check_record(&proof, size, root, index, leaf).unwrap();
            index += 1;
        }
    }
    assert_eq!(index, size);
}

/// A store in which a byte of one leaf or of one tile is another.
struct Altered {
    inner: Arc<MemoryStore>,
    leaf: Option<u64>,
    tile: Option<Tile>,
}

impl Store for Altered {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.inner.head()
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.leaf(index)
    }

    fn leaves(&self, first: EntryIndex, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut leaves = self.inner.leaves(first, max)?;
        let at = self.leaf.and_then(|leaf| leaf.checked_sub(first.get()));
        if let Some(leaf) = at.and_then(|at| leaves.get_mut(usize::try_from(at).unwrap())) {
            leaf[10] ^= 1;
        }
        Ok(leaves)
    }

    fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let mut bytes = self.inner.tile(tile)?;
        if self.tile.is_some_and(|it| (it.level, it.index) == (tile.level, tile.index)) {
            bytes.as_mut().unwrap()[33] ^= 1;
        }
        Ok(bytes)
    }

    fn entries_of(&self, topic: &Topic) -> Result<Vec<EntryIndex>, StoreError> {
        self.inner.entries_of(topic)
    }

    fn commit(&self, _: Option<HeadToken>, _: &Batch) -> Result<Commit, StoreError> {
        unreachable!("nothing is written here")
    }
}

/// A store with one altered leaf or tile is not copied: the checkpoint is never written.
#[test]
fn what_does_not_verify_is_not_copied() {
    let (store, file) = in_memory(600);
    let good = checkpoint(&file);
    let copy = |leaf: Option<u64>, tile: Option<Tile>| {
        let altered = Altered { inner: store.clone(), leaf, tile };
        let mut written = Vec::new();
        let outcome = write_files(&altered, TreeSize::new(0), &good, |path, _| {
            written.push(path.to_owned());
            Ok(())
        });
        (outcome, written)
    };
    let (outcome, written) = copy(None, None);
    assert!(outcome.is_ok() && written.len() == 8, "{outcome:?} {written:?}");
    let leaves = [0, 255, 256, 511, 512, 599].map(|leaf| (Some(leaf), None));
    let tiles: Vec<_> = tiles_of(good.size()).map(|tile| (None, Some(tile))).collect();
    assert_eq!(tiles.len(), 4);
    for (leaf, tile) in leaves.into_iter().chain(tiles) {
        let (outcome, written) = copy(leaf, tile);
        let is_integrity = matches!(outcome, Err(StoreError::Integrity { .. }));
        assert!(is_integrity, "{leaf:?} {tile:?}: {outcome:?}");
        assert!(!written.contains(&"checkpoint".to_owned()), "{leaf:?} {tile:?}");
    }
    let (short, _) = in_memory(1);
    let outcome = write_files(&short, TreeSize::new(0), &good, |_, _| Ok(()));
    assert!(matches!(outcome, Err(StoreError::Integrity { .. })));
}
