//! What whoever holds the deploy key may say, as the tests vary it.

use countersign::statement::pipeline::Deployment;
use countersign::statement::words::Outcome;

use super::world::commit;

/// A deployment of `shop` in production that was begun, and rests on nothing.
pub(crate) fn deployment(label: &str) -> Deployment {
    Deployment {
        service: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        revision: commit(label),
        artifacts: Vec::new(),
        decision: None,
        overrides: Vec::new(),
        started: None,
        outcome: Outcome::Started,
        trigger: None,
        run: None,
    }
}
