//! The second verifier (`spec/verify.py`) on bundles that a test made, beside the program's own.

#![allow(dead_code, reason = "each test program uses what it needs")]
#![allow(clippy::disallowed_methods, reason = "the other verifier is a program that reads files")]
#![allow(clippy::print_stdout, reason = "a run tells its figures, and a skipped test says so")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use countersign::base::time::Timestamp;
use countersign::verify::bundle::{Bundle, check};
use countersign::verify::trust::TrustRoot;

/// Bundles in a folder, each under the trust root whose name its own begins with.
pub(crate) struct Second {
    folder: PathBuf,
}

impl Second {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("countersign-second-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// Takes up a trust root for the bundles `NAME.bundle` and `NAME.WORD.bundle`.
    pub(crate) fn trust(&self, name: &str, trust: &TrustRoot) {
        std::fs::write(self.folder.join(format!("{name}.toml")), trust.to_toml()).unwrap();
    }

    pub(crate) fn bundle(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.join(format!("{name}.bundle")), bytes).unwrap();
    }

    /// Both verifiers on every bundle, and where `also_changed` on one more of each that is changed
    /// in one place: the same answer and the same reason codes.
    #[track_caller]
    pub(crate) fn agrees(self, also_changed: bool) {
        if also_changed && !self.python("mutate") {
            return;
        }
        let mut answers = BTreeMap::new();
        for file in std::fs::read_dir(&self.folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.ends_with(".bundle") {
                continue;
            }
            let root = self.folder.join(format!("{}.toml", name.split('.').next().unwrap()));
            let trust = TrustRoot::parse(&std::fs::read(root).unwrap()).unwrap();
            answers.insert(name, answer(&std::fs::read(&path).unwrap(), &trust));
        }
        assert!(!answers.is_empty());
        let answers = serde_json::to_vec(&answers).unwrap();
        std::fs::write(self.folder.join("answers.json"), answers).unwrap();
        self.python("compare");
    }

    /// Runs the script with the Python that has the package `cryptography`; false: there is none.
    #[track_caller]
    fn python(&self, what: &str) -> bool {
        let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
            println!("skipped: COUNTERSIGN_PYTHON names no Python with cryptography");
            return false;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/generated.py");
        let mut command = std::process::Command::new(python);
        let output = command.arg(script).arg(what).arg(&self.folder).output().unwrap();
        print!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        true
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The exit status of the second verifier on a command line; none where there is no Python for it.
pub(crate) fn status(arguments: &[&str]) -> Option<i32> {
    let Some(python) = std::env::var_os("COUNTERSIGN_PYTHON") else {
        println!("skipped: COUNTERSIGN_PYTHON names no Python with cryptography");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/verify.py");
    let output = std::process::Command::new(python).arg(script).args(arguments).output().unwrap();
    output.status.code()
}

/// What the program answers about a file, as the script compares it.
fn answer(bytes: &[u8], trust: &TrustRoot) -> (&'static str, Vec<&'static str>) {
    let Ok(bundle) = Bundle::parse(bytes) else { return ("TAMPERED", vec!["FORM"]) };
    match check(&bundle, trust, Timestamp::from_milliseconds(0)) {
        Err(tampered) => ("TAMPERED", vec![tampered.code.as_str()]),
        Ok(checked) if checked.is_yes() => ("YES", Vec::new()),
        Ok(checked) => ("NO", checked.reasons()),
    }
}
