//! `verify`: what a file proves, with a trust root and nothing else.

mod answer;
mod bundle;
mod kind;
mod summary;

use std::path::{Path, PathBuf};

use answer::{Answer, Found, Place};
use bundle::Looked;
use kind::Kind;
use serde::Serialize;

use crate::base::digest::StatementId;
use crate::base::limits::{BUNDLE_BYTES_MAX, RECEIPT_BYTES_MAX};
use crate::base::name::Origin;
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::write_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::config::ConfigError;
use crate::git::Repository;
use crate::ledger::keys::LedgerKeys;
use crate::ledger::receipt::ReceiptError;
use crate::session::{SessionError, newest_seen, seen_checkpoint};
use crate::verify::proof::{CheckedProof, Known, ProofFile, ProofRefusal, Proved};
use crate::verify::trust::TrustRoot;

/// Check what a file proves, offline: a verdict, an entry, growth, a checkpoint
#[derive(Debug, clap::Args)]
#[command(after_help = "Needs no ledger, repository or network: only the trust root.\n\n\
    Examples:\n  countersign verify entry-42.tlog-proof --trust trust.toml\n  \
    countersign verify since-40.tlog-consistency --since checkpoint-40.txt\n  \
    countersign verify release.bundle --trust trust.toml\n  \
    countersign verify first.bundle second.bundle --since baseline\n  \
    countersign verify release.vsa.json --signer gate.pub --subject gitCommit:ID")]
pub(crate) struct Args {
    /// What gate -o, ledger prove or ledger checkpoint wrote; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// An older checkpoint, to which the ledger only added; of bundles that
    /// follow each other: baseline, or the entry that they begin at
    #[arg(long, value_name = "CHECKPOINT|baseline|ENTRY")]
    since: Option<PathBuf>,
    /// Where proofs show that a ledger has two histories: write the evidence
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Prove from this repository what a compact bundle leaves to the gate
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    expected: summary::Expected,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    // All is read and parsed before anything is judged: bad input is no verdict.
    let mut read_files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let bytes = context.read(path, BUNDLE_BYTES_MAX).map_err(|error| error.hint(HINT))?;
        read_files.push((path.as_path(), bytes));
    }
    let kind = kind::of_all(&read_files)?;
    kind.check_flags(context, args)?;
    match kind {
        Kind::Summary => summaries(context, &args.expected, &read_files),
        Kind::Bundle => bundles(context, args, &read_files),
        Kind::Proof => proofs(context, args, &read_files),
    }
}

/// Judges proofs, each against what those before it made known.
fn proofs(
    context: &mut Context,
    args: &Args,
    read_files: &[(&Path, Vec<u8>)],
) -> Result<ExitStatus, CliError> {
    let mut files = Vec::with_capacity(args.files.len());
    for (path, bytes) in read_files {
        let file = parse(path, bytes)?;
        let trust = trust_root(context, path, &file)?;
        files.push((path, file, trust));
    }
    let older = match &args.since {
        Some(path) => Some((path.as_path(), read(context, path)?)),
        None => None,
    };
    let (now, mut status, mut answers) = (context.now(), ExitStatus::Yes, Vec::new());
    // Files of one ledger are held against each other too.
    let mut ledgers: Vec<Known<'_>> = Vec::new();
    for (path, file, trust) in &files {
        let place = Place { path: path.display().to_string(), now };
        let is_its = |known: &Known<'_>| known.trust() == trust;
        let at = if let Some(at) = ledgers.iter().position(is_its) {
            at
        } else {
            ledgers.push(known(context, trust)?);
            ledgers.len() - 1
        };
        let found = judge(&mut ledgers[at], file.clone(), older.as_ref())?;
        let found = Found::new(&place, trust, found);
        status = status.combine(found.status());
        found.print(&mut context.ui);
        if let (Some(path), Some(fork)) = (&args.output, &found.fork) {
            write_file(&context.environment.resolve(path), fork.to_string().as_bytes())?;
            context.ui.line(&format!("wrote {}", path.display()));
        }
        answers.push(found);
    }
    context.ui.json(&Answer::new(answers));
    Ok(status)
}

/// What is known of keys that followed the one that a trust root names.
pub(in crate::cli::commands) struct Rotations<'a> {
    /// The proofs of entries that brought one.
    pub(in crate::cli::commands) files: &'a [PathBuf],
    /// The keys by what this user has of the ledger.
    pub(in crate::cli::commands) here: &'a dyn Fn(&TrustRoot) -> Option<&'a LedgerKeys>,
}

/// Checks the proof of an entry by the pinned trust root of its ledger, and what is known to have
/// followed its key; gives the entry and which statement it is. `path` is the file that people know
/// it by.
///
/// # Errors
/// Where it is no such proof, no trust root is pinned, or it does not verify; where another key
/// signed it that calls itself the ledger's, it cannot be told.
pub(in crate::cli::commands) fn prove_entry(
    context: &Context,
    path: &Path,
    bytes: &[u8],
    rotations: &Rotations<'_>,
) -> Result<(EntryIndex, StatementId), CliError> {
    let wrong = |what: &str| {
        CliError::integrity(format!("the receipt of {} {what}", path.display()))
            .hint("ask whoever runs the ledger for another")
    };
    let file = ProofFile::parse(bytes).map_err(|error| wrong("proves nothing").because(&error))?;
    let trust = trust_root(context, path, &file)?;
    let mut known = known(context, &trust)?;
    if let Some(keys) = (rotations.here)(&trust) {
        known.follow_keys(keys);
    }
    for rotated in rotations.files {
        follow(context, &mut known, rotated)?;
    }
    if known.keys().is_of_another(file.note()) {
        let message = format!(
            "the receipt of {} is signed by a key of {} that is not known here: the ledger's key \
             may have been replaced",
            path.display(),
            trust.origin()
        );
        return Err(CliError::unavailable(message)
            .hint("read the ledger once, then ask again: countersign status")
            .hint("or add --rotated FILE, the proof of that entry, from who runs the ledger"));
    }
    let checked = known.check(file);
    let checked = checked.map_err(|error| wrong("does not verify").because(&error))?;
    if !checked.witnessed.is_met {
        return Err(wrong("is of a tree that too few witnesses saw"));
    }
    match checked.proved {
        Proved::Entry { entry, id, .. } => Ok((entry.receipt.index, id)),
        Proved::Growth { .. } | Proved::Checkpoint => Err(wrong("is of no entry")),
    }
}

/// Takes up the key that the proof of a rotation shows.
fn follow(context: &Context, known: &mut Known<'_>, path: &Path) -> Result<(), CliError> {
    let wrong = |what: &str| {
        CliError::usage(format!("{} {what}", path.display()))
            .hint("name what ledger rotate-key wrote: rotated-N.tlog-proof")
    };
    let file = read(context, path)?;
    let checked = known.check(file);
    let checked = checked.map_err(|error| wrong("does not verify").because(&error))?;
    if !checked.witnessed.is_met {
        return Err(wrong("is of a tree that too few witnesses saw"));
    }
    match checked.proved {
        Proved::Entry { entry, .. } if known.keys().has_one_of(entry.receipt.index) => Ok(()),
        _ => Err(wrong("brings no key of the ledger")),
    }
}

/// Holds summaries against what is expected of them.
fn summaries(
    context: &mut Context,
    expected: &summary::Expected,
    files: &[(&Path, Vec<u8>)],
) -> Result<ExitStatus, CliError> {
    let look = |(path, bytes): &(&Path, Vec<u8>)| summary::look(context, path, bytes, expected);
    let files: Vec<_> = files.iter().map(look).collect::<Result<_, _>>()?;
    let mut status = ExitStatus::Yes;
    for found in &files {
        status = status.combine(found.status());
        found.print(&mut context.ui);
    }
    context.ui.json(&Summaries { files });
    Ok(status)
}

/// The answers about summaries.
#[derive(Serialize)]
struct Summaries {
    files: Vec<summary::Found>,
}

/// Judges bundles again, and where it is asked since when, all of them together.
fn bundles(
    context: &mut Context,
    args: &Args,
    files: &[(&Path, Vec<u8>)],
) -> Result<ExitStatus, CliError> {
    let repository = match &args.repo {
        Some(folder) => Some(Repository::open(&context.environment.resolve(folder))?),
        None => None,
    };
    let looked: Vec<_> = files
        .iter()
        .map(|(path, bytes)| Looked::at(context, path, bytes, repository.as_ref()))
        .collect::<Result<_, _>>()?;
    let since = args.since.as_ref().map(|since| since.to_string_lossy());
    let (status, files, lineage) = bundle::answer(context, &looked, since.as_deref())?;
    context.ui.json(&Bundles { files, lineage });
    Ok(status)
}

/// The answers about bundles.
#[derive(Serialize)]
struct Bundles {
    files: Vec<bundle::Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lineage: Option<bundle::LineageFound>,
}

/// A file that is one of ours in form.
fn read(context: &Context, path: &Path) -> Result<ProofFile, CliError> {
    parse(path, &context.read(path, RECEIPT_BYTES_MAX).map_err(|error| error.hint(HINT))?)
}

const HINT: &str =
    "countersign gate -o F.bundle and countersign ledger prove N -o FILE write what verify reads";

fn parse(path: &Path, bytes: &[u8]) -> Result<ProofFile, CliError> {
    if bytes.len() > RECEIPT_BYTES_MAX {
        let message =
            format!("{} is too large: a proof has at most {RECEIPT_BYTES_MAX}", path.display());
        return Err(CliError::usage(message).hint(HINT));
    }
    ProofFile::parse(bytes).map_err(|error| {
        CliError::usage(format!("{} proves nothing that is known here", path.display()))
            .because(&error)
            .hint(HINT)
    })
}

/// The trust root that is named, or the one that is pinned for the ledger that the file claims to
/// be of.
fn trust_root(context: &Context, path: &Path, file: &ProofFile) -> Result<TrustRoot, CliError> {
    let claimed = file.claimed().map_err(|error| {
        CliError::usage(format!("{} holds no checkpoint", path.display())).because(&error)
    })?;
    let origin: Origin = claimed.origin.parse().map_err(|error| {
        CliError::usage(format!("{} is of no ledger", path.display())).because(&error)
    })?;
    trust_root_of(context, path, &origin)
}

fn trust_root_of(context: &Context, path: &Path, origin: &Origin) -> Result<TrustRoot, CliError> {
    match context.configuration()?.trust_root(Some(origin)) {
        Ok((trust, _)) => Ok(trust),
        Err(ConfigError::OtherLedger { found, .. }) => {
            let message = format!("{} says it is of {origin}", path.display());
            Err(CliError::usage(format!("{message}; the trust root is of {found}"))
                .hint("name the trust root of its ledger: --trust FILE"))
        }
        Err(error) => Err(error.into()),
    }
}

/// What is known of a ledger before any file is: its trust root, and what this user has seen.
fn known<'a>(context: &Context, trust: &'a TrustRoot) -> Result<Known<'a>, CliError> {
    let mut known = Known::new(trust);
    if let Some(path) = context.seen_file(trust)
        && let Some(seen) = newest_seen(&path).map_err(SessionError::from)?
    {
        known.add_tree(seen).map_err(|error| {
            CliError::integrity(format!("what was seen of {} is of another", trust.origin()))
                .because(&error)
                .hint("is it the right trust root? countersign trust show --trust FILE")
        })?;
        // Its checkpoint, where it was kept, is the evidence should a file contradict it.
        if let Some(note) = seen_checkpoint(&path) {
            drop(known.check(ProofFile::Checkpoint(note)));
        }
    }
    Ok(known)
}

/// Holds a file against the trust root and every tree that is known, the older checkpoint's too.
fn judge(
    known: &mut Known<'_>,
    file: ProofFile,
    older: Option<&(&Path, ProofFile)>,
) -> Result<Result<CheckedProof, ProofRefusal>, CliError> {
    // A proof of growth needs the older tree first; any other file may bring the key that signed
    // it.
    let is_growth = matches!(file, ProofFile::Consistency(_));
    if let Some(older) = older.filter(|_| is_growth)
        && let Err(fork) = learn(known, older)?
    {
        return Ok(Err(fork));
    }
    match known.check(file) {
        // What is missing is the caller's to give: it is no answer.
        Err(ProofRefusal::NoOlder { size }) => {
            Err(CliError::usage(format!("the proof starts at {size} entries: against which tree?"))
                .hint(format!("add --since FILE, a checkpoint of {size} entries")))
        }
        Err(refusal @ ProofRefusal::Entry(ReceiptError::NoLeaf)) => {
            Err(CliError::usage(refusal.to_string())
                .hint("countersign ledger prove N -o FILE writes the entry too"))
        }
        Ok(checked) => match older.filter(|_| !is_growth) {
            Some(older) => Ok(learn(known, older)?.map(|()| checked)),
            None => Ok(Ok(checked)),
        },
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Takes up the older checkpoint's tree; gives the refusal where it is another history.
fn learn(
    known: &mut Known<'_>,
    (path, older): &(&Path, ProofFile),
) -> Result<Result<(), ProofRefusal>, CliError> {
    match known.check(ProofFile::Checkpoint(older.note().clone())) {
        Ok(_) => Ok(Ok(())),
        Err(refusal @ (ProofRefusal::Fork { .. } | ProofRefusal::Forked(_))) => Ok(Err(refusal)),
        Err(refusal) => {
            let message = format!("{} is no checkpoint of this ledger", path.display());
            Err(CliError::integrity(message)
                .because(&refusal)
                .hint("countersign verify FILE says more of it"))
        }
    }
}
