//! What is better done while nobody hands anything in (`spec/reliability.md` section 5).

use std::time::Duration;

use tokio::time::sleep;

use super::commit::WeakOrders;
use crate::base::position::TreeSize;

/// A moment is quiet once nothing was appended for so long.
const QUIET_AFTER: Duration = Duration::from_millis(250);

/// Tells the thread that appends of quiet moments, until it has ended; `size` is the ledger's.
pub(super) async fn tell_of_quiet(orders: WeakOrders, size: impl Fn() -> TreeSize) {
    let (mut before, mut told) = (size(), None);
    loop {
        sleep(QUIET_AFTER).await;
        let Some(orders) = orders.upgrade() else { return };
        let now = size();
        // Once is enough, until there is more to do.
        if now == before && told != Some(now) && orders.waiting() == 0 {
            orders.tell_quiet();
            told = Some(now);
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::commit::{Order, queue};
    use super::*;
    use crate::http::server::either;

    #[test]
    fn a_moment_is_quiet_when_nothing_was_appended_since_the_last() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (orders, mut waiting) = queue();
        let (weak, asked) = (orders.downgrade(), AtomicU64::new(0));
        // It grows until it is asked for the second time.
        let size = || TreeSize::new(asked.fetch_add(1, Ordering::SeqCst).min(1));
        let told = either(waiting.recv(), tell_of_quiet(weak, size));
        assert!(matches!(runtime.block_on(told).flatten(), Some(Order::Quiet)));
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        drop(orders);
    }
}
