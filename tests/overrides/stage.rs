//! A repository, people of whom some may break the glass, and a ledger that begins through the
//! library.

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

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
use countersign::statement::break_glass::{Drill, Override};
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

const ORIGIN: &str = "shop.example/ledger";

/// Everybody who may be given the duty to override, with their names.
pub(crate) const PEOPLE: [(&str, &str); 5] = [
    ("ada", "Ada Ruiz"),
    ("mia", "Mia Kern"),
    ("jo", "Jo Fox"),
    ("kim", "Kim Roe"),
    ("lee", "Lee Tan"),
];

/// A temporary home with a repository of one commit by Ben, who may not override, and a ledger
/// whose baseline is that commit.
pub(crate) struct Stage {
    pub(crate) root: PathBuf,
    trust: TrustRoot,
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

/// An enforced policy with `terms` as its table `[override]`.
fn policy(mode: &str, terms: &str) -> String {
    format!(
        "version = 1\nlevels = [\"mid\", \"senior\"]\n\n[defaults]\nundeclared = \"none\"\n\
         unproved_authors = \"accept\"\n\n[override]\n{terms}\n\n\
         [environment.production]\nmode = \"{mode}\"\n\n[environment.staging]\n\
         mode = \"{mode}\"\n\n[service.shop]\nrepository = \"shop\"\nbranch = \"refs/heads/main\"\n"
    )
}

impl Stage {
    /// The first `holders` of [`PEOPLE`] have the duty; `terms` are lines of `[override]`.
    pub(crate) fn new(test: &str, holders: usize, terms: &str) -> Self {
        Self::with(test, holders, &policy("enforce", terms))
    }

    /// With a policy that refuses nothing.
    pub(crate) fn observing(test: &str) -> Self {
        Self::with(test, 2, &policy("observe", ""))
    }

    fn with(test: &str, holders: usize, policy: &str) -> Self {
        let root = std::env::temp_dir().join(format!("overrides-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("repo")).unwrap();
        fs::create_dir_all(root.join("config/countersign/keys")).unwrap();
        git(&root.join("repo"), &["init", "-q", "-b", "main", "."]);
        let everybody = PEOPLE.iter().map(|(id, _)| *id).chain(["ben", "gate"]);
        for who in everybody {
            generate(&key_file(&root, who), "test", None).unwrap();
        }
        let this = Self { root: root.clone(), trust: begin_ledger(&root, holders, policy) };
        fs::write(root.join("trust.toml"), this.trust.to_toml()).unwrap();
        this
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("repo")
    }

    /// Commits a file, by Ben; gives the commit.
    pub(crate) fn commit(&self, path: &str, content: &str) -> Revision {
        commit(&self.repository(), path, content)
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

    /// `who` signs off the step `revision`.
    pub(crate) fn approve(&self, who: &str, revision: &Revision) -> EntryIndex {
        let repository = Repository::open(&self.repository()).unwrap();
        let step = repository.step(revision).unwrap();
        let row = ApprovalRow {
            hash: countersign::base::digest::ContentDigest::from_bytes(
                *step.document.hash().as_bytes(),
            ),
            repository: Some(RepositoryName::new("shop").unwrap()),
            target: Some("refs/heads/main".parse().unwrap()),
            base: step.parent,
            head: Some(revision.clone()),
            assistance_seen: Some(Assistance::Generated),
            shown: Shown::Diff,
            supersedes: None,
        };
        self.say(
            who,
            Says::Approval(Approval {
                verdict: ApprovalVerdict::Approve,
                subject_type: SubjectType::Change,
                rows: vec![row],
                withdraws: None,
                comment: None,
                checklist: Vec::new(),
            }),
        )
    }

    /// An admin changes something.
    pub(crate) fn govern(&self, operation: Operation) -> EntryIndex {
        let base = self.look(|view| view.newest_governance().map(|entry| entry.leaf));
        let operations = vec![operation];
        self.say("ada", Says::Governance(Governance { genesis: None, base, operations }))
    }

    fn command(&self, arguments: &[&str]) -> Command {
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

    /// `who` overrides what is checked out.
    #[track_caller]
    pub(crate) fn break_glass(&self, who: &str) -> Said {
        self.by(who, &["override", "-m", "checkout is down", "-y"]).expect(0, &["SIGNED"])
    }

    /// The gate deploys what is checked out; the command leaves a file.
    pub(crate) fn deploy(&self) -> Said {
        let _ = fs::remove_file(self.root.join("deployed"));
        self.run(&["gate", "--", "touch", &self.root.join("deployed").display().to_string()])
    }

    pub(crate) fn has_deployed(&self) -> bool {
        self.root.join("deployed").is_file()
    }

    /// Takes the ledger away, or brings it back.
    pub(crate) fn take_ledger(&self, away: bool) {
        let (here, there) = (self.root.join("ledger"), self.root.join("elsewhere"));
        let (from, to) = if away { (here, there) } else { (there, here) };
        fs::rename(from, to).unwrap();
    }

    /// Every entry, oldest first.
    pub(crate) fn entries(&self) -> Vec<VerifiedEntry> {
        let session = self.session();
        let all = 0..session.size().get();
        all.map(|index| session.entry(EntryIndex::new(index)).unwrap()).collect()
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        let pick = |entry: &VerifiedEntry| match &entry.statement().says {
            Says::Decision(said) => Some(said.clone()),
            _ => None,
        };
        self.entries().iter().filter_map(pick).collect()
    }

    pub(crate) fn deployments(&self) -> Vec<(EntryIndex, Deployment)> {
        let pick = |entry: &VerifiedEntry| match &entry.statement().says {
            Says::Deployment(said) => Some((entry.index(), said.clone())),
            _ => None,
        };
        self.entries().iter().filter_map(pick).collect()
    }

    /// The commit that is settled in production.
    pub(crate) fn settled(&self) -> Option<Revision> {
        self.look(|view| view.settled(&service(), &production()).newest().unwrap().revision.clone())
    }

    /// How many debts there are in production.
    pub(crate) fn debts(&self) -> usize {
        self.look(|view| view.settled(&service(), &production()).debts().count())
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&View) -> T) -> T {
        at(self.session().view())
    }

    /// An override as the library makes it, for the commit in production.
    pub(crate) fn overriding(revision: &Revision, claimed: u64, lasts: u64) -> Override {
        Override {
            service: service(),
            environment: production(),
            repository: RepositoryName::new("shop").unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            claimed: Timestamp::from_milliseconds(claimed),
            expires: Timestamp::from_milliseconds(claimed + lasts),
            reason: Opening::new([7; 32], "down").unwrap().commitment().unwrap(),
            incident: None,
            drill: None::<Drill>,
        }
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

/// Waits a little longer than that.
pub(crate) fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds + 50));
}

pub(crate) fn commit(repository: &Path, path: &str, content: &str) -> Revision {
    let file = repository.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
    git(repository, &["add", "-A"]);
    git(repository, &["commit", "-q", "-m", &format!("Change {path}")]);
    head(repository)
}

pub(crate) fn head(repository: &Path) -> Revision {
    Revision::new(git(repository, &["rev-parse", "HEAD"])).unwrap()
}

/// git as Ben, without anybody's settings.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ben Ito", "-c", "user.email=ben@example.com"])
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the program under test finds git here")]
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

fn begin_ledger(root: &Path, holders: usize, policy: &str) -> TrustRoot {
    let beginning = Beginning::new(&Origin::new(ORIGIN).unwrap()).unwrap();
    let first = commit(&root.join("repo"), "README", "shop\n");
    let mut operations = Vec::new();
    let openings = Openings::new(&root.join("ledger"));
    let people = PEOPLE.iter().copied().chain([("ben", "Ben Ito"), ("gate", "")]);
    for (number, (who, called)) in people.enumerate() {
        let kind = if who == "gate" { MemberKind::Service } else { MemberKind::Human };
        let mut duties = match who {
            "gate" => vec![Duty::Decide, Duty::Deploy],
            _ => vec![Duty::Review],
        };
        if number < holders {
            duties.push(Duty::Override);
        }
        let profile = format!("{{\"name\":\"{called}\"}}");
        let opening = Opening::new([u8::try_from(number + 1).unwrap(); 32], profile).unwrap();
        operations.push(Operation::SetMember(SetMember {
            member: id(who),
            kind,
            level: (kind == MemberKind::Human).then(|| LevelName::new("senior").unwrap()),
            teams: Vec::new(),
            duties,
            operator: None,
            profile: (who != "gate").then(|| openings.put(&opening).unwrap()),
            emails: vec![beginning.salt().digest(format!("{who}@example.com").as_bytes())],
        }));
        let key = key(root, who).public_key().clone();
        operations.push(Operation::AddKey(AddKey { member: id(who), key, attestation: None }));
    }
    operations.push(Operation::SetAdmins(SetAdmins { admins: vec![id("ada")], threshold: 1 }));
    operations.push(Operation::SetPolicy(SetPolicy { text: policy.to_owned() }));
    for environment in ["production", "staging"] {
        operations.push(Operation::SetBaseline(SetBaseline {
            service: service(),
            environment: EnvironmentName::new(environment).unwrap(),
            accepted: Accepted::UpTo(first.clone()),
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
