//! What is left to do when a command has answered: witnesses are asked, and evidence is kept.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Context;
use super::error::CliError;
use crate::base::digest::ContentDigest;
use crate::base::limits::WITNESS_WAIT_AFTER_MILLISECONDS;
use crate::note::SignedNote;
use crate::store::durable;
use crate::witness::{Gathering, Outcome};

/// Witnesses that are to be asked once the command has answered and let go of the ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending(Rc<RefCell<Option<Gathering>>>);

impl Pending {
    /// Has them asked; of several, the newest.
    pub(crate) fn put(&self, gathering: Gathering) {
        *self.0.borrow_mut() = Some(gathering);
    }
}

impl Context {
    /// Asks the witnesses that wait, for a second at most. What fails is tried again by the next
    /// command; what contradicts the ledger is told, and stops whoever opens it next. Gives the
    /// checkpoint that they were shown, with the lines that it has then.
    pub(crate) fn ask_pending(&mut self) -> Option<SignedNote> {
        let gathering = self.pending.0.borrow_mut().take()?;
        let wait = Duration::from_millis(WITNESS_WAIT_AFTER_MILLISECONDS);
        match gathering.ask(wait, self.now()) {
            Ok(outcomes) => {
                for (name, outcome) in outcomes {
                    match outcome {
                        Outcome::Disputed => self.ui.warn(&format!(
                            "the witness {name} has another tree of this ledger: countersign \
                             ledger checkpoint --witness tells more"
                        )),
                        Outcome::Cosigned => self.ui.detail(&format!("{name} cosigned")),
                        Outcome::Told(size) => {
                            self.ui.detail(&format!("{name} cosigned {size} entries last"));
                        }
                        Outcome::Failed(why) => self.ui.detail(&format!("{name}: {why}")),
                    }
                }
            }
            Err(error) => self.ui.warn(&format!("cosignatures are not kept: {error}")),
        }
        gathering.cosigned()
    }

    /// Writes the evidence of a fork to a file of the user's, and says where.
    pub(super) fn with_evidence(&self, error: CliError) -> CliError {
        let Some(fork) = &error.fork else { return error };
        let Some(state) = &self.environment.state_home else { return error };
        let text = fork.to_string();
        let folder = state.join("countersign/forks");
        let name = ContentDigest::of(text.as_bytes());
        let file = folder.join(format!("{}.fork", name.short()));
        let kept = durable::create_folder(&folder)
            .and_then(|()| durable::replace(&file, text.as_bytes(), durable::MODE_SHARED));
        match kept {
            Ok(()) => error.hint(format!("the evidence: countersign verify {}", file.display())),
            // It is printed as well.
            Err(_) => error,
        }
    }
}
