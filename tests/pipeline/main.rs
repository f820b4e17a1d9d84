//! Pipelines: `gate` and `record`, on real repositories with real keys.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

mod attested;
mod check;
mod damage;
mod figures;
mod flags;
mod gate;
#[path = "../common/library.rs"]
mod library;
mod observed;
mod partial;
mod provenance;
mod running;
mod stage;
mod summary;
