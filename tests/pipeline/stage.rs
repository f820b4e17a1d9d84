//! A repository, people with keys, and a ledger that begins through the library.

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use countersign::base::digest::ContentDigest;
use countersign::base::name::{
    EnvironmentName, LevelName, MemberId, Origin, RepositoryName, Revision, ServiceName,
};
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::config::file_name_of;
use countersign::git::Repository;
use countersign::key::{SeedSigner, Signer as _};
use countersign::session::{Beginning, LedgerKeyFile, Opening, Session, begin, sign};
use countersign::signer::file;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::governance::{
    Accepted, AddKey, Operation, SetAdmins, SetBaseline, SetMember, SetPolicy,
};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, Duty, MemberKind, Shown, SubjectType,
};
use countersign::statement::{Says, Statement};
use countersign::verify::VerifiedEntry;
use countersign::verify::trust::TrustRoot;
use countersign::view::View;

pub(crate) const ORIGIN: &str = "shop.example/ledger";

/// A policy with `mode` for production.
pub(crate) fn policy(mode: &str) -> String {
    format!(
        "version = 1\nlevels = [\"mid\", \"senior\"]\n\n[defaults]\nundeclared = \"none\"\n\
         unproved_authors = \"accept\"\n\n[environment.production]\nmode = \"{mode}\"\n\n\
         [environment.staging]\nmode = \"{mode}\"\n\n\
         [service.shop]\nrepository = \"shop\"\nbranch = \"refs/heads/main\"\n"
    )
}

/// A temporary home with a repository of one commit and a ledger whose baseline is that commit.
pub(crate) struct Stage {
    pub(crate) root: PathBuf,
    pub(crate) trust: TrustRoot,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) talk: String,
}

impl Stage {
    /// With the policy of [`policy`] in that mode, and everything up to the first commit accepted.
    pub(crate) fn new(test: &str, mode: &str) -> Self {
        Self::with(test, &policy(mode), true)
    }

    /// `has_baseline`: up to the first commit; otherwise nothing is accepted.
    pub(crate) fn with(test: &str, policy: &str, has_baseline: bool) -> Self {
        let root = std::env::temp_dir().join(format!("pipeline-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("repo")).unwrap();
        fs::create_dir_all(root.join("config/countersign/keys")).unwrap();
        git(&root.join("repo"), &["init", "-q", "-b", "main", "."]);
        commit(&root.join("repo"), "README", "shop\n", "Begin");
        let gate = root.join("config/countersign/keys").join(format!("{}.gate", name()));
        for file in [root.join("ada"), root.join("ben"), root.join("ci"), gate] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
                .arg(&file)
                .status();
            assert!(made.unwrap().success());
        }
        let trust = begin_ledger(&root, policy, has_baseline);
        fs::write(root.join("trust.toml"), trust.to_toml()).unwrap();
        Self { root, trust }
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("repo")
    }

    /// Commits a file on main; gives the commit.
    pub(crate) fn commit(&self, path: &str, content: &str) -> Revision {
        commit(&self.repository(), path, content, &format!("Change {path}"))
    }

    pub(crate) fn session(&self) -> Session {
        let key = LedgerKeyFile::new(
            self.root.join("config/countersign/keys").join(format!("{}.ledger", name())),
        );
        let opening = Opening {
            folder: &self.root.join("ledger"),
            trust: &self.trust,
            ledger_key: &key,
            command: "test",
            seen: None,
        };
        Session::open(&opening).unwrap()
    }

    /// Somebody says something, through the library.
    pub(crate) fn say(&self, who: &str, says: Says) -> EntryIndex {
        let mut session = self.session();
        let statement = session.statement(&id(who), says);
        let envelope = sign(&statement, &key(&self.root, who)).unwrap();
        let receipts = session.append(now(), &[envelope]).unwrap();
        receipts.into_iter().next().unwrap().unwrap().index
    }

    /// `who` signs off the step `revision` for main.
    pub(crate) fn approve(&self, who: &str, revision: &Revision) -> EntryIndex {
        self.say(who, self.approval(revision))
    }

    /// What a reviewer says of the step `revision`.
    pub(crate) fn approval(&self, revision: &Revision) -> Says {
        let repository = Repository::open(&self.repository()).unwrap();
        let step = repository.step(revision).unwrap();
        let row = ApprovalRow {
            hash: ContentDigest::from_bytes(*step.document.hash().as_bytes()),
            repository: Some(RepositoryName::new("shop").unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            base: step.parent,
            head: Some(revision.clone()),
            assistance_seen: Some(Assistance::Generated),
            shown: Shown::Diff,
            supersedes: None,
        };
        Says::Approval(Approval {
            verdict: ApprovalVerdict::Approve,
            subject_type: SubjectType::Change,
            rows: vec![row],
            withdraws: None,
            comment: None,
            checklist: Vec::new(),
        })
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(self.repository()).stdin(Stdio::null());
        command.env_clear().env("HOME", &self.root).env("PATH", path());
        command.env("XDG_CONFIG_HOME", self.root.join("config"));
        command.env("COUNTERSIGN_LEDGER", self.root.join("ledger"));
        command.env("COUNTERSIGN_TRUST", self.root.join("trust.toml"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().unwrap())
    }

    /// Every entry, oldest first.
    pub(crate) fn entries(&self) -> Vec<VerifiedEntry> {
        let session = self.session();
        let all = 0..session.size().get();
        all.map(|index| session.entry(EntryIndex::new(index)).unwrap()).collect()
    }

    pub(crate) fn decisions(&self) -> Vec<(VerifiedEntry, Decision)> {
        let pick = |entry: VerifiedEntry| match &entry.statement().says {
            Says::Decision(said) => Some((entry.clone(), said.clone())),
            _ => None,
        };
        self.entries().into_iter().filter_map(pick).collect()
    }

    pub(crate) fn deployments(&self) -> Vec<(VerifiedEntry, Deployment)> {
        let pick = |entry: VerifiedEntry| match &entry.statement().says {
            Says::Deployment(said) => Some((entry.clone(), said.clone())),
            _ => None,
        };
        self.entries().into_iter().filter_map(pick).collect()
    }

    /// The commit that is settled in production.
    pub(crate) fn settled(&self) -> Option<Revision> {
        self.look(|view| {
            let place = (ServiceName::new("shop").unwrap(), production());
            view.settled(&place.0, &place.1).newest().unwrap().revision.clone()
        })
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&View) -> T) -> T {
        at(self.session().view())
    }
}

pub(crate) fn production() -> EnvironmentName {
    EnvironmentName::new("production").unwrap()
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let status = output.status.code().unwrap_or(-1);
    Said { status, out: text(&output.stdout), talk: text(&output.stderr) }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "status {}\n{}\n---\n{}", self.status, self.out, self.talk)
    }
}

/// Commits a file in a repository.
pub(crate) fn commit(repository: &Path, path: &str, content: &str, title: &str) -> Revision {
    let file = repository.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
    git(repository, &["add", "-A"]);
    git(repository, &["commit", "-q", "-m", title]);
    head(repository)
}

pub(crate) fn head(repository: &Path) -> Revision {
    Revision::new(git(repository, &["rev-parse", "HEAD"])).unwrap()
}

/// git as Ben, without anybody's settings.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ben Ito", "-c", "user.email=ben@example.com"])
        .args(["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the program under test finds git and sh here")]
fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn name() -> String {
    file_name_of(&Origin::new(ORIGIN).unwrap())
}

pub(crate) fn id(who: &str) -> MemberId {
    MemberId::new(who).unwrap()
}

fn key_file(root: &Path, who: &str) -> PathBuf {
    match who {
        "gate" => root.join("config/countersign/keys").join(format!("{}.gate", name())),
        other => root.join(other),
    }
}

pub(crate) fn key(root: &Path, who: &str) -> SeedSigner {
    file::load(&key_file(root, who), &mut |_| None).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the program under test has the real clock")]
pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_milliseconds(u64::try_from(now.as_millis()).unwrap())
}

fn begin_ledger(root: &Path, policy: &str, has_baseline: bool) -> TrustRoot {
    let beginning = Beginning::new(&Origin::new(ORIGIN).unwrap()).unwrap();
    let mut operations = Vec::new();
    let people = [
        ("ada", MemberKind::Human, Some("senior"), vec![Duty::Review]),
        ("ben", MemberKind::Human, Some("mid"), vec![Duty::Review]),
        ("ci", MemberKind::Service, None, vec![Duty::Build]),
        ("gate", MemberKind::Service, None, vec![Duty::Decide, Duty::Deploy]),
    ];
    for (who, kind, level, duties) in people {
        let email = format!("{who}@example.com");
        operations.push(Operation::SetMember(SetMember {
            member: id(who),
            kind,
            level: level.map(|level| LevelName::new(level).unwrap()),
            teams: Vec::new(),
            duties,
            operator: None,
            profile: None,
            emails: vec![beginning.salt().digest(email.as_bytes())],
        }));
        let key = key(root, who).public_key().clone();
        operations.push(Operation::AddKey(AddKey { member: id(who), key, attestation: None }));
    }
    operations.push(Operation::SetAdmins(SetAdmins { admins: vec![id("ada")], threshold: 1 }));
    operations.push(Operation::SetPolicy(SetPolicy { text: policy.to_owned() }));
    for environment in ["production", "staging"] {
        let accepted =
            if has_baseline { Accepted::UpTo(head(&root.join("repo"))) } else { Accepted::Nothing };
        operations.push(Operation::SetBaseline(SetBaseline {
            service: ServiceName::new("shop").unwrap(),
            environment: EnvironmentName::new(environment).unwrap(),
            accepted,
            replaces: None,
            reason: None,
        }));
    }
    let statement: Statement = beginning.statement(&id("ada"), operations);
    let ada = key(root, "ada");
    let envelope = sign(&statement, &ada).unwrap();
    let file =
        LedgerKeyFile::new(root.join("config/countersign/keys").join(format!("{}.ledger", name())));
    let admins = [ada.public_key().fingerprint()];
    begin(&beginning, &root.join("ledger"), &file, &envelope, &admins, now()).unwrap()
}
