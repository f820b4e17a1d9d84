//! `countersign serve` as a process, which a test may kill at any moment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;

use crate::common::Stage;

/// An address of this machine that no other server here has, on any port: one that is started
/// again finds it free.
pub(crate) fn address_of_its_own() -> String {
    static TAKEN: AtomicU8 = AtomicU8::new(1);
    format!("127.0.0.{}:0", TAKEN.fetch_add(1, Ordering::SeqCst) + 1)
}

/// Lets everybody read, in the settings.
const OPEN: &str = "\n[ledger.\"localhost/shop\".serve]\nreading = \"open\"\nwords = \"open\"\n";

/// A running server; killed with the value.
pub(crate) struct Serving {
    child: Child,
    pub(crate) url: String,
}

impl Serving {
    /// Starts one for the stage's ledger, open to everybody, on a port of its own.
    pub(crate) fn start(stage: &Stage) -> Self {
        let settings = stage.home().join(".config/countersign/config.toml");
        let text = fs::read_to_string(&settings).unwrap();
        if !text.contains(OPEN) {
            fs::write(&settings, format!("{text}{OPEN}")).unwrap();
        }
        Self::start_at(stage, &address_of_its_own())
    }

    /// Starts one again, at an address where one was before.
    #[expect(clippy::zombie_processes, reason = "one that does not begin has ended by itself")]
    pub(crate) fn start_at(stage: &Stage, address: &str) -> Self {
        let mut command = stage.command(["serve", "--json", "--listen", address]);
        command.env("COUNTERSIGN_LEDGER", stage.ledger());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut talk = child.stderr.take().unwrap();
        // What it logs is read, so that it never waits for who reads it.
        let log = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = talk.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let (mut text, mut out) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        loop {
            if let Ok(said) = serde_json::from_str::<Value>(&text) {
                return Self { child, url: said["url"].as_str().unwrap().to_owned() };
            }
            let is_over = out.read_line(&mut text).unwrap() == 0;
            assert!(!is_over, "the server ended: {text}{}", log.join().unwrap());
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.url.strip_prefix("http://").unwrap().to_owned()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
