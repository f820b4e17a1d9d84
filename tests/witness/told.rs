//! A witness as a process of its own, and somebody who asks it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::http::client::{Answer, Client, ClientError};
use countersign::ledger::consistency::ConsistencyProof;
use countersign::ledger::witness::origin_hash;
use countersign::note::cosignature::CosignerKey;

use crate::support::ORIGIN;

/// A folder of a test, removed with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("witness-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running witness; killed with the value.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    pub(crate) key: CosignerKey,
}

impl Running {
    /// Starts one with that folder that cosigns what `logs` name.
    pub(crate) fn start(folder: &Path, name: &str, logs: &[&str]) -> Self {
        Self::start_at(folder, name, logs, "127.0.0.1:0")
    }

    /// The same at an address.
    pub(crate) fn start_at(folder: &Path, name: &str, logs: &[&str], listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["witness", "--listen", listen, "--json", "--name", name, "--folder"]);
        command.arg(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        for log in logs {
            command.args(["--log", log]);
        }
        let mut child = command.spawn().unwrap();
        let mut text = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // One answer, over several lines.
        while serde_json::from_str::<serde_json::Value>(&text).is_err() {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Self { child, url: text("url"), key: text("key").parse().unwrap() }
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    pub(crate) fn ask(&self, request: &ConsistencyProof) -> Answer {
        self.ask_with(request.to_string().as_bytes())
    }

    pub(crate) fn ask_with(&self, request: &[u8]) -> Answer {
        self.try_with(request).unwrap()
    }

    /// The same where the connection may be closed before all was sent.
    pub(crate) fn try_with(&self, request: &[u8]) -> Result<Answer, ClientError> {
        client().post(&format!("{}/add-checkpoint", self.url), "text/plain", request)
    }

    /// What it serves of the log that tests have.
    pub(crate) fn newest(&self) -> Answer {
        client().get(&format!("{}/{}/checkpoint", self.url, origin_hash(ORIGIN))).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn client() -> Client {
    Client::new(Duration::from_secs(60), 65_536)
}
