//! Two reviewers, a builder and the gate, and what the gate writes.

use std::path::{Path, PathBuf};

use countersign::base::time::Timestamp;
use countersign::key::Signer as _;
use countersign::statement::words::{Duty, MemberKind};
use countersign::verify::bundle::{
    Attestation, Bundle, Checked, Tampered, attested_message, check,
};

use crate::library::{self, Beginnings, Person, Said, gate};
pub(crate) use crate::library::{Stage, id, key, said};

impl Stage {
    /// With an enforced policy, and everything up to the first commit accepted.
    pub(crate) fn new(test: &str) -> Self {
        Self::with(test, &library::policy("enforce", ""))
    }

    pub(crate) fn with(test: &str, policy: &str) -> Self {
        let person = |id, kind, level, duties| Person { id, called: None, kind, level, duties };
        let human = MemberKind::Human;
        let people = vec![
            person("ada", human, Some("senior"), vec![Duty::Review, Duty::Override]),
            person("ben", human, Some("mid"), vec![Duty::Review]),
            person("dee", human, Some("senior"), vec![Duty::Review]),
            person("ci", MemberKind::Service, None, vec![Duty::Build]),
            gate(),
        ];
        let policy = Some(policy.to_owned());
        Self::begin(test, &Beginnings { people, policy, has_baseline: true })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The gate decides, and writes a bundle.
    pub(crate) fn gate(&self, name: &str, more: &[&str]) -> Said {
        let file = self.file(name);
        let file = file.to_str().unwrap();
        let mut arguments = vec!["gate", "-o", file];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// Somebody elsewhere verifies a file: no ledger, no repository, no settings.
    pub(crate) fn verify(&self, name: &str, more: &[&str]) -> Said {
        let (file, trust) = (self.file(name), self.file("trust.toml"));
        let mut arguments = vec!["verify", file.to_str().unwrap(), "--trust"];
        arguments.push(trust.to_str().unwrap());
        arguments.extend(more);
        elsewhere(&self.root, &arguments)
    }

    pub(crate) fn bundle(&self, name: &str) -> Bundle {
        Bundle::parse(&std::fs::read(self.file(name)).unwrap()).unwrap()
    }

    /// The gate signs what a bundle claims.
    pub(crate) fn sign(&self, bundle: &mut Bundle) {
        let gate = key(&self.root, "gate");
        let signature = gate.sign(&attested_message(&bundle.evidence)).unwrap();
        bundle.attestation = Some(Attestation::new(gate.public_key().fingerprint(), &signature));
    }

    pub(crate) fn check(&self, bundle: &Bundle) -> Result<Checked, Tampered> {
        check(bundle, &self.trust, Timestamp::from_milliseconds(0))
    }
}

/// The program where there is no ledger, repository or setting.
pub(crate) fn elsewhere(root: &Path, arguments: &[&str]) -> Said {
    let home = root.join("elsewhere");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(&home).env_clear().env("HOME", &home);
    command.stdin(std::process::Stdio::null());
    said(&command.output().unwrap())
}
