//! How often each may: so many at once, and then one after the other (the leaky bucket as a meter).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// How many each may in a minute.
#[derive(Debug)]
pub(super) struct Rate<K> {
    /// The time that one takes.
    each: Duration,
    /// Until when each has used up what it may, were it not for the minute that is given ahead.
    used: Mutex<BTreeMap<K, Instant>>,
}

impl<K: Ord + Clone> Rate<K> {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { each: MINUTE / per_minute.max(1), used: Mutex::default() }
    }

    /// Takes `counts` at `now`, all or none.
    ///
    /// # Errors
    /// How long to wait, where one of them may not.
    pub(super) fn take(&self, counts: &BTreeMap<K, u32>, now: Instant) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has used up nothing is not remembered.
        used.retain(|_, until| *until > now);
        let after = |key: &K, count: u32| {
            used.get(key).map_or(now, |until| (*until).max(now)) + self.each * count
        };
        let afterwards: Vec<_> =
            counts.iter().map(|(key, count)| (key.clone(), after(key, *count))).collect();
        let over =
            afterwards.iter().map(|(_, until)| until.saturating_duration_since(now + MINUTE));
        match over.max().filter(|over| !over.is_zero()) {
            // More than a minute's worth at once never fits in: it is taken when nothing is used.
            Some(over) if counts.keys().any(|key| used.contains_key(key)) => Err(over),
            _ => {
                used.extend(afterwards);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &'static str, count: u32) -> BTreeMap<&'static str, u32> {
        BTreeMap::from([(key, count)])
    }

    #[test]
    fn a_minute_ahead_is_given_and_no_more() {
        let rate = Rate::new(60);
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(rate.take(&one("ada", 60), at(0)), Ok(()));
        assert_eq!(rate.take(&one("ada", 1), at(0)), Err(Duration::from_secs(1)));
        assert_eq!(rate.take(&one("ben", 1), at(0)), Ok(()));
        assert_eq!(rate.take(&one("ada", 1), at(1)), Ok(()));
        assert_eq!(rate.take(&one("ada", 2), at(2)), Err(Duration::from_secs(1)));
        // All or none.
        let both = BTreeMap::from([("ada", 2), ("ben", 1)]);
        assert!(rate.take(&both, at(2)).is_err());
        assert_eq!(rate.take(&one("ada", 60), at(200)), Ok(()));
    }

    #[test]
    fn what_is_more_than_a_minute_may_is_taken_by_who_has_waited() {
        let rate = Rate::new(10);
        let start = Instant::now();
        assert_eq!(rate.take(&one("ada", 25), start), Ok(()));
        assert!(rate.take(&one("ada", 1), start + Duration::from_secs(60)).is_err());
        assert_eq!(rate.take(&one("ada", 1), start + Duration::from_secs(151)), Ok(()));
    }
}
