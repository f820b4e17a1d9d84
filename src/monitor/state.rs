//! What a monitor remembers beside its copy: what was judged, and what waits for the webhook.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use crate::base::limits::{ALARMS_WAITING_MAX, MONITOR_FILE_BYTES_MAX};
use crate::base::position::TreeSize;
use crate::ledger::store::StoreError;
use crate::session::SessionError;
use crate::store::durable::{self, MODE_PRIVATE};

/// The file in the monitor's folder.
const FILE: &str = "monitor.json";

/// What is remembered.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    file: StateFile,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    /// Entries whose alarms were told.
    judged: TreeSize,
    /// What stands: the code of an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    standing: Option<String>,
    /// Lines that wait for the webhook, oldest first.
    #[serde(default)]
    waiting: VecDeque<String>,
    /// Lines that were left out, for too many waited.
    #[serde(default)]
    suppressed: u64,
}

impl State {
    /// Reads what was remembered; nothing where there is no file.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self, SessionError> {
        let path = folder.join(FILE);
        durable::sweep(folder, &[FILE]);
        let file = match durable::read(&path, MONITOR_FILE_BYTES_MAX)? {
            None => StateFile::default(),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StoreError::integrity(path.display().to_string(), error))?,
        };
        Ok(Self { path, file })
    }

    /// Entries whose alarms were told.
    #[must_use]
    pub(super) const fn judged(&self) -> TreeSize {
        self.file.judged
    }

    /// Keeps what was found up to a size, durably.
    pub(super) fn keep(
        &mut self,
        found: &[Alarm],
        judged: TreeSize,
        keeps: bool,
    ) -> Result<(), SessionError> {
        if judged <= self.file.judged && found.is_empty() {
            return Ok(());
        }
        self.file.judged = self.file.judged.max(judged);
        found.iter().filter(|_| keeps).for_each(|alarm| self.wait(alarm.line()));
        self.write()
    }

    /// Keeps that an alarm stands; gives whether it is new.
    pub(super) fn stands(&mut self, alarm: &Alarm, keeps: bool) -> Result<bool, SessionError> {
        let code = format!("{:?}", alarm.code());
        if self.file.standing.as_ref() == Some(&code) {
            return Ok(false);
        }
        self.file.standing = Some(code);
        if keeps {
            self.wait(alarm.line());
        }
        self.write()?;
        Ok(true)
    }

    /// Nothing stands any more.
    pub(super) fn all_is_good(&mut self) -> Result<(), SessionError> {
        match self.file.standing.take() {
            Some(_) => self.write(),
            None => Ok(()),
        }
    }

    fn wait(&mut self, line: &str) {
        if self.file.waiting.len() < ALARMS_WAITING_MAX {
            self.file.waiting.push_back(line.to_owned());
        } else {
            self.file.suppressed += 1;
        }
    }

    /// The oldest line that waits.
    pub(super) fn first(&self) -> Option<&str> {
        self.file.waiting.front().map(String::as_str)
    }

    /// How many wait.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        self.file.waiting.len()
    }

    /// The oldest line was delivered; [`State::settle`] keeps that.
    pub(super) fn delivered(&mut self) {
        self.file.waiting.pop_front();
    }

    /// Keeps what was delivered. Who is killed before that delivers it once more.
    pub(super) fn settle(&self) -> Result<(), SessionError> {
        self.write()
    }

    /// Puts an alarm about those that were left out in their place, once there is room.
    pub(super) fn tell_suppressed(&mut self, alarm: impl FnOnce(u64) -> Alarm) {
        if self.file.suppressed == 0 || self.file.waiting.len() >= ALARMS_WAITING_MAX {
            return;
        }
        let alarm = alarm(self.file.suppressed);
        self.file.suppressed = 0;
        self.wait(alarm.line());
    }

    fn write(&self) -> Result<(), SessionError> {
        let bytes = serde_json::to_vec(&self.file)
            .map_err(|error| StoreError::unavailable("what the monitor remembers", error))?;
        Ok(durable::replace(&self.path, &bytes, MODE_PRIVATE)?)
    }
}
