//! Limits of a ledger, and of what lies beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::base::digest::{LeafHash, RootHash};
use countersign::base::limits::*;
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::blobs::Blobs;
use countersign::ledger::append::{Ledger, LedgerError};
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{Batch, Commit, Head, Store as _, StoreError};
use countersign::merkle::leaf_hash;
use countersign::merkle::tile::Tile;
use countersign::merkle::tree::TileTree;
use countersign::note::checkpoint::Checkpoint;
use countersign::session::backup::{Member, read_backup};
use countersign::store::fault::{Fault, FaultPlan, Faulty};
use countersign::store::files::Disk;
use countersign::store::memory::{MemoryCheckpoint, MemoryState, MemoryStore};
use countersign::store::mirror::Update;

use crate::support::{self, Folder, Known, NOW, ORIGIN, envelope, signer};
use crate::{both, passes, refused};

fn head(size: u64, root: RootHash, last_leaf: LeafHash, checkpoint: String) -> Head {
    Head { size: TreeSize::new(size), root, last_leaf, last_time: NOW, checkpoint }
}

/// The node above two others (RFC 6962).
fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    countersign::base::digest::sha256(&[&[1], left, right])
}

/// A ledger that claims so many entries, of which only the newest and the tiles above it are there.
fn huge(size: u64) -> Result<Ledger<MemoryStore, MemoryCheckpoint>, LedgerError> {
    let leaf = Leaf::new(NOW, LeafHash::from_bytes([7; 32]), envelope(1)).unwrap();
    let mut below = *leaf.hash().as_bytes();
    let mut state = MemoryState::default();
    for level in 0..=5_u8 {
        let hashes = size >> (8 * u32::from(level));
        let Some(last) = hashes.checked_sub(1) else { break };
        let index = last / 256;
        let Some(tile) = Tile::within(level, index, TreeSize::new(size)) else { break };
        let mut row = vec![[0; 32]; usize::from(tile.width)];
        *row.last_mut().unwrap() = below;
        state.tiles.insert((level, index), row.concat());
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node(&pair[0], pair.last().unwrap())).collect();
        }
        below = row[0];
    }
    let tiles = MemoryStore::from_state(state.clone());
    let tree = TileTree::load(TreeSize::new(size), |tile| tiles.tile(tile)).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(size), tree.root());
    let note = checkpoint.sign(&signer()).unwrap().note().to_string();
    state.leaves.insert(size - 1, leaf.to_bytes());
    state.head = Some(head(size, tree.root(), leaf.hash(), note.clone()));
    let file = MemoryCheckpoint::new();
    *file.note() = Some(note.into_bytes());
    Ledger::open(MemoryStore::from_state(state), ORIGIN, signer(), &[], file)
}

limits! {
    a_page_of_leaves: PAGE_LEAVES_MAX => {
        for count in [PAGE_LEAVES_MAX - 1, PAGE_LEAVES_MAX, PAGE_LEAVES_MAX + 1] {
            let leaves: BTreeMap<_, _> = (0..count as u64).map(|at| (at, vec![1])).collect();
            let store = MemoryStore::from_state(MemoryState { leaves, ..MemoryState::default() });
            let page = store.leaves(EntryIndex::new(0), usize::MAX).unwrap();
            assert_eq!(page.len(), count.min(PAGE_LEAVES_MAX));
        }
    }
    a_value_of_the_store: STORE_VALUE_BYTES_MAX => {
        // The frame of the head takes 80 bytes of its value.
        let commit = |length: usize| {
            let folder = Folder::new();
            let (root, leaf) = (RootHash::from_bytes([1; 32]), LeafHash::from_bytes([2; 32]));
            let batch = Batch {
                first: EntryIndex::new(0),
                leaves: vec![vec![b'x'; LEAF_BYTES_MAX]],
                tiles: Vec::new(),
                topics: Vec::new(),
                head: head(1, root, leaf, "x".repeat(length - 80)),
            };
            let outcome = folder.sled().commit(None, &batch);
            let db = sled::open(folder.path().join("sled")).unwrap();
            let largest = db.iter().values().map(|value| value.unwrap().len()).max();
            (outcome, largest.unwrap_or(0))
        };
        assert_eq!(commit(STORE_VALUE_BYTES_MAX), (Ok(Commit::Committed), STORE_VALUE_BYTES_MAX));
        let (outcome, largest) = commit(STORE_VALUE_BYTES_MAX + 1);
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })) && largest == 0);
    }
    entries_of_a_commit: COMMIT_ENTRIES_MAX => {
        let append = |count: usize| {
            let store = Arc::new(MemoryStore::new());
            let mut ledger = support::open(store, MemoryCheckpoint::new()).unwrap();
            let refuse = b"{\"refuse\":1}";
            ledger.append(&mut Known::default(), NOW, &vec![&refuse[..]; count]).map(drop)
        };
        both(COMMIT_ENTRIES_MAX, "in one append", append);
    }
    entries: ENTRIES_MAX => {
        let append = |ledger: &mut Ledger<_, _>, number: u64| {
            ledger.append(&mut Known::default(), NOW, &[&envelope(number)]).map(drop)
        };
        let mut ledger = huge(ENTRIES_MAX - 1).unwrap();
        append(&mut ledger, 2).unwrap();
        assert_eq!(ledger.checkpoint().size().get(), ENTRIES_MAX);
        assert_eq!(append(&mut ledger, 3), Err(LedgerError::Full));
        assert_eq!(append(&mut huge(ENTRIES_MAX).unwrap(), 3), Err(LedgerError::Full));
        refused(huge(ENTRIES_MAX + 1), "out of range");
    }
    a_jump_of_time: TIME_JUMP_MILLISECONDS_MAX => {
        let append = |jump: usize| {
            let store = Arc::new(MemoryStore::new());
            let mut ledger = support::open(store, MemoryCheckpoint::new()).unwrap();
            let mut known = Known::default();
            ledger.append(&mut known, NOW, &[&envelope(1)]).unwrap();
            let now = Timestamp::from_milliseconds(NOW.milliseconds() + jump as u64);
            let receipts = ledger.append(&mut known, now, &[&envelope(2)]).unwrap();
            receipts.into_iter().next().unwrap()
        };
        both(usize::try_from(TIME_JUMP_MILLISECONDS_MAX).unwrap(), "31 days", append);
    }
    a_file_beside_the_ledger: SIDE_BLOB_BYTES_MAX => {
        // A disk that takes nothing: what is not refused for its size fails there.
        let content = vec![0; SIDE_BLOB_BYTES_MAX + 1];
        let put = |bytes: &[u8]| {
            let folder = Folder::new();
            let disk = Faulty::new(Disk, FaultPlan::new(Fault::Crash, 0));
            Blobs::over(disk, folder.path()).put(bytes)
        };
        passes(put(&content[1..]), "at most");
        refused(put(&content), "at most");
    }
    a_step_of_a_mirror: MIRROR_STEP_BYTES => {
        // A bundle of 256 entries that has so many bytes, and one more entry after it.
        let goes_on = |bundle_bytes: usize| {
            // Each stands behind two bytes of its length.
            let larger = bundle_bytes % 256;
            let of = |number| bundle_bytes / 256 - 2 + usize::from(number < larger);
            let leaf_bytes = (0..256).map(of).chain([100]);
            let mut tree = TileTree::new();
            let mut state = MemoryState::default();
            for (index, count) in (0..).zip(leaf_bytes) {
                let leaf = vec![b'x'; count];
                tree.append(&leaf_hash(&leaf));
                state.leaves.insert(index, leaf);
            }
            let tiles = tree.take_changed().into_iter();
            state.tiles = tiles.map(|(tile, bytes)| ((tile.level, tile.index), bytes)).collect();
            let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root());
            let checkpoint = checkpoint.sign(&signer()).unwrap();
            let (store, folder) = (MemoryStore::from_state(state), Folder::new());
            let mut update = Update::new(&store, TreeSize::default(), &checkpoint).unwrap();
            update.step(&store, folder.path(), MIRROR_STEP_BYTES).unwrap();
            let bundle = folder.path().join("tile/entries/000");
            assert_eq!(std::fs::metadata(bundle).unwrap().len(), bundle_bytes as u64);
            folder.path().join("tile/entries/001.p/1").exists()
        };
        assert!(goes_on(MIRROR_STEP_BYTES - 1));
        assert!(!goes_on(MIRROR_STEP_BYTES));
    }
    a_manifest_of_a_backup: BACKUP_MANIFEST_BYTES_MAX => {
        let read = |length: u64| {
            let mut archive = Vec::new();
            let mut put = |member: Member, length: u64, content: &[u8]| {
                let mut header = tar::Header::new_ustar();
                header.set_path(member.name()).unwrap();
                header.set_size(length);
                header.set_cksum();
                archive.extend_from_slice(header.as_bytes());
                archive.extend_from_slice(content);
                archive.resize(archive.len().next_multiple_of(512), 0);
            };
            let format = b"countersign backup v1\n";
            put(Member::Format, format.len() as u64, format);
            put(Member::Manifest, length, b"");
            read_backup(&archive[..], &mut |_, _| Ok(()))
        };
        // It says how long it is, and that is looked at before it is read.
        passes(read(BACKUP_MANIFEST_BYTES_MAX), "larger than");
        refused(read(BACKUP_MANIFEST_BYTES_MAX + 1), "larger than");
    }
}
