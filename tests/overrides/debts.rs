//! Debts.
