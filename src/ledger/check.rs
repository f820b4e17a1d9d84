//! Checking a whole ledger.
