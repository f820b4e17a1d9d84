//! One byte of a sign-off, changed behind the ledger's back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::base::position::EntryIndex;
use crate::cli::error::{CliError, ErrorKind};
use crate::ledger::leaf::Leaf;
use crate::ledger::store::Store as _;
use crate::statement::envelope::Envelope;
use crate::statement::{Says, Statement};
use crate::store::sled::SledStore;

/// How long whoever had the copy open may take to let it go.
const WAIT: Duration = Duration::from_secs(10);

/// Copies a ledger and changes one byte of the newest sign-off in the copy; gives its entry.
///
/// # Errors
/// Where the ledger cannot be read or copied, or holds no sign-off.
pub(super) fn change_sign_off(ledger: &Path, copy: &Path) -> Result<EntryIndex, CliError> {
    copy_folder(ledger, copy)?;
    let index = sign_off(copy)?;
    change(copy, index).ok_or_else(|| CliError::integrity("the demo went wrong: not changed"))?;
    Ok(index)
}

/// Changes a digit of the signed statement with the database's own means, as somebody would who
/// knows how it is stored: a change of the bare file is noticed by the database already.
fn change(ledger: &Path, index: EntryIndex) -> Option<()> {
    /// Where in the statement the digit stands, in base64 digits.
    const DIGIT: usize = 200;
    const TRIES_MAX: usize = 200;
    // Who just had it open, a thread that is ending, may hold its lock an instant longer.
    let tries = (0..TRIES_MAX).find_map(|_| {
        let opened = ::sled::open(ledger.join("sled")).ok();
        if opened.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        opened
    });
    let database = tries?;
    let key = [&b"e"[..], &index.get().to_be_bytes()].concat();
    let mut value = database.get(&key).ok()??.to_vec();
    let start = br#""payload":""#;
    let at = value.windows(start.len()).position(|window| window == start)?;
    let digit = value.get_mut(at + start.len() + DIGIT)?;
    *digit = if *digit == b'A' { b'B' } else { b'A' };
    database.insert(&key, value).ok()?;
    database.flush().ok().map(drop)
}

/// The entry of the newest sign-off.
fn sign_off(ledger: &Path) -> Result<EntryIndex, CliError> {
    let unreadable = |error: crate::ledger::store::StoreError| {
        CliError::from(crate::session::SessionError::from(error))
    };
    let store = SledStore::open(ledger, "demo", WAIT).map_err(unreadable)?;
    let head = store.head().map_err(unreadable)?;
    let size = head.map_or(0, |head| head.size.get());
    for index in (0..size).rev().map(EntryIndex::new) {
        let Some(bytes) = store.leaf(index).map_err(unreadable)? else { continue };
        if is_sign_off(&bytes) {
            return Ok(index);
        }
    }
    Err(CliError::new(ErrorKind::Integrity, "the demo went wrong: there is no sign-off"))
}

fn is_sign_off(leaf: &[u8]) -> bool {
    let says = || {
        let leaf = Leaf::parse(leaf).ok()?;
        let envelope = Envelope::parse_canonical(leaf.envelope()).ok()?;
        Statement::parse(envelope.payload()).ok().map(|statement| statement.says)
    };
    matches!(says(), Some(Says::Approval(_)))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CliError> {
    let fail = |error: std::io::Error| CliError::file("copy", from, &error);
    fs::create_dir(to).map_err(fail)?;
    for entry in fs::read_dir(from).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(fail)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(fail)?;
        }
    }
    Ok(())
}
