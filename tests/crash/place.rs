//! What these tests share: chance by seed, copies of folders, and a ledger of real statements that
//! begins through the library.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::digest::ContentDigest;
use countersign::base::name::{MemberId, Origin};
use countersign::base::time::Timestamp;
use countersign::key::{SeedSigner, Signer as _};
use countersign::session::check::{CheckRequest, Checked, check_ledger};
use countersign::session::{Beginning, LedgerKeyFile, Opening, Session, SessionError, begin, sign};
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::governance::{AddKey, Operation, SetAdmins, SetMember};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, Duty, MemberKind, Shown, SubjectType,
};
use countersign::statement::{Says, commitment};
use countersign::verify::trust::TrustRoot;

/// Splitmix64: a run is its seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }
}

/// Copies a folder with everything in it into one that is there.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

const REVIEWER: &str = "ben";

/// A ledger with one admin and one reviewer, whose keys are made of known seeds.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) root: PathBuf,
    pub(crate) trust: TrustRoot,
    is_kept: bool,
}

fn key(seed: u8) -> SeedSigner {
    SeedSigner::from_seed(&[seed; 32], "test").unwrap()
}

pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_milliseconds(u64::try_from(now.as_millis()).unwrap())
}

impl Place {
    /// Begins a ledger in a folder of its own.
    pub(crate) fn begin(name: &str) -> Self {
        Self::begin_in(&std::env::temp_dir().join(format!("crash-{name}-{}", std::process::id())))
    }

    /// Begins a ledger in this folder.
    pub(crate) fn begin_in(root: &Path) -> Self {
        let root = root.to_owned();
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let beginning = Beginning::new(&Origin::new("crash.example/ledger").unwrap()).unwrap();
        let mut operations = Vec::new();
        for (name, seed) in [("ada", 1), (REVIEWER, 2)] {
            let member = MemberId::new(name).unwrap();
            operations.push(Operation::SetMember(SetMember {
                member: member.clone(),
                kind: MemberKind::Human,
                level: None,
                teams: Vec::new(),
                duties: vec![Duty::Review],
                operator: None,
                profile: None,
                emails: Vec::new(),
            }));
            let key = key(seed).public_key().clone();
            operations.push(Operation::AddKey(AddKey { member, key, attestation: None }));
        }
        let ada = MemberId::new("ada").unwrap();
        operations
            .push(Operation::SetAdmins(SetAdmins { admins: vec![ada.clone()], threshold: 1 }));
        let statement = beginning.statement(&ada, operations);
        let genesis = sign(&statement, &key(1)).unwrap();
        let admins = [key(1).public_key().fingerprint()];
        let file = LedgerKeyFile::new(root.join("key"));
        let trust =
            begin(&beginning, &root.join("ledger"), &file, &genesis, &admins, now()).unwrap();
        fs::write(root.join("trust.toml"), trust.to_toml()).unwrap();
        Self { root, trust, is_kept: false }
    }

    /// The ledger that another process began.
    pub(crate) fn at(root: &Path) -> Self {
        let trust = TrustRoot::parse(&fs::read(root.join("trust.toml")).unwrap()).unwrap();
        Self { root: root.to_owned(), trust, is_kept: true }
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    pub(crate) fn key_file(&self) -> LedgerKeyFile {
        LedgerKeyFile::new(self.root.join("key"))
    }

    /// What a check of the whole ledger finds.
    pub(crate) fn check(&self) -> Result<Checked, SessionError> {
        let request = CheckRequest {
            folder: &self.ledger(),
            trust: &self.trust,
            ledger_key: &self.key_file(),
            range: 0..u64::MAX,
            mirror: None,
        };
        check_ledger(&request, &mut |_| {})
    }

    pub(crate) fn open(&self) -> Result<Session, SessionError> {
        Session::open(&Opening {
            folder: &self.ledger(),
            trust: &self.trust,
            ledger_key: &self.key_file(),
            command: "test",
            seen: Some(&self.root.join("seen/newest")),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            drop(fs::remove_dir_all(&self.root));
        }
    }
}

/// A comment, as the reviewer's program keeps it before the entry.
pub(crate) fn comment(random: &mut Random) -> commitment::Opening {
    commitment::Opening::new(random.bytes(), format!("comment {}", random.next())).unwrap()
}

/// The reviewer's sign-off of a made-up change.
pub(crate) fn approval(
    session: &Session,
    random: &mut Random,
    comment: Option<&commitment::Opening>,
) -> countersign::statement::envelope::Envelope {
    let says = Says::Approval(Approval {
        verdict: ApprovalVerdict::Approve,
        subject_type: SubjectType::Change,
        rows: vec![ApprovalRow {
            hash: ContentDigest::from_bytes(random.bytes()),
            repository: Some("shop".parse().unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            service: None,
            base: None,
            head: Some("0".repeat(40).parse().unwrap()),
            assistance_seen: Some(Assistance::Generated),
            shown: Shown::Diff,
            supersedes: None,
        }],
        withdraws: None,
        comment: comment.and_then(commitment::Opening::commitment),
        checklist: Vec::new(),
    });
    sign(&session.statement(&MemberId::new(REVIEWER).unwrap(), says), &key(2)).unwrap()
}
