//! Who wrote a segment, as its commits and the roster have it (`spec/verdict.md` section 4.3).

use std::collections::BTreeMap;

use super::evidence::{SeenAuthor, SeenKind, StepEvidence};
use super::judge::Judge;
use crate::base::digest::EmailDigest;
use crate::base::name::MemberId;
use crate::policy::{Author, AuthorKind, Standing};
use crate::roster::Member;
use crate::statement::words::MemberKind;

/// Authors by who they are. A member is one author however often named.
pub(super) type Authors = BTreeMap<Who, Author>;

/// Who an author is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Somebody on the roster.
    Member(MemberId),
    /// An address that is nobody's on the roster; names are not unique.
    Address(EmailDigest),
    /// A member whom a declaration names and the roster no longer has.
    Gone(MemberId),
    /// Nobody is named at all.
    Nobody,
}

pub(super) fn add_author(authors: &mut Authors, who: Who, author: Author) {
    let (standing, label) = (author.standing, author.label.clone());
    let slot = authors.entry(who).or_insert(author);
    // The strongest proof of an authorship counts (the weakest standing is the greatest).
    slot.standing = slot.standing.min(standing);
    // Whoever wrote it themselves is called by that, in whatever order the evidence says so.
    let is_operator =
        |label: &str| slot.member.as_ref().is_some_and(|member| label == operator_label(member));
    if is_operator(&slot.label) && !is_operator(&label) {
        slot.label = label;
    }
}

/// How somebody is called who wrote nothing themselves, but answers for an agent that did.
fn operator_label(operator: &MemberId) -> String {
    format!("{operator} (operator)")
}

fn member_author(member: &Member, standing: Standing, label: String) -> Author {
    let kind = match member.kind {
        MemberKind::Human => AuthorKind::Human,
        MemberKind::Bot => AuthorKind::Bot,
        MemberKind::Agent => AuthorKind::Agent,
        MemberKind::Service => AuthorKind::Service,
    };
    Author { member: Some(member.id.clone()), kind, level: member.level.clone(), standing, label }
}

/// A member as an author, and for an agent the human who answers for it.
pub(super) fn add_member(
    judge: &Judge<'_>,
    authors: &mut Authors,
    member: &Member,
    standing: Standing,
    label: &str,
) {
    let who = Who::Member(member.id.clone());
    let size = judge.view().size();
    if judge.view().roster().member(&member.id, size).is_none() {
        return add_former(judge, authors, member, label);
    }
    let operator = member.operator.as_ref().and_then(|id| judge.view().roster().member(id, size));
    if member.kind != MemberKind::Agent {
        add_author(authors, who, member_author(member, standing, label.to_owned()));
        return;
    }
    let Some(operator) = operator else {
        // Nobody answers for it any more, so no human author is known.
        add_author(authors, who, member_author(member, Standing::Claimed, label.to_owned()));
        return;
    };
    add_author(authors, who, member_author(member, standing, label.to_owned()));
    // The agent's own signature attests that it worked for its operator.
    let standing = if standing == Standing::Proved { Standing::Attested } else { standing };
    let label = operator_label(&operator.id);
    let who = Who::Member(operator.id.clone());
    add_author(authors, who, member_author(operator, standing, label));
}

/// Somebody who is a member no more: claimed, and of no level; of an agent, whoever answered for
/// it wrote it too.
fn add_former(judge: &Judge<'_>, authors: &mut Authors, member: &Member, label: &str) {
    let former =
        Author { level: None, ..member_author(member, Standing::Claimed, label.to_owned()) };
    add_author(authors, Who::Member(member.id.clone()), former);
    let size = judge.view().size();
    let operator = member.operator.as_ref().and_then(|id| judge.view().roster().member(id, size));
    if let Some(operator) = operator.filter(|_| member.kind == MemberKind::Agent) {
        let author = member_author(operator, Standing::Claimed, operator_label(&operator.id));
        add_author(authors, Who::Member(operator.id.clone()), author);
    }
}

/// Authors as the commits name them: claimed, until somebody signs for it (ATTACKS 9).
pub(super) fn seen_authors(judge: &Judge<'_>, steps: &[&StepEvidence]) -> Authors {
    let mut authors = Authors::new();
    for seen in steps.iter().flat_map(|step| &step.authors) {
        let SeenAuthor { kind, email, label } = seen;
        match (kind, judge.member_of(*email)) {
            (_, Some(member)) => add_member(judge, &mut authors, member, Standing::Claimed, label),
            (kind, None) => {
                let kind = match kind {
                    SeenKind::Tool => AuthorKind::Tool,
                    SeenKind::Person => AuthorKind::Unknown,
                };
                let (standing, label) = (Standing::Claimed, label.clone());
                let author = Author { member: None, kind, level: None, standing, label };
                add_author(&mut authors, Who::Address(*email), author);
            }
        }
    }
    authors
}

/// Whoever wrote what no commit names an author of, such as a merge made by hand.
pub(super) fn nobody() -> Author {
    let label = "nobody named".to_owned();
    let (kind, standing) = (AuthorKind::Unknown, Standing::Claimed);
    Author { member: None, kind, level: None, standing, label }
}
