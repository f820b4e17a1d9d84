//! Moments and spans as the formats hold them: whole milliseconds, no zone, no calendar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Takes milliseconds since 1970.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn milliseconds(self) -> u64 {
        self.0
    }

    /// How much later this moment is than `earlier`; zero where it is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// This moment minus a span; the beginning where there was nothing before.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// This moment plus a span.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A length of time in milliseconds; written `<1..9999><s|m|h|d>`, a day being 86,400 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// Takes milliseconds.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds.
    #[must_use]
    pub const fn milliseconds(self) -> u64 {
        self.0
    }
}

/// A text that is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: write 1 to 9999 and s, m, h or d, as in \"30d\"")]
pub struct SpanError;

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unit_milliseconds = match text.as_bytes().last() {
            Some(b's') => 1_000,
            Some(b'm') => 60_000,
            Some(b'h') => 3_600_000,
            Some(b'd') => 86_400_000,
            _ => return Err(SpanError),
        };
        let number = &text[..text.len() - 1];
        match super::encoding::undecimal(number) {
            Ok(count @ 1..=9_999) => Ok(Self(count * unit_milliseconds)),
            _ => Err(SpanError),
        }
    }
}

impl fmt::Display for Span {
    /// The largest unit that divides the span, so that what was parsed prints as it was meant.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit_milliseconds, unit) in [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm')] {
            if self.0 > 0 && self.0.is_multiple_of(unit_milliseconds) {
                return write!(formatter, "{}{unit}", self.0 / unit_milliseconds);
            }
        }
        write!(formatter, "{}s", self.0 / 1_000)
    }
}

/// Where the time comes from. Floors 0 to 2 only ever get a [`Timestamp`].
pub trait Clock {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS l: durations have one grammar.
    #[test]
    fn spans_have_one_grammar() {
        assert_eq!("30d".parse::<Span>().unwrap().milliseconds(), 30 * 86_400_000);
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "90s");
        assert_eq!("24h".parse::<Span>().unwrap().to_string(), "1d");
        for other in
            ["", "d", "0d", "01d", "10000d", "1.5h", "1M", "1y", "-1d", "1 d", "1D", "\u{b2}d"]
        {
            assert_eq!(other.parse::<Span>(), Err(SpanError), "{other:?}");
        }
    }
}
