//! What the reader has signed already: a sign-off that counts is not repeated, and one that does
//! not, or that could count for more, is repeated with the reason (`spec/everyday.md` section 4).

use serde::Serialize;

use super::Desired;
use super::items::{Item, ItemKind};
use super::submit::open_words;
use crate::base::digest::ChangeHash;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{Reporting, SegmentReport, could_sign};
use crate::cli::review::{Place, Subject};
use crate::cli::time;
use crate::evidence::used_up_since;
use crate::policy::{ReasonCode, SignOff};
use crate::roster::Member;
use crate::statement::words::ApprovalVerdict;
use crate::view::RejectRecord;

/// Past so much of `approval_ttl`, in hundredths, signing again is worth the touch.
const AGE_HUNDREDTHS: u64 = 80;

/// A sign-off of exactly this change by the reader.
#[derive(Debug, Serialize)]
pub(super) struct Before {
    change: ChangeHash,
    entry: EntryIndex,
    time: Timestamp,
}

/// The answer where nothing is left to sign.
#[derive(Serialize)]
struct Answer<'a> {
    verdict: ApprovalVerdict,
    subjects: [ChangeHash; 0],
    signed_before: &'a [Before],
    still_open: &'a [SegmentReport],
}

/// What there is to say of one that was signed.
struct Found {
    before: Before,
    /// Why it is signed again all the same.
    because: Option<String>,
}

/// Leaves out what the reader has signed as it is and what counts for all that it could. None
/// where nothing is left; that is said.
///
/// # Errors
/// Where the ledger cannot be read.
pub(super) fn leave_out(
    context: &mut Context,
    desk: &Desk,
    place: &Place,
    reader: &Member,
    items: Vec<Item>,
    desired: &Desired<'_>,
) -> Result<Option<Vec<Item>>, CliError> {
    let now = context.now();
    let names = desk.names();
    let (mut left, mut before, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    let is_alone = items.len() == 1;
    for item in items {
        let ItemKind::Change(subject, _) = &item.kind else {
            left.push(item);
            continue;
        };
        let Some(found) = signed(desk, place, reader, subject, desired)? else {
            left.push(item);
            continue;
        };
        let Before { change, entry, time } = &found.before;
        let short = change.short();
        let what = if is_alone { "this" } else { &short };
        let said = format!("you signed {what} {}, entry {entry}", time::ago(*time, now));
        if let Some(because) = found.because {
            context.ui.note(&said);
            context.ui.note(&format!("signing again: {because}"));
            left.push(item);
            continue;
        }
        let report = subject.report(desk, place, &names);
        let open = open_words(std::slice::from_ref(&report));
        context.ui.paragraph(0, &format!("{said}; nothing new was signed.{open}"));
        reports.push(report);
        before.push(found.before);
    }
    if left.is_empty() {
        context.ui.json(&Answer {
            verdict: ApprovalVerdict::Approve,
            subjects: [],
            signed_before: &before,
            still_open: &reports,
        });
        return Ok(None);
    }
    Ok(Some(left))
}

/// The reader's newest sign-off of exactly this change; none where there is none, or a later word
/// of theirs took its place.
fn signed(
    desk: &Desk,
    place: &Place,
    reader: &Member,
    subject: &Subject,
    desired: &Desired<'_>,
) -> Result<Option<Found>, CliError> {
    let segment = &subject.segment;
    let sign_offs = segment.sign_offs.iter().filter(|one| one.member == reader.id && !one.carried);
    let sign_offs: Vec<&SignOff> = sign_offs.collect();
    let Some(newest) = sign_offs.iter().max_by_key(|one| one.entry) else {
        let is_void = |code| matches!(code, ReasonCode::CarryRefused | ReasonCode::Withdrawn);
        let mut refused = segment.discounted.iter().rev();
        let refused = refused.find(|word| word.member == reader.id && !is_void(word.code));
        let Some(refused) = refused else { return Ok(None) };
        let because = Some(format!("it does not count, {}", refused.text));
        return Ok(Some(Found { before: before(desk, subject, refused.entry)?, because }));
    };
    let because = match wanted_more(&sign_offs, desired) {
        None => wanted_since(desk, place, subject, newest)?,
        said => said,
    };
    let because = because.or_else(|| counts_for_more(desk, place, reader, subject, &sign_offs));
    Ok(Some(Found { before: before(desk, subject, newest.entry)?, because }))
}

/// What came after a sign-off and wants another one, though it counts where it stands: it was used
/// up, something was rejected, or its time is nearly over.
fn wanted_since(
    desk: &Desk,
    place: &Place,
    subject: &Subject,
    newest: &SignOff,
) -> Result<Option<String>, CliError> {
    let (change, service) = (subject.change(), &place.service);
    let landing = &subject.range.head;
    let used = used_up_since(&desk.session, &service.name, change, newest.entry, landing)?;
    if let Some((deployment, commit)) = used {
        let by = commit.map_or_else(String::new, |commit| format!(" as {}", commit.short()));
        return Ok(Some(format!("it may be used up, deployed{by} by entry {deployment}")));
    }
    // Whoever signs what lands after a reject of a run that holds it has answered that one.
    let view = desk.session.view();
    let is_other = |record: &&RejectRecord| {
        record.entry > newest.entry
            && !view.is_lifted(record.entry)
            && record.changes.iter().any(|rejected| {
                rejected.repository == service.repository && rejected.change != change
            })
    };
    if let Some(reject) = view.rejects().iter().rev().find(is_other) {
        return Ok(Some(format!("something was rejected since, entry {}", reject.entry)));
    }
    let lasts = place.policy.defaults().approval_ttl;
    let is_old = newest.age.milliseconds() / AGE_HUNDREDTHS >= lasts.milliseconds() / 100;
    Ok(is_old.then(|| format!("it counts for {lasts} only")))
}

fn before(desk: &Desk, subject: &Subject, entry: EntryIndex) -> Result<Before, CliError> {
    let time = desk.session.entry(entry)?.time();
    Ok(Before { change: subject.change(), entry, time })
}

/// What the command line asks for that was not said before.
fn wanted_more(sign_offs: &[&SignOff], desired: &Desired<'_>) -> Option<String> {
    if desired.signing.comment.is_some() {
        return Some("you say more of it".to_owned());
    }
    if desired.signing.output.is_some() {
        return Some("you want it in a file".to_owned());
    }
    let answered = |item| sign_offs.iter().any(|one| one.answered.contains(item));
    let mut checks = desired.checks.iter().map(|(item, _)| item);
    checks.find(|item| !answered(item)).map(|item| format!("you answer {item} now"))
}

/// Why what was signed counts for less than a new sign-off would.
fn counts_for_more(
    desk: &Desk,
    place: &Place,
    reader: &Member,
    subject: &Subject,
    sign_offs: &[&SignOff],
) -> Option<String> {
    let names = desk.names();
    let reporting = Reporting::new(&names, desk.session.view(), &place.policy);
    let assessment = &subject.segment.assessment;
    let mine = || {
        let words = assessment.not_counted.iter();
        words.filter(|word| sign_offs.iter().any(|one| one.entry == word.entry))
    };
    // What counts nowhere: another one of the same person may.
    let nowhere =
        |one: &&SignOff| mine().find(|word| word.entry == one.entry && word.rule.is_none());
    if let Some(word) = sign_offs.last().and_then(nowhere)
        && sign_offs.iter().all(|one| nowhere(one).is_some())
    {
        return Some(word.text.clone());
    }
    // Whoever has risen, or is in another team, may fill another place of a rule than before.
    let is_as_before = sign_offs
        .iter()
        .any(|one| one.level == reader.level && one.teams.iter().eq(reader.teams.iter()));
    let requirements = || assessment.requirements.iter();
    let open = requirements().find(|open| {
        // Within a rule a person fills one place.
        let mut of_rule = requirements().filter(|one| one.because == open.because);
        let fills = of_rule.any(|one| one.filled_by.contains(&reader.id));
        open.missing > 0
            && !(fills && is_as_before)
            && could_sign(&reporting, &subject.segment.authors, open, reader)
    })?;
    let word = mine().find(|word| word.rule.as_ref() == Some(&open.because));
    Some(word.map_or_else(
        || format!("{} may be you now", open.ask),
        |word| format!("{} (for \"{}\")", word.text, open.because),
    ))
}
