//! Threads for long work, which give way: a verdict takes a processor for many milliseconds, and
//! whoever hands in waits for one.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

/// By how much they are nicer than others: a tenth of the time of who competes with them.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// The threads: one processor is left to those who append. They end with it.
#[derive(Debug)]
pub(super) struct Patient {
    places: Semaphore,
    work: Mutex<Sender<Work>>,
}

impl Patient {
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let count = processors.saturating_sub(1).max(1);
        let (work, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            thread::spawn(move || run(&waiting));
        }
        Self { places: Semaphore::new(count), work: Mutex::new(work) }
    }

    /// Does some work once a thread is free; `None` where it ended early.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // No more is handed over than there are threads, so that nothing queues that nobody waits
        // for any more. Nobody closes the semaphore.
        let _place = self.places.acquire().await.ok()?;
        let (told, answer) = oneshot::channel();
        let work = Box::new(move || drop(told.send(work())));
        self.work.lock().unwrap_or_else(PoisonError::into_inner).send(work).ok()?;
        answer.await.ok()
    }
}

fn run(waiting: &Mutex<Receiver<Work>>) {
    // Of one thread alone only Linux knows this; where it cannot be had it is only less fair.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // Who waits is told by the answer that does not come.
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
    }
}
