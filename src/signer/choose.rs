//! Which key signs (`spec/keys.md` section 6): the one that was named, or the only one that can be
//! meant. Never a guess between two.

use std::collections::BTreeSet;

use super::agent::Agent;
use super::file::{self, KeyFileError, Prompt};
use super::sources::{
    Candidate, KeySources, Named, Place, Usability, is_relative, look_at, name, relative, survey,
};
use crate::key::{KeyError, KeyId, Signer};

/// Why a key does not sign that is on no roster entry, or no more.
pub const NOT_ENROLLED: &str = "not enrolled";

/// Why no key was chosen, or not opened.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// Several keys can be meant.
    #[error("several keys could sign: {}", list_ids(ids))]
    Ambiguous {
        /// The keys.
        ids: Vec<KeyId>,
    },
    /// The key's file was not read or unlocked.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The named key line is no such key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing that could sign was found.
    #[error("no key found")]
    None,
    /// Keys were found, none of them in the given set.
    #[error("none of your keys is enrolled: found {}", list_ids(ids))]
    NoneEnrolled {
        /// The keys that were found.
        ids: Vec<KeyId>,
    },
    /// The named key is not in the given set.
    #[error("the key {id} is not enrolled")]
    NotEnrolled {
        /// The key.
        id: KeyId,
    },
    /// The named key is nowhere.
    #[error("the key {wanted} was not found")]
    NotFound {
        /// How it was named.
        wanted: String,
    },
    /// The agent, where the key would be, gave no answer.
    #[error("{}", at_place(&Place::Agent, reason))]
    Unreachable {
        /// What went wrong.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The key was found and cannot sign.
    #[error("{}", at_place(place, reason))]
    Unusable {
        /// Where it is.
        place: Place,
        /// Why it cannot.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// The reason with the place before it, unless the reason names it already.
fn at_place(place: &Place, reason: &str) -> String {
    let place = place.to_string();
    if reason.contains(place.trim_start_matches("key file ")) {
        return reason.to_owned();
    }
    format!("{place}: {reason}")
}

impl ChooseError {
    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ambiguous { .. } => Some(
                "name one with --key; `countersign key list` tells them apart, and `key.use` in \
                 the settings names one for good"
                    .to_owned(),
            ),
            Self::File(error) => error.hint(),
            Self::Key(_) => None,
            Self::None => Some("make one with `ssh-keygen -t ed25519`".to_owned()),
            Self::NoneEnrolled { .. } | Self::NotEnrolled { .. } => {
                Some("an admin enrolls it with `countersign key enroll`".to_owned())
            }
            Self::NotFound { .. } => Some("see what there is: `countersign key list`".to_owned()),
            Self::Unreachable { hint, .. } | Self::Unusable { hint, .. } => hint.clone(),
        }
    }
}

/// A row of `key list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key, its place, and whether it can sign there.
    pub candidate: Candidate,
    /// Whether this is the one that would sign now.
    pub chosen: bool,
    /// Why it is chosen, or why not.
    pub reason: String,
}

/// Everything that was found, and which of it would sign. `enrolled` are the keys that may:
/// those of a roster; `None` takes any.
#[must_use]
pub fn list(sources: &KeySources, enrolled: Option<&BTreeSet<KeyId>>) -> Vec<Listed> {
    let found = survey(sources);
    let choice = select(sources, &found, enrolled);
    let chosen_id = choice.as_ref().ok().and_then(|(index, _)| found[*index].key_id());
    let rows = found.iter().enumerate().map(|(index, candidate)| {
        let id = candidate.key_id();
        let outside = |id: &KeyId| enrolled.is_some_and(|enrolled| !enrolled.contains(id));
        let (chosen, reason) = match (&choice, &candidate.usability) {
            (Ok((chosen, why)), _) if *chosen == index => (true, (*why).to_owned()),
            (_, Usability::Unusable { reason, .. } | Usability::Unreachable { reason, .. }) => {
                (false, reason.clone())
            }
            _ if id.as_ref().is_some_and(outside) => (false, NOT_ENROLLED.to_owned()),
            (Ok(_), _) if id == chosen_id => (false, "chosen at another place".to_owned()),
            (Ok(_), _) => (false, "another key is chosen".to_owned()),
            (Err(ChooseError::Ambiguous { .. }), _) => {
                (false, "one of several: name it with --key".to_owned())
            }
            (Err(ChooseError::NotEnrolled { .. }), _) => (false, "another key is named".to_owned()),
            (Err(error), _) => (false, error.to_string()),
        };
        Listed { candidate: candidate.clone(), chosen, reason }
    });
    rows.collect()
}

/// The signer for the key that is to sign. Asks for a passphrase where that is the only way.
///
/// # Errors
/// [`ChooseError`] where no key or more than one can be meant, or the one cannot be opened.
pub fn choose(
    sources: &KeySources,
    enrolled: Option<&BTreeSet<KeyId>>,
    prompt: &mut Prompt<'_>,
) -> Result<Box<dyn Signer>, ChooseError> {
    choose_at(sources, enrolled, prompt).map(|(signer, _)| signer)
}

/// As [`choose`], and where the key is.
///
/// # Errors
/// As [`choose`].
pub fn choose_at(
    sources: &KeySources,
    enrolled: Option<&BTreeSet<KeyId>>,
    prompt: &mut Prompt<'_>,
) -> Result<(Box<dyn Signer>, Place), ChooseError> {
    let found = survey(sources);
    let (index, _) = select(sources, &found, enrolled)?;
    let candidate = &found[index];
    // The private half of a public one may well be in the agent that gives no answer.
    if is_public_only(candidate)
        && let Some(error) = unreachable(&found)
    {
        return Err(error);
    }
    let signer = open(sources, candidate, prompt)?;
    Ok((signer, candidate.place.clone()))
}

/// Whether only the public half of a key is where the candidate is.
fn is_public_only(candidate: &Candidate) -> bool {
    let is_public = matches!(&candidate.place, Place::File(path)
        if path.extension().is_some_and(|end| end == "pub"));
    is_public && matches!(candidate.usability, Usability::Unusable { .. })
}

fn open(
    sources: &KeySources,
    candidate: &Candidate,
    prompt: &mut Prompt<'_>,
) -> Result<Box<dyn Signer>, ChooseError> {
    match (&candidate.usability, &candidate.place, &candidate.public_key) {
        (Usability::Unusable { reason, hint }, place, _) => Err(ChooseError::Unusable {
            place: place.clone(),
            reason: reason.clone(),
            hint: hint.clone(),
        }),
        (_, Place::File(path), Some(wanted)) => {
            let signer = file::load(path, prompt)?;
            // The file may have been replaced since it was looked at.
            if signer.public_key() == wanted {
                Ok(Box::new(signer))
            } else {
                Err(ChooseError::NotFound { wanted: wanted.fingerprint().to_string() })
            }
        }
        (_, Place::Agent, Some(wanted)) => {
            let socket = sources.agent_socket.clone().unwrap_or_default();
            Ok(Box::new(Agent::at(socket).signer(wanted.clone())))
        }
        _ => Err(ChooseError::None),
    }
}

type Selection = (usize, &'static str);

fn select(
    sources: &KeySources,
    found: &[Candidate],
    enrolled: Option<&BTreeSet<KeyId>>,
) -> Result<Selection, ChooseError> {
    let home = sources.home.as_deref();
    let Some(text) = sources.configured.as_deref() else {
        return select_unnamed(sources, found, enrolled);
    };
    let named = name(text, home)?;
    let (id, file) = match &named {
        Named::Id(id) => (*id, None),
        Named::Key(key) => (key.fingerprint(), None),
        Named::Comment(comment) => (by_comment(found, comment)?, None),
        Named::File(path) => {
            let candidate = look_at(path);
            match candidate.key_id() {
                Some(id) => (id, Some(Place::File(path.clone()))),
                None => return Err(cannot(candidate)),
            }
        }
    };
    if enrolled.is_some_and(|enrolled| !enrolled.contains(&id)) {
        return Err(ChooseError::NotEnrolled { id });
    }
    best(found, id, file.as_ref()).map(|index| (index, "named")).ok_or_else(|| {
        let wanted = text.trim().chars().take(200).collect();
        unreachable(found).unwrap_or(ChooseError::NotFound { wanted })
    })
}

/// Without a name: git's signing key, else the only key that could.
fn select_unnamed(
    sources: &KeySources,
    found: &[Candidate],
    enrolled: Option<&BTreeSet<KeyId>>,
) -> Result<Selection, ChooseError> {
    let home = sources.home.as_deref();
    if let Some(text) = sources.git_signing_key.as_deref().filter(|text| is_relative(text, home)) {
        return Err(cannot(relative(text)));
    }
    let usable: BTreeSet<KeyId> = found
        .iter()
        .filter(|one| matches!(one.usability, Usability::Ready | Usability::NeedsPassphrase))
        .filter_map(Candidate::key_id)
        .collect();
    let pool: BTreeSet<KeyId> = usable
        .iter()
        .copied()
        .filter(|id| enrolled.is_none_or(|enrolled| enrolled.contains(id)))
        .collect();
    let git_key =
        sources.git_signing_key.as_deref().and_then(|text| match name(text, home).ok()? {
            Named::Key(key) => Some(key.fingerprint()),
            Named::File(path) => look_at(&path).key_id(),
            Named::Id(_) | Named::Comment(_) => None,
        });
    let (id, why) = match (git_key.filter(|id| pool.contains(id)), pool.first()) {
        (Some(id), _) => (id, "git signs with it"),
        (None, Some(id)) if pool.len() == 1 && enrolled.is_some() && usable.len() > 1 => {
            (*id, "the only one that is enrolled")
        }
        (None, Some(id)) if pool.len() == 1 => (*id, "the only one"),
        (None, Some(_)) => return Err(ChooseError::Ambiguous { ids: pool.into_iter().collect() }),
        (None, None) if !usable.is_empty() => {
            return Err(ChooseError::NoneEnrolled { ids: usable.into_iter().collect() });
        }
        (None, None) => {
            // Where there was one thing to try, its own reason helps more than "no key".
            return Err(match found {
                [single] => cannot(single.clone()),
                _ => unreachable(found).unwrap_or(ChooseError::None),
            });
        }
    };
    best(found, id, None).map(|index| (index, why)).ok_or(ChooseError::None)
}

fn by_comment(found: &[Candidate], comment: &str) -> Result<KeyId, ChooseError> {
    let matching = found.iter().filter(|candidate| candidate.comment == comment);
    let ids: BTreeSet<KeyId> = matching.filter_map(Candidate::key_id).collect();
    match (ids.first(), ids.len()) {
        (Some(id), 1) => Ok(*id),
        (Some(_), _) => Err(ChooseError::Ambiguous { ids: ids.into_iter().collect() }),
        (None, _) => {
            let wanted = comment.chars().take(200).collect();
            Err(unreachable(found).unwrap_or(ChooseError::NotFound { wanted }))
        }
    }
}

/// The best place of a key: the named file itself if it is ready, else the agent, else any file,
/// one that needs a passphrase after one that does not.
fn best(found: &[Candidate], id: KeyId, named_file: Option<&Place>) -> Option<usize> {
    let matching = (0..found.len()).filter(|&index| found[index].key_id() == Some(id));
    matching.min_by_key(|&index| {
        let Candidate { place, usability, .. } = &found[index];
        let named_and_ready = Some(place) == named_file && *usability == Usability::Ready;
        let hardship = match usability {
            Usability::Ready => 0,
            Usability::NeedsPassphrase => 1,
            Usability::Unusable { .. } | Usability::Unreachable { .. } => 2,
        };
        (!named_and_ready, hardship, place)
    })
}

/// The agent's failure, if it gave no answer: what was not found may be there.
fn unreachable(found: &[Candidate]) -> Option<ChooseError> {
    found.iter().find_map(|candidate| match &candidate.usability {
        Usability::Unreachable { reason, hint } => {
            Some(ChooseError::Unreachable { reason: reason.clone(), hint: hint.clone() })
        }
        _ => None,
    })
}

fn cannot(candidate: Candidate) -> ChooseError {
    let place = candidate.place;
    match candidate.usability {
        Usability::Unreachable { reason, hint } => ChooseError::Unreachable { reason, hint },
        Usability::Unusable { reason, hint } => ChooseError::Unusable { place, reason, hint },
        Usability::Ready | Usability::NeedsPassphrase => ChooseError::None,
    }
}

fn list_ids(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
