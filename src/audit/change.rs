//! One change of a deployment: who wrote it, what it needed, who signed it off.

use std::collections::BTreeSet;

use serde::Serialize;

use super::auditor::{Auditor, cover};
use super::report::CoverState;
use super::{AuditError, as_rfc3339};
use crate::base::digest::{ChangeHash, Commitment};
use crate::base::name::{
    ChecklistItem, LevelName, MemberId, RequestId, Revision, TeamName, ToolName,
};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::change::Document;
use crate::evidence::{GatherError, gather_as_of};
use crate::git::GitError;
use crate::key::{KeyId, Presence};
use crate::ledger::topics;
use crate::policy::{AssistanceSource, AuthorKind, Standing};
use crate::session::SessionError;
use crate::statement::Says;
use crate::statement::approval::ApprovalRow;
use crate::statement::change::DeclaredAuthor;
use crate::statement::pipeline::Decision;
use crate::statement::words::{Assistance, DecisionVerdict, Shown};
use crate::verify::cover::{Cover, CoverRow, Match};
use crate::verify::{Question, Segment, Verdict, VerifiedEntry, verdict};

/// A change and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeReport {
    /// The change hash.
    pub change: ChangeHash,
    /// Its first step.
    pub first: Revision,
    /// Its last step.
    pub last: Revision,
    /// First line of the last commit's message, where the repository is here.
    pub title: Option<String>,
    /// Requests that declarations name.
    pub requests: Vec<RequestId>,
    /// Who wrote it; of the declarations alone where the repository is not here.
    pub authors: Vec<AuthorReport>,
    /// What was declared of it.
    pub declared: Vec<DeclaredReport>,
    /// The assistance that counted, and where that came from, where it was judged again.
    pub assistance: Option<(Assistance, AssistanceSource)>,
    /// What the policy asked for, where it was judged again.
    pub needed: Vec<NeededReport>,
    /// The sign-offs that the decision rests on.
    pub signed: Vec<SignedReport>,
    /// How they match what landed.
    #[serde(rename = "match")]
    pub matched: Match,
    /// Whether the decision counted it as signed off: always so where it allowed.
    pub covered: bool,
    /// Whether judging it again here gave the same; none where the repository is not here.
    pub judged_again: Option<bool>,
}

impl ChangeReport {
    /// Whether it leaves every path as it was: then nothing is asked, and nobody signs.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.change == Document::default().hash()
    }
}

/// An author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorReport {
    /// Who it is on the roster.
    pub member: Option<MemberId>,
    /// How commits call the author.
    pub label: String,
    /// What kind of author it is, where that is known.
    pub kind: Option<AuthorKind>,
    /// The level at that time.
    pub level: Option<LevelName>,
    /// How the authorship is known, where it was judged again.
    pub standing: Option<Standing>,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclaredReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// Who declared.
    pub by: MemberId,
    /// How much of it a machine wrote.
    pub assistance: Assistance,
    /// The tools that helped.
    pub tools: Vec<ToolName>,
}

/// What the policy asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeededReport {
    /// Who was needed: `1 of at least senior`.
    pub ask: String,
    /// The rule.
    pub because: String,
    /// Who filled it.
    pub filled_by: Vec<MemberId>,
    /// How many were missing.
    pub missing: u32,
}

/// A sign-off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedReport {
    /// Its entry.
    pub entry: EntryIndex,
    /// The time of that entry.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// Who signed.
    pub member: MemberId,
    /// The level when it was signed.
    pub level: Option<LevelName>,
    /// The teams when it was signed.
    pub teams: Vec<TeamName>,
    /// The other change that was signed, where the sign-off was carried to this one.
    pub carried_from: Option<ChangeHash>,
    /// The key.
    pub key: Option<KeyId>,
    /// What the signature says of somebody's presence.
    pub presence: &'static str,
    /// What the signer's program showed, as that program claims.
    pub shown: Option<Shown>,
    /// The comment: its text, or none where it was withheld.
    pub comment: Option<AnswerReport>,
    /// Answers to the checklist.
    pub checklist: Vec<AnswerReport>,
}

/// A text that was committed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerReport {
    /// The item of the checklist; none for a comment.
    pub item: Option<ChecklistItem>,
    /// The text; none where it was withheld or deleted.
    pub text: Option<String>,
}

/// The changes that a decision covers; of one that denied those of its chain, where the
/// repository is here.
pub(super) fn changes(
    auditor: &mut Auditor<'_>,
    entry: &VerifiedEntry,
    said: &Decision,
) -> Result<(CoverState, Vec<ChangeReport>), AuditError> {
    if said.verdict == DecisionVerdict::Deny {
        return denied(auditor, entry, said);
    }
    let (state, found) = cover(auditor.session(), said)?;
    let Some(cover) = found else { return Ok((state, Vec::new())) };
    let again = judge_again(auditor, entry, said, Some(&cover))?;
    let state = match &again {
        Some(again) if !is_same(again, said, &cover) => CoverState::Contradicted,
        _ => state,
    };
    let segments = again.iter().flat_map(|verdict| &verdict.segments);
    let segments: Vec<(Segment, CoverRow)> = segments
        .map(|segment| (segment.clone(), Cover::of(std::slice::from_ref(segment), &[]).segments))
        .filter_map(|(segment, rows)| Some((segment, rows.into_iter().next()?)))
        .collect();
    let mut reports = Vec::new();
    for row in &cover.segments {
        let mut report = plain(auditor, entry, row)?;
        let place = |own: &CoverRow| {
            (&own.first, &own.last, own.change) == (&row.first, &row.last, row.change)
        };
        if let Some((segment, own)) = segments.iter().find(|(_, own)| place(own)) {
            let same = own.approvals == row.approvals && segment.satisfied;
            complete(&mut report, segment.clone(), same);
        }
        reports.push(report);
    }
    // What the decision says nothing of was brought all the same.
    for (segment, own) in segments {
        let told = |row: &CoverRow| (&row.first, &row.last) == (&own.first, &own.last);
        if !cover.segments.iter().any(told) {
            let mut report = plain(auditor, entry, &own)?;
            report.covered = segment.satisfied;
            complete(&mut report, segment, false);
            reports.push(report);
        }
    }
    Ok((state, reports))
}

/// Whether a verdict is what a decision says: the same answer, resting on the same changes.
fn is_same(again: &Verdict, said: &Decision, cover: &Cover) -> bool {
    let places = |cover: &Cover| -> Vec<_> {
        let rows = cover.segments.iter();
        rows.map(|row| (row.change, row.first.clone(), row.last.clone())).collect()
    };
    again.answer == said.verdict && places(&again.cover()) == places(cover)
}

/// Judges a decision again, with the ledger that the gate had seen. None where the repository is
/// not here, or does not have the commits.
fn judge_again(
    auditor: &mut Auditor<'_>,
    entry: &VerifiedEntry,
    said: &Decision,
    cover: Option<&Cover>,
) -> Result<Option<Verdict>, AuditError> {
    let Some(repository) = auditor.repository_of(&said.repository) else { return Ok(None) };
    let session = auditor.session();
    // What counted was what the gate had seen, never what lay between that and its entry.
    let size = entry.statement().seen.map(|seen| seen.size).unwrap_or_default();
    let view = auditor.view_as_of(size)?;
    let question = question(entry, said);
    let gathered = match gather_as_of(session, repository, &question, view, cover) {
        Ok(gathered) => gathered,
        // Nobody decides on so many steps now.
        Err(GatherError::Git(GitError::ChainTooLong { .. })) => return Ok(None),
        Err(GatherError::Git(error)) => return Ok(if_here(Err(error))?),
        Err(GatherError::Session(error)) => return Err(error.into()),
    };
    Ok(Some(verdict(&question, &gathered.evidence_as_of(view))))
}

/// What this repository does not have is reported without it. What it has and is damaged is an
/// error: a report must not pass over it in silence.
pub(super) fn if_here<T>(found: Result<T, GitError>) -> Result<Option<T>, GitError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(
            GitError::UnknownCommit { .. }
            | GitError::Missing { .. }
            | GitError::Shallow { .. }
            // Whether it can be read depends on whether git is installed here.
            | GitError::BlobTooLarge { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a decision that denied found missing: its chain, judged again.
fn denied(
    auditor: &mut Auditor<'_>,
    entry: &VerifiedEntry,
    said: &Decision,
) -> Result<(CoverState, Vec<ChangeReport>), AuditError> {
    let Some(found) = judge_again(auditor, entry, said, None)? else {
        return Ok((CoverState::Denied, Vec::new()));
    };
    let reasons = found.reasons();
    let reasons: BTreeSet<&str> = reasons.iter().map(|code| code.as_str()).collect();
    let same = said.reasons.iter().map(RequestId::as_str).collect::<BTreeSet<_>>() == reasons;
    let mut reports = Vec::new();
    for (segment, row) in found.segments.iter().zip(found.cover().segments) {
        let mut report = plain(auditor, entry, &row)?;
        report.covered = segment.satisfied;
        complete(&mut report, segment.clone(), same);
        reports.push(report);
    }
    Ok((CoverState::Denied, reports))
}

/// What the gate was asked.
fn question(entry: &VerifiedEntry, said: &Decision) -> Question {
    Question {
        service: said.service.clone(),
        environment: said.environment.clone(),
        revision: said.revision.clone(),
        artifacts: said.artifacts.clone(),
        time: entry.time(),
    }
}

/// What ledger and side store alone say of a change.
fn plain(
    auditor: &Auditor<'_>,
    decision: &VerifiedEntry,
    row: &CoverRow,
) -> Result<ChangeReport, AuditError> {
    let session = auditor.session();
    let mut report = ChangeReport {
        change: row.change,
        first: row.first.clone(),
        last: row.last.clone(),
        title: None,
        requests: Vec::new(),
        authors: Vec::new(),
        declared: Vec::new(),
        assistance: None,
        needed: Vec::new(),
        signed: Vec::new(),
        matched: row.matched,
        covered: true,
        judged_again: None,
    };
    let changes: BTreeSet<ChangeHash> = row.changes().collect();
    for entry in session.entries_under(changes.iter().copied().map(topics::change))? {
        let Says::Change(said) = &entry.statement().says else { continue };
        if entry.index() > decision.index() || !changes.contains(&said.change) {
            continue;
        }
        report.requests.extend(said.request.clone());
        report.declared.push(DeclaredReport {
            entry: entry.index(),
            by: entry.by().clone(),
            assistance: said.assistance,
            tools: said.tools.clone(),
        });
        for author in &said.authors {
            let author = declared_author(auditor, decision.index(), author);
            if !report.authors.contains(&author) {
                report.authors.push(author);
            }
        }
    }
    report.requests.sort_unstable();
    report.requests.dedup();
    for index in &row.approvals {
        report.signed.push(signed(auditor, &session.entry(*index)?, row)?);
    }
    Ok(report)
}

fn declared_author(
    auditor: &Auditor<'_>,
    decision: EntryIndex,
    author: &DeclaredAuthor,
) -> AuthorReport {
    let roster = auditor.session().view().roster();
    let size = decision.size_after();
    let (member, label) = match author {
        DeclaredAuthor::Member(id) => (roster.member(id, size), id.to_string()),
        DeclaredAuthor::Email(email) => {
            (roster.member_of_email(*email, size), format!("e-mail {}", email.short()))
        }
    };
    AuthorReport {
        label: member.map_or(label, |member| member.id.to_string()),
        level: member.and_then(|member| member.level.clone()),
        member: member.map(|member| member.id.clone()),
        kind: None,
        standing: None,
    }
}

/// A sign-off, its signer as the roster had them then.
fn signed(
    auditor: &Auditor<'_>,
    entry: &VerifiedEntry,
    landed: &CoverRow,
) -> Result<SignedReport, AuditError> {
    let openings = auditor.session().openings();
    let text = |what: Commitment| openings.text(what).map_err(SessionError::from);
    let member = auditor.session().view().roster().member(entry.by(), entry.index().size_after());
    let mut report = SignedReport {
        entry: entry.index(),
        time: entry.time(),
        member: entry.by().clone(),
        level: member.and_then(|member| member.level.clone()),
        teams: member.map(|member| member.teams.clone()).unwrap_or_default(),
        carried_from: None,
        key: entry.keys().first().copied(),
        presence: match entry.presence() {
            Presence::None => "no_touch",
            Presence::TouchClaimed => "touch_claimed",
            Presence::VerifiedClaimed => "touch_and_pin_claimed",
        },
        shown: None,
        comment: None,
        checklist: Vec::new(),
    };
    if let Says::Approval(said) = &entry.statement().says {
        let is_exact = |row: &&ApprovalRow| row.hash.as_bytes() == landed.change.as_bytes();
        let exact = said.rows.iter().find(is_exact);
        let carried = said.rows.iter().find(|row| landed.is_of(row.hash));
        let row = exact.or(carried);
        report.shown = row.map(|row| row.shown);
        let of_other = row.filter(|row| !is_exact(row));
        report.carried_from = of_other.map(|row| ChangeHash::from_bytes(*row.hash.as_bytes()));
        if let Some(comment) = said.comment {
            report.comment = Some(AnswerReport { item: None, text: text(comment)? });
        }
        for answer in &said.checklist {
            let item = Some(answer.item.clone());
            report.checklist.push(AnswerReport { item, text: text(answer.answer)? });
        }
    }
    Ok(report)
}

/// Adds what judging again told, and whether it is what the decision said.
fn complete(report: &mut ChangeReport, segment: Segment, same: bool) {
    report.judged_again = Some(same);
    report.title = Some(segment.title);
    report.authors = segment
        .authors
        .into_iter()
        .map(|author| AuthorReport {
            member: author.member,
            label: author.label,
            kind: Some(author.kind),
            level: author.level,
            standing: Some(author.standing),
        })
        .collect();
    report.assistance = Some((segment.assessment.assistance, segment.assessment.assistance_from));
    report.needed = segment
        .assessment
        .requirements
        .into_iter()
        .map(|requirement| NeededReport {
            ask: requirement.ask,
            because: requirement.because,
            filled_by: requirement.filled_by,
            missing: requirement.missing,
        })
        .collect();
}
