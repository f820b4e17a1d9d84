//! A server as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::common::Stage;

/// A running server; killed with the value.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Running {
    /// Starts one for the stage's ledger, on a port of its own.
    pub(crate) fn start(stage: &Stage) -> Self {
        let mut command = stage.command(["serve", "--json", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while serde_json::from_str::<Value>(&text).is_err() {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        Self { child, url: said["url"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Status and body, as a browser asks for them.
    pub(crate) fn answer(&self, path: &str) -> (u16, String) {
        let mut answer = self.asked(path, "text/html,application/xhtml+xml,*/*;q=0.8");
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// The answer to who accepts that.
    pub(crate) fn asked(&self, path: &str, accept: &str) -> ureq::http::Response<ureq::Body> {
        let request = ureq::get(self.at(path)).config().http_status_as_error(false).build();
        request.header("accept", accept).call().unwrap()
    }

    /// A page that is there.
    pub(crate) fn page(&self, path: &str) -> String {
        let (status, body) = self.answer(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
