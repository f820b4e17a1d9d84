//! `gate -o FILE.bundle`: what an answer rests on, for whoever has neither ledger nor repository.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::judge::Judged;
use super::key::PipelineKey;
use super::record::Recorded;
use crate::base::digest::ContentDigest;
use crate::base::limits::{BUNDLE_BYTES_MAX, WITNESS_WAIT_AFTER_MILLISECONDS};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, write_file};
use crate::cli::error::CliError;
use crate::evidence::{Judged as Drafted, draft_bundle, fill_bundle, gather_as_of};
#[cfg(feature = "server")]
use crate::key::Signer;
use crate::note::SignedNote;
use crate::note::checkpoint::Checkpoint;
use crate::session::{Session, SessionError};
#[cfg(feature = "server")]
use crate::statement::Says;
use crate::statement::governance::EntryReference;
use crate::verify::Question;
use crate::verify::bundle::{Attestation, BUNDLE_START, Bundle, Checked, attested_message, check};
#[cfg(feature = "server")]
use crate::verify::cover::Cover;
use crate::verify::trust::TrustRoot;
use crate::view::View;

/// How long until a server is asked again whether enough witnesses cosigned.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What is to be written where.
pub(crate) struct Wanted {
    path: PathBuf,
    full: bool,
    previous: Option<ContentDigest>,
    is_told: bool,
}

impl Wanted {
    /// Reads the bundle before, so that a wrong one is told before anything is recorded.
    ///
    /// # Errors
    /// Where that is none, or cannot be read.
    pub(crate) fn new(
        context: &Context,
        path: &Path,
        full: bool,
        after: Option<&Path>,
    ) -> Result<Self, CliError> {
        let previous = match after {
            None => None,
            Some(after) => {
                let bytes = context.read(after, BUNDLE_BYTES_MAX)?;
                if !bytes.starts_with(BUNDLE_START.as_bytes()) {
                    return Err(CliError::usage(format!("{} is no bundle", after.display()))
                        .hint("name the file that the gate wrote for the deployment before"));
                }
                Some(ContentDigest::of(&bytes))
            }
        };
        let path = context.environment.resolve(path);
        Ok(Self { path, full, previous, is_told: true })
    }

    /// One that the gate keeps for itself.
    pub(crate) const fn kept(path: PathBuf) -> Self {
        Self { path, full: false, previous: None, is_told: false }
    }

    /// Draws the bundle up, while the ledger is at hand.
    ///
    /// # Errors
    /// Where something is not at hand.
    pub(crate) fn draw(
        &self,
        context: &mut Context,
        desk: &Desk,
        judged: &Judged,
        before: &View,
        signing: Option<(&PipelineKey, &Recorded)>,
    ) -> Result<Drawn, CliError> {
        let repository = desk.need_repository()?;
        let mut question = judged.verdict.question.clone();
        let mut decision: Option<EntryReference> = None;
        // The same denial as before stands where it stands, and had seen what it had seen.
        let mut earlier = None;
        if let Some((_, recorded)) = signing {
            let entry = desk.session.entry(recorded.decision.0)?;
            question = Question { time: entry.time(), ..question };
            decision = Some(entry.entry());
            let seen = entry.statement().seen.map(|seen| seen.size).unwrap_or_default();
            if seen != before.size() {
                let view = desk.session.view_as_of(seen)?;
                let found = gather_as_of(&desk.session, repository, &question, &view, None)?;
                earlier = Some((view, found));
            }
        }
        let (view, gathered) = match &earlier {
            Some((view, gathered)) => (view, gathered),
            None => (before, &judged.gathered),
        };
        let previous = self.previous;
        let drafted = Drafted { question: &question, gathered, view, decision, previous };
        let draft = draft_bundle(&desk.session, repository, &drafted)?;
        let attestation = match signing {
            None => None,
            Some((key, _)) => {
                let message = attested_message(&draft.claims);
                let signature = key.signer.sign(&message).map_err(SessionError::from)?;
                Some(Attestation::new(key.signer.public_key().fingerprint(), &signature))
            }
        };
        if self.full {
            context.ui.note("--full: the bundle carries the source code of these changes");
        }
        let bundle = fill_bundle(&desk.session, repository, draft, attestation, self.full)?;
        let (path, trust) = (self.path.clone(), desk.trust.clone());
        Ok(Drawn { bundle, path, trust, full: self.full, is_told: self.is_told })
    }
}

/// A bundle that is drawn up, for which the ledger is needed no more.
pub(crate) struct Drawn {
    bundle: Bundle,
    path: PathBuf,
    trust: TrustRoot,
    full: bool,
    is_told: bool,
}

impl Drawn {
    /// Asks the witnesses that wait where the trust root wants a quorum: what is handed on is to
    /// have it. Nobody is waited for longer than after any other command.
    pub(crate) fn cosigned(mut self, context: &mut Context) -> Self {
        if self.trust.witnesses().quorum().is_some()
            && let Some(note) = context.ask_pending()
        {
            self.bundle.take_up_cosignatures(&note);
        }
        self
    }

    /// Writes the bundle, and only one that verifies.
    ///
    /// # Errors
    /// Where it is too large, or cannot be written.
    pub(crate) fn write(&self, context: &mut Context) -> Result<(), CliError> {
        let bytes = self.bundle.to_bytes();
        if bytes.len() > BUNDLE_BYTES_MAX {
            let message = format!("the bundle has {} bytes: too many", bytes.len());
            return Err(CliError::usage(message).hint("leave out --full"));
        }
        let checked = verifies(&bytes, &self.trust, context.now())?;
        write_file(&self.path, &bytes)?;
        if !self.is_told {
            return Ok(());
        }
        let form = if self.full { "full" } else { "compact" };
        context.ui.note(&format!(
            "bundle: {} ({form}, {} bytes); it names authors as commits do",
            self.path.display(),
            bytes.len()
        ));
        tell_owed(context, &checked, &self.path);
        Ok(())
    }
}

/// Says where a bundle owes the quorum of witnesses, and how it gets it later.
pub(crate) fn tell_owed(context: &mut Context, checked: &Checked, path: &Path) {
    if checked.witnessed().is_met {
        return;
    }
    let path = path.display();
    context.ui.note("the bundle owes the quorum of witnesses: whoever verifies it answers NO");
    context.ui.note(&format!(
        "once they cosigned it: countersign ledger prove --bundle {path} -o {path}"
    ));
}

/// Where a server answers for the ledger, it asks the witnesses itself: waits until enough saw the
/// decision, no longer than for witnesses after any other command.
///
/// # Errors
/// Where what the server shows does not verify.
pub(crate) fn await_witnesses(desk: &mut Desk, decision: EntryIndex) -> Result<(), CliError> {
    if desk.trust.witnesses().quorum().is_none() || !desk.session.is_copy() {
        return Ok(());
    }
    let end = Instant::now() + Duration::from_millis(WITNESS_WAIT_AFTER_MILLISECONDS);
    loop {
        let seen = desk.session.witnessing();
        if seen.is_met && seen.size.covers(decision) || Instant::now() >= end {
            return Ok(());
        }
        thread::sleep(ASKED_AGAIN_AFTER);
        match desk.session.refresh() {
            Err(error) if error.is_away() => return Ok(()),
            other => other?,
        }
    }
}

/// What is handed on verifies: by the bytes that are written, as a stranger reads them.
pub(crate) fn verifies(
    bytes: &[u8],
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<Checked, CliError> {
    let wrong = |what: String| {
        CliError::integrity(format!("the bundle does not verify, and is not written: {what}"))
            .hint("countersign ledger check")
    };
    let again = Bundle::parse(bytes).map_err(|error| wrong(error.to_string()))?;
    check(&again, trust, now).map_err(|error| wrong(error.to_string()))
}

/// The entry that brought the key of a bundle's checkpoint, where the bundle does not show it: it
/// has governance as the gate had seen it, so that no reader of it knows that key
/// (`spec/bundle.md` section 2).
pub(crate) fn key_not_shown(session: &Session, bundle: &Bundle) -> Option<EntryIndex> {
    let note = SignedNote::parse(bundle.checkpoint.as_bytes()).ok()?;
    let shown: Checkpoint = note.text().parse().ok()?;
    let mut keys = session.view().ledger()?.keys.iter().rev();
    let (entry, _) = keys.find(|(entry, _)| entry.size_after() < shown.size)?;
    (!bundle.evidence.size.covers(*entry)).then_some(*entry)
}

/// The same in words.
pub(crate) fn key_replaced(entry: EntryIndex) -> String {
    format!("the ledger's key was replaced in entry {entry}, after the decision")
}

/// The bundle of a decision that was made before, compact. `signer` attests it where it has the
/// key that the decision was signed with: nobody attests what another has judged. `folded` is the
/// ledger as the bundle before needed it, and then as this one does. Whether it verifies is still
/// to be asked.
///
/// # Errors
/// Where the entry is no decision, or what it rests on is not at hand.
#[cfg(feature = "server")]
pub(crate) fn of_decision(
    desk: &Desk,
    index: EntryIndex,
    signer: Option<&dyn Signer>,
    folded: &mut View,
) -> Result<Bundle, CliError> {
    let repository = desk.need_repository()?;
    let entry = desk.session.entry(index)?;
    let Says::Decision(said) = &entry.statement().says else {
        return Err(CliError::usage(format!("entry {index} is no decision")));
    };
    let question = Question {
        service: said.service.clone(),
        environment: said.environment.clone(),
        revision: said.revision.clone(),
        artifacts: said.artifacts.clone(),
        time: entry.time(),
    };
    let seen = entry.statement().seen.map(|seen| seen.size).unwrap_or_default();
    *folded = desk.session.advance(std::mem::take(folded), seen)?;
    let view = &*folded;
    let cover = said.cover.map(|digest| desk.session.blobs().get(&digest)).transpose();
    let cover = cover.map_err(SessionError::from)?.flatten();
    let cover = cover.and_then(|bytes| Cover::parse(&bytes).ok());
    let gathered = gather_as_of(&desk.session, repository, &question, view, cover.as_ref())?;
    let drafted = Drafted {
        question: &question,
        gathered: &gathered,
        view,
        decision: Some(entry.entry()),
        previous: None,
    };
    let draft = draft_bundle(&desk.session, repository, &drafted)?;
    let is_its = |signer: &&dyn Signer| entry.keys().contains(&signer.public_key().fingerprint());
    let attestation = match signer.filter(is_its) {
        None => None,
        Some(signer) => {
            let message = attested_message(&draft.claims);
            let signature = signer.sign(&message).map_err(SessionError::from)?;
            Some(Attestation::new(signer.public_key().fingerprint(), &signature))
        }
    };
    Ok(fill_bundle(&desk.session, repository, draft, attestation, false)?)
}
