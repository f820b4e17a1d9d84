//! Parsers of these files: one spelling a value, and no panic on anything.

use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::tlog_proof::TlogProof;
use countersign::merkle::tile::bundle;
use countersign::verify::proof::ProofFile;
use countersign::verify::trust::TrustRoot;
use proptest::prelude::*;

use crate::bodies;
use crate::support::*;

/// Whatever is read is checked against a trust root, and answered.
fn all(bytes: &[u8]) {
    for name in ["proof", "note", "tile", "trust"] {
        bodies::run(name, bytes);
    }
    if let Ok(file) = ProofFile::parse(bytes) {
        assert!(file.claimed().is_ok());
        thread_local!(static TRUST: TrustRoot = Log::new(1).trust(2, "\"any\""));
        TRUST.with(|trust| drop(check(file, trust, &[])));
    }
}

fn samples() -> Vec<Vec<u8>> {
    let log = Log::new(6);
    vec![
        log.entry(3, 6, &[0, 1]).to_tlog_proof().into_bytes(),
        log.growth(3, 6, &[0]).to_string().into_bytes(),
        log.checkpoint(6, &[1]).note().to_string().into_bytes(),
        log.trust(3, "2").to_toml().as_bytes().to_vec(),
        cosigner(0).key().to_string().into_bytes(),
        cosigner(0).to_text().as_bytes().to_vec(),
        bundle([&b"one"[..], b"", b"three"]).unwrap(),
        b"tile/entries/x001/x234/067.p/8".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn anything_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        all(&bytes);
        all(&[b"c2sp.org/tlog-proof@v1\n", &bytes[..]].concat());
        all(&[b"old 3\n", &bytes[..]].concat());
    }

    #[test]
    fn words_of_the_grammar_in_any_order(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "c2sp.org/tlog-proof@v1\n", "extra ", "index ", "old ", "0\n", "3\n", "AAAA\n",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "\n", "shop.example/ledger\n",
                "\u{2014} shop.example/ledger ", "[[witness]]\n", "quorum = \"a\"\n", "need = 1\n",
            ]),
            0..24,
        ),
    ) {
        all(words.concat().as_bytes());
    }

    #[test]
    fn altered_files_have_no_second_spelling(
        which in 0..8_usize,
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        change in 0..3_u8,
    ) {
        thread_local!(static SAMPLES: Vec<Vec<u8>> = samples());
        SAMPLES.with(|samples| {
            let mut text = samples[which].clone();
            let at = at.index(text.len());
            match change {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
            all(&text);
        });
    }
}

/// Sizes are looked at before anything is read for them.
#[test]
fn files_beyond_the_limits_are_refused_at_once() {
    let log = Log::new(2);
    let entry = log.entry(1, 2, &[]).to_tlog_proof();
    let longest = "A".repeat(87_380);
    let extra = |text: &str| {
        let mut lines: Vec<_> = entry.lines().collect();
        let line = format!("extra {text}");
        lines[1] = &line;
        TlogProof::parse(format!("{}\n", lines.join("\n")).as_bytes())
    };
    assert_eq!(extra(&longest).unwrap().extra.unwrap().len(), 65_535);
    assert!(extra(&format!("{longest}AAAA")).is_err());
    assert!(TlogProof::parse(&vec![b'\n'; 200_000]).is_err());
    assert!(ConsistencyProof::parse(&vec![b'\n'; 200_000]).is_err());
    let hashes = |count| {
        let line = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(count);
        let note = log.checkpoint(2, &[]).note().to_string();
        ConsistencyProof::parse(format!("old 1\n{line}\n{note}").as_bytes())
    };
    assert!(hashes(63).is_ok() && hashes(64).is_err());
}
