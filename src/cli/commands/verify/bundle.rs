//! `verify F.bundle`: a verdict again, and what each part of it rests on.

use std::path::Path;

use serde::Serialize;

use super::answer::owed;
use crate::base::digest::ContentDigest;
use crate::base::name::Origin;
use crate::base::position::TreeSize;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Ui, Word};
use crate::evidence::prove_from;
use crate::git::Repository;
use crate::note::SignedNote;
use crate::note::checkpoint::Checkpoint;
use crate::statement::Seen;
use crate::verify::bundle::{
    Bundle, Checked, Claims, Line, Rests, Since, TamperCode, Tampered, check, lineage,
};

/// A bundle that was looked at.
pub(super) struct Looked {
    path: String,
    digest: ContentDigest,
    outcome: Result<Box<Checked>, Tampered>,
    origin: Option<Origin>,
}

impl Looked {
    /// Reads the bytes of a bundle and judges them again, with a repository where one is named.
    ///
    /// # Errors
    /// Where the trust root of its ledger, or the repository, is not at hand.
    pub(super) fn at(
        context: &Context,
        path: &Path,
        bytes: &[u8],
        repository: Option<&Repository>,
    ) -> Result<Self, CliError> {
        let mut looked = Self {
            path: path.display().to_string(),
            digest: ContentDigest::of(bytes),
            outcome: Err(Tampered::new(TamperCode::Form, "it is not written as bundles are")),
            origin: None,
        };
        let bundle = match Bundle::parse(bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                looked.outcome = Err(Tampered::new(TamperCode::Form, error.to_string()));
                return Ok(looked);
            }
        };
        let claimed = SignedNote::parse(bundle.checkpoint.as_bytes()).ok();
        let claimed = claimed.and_then(|note| note.text().parse::<Checkpoint>().ok());
        let origin = claimed.and_then(|claimed| claimed.origin.parse::<Origin>().ok());
        let Some(origin) = origin else {
            let what = "it holds no checkpoint";
            looked.outcome = Err(Tampered::new(TamperCode::Checkpoint, what));
            return Ok(looked);
        };
        let trust = super::trust_root_of(context, path, &origin)?;
        let mut known = super::known(context, &trust)?;
        looked.origin = Some(origin);
        looked.outcome = check(&bundle, &trust, context.now()).map(Box::new);
        if let Ok(checked) = &looked.outcome {
            let (size, root) = (checked.checkpoint().size(), *checked.checkpoint().root());
            if let Err(fork) = known.add_tree(Seen { size, root }) {
                looked.outcome = Err(Tampered::new(TamperCode::Fork, fork.to_string()));
            }
        }
        if let Some(repository) = repository {
            looked.prove(repository, &bundle.evidence)?;
        }
        Ok(looked)
    }

    /// What git objects show is proved from a repository that says the same.
    fn prove(&mut self, repository: &Repository, claims: &Claims) -> Result<(), CliError> {
        let Ok(checked) = &self.outcome else { return Ok(()) };
        let proved = prove_from(repository, checked.rebuilt(), claims, checked.salt())?;
        let checked = (**checked).clone();
        self.outcome = proved.map(|()| Box::new(checked.proved_from_repository()));
        Ok(())
    }
}

/// What is answered about one bundle.
#[derive(Serialize)]
pub(super) struct Found {
    #[serde(rename = "answer")]
    said: &'static str,
    #[serde(skip)]
    word: Word,
    file: String,
    sha256: ContentDigest,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proves: Option<&'static str>,
    reasons: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<TreeSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rests_on: Option<String>,
    lines: Vec<LineFound>,
}

#[derive(Serialize)]
struct LineFound {
    code: &'static str,
    rests: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    text: String,
}

impl From<&Line> for LineFound {
    fn from(line: &Line) -> Self {
        let (rests, by) = match &line.rests {
            Rests::Proved => ("proved", None),
            Rests::Attested { by } => ("attested", Some(by.clone())),
        };
        Self { code: line.code.as_str(), rests, by, text: line.text.clone() }
    }
}

impl Found {
    fn new(looked: &Looked, now: Timestamp) -> Self {
        let mut found = Self {
            said: Word::Tampered.as_str(),
            word: Word::Tampered,
            file: looked.path.clone(),
            sha256: looked.digest,
            origin: looked.origin.clone(),
            proves: None,
            reasons: Vec::new(),
            refused: None,
            size: None,
            rests_on: None,
            lines: Vec::new(),
        };
        match &looked.outcome {
            Ok(checked) => found.fill(checked, now),
            Err(tampered) => {
                found.reasons.push(tampered.code.as_str());
                found.refused = Some(tampered.what.clone());
            }
        }
        found.said = found.word.as_str();
        found
    }

    fn fill(&mut self, checked: &Checked, now: Timestamp) {
        self.word = if checked.is_yes() { Word::Yes } else { Word::No };
        self.proves = Some(if checked.is_full() { "full verdict" } else { "compact verdict" });
        self.reasons = checked.reasons();
        let question = &checked.verdict().question;
        let what = format!(
            "{} {} to {}",
            question.service,
            question.revision.short(),
            question.environment
        );
        self.refused = Some(match self.word {
            Word::Yes => format!("{what} is signed off"),
            _ => format!("{what}: {}", self.reasons.join(", ")),
        });
        self.size = Some(checked.verdict().size);
        let owed = owed(checked.witnessed(), now);
        self.rests_on = Some(match checked.decided() {
            Some(decided) => {
                let (entry, size) = (decided.entry.index, checked.verdict().size);
                format!("decision {entry} by {} at size {size}; {owed}", decided.by)
            }
            None => format!("nobody attests it: nothing was recorded; {owed}"),
        });
        self.lines = checked.lines().iter().map(LineFound::from).collect();
    }

    fn status(&self) -> ExitStatus {
        match self.word {
            Word::Yes => ExitStatus::Yes,
            Word::No => ExitStatus::No,
            _ => ExitStatus::Integrity,
        }
    }

    fn print(&self, ui: &mut Ui) {
        let says = self.refused.as_deref().unwrap_or_default();
        ui.answer(self.word, &format!("{}: {says}", self.file));
        if let Some(owed) = &self.rests_on {
            ui.paragraph(0, owed);
        }
        if self.word == Word::Tampered {
            let code = self.reasons.first().copied().unwrap_or_default();
            ui.line(&format!("code: {code}"));
            ui.paragraph(0, "next: keep the file as it is, and get another from the gate");
            return;
        }
        let Some((last, lines)) = self.lines.split_last() else { return };
        let texts = |wanted: Option<&String>| -> String {
            let of = lines.iter().filter(|line| line.by.as_ref() == wanted);
            let texts: Vec<_> = of.map(|line| line.text.as_str()).collect();
            texts.join("; ")
        };
        ui.paragraph(0, &format!("proved: {}", texts(None)));
        let mut by: Vec<&String> = lines.iter().filter_map(|line| line.by.as_ref()).collect();
        by.sort_unstable();
        by.dedup();
        for by in by {
            ui.paragraph(0, &format!("attested by {by}: {}", texts(Some(by))));
        }
        let by = last.by.as_deref().unwrap_or("nobody");
        ui.paragraph(0, &format!("{}: attested by {by}", last.text));
    }
}

/// What is answered about bundles that shall follow each other.
#[derive(Serialize)]
pub(super) struct LineageFound {
    answer: &'static str,
    #[serde(skip)]
    word: Word,
    since: String,
    reasons: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Answers about bundles, and about all of them together where it is asked since when.
pub(super) fn answer(
    context: &mut Context,
    looked: &[Looked],
    since: Option<&str>,
) -> Result<(ExitStatus, Vec<Found>, Option<LineageFound>), CliError> {
    let now = context.now();
    let (mut status, mut found) = (ExitStatus::Yes, Vec::new());
    for one in looked {
        let one = Found::new(one, now);
        status = status.combine(one.status());
        one.print(&mut context.ui);
        found.push(one);
    }
    let Some(since) = since else { return Ok((status, found, None)) };
    let wanted = parse_since(since)?;
    let mut checked = Vec::new();
    for one in looked {
        match &one.outcome {
            Ok(bundle) => checked.push((&**bundle, one.digest)),
            Err(_) => return Ok((status, found, None)),
        }
    }
    let (word, reasons, refused) = match lineage(&checked, wanted) {
        Ok(None) => (Word::Yes, Vec::new(), None),
        Ok(Some(gap)) => {
            let file = looked.get(gap.before).map(|one| one.path.as_str()).unwrap_or_default();
            (Word::No, vec!["GAP"], Some(format!("before {file}: {}", gap.what)))
        }
        Err(tampered) => (Word::Tampered, vec![tampered.code.as_str()], Some(tampered.what)),
    };
    let lineage =
        LineageFound { answer: word.as_str(), word, since: since.to_owned(), reasons, refused };
    lineage.print(&mut context.ui, &checked);
    status = status.combine(match word {
        Word::Yes => ExitStatus::Yes,
        Word::No => ExitStatus::No,
        _ => ExitStatus::Integrity,
    });
    Ok((status, found, Some(lineage)))
}

impl LineageFound {
    fn print(&self, ui: &mut Ui, checked: &[(&Checked, ContentDigest)]) {
        let count = checked.len();
        let last = checked.last();
        let last = last.map_or("nothing", |(last, _)| last.verdict().question.revision.short());
        let leads = format!("{count} bundles lead from {} to {last} without a gap", self.since);
        let says = self.refused.clone().unwrap_or(leads);
        ui.answer(self.word, &says);
    }
}

fn parse_since(text: &str) -> Result<Since, CliError> {
    if text == "baseline" {
        return Ok(Since::Baseline);
    }
    let entry = crate::base::encoding::undecimal(text.trim_start_matches('#'));
    entry.map(|entry| Since::Entry(crate::base::position::EntryIndex::new(entry))).map_err(|_| {
        CliError::usage(format!("bundles begin at a baseline or an entry, not at {text}"))
            .hint("countersign verify A.bundle B.bundle --since baseline")
    })
}
