//! Rejected.
