//! `verify FILE.vsa.json`: whether a summary for readers of SLSA is signed by a key that somebody
//! names, and says what is expected (`spec/slsa.md` section 4).

use std::path::Path;

use serde::Serialize;

use crate::base::limits::{PUBLIC_KEY_LINE_BYTES_MAX, SUMMARY_BYTES_MAX};
use crate::cli::Context;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Table, Ui, Word};
use crate::key::{PublicKey, Signature};
use crate::statement::envelope::Envelope;
use crate::statement::summary::ReadSummary;

/// Room for the payload in base64, the signatures, and as much white space.
const ENVELOPE_BYTES_MAX: usize = 2 * SUMMARY_BYTES_MAX;

/// What is expected of a summary; what is left out may be anything, and is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Expected {
    /// Of a summary for readers of SLSA (FILE.vsa.json): the public key of the gate
    #[arg(long, value_name = "KEY.pub")]
    pub(super) signer: Option<std::path::PathBuf>,
    /// With --signer: what the summary must be about, as gitCommit:ID or sha256:DIGEST
    #[arg(long, value_name = "KIND:DIGEST", requires = "signer")]
    pub(super) subject: Option<String>,
    /// With --signer: the URI of the repository or artifact that it must be about
    #[arg(long, value_name = "URI", requires = "signer")]
    pub(super) resource: Option<String>,
    /// With --signer: the name of the gate that it must bear (verifier.id)
    #[arg(long, value_name = "URI", requires = "signer")]
    pub(super) verifier: Option<String>,
    /// With --signer: a level or property that it must say
    #[arg(long, value_name = "LEVEL", requires = "signer")]
    pub(super) level: Option<String>,
}

/// The answer about one summary.
#[derive(Serialize)]
pub(super) struct Found {
    #[serde(rename = "answer")]
    said: &'static str,
    #[serde(skip)]
    word: Word,
    file: String,
    signer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    subjects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source_refs: Vec<String>,
    verifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    resource: String,
    policy: String,
    result: &'static str,
    levels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_checked: Vec<&'static str>,
}

/// Whether a file looks like an envelope. Proofs begin otherwise, and bundles have no such member.
pub(super) fn is_envelope(bytes: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"payloadType\"";
    bytes.trim_ascii_start().first() == Some(&b'{')
        && bytes.windows(MEMBER.len()).any(|window| window == MEMBER)
}

/// Reads one, and holds it against what is expected.
///
/// # Errors
/// Where it is none, or nobody says whose key it shall be signed with.
pub(super) fn look(
    context: &Context,
    path: &Path,
    bytes: &[u8],
    expected: &Expected,
) -> Result<Found, CliError> {
    let shown = path.display().to_string();
    let none = || {
        CliError::usage(format!("{shown} is no summary that is read here"))
            .hint("countersign gate -o FILE.vsa.json writes one")
    };
    let envelope = Envelope::parse_within(bytes, ENVELOPE_BYTES_MAX, SUMMARY_BYTES_MAX)
        .map_err(|error| none().because(&error))?;
    let summary = ReadSummary::parse(envelope.payload()).map_err(|error| none().because(&error))?;
    let key = signer(context, expected)?;
    let refused = refused(&envelope, &summary, &key, expected);
    let (word, refused) = match refused {
        None => (Word::Yes, None),
        Some((word, why)) => (word, Some(why)),
    };
    let given = [
        (expected.subject.is_some(), "--subject"),
        (expected.resource.is_some(), "--resource"),
        (expected.verifier.is_some(), "--verifier"),
        (expected.level.is_some(), "--level"),
    ];
    let not_checked = given.into_iter().filter(|(is_given, _)| !is_given);
    Ok(Found {
        said: word.as_str(),
        word,
        file: shown,
        signer: key.fingerprint().to_string(),
        refused,
        subjects: summary.subjects,
        source_refs: summary.source_refs,
        verifier: summary.verifier,
        time: summary.time,
        resource: summary.resource,
        policy: summary.policy,
        result: if summary.is_passed { "PASSED" } else { "FAILED" },
        levels: summary.levels,
        not_checked: not_checked.map(|(_, flag)| flag).collect(),
    })
}

/// The key that is named: its type is told by its text, never by the length of a signature.
fn signer(context: &Context, expected: &Expected) -> Result<PublicKey, CliError> {
    let path = expected.signer.as_ref().ok_or_else(|| {
        CliError::usage("a summary is its signer's word: whose key do you trust?")
            .hint("name the gate's public key: countersign verify FILE --signer GATE.pub")
    })?;
    let bytes = context.read(path, PUBLIC_KEY_LINE_BYTES_MAX)?;
    let line = String::from_utf8_lossy(&bytes);
    PublicKey::from_openssh(line.trim()).map_err(|error| {
        let message = format!("{} is no Ed25519 key in OpenSSH's form", path.display());
        CliError::new(ErrorKind::Usage, message).because(&error)
    })
}

/// Why it is no yes: the steps of SLSA's verification, in their order.
fn refused(
    envelope: &Envelope,
    summary: &ReadSummary,
    key: &PublicKey,
    expected: &Expected,
) -> Option<(Word, String)> {
    let fingerprint = key.fingerprint();
    let mut its = envelope.signatures().iter().filter(|one| one.keyid == fingerprint);
    let Some(signature) = its.next() else {
        return Some((Word::No, format!("not signed by {fingerprint}")));
    };
    let message = envelope.pre_authentication_encoding();
    let is_good = its.next().is_none()
        && matches!(signature.signature, Signature::Plain(_))
        && key.verify(&message, &signature.signature).is_ok();
    if !is_good {
        return Some((Word::Tampered, format!("the signature of {fingerprint} does not verify")));
    }
    let no = |why: String| Some((Word::No, why));
    if let Some(subject) = expected.subject.as_ref().filter(|it| !summary.subjects.contains(it)) {
        return no(format!("it is not about {subject}"));
    }
    if let Some(resource) = expected.resource.as_ref().filter(|it| **it != summary.resource) {
        return no(format!("it is not about {resource}"));
    }
    if let Some(verifier) = expected.verifier.as_ref().filter(|it| **it != summary.verifier) {
        return no(format!("it is not of {verifier}"));
    }
    if !summary.is_passed {
        return no("the policy did not let it pass".to_owned());
    }
    let level = expected.level.as_ref().filter(|it| !summary.levels.contains(it));
    level.and_then(|level| no(format!("it does not say {level}")))
}

/// Digests by their first digits, for people: three of them, and how many more there are.
fn shown_all(subjects: &[String]) -> String {
    const SHOWN_MAX: usize = 3;
    let short = |subject: &String| match subject.split_once(':') {
        Some((kind, digest)) => {
            format!("{kind}:{}", digest.chars().take(12).collect::<String>())
        }
        None => subject.clone(),
    };
    let mut texts: Vec<_> = subjects.iter().take(SHOWN_MAX).map(short).collect();
    if subjects.len() > SHOWN_MAX {
        texts.push(format!("{} more", subjects.len() - SHOWN_MAX));
    }
    texts.join(", ")
}

impl Found {
    /// The exit status.
    pub(super) const fn status(&self) -> ExitStatus {
        match self.word {
            Word::Yes => ExitStatus::Yes,
            Word::No => ExitStatus::No,
            _ => ExitStatus::Integrity,
        }
    }

    pub(super) fn print(&self, ui: &mut Ui) {
        let says = match &self.refused {
            Some(why) => why.clone(),
            None => format!("the gate let {} pass", shown_all(&self.subjects)),
        };
        ui.answer(self.word, &format!("{}: {says}", self.file));
        let mut table = Table::new(2);
        table.row(["rests on", format!("the word of {}", self.signer).as_str()]);
        table.row(["about", shown_all(&self.subjects).as_str()]);
        table.row(["from", self.resource.as_str()]);
        if !self.source_refs.is_empty() {
            table.row(["branch", self.source_refs.join(", ").as_str()]);
        }
        for (row, level) in self.levels.iter().enumerate() {
            table.row([if row == 0 { "levels" } else { "" }, level.as_str()]);
        }
        if let Some(time) = &self.time {
            table.row(["time", format!("{time} by its own word").as_str()]);
        }
        ui.table(&table);
        ui.line("not proved: what the gate saw; a bundle proves that");
        if self.word == Word::Yes && !self.not_checked.is_empty() {
            let flags = self.not_checked.join(", ");
            ui.paragraph(0, &format!("next: say what you expect as well: {flags}"));
        } else if self.word != Word::Yes {
            ui.paragraph(0, "next: deploy nothing on it; ask who runs the gate");
        }
    }
}
