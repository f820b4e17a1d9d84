//! People of whom some may break the glass, in a repository of Ben's, who may not.

use std::fs;
use std::time::Duration;

use countersign::base::name::{RepositoryName, Revision};
use countersign::base::time::Timestamp;
use countersign::statement::break_glass::{Drill, Override};
use countersign::statement::commitment::Opening;
use countersign::statement::words::{Duty, MemberKind};

use crate::library::{Beginnings, Person, gate, policy, production, service};
pub(crate) use crate::library::{Said, Stage, git, head, id, key, now};

/// Everybody who may be given the duty to override, with their names.
pub(crate) const PEOPLE: [(&str, &str); 5] = [
    ("ada", "Ada Ruiz"),
    ("mia", "Mia Kern"),
    ("jo", "Jo Fox"),
    ("kim", "Kim Roe"),
    ("lee", "Lee Tan"),
];

impl Stage {
    /// The first `holders` of [`PEOPLE`] have the duty; `terms` are lines of `[override]`.
    pub(crate) fn new(test: &str, holders: usize, terms: &str) -> Self {
        Self::with(test, holders, Some(policy("enforce", &format!("[override]\n{terms}\n\n"))))
    }

    /// With a policy that refuses nothing.
    pub(crate) fn observing(test: &str) -> Self {
        Self::with(test, 2, Some(policy("observe", "")))
    }

    /// With no policy, as another program may begin a ledger.
    pub(crate) fn without_policy(test: &str) -> Self {
        Self::with(test, 1, None)
    }

    fn with(test: &str, holders: usize, policy: Option<String>) -> Self {
        let humans = PEOPLE.into_iter().chain([("ben", "Ben Ito")]);
        let mut people: Vec<_> = humans
            .map(|(id, called)| Person {
                id,
                called: Some(called),
                kind: MemberKind::Human,
                level: Some("senior"),
                duties: vec![Duty::Review],
            })
            .collect();
        people.iter_mut().take(holders).for_each(|person| person.duties.push(Duty::Override));
        people.push(gate());
        let has_baseline = policy.is_some();
        Self::begin(test, &Beginnings { people, policy, has_baseline })
    }

    /// Writes a policy that refuses beside the repository; gives its path.
    pub(crate) fn write_policy(&self) -> String {
        let path = self.root.join("policy.toml");
        let text = policy("enforce", "");
        #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
        fs::write(&path, text).unwrap();
        path.display().to_string()
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

    /// How many debts there are in production.
    pub(crate) fn debts(&self) -> usize {
        self.look(|view| view.settled(&service(), &production()).debts().count())
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

/// Waits a little longer than that.
pub(crate) fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds + 50));
}
