//! The side store.
