//! `ledger checkpoint` and `ledger prove`: files that others check without the ledger
//! (`spec/proof.md`).

use std::path::Path;

use serde::Serialize;

use crate::base::limits::BUNDLE_BYTES_MAX;
use crate::base::position::{EntryIndex, TreeSize};
use crate::cli::Context;
use crate::cli::desk::write_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::gate::bundle::{key_not_shown, key_replaced, tell_owed, verifies};
use crate::cli::rotation::files_before;
use crate::cli::text::counted;
use crate::evidence::prove_again;
use crate::note::checkpoint::Checkpoint;
use crate::verify::bundle::Bundle;

/// The newest checkpoint, byte for byte.
#[derive(Serialize)]
struct CheckpointAnswer<'a> {
    origin: &'a str,
    size: TreeSize,
    checkpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A receipt, byte for byte.
#[derive(Serialize)]
struct ReceiptAnswer<'a> {
    origin: &'a str,
    entry: u64,
    receipt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A consistency proof, byte for byte.
#[derive(Serialize)]
struct SinceAnswer<'a> {
    origin: &'a str,
    since: TreeSize,
    size: TreeSize,
    proof: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A bundle that was proved anew.
#[derive(Serialize)]
struct BundleAnswer<'a> {
    origin: &'a str,
    size: TreeSize,
    /// Whether as many witnesses cosigned that as the trust root wants.
    is_witnessed: bool,
    file: String,
}

/// The newest signed checkpoint.
pub(super) fn checkpoint(
    context: &mut Context,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let desk = context.desk("ledger checkpoint")?;
    let checkpoint = desk.session.checkpoint();
    let (size, note) = (checkpoint.size(), checkpoint.note().to_string());
    let origin = desk.trust.origin().as_str();
    let answer = CheckpointAnswer { origin, size, checkpoint: &note, file: output.map(shown) };
    let before = files_before(desk.session.view(), size);
    write(context, &Proof { text: &note, before: &before, flags: "" }, output, &answer)
}

/// An entry and the proof that it is in the ledger.
pub(super) fn entry(
    context: &mut Context,
    entry: u64,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let desk = context.desk("ledger prove")?;
    let proof = desk.session.prove(EntryIndex::new(entry))?;
    let before = files_before(desk.session.view(), proof.receipt.checkpoint.size());
    let text = proof.to_tlog_proof();
    let origin = desk.trust.origin().as_str();
    let answer = ReceiptAnswer { origin, entry, receipt: &text, file: output.map(shown) };
    write(context, &Proof { text: &text, before: &before, flags: "" }, output, &answer)
}

/// The proof that the ledger only grew since it had so many entries.
pub(super) fn since(
    context: &mut Context,
    since: u64,
    output: Option<&Path>,
) -> Result<ExitStatus, CliError> {
    let desk = context.desk("ledger prove")?;
    let (since, size) = (TreeSize::new(since), desk.session.size());
    if since > size {
        let entries = counted(size, "entry");
        let message = format!("the ledger has {entries}: there is none since {since}");
        return Err(
            CliError::usage(message).hint("SIZE is the second line of the older checkpoint")
        );
    }
    let grown = desk.session.prove_since(since)?;
    let tree = grown.checkpoint.text().parse().map_or(size, |tree: Checkpoint| tree.size);
    let before = files_before(desk.session.view(), tree);
    let text = grown.to_string();
    let origin = desk.trust.origin().as_str();
    let answer = SinceAnswer { origin, since, size, proof: &text, file: output.map(shown) };
    let proof = Proof { text: &text, before: &before, flags: " --since OLDER-CHECKPOINT" };
    write(context, &proof, output, &answer)
}

/// A bundle with its entries proved under the checkpoint that others are shown now.
pub(super) fn bundle(
    context: &mut Context,
    file: &Path,
    output: &Path,
) -> Result<ExitStatus, CliError> {
    let bytes = context.read(file, BUNDLE_BYTES_MAX)?;
    let bundle = Bundle::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no bundle", file.display()))
            .because(&error)
            .hint("name a file that countersign gate -o FILE.bundle wrote")
    })?;
    let desk = context.desk("ledger prove")?;
    let bundle = prove_again(&desk.session, bundle)?;
    if let Some(entry) = key_not_shown(&desk.session, &bundle) {
        return Err(CliError::usage(key_replaced(entry)).hint("the bundle stays good as it is"));
    }
    let bytes = bundle.to_bytes();
    let checked = verifies(&bytes, &desk.trust, context.now())?;
    write_file(&context.environment.resolve(output), &bytes)?;
    let (origin, size) = (desk.trust.origin().as_str(), checked.checkpoint().size());
    let is_witnessed = checked.witnessed().is_met;
    context.ui.json(&BundleAnswer { origin, size, is_witnessed, file: shown(output) });
    context.ui.line(&format!("wrote {}", output.display()));
    context.ui.line(&format!("next: countersign verify {}", output.display()));
    tell_owed(context, &checked, output);
    Ok(ExitStatus::Yes)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A document, and what checks it.
struct Proof<'a> {
    text: &'a str,
    /// The proofs of rotations that whoever has the trust root alone reads before it.
    before: &'a [String],
    flags: &'a str,
}

/// The document, to a file where one is named, and then how it is checked.
fn write(
    context: &mut Context,
    proof: &Proof<'_>,
    output: Option<&Path>,
    answer: &impl Serialize,
) -> Result<ExitStatus, CliError> {
    let Proof { text, before, flags } = proof;
    let is_file = output.is_some_and(|path| path.as_os_str() != "-");
    if let Some(path) = output.filter(|_| is_file) {
        write_file(&context.environment.resolve(path), text.as_bytes())?;
        context.ui.line(&format!("wrote {}", path.display()));
        let mut files = before.to_vec();
        files.push(path.display().to_string());
        context.ui.line(&format!("next: countersign verify {}{flags}", files.join(" ")));
    }
    if !before.is_empty() {
        let needed = before.join(", ");
        context.ui.warn(&format!(
            "the ledger's key was replaced: whoever has files alone needs {needed}, as rotate-key \
             wrote it, before this one, or another trust root"
        ));
    }
    if context.ui.is_json() {
        context.ui.json(answer);
    } else if !is_file {
        context.ui.document(text.as_bytes());
    }
    Ok(ExitStatus::Yes)
}
