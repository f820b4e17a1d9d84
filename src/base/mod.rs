//! Floor 0: digests, strict encodings, limits, names and time.
//!
//! Nothing here does I/O, reads a clock or knows what a sign-off is.

pub mod digest;
pub mod encoding;
pub mod fold;
pub mod json;
pub mod limits;
pub mod name;
pub mod position;
pub mod time;
