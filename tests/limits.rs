//! Every limit of `src/base/limits.rs`, just below and just above: what is at the limit is not
//! refused for its size, what is one above is. And no limit is without a test.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::disallowed_methods, reason = "files of a test need not survive a crash")]

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::base::digest::{Commitment, ContentDigest, EmailDigest, LeafHash, RootHash};
use countersign::base::encoding;
use countersign::base::json;
use countersign::base::limits::*;
use countersign::base::name::{MemberId, ReferenceName, Uri};
use countersign::base::position::{EntryIndex, TreeSize};
use countersign::base::time::Timestamp;
use countersign::blobs::Blobs;
use countersign::change::{Document, parse_commit};
use countersign::key::PublicKey;
use countersign::ledger::append::{Ledger, LedgerError};
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::leaf::Leaf;
use countersign::ledger::store::{Batch, Commit, Head, Store as _, StoreError};
use countersign::ledger::tlog_proof::{TLOG_PROOF_START, TlogProof};
use countersign::merkle::tile::Tile;
use countersign::merkle::tree::TileTree;
use countersign::note::checkpoint::Checkpoint;
use countersign::note::cosignature::CosignerKey;
use countersign::note::key::{NoteSigner, VerifierKey};
use countersign::note::quorum::{Need, Witness, WitnessGroup, WitnessQuorum};
use countersign::note::{NoteSignature, SignedNote};
use countersign::policy::Policy;
use countersign::signer::file;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::break_glass::Override;
use countersign::statement::envelope::{Envelope, EnvelopeSignature};
use countersign::statement::governance::{
    Governance, Operation, RetireMember, RotateLedgerKey, SetMember,
};
use countersign::statement::words::{ApprovalVerdict, MemberKind, Shown, SubjectType};
use countersign::statement::{Nonce, Says, Seen, Statement};
use countersign::store::fault::{Fault, FaultPlan, Faulty};
use countersign::store::files::Disk;
use countersign::store::memory::{MemoryCheckpoint, MemoryState, MemoryStore};

#[path = "limits/large.rs"]
mod large;

#[allow(dead_code, reason = "what the tests of the ledger need besides")]
#[path = "ledger/support.rs"]
mod support;

use support::{Folder, Known, NOW, ORIGIN, envelope, signer};

/// Limits that have their test in another file: its path, and the test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("REQUEST_STATEMENTS_MAX", "tests/serve/handing.rs", "requests_that_are_none_are_refused"),
    (
        "MEMBER_STATEMENTS_PER_MINUTE",
        "tests/serve/access.rs",
        "a_member_hands_in_at_a_rate_and_takes_nobody_elses",
    ),
    ("STRANGER_STATEMENTS_PER_MINUTE", "src/server/rate.rs", "a_minute_ahead_is_given_and_no_more"),
    ("REQUEST_BYTES_MAX", "tests/serve/faults.rs", "too_much_is_refused_in_bounded_memory"),
    ("QUESTION_BYTES_MAX", "tests/serve/asking.rs", "the_server_decides_with_its_own_key"),
    ("SERVER_BYTES_MAX", "src/server/content.rs", "room_is_bounded_and_given_back"),
    ("LEAF_BYTES_MAX", "src/ledger/leaf.rs", "the_largest_leaf_fits_an_entry_bundle"),
    ("FREE_TEXT_BYTES_MAX", "src/statement/commitment.rs", "a_commitment_binds_salt_and_text"),
    ("ENVELOPE_BYTES_MAX", "tests/ledger/behaviour.rs", ""),
    ("CASES_BYTES_MAX", "src/policy/", ""),
    ("CASES_MAX", "src/policy/", ""),
    ("PATTERN_BYTES_MAX", "src/policy/", ""),
    ("PATH_BYTES_MAX", "src/change/", ""),
    ("COMMIT_BYTES_MAX", "src/change/", ""),
    ("COMMIT_AUTHORS_MAX", "src/change/", ""),
    ("CARRY_CERTIFICATE_BYTES_MAX", "src/", ""),
    ("CARRY_FILE_BYTES_MAX", "src/", ""),
    ("CARRY_BYTES_MAX", "src/", ""),
    ("CARRY_PATHS_MAX", "src/", ""),
    ("CARRY_EDITS_MAX", "src/", ""),
    ("SETTINGS_BYTES_MAX", "src/", ""),
    ("READABLE_LINES_MAX", "src/", ""),
    ("READABLE_BYTES_MAX", "src/", ""),
    ("BLOB_BYTES_MAX", "tests/git/histories.rs", "a_blob_above_the_limit_is_streamed_by_git"),
    ("SEGMENT_STEPS_MAX", "tests/verdict/landings.rs", "a_run_of_33_steps_is_no_segment"),
    (
        "KEY_FILE_ROUNDS_MAX",
        "tests/keys/files.rs",
        "too_many_rounds_are_refused_before_they_are_run",
    ),
    (
        "OVERRIDE_AHEAD_MILLISECONDS_MAX",
        "tests/verdict/glass.rs",
        "attack_32_a_late_override_is_owed_from_its_own_time",
    ),
    ("AGENT_FRAME_BYTES_MAX", "src/signer/agent.rs", "frames_are_bounded_and_must_be_whole"),
    ("AGENT_KEYS_MAX", "src/signer/agent.rs", "frames_are_bounded_and_must_be_whole"),
    ("AGENT_LIST_MILLISECONDS_MAX", "src/signer/agent.rs", "a_silent_agent_times_out"),
    ("AGENT_SIGN_MILLISECONDS_MAX", "src/signer/agent.rs", "a_silent_agent_times_out"),
    (
        "LOCK_WAIT_MILLISECONDS_MAX",
        "src/store/lock.rs",
        "a_second_taker_is_told_who_holds_the_lock",
    ),
    ("CARRY_OPEN_ENTRIES_MAX", "tests/carry/many.rs", "a_thousand_steps_and_two_hundred_sign_offs"),
    ("CARRY_SEARCHES_MAX", "tests/carry/many.rs", "a_thousand_steps_and_two_hundred_sign_offs"),
    (
        "CARRY_SEARCHES_FAILED_MAX",
        "tests/carry/many.rs",
        "a_thousand_steps_and_two_hundred_sign_offs",
    ),
    (
        "HTTP_HEAD_BYTES_MAX",
        "tests/http/main.rs",
        "contents_and_heads_over_their_limits_are_refused",
    ),
    (
        "HTTP_HEAD_LINES_MAX",
        "tests/http/main.rs",
        "contents_and_heads_over_their_limits_are_refused",
    ),
    (
        "STORE_TAIL_VALUES_MAX",
        "tests/crash/anew.rs",
        "a_long_log_is_opened_anew_and_a_short_one_is_not",
    ),
    (
        "WITNESS_WAIT_AFTER_MILLISECONDS",
        "tests/witness/gather.rs",
        "a_witness_that_never_answers_delays_nobody",
    ),
    ("OBSERVED_DEPLOYMENTS_MAX", "tests/pipeline/observed.rs", "only_the_newest_deployments_count"),
    ("TOKEN_BYTES_MAX", "src/config/remote.rs", "a_token_is_one_line_of_signs"),
    (
        "CLIENT_FILES_UNASKED_BYTES",
        "tests/remote/copies.rs",
        "large_files_are_handed_in_where_they_are_wanted",
    ),
];

/// Limits of a file that is read whole by one of the bounded readers, which are tried below.
const READERS: &[&str] = &[
    "OPENINGS_BYTES_MAX",
    "EVENT_BYTES_MAX",
    "VIEW_FILE_BYTES_MAX",
    "PENDING_BYTES_MAX",
    "BUNDLE_BYTES_MAX",
    "OPENING_FILE_BYTES_MAX",
    "MONITOR_FILE_BYTES_MAX",
];

/// Limits that no test reaches: it would take gigabytes, hours, or a service that is not there. The
/// check stands in the source, and was read.
const NOT_TRIED: &[&str] = &[
    "CHAIN_STEPS_MAX",
    "STEP_COMMITS_MAX",
    "HOLDERS_REMEMBERED_MILLISECONDS",
    "SERVER_CONNECTIONS_MAX",
    "COMMITS_WAITING_MAX",
    "WITNESS_CONNECTIONS_MAX",
    "WITNESS_WAIT_MILLISECONDS",
    "CLIENT_WAIT_MILLISECONDS",
    "CLIENT_ANSWER_BYTES_MAX",
    "COPY_PARTS_WAITING_MAX",
    "SPOOLED_MAX",
    "SPOOLED_BYTES_MAX",
    "BUNDLES_KEPT_MAX",
    "FORK_BYTES_MAX",
    "MIRROR_STEP_BYTES",
    "BACKUP_MANIFEST_BYTES_MAX",
    "CHECK_RECENT_FILES_MAX",
    "CHECK_RECENT_ROOTS_MAX",
    "WEBHOOK_WAIT_MILLISECONDS",
    "MONITOR_WAIT_MILLISECONDS",
];

/// Declares a test for each limit, and the list of them.
macro_rules! limits {
    ($($test:ident: $limit:ident => $body:block)*) => {
        const HERE: &[&str] = &[$(stringify!($limit)),*];
        $(
            #[test]
            fn $test() {
                let _ = $limit;
                $body
            }
        )*
    };
}

/// What is at the limit may be wrong for another reason, never for its size.
#[track_caller]
fn passes<T, E: Display>(result: Result<T, E>, words: &str) {
    if let Err(error) = result {
        let error = error.to_string();
        assert!(!error.contains(words), "refused at the limit: {error}");
    }
}

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

fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

fn statement(says: Says) -> Statement {
    let seen = Seen { size: TreeSize::new(1), root: RootHash::from_bytes([1; 32]) };
    Statement {
        ledger: Some(LeafHash::from_bytes([2; 32])),
        by: id("ada"),
        nonce: Nonce::from_bytes([3; 16]),
        seen: Some(seen),
        says,
    }
}

fn governance(operations: Vec<Operation>) -> Statement {
    let base = Some(LeafHash::from_bytes([4; 32]));
    statement(Says::Governance(Governance { genesis: None, base, operations }))
}

/// A policy of these lines, as its mistakes are told.
fn policy(lines: &str) -> Result<Policy, String> {
    Policy::parse(&format!("version = 1\n{lines}")).map_err(|errors| errors.to_string())
}

fn note() -> String {
    let root = RootHash::from_bytes([5; 32]);
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(9), root).sign(&signer()).unwrap();
    checkpoint.note().to_string()
}

fn hash_lines(count: usize) -> String {
    format!("{}\n", encoding::base64(&[6; 32])).repeat(count)
}

fn tlog_proof(hashes: usize) -> Vec<u8> {
    format!("{TLOG_PROOF_START}index 0\n{}\n{}", hash_lines(hashes), note()).into_bytes()
}

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

/// [`OVERRIDE_SPAN_MAX`] as a policy writes it.
const SPAN_HOURS: usize = 24;

limits! {
    an_integer: INTEGER_MAX => {
        assert_eq!(encoding::undecimal(&INTEGER_MAX.to_string()).unwrap(), INTEGER_MAX);
        assert!(encoding::undecimal(&(INTEGER_MAX + 1).to_string()).is_err());
        let json = |number: u64| json::check(format!("{{\"a\":{number}}}").as_bytes(), 100);
        assert!(json(INTEGER_MAX).is_ok() && json(INTEGER_MAX + 1).is_err());
    }
    depth: JSON_DEPTH_MAX => {
        both(JSON_DEPTH_MAX, "nested deeper", |depth| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            json::check(format!("{{\"a\":{open}{close}}}").as_bytes(), 1_000)
        });
    }
    a_payload: PAYLOAD_BYTES_MAX => {
        both(PAYLOAD_BYTES_MAX, "bytes", |length| {
            let fill = "x".repeat(length - 8);
            json::check(format!("{{\"a\":\"{fill}\"}}").as_bytes(), PAYLOAD_BYTES_MAX)
        });
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(PAYLOAD_BYTES_MAX));
        assert!(Statement::parse(large.as_bytes()).is_err());
    }
    signatures: SIGNATURES_MAX => {
        both(SIGNATURES_MAX, "signatures", |count| {
            let one = |number: usize| {
                let mut keyid = [8; 32];
                keyid[0] = u8::try_from(number).unwrap();
                EnvelopeSignature {
                    keyid: countersign::key::KeyId::from_bytes(keyid),
                    signature: countersign::key::Signature::Plain([9; 64]),
                }
            };
            let envelope = Envelope::new(b"{}".to_vec(), (0..count).map(one).collect());
            Envelope::parse(&envelope.to_canonical())
        });
    }
    subjects: SUBJECTS_MAX => {
        both(SUBJECTS_MAX, "subjects", |count| {
            let row = |number: usize| {
                let mut hash = [10; 32];
                hash[0] = u8::try_from(number).unwrap();
                ApprovalRow {
                    hash: ContentDigest::from_bytes(hash),
                    repository: None,
                    target: None,
                    service: None,
                    base: None,
                    head: None,
                    assistance_seen: None,
                    shown: Shown::Diff,
                    supersedes: None,
                }
            };
            statement(Says::Approval(Approval {
                verdict: ApprovalVerdict::Approve,
                subject_type: SubjectType::Artifact,
                rows: (0..count).map(row).collect(),
                withdraws: None,
                comment: None,
                checklist: Vec::new(),
            }))
            .to_payload()
        });
    }
    operations: OPERATIONS_MAX => {
        both(OPERATIONS_MAX, "operations", |count| {
            let one = Operation::RetireMember(RetireMember { member: id("ben"), reason: None });
            governance(vec![one; count]).to_payload()
        });
    }
    items_of_a_list: LIST_ITEMS_MAX => {
        both(LIST_ITEMS_MAX, "sorted list", |count| {
            let email = |number: usize| {
                let mut bytes = [0; 32];
                bytes[0] = u8::try_from(number).unwrap();
                EmailDigest::from_bytes(bytes)
            };
            let member = SetMember {
                member: id("ben"),
                kind: MemberKind::Human,
                level: None,
                teams: Vec::new(),
                duties: Vec::new(),
                operator: None,
                profile: None,
                emails: (0..count).map(email).collect(),
            };
            governance(vec![Operation::SetMember(member)]).to_payload()
        });
    }
    a_name: NAME_BYTES_MAX => {
        both(NAME_BYTES_MAX, "not a", |length| MemberId::new("a".repeat(length)));
    }
    a_reference: REFERENCE_BYTES_MAX => {
        both(REFERENCE_BYTES_MAX, "not a", |length| {
            ReferenceName::new(format!("refs/heads/{}", "a".repeat(length - 11)))
        });
    }
    a_uri: URI_BYTES_MAX => {
        both(URI_BYTES_MAX, "not a", |length| Uri::new(format!("x:{}", "a".repeat(length - 2))));
    }
    a_policy: POLICY_BYTES_MAX => {
        both(POLICY_BYTES_MAX, "bytes", |length| {
            let text = "version = 1\n#";
            let text = format!("{text}{}", "x".repeat(length - text.len()));
            Policy::parse(&text).map_err(|errors| errors.to_string())
        });
    }
    a_ledger_key: LEDGER_KEY_BYTES_MAX => {
        both(LEDGER_KEY_BYTES_MAX, "ledger key", |length| {
            let rotation = RotateLedgerKey { ledger_key: "k".repeat(length) };
            governance(vec![Operation::RotateLedgerKey(rotation)]).to_payload()
        });
    }
    rules: RULES_MAX => {
        both(RULES_MAX, "500", |count| {
            let rules = (0..count).fold(String::new(), |mut text, number| {
                write!(text, "[[rule]]\nname=\"{number}\"\n").unwrap();
                text
            });
            policy(&rules)
        });
    }
    levels: LEVELS_MAX => {
        both(LEVELS_MAX, "more than 20", |count| {
            let levels: Vec<_> = (0..count).map(|number| format!("\"l{number}\"")).collect();
            policy(&format!("levels = [{}]\n", levels.join(", ")))
        });
    }
    people_of_a_rule: RULE_PEOPLE_MAX => {
        both(usize::try_from(RULE_PEOPLE_MAX).unwrap(), "people", |count| {
            let half = count / 2;
            let rest = count - half;
            policy(&format!(
                "[[rule]]\nname = \"r\"\nrequire = [{{ count = {half} }}, {{ count = {rest} }}]\n"
            ))
        });
    }
    dots_of_a_line: LINE_DOTS_MAX => {
        both(LINE_DOTS_MAX, "dots", |count| policy(&format!("#{}\n", ".".repeat(count))));
    }
    lines_of_a_gap: CARRY_GAP_LINES_MAX => {
        both(usize::try_from(CARRY_GAP_LINES_MAX).unwrap(), "carry_gap", |lines| {
            policy(&format!("[defaults]\ncarry_gap = {lines}\n"))
        });
    }
    mistakes_of_a_policy: POLICY_MISTAKES_MAX => {
        for count in [POLICY_MISTAKES_MAX - 1, POLICY_MISTAKES_MAX, POLICY_MISTAKES_MAX + 1] {
            let fields = (0..count).fold(String::new(), |mut text, number| {
                writeln!(text, "unknown{number} = 1").unwrap();
                text
            });
            let errors = Policy::parse(&format!("version = 1\n{fields}")).unwrap_err();
            assert_eq!(errors.as_slice().len(), count.min(POLICY_MISTAKES_MAX));
        }
    }
    bytes_of_a_document: DOCUMENT_BYTES_MAX => {
        let bytes = vec![0; DOCUMENT_BYTES_MAX + 1];
        passes(Document::parse(&bytes[1..]), &format!("{DOCUMENT_BYTES_MAX}"));
        refused(Document::parse(&bytes), &format!("{DOCUMENT_BYTES_MAX}"));
    }
    parents_of_a_commit: COMMIT_PARENTS_MAX => {
        both(COMMIT_PARENTS_MAX, "parents", |count| {
            let digits = "0".repeat(40);
            let parents = format!("parent {digits}\n").repeat(count);
            let person = "A <a@x.example> 0 +0000";
            let text = format!(
                "tree {digits}\n{parents}author {person}\ncommitter {person}\n\nTitle\n"
            );
            parse_commit(text.as_bytes())
        });
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
    a_note: NOTE_BYTES_MAX => {
        both(NOTE_BYTES_MAX, "too large", |length| SignedNote::parse(&vec![b'x'; length]));
    }
    signatures_of_a_note: NOTE_SIGNATURES_MAX => {
        both(NOTE_SIGNATURES_MAX, "note", |count| {
            let one = NoteSignature::new("a.example", 7, vec![1; 64]).unwrap();
            SignedNote::new("text\n".to_owned(), vec![one; count])
        });
    }
    the_name_of_a_key: KEY_NAME_BYTES_MAX => {
        let public = *signer().verifier_key().public_key();
        both(KEY_NAME_BYTES_MAX, "key", |length| VerifierKey::new(&"a".repeat(length), public));
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
    a_key_file: KEY_FILE_BYTES_MAX => {
        let folder = Folder::new();
        both(KEY_FILE_BYTES_MAX, "large", |length| {
            let path = folder.path().join("key");
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            file::load(&path, &mut |_| None)
        });
    }
    a_line_of_a_public_key: PUBLIC_KEY_LINE_BYTES_MAX => {
        let key = PublicKey::ed25519(*signer().verifier_key().public_key()).unwrap();
        let line = format!("{} ", key.to_openssh());
        both(PUBLIC_KEY_LINE_BYTES_MAX, "bytes", |length| {
            PublicKey::from_openssh(&format!("{line}{}", "c".repeat(length - line.len())))
        });
    }
    an_application: APPLICATION_BYTES_MAX => {
        let public = *signer().verifier_key().public_key();
        both(APPLICATION_BYTES_MAX, "255", |length| {
            PublicKey::security_key(public, &format!("ssh:{}", "a".repeat(length - 4)))
        });
    }
    an_override: OVERRIDE_MILLISECONDS_MAX => {
        both(usize::try_from(OVERRIDE_MILLISECONDS_MAX).unwrap(), "at most a day", |lasts| {
            statement(Says::Override(Override {
                service: "shop".parse().unwrap(),
                environment: "production".parse().unwrap(),
                repository: "shop".parse().unwrap(),
                revision: "0".repeat(40).parse().unwrap(),
                artifacts: Vec::new(),
                claimed: NOW,
                expires: Timestamp::from_milliseconds(NOW.milliseconds() + lasts as u64),
                reason: Commitment::from_bytes([1; 32]),
                incident: None,
                drill: None,
            }))
            .to_payload()
        });
    }
    the_span_of_an_override: OVERRIDE_SPAN_MAX => {
        assert_eq!(OVERRIDE_SPAN_MAX.milliseconds(), SPAN_HOURS as u64 * 3_600_000);
        both(SPAN_HOURS, "at most 24h", |hours| {
            policy(&format!("[override]\nlongest = \"{hours}h\"\n"))
        });
    }
}

/// The two readers of whole files: one byte above is refused before it is kept.
#[test]
fn files_are_read_within_their_limits() {
    let folder = Folder::new();
    let path = folder.path().join("file");
    both(1_000, "larger than", |length| {
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        countersign::store::durable::read(&path, 1_000)
    });
    let pin = |length: usize| {
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output =
            command.args(["trust", "pin"]).arg(&path).env("HOME", folder.path()).output().unwrap();
        assert_ne!(output.status.code(), Some(0));
        let talk = String::from_utf8(output.stderr).unwrap();
        Err::<(), _>(talk.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    both(SETTINGS_BYTES_MAX, "is too large: at most", pin);
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// What of a source file is tests.
fn tests_of(path: &Path, text: &str) -> String {
    let name = path.to_string_lossy();
    if name.contains("/tests/") || name.ends_with("tests.rs") || name.contains("/cases") {
        return text.to_owned();
    }
    text.split_once("#[cfg(test)]").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

/// A new limit comes with a test, here or elsewhere; and what is listed is there.
#[test]
fn every_limit_has_its_test_and_its_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let limits = std::fs::read_to_string(top.join("src/base/limits.rs")).unwrap();
    let mut found = Vec::new();
    sources(&top.join("src"), &mut found);
    sources(&top.join("tests"), &mut found);
    let is_named = |text: &str, name: &str| {
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .any(|word| word == name)
    };
    let mut complaints = Vec::new();
    let mut before = "";
    for line in limits.lines() {
        if let Some(rest) = line.strip_prefix("pub const ") {
            let name = rest.split(':').next().unwrap();
            let elsewhere = ELSEWHERE.iter().find(|(limit, ..)| *limit == name);
            let by_name = found.iter().any(|(path, text)| {
                !path.ends_with("tests/limits.rs") && is_named(&tests_of(path, text), name)
            });
            let is_here = HERE.contains(&name) || READERS.contains(&name);
            if !is_here && elsewhere.is_none() && !by_name && !NOT_TRIED.contains(&name) {
                complaints.push(format!("{name} has no test: write one just below and above"));
            }
            if !before.starts_with("///") {
                complaints.push(format!("{name} gives no reason"));
            }
        }
        before = line;
    }
    for (limit, place, test) in ELSEWHERE {
        let mut inside =
            found.iter().filter(|(path, _)| path.strip_prefix(top).unwrap().starts_with(place));
        let holds = inside.any(|(path, text)| match *test {
            "" => is_named(&tests_of(path, text), limit),
            test => text.contains(&format!("fn {test}(")),
        });
        if !holds {
            complaints.push(format!("{place} does not test {limit} any more"));
        }
    }
    for limit in READERS {
        let ends = [format!(", {limit})"), format!(",\n    {limit})")];
        if !found.iter().any(|(_, text)| ends.iter().any(|end| text.contains(end))) {
            complaints.push(format!("nothing reads a file within {limit} any more"));
        }
    }
    let all = HERE.iter().chain(READERS).chain(NOT_TRIED).copied();
    for limit in all.chain(ELSEWHERE.iter().map(|(limit, ..)| *limit)) {
        if !limits.contains(&format!("pub const {limit}:")) {
            complaints.push(format!("there is no limit {limit}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
