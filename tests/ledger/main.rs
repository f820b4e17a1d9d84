//! The ledger over its stores: one behaviour, damage located, faults survived.

mod behaviour;
mod damage;
mod faults;
mod figures;
mod support;
