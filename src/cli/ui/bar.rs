//! How far something has come, and how long it still takes.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fits 80 columns up to thousands of millions.
const TEMPLATE: &str = "{msg:>9} {bar:20} {percent:>3} % {human_pos} of {human_len}, {eta} left";
/// Times a second that the line is drawn.
const DRAWS_A_SECOND: u8 = 8;

/// A line on a terminal that tells how far something has come; nothing elsewhere.
pub struct Bar {
    shown: Option<ProgressBar>,
    what: &'static str,
    done: u64,
}

impl Bar {
    /// A line on standard error, or none.
    pub(super) fn new(is_shown: bool) -> Self {
        let shown = is_shown.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND);
            let bar = ProgressBar::with_draw_target(None, target);
            ProgressStyle::with_template(TEMPLATE)
                .map_or(bar.clone(), |style| bar.with_style(style.progress_chars("=> ")))
        });
        Self { shown, what: "", done: 0 }
    }

    /// Tells that `done` of `of` things are done; another `what` begins anew.
    pub fn step(&mut self, what: &'static str, done: u64, of: u64) {
        let Some(bar) = &self.shown else { return };
        if self.what != what {
            self.what = what;
            bar.set_message(what);
            bar.set_length(of);
            bar.reset();
        } else if done == self.done {
            return;
        }
        self.done = done;
        bar.set_position(done);
    }

    /// Takes the line away.
    pub fn clear(self) {
        if let Some(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}
