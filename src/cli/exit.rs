//! Exit status: what a script or a pipeline reads of an answer.

use std::process::ExitCode;

/// How a command ended; the same for every command.
///
/// | status | name | meaning |
/// | --- | --- | --- |
/// | 0 | yes | the answer is yes, or what was asked for is done |
/// | 1 | no | the answer is no; only commands that answer a question say so |
/// | 2 | usage | wrong usage or bad input, a refused signing command too |
/// | 3 | integrity | something parses as ours, should verify, and does not |
/// | 4 | unavailable | locked, unreachable or full: the answer is not known |
///
/// A gate fails closed on all but 0. `gate -- CMD` ends as CMD does, once CMD has run: its own
/// status is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum ExitStatus {
    /// Yes, or done.
    Yes,
    /// No.
    No,
    /// Wrong usage or bad input.
    Usage,
    /// What should verify does not.
    Integrity,
    /// Locked, unreachable or full.
    Unavailable,
    /// The status of the command that `gate` ran.
    Command(u8),
}

impl ExitStatus {
    /// Every status of our own, in the order of its number.
    pub const ALL: [Self; 5] =
        [Self::Yes, Self::No, Self::Usage, Self::Integrity, Self::Unavailable];

    /// The number that the process returns.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Integrity => 3,
            Self::Unavailable => 4,
            Self::Command(code) => code,
        }
    }

    /// The status of several answers taken together: 2 comes before anything is read; then
    /// tampering outweighs a refusal, and a refusal an answer that could not be had.
    pub const fn combine(self, other: Self) -> Self {
        if self.weight() >= other.weight() { self } else { other }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::Unavailable => 1,
            Self::No => 2,
            Self::Integrity => 3,
            Self::Usage => 4,
            // Whoever waits for the command must see how it ended.
            Self::Command(_) => 5,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_documented() {
        assert_eq!(ExitStatus::ALL.map(ExitStatus::code), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn tampering_outweighs_refusal_and_refusal_an_unknown_answer() {
        let order = [
            ExitStatus::Usage,
            ExitStatus::Integrity,
            ExitStatus::No,
            ExitStatus::Unavailable,
            ExitStatus::Yes,
        ];
        for (position, heavy) in order.into_iter().enumerate() {
            for light in &order[position..] {
                assert_eq!(heavy.combine(*light), heavy);
                assert_eq!(light.combine(heavy), heavy);
            }
        }
    }
}
