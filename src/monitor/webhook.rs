//! The webhook that alarms are handed to (`spec/monitor.md` section 5).

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::alarm::{Alarm, Code};
use super::state::State;
use crate::base::limits::{ALARMS_SENT_AT_ONCE_MAX, WEBHOOK_ANSWER_BYTES_MAX};
use crate::http::client::Client;
use crate::session::SessionError;
use crate::verify::trust::TrustRoot;

/// How long to wait before what was not delivered is tried again.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Where alarms are handed to.
#[derive(Debug, Clone)]
pub struct Webhook {
    url: String,
    client: Client,
    again_after: Vec<Duration>,
}

/// What became of what waited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Alarms that were taken.
    pub sent: usize,
    /// Alarms that wait still.
    pub waiting: usize,
    /// Why the first of those was not taken.
    pub failed: Option<String>,
}

impl Webhook {
    /// The webhook at a URL, which is waited for so long at each try.
    #[must_use]
    pub fn new(url: &str, wait: Duration) -> Self {
        let client = Client::new(wait, WEBHOOK_ANSWER_BYTES_MAX);
        Self { url: url.to_owned(), client, again_after: AGAIN_AFTER.to_vec() }
    }

    /// The same with other pauses between tries.
    #[must_use]
    pub fn again_after(mut self, pauses: &[Duration]) -> Self {
        self.again_after = pauses.to_vec();
        self
    }

    /// Hands over what waits, oldest first, so many at a time. What is taken is forgotten.
    pub(super) fn deliver(
        &self,
        trust: &TrustRoot,
        state: &mut State,
    ) -> Result<Delivered, SessionError> {
        let mut done = Delivered::default();
        while done.sent < ALARMS_SENT_AT_ONCE_MAX {
            state.tell_suppressed(|count| {
                let what = format!("{count} alarms were left out, for too many waited");
                Alarm::new(trust, Code::Suppressed, what, json!({"count": count}))
            });
            let Some(line) = state.first() else { break };
            if let Err(why) = self.hand_over(line) {
                done.failed = Some(why);
                break;
            }
            state.delivered();
            done.sent += 1;
        }
        if done.sent > 0 {
            state.settle()?;
        }
        done.waiting = state.waiting();
        Ok(done)
    }

    fn hand_over(&self, line: &str) -> Result<(), String> {
        let mut pauses = self.again_after.iter();
        loop {
            let why = match self.client.post(&self.url, "application/json", line.as_bytes()) {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
                Ok(answer) => format!("it answered with status {}", answer.status),
                Err(error) => error.to_string(),
            };
            match pauses.next() {
                Some(pause) => sleep(*pause),
                None => return Err(why),
            }
        }
    }
}
