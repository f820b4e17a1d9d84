//! Floor 2: what a change is, and what its commits say of it.

pub mod marks;
