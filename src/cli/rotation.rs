//! The proof of an entry that brings another ledger key: by it alone do others know that key who
//! have files and no ledger (`spec/proof.md` section 5).

use std::path::Path;

use super::Context;
use super::desk::{Desk, write_file};
use super::error::CliError;
use super::ui::Ui;
use crate::base::limits::RECEIPT_BYTES_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::ledger::receipt::Receipt;
use crate::session::rotation_of;
use crate::statement::envelope::Envelope;
use crate::view::View;

/// What became of the proof of a rotation.
pub(crate) struct Rotation {
    entry: EntryIndex,
    written: Result<(), CliError>,
    /// Whether enough witnesses are still to cosign what it is under.
    owes_witnesses: bool,
}

impl Rotation {
    /// Writes the proof to the present folder, out of the entry's own receipt: a rotation ends its
    /// commit, so that the key before it has signed that. None where an envelope brings no key.
    pub(crate) fn proved(
        context: &Context,
        desk: &Desk,
        envelope: &Envelope,
        receipt: &Receipt,
    ) -> Option<Self> {
        rotation_of(envelope)?;
        let entry = receipt.index;
        let written = write(context, desk, receipt);
        let witnessed = desk.trust.witnesses().assess(receipt.checkpoint.note());
        let owes_witnesses = !witnessed.is_ok_and(|witnessed| witnessed.is_met);
        Some(Self { entry, written, owes_witnesses })
    }

    /// The file, where it was written.
    pub(crate) fn file(&self) -> Option<String> {
        self.written.is_ok().then(|| file_of(self.entry))
    }

    /// Tells where the proof is, or why there is none; never that nothing was done.
    pub(crate) fn tell(&self, ui: &mut Ui) {
        let (entry, file) = (self.entry, file_of(self.entry));
        let again = format!("countersign ledger prove {entry} -o {file}");
        match &self.written {
            Ok(()) => {
                ui.line(&format!(
                    "wrote {file}: the proof of the new key, for who has files alone"
                ));
                if self.owes_witnesses {
                    ui.warn(&format!(
                        "{file} owes the quorum of witnesses; before there is another entry: \
                         countersign ledger checkpoint --witness, then {again}"
                    ));
                }
            }
            Err(error) => {
                let why = error.causes.first().unwrap_or(&error.message);
                let next = error.hints.first().map_or_else(
                    || format!("before there is another entry: {again}"),
                    Clone::clone,
                );
                ui.warn(&format!("{file} was not written: {why}; {next}"));
            }
        }
    }
}

fn write(context: &Context, desk: &Desk, receipt: &Receipt) -> Result<(), CliError> {
    let (entry, name) = (receipt.index, file_of(receipt.index));
    if receipt.checkpoint.size() > entry.size_after() {
        return Err(CliError::usage("there is another entry after it already")
            .hint("for files alone others need another trust root, with the new key"));
    }
    let text = desk.session.prove_new(receipt)?.to_tlog_proof();
    let path = context.environment.resolve(Path::new(&name));
    if path.exists() && context.read(Path::new(&name), RECEIPT_BYTES_MAX)? != text.as_bytes() {
        // It may be the only proof that another ledger's key has.
        return Err(CliError::usage("another file is there").hint(format!(
            "before there is another entry: countersign ledger prove {entry} -o FILE"
        )));
    }
    write_file(&path, text.as_bytes())
}

/// How the file is called that shows the key which an entry brings.
fn file_of(entry: EntryIndex) -> String {
    format!("rotated-{entry}.tlog-proof")
}

/// The files that whoever has the trust root alone reads before one that rests on a tree of
/// `size` entries: the proofs of the rotations before it.
pub(crate) fn files_before(view: &View, size: TreeSize) -> Vec<String> {
    let keys = view.ledger().map(|ledger| ledger.keys.as_slice()).unwrap_or_default();
    let later = keys.iter().skip(1).filter(|(entry, _)| entry.size_after() < size);
    later.map(|(entry, _)| file_of(*entry)).collect()
}
