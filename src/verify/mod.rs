//! Evidence in, verdict out. Pure: online gathers evidence first, offline reads a bundle.

pub mod trust;
