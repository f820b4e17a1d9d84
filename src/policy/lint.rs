//! x
use super::{Lint, Policy};
pub(super) fn warnings(_policy: &Policy) -> Vec<Lint> {
    Vec::new()
}
