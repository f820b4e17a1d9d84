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
    places: Arc<Semaphore>,
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
        Self { places: Arc::new(Semaphore::new(count)), work: Mutex::new(work) }
    }

    /// Does some work once a thread is free; `None` where it ended early.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // The place is the work's, also where nobody waits for it any more: no more is handed over
        // than there are threads. Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let (told, answer) = oneshot::channel();
        let work = Box::new(move || {
            let done = work();
            drop(place);
            drop(told.send(done));
        });
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn work_keeps_its_place_when_nobody_waits_for_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(keeps_its_place());
    }

    async fn keeps_its_place() {
        let patient = Patient::new();
        let places = patient.places.available_permits();
        let (go, wait) = channel::<()>();
        let left = timeout(Duration::from_millis(50), patient.run(move || wait.recv().is_ok()));
        assert!(left.await.is_err(), "it does not end by itself");
        assert_eq!(patient.places.available_permits(), places - 1);
        go.send(()).unwrap();
        let all = u32::try_from(places).unwrap();
        drop(patient.places.acquire_many(all).await.unwrap());
        assert_eq!(patient.run(|| 7).await, Some(7));
        assert_eq!(patient.run(|| -> u8 { panic!("it ends early") }).await, None);
        assert_eq!(patient.run(|| 8).await, Some(8));
    }
}
