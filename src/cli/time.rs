//! Moments and spans as people read them.

use jiff::tz::TimeZone;

use crate::base::time::{Span, Timestamp};

fn moment(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(time.milliseconds()).ok()?).ok()
}

/// `20 Nov 2026 09:12 UTC`.
#[must_use]
pub(crate) fn date(time: Timestamp) -> String {
    moment(time).map_or_else(
        || format!("{} ms", time.milliseconds()),
        |moment| moment.to_zoned(TimeZone::UTC).strftime("%-d %b %Y %H:%M UTC").to_string(),
    )
}

/// `20 Nov 2026 10:12 CET`: for what somebody waits for, in their own zone.
#[must_use]
pub(crate) fn local_date(time: Timestamp, zone: Option<&TimeZone>) -> String {
    let zone = zone.unwrap_or(&TimeZone::UTC).clone();
    moment(time).map_or_else(
        || date(time),
        |moment| moment.to_zoned(zone).strftime("%-d %b %Y %H:%M %Z").to_string(),
    )
}

/// `03:40 UTC` where that is clear, within twenty hours of now; else the date with it.
#[must_use]
pub(crate) fn clock(time: Timestamp, now: Timestamp) -> String {
    const CLEAR_MILLISECONDS_MAX: u64 = 20 * 3_600_000;
    let apart = time.since(now).max(now.since(time));
    match moment(time).filter(|_| apart.milliseconds() < CLEAR_MILLISECONDS_MAX) {
        Some(moment) => moment.to_zoned(TimeZone::UTC).strftime("%H:%M UTC").to_string(),
        None => date(time),
    }
}

/// `24 h` for whole hours of up to two days, else as [`span`].
#[must_use]
pub(crate) fn hours(length: Span) -> String {
    let milliseconds = length.milliseconds();
    match milliseconds / 3_600_000 {
        hours @ 1..=48 if milliseconds.is_multiple_of(3_600_000) => format!("{hours} h"),
        _ => span(length),
    }
}

/// RFC 3339 in UTC, for JSON and CSV.
#[must_use]
pub(crate) fn rfc3339(time: Timestamp) -> String {
    moment(time).map_or_else(|| time.milliseconds().to_string(), |moment| moment.to_string())
}

/// `2026-11-23T08:54:00Z`, as RFC 3339 has it: one word, which no line breaks.
#[must_use]
pub(crate) fn to_the_second(time: Timestamp) -> String {
    rfc3339(Timestamp::from_milliseconds(time.milliseconds() / 1_000 * 1_000))
}

/// `12 min`, `4 h 10 min`, `3 days`.
#[must_use]
pub(crate) fn span(span: Span) -> String {
    let seconds = span.milliseconds() / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) if minutes % 60 == 0 => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (1, _, _) => "1 day".to_owned(),
        _ => format!("{days} days"),
    }
}

/// `12 min ago`, or `just now`.
#[must_use]
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    let passed = now.since(time);
    if passed.milliseconds() < 2_000 {
        "just now".to_owned()
    } else {
        format!("{} ago", span(passed))
    }
}

/// A moment as people write it, in UTC: `2026-11-20`, `2026-11-20T09:00Z`, RFC 3339.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let utc = |time: jiff::civil::DateTime| Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let moment = text.parse::<jiff::Timestamp>().ok();
    let moment = moment.or_else(|| utc(text.parse::<jiff::civil::DateTime>().ok()?))?;
    Some(Timestamp::from_milliseconds(u64::try_from(moment.as_millisecond()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_people_write_them() {
        let time = Timestamp::from_milliseconds(1_795_338_764_000);
        assert_eq!(date(time), "22 Nov 2026 09:12 UTC");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(local_date(time, Some(&zone)), "22 Nov 2026 10:12 +01");
        assert_eq!(local_date(time, None), date(time));
        assert_eq!(rfc3339(time), "2026-11-22T09:12:44Z");
        assert_eq!(span(Span::from_milliseconds(15_000_000)), "4 h 10 min");
        assert_eq!(ago(time, time), "just now");
        let day = Span::from_milliseconds(86_400_000);
        assert_eq!((clock(time, time).as_str(), hours(day).as_str()), ("09:12 UTC", "24 h"));
        assert_eq!(clock(time, time.plus(day)), "22 Nov 2026 09:12 UTC");
        // A time that no calendar has is still printed.
        assert_eq!(date(Timestamp::from_milliseconds(u64::MAX)), "18446744073709551615 ms");
    }
}
