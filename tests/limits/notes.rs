//! Limits of notes, and of files that prove something.

use countersign::base::digest::RootHash;
use countersign::base::encoding;
use countersign::base::limits::*;
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::fork::ForkFile;
use countersign::ledger::tlog_proof::{TLOG_PROOF_START, TlogProof};
use countersign::note::cosignature::CosignerKey;
use countersign::note::key::NoteSigner;
use countersign::note::quorum::{Need, Witness, WitnessGroup, WitnessQuorum};
use countersign::note::{NoteSignature, SignedNote};

use crate::support::signer;
use crate::{both, note};

fn hash_lines(count: usize) -> String {
    format!("{}\n", encoding::base64(&[6; 32])).repeat(count)
}

fn tlog_proof(hashes: usize) -> Vec<u8> {
    format!("{TLOG_PROOF_START}index 0\n{}\n{}", hash_lines(hashes), note()).into_bytes()
}

limits! {
    a_note: NOTE_BYTES_MAX => {
        both(NOTE_BYTES_MAX, "too large", |length| SignedNote::parse(&vec![b'x'; length]));
    }
    signatures_of_a_note: NOTE_SIGNATURES_MAX => {
        both(NOTE_SIGNATURES_MAX, "note", |count| {
            let one = NoteSignature::new("a.example", 7, vec![1; 64]).unwrap();
            SignedNote::new("text\n".to_owned(), vec![one; count])
        });
    }
    a_receipt: RECEIPT_BYTES_MAX => {
        // The largest that the other limits allow is read, and nothing above this one.
        let extra = encoding::base64(&vec![b'x'; LEAF_BYTES_MAX]);
        let hashes = hash_lines(PROOF_LINES_MAX);
        let head = format!("{TLOG_PROOF_START}extra {extra}\nindex {INTEGER_MAX}\n{hashes}\n");
        assert!(head.len() + NOTE_BYTES_MAX <= RECEIPT_BYTES_MAX);
        assert!(TlogProof::parse(format!("{head}{}", note()).as_bytes()).is_ok());
        let mut above = tlog_proof(0);
        above.resize(RECEIPT_BYTES_MAX + 1, b'\n');
        assert!(TlogProof::parse(&above).is_err());
    }
    a_proof_of_growth: CONSISTENCY_BYTES_MAX => {
        assert!(64 + hash_lines(PROOF_LINES_MAX).len() + NOTE_BYTES_MAX <= CONSISTENCY_BYTES_MAX);
        assert!(ConsistencyProof::parse(&vec![b'x'; CONSISTENCY_BYTES_MAX + 1]).is_err());
    }
    lines_of_a_proof: PROOF_LINES_MAX => {
        assert!(TlogProof::parse(&tlog_proof(PROOF_LINES_MAX)).is_ok());
        assert!(TlogProof::parse(&tlog_proof(PROOF_LINES_MAX + 1)).is_err());
    }
    witnesses: WITNESSES_MAX => {
        both(WITNESSES_MAX, "at most", |count| {
            let witness = |number: usize| {
                let seed = [u8::try_from(number).unwrap() + 1; 32];
                let key = NoteSigner::new("w.example", &seed).unwrap().verifier_key();
                let key = CosignerKey::new("w.example", *key.public_key()).unwrap();
                Witness { name: format!("w{number}").parse().unwrap(), key }
            };
            WitnessQuorum::new((0..count).map(witness).collect(), &[], None)
        });
    }
    groups_of_witnesses: WITNESS_GROUPS_MAX => {
        both(WITNESS_GROUPS_MAX, "at most", |count| {
            let key = CosignerKey::new("w.example", *signer().verifier_key().public_key());
            let witness = Witness { name: "w".parse().unwrap(), key: key.unwrap() };
            let group = |number: usize| WitnessGroup {
                name: format!("g{number}").parse().unwrap(),
                need: Need::Any,
                members: vec!["w".parse().unwrap()],
            };
            let groups: Vec<_> = (0..count).map(group).collect();
            WitnessQuorum::new(vec![witness], &groups, None)
        });
    }
    a_fork: FORK_BYTES_MAX => {
        // Two notes as large as they may be, and as many hashes.
        let note = || {
            let one = NoteSignature::new("a.example", 7, vec![1; 474]).unwrap();
            let text = "text\n".to_owned();
            SignedNote::new(text, vec![one; NOTE_SIGNATURES_MAX]).unwrap()
        };
        assert!(note().to_string().len() > NOTE_BYTES_MAX * 98 / 100);
        let beginning = (RootHash::from_bytes([1; 32]), vec![[2; 32]; PROOF_LINES_MAX]);
        let fork = ForkFile { beginning: Some(beginning), older: note(), newer: note() };
        let text = fork.to_string();
        assert!(text.len() > FORK_BYTES_MAX * 97 / 100);
        assert_eq!(ForkFile::parse(text.as_bytes()), Ok(fork));
        let room = FORK_BYTES_MAX - 2 * NOTE_BYTES_MAX;
        assert!(text.len() - 2 * note().to_string().len() <= room, "all that is allowed fits");
        assert!(ForkFile::parse(&vec![b'x'; FORK_BYTES_MAX + 1]).is_err());
    }
}
