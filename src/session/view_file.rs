//! The view beside the ledger, so that opening folds only what is new.
//!
//! The file is only a memory of this machine's own fold: it carries a MAC under the ledger's own
//! key, and one that is missing, damaged or of another tree is thrown away, never repaired.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::folder::LedgerFolder;
use crate::base::digest::{RootHash, hmac_sha256, sha256};
use crate::base::encoding;
use crate::base::limits::VIEW_FILE_BYTES_MAX;
use crate::base::position::TreeSize;
use crate::ledger::read::prover;
use crate::ledger::store::Store;
use crate::note::key::NoteSigner;
use crate::store::durable;
use crate::view::View;

/// Changes with every change of the view's form or of what the fold means.
const FORM: u64 = 7;
/// A small view is written after every append, a larger one only after so many entries.
const SMALL_BYTES: u64 = 64 * 1024;
const ENTRIES_BEHIND_MAX: u64 = 256;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ViewFile<'a> {
    form: u64,
    root: RootHash,
    view: Cow<'a, View>,
}

fn mac(key: &NoteSigner, body: &[u8]) -> String {
    let text = key.to_text();
    let key = sha256(&[b"countersign view file v1\0", text.trim_end().as_bytes()]);
    encoding::hex(&hmac_sha256(&key, body))
}

/// The view in the folder, if it is one that this ledger's key vouches for and of this tree.
pub(super) fn load<S: Store>(
    folder: &LedgerFolder,
    key: &NoteSigner,
    store: &S,
    size: TreeSize,
) -> Option<View> {
    let bytes = durable::read(&folder.view_file(), VIEW_FILE_BYTES_MAX).ok()??;
    let line_end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (vouched, body) = (&bytes[..line_end], &bytes[line_end + 1..]);
    if vouched != mac(key, body).as_bytes() {
        return None;
    }
    let file: ViewFile<'_> = serde_json::from_slice(body).ok()?;
    let of_this_tree = file.form == FORM
        && file.view.size() <= size
        && prover(store, size).root(file.view.size()).ok()? == file.root;
    of_this_tree.then(|| file.view.into_owned())
}

/// Writes the view where it pays, `remembered` being the size that the file has; gives the size
/// that it has then. A failure costs time at the next open, and nothing else.
pub(super) fn save(
    folder: &LedgerFolder,
    key: &NoteSigner,
    view: &View,
    root: RootHash,
    remembered: TreeSize,
) -> TreeSize {
    let path = folder.view_file();
    let behind = view.size().get().saturating_sub(remembered.get());
    let is_large = std::fs::metadata(&path).is_ok_and(|file| file.len() > SMALL_BYTES);
    if is_large && behind < ENTRIES_BEHIND_MAX {
        return remembered;
    }
    let file = ViewFile { form: FORM, root, view: Cow::Borrowed(view) };
    let Ok(body) = serde_json::to_vec(&file) else { return remembered };
    let mut bytes = mac(key, &body).into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    match durable::replace_memory(&path, &bytes) {
        Ok(()) => view.size(),
        Err(_) => remembered,
    }
}
