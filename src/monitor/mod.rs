//! Following a ledger that somebody else runs, and raising alarms (`spec/monitor.md`).

mod alarm;
mod examine;
mod source;
mod state;
mod webhook;

use std::path::Path;

use crate::base::position::TreeSize;
use crate::session::SessionError;
use crate::session::follow::{FollowError, Follower};
use crate::verify::trust::TrustRoot;

pub use self::alarm::{Alarm, Code, Level};
use self::examine::Examiner;
pub use self::source::{MirrorFolder, Served, Source};
use self::state::State;
pub use self::webhook::{Delivered, Webhook};

/// How often a round begins anew where what is shown changed while it was read.
const TRIES_MAX: usize = 3;

/// A monitor with its own copy of a ledger.
#[derive(Debug)]
pub struct Monitor {
    follower: Follower,
    trust: TrustRoot,
    state: State,
    /// Whether alarms are kept for a webhook.
    keeps: bool,
}

/// What a round came to.
#[derive(Debug, Default)]
pub struct Round {
    /// What was raised in it, and what stands; in the order in which it was found.
    pub alarms: Vec<Alarm>,
    /// Of those, what stood before already.
    pub stood: usize,
    /// Entries that were judged, of all rounds.
    pub judged: TreeSize,
    /// Covers of decisions that were not at hand.
    pub covers_missing: u64,
}

impl Monitor {
    /// Opens the monitor's folder, or begins one; `keeps` says whether a webhook is to be told.
    ///
    /// # Errors
    /// [`SessionError`] where it is in use or damaged.
    pub fn open(folder: &Path, trust: &TrustRoot, keeps: bool) -> Result<Self, SessionError> {
        let follower = Follower::open(folder, trust)?;
        let state = State::read(folder)?;
        Ok(Self { follower, trust: trust.clone(), state, keeps })
    }

    /// Whether a folder is a monitor's own, or may become one: it is empty, or not there.
    ///
    /// # Errors
    /// [`SessionError`] where it cannot be read.
    pub fn may_use(folder: &Path) -> Result<bool, SessionError> {
        Follower::may_use(folder)
    }

    /// Follows what is shown, judges what is new, and keeps what it found before it gives it.
    ///
    /// # Errors
    /// [`SessionError`] where what is shown cannot be read, or the folder cannot be written.
    pub fn round(&mut self, source: &dyn Source) -> Result<Round, SessionError> {
        let mut round = Round::default();
        let followed = self.follow(source);
        // What was taken up before is judged also where what is shown now is refused.
        let judged = self.judge(source, &mut round);
        let stands = match followed.and(judged) {
            Ok(()) => None,
            Err(FollowError::Failed(error)) => {
                round.judged = self.follower.view().size();
                return Err(error);
            }
            Err(trouble) => Some(Alarm::of_trouble(&self.trust, &trouble)),
        };
        if let Some(alarm) = stands {
            if !self.state.stands(&alarm, self.keeps)? {
                round.stood += 1;
            }
            round.alarms.push(alarm);
        } else {
            self.state.all_is_good()?;
        }
        round.judged = self.follower.view().size();
        Ok(round)
    }

    /// Takes up what is shown. What does not add up is looked at again where more is shown by then:
    /// a mirror removes what a larger tree made superfluous.
    fn follow(&self, source: &dyn Source) -> Result<(), FollowError> {
        let mut tries = 1;
        loop {
            let shown = source.show().map_err(FollowError::of_shown)?;
            let outcome = self.follower.take_up(&shown);
            if !matches!(outcome, Err(FollowError::Broken { .. })) || tries == TRIES_MAX {
                return outcome;
            }
            if source.show().is_ok_and(|now| now.note() == shown.note()) {
                return outcome;
            }
            tries += 1;
        }
    }

    fn judge(&mut self, source: &dyn Source, round: &mut Round) -> Result<(), FollowError> {
        let told = self.state.judged();
        let mut examiner = Examiner::new(&self.trust, source, self.follower.folder());
        let mut found = Vec::new();
        let outcome = self.follower.judge(&mut |judged| {
            // After a kill the view may be older than what was told.
            if !told.covers(judged.index) {
                found.extend(examiner.examine(judged)?);
            }
            Ok(())
        });
        self.state.keep(&found, self.follower.view().size(), self.keeps)?;
        self.follower.remember()?;
        round.covers_missing = examiner.covers_missing();
        round.alarms.extend(found);
        outcome
    }

    /// Takes the salt of e-mail digests out of a mirror's folder of openings: with it, commands
    /// that only read take the monitor's folder for a ledger.
    ///
    /// # Errors
    /// [`SessionError`] where there is none, or it is not this ledger's.
    pub fn take_salt(&self, openings: &Path) -> Result<(), SessionError> {
        self.follower.take_salt(openings)
    }

    /// Hands what waits to the webhook; gives what became of it.
    ///
    /// # Errors
    /// [`SessionError`] where the folder cannot be written.
    pub fn deliver(&mut self, webhook: &Webhook) -> Result<Delivered, SessionError> {
        webhook.deliver(&self.trust, &mut self.state)
    }
}
