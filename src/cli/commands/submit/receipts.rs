//! Receipts that an inbox answers with, held against the pinned trust root and the keys that are
//! known to have followed the one that it names (`spec/inbox.md` section 4).

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use crate::base::digest::StatementId;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::commands::verify::{Rotations, prove_entry};
use crate::cli::desk::ledger_key_file;
use crate::cli::error::CliError;
use crate::ledger::keys::LedgerKeys;
use crate::session::{Opening, Session};
use crate::verify::trust::TrustRoot;

/// What receipts are verified with.
pub(super) struct Receipts<'a> {
    /// Proofs of rotations that were named.
    rotated: &'a [PathBuf],
    /// The keys by what this user has of the ledger, once they were looked for.
    here: OnceCell<Option<LedgerKeys>>,
}

impl<'a> Receipts<'a> {
    pub(super) const fn new(rotated: &'a [PathBuf]) -> Self {
        Self { rotated, here: OnceCell::new() }
    }

    /// Verifies a receipt; gives the entry and which statement it is. `path` is the file that was
    /// handed in.
    pub(super) fn prove(
        &self,
        context: &Context,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(EntryIndex, StatementId), CliError> {
        let here = |trust: &TrustRoot| {
            self.here.get_or_init(|| keys_here(context, trust)).as_ref().filter(|keys| {
                // Another ledger's, where answers are of two.
                keys.origin() == trust.origin().as_str()
            })
        };
        prove_entry(context, path, bytes, &Rotations { files: self.rotated, here: &here })
    }
}

/// The keys of a ledger by what this user has of it, verified whenever it is opened: the copy of a
/// server's ledger, as it was left, or the ledger's own folder. What does not open adds none.
fn keys_here(context: &Context, trust: &TrustRoot) -> Option<LedgerKeys> {
    let configuration = context.configuration().ok()?;
    let ledger_key = ledger_key_file(&configuration, trust.origin()).ok()?;
    let seen = context.seen_file(trust);
    let copy = configuration.places().copy_folder(trust.origin());
    let as_left = copy.and_then(|folder| {
        let (ledger_key, seen) = (&ledger_key, seen.as_deref());
        let opening = Opening { folder: &folder, trust, ledger_key, command: "submit", seen };
        Session::open_copy_as_left(&opening).ok()
    });
    let session = as_left.or_else(|| {
        let address = context.address().ok()?;
        let is_its = address.url().is_none() && address.trust == *trust;
        is_its.then(|| address.open("submit").ok()).flatten()
    });
    session?.ledger_keys().ok()
}
