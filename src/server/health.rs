//! Whether statements are taken (`spec/server.md` section 1, `/healthz`): as the last that was
//! written tells. Who stands behind a balancer is handed nothing while that failed, and so it is
//! tried anew whenever somebody asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Server;

/// How long to rest between tries: whoever asks more often has the answer of the last.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is known of writing.
#[derive(Debug)]
pub(super) struct Health {
    /// Whether what travels beside statements was kept.
    keeps: AtomicBool,
    /// Whether a commit became durable, in the mirror as well where it is waited for.
    commits: AtomicBool,
    tried: Mutex<Option<Instant>>,
}

impl Health {
    pub(super) const fn new() -> Self {
        let (keeps, commits) = (AtomicBool::new(true), AtomicBool::new(true));
        Self { keeps, commits, tried: Mutex::new(None) }
    }

    /// What travels beside statements was kept, or not.
    pub(super) fn note_kept(&self, is_well: bool) {
        self.keeps.store(is_well, Ordering::Relaxed);
    }

    /// A commit became durable, or not.
    pub(super) fn note_commit(&self, is_well: bool) {
        self.commits.store(is_well, Ordering::Relaxed);
    }

    fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    fn commits(&self) -> bool {
        self.commits.load(Ordering::Relaxed)
    }

    fn is_well(&self) -> bool {
        self.keeps() && self.commits()
    }

    /// Whether it is time to try; who is told so does.
    fn is_time(&self, now: Instant) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = tried.is_none_or(|last| now.duration_since(last) >= TRIED_AGAIN_AFTER);
        if is_time {
            *tried = Some(now);
        }
        is_time
    }
}

impl Server {
    /// Whether statements are taken: known, or tried.
    pub(super) async fn is_well(&self) -> bool {
        if !self.orders.is_open() {
            return false;
        }
        if !self.health.is_well() && self.health.is_time(Instant::now()) {
            self.try_writing().await;
        }
        self.health.is_well()
    }

    /// Writes where it failed; that it fails again changes nothing.
    async fn try_writing(&self) {
        if !self.health.keeps() {
            let snapshot = self.current.get();
            let tried = self.work(move || snapshot.session.try_writing()).await;
            self.health.note_kept(matches!(tried, Ok(Ok(()))));
        }
        if !self.health.commits() {
            // The thread that commits notes what comes of it.
            let (told, answer) = oneshot::channel();
            self.orders.try_writing(told);
            drop(answer.await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_once_a_second_however_often_it_is_asked() {
        let (health, start) = (Health::new(), Instant::now());
        assert!(health.is_well() && health.is_time(start));
        let soon = start + TRIED_AGAIN_AFTER.saturating_sub(Duration::from_nanos(1));
        assert!(!health.is_time(start) && !health.is_time(soon));
        assert!(health.is_time(start + TRIED_AGAIN_AFTER));
        for note in [Health::note_kept, Health::note_commit] {
            note(&health, false);
            assert!(!health.is_well());
            note(&health, true);
            assert!(health.is_well());
        }
    }
}
