//! Cosignatures are gathered beside the commits: no append waits for a witness.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::commit::{Current, Orders};
use super::events::{Event, Teller};
use crate::base::limits::WITNESS_WAIT_MILLISECONDS;
use crate::base::name::WitnessName;
use crate::base::time::Clock;
use crate::config::WitnessAddress;
use crate::verify::trust::TrustRoot;
use crate::witness::{Gathering, Outcome, Whom};

/// How often witnesses that did not answer are thought of again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Asks witnesses, one round after the other.
pub(super) struct Gatherer {
    pub(super) current: Current,
    pub(super) trust: TrustRoot,
    pub(super) addresses: BTreeMap<WitnessName, WitnessAddress>,
    pub(super) clock: Box<dyn Clock + Send + Sync>,
    pub(super) teller: Teller,
    /// Ends when the thread that commits has ended.
    pub(super) grown: Receiver<()>,
}

impl Gatherer {
    pub(super) fn run(self, orders: impl Fn() -> Option<Orders>) {
        if self.addresses.is_empty() {
            return;
        }
        loop {
            // Who tells what it has cosigned is shown the growth since then at once.
            if self.ask(&orders) {
                self.ask(&orders);
            }
            match self.grown.recv_timeout(AGAIN_AFTER) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Asks once; gives whether a witness told what it has instead of cosigning.
    fn ask(&self, orders: &impl Fn() -> Option<Orders>) -> bool {
        let snapshot = self.current.get();
        let now = self.clock.now();
        let prepared =
            Gathering::prepare(&snapshot.session, &self.trust, &self.addresses, Whom::Waiting, now);
        // A witness may take its time: the store is not kept open for it.
        drop(snapshot);
        let failed = |why: String| {
            let (witness, outcome) = ("all".to_owned(), why);
            self.teller.tell(Event::Witnessed { witness, outcome, is_alarming: true });
            false
        };
        let gathering = match prepared {
            Ok(Some(gathering)) => gathering,
            Ok(None) => return false,
            Err(error) => return failed(error.to_string()),
        };
        match gathering.ask(Duration::from_millis(WITNESS_WAIT_MILLISECONDS), now) {
            Ok(outcomes) => {
                let has_told = outcomes.iter().any(|(_, one)| matches!(one, Outcome::Told(_)));
                for (witness, outcome) in outcomes {
                    let (outcome, is_alarming) = match outcome {
                        Outcome::Cosigned => ("cosigned".to_owned(), false),
                        Outcome::Told(size) => (format!("had cosigned {size}"), false),
                        Outcome::Disputed => ("has another tree of this ledger".to_owned(), true),
                        Outcome::Failed(why) => (why, false),
                    };
                    let witness = witness.to_string();
                    self.teller.tell(Event::Witnessed { witness, outcome, is_alarming });
                }
                if let Some(orders) = orders() {
                    orders.cosigned();
                }
                has_told
            }
            Err(error) => failed(error.to_string()),
        }
    }
}
