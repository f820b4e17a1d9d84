//! Whom to ask for what is missing.

use serde::Serialize;

use super::Reporting;
use super::segment::cools_until;
use crate::base::name::MemberId;
use crate::cli::time;
use crate::policy::{Author, Presence, ReasonCode, Requirement};
use crate::roster::Member;
use crate::statement::words::Duty;
use crate::verify::Discounted;

/// At most so many people are asked for one requirement.
const ASKED_MAX: usize = 3;

/// People who could fill a requirement, and the command for them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ask {
    /// The rule.
    pub(crate) because: String,
    /// What is missing.
    pub(crate) need: String,
    /// At most three people, fewest waiting first.
    pub(crate) people: Vec<Asked>,
    /// How many more could.
    pub(crate) others: usize,
    /// How many are missing.
    #[serde(skip)]
    pub(crate) missing: usize,
    /// How many of those who are asked for the roster lacks; none where it has enough.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) lacking: usize,
    /// Why nobody could, and what would mend that; none where somebody could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nobody: Option<String>,
    /// What they run.
    pub(crate) command: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What is to be signed off, as far as whom to ask depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    /// Who wrote it: they are not asked.
    pub(super) authors: &'a [Author],
    /// What was signed and does not count.
    pub(super) discounted: &'a [Discounted],
    /// What whoever is asked runs.
    pub(super) command: &'a str,
}

/// Somebody to ask.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    /// Who.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// How many changes wait for them, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<usize>,
}

impl Ask {
    /// `mk (1 waiting) or jo`, `2 of ada, jo and mk`, or that nobody could.
    pub(crate) fn who(&self) -> String {
        let said = |asked: &Asked| match asked.waiting {
            Some(waiting) => format!("{} ({waiting} waiting)", asked.name),
            None => asked.name.clone(),
        };
        let mut people: Vec<_> = self.people.iter().map(said).collect();
        if self.others > 0 {
            people.push(format!("{} more", self.others));
        }
        let Some((last, rest)) = people.split_last() else {
            return "nobody on the roster could".to_owned();
        };
        let word = if self.missing > 1 { "and" } else { "or" };
        let all = match rest {
            [] => last.clone(),
            rest => format!("{} {word} {last}", rest.join(", ")),
        };
        let could = self.people.len() + self.others;
        let some = self.missing > 1 && could > self.missing;
        if some { format!("{} of {all}", self.missing) } else { all }
    }

    /// `Ada or Ben runs  countersign approve retry`.
    pub(crate) fn next(&self) -> String {
        let verb = if self.missing > 1 && self.people.len() > 1 { "run" } else { "runs" };
        format!("{} {verb}  {}", self.who(), self.command)
    }

    /// Whom to ask, and for which command.
    pub(crate) fn said(&self) -> String {
        if let Some(nobody) = &self.nobody {
            return nobody.clone();
        }
        format!("{}: {}", self.who(), self.command)
    }

    /// Whom to ask, for which command, and whom nobody can be asked for yet.
    pub(crate) fn all_said(&self) -> String {
        let more = self.more().map_or_else(String::new, |more| format!("; {more}"));
        format!("{}{more}", self.said())
    }

    /// Whom to ask, where the command stands elsewhere.
    pub(crate) fn asked(&self) -> String {
        let more = self.more().map_or_else(String::new, |more| format!("; {more}"));
        self.nobody.clone().unwrap_or_else(|| format!("ask {}{more}", self.who()))
    }

    /// Whom nobody can be asked for yet.
    pub(super) fn more(&self) -> Option<String> {
        let said =
            |lacking| format!("the roster lacks {lacking} more: countersign roster add NAME");
        (self.lacking > 0).then(|| said(self.lacking))
    }
}

/// Whether a member could fill a requirement: a human who reviews, no author, of the level and
/// team, and not one who fills it already.
pub(crate) fn could_fill(
    reporting: &Reporting<'_>,
    authors: &[Author],
    requirement: &Requirement,
    member: &Member,
) -> bool {
    let need = &requirement.need;
    let level = need.level.as_ref().is_none_or(|wanted| {
        member.level.as_ref().is_some_and(|held| reporting.policy.level_at_least(held, wanted))
    });
    let team = need.team.as_ref().is_none_or(|team| member.teams.contains(team));
    let is_author = authors.iter().any(|author| author.member.as_ref() == Some(&member.id));
    let size = reporting.view.size();
    let has_key = !reporting.view.roster().keys_of(&member.id, size).is_empty();
    member.has_duty(Duty::Review)
        && level
        && team
        && has_key
        && !is_author
        && !requirement.filled_by.contains(&member.id)
}

/// Whether a member could fill a requirement with a key that they have.
pub(crate) fn could_sign(
    reporting: &Reporting<'_>,
    authors: &[Author],
    requirement: &Requirement,
    member: &Member,
) -> bool {
    could_fill(reporting, authors, requirement, member) && touches(reporting, requirement, member)
}

/// Whom to ask for a requirement.
pub(super) fn ask(reporting: &Reporting<'_>, asking: Asking<'_>, requirement: &Requirement) -> Ask {
    let roster = reporting.view.roster();
    let mut people: Vec<Asked> = roster
        .members(reporting.view.size())
        .filter(|member| could_sign(reporting, asking.authors, requirement, member))
        // Whose key cools has signed: once more is for nothing.
        .filter(|member| !is_waiting(reporting, asking, &member.id))
        .map(|member| Asked {
            member: member.id.clone(),
            name: reporting.names.of(&member.id),
            waiting: reporting.waiting.get(&member.id).copied(),
        })
        .collect();
    people.sort_by(|one, other| (one.waiting, &one.name).cmp(&(other.waiting, &other.name)));
    let missing = usize::try_from(requirement.missing).unwrap_or(usize::MAX);
    let lacking = if people.is_empty() { 0 } else { missing.saturating_sub(people.len()) };
    let others = people.len().saturating_sub(ASKED_MAX);
    people.truncate(ASKED_MAX);
    let nobody = people.is_empty().then(|| {
        waits(reporting, asking)
            .unwrap_or_else(|| why_nobody(reporting, asking.authors, requirement))
    });
    Ask {
        missing,
        lacking,
        nobody,
        because: requirement.because.clone(),
        need: requirement.ask.clone(),
        people,
        others,
        command: asking.command.to_owned(),
    }
}

/// Whether somebody has signed with a key that cools, and has no other to sign with.
fn is_waiting(reporting: &Reporting<'_>, asking: Asking<'_>, member: &MemberId) -> bool {
    let mut words = asking.discounted.iter();
    let keys = reporting.view.roster().keys_of(member, reporting.view.size());
    keys.len() == 1
        && words.any(|word| word.code == ReasonCode::KeyCooling && word.member == *member)
}

/// That nobody is asked, for what is signed counts in a while.
fn waits(reporting: &Reporting<'_>, asking: Asking<'_>) -> Option<String> {
    let cooling = asking.discounted.iter().filter(|word| word.code == ReasonCode::KeyCooling);
    let until =
        |word: &Discounted| Some((cools_until(reporting, &word.member)?, word.member.clone()));
    let (until, who) = cooling.filter_map(until).min()?;
    let (who, until) = (reporting.names.of(&who), time::to_the_second(until));
    Some(format!("nobody else on the roster could; what {who} signed counts from {until}"))
}

/// Whether a member has a key of the presence that a requirement asks for.
fn touches(reporting: &Reporting<'_>, requirement: &Requirement, member: &Member) -> bool {
    let roster = reporting.view.roster();
    let keys = roster.keys_of(&member.id, reporting.view.size());
    let is_touched = |id| roster.key(id).is_some_and(|one| one.key.is_security_key());
    requirement.presence == Presence::NoTouch || keys.iter().any(is_touched)
}

/// Why nobody on the roster could fill a requirement, and what an admin does about it.
fn why_nobody(reporting: &Reporting<'_>, authors: &[Author], requirement: &Requirement) -> String {
    let members = || reporting.view.roster().members(reporting.view.size());
    if members().any(|member| could_fill(reporting, authors, requirement, member)) {
        return "nobody who could has a security key: countersign key enroll MEMBER FILE"
            .to_owned();
    }
    let is_wanted = |member: &Member| {
        let level = requirement.need.level.as_ref().is_none_or(|wanted| {
            let held = member.level.as_ref();
            held.is_some_and(|held| reporting.policy.level_at_least(held, wanted))
        });
        let team = requirement.need.team.as_ref().is_none_or(|team| member.teams.contains(team));
        level && team && member.has_duty(Duty::Review)
    };
    let wanted: Vec<_> = members().filter(|member| is_wanted(member)).collect();
    let is_author =
        |member: &&&Member| authors.iter().any(|author| author.member.as_ref() == Some(&member.id));
    if wanted.iter().any(|member| is_author(&member)) {
        return "nobody else on the roster could: countersign roster add NAME".to_owned();
    }
    if wanted.is_empty() {
        return "nobody on the roster is that: countersign roster apply FILE".to_owned();
    }
    "nobody else on the roster could: countersign roster show".to_owned()
}
