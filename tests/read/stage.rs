//! A real ledger beside a real repository, made through the library, and the program run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign::base::digest::{Commitment, ContentDigest};
use countersign::base::name::{
    EnvironmentName, LevelName, MemberId, Origin, ReferenceName, RepositoryName, RequestId,
    Revision, ServiceName, ToolName,
};
use countersign::base::position::EntryIndex;
use countersign::base::time::{Span, Timestamp};
use countersign::config::file_name_of;
use countersign::evidence::gather;
use countersign::git::Repository;
use countersign::key::{SeedSigner, Signer as _};
use countersign::ledger::receipt::Receipt;
use countersign::session::{Beginning, LedgerKeyFile, Opening, Session, begin, random, sign};
use countersign::statement::Says;
use countersign::statement::approval::{Approval, ApprovalRow};
use countersign::statement::change::{Declaration, DeclaredAuthor};
use countersign::statement::commitment::Opening as Commit;
use countersign::statement::governance::{
    Accepted, AddKey, Governance, Operation, SetAdmins, SetBaseline, SetMember, SetPolicy,
};
use countersign::statement::pipeline::{Decision, Deployment};
use countersign::statement::words::{
    ApprovalVerdict, Assistance, DecisionVerdict, Duty, MemberKind, Mode, Outcome, Shown,
    SubjectType,
};
use countersign::verify::cover::Cover;
use countersign::verify::trust::TrustRoot;
use countersign::verify::{Question, verdict};

const ORIGIN: &str = "shop.example/ledger";
/// 20 Nov 2026 09:00 UTC.
pub(crate) const START: u64 = 1_795_165_200_000;

const POLICY: &str = r#"version = 1
levels = ["mid", "senior"]

[environment.production]
mode = "MODE"

[service.checkout]
repository = "shop"
branch = "refs/heads/main"

[[rule]]
name = "AI-assisted changes need a senior"
when = { assistance = ["assisted", "generated"] }
require = [{ level = "senior", count = 1 }]
"#;

pub(crate) struct Stage {
    pub(crate) home: PathBuf,
    pub(crate) trust: TrustRoot,
    clock: u64,
}

pub(crate) fn member(id: &str) -> MemberId {
    MemberId::new(id).unwrap()
}

pub(crate) fn key(id: &str) -> SeedSigner {
    SeedSigner::from_seed(&[id.as_bytes()[0]; 32], "test").unwrap()
}

fn checkout() -> ServiceName {
    ServiceName::new("checkout").unwrap()
}

fn production() -> EnvironmentName {
    EnvironmentName::new("production").unwrap()
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder);
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ben Ito"),
        ("GIT_AUTHOR_EMAIL", "ben@shop.example"),
        ("GIT_COMMITTER_NAME", "Ben Ito"),
        ("GIT_COMMITTER_EMAIL", "ben@shop.example"),
        ("GIT_AUTHOR_DATE", "1795150000 +0000"),
        ("GIT_COMMITTER_DATE", "1795150000 +0000"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn person(
    id: &str,
    kind: MemberKind,
    level: Option<&str>,
    duties: &[Duty],
    name: &str,
) -> (SetMember, Commit) {
    let profile = format!("{{\"name\":\"{name}\"}}");
    let profile = Commit::new(random(), profile).unwrap();
    let mut duties = duties.to_vec();
    duties.sort();
    let said = SetMember {
        member: member(id),
        kind,
        level: level.map(|level| LevelName::new(level).unwrap()),
        teams: Vec::new(),
        duties,
        operator: None,
        profile: profile.commitment(),
        emails: Vec::new(),
    };
    (said, profile)
}

impl Stage {
    /// A ledger of three members with a policy in that mode and a baseline at the first commit.
    pub(crate) fn new(test: &str, mode: &str) -> Self {
        let home = std::env::temp_dir().join(format!("read-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let work = home.join("work");
        fs::create_dir_all(&work).unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        let mut people = vec![
            person("ada", MemberKind::Human, Some("senior"), &[Duty::Review], "Ada Ruiz"),
            person("ben", MemberKind::Human, Some("mid"), &[Duty::Review], "Ben Ito"),
            person("mia", MemberKind::Human, Some("senior"), &[], "Mia Kern"),
            person("gate", MemberKind::Service, None, &[Duty::Decide, Duty::Deploy], "the gate"),
        ];
        let origin = Origin::new(ORIGIN).unwrap();
        let beginning = Beginning::new(&origin).unwrap();
        people[1].0.emails = vec![beginning.salt().digest(b"ben@shop.example")];
        let first = commit(&work, "checkout/a.txt", "one\n", "Begin");
        let mut operations = Vec::new();
        for (said, _) in &people {
            let public = key(said.member.as_str()).public_key().clone();
            let added = AddKey { member: said.member.clone(), key: public, attestation: None };
            operations.push(Operation::SetMember(said.clone()));
            operations.push(Operation::AddKey(added));
        }
        let admins = SetAdmins { admins: vec![member("mia")], threshold: 1 };
        operations.push(Operation::SetAdmins(admins));
        operations.push(Operation::SetPolicy(SetPolicy { text: POLICY.replace("MODE", mode) }));
        operations.push(Operation::SetBaseline(SetBaseline {
            service: checkout(),
            environment: production(),
            accepted: Accepted::UpTo(first),
            replaces: None,
            reason: None,
        }));
        let genesis = sign(&beginning.statement(&member("mia"), operations), &key("mia")).unwrap();
        let trust = begin(
            &beginning,
            &home.join("ledger"),
            &ledger_key(&home),
            &genesis,
            &[key("mia").public_key().fingerprint()],
            Timestamp::from_milliseconds(START),
        )
        .unwrap();
        fs::write(home.join("trust.toml"), trust.to_toml()).unwrap();
        let this = Self { home, trust, clock: START };
        let session = this.session();
        for (_, profile) in &people {
            session.openings().put(profile).unwrap();
        }
        this
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.home.join("ledger")
    }

    pub(crate) fn session(&self) -> Session {
        let opening = Opening {
            folder: &self.home.join("ledger"),
            trust: &self.trust,
            ledger_key: &ledger_key(&self.home),
            command: "test",
            seen: None,
        };
        Session::open(&opening).unwrap()
    }

    /// Appends one minute after the entry before.
    pub(crate) fn append(&mut self, session: &mut Session, by: &str, says: Says) -> Receipt {
        self.clock += 60_000;
        let statement = session.statement(&member(by), says);
        let envelope = sign(&statement, &key(by)).unwrap();
        let now = Timestamp::from_milliseconds(self.clock);
        session.append(now, &[envelope]).unwrap().remove(0).unwrap()
    }

    pub(crate) fn govern(&mut self, operations: Vec<Operation>) -> EntryIndex {
        let mut session = self.session();
        let base = session.view().newest_governance().map(|entry| entry.leaf);
        let says = Says::Governance(Governance { genesis: None, base, operations });
        self.append(&mut session, "mia", says).index
    }

    /// Ada takes back the approval at an entry.
    pub(crate) fn withdraw(&mut self, index: u64) -> EntryIndex {
        let mut session = self.session();
        let entry = session.entry(EntryIndex::new(index)).unwrap();
        let Says::Approval(mut said) = entry.statement().says.clone() else { unreachable!() };
        said.verdict = ApprovalVerdict::Withdraw;
        said.withdraws = Some(entry.entry());
        said.comment = None;
        self.append(&mut session, "ada", Says::Approval(said)).index
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.home.join("work")
    }

    /// The newest commit.
    pub(crate) fn head(&self) -> Revision {
        Revision::new(git(&self.work(), &["rev-parse", "HEAD"])).unwrap()
    }

    /// Commits a change, declares it, and has it signed off if `signed`; gives its hash.
    pub(crate) fn change(&mut self, text: &str, title: &str, signed: bool) -> Revision {
        let parent = self.head();
        let head = commit(&self.work(), "checkout/a.txt", text, title);
        let repository = Repository::open(&self.work()).unwrap();
        let document = repository.document(Some(&parent), &head).unwrap();
        let mut session = self.session();
        let shop = RepositoryName::new("shop").unwrap();
        let main = ReferenceName::new("refs/heads/main").unwrap();
        let declared = Declaration {
            change: document.hash(),
            repository: shop.clone(),
            base: Some(parent.clone()),
            head: head.clone(),
            target: main.clone(),
            authors: vec![DeclaredAuthor::Member(member("ben"))],
            request: Some(RequestId::new("#1841").unwrap()),
            predecessor: None,
            assistance: Assistance::Assisted,
            tools: vec![ToolName::new("Claude Code").unwrap()],
        };
        self.append(&mut session, "ben", Says::Change(declared));
        if signed {
            let comment = Commit::new(random(), "read line by line").unwrap();
            let comment: Commitment = session.openings().put(&comment).unwrap();
            let approval = Approval {
                verdict: ApprovalVerdict::Approve,
                subject_type: SubjectType::Change,
                rows: vec![ApprovalRow {
                    hash: ContentDigest::from_bytes(*document.hash().as_bytes()),
                    repository: Some(shop),
                    target: Some(main),
                    service: None,
                    base: Some(parent),
                    head: Some(head.clone()),
                    assistance_seen: Some(Assistance::Assisted),
                    shown: Shown::Diff,
                    supersedes: None,
                }],
                withdraws: None,
                comment: Some(comment),
                checklist: Vec::new(),
            };
            self.append(&mut session, "ada", Says::Approval(approval));
        }
        head
    }

    /// Decides as the gate does, and deploys; gives decision, deployment and outcome.
    pub(crate) fn deploy(&mut self, revision: &Revision) -> [EntryIndex; 3] {
        self.deploy_and(revision, Outcome::Succeeded)
    }

    /// The same with an outcome.
    pub(crate) fn deploy_and(&mut self, revision: &Revision, outcome: Outcome) -> [EntryIndex; 3] {
        self.deploy_with(revision, outcome, None)
    }

    /// Somebody with the gate's key allows a revision by a cover of their own.
    pub(crate) fn forge(&mut self, revision: &Revision, cover: &Cover) -> [EntryIndex; 3] {
        self.deploy_with(revision, Outcome::Succeeded, Some(cover))
    }

    fn deploy_with(
        &mut self,
        revision: &Revision,
        outcome: Outcome,
        forged: Option<&Cover>,
    ) -> [EntryIndex; 3] {
        let mut session = self.session();
        let question = Question {
            service: checkout(),
            environment: production(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            time: Timestamp::from_milliseconds(self.clock).plus(Span::from_milliseconds(1)),
        };
        let repository = Repository::open(&self.work()).unwrap();
        let gathered = gather(&session, &repository, &question).unwrap();
        let found = verdict(&question, &gathered.evidence(&session));
        let (allowed, cover) = match forged {
            Some(cover) => (true, Some(session.blobs().put(&cover.to_bytes()).unwrap())),
            None if found.is_allowed() => {
                (true, Some(session.blobs().put(&found.cover().to_bytes()).unwrap()))
            }
            None => (false, None),
        };
        let decision = Decision {
            service: checkout(),
            environment: production(),
            repository: RepositoryName::new("shop").unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            verdict: if allowed { DecisionVerdict::Allow } else { DecisionVerdict::Deny },
            mode: found.mode,
            start: found.start_entry(),
            newest: found.newest,
            policy: found.policy.unwrap().1,
            trust: self.trust.digest(),
            reasons: found
                .reasons()
                .iter()
                .filter(|_| !allowed)
                .map(|code| RequestId::new(code.as_str()).unwrap())
                .collect(),
            cover,
            overrides: Vec::new(),
            program: ToolName::new("countersign 0.1.0").unwrap(),
        };
        let mut decision = decision;
        decision.reasons.sort_unstable();
        assert!(allowed || found.mode == Mode::Observe, "{found:#?}");
        let decided = self.append(&mut session, "gate", Says::Decision(decision));
        let id = session.entry(decided.index).unwrap().id();
        let mut deployment = Deployment {
            service: checkout(),
            environment: production(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            decision: Some(id),
            overrides: Vec::new(),
            started: None,
            outcome: Outcome::Started,
            trigger: None,
            run: None,
        };
        let started = self.append(&mut session, "gate", Says::Deployment(deployment.clone()));
        deployment.decision = None;
        deployment.started = Some(session.entry(started.index).unwrap().id());
        deployment.outcome = outcome;
        let outcome = self.append(&mut session, "gate", Says::Deployment(deployment));
        [decided.index, started.index, outcome.index]
    }

    /// Runs the program in the repository on this ledger, or on another folder.
    pub(crate) fn run_on(&self, ledger: &Path, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).arg("--ledger").arg(ledger);
        command.arg("--trust").arg(self.home.join("trust.toml"));
        command.current_dir(self.work()).stdin(Stdio::null());
        command.env_clear().env("HOME", &self.home);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_on(&self.ledger(), arguments)
    }

    /// The answer of a command that must succeed, within 80 columns.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let (status, out, talk) = self.run(arguments);
        assert_eq!((status, talk.as_str()), (0, ""), "{arguments:?}\n{out}");
        let long: Vec<_> = out.lines().filter(|line| line.chars().count() > 80).collect();
        let is_document = matches!(arguments, ["ledger", "checkpoint" | "prove", ..]);
        assert!(is_document || arguments.contains(&"--json") || long.is_empty(), "{long:#?}");
        out
    }

    /// The same as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.say(&arguments)).unwrap()
    }

    /// A copy of the ledger's folder.
    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let copy = self.home.join(name);
        let _ = fs::remove_dir_all(&copy);
        copy_folder(&self.ledger(), &copy);
        copy
    }
}

pub(crate) fn ledger_key(home: &Path) -> LedgerKeyFile {
    let name = format!("{}.ledger", file_name_of(&Origin::new(ORIGIN).unwrap()));
    LedgerKeyFile::new(home.join(".config/countersign/keys").join(name))
}

fn commit(work: &Path, path: &str, text: &str, title: &str) -> Revision {
    fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
    fs::write(work.join(path), text).unwrap();
    git(work, &["add", "-A"]);
    git(work, &["commit", "-q", "-m", title]);
    Revision::new(git(work, &["rev-parse", "HEAD"])).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
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
