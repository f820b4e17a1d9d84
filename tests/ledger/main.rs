//! The ledger over its stores: one behaviour, damage located, faults survived.

#![cfg(feature = "sled")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod behaviour;
mod damage;
mod faults;
mod figures;
mod parsers;
mod support;
mod tiles;
