//! A copy of a ledger as plain files in a folder, which any static web server may serve
//! (`spec/proof.md` section 6).

mod read;
mod write;

pub use read::{MirrorFiles, MirrorStore};
pub use write::Update;
