//! Every limit of `src/base/limits.rs`, just below and just above: what is at the limit is not
//! refused for its size, what is one above is. And no limit is without a test.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "files of a test need not survive a crash")]

use std::fmt::Display;

use countersign::base::digest::RootHash;
use countersign::base::limits::SETTINGS_BYTES_MAX;
use countersign::base::position::TreeSize;
use countersign::note::checkpoint::Checkpoint;

/// Declares a test for each limit, and the list of them.
macro_rules! limits {
    ($($test:ident: $limit:ident => $body:block)*) => {
        pub(crate) const HERE: &[&str] = &[$(stringify!($limit)),*];
        $(
            #[test]
            fn $test() {
                let _ = $limit;
                $body
            }
        )*
    };
}

#[path = "limits/histories.rs"]
mod histories;
#[path = "limits/keys.rs"]
mod keys;
#[path = "limits/large.rs"]
mod large;
#[path = "limits/ledger.rs"]
mod ledger;
#[path = "limits/listed.rs"]
mod listed;
#[path = "limits/network.rs"]
mod network;
#[path = "limits/notes.rs"]
mod notes;
#[path = "limits/policies.rs"]
mod policies;
#[path = "limits/statements.rs"]
mod statements;
#[allow(dead_code, reason = "what the tests of the ledger need besides")]
#[path = "ledger/support.rs"]
mod support;

use support::{Folder, ORIGIN, signer};

/// What is at the limit may be wrong for another reason, never for its size.
#[track_caller]
fn passes<T, E: Display>(result: Result<T, E>, words: &str) {
    if let Err(error) = result {
        let error = error.to_string();
        assert!(!error.contains(words), "refused at the limit: {error}");
    }
}

/// One above the limit is refused with these words.
#[track_caller]
fn refused<T, E: Display>(result: Result<T, E>, words: &str) {
    let error = match result {
        Ok(_) => panic!("one above the limit is taken"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(words), "refused for another reason: {error}");
}

/// `make` at the limit passes, one above is refused with these words.
#[track_caller]
fn both<T, E: Display>(limit: usize, words: &str, make: impl Fn(usize) -> Result<T, E>) {
    passes(make(limit), words);
    refused(make(limit + 1), words);
}

fn note() -> String {
    let root = RootHash::from_bytes([5; 32]);
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(9), root).sign(&signer()).unwrap();
    checkpoint.note().to_string()
}

limits! {
    a_file_of_settings: SETTINGS_BYTES_MAX => {
        let folder = Folder::new();
        let path = folder.path().join("file");
        let pin = |length: usize| {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
            command.args(["trust", "pin"]).arg(&path).env("HOME", folder.path());
            let output = command.output().unwrap();
            assert_ne!(output.status.code(), Some(0));
            let talk = String::from_utf8(output.stderr).unwrap();
            Err::<(), _>(talk.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        both(SETTINGS_BYTES_MAX, "is too large: at most", pin);
    }
}

/// The reader of whole files: one byte above is refused before it is kept.
#[test]
fn files_are_read_within_their_limits() {
    let folder = Folder::new();
    let path = folder.path().join("file");
    both(1_000, "larger than", |length| {
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        countersign::store::durable::read(&path, 1_000)
    });
}
