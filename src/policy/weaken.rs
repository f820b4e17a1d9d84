//! x
use super::{Policy, Weakening};
pub(super) fn weakens(_policy: &Policy, _older: &Policy) -> Vec<Weakening> {
    Vec::new()
}
