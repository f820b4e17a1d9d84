//! A ledger with a mirror, and a monitor of its own that knows nothing but the mirror.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use countersign::base::name::{EnvironmentName, RepositoryName, Revision, ServiceName};
use countersign::base::position::EntryIndex;
use countersign::base::time::Timestamp;
use countersign::session::{MirrorPlace, random};
use countersign::statement::Says;
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::commitment::Opening;
use countersign::statement::governance::{Operation, SetMember};
use countersign::statement::pipeline::Deployment;
use countersign::statement::words::{Duty, MemberKind, Outcome};

use crate::stage::{Stage, member};

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) status: i32,
    pub(crate) alarms: Vec<serde_json::Value>,
    pub(crate) talk: String,
}

impl Looked {
    #[track_caller]
    pub(crate) fn expect(self, status: i32, codes: &[&str]) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        let found: Vec<_> =
            self.alarms.iter().map(|alarm| alarm["code"].as_str().unwrap()).collect();
        assert_eq!(found, codes, "{self:#?}");
        self
    }
}

pub(crate) struct Watched {
    pub(crate) stage: Stage,
}

impl Watched {
    /// With an enforced policy; ada may break the glass.
    pub(crate) fn new(test: &str) -> Self {
        let mut stage = Stage::new(test, "enforce");
        stage.govern(vec![Operation::SetMember(SetMember {
            member: member("ada"),
            kind: MemberKind::Human,
            level: Some("senior".parse().unwrap()),
            teams: Vec::new(),
            duties: vec![Duty::Review, Duty::Override],
            operator: None,
            profile: None,
            emails: Vec::new(),
        })]);
        let head = stage.change("two\n", "Retry", true);
        stage.deploy(&head);
        Self { stage }
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.stage.home.join("mirror")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.stage.home.join("watched")
    }

    /// Brings the mirror up to the ledger.
    pub(crate) fn publish(&self) {
        let place = MirrorPlace { folder: self.mirror(), openings: None };
        self.stage.session().mirror_to(&place, false).unwrap();
    }

    /// The monitor, by somebody who has nothing but the trust root.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(self.mirror().to_str().unwrap(), arguments)
    }

    fn command_at(&self, source: &str, arguments: &[&str]) -> Command {
        let elsewhere = self.stage.home.join("elsewhere");
        std::fs::create_dir_all(&elsewhere).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("monitor").arg(source).arg("--folder").arg(self.folder());
        command.arg("--trust").arg(self.stage.home.join("trust.toml")).args(arguments);
        command.current_dir(&elsewhere).env_clear().env("HOME", &elsewhere).stdin(Stdio::null());
        command
    }

    /// One look.
    pub(crate) fn look(&self) -> Looked {
        self.look_with(&[])
    }

    pub(crate) fn look_with(&self, arguments: &[&str]) -> Looked {
        self.look_at(self.mirror().to_str().unwrap(), arguments)
    }

    /// One look at a folder or a URL.
    pub(crate) fn look_at(&self, source: &str, arguments: &[&str]) -> Looked {
        looked(self.command_at(source, &["--once"]).args(arguments))
    }

    /// One look by somebody with a token.
    pub(crate) fn look_as(&self, token: &str, source: &str) -> Looked {
        looked(self.command_at(source, &["--once"]).env("COUNTERSIGN_TOKEN", token))
    }

    /// Publishes, and looks.
    pub(crate) fn publish_and_look(&self) -> Looked {
        self.publish();
        self.look()
    }

    /// Ada breaks the glass for a commit.
    pub(crate) fn break_glass(&mut self, revision: &Revision, drill: Option<Drill>) -> EntryIndex {
        let mut session = self.stage.session();
        let reason = Opening::new(random(), "it burns").unwrap();
        let reason = session.openings().put(&reason).unwrap();
        let claimed = session.view().time().milliseconds();
        let said = Override {
            service: checkout(),
            environment: production(),
            repository: RepositoryName::new("shop").unwrap(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            claimed: Timestamp::from_milliseconds(claimed),
            expires: Timestamp::from_milliseconds(claimed + 3_600_000),
            reason,
            incident: None,
            drill,
        };
        self.stage.append(&mut session, "ada", Says::Override(said)).index
    }

    /// The gate says that something was deployed, by that decision or by none.
    pub(crate) fn deploy_by(
        &mut self,
        revision: &Revision,
        decision: Option<EntryIndex>,
    ) -> EntryIndex {
        let mut session = self.stage.session();
        let decision = decision.map(|index| session.entry(index).unwrap().id());
        let says = Says::Deployment(Deployment { decision, ..deployment(revision) });
        self.stage.append(&mut session, "gate", says).index
    }
}

fn looked(command: &mut Command) -> Looked {
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let alarms = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let talk = String::from_utf8(output.stderr).unwrap();
    Looked { status: output.status.code().unwrap(), alarms, talk }
}

pub(crate) fn checkout() -> ServiceName {
    ServiceName::new("checkout").unwrap()
}

pub(crate) fn production() -> EnvironmentName {
    EnvironmentName::new("production").unwrap()
}

pub(crate) fn deployment(revision: &Revision) -> Deployment {
    Deployment {
        service: checkout(),
        environment: production(),
        revision: revision.clone(),
        artifacts: Vec::new(),
        decision: None,
        overrides: Vec::new(),
        started: None,
        outcome: Outcome::Succeeded,
        trigger: None,
        run: None,
    }
}
