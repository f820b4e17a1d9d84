//! What an answer and its pieces are, and the colour that each gets. Colour never stands alone:
//! the words carry the meaning.

use anstyle::{AnsiColor, Style};

use super::text;

/// The first word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Signed off, true, done.
    Yes,
    /// Not signed off.
    No,
    /// Would be refused if the policy were enforced.
    WouldRefuse,
    /// What should verify does not.
    Tampered,
    /// The answer could not be had.
    Unreachable,
}

impl Word {
    /// The word as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::No => "NO",
            Self::WouldRefuse => "WOULD REFUSE",
            Self::Tampered => "TAMPERED",
            Self::Unreachable => "UNREACHABLE",
        }
    }

    pub(super) const fn role(self) -> Role {
        match self {
            Self::Yes => Role::Good,
            Self::No | Self::Tampered => Role::Bad,
            Self::WouldRefuse | Self::Unreachable => Role::Caution,
        }
    }
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Ordinary text.
    #[default]
    Plain,
    /// Good news: green.
    Good,
    /// Bad news: red.
    Bad,
    /// Wants attention: yellow.
    Caution,
    /// A heading or name: bold.
    Strong,
    /// Of lesser weight: dimmed.
    Faint,
}

impl Role {
    pub(super) fn style(self) -> Style {
        let colour = |colour: AnsiColor| colour.on_default().bold();
        match self {
            Self::Plain => Style::new(),
            Self::Good => colour(AnsiColor::Green),
            Self::Bad => colour(AnsiColor::Red),
            Self::Caution => colour(AnsiColor::Yellow),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }

    /// Escapes and colours.
    pub(super) fn paint(self, text: &str) -> String {
        let text = text::escape(text);
        if self == Self::Plain || text.is_empty() {
            return text.into_owned();
        }
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}
