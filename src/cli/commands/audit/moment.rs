//! Moments as people type them, in UTC unless a zone is given.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::base::time::Timestamp;
use crate::cli::error::CliError;

/// Which end of a day that is named alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::commands) enum Edge {
    /// Its first moment.
    Start,
    /// Its last.
    End,
}

/// Reads `02:40` (the last time that it was so), `2026-11-20`, `2026-11-20 02:40`, RFC 3339, or
/// any of them with a zone in brackets: `2026-11-20T02:40[Europe/Vienna]`.
///
/// # Errors
/// Where it is none of them.
pub(in crate::cli::commands) fn moment(
    text: &str,
    now: Timestamp,
    edge: Edge,
) -> Result<Timestamp, CliError> {
    let found = read(text.trim(), now, edge).and_then(|moment| {
        u64::try_from(moment.as_millisecond()).ok().map(Timestamp::from_milliseconds)
    });
    found.ok_or_else(|| {
        CliError::usage(format!("{text:?} is no time"))
            .hint("write 02:40, 2026-11-20, \"2026-11-20 02:40\" (UTC) or 2026-11-20T02:40+01:00")
    })
}

fn read(text: &str, now: Timestamp, edge: Edge) -> Option<jiff::Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment);
    }
    if let Ok(zoned) = text.parse::<jiff::Zoned>() {
        return Some(zoned.timestamp());
    }
    let in_utc = |at: civil::DateTime| TimeZone::UTC.to_timestamp(at).ok();
    // A day alone also parses as its midnight, so it is asked about first.
    if text.len() == "2026-11-20".len()
        && let Ok(day) = text.parse::<civil::Date>()
    {
        return match edge {
            Edge::Start => in_utc(day.at(0, 0, 0, 0)),
            Edge::End => in_utc(day.at(23, 59, 59, 999_000_000)),
        };
    }
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return in_utc(at);
    }
    let (clock, offset) = split_zone(text);
    let time = clock.parse::<civil::Time>().ok()?;
    let zone = match offset {
        None => TimeZone::UTC,
        Some(zone) => zone_of(zone)?,
    };
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.milliseconds()).ok()?).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let at = zone.to_timestamp(today.to_datetime(time)).ok()?;
    // A time of day that is still to come was meant of yesterday.
    if at <= now {
        Some(at)
    } else {
        zone.to_timestamp(today.yesterday().ok()?.to_datetime(time)).ok()
    }
}

/// `02:40+01:00` or `02:40 Europe/Vienna` as time and zone.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    let at = text.find(|character: char| "+-Z ".contains(character));
    match at {
        Some(at) => (&text[..at], Some(text[at..].trim())),
        None => (text, None),
    }
}

fn zone_of(text: &str) -> Option<TimeZone> {
    if matches!(text, "Z" | "UTC") {
        return Some(TimeZone::UTC);
    }
    if let Some(sign) = text.chars().next().filter(|sign| "+-".contains(*sign)) {
        let (hours, minutes) = text[1..].split_once(':').unwrap_or((&text[1..], "0"));
        let seconds = hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60;
        let seconds = if sign == '-' { -seconds } else { seconds };
        return jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    TimeZone::get(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::time::rfc3339;

    #[test]
    fn moments_are_utc_unless_a_zone_is_given() {
        // 22 Nov 2026 09:12:44 UTC.
        let now = Timestamp::from_milliseconds(1_795_338_764_000);
        for (text, expected) in [
            ("02:40", "2026-11-22T02:40:00Z"),
            ("23:10", "2026-11-21T23:10:00Z"),
            ("02:40+01:00", "2026-11-22T01:40:00Z"),
            ("2026-11-20 02:40", "2026-11-20T02:40:00Z"),
            ("2026-11-20T02:40:00+01:00", "2026-11-20T01:40:00Z"),
            ("2026-11-20T02:40:00Z", "2026-11-20T02:40:00Z"),
        ] {
            assert_eq!(rfc3339(moment(text, now, Edge::End).unwrap()), expected, "{text}");
        }
        let day = |edge| rfc3339(moment("2026-11-20", now, edge).unwrap());
        assert_eq!(day(Edge::Start), "2026-11-20T00:00:00Z");
        assert_eq!(day(Edge::End), "2026-11-20T23:59:59.999Z");
        for text in ["", "yesterday", "25:00", "2026-13-01", "1e9", "\u{661}", "9999999999"] {
            assert!(moment(text, now, Edge::End).is_err(), "{text:?}");
        }
    }
}
