//! The append-only ledger (`spec/ledger.md`): leaves, the ports to storage, append, read, check.
//!
//! Invariant: an entry is acknowledged only after the store has it durably and the checkpoint
//! file names a tree that holds it.

pub mod admission;
pub mod append;
pub mod check;
pub mod consistency;
pub mod fork;
pub mod head;
pub mod inbox;
pub mod keys;
pub mod leaf;
pub mod read;
pub mod receipt;
pub mod store;
pub mod tiles;
pub mod tlog_proof;
pub mod topics;
pub mod witness;
