//! Whom to ask for what is missing.

use serde::Serialize;

use super::Reporting;
use crate::base::name::MemberId;
use crate::policy::Requirement;
use crate::roster::Member;
use crate::statement::words::Duty;
use crate::verify::Segment;

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
    /// What they run.
    pub(crate) command: String,
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
    /// `mk (1 waiting) or jo`, or that nobody could.
    pub(crate) fn who(&self) -> String {
        let people: Vec<_> = self
            .people
            .iter()
            .map(|asked| match asked.waiting {
                Some(waiting) => format!("{} ({waiting} waiting)", asked.name),
                None => asked.name.clone(),
            })
            .collect();
        match (people.is_empty(), self.others) {
            (true, _) => "nobody on the roster could".to_owned(),
            (false, 0) => match people.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    format!("{} or {last}", rest.join(", "))
                }
                _ => people.concat(),
            },
            (false, others) => format!("{} or {others} more", people.join(", ")),
        }
    }

    pub(super) fn said(&self) -> String {
        if self.people.is_empty() {
            return format!("{}: countersign roster show", self.who());
        }
        format!("{}: {}", self.who(), self.command)
    }
}

/// Whether a member could fill a requirement: a human who reviews, no author, of the level and
/// team, and not one who fills it already.
pub(crate) fn could_fill(
    reporting: &Reporting<'_>,
    segment: &Segment,
    requirement: &Requirement,
    member: &Member,
) -> bool {
    let need = &requirement.need;
    let level = need.level.as_ref().is_none_or(|wanted| {
        member.level.as_ref().is_some_and(|held| reporting.policy.level_at_least(held, wanted))
    });
    let team = need.team.as_ref().is_none_or(|team| member.teams.contains(team));
    let is_author = segment.authors.iter().any(|author| author.member.as_ref() == Some(&member.id));
    let size = reporting.view.size();
    let has_key = !reporting.view.roster().keys_of(&member.id, size).is_empty();
    member.has_duty(Duty::Review)
        && level
        && team
        && has_key
        && !is_author
        && !requirement.filled_by.contains(&member.id)
}

/// Whom to ask for a requirement.
pub(super) fn ask(
    reporting: &Reporting<'_>,
    segment: &Segment,
    requirement: &Requirement,
    argument: &str,
) -> Ask {
    let roster = reporting.view.roster();
    let mut people: Vec<Asked> = roster
        .members(reporting.view.size())
        .filter(|member| could_fill(reporting, segment, requirement, member))
        .map(|member| Asked {
            member: member.id.clone(),
            name: reporting.names.of(&member.id),
            waiting: reporting.waiting.get(&member.id).copied(),
        })
        .collect();
    people.sort_by_key(|asked| asked.waiting.unwrap_or(0));
    let others = people.len().saturating_sub(ASKED_MAX);
    people.truncate(ASKED_MAX);
    Ask {
        because: requirement.because.clone(),
        need: requirement.ask.clone(),
        people,
        others,
        command: format!("countersign approve {argument}"),
    }
}
