//! A repository, people with keys, and a ledger that begins through the library; then people
//! speak through the library and run the program.
//!
//! Several test programs have it. What only one of them needs stands in its own `stage.rs`.

#![allow(dead_code, reason = "each test program uses what it needs")]
#![allow(clippy::disallowed_methods, reason = "files need not survive a crash; PATH and clock")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use countersign::base::digest::ContentDigest;
use countersign::base::name::{
    EnvironmentName, LevelName, MemberId, Origin, RepositoryName, Revision, ServiceName,
};
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::blobs::openings::Openings;
use countersign::config::file_name_of;
use countersign::git::Repository;
use countersign::key::{SeedSigner, Signer as _};
use countersign::ledger::append::Refusal;
use countersign::session::{Beginning, LedgerKeyFile, Opening as Place, Session, begin, sign};
use countersign::signer::{file, generate};
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::commitment::Opening;
use countersign::statement::governance::{
    Accepted, AddKey, Governance, Operation, SetAdmins, SetBaseline, SetMember, SetPolicy,
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

/// Somebody on the roster, with a key of that name.
pub(crate) struct Person {
    pub(crate) id: &'static str,
    /// The name in an opening beside the ledger; none where there is no profile.
    pub(crate) called: Option<&'static str>,
    pub(crate) kind: MemberKind,
    pub(crate) level: Option<&'static str>,
    pub(crate) duties: Vec<Duty>,
}

/// What a ledger begins with. The first person is the admin.
pub(crate) struct Beginnings {
    pub(crate) people: Vec<Person>,
    /// None where another program began the ledger: then it has no baseline either.
    pub(crate) policy: Option<String>,
    /// Whether everything up to the first commit is accepted; else nothing is.
    pub(crate) has_baseline: bool,
}

/// A temporary home with a repository of one commit by Ben and a ledger of it.
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

impl Said {
    /// Everything that was said, line breaks aside.
    pub(crate) fn all(&self) -> String {
        let both = format!("{} {}", self.out, self.talk);
        both.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Expects a status, and that these words were said.
    #[track_caller]
    pub(crate) fn expect(self, status: i32, words: &[&str]) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        for word in words {
            assert!(self.all().contains(word), "{word:?} is not in {self:?}");
        }
        let is_json = self.out.starts_with(['{', '[']);
        let long = self.out.lines().chain(self.talk.lines()).find(|line| {
            let line = if is_json { "" } else { line };
            // A command or a digest stays whole, to be copied.
            line.chars().count() > 80 && line.split_whitespace().all(|word| word.len() < 60)
        });
        assert!(long.is_none(), "over 80 columns: {long:?} in {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_str(&self.out);
        assert!(parsed.is_ok(), "{self:?}");
        parsed.unwrap()
    }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "status {}\n{}\n---\n{}", self.status, self.out, self.talk)
    }
}

/// A policy with `mode` for production and staging, and `tables` before them.
pub(crate) fn policy(mode: &str, tables: &str) -> String {
    format!(
        "version = 1\nlevels = [\"mid\", \"senior\"]\n\n[defaults]\nundeclared = \"none\"\n\
         unproved_authors = \"accept\"\n\n{tables}[environment.production]\nmode = \"{mode}\"\n\n\
         [environment.staging]\nmode = \"{mode}\"\n\n\
         [service.shop]\nrepository = \"shop\"\nbranch = \"refs/heads/main\"\n"
    )
}

/// A service that decides and deploys.
pub(crate) fn gate() -> Person {
    let duties = vec![Duty::Decide, Duty::Deploy];
    Person { id: "gate", called: None, kind: MemberKind::Service, level: None, duties }
}

impl Stage {
    /// A home of its own for each test program and test.
    pub(crate) fn begin(test: &str, beginnings: &Beginnings) -> Self {
        let program = env!("CARGO_CRATE_NAME");
        let root = std::env::temp_dir().join(format!("{program}-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("repo")).unwrap();
        fs::create_dir_all(root.join("config/countersign/keys")).unwrap();
        git(&root.join("repo"), &["init", "-q", "-b", "main", "."]);
        let first = commit(&root.join("repo"), "README", "shop\n", "Begin");
        for person in &beginnings.people {
            generate(&key_file(&root, person.id), "test", None).unwrap();
        }
        let trust = begin_ledger(&root, &first, beginnings);
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

    /// The first parent of a commit.
    pub(crate) fn parent(&self, commit: &Revision) -> Revision {
        let parent = git(&self.repository(), &["rev-parse", &format!("{commit}^")]);
        Revision::new(parent).unwrap()
    }

    pub(crate) fn session(&self) -> Session {
        let key = LedgerKeyFile::new(
            self.root.join("config/countersign/keys").join(format!("{}.ledger", name())),
        );
        let place = Place {
            folder: &self.root.join("ledger"),
            trust: &self.trust,
            ledger_key: &key,
            command: "test",
            seen: None,
        };
        Session::open(&place).unwrap()
    }

    /// Somebody says something, through the library.
    pub(crate) fn try_say(&self, who: &str, says: Says) -> Result<EntryIndex, Refusal> {
        let mut session = self.session();
        let statement = session.statement(&id(who), says);
        let envelope = sign(&statement, &key(&self.root, who)).unwrap();
        let receipts = session.append(now(), &[envelope]).unwrap();
        receipts.into_iter().next().unwrap().map(|receipt| receipt.index)
    }

    #[track_caller]
    pub(crate) fn say(&self, who: &str, says: Says) -> EntryIndex {
        self.try_say(who, says).unwrap()
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
            service: None,
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

    /// An admin changes something.
    pub(crate) fn govern(&self, operation: Operation) -> EntryIndex {
        let base = self.look(|view| view.newest_governance().map(|entry| entry.leaf));
        let operations = vec![operation];
        self.say("ada", Says::Governance(Governance { genesis: None, base, operations }))
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

    /// Somebody runs the program with their key.
    pub(crate) fn by(&self, who: &str, arguments: &[&str]) -> Said {
        let key = key_file(&self.root, who);
        let mut command = self.command(arguments);
        said(&command.arg("--key").arg(key).output().unwrap())
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
        self.look(|view| view.settled(&service(), &production()).newest().unwrap().revision.clone())
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&View) -> T) -> T {
        at(self.session().view())
    }
}

pub(crate) fn service() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

pub(crate) fn production() -> EnvironmentName {
    EnvironmentName::new("production").unwrap()
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let status = output.status.code().unwrap_or(-1);
    Said { status, out: text(&output.stdout), talk: text(&output.stderr) }
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

pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_milliseconds(u64::try_from(now.as_millis()).unwrap())
}

fn begin_ledger(root: &Path, first: &Revision, beginnings: &Beginnings) -> TrustRoot {
    let beginning = Beginning::new(&Origin::new(ORIGIN).unwrap()).unwrap();
    let openings = Openings::new(&root.join("ledger"));
    let mut operations = Vec::new();
    for (person, number) in beginnings.people.iter().zip(1..) {
        let profile = person.called.map(|called| {
            let text = format!("{{\"name\":\"{called}\"}}");
            openings.put(&Opening::new([number; 32], text).unwrap()).unwrap()
        });
        operations.push(Operation::SetMember(SetMember {
            member: id(person.id),
            kind: person.kind,
            level: person.level.map(|level| LevelName::new(level).unwrap()),
            teams: Vec::new(),
            duties: person.duties.clone(),
            operator: None,
            profile,
            emails: vec![beginning.salt().digest(format!("{}@example.com", person.id).as_bytes())],
        }));
        let (member, key) = (id(person.id), key(root, person.id).public_key().clone());
        operations.push(Operation::AddKey(AddKey { member, key, attestation: None }));
    }
    let admin = beginnings.people[0].id;
    operations.push(Operation::SetAdmins(SetAdmins { admins: vec![id(admin)], threshold: 1 }));
    let text = beginnings.policy.clone();
    let environments: &[&str] = if text.is_some() { &["production", "staging"] } else { &[] };
    operations.extend(text.map(|text| Operation::SetPolicy(SetPolicy { text })));
    for environment in environments {
        let up_to = Accepted::UpTo(first.clone());
        operations.push(Operation::SetBaseline(SetBaseline {
            service: service(),
            environment: EnvironmentName::new(*environment).unwrap(),
            accepted: if beginnings.has_baseline { up_to } else { Accepted::Nothing },
            replaces: None,
            reason: None,
        }));
    }
    let statement: Statement = beginning.statement(&id(admin), operations);
    let signer = key(root, admin);
    let envelope = sign(&statement, &signer).unwrap();
    let file =
        LedgerKeyFile::new(root.join("config/countersign/keys").join(format!("{}.ledger", name())));
    let admins = [signer.public_key().fingerprint()];
    begin(&beginning, &root.join("ledger"), &file, &envelope, &admins, now()).unwrap()
}
