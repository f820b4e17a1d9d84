//! How the gate's answer reads.

use super::judge::Judged;
use super::record::Recorded;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::ui::Word;

/// Prints the answer, and what was recorded.
pub(crate) fn answer(
    context: &mut Context,
    _desk: &Desk,
    judged: &Judged,
    recorded: Option<&Recorded>,
) {
    let word = if judged.verdict.is_allowed() { Word::Yes } else { Word::No };
    context.ui.answer(word, &format!("{:?}", judged.verdict.reasons()));
    if let Some(recorded) = recorded {
        context.ui.line(&format!("recorded: entry {}", recorded.decision.0));
    }
}
