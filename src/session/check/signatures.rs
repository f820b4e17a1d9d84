//! Signatures are what a check takes longest for: they are verified on every processor, beside the
//! walk over the entries, which goes on as if each held.

use std::cell::RefCell;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::base::position::EntryIndex;
use crate::key::{PublicKey, Signature, SignatureError};
use crate::ledger::admission::Signatures;

/// Signatures that one thread takes at a time.
const PART_SIGNATURES_MAX: usize = 256;
/// Bytes of messages that one thread takes at a time.
const PART_BYTES_MAX: usize = 1024 * 1024;
/// Parts that wait for a thread. With those above it bounds the memory.
const PARTS_WAITING_MAX: usize = 4;

struct Job {
    index: EntryIndex,
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

/// What the threads have found.
#[derive(Default)]
struct Found {
    verified: AtomicU64,
    is_bad: AtomicBool,
    /// The first entry with a signature that does not hold, and why.
    first_bad: Mutex<Option<(EntryIndex, String)>>,
}

/// Threads that verify signatures.
pub(super) struct Pool {
    sender: Option<SyncSender<Vec<Job>>>,
    threads: Vec<JoinHandle<()>>,
    found: Arc<Found>,
    part: RefCell<(Vec<Job>, usize)>,
}

/// What all signatures came to.
pub(super) struct Verified {
    /// Signatures that hold.
    pub(super) count: u64,
    /// The first entry with one that does not, and why.
    pub(super) first_bad: Option<(EntryIndex, String)>,
}

impl Pool {
    /// As many threads as there are processors.
    pub(super) fn new() -> Self {
        let (sender, receiver) = sync_channel(PARTS_WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let found = Arc::new(Found::default());
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let thread = |_| {
            let (receiver, found) = (Arc::clone(&receiver), Arc::clone(&found));
            thread::spawn(move || verify(&receiver, &found))
        };
        let threads = (0..count).map(thread).collect();
        Self { sender: Some(sender), threads, found, part: RefCell::default() }
    }

    /// Whether a signature was found that does not hold, so that going on is in vain.
    pub(super) fn is_bad(&self) -> bool {
        self.found.is_bad.load(Ordering::Relaxed)
    }

    fn hand_over(&self, part: Vec<Job>) {
        // Without a thread to take it the part counts as not verified, and `finish` says so.
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(part).is_ok());
        if !sent {
            self.found.note_bad(EntryIndex::new(0), "verification ended early".to_owned());
        }
    }

    /// Waits for the threads.
    pub(super) fn finish(mut self) -> Verified {
        let (part, _) = self.part.take();
        if !part.is_empty() {
            self.hand_over(part);
        }
        self.sender = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.found.note_bad(EntryIndex::new(0), "verification ended early".to_owned());
            }
        }
        let first_bad = self.found.first_bad.lock().unwrap_or_else(PoisonError::into_inner).take();
        Verified { count: self.found.verified.load(Ordering::SeqCst), first_bad }
    }
}

impl Found {
    fn note_bad(&self, index: EntryIndex, what: String) {
        let mut first = self.first_bad.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(known, _)| index < *known) {
            *first = Some((index, what));
        }
        self.is_bad.store(true, Ordering::SeqCst);
    }
}

fn verify(receiver: &Mutex<Receiver<Vec<Job>>>, found: &Found) {
    loop {
        let part = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(part) = part else { return };
        for job in part {
            match job.key.verify(&job.message, &job.signature) {
                Ok(_) => {
                    found.verified.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    let what = format!("the signature of {}: {error}", job.key.fingerprint());
                    found.note_bad(job.index, what);
                }
            }
        }
    }
}

/// Takes every signature for good for now: whoever asks learns at the end whether all were.
impl Signatures for Pool {
    fn check(
        &self,
        index: EntryIndex,
        key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let mut guard = self.part.borrow_mut();
        let (part, bytes) = &mut *guard;
        *bytes += message.len();
        let (key, message, signature) = (key.clone(), message.to_vec(), *signature);
        part.push(Job { index, key, message, signature });
        if part.len() >= PART_SIGNATURES_MAX || *bytes >= PART_BYTES_MAX {
            *bytes = 0;
            let full = std::mem::take(part);
            drop(guard);
            self.hand_over(full);
        }
        Ok(())
    }
}

/// Signatures of entries that are folded and not judged: nothing is said of them.
pub(super) struct NotAsked;

impl Signatures for NotAsked {
    fn check(
        &self,
        _: EntryIndex,
        _: &PublicKey,
        _: &[u8],
        _: &Signature,
    ) -> Result<(), SignatureError> {
        Ok(())
    }
}
