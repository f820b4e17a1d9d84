//! Whether a bundle holds, and what it answers (`spec/bundle.md` section 4).

use super::chain::Starts;
use super::lines::{Line, Rests, Told, lines};
use super::objects::Objects;
use super::parts::Blobs;
use super::rebuild::{Rebuilt, Sources, carry, commits, rebuild, settled};
use super::shown::{Shown, show};
use super::trees::check_full;
use super::wire::{Bundle, attested_message};
use super::{TamperCode, Tampered, ensure};
use crate::base::digest::ContentDigest;
use crate::base::name::{MemberId, RequestId};
use crate::base::time::Timestamp;
use crate::note::checkpoint::VerifiedCheckpoint;
use crate::note::quorum::Witnessed;
use crate::policy::ReasonCode;
use crate::roster::KeyStanding;
use crate::statement::Says;
use crate::statement::commitment::EmailSalt;
use crate::statement::governance::EntryReference;
use crate::statement::pipeline::Decision;
use crate::statement::words::{DecisionVerdict, Duty, Mode};
use crate::verify::entry::VerifiedEntry;
use crate::verify::trust::TrustRoot;
use crate::verify::verdict::Verdict;

/// A bundle that holds: made by [`check`] alone.
#[derive(Debug, Clone)]
pub struct Checked {
    verdict: Verdict,
    rebuilt: Rebuilt,
    decided: Option<Decided>,
    lines: Vec<Line>,
    checkpoint: VerifiedCheckpoint,
    witnessed: Witnessed,
    salt: Option<EmailSalt>,
    is_full: bool,
    is_stale: bool,
    previous: Option<ContentDigest>,
}

/// The decision that a bundle repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its entry.
    pub entry: EntryReference,
    /// The time of that entry.
    pub time: Timestamp,
    /// The gate.
    pub by: MemberId,
    /// What it says.
    pub said: Decision,
}

/// Why the answer is no, beside what the verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// There is no decision: nobody attests what cannot be proved.
    Unattested,
    /// Too few witnesses cosigned the checkpoint.
    Quorum,
    /// Older than the trust root takes.
    Stale,
}

impl Refused {
    /// The code as it is written. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unattested => "UNATTESTED",
            Self::Quorum => "QUORUM",
            Self::Stale => "STALE",
        }
    }
}

impl Checked {
    /// The verdict, judged anew.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What it was judged from.
    #[must_use]
    pub const fn rebuilt(&self) -> &Rebuilt {
        &self.rebuilt
    }

    /// The decision; none where nothing was recorded.
    #[must_use]
    pub const fn decided(&self) -> Option<&Decided> {
        self.decided.as_ref()
    }

    /// What each part rests on.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Takes what git objects show for proved, after a repository was asked and said the same.
    #[must_use]
    pub fn proved_from_repository(mut self) -> Self {
        for line in self.lines.iter_mut().filter(|line| line.code.is_of_repository()) {
            line.rests = Rests::Proved;
        }
        self
    }

    /// The checkpoint that its entries are under.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Who cosigned that.
    #[must_use]
    pub const fn witnessed(&self) -> &Witnessed {
        &self.witnessed
    }

    /// The salt of e-mail digests; none where no commit is shown.
    #[must_use]
    pub const fn salt(&self) -> Option<&EmailSalt> {
        self.salt.as_ref()
    }

    /// Whether trees and blobs are in it.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// SHA-256 of the bundle before it.
    #[must_use]
    pub const fn previous(&self) -> Option<ContentDigest> {
        self.previous
    }

    /// Why it is no answer, beside what the verdict says.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        let holds = [
            (self.decided.is_none(), Refused::Unattested),
            (!self.witnessed.is_met, Refused::Quorum),
            (self.is_stale, Refused::Stale),
        ];
        holds.into_iter().filter_map(|(holds, why)| holds.then_some(why)).collect()
    }

    /// Whether the answer is yes.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.verdict.is_allowed() && self.refused().is_empty()
    }

    /// Every reason of a no, sorted as written.
    #[must_use]
    pub fn reasons(&self) -> Vec<&'static str> {
        let mut codes: Vec<_> = self.refused().into_iter().map(Refused::as_str).collect();
        if !self.verdict.is_allowed() {
            codes.extend(self.verdict.reasons().into_iter().map(ReasonCode::as_str));
        }
        codes.sort_unstable();
        codes
    }
}

/// Holds a bundle against a trust root, and judges again. `now` is the reader's clock.
///
/// # Errors
/// [`Tampered`] at the first step that fails.
pub fn check(bundle: &Bundle, trust: &TrustRoot, now: Timestamp) -> Result<Checked, Tampered> {
    let claims = &bundle.evidence;
    let mut shown = show(bundle, trust)?;
    let salt = check_salt(bundle, &shown)?;
    let decided = check_decision(bundle, &shown)?;
    let places = claims.settled.iter().map(|place| (place.environment.clone(), settled(place)));
    shown.view.attest(claims.newest_time, &claims.question.service, places);
    let (blobs, objects) = (Blobs::read(bundle)?, Objects::read(bundle)?);
    let facts = commits(claims, &objects)?;
    let view = shown.view.clone();
    let starts = Starts::find(claims, &view)?;
    let is_complete = starts.check_chain(claims, &facts)?;
    starts.check(claims, &shown)?;
    let sources = Sources {
        claims,
        blobs: &blobs,
        salt: salt.as_ref(),
        facts: &facts.0,
        facts_of_whole: facts.1.as_ref(),
    };
    let entries = std::mem::take(&mut shown.verified);
    let mut rebuilt = rebuild(&sources, shown.view, entries, starts.at())?;
    carry(&mut rebuilt, claims, &blobs)?;
    blobs.check_all_asked()?;
    let is_full = objects.is_full();
    if is_full {
        check_full(&objects, &rebuilt)?;
    }
    objects.check_all_asked()?;
    let verdict = rebuilt.verdict();
    if let Some(decided) = &decided {
        check_answer(&verdict, &decided.said)?;
    }
    let told = Told {
        claims,
        rebuilt: &rebuilt,
        verdict: &verdict,
        decided: decided.as_ref(),
        governance: shown.governance,
        witnessed: &shown.witnessed,
        is_full,
        is_complete,
    };
    let lines = lines(&told);
    let is_old = |decided: &Decided| {
        let apart = now.since(decided.time).max(decided.time.since(now));
        trust.max_age().is_some_and(|max_age| apart >= max_age)
    };
    Ok(Checked {
        is_stale: decided.as_ref().is_some_and(is_old),
        verdict,
        rebuilt,
        decided,
        lines,
        checkpoint: shown.checkpoint,
        witnessed: shown.witnessed,
        salt,
        is_full,
        previous: claims.previous,
    })
}

/// Step 9.
fn check_salt(bundle: &Bundle, shown: &Shown<'_>) -> Result<Option<EmailSalt>, Tampered> {
    let salt = bundle.salt.map(|salt| EmailSalt::from_bytes(salt.0));
    ensure(salt.is_some() != bundle.objects.is_empty(), TamperCode::Salt, || {
        "the salt of addresses goes with commits".to_owned()
    })?;
    let committed = shown.view.ledger().map(|ledger| ledger.salt);
    let holds = salt.as_ref().is_none_or(|salt| Some(salt.commitment()) == committed);
    ensure(holds, TamperCode::Salt, || "the salt is not this ledger's".to_owned())?;
    Ok(salt)
}

/// Steps 10 and 11.
fn check_decision(bundle: &Bundle, shown: &Shown<'_>) -> Result<Option<Decided>, Tampered> {
    let claims = &bundle.evidence;
    let wrong = |what: &str| Tampered::new(TamperCode::Decision, what);
    let Some(named) = claims.decision else {
        ensure(bundle.attestation.is_none(), TamperCode::Decision, || {
            "somebody attests, and decided nothing".to_owned()
        })?;
        return Ok(None);
    };
    let found = shown.verified_at(named.index).filter(|found| found.entry() == named);
    let found = found.ok_or_else(|| wrong("its decision is not among its entries"))?;
    let Says::Decision(said) = &found.statement().says else {
        return Err(wrong("what it names as its decision is none"));
    };
    let question = &claims.question;
    let is_on_it = said.service == question.service
        && said.environment == question.environment
        && said.revision == question.revision
        && said.artifacts == question.artifacts
        && found.time() == question.time;
    ensure(is_on_it, TamperCode::Decision, || "the decision is on another question".to_owned())?;
    let seen = found.statement().seen.map(|seen| seen.size);
    let has_seen = seen == Some(claims.size) && !claims.size.covers(named.index);
    ensure(has_seen, TamperCode::Decision, || {
        "the decision had seen another tree than is claimed".to_owned()
    })?;
    let roster = shown.view.roster();
    let gate = roster.member(found.by(), claims.size);
    let good = |key| roster.standing(key, named.index, claims.size) == KeyStanding::Good;
    let may = gate.is_some_and(|gate| gate.has_duty(Duty::Decide)) && found.keys().iter().all(good);
    ensure(may, TamperCode::Decision, || "whoever decided had no duty to".to_owned())?;
    check_attestation(bundle, shown, found)?;
    let (by, time) = (found.by().clone(), found.time());
    Ok(Some(Decided { entry: named, time, by, said: said.clone() }))
}

/// Step 11: the gate signed all that is claimed.
fn check_attestation(
    bundle: &Bundle,
    shown: &Shown<'_>,
    decision: &VerifiedEntry,
) -> Result<(), Tampered> {
    let wrong = |what: &str| Tampered::new(TamperCode::Attestation, what);
    let Some(attestation) = &bundle.attestation else {
        return Err(wrong("the gate's signature is missing"));
    };
    let signature = attestation.signature().ok_or_else(|| wrong("there is no signature"))?;
    let roster = shown.view.roster();
    let record = roster.key(&attestation.keyid).ok_or_else(|| wrong("signed by an unknown key"))?;
    let size = decision.index().size_after();
    let good = roster.standing(&attestation.keyid, decision.index(), size) == KeyStanding::Good;
    ensure(good && record.owner(size) == Some(decision.by()), TamperCode::Attestation, || {
        "not signed by the gate that decided".to_owned()
    })?;
    record
        .key
        .verify(&attested_message(&bundle.evidence), &signature)
        .map(|_| ())
        .map_err(Tampered::at(TamperCode::Attestation))
}

/// Step 19: no second judge.
fn check_answer(verdict: &Verdict, said: &Decision) -> Result<(), Tampered> {
    let goes_ahead = verdict.mode == Mode::Enforce && verdict.is_overridden();
    let mut overrides: Vec<_> = verdict.overrides.iter().map(|one| one.id).collect();
    overrides.retain(|_| goes_ahead);
    overrides.sort_unstable();
    let mut reasons: Vec<_> = verdict.reasons().into_iter().map(ReasonCode::as_str).collect();
    reasons.retain(|_| !verdict.is_allowed());
    reasons.sort_unstable();
    let mut told: Vec<_> = said.reasons.iter().map(RequestId::as_str).collect();
    told.sort_unstable();
    let cover = verdict.is_allowed().then(|| ContentDigest::of(&verdict.cover().to_bytes()));
    let compared = [
        ("answer", verdict.answer == said.verdict),
        ("mode", verdict.mode == said.mode),
        ("start", verdict.start_entry() == said.start),
        ("newest settled point", verdict.newest == said.newest),
        ("policy", verdict.policy.map(|(_, entry)| entry) == Some(said.policy)),
        ("reasons", reasons == told),
        ("overrides", overrides == said.overrides),
        ("cover", cover == said.cover),
    ];
    let differs = compared.iter().find(|(_, same)| !same);
    ensure(differs.is_none(), TamperCode::OtherAnswer, || {
        let (what, _) = differs.unwrap_or(&("answer", false));
        let allows = |allows| if allows { "allows" } else { "denies" };
        let (found, recorded) = (verdict.is_allowed(), said.verdict == DecisionVerdict::Allow);
        format!(
            "judged again it {}, and the gate's decision {}: another {what}",
            allows(found),
            allows(recorded)
        )
    })
}
