//! Whose word stands on a change, and whose does not (`spec/verdict.md` section 5).

use std::collections::{BTreeMap, BTreeSet};

use super::judge::Judge;
use super::word::{
    About, Discounted, Word, check_place, cooling, discounted, landed_elsewhere, read_elsewhere,
    spent,
};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::name::{LevelName, MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::key;
use crate::policy::{Policy, Presence, ReasonCode, SignOff};
use crate::roster::{KeyStanding, Member};
use crate::statement::Says;
use crate::statement::words::{ApprovalVerdict, Assistance, Duty};

/// A reject that blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Whose.
    pub member: MemberId,
    /// Where it stands.
    pub entry: EntryIndex,
}

/// A sign-off of another change that is carried to this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedSignOff {
    /// Where the sign-off stands.
    pub entry: EntryIndex,
    /// The change that it is about.
    pub approved: ChangeHash,
    /// The certificate that shows it.
    pub certificate: ContentDigest,
}

/// What stands on one subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) sign_offs: Vec<SignOff>,
    pub(super) carried: Vec<CarriedSignOff>,
    pub(super) discounted: Vec<Discounted>,
    pub(super) rejects: Vec<Reject>,
}

/// A member's words on one subject, as far as they stand.
#[derive(Default)]
struct Said<'a> {
    /// The approvals since the newest reject or withdrawal, oldest first.
    approvals: Vec<Word<'a>>,
    /// The rejects that nothing took back since, by what they are about.
    rejects: BTreeMap<ContentDigest, Word<'a>>,
    /// The withdrawal that nothing followed.
    withdrawal: Option<Word<'a>>,
}

/// What stands on a subject, in the ledger's order.
pub(super) fn standing(judge: &Judge<'_>, about: &About<'_>) -> Standing {
    let mut standing = Standing::default();
    let landing = about.landing;
    let mut members: BTreeMap<&MemberId, Said<'_>> = BTreeMap::new();
    let mut words: Vec<Word<'_>> = Vec::new();
    for (hash, carried) in &about.hashes {
        for entry in judge.words(*hash).iter().copied() {
            let Says::Approval(approval) = &entry.statement().says else { continue };
            if approval.subject_type != about.subject {
                continue;
            }
            let Some(row) = approval.rows.iter().find(|row| row.hash == *hash) else { continue };
            let is_grounded = carried.is_none_or(|to| to.is_grounded);
            let carried = carried.map(|to| &to.carried);
            words.push(Word { entry, approval, row, carried, is_grounded });
        }
    }
    // Of one entry the word on the subject itself comes last, so that it is what counts.
    words.sort_by_key(|word| (word.entry.index(), word.carried.is_none()));
    for word in words {
        let said = members.entry(word.entry.by()).or_default();
        if let Some(why) = hear(judge, said, word, about) {
            standing.discounted.push(why);
        }
    }
    for said in members.into_values() {
        sort_words(judge, &said, landing, &mut standing);
    }
    standing
}

/// Takes up one more word of a member; tells why where it changes nothing.
fn hear<'a>(
    judge: &Judge<'_>,
    said: &mut Said<'a>,
    word: Word<'a>,
    about: &About<'_>,
) -> Option<Discounted> {
    let leaked = || {
        let text = "signed with a key that had leaked";
        judge.is_leaked(word.entry).then(|| discounted(word.entry, ReasonCode::KeyRevoked, text))
    };
    match word.approval.verdict {
        // A sign-off for another branch neither counts here nor replaces what was said here. A
        // reject is of the change itself, wherever it was said.
        ApprovalVerdict::Approve if !judge.hears(word.entry.index()) => {}
        ApprovalVerdict::Approve => {
            let elsewhere = check_place(judge.service(), &word).err();
            let refused = elsewhere.or_else(leaked).or_else(|| cooling(judge, word.entry));
            if refused.is_some() {
                return refused;
            }
            // Who signs off what landed has seen it. What is carried to it answers no reject of
            // what landed, nor of what else is carried to it.
            match word.carried {
                None => said.rejects.clear(),
                Some(_) => drop(said.rejects.remove(&word.row.hash)),
            }
            said.withdrawal = None;
            // One that is used up ended the reject before it all the same.
            let used_up = spent(judge, &word, about.landing);
            let used_up = used_up.or_else(|| landed_elsewhere(judge, &word, about));
            let used_up = used_up.or_else(|| read_elsewhere(&word));
            if used_up.is_some() {
                return used_up;
            }
            said.approvals.push(word);
        }
        ApprovalVerdict::Reject => {
            said.approvals.clear();
            said.withdrawal = None;
            // Of what had landed in part before, nobody knows which part was rejected.
            if word.carried.is_none_or(|carried| carried.there().is_empty()) {
                said.rejects.insert(word.row.hash, word);
            }
        }
        // Only a withdrawal that names it takes a reject back, and under a leaked key it cannot
        // (ATTACKS 19); any takes the sign-offs back.
        ApprovalVerdict::Withdraw if said.rejects.is_empty() => {
            *said = Said { withdrawal: Some(word), ..Said::default() };
        }
        ApprovalVerdict::Withdraw => {
            let is_named =
                |reject: &Word<'_>| word.approval.withdraws == Some(reject.entry.entry());
            if said.rejects.values().any(is_named) {
                let refused = leaked().or_else(|| cooling(judge, word.entry));
                if refused.is_some() {
                    return refused;
                }
                said.rejects.retain(|_, reject| !is_named(reject));
                said.approvals.clear();
                said.withdrawal = Some(word);
            }
        }
    }
    None
}

/// Sign-offs that would stand on what is near to a change and was not carried to it, and why not.
pub(super) fn not_carried(
    judge: &Judge<'_>,
    change: ChangeHash,
    landing: Option<&Revision>,
    standing: &Standing,
) -> Vec<Discounted> {
    let there: BTreeSet<&MemberId> = standing.sign_offs.iter().map(|one| &one.member).collect();
    let mut found = Vec::new();
    for near in judge.uncarried_to(change) {
        let on_it = self::standing(judge, &About::change_alone(near.approved, landing));
        for sign_off in on_it.sign_offs.iter().filter(|one| !there.contains(&one.member)) {
            found.push(Discounted {
                member: sign_off.member.clone(),
                entry: sign_off.entry,
                code: ReasonCode::CarryRefused,
                text: format!("signed as {}, not carried: {}", near.approved.short(), near.why),
            });
        }
    }
    found
}

/// Sorts what a member said into what counts, what does not, and what blocks.
fn sort_words(
    judge: &Judge<'_>,
    said: &Said<'_>,
    landing: Option<&Revision>,
    standing: &mut Standing,
) {
    let rejects = said.rejects.values().map(|word| word.entry);
    for reject in rejects.filter(|reject| !judge.view().is_lifted(reject.index())) {
        let reject = Reject { member: reject.by().clone(), entry: reject.index() };
        // One statement may reject what landed and what is carried to it.
        if !standing.rejects.contains(&reject) {
            standing.rejects.push(reject);
        }
    }
    let withdrawn = said
        .withdrawal
        .as_ref()
        .map(|word| discounted(word.entry, ReasonCode::Withdrawn, "withdrawn by the signer"));
    standing.discounted.extend(withdrawn);
    // Every approval counts for what it is worth. One that a later one outdoes in everything is
    // not worth a line.
    let mut counted: Vec<SignOff> = Vec::new();
    for word in said.approvals.iter().rev() {
        let found = sign_off(judge, word, landing);
        if let (Ok(sign_off), Some(carried)) = (&found, word.carried) {
            standing.carried.push(CarriedSignOff {
                entry: sign_off.entry,
                approved: carried.approved(),
                certificate: carried.certificate(),
            });
        }
        match found {
            Ok(older) if counted.iter().any(|newer| outdoes(judge.policy(), newer, &older)) => {}
            Ok(sign_off) => counted.push(sign_off),
            Err(why) if counted.is_empty() => standing.discounted.push(why),
            Err(_) => {}
        }
    }
    standing.sign_offs.extend(counted.into_iter().rev());
}

/// Whether whatever an older sign-off of the same member is good for, a newer one is good for.
fn outdoes(policy: &Policy, newer: &SignOff, older: &SignOff) -> bool {
    let rank = |sign_off: &SignOff| sign_off.level.as_ref().and_then(|level| policy.rank(level));
    rank(newer) >= rank(older)
        && newer.teams.is_superset(&older.teams)
        && newer.presence >= older.presence
        && newer.answered.is_superset(&older.answered)
        && newer.assistance_seen >= older.assistance_seen
        && newer.age <= older.age
        && (!newer.carried || older.carried)
}

/// An approval counts if its signer might give it then and still may now (ATTACKS 29).
fn sign_off(
    judge: &Judge<'_>,
    word: &Word<'_>,
    landing: Option<&Revision>,
) -> Result<SignOff, Discounted> {
    let entry = word.entry;
    let refuse = |code, text: String| Err(discounted(entry, code, text));
    let view = judge.view();
    let roster = view.roster();
    let (then, now) = (entry.index().size_after(), view.size());
    let before = roster.member(entry.by(), then);
    let (Some(before), Some(after)) = (before, roster.member(entry.by(), now)) else {
        return refuse(ReasonCode::NoReviewDuty, "no longer a member".to_owned());
    };
    if !before.has_duty(Duty::Review) || !after.has_duty(Duty::Review) {
        return refuse(ReasonCode::NoReviewDuty, "no longer has the duty to review".to_owned());
    }
    // A leak was sorted out before; a key that retired after the sign-off leaves it standing.
    let standing = entry.keys().first().map(|key| roster.standing(key, entry.index(), now));
    if standing != Some(KeyStanding::Good) {
        return refuse(
            ReasonCode::KeyRevoked,
            "signed with a key that was not in force".to_owned(),
        );
    }
    if let Some(carried) = word.carried.filter(|carried| !judge.is_apart(carried)) {
        let lines = carried.closest_lines().unwrap_or_default();
        let plural = if lines == 1 { "" } else { "s" };
        let text = format!(
            "signed as {}, not carried: {lines} unchanged line{plural} between both edits, and \
             the policy asks for {}",
            carried.approved().short(),
            judge.policy().defaults().carry_gap
        );
        return refuse(ReasonCode::CarryRefused, text);
    }
    let answered = word.approval.checklist.iter().map(|answer| answer.item.clone()).collect();
    Ok(SignOff {
        member: entry.by().clone(),
        level: lower_level(judge.policy(), before, after),
        teams: before.teams.iter().filter(|team| after.teams.contains(team)).cloned().collect(),
        presence: presence(entry.presence()),
        answered,
        // Of an artifact nothing is asked about assistance.
        assistance_seen: word.row.assistance_seen.unwrap_or(Assistance::Generated),
        carried: word.carried.is_some(),
        age: counts_until(judge, word, landing).since(entry.time()),
        entry: entry.index(),
    })
}

/// The moment up to which the age of an approval is measured: the first time that its step was
/// deployed anywhere, else now (ATTACKS 30). A decision alone, which costs nothing, ends no age.
fn counts_until(judge: &Judge<'_>, word: &Word<'_>, landing: Option<&Revision>) -> Timestamp {
    let index = word.entry.index();
    let deployed = judge.covers().iter().filter_map(|known| {
        let (deployment, time) = known.deployed?;
        let rows = known.cover.iter().flat_map(|cover| &cover.segments);
        let mut ends_here = rows.filter(|row| Some(&row.last) == landing);
        let step = ends_here.any(|row| row.is_of(word.row.hash));
        (deployment > index && step).then_some(time)
    });
    deployed.min().unwrap_or(judge.question().time)
}

/// The lower of two levels by the policy's order; a level that it does not list is no level.
fn lower_level(policy: &Policy, one: &Member, other: &Member) -> Option<LevelName> {
    let (one, other) = (one.level.as_ref()?, other.level.as_ref()?);
    let lower = if policy.rank(one)? <= policy.rank(other)? { one } else { other };
    Some(lower.clone())
}

/// A touch is claimed until an enrolment attestation was checked (ATTACKS 15).
pub(super) const fn presence(presence: key::Presence) -> Presence {
    match presence {
        key::Presence::None => Presence::NoTouch,
        key::Presence::TouchClaimed | key::Presence::VerifiedClaimed => Presence::TouchClaimed,
    }
}
