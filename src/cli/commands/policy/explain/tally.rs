//! The sums over all changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::change::Change;
use crate::base::name::{ChecklistItem, Revision};
use crate::change::marks::Sign;
use crate::git::GitError;
use crate::policy::{AuthorKind, Policy, Presence, Requirement};
use crate::statement::words::Assistance;

/// Counts of changes.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    /// How many were looked at.
    pub(super) changes: usize,
    /// With a mark of AI assistance.
    pub(super) assisted: usize,
    /// Of these, with an AI tool as author.
    pub(super) generated: usize,
    /// By tool.
    pub(super) tools: BTreeMap<String, Tool>,
    /// With a path that nobody can read.
    pub(super) opaque: usize,
    /// Of these, by why; a change may count under several.
    pub(super) opaque_kinds: BTreeMap<&'static str, usize>,
    /// Written by automations without AI alone.
    pub(super) automation: usize,
    /// Without any difference: nobody is asked.
    pub(super) empty: usize,
    /// From which `exempt` lifts the floor.
    pub(super) exempt: usize,
    /// With paths that collide where case is ignored.
    pub(super) colliding: usize,
    /// For which somebody other than the authors would have had to sign.
    #[serde(rename = "want_another_human")]
    pub(super) wanting: usize,
    /// Of these, naming a reviewer who is not an author.
    #[serde(rename = "name_a_reviewer")]
    pub(super) wanting_and_named: usize,
    /// Of the assisted ones, those that want somebody.
    #[serde(rename = "assisted_want_another_human")]
    pub(super) assisted_wanting: usize,
    /// Of these, naming a reviewer who is not an author.
    #[serde(rename = "assisted_name_a_reviewer")]
    pub(super) assisted_and_named: usize,
    /// What is asked, most often asked first, after [`Tally::requirements`].
    #[serde(skip)]
    asked: BTreeMap<Asked, usize>,
    /// Which would want more people if they counted as generated.
    pub(super) undeclared_asks_more: usize,
    /// What a change that nobody declared counts as under this policy.
    pub(super) undeclared: Option<Assistance>,
    /// Which would want more people if no author signed for it.
    pub(super) unproved_asks_more: usize,
    /// Rules that rest on the roster: without one every author is unknown.
    pub(super) roster_rules: Vec<String>,
    /// Commits that no gate could judge.
    pub(super) unread: usize,
    /// Why, of the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_unread: Option<String>,
    /// Every change, oldest first, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) each: Option<Vec<Row>>,
}

/// What one tool left behind.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tool {
    /// In how many changes.
    pub(super) changes: usize,
    /// By where the marks stand; a change may count under several.
    pub(super) signs: BTreeMap<String, usize>,
}

/// One thing that a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Asked {
    /// The rule, or the floor.
    pub(super) because: String,
    /// Who is wanted.
    pub(super) ask: String,
    /// What they must have answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checklist: Vec<ChecklistItem>,
    /// Whether somebody must have touched the key.
    pub(super) presence: Presence,
}

/// One change.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) commit: Revision,
    pub(super) title: String,
    pub(super) assistance: Assistance,
    pub(super) tools: BTreeSet<String>,
    pub(super) opaque: Vec<&'static str>,
    pub(super) asked: Vec<Asked>,
    pub(super) reviewers: BTreeSet<String>,
}

impl Tally {
    /// Sums under a policy; `keeps_each` keeps every change as well.
    pub(super) fn new(policy: &Policy, keeps_each: bool) -> Self {
        let rests = |rule: &&crate::policy::Rule| {
            let kinds = &rule.when.author_kind;
            let known_kinds = [AuthorKind::Unknown, AuthorKind::Tool];
            rule.when.author_below.is_some() || kinds.iter().any(|kind| !known_kinds.contains(kind))
        };
        Self {
            undeclared: Some(policy.defaults().undeclared),
            roster_rules: policy
                .rules()
                .iter()
                .filter(rests)
                .map(|rule| rule.name.clone())
                .collect(),
            each: keeps_each.then(Vec::new),
            ..Self::default()
        }
    }

    /// What is asked for and of how many changes, most often asked first.
    pub(super) fn requirements(&self) -> Vec<(&Asked, usize)> {
        let mut asked: Vec<_> = self.asked.iter().map(|(asked, count)| (asked, *count)).collect();
        asked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        asked
    }

    /// Notes a commit that no gate could judge.
    pub(super) fn add_unread(&mut self, error: &GitError) {
        self.unread += 1;
        self.first_unread.get_or_insert_with(|| error.to_string());
    }

    /// Takes one change in.
    pub(super) fn add(&mut self, change: Change) {
        let is_assisted = !change.marks.is_empty();
        let wants = change.wants_somebody();
        let is_named = !change.reviewers.is_empty();
        self.changes += 1;
        self.assisted += usize::from(is_assisted);
        self.generated += usize::from(change.assistance() == Assistance::Generated);
        self.opaque += usize::from(!change.opaque.is_empty());
        self.automation += usize::from(change.is_automation);
        self.empty += usize::from(change.is_empty);
        self.exempt += usize::from(change.asked.exempt && !change.is_empty);
        self.colliding += usize::from(change.collides);
        self.wanting += usize::from(wants);
        self.wanting_and_named += usize::from(wants && is_named);
        self.assisted_wanting += usize::from(wants && is_assisted);
        self.assisted_and_named += usize::from(wants && is_assisted && is_named);
        self.undeclared_asks_more += usize::from(change.undeclared_asks_more);
        self.unproved_asks_more += usize::from(change.unproved_asks_more);
        for opaque in &change.opaque {
            *self.opaque_kinds.entry(opaque.as_str()).or_default() += 1;
        }
        self.add_marks(&change);
        // A rule may ask twice for the same; it is one wish of one change.
        let asked: BTreeSet<Asked> = change.requirements().iter().map(Asked::new).collect();
        for one in &asked {
            *self.asked.entry(one.clone()).or_default() += 1;
        }
        if let Some(each) = &mut self.each {
            each.push(Row {
                assistance: change.assistance(),
                tools: change.marks.iter().map(|mark| mark.tool.clone()).collect(),
                opaque: change.opaque.iter().map(|opaque| opaque.as_str()).collect(),
                asked: change.requirements().iter().map(Asked::new).collect(),
                commit: change.commit,
                title: change.title,
                reviewers: change.reviewers,
            });
        }
    }

    fn add_marks(&mut self, change: &Change) {
        let mut signs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for mark in &change.marks {
            signs.entry(&mark.tool).or_default().insert(sign_name(&mark.sign));
        }
        for (tool, signs) in signs {
            let tool = self.tools.entry(tool.to_owned()).or_default();
            tool.changes += 1;
            for sign in signs {
                *tool.signs.entry(sign).or_default() += 1;
            }
        }
    }
}

impl Asked {
    fn new(requirement: &Requirement) -> Self {
        Self {
            because: requirement.because.clone(),
            ask: requirement.ask.clone(),
            checklist: requirement.checklist.clone(),
            presence: requirement.presence,
        }
    }
}

/// Where a mark stands, in words.
fn sign_name(sign: &Sign) -> String {
    match sign {
        Sign::Author => "author".to_owned(),
        Sign::Committer => "committer".to_owned(),
        Sign::CoAuthorTrailer => "co-author".to_owned(),
        Sign::Trailer(key) => format!("{key} trailer"),
        Sign::Body => "line of the message".to_owned(),
    }
}
