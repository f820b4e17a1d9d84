//! What signing and asking about a change have in common: what is meant, how it is judged, how
//! it is shown, and what waits.

mod diff;
mod interdiff;
mod place;
mod queue;
mod request;
mod subject;
mod summary;

use super::Context;
use super::desk::Desk;
use super::error::{CliError, ErrorKind};
use crate::base::name::MemberId;
use crate::evidence::{AttestedError, GatherError};
use crate::git::GitError;
use crate::roster::Member;
use crate::signer;

pub(crate) use diff::{Difference, differences};
pub(crate) use interdiff::{Interdiff, PathSince, interdiff, since_words};
pub(crate) use place::{Place, PlaceArgs, is_signed_off};
pub(crate) use queue::{Waiting, WaitingKind, WaitingList, waiting};
pub(crate) use request::{Named, named_range};
pub(crate) use subject::{Subject, declared_range, merge_ahead};
pub(crate) use summary::{assistance_source, print_summary, tools};

/// Whose key would sign, without opening it.
///
/// # Errors
/// Where no key would, or it is on nobody's roster entry.
pub(crate) fn me(context: &mut Context, desk: &Desk) -> Result<Member, CliError> {
    let enrolled = desk.enrolled();
    let sources = context.key_sources()?;
    let listed = signer::list(&sources, Some(&enrolled.keys));
    let chosen = listed.iter().find(|row| row.chosen).and_then(|row| row.candidate.key_id());
    let key = match chosen {
        Some(key) => key,
        // No key of its own would sign: choosing one says why.
        None => context.signer(Some(&enrolled))?.public_key().fingerprint(),
    };
    let owner = desk.owner(&key)?.clone();
    desk.remember_owner(&key, &owner.id);
    Ok(owner)
}

/// The member that a text names, by id or by what people call them.
///
/// # Errors
/// Where nobody or more than one is called so.
pub(crate) fn member_named(desk: &Desk, text: &str) -> Result<MemberId, CliError> {
    let names = desk.names();
    let members: Vec<&Member> = desk.session.view().roster().members(desk.session.size()).collect();
    if let Some(member) = members.iter().find(|member| member.id.as_str() == text) {
        return Ok(member.id.clone());
    }
    let called = |member: &&&Member| names.of(&member.id).eq_ignore_ascii_case(text);
    let found: Vec<_> = members.iter().filter(called).collect();
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(CliError::usage(format!("nobody on the roster is called {text}"))
            .hint("see who is there: countersign roster show")),
        several => {
            let ids: Vec<_> = several.iter().map(|member| member.id.to_string()).collect();
            Err(CliError::usage(format!("several members are called {text}"))
                .hint(format!("name one by id: {}", ids.join(", "))))
        }
    }
}

impl From<AttestedError> for CliError {
    fn from(error: AttestedError) -> Self {
        let clone = "or judge it in a clone: countersign gate, without --attested";
        match error {
            AttestedError::Session(error) => error.into(),
            AttestedError::Unattested { .. } => Self::from_error(ErrorKind::Usage, &error)
                .hint("where the repository is: countersign record change, by a service")
                .hint(clone),
            AttestedError::NotAhead { .. } => {
                Self::from_error(ErrorKind::Usage, &error).hint(clone)
            }
            AttestedError::Incomplete { .. } => Self::from_error(ErrorKind::Unavailable, &error)
                .hint("bring the whole folder of the ledger, or record it anew")
                .hint(clone),
            AttestedError::Contradiction(_) => Self::from_error(ErrorKind::Integrity, &error)
                .hint("one of them did not read the commit: see countersign show ENTRY")
                .hint(clone),
        }
    }
}

impl From<GatherError> for CliError {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Git(error @ GitError::ChainTooLong { .. }) => {
                Self::from(error).hint("an admin may set a newer baseline: countersign baseline")
            }
            GatherError::Git(error) => error.into(),
            GatherError::Session(error) => error.into(),
        }
    }
}
