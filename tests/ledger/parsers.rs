//! Parsers of what others hand in: one spelling a value, and no panic on anything.

use countersign::base::position::{EntryIndex, TreeSize};
use countersign::ledger::leaf::Leaf;
use countersign::ledger::receipt::Receipt;
use countersign::merkle::tile::{Tile, unbundle};
use countersign::note::SignedNote;
use countersign::note::checkpoint::{Checkpoint, VerifiedCheckpoint};
use countersign::note::key::{NoteSigner, VerifierKey};
use proptest::prelude::*;

use crate::support::*;

/// What parses is written back as it was read.
fn all_parsers(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::parse(bytes) {
        assert_eq!(leaf.to_bytes(), bytes);
    }
    if let Ok(note) = SignedNote::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    drop(unbundle(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(tile) = Tile::from_path(text) {
        assert_eq!(tile.path(), text);
    }
    drop(NoteSigner::from_text(text));
}

/// A receipt with its leaf hash, and texts of every kind.
fn samples() -> (Receipt, Vec<Vec<u8>>) {
    let (store, file) = in_memory(0);
    let mut ledger = open(store, file).unwrap();
    let mut known = Known::default();
    append(&mut ledger, &mut known, 0..5);
    let receipt = ledger.append(&mut known, NOW, &[&envelope(2)]).unwrap().remove(0).unwrap();
    let note = ledger.checkpoint().note();
    let tile = Tile { level: 1, index: 1_234_067, width: 8 };
    let leaf = countersign::ledger::store::Store::leaf(ledger.store(), EntryIndex::new(2));
    let texts = vec![
        leaf.unwrap().unwrap(),
        note.to_string().into_bytes(),
        note.text().as_bytes().to_vec(),
        keys()[0].to_string().into_bytes(),
        signer().to_text().as_bytes().to_vec(),
        tile.path().into_bytes(),
        receipt.to_tlog_proof().into_bytes(),
    ];
    (receipt, texts)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn anything_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        all_parsers(&bytes);
    }

    #[test]
    fn altered_texts_have_no_second_spelling(
        which in 0..7_usize,
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3_u8,
    ) {
        thread_local!(static SAMPLES: (Receipt, Vec<Vec<u8>>) = samples());
        SAMPLES.with(|(receipt, texts)| {
            let mut text = texts[which].clone();
            let at = at.index(text.len());
            match change {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
            all_parsers(&text);
            // An altered receipt is refused, or is one of the same position and tree.
            let opened = Receipt::open(&text, receipt.leaf_hash, ORIGIN, &keys()[0]);
            if let Ok(opened) = opened {
                assert_eq!(opened.index, receipt.index);
                assert_eq!(opened.checkpoint.root(), receipt.checkpoint.root());
            }
            let opened = VerifiedCheckpoint::open(&text, ORIGIN, &keys()[0]);
            assert!(opened.is_err() || opened.is_ok_and(|it| it.size() == TreeSize::new(5)));
        });
    }
}
