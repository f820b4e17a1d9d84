//! The verdict and admission (`spec/verdict.md`, `spec/ledger.md` section 6) on the memory store:
//! real signatures, real admission, made-up changes. Numbers are those of the threat list
//! (`spec/threats.md`), letters those of `spec/ambiguities.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admission;
mod carried;
mod carried_properties;
mod deployments;
mod given;
mod glass;
mod hostile;
#[path = "../carry/independent.rs"]
mod independent;
mod judged;
mod landings;
mod starts;
mod world;
