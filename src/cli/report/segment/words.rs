//! The words of people on a segment: what counts, what is near, what does not count, what blocks.

use serde::Serialize;

use super::person;
use crate::base::digest::ChangeHash;
use crate::base::name::{LevelName, MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Names;
use crate::cli::report::rejected::likeness_words;
use crate::cli::report::{Reporting, SignedEarlier, rule_words};
use crate::cli::review::{PathSince, since_words};
use crate::cli::time;
use crate::evidence::Likeness;
use crate::policy::{NotCounted, Presence, ReasonCode, Requirement, SignOff};
use crate::verify::cover::CarriedFrom;
use crate::verify::{CarriedSignOff, Discounted, Reject, Segment};

/// A sign-off that stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Has {
    /// Whose.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// Their level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<LevelName>,
    /// Whether a key was touched.
    pub(crate) presence: Presence,
    /// Where it stands.
    pub(crate) entry: EntryIndex,
    /// How old it is, in milliseconds.
    pub(crate) age_milliseconds: u64,
    /// What it counts for: rules by name.
    pub(crate) counts_for: Vec<String>,
    /// The other change that was signed, and the certificate that shows it to be carried here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) carried_from: Option<CarriedFrom>,
}

/// A sign-off of another version of the same change.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Near {
    /// Whose.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) entry: EntryIndex,
    /// Its time.
    pub(crate) time: Timestamp,
    /// The version that was signed.
    pub(crate) change: ChangeHash,
    /// The last commit that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Revision>,
    /// What makes one a version of the other.
    pub(crate) because: String,
    /// Whether that is what they have in common, and nobody's word.
    #[serde(skip)]
    pub(crate) is_by_paths: bool,
    /// What came since, path by path; missing where what was signed is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Vec<PathSince>>,
    /// The same in words.
    #[serde(skip)]
    pub(crate) since_words: String,
    /// Always `STALE_NEAR_MISS`.
    pub(crate) code: ReasonCode,
}

/// A word that does not count.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Discount {
    /// Whose.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) entry: EntryIndex,
    /// Why, as a code.
    pub(crate) code: ReasonCode,
    /// The rule that it does not count for; it counts nowhere without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// Why, in words.
    pub(crate) text: String,
    /// What would mend it.
    pub(crate) remedy: &'static str,
}

/// A reject that blocks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Blocking {
    /// Whose.
    pub(crate) member: MemberId,
    /// What people call them.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) entry: EntryIndex,
    /// Whether whose it is is still a member, with a key to withdraw it with.
    #[serde(skip)]
    pub(crate) can_withdraw: bool,
    /// Who else ends it: admins who can sign, by name.
    #[serde(skip)]
    admins: Vec<String>,
}

impl Has {
    /// A sign-off, and what it counts for.
    pub(in crate::cli::report) fn new(
        names: &Names,
        requirements: &[Requirement],
        carried: &[CarriedSignOff],
        sign_off: &SignOff,
    ) -> Self {
        let requirements = requirements.iter();
        let filled = requirements.filter(|filled| filled.sign_offs.contains(&sign_off.entry));
        let mut carried = carried.iter().filter(|_| sign_off.carried);
        let carried = carried.find(|one| one.entry == sign_off.entry);
        Self {
            member: sign_off.member.clone(),
            name: names.of(&sign_off.member),
            level: sign_off.level.clone(),
            presence: sign_off.presence,
            entry: sign_off.entry,
            age_milliseconds: sign_off.age.milliseconds(),
            counts_for: filled.map(|filled| filled.because.clone()).collect(),
            carried_from: carried
                .map(|one| CarriedFrom { change: one.approved, certificate: one.certificate }),
        }
    }

    /// `entry 9`, or `entry 9, carried from b7306bcdffb7`.
    pub(crate) fn place(&self) -> String {
        let carried = self.carried_from.as_ref();
        let carried = carried.map(|from| format!(", carried from {}", from.change.short()));
        format!("entry {}{}", self.entry, carried.unwrap_or_default())
    }

    /// Whose, where, and what for.
    pub(in crate::cli::report) fn said(&self) -> String {
        let who = person(&self.name, self.level.as_ref(), self.presence);
        let Some((first, rest)) = self.counts_for.split_first() else {
            return format!("{who}, {}", self.place());
        };
        let first = rule_words(first);
        let more =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{who}, {}: counts for \"{first}\"{more}", self.place())
    }
}

impl Near {
    /// A sign-off of another version of a segment, by somebody who has not signed this one.
    pub(super) fn new(names: &Names, segment: &Segment, signed: &SignedEarlier) -> Option<Self> {
        let SignedEarlier { form, since } = signed;
        // Who has signed this version too is not near it but there, whether or not it counts.
        let there = segment.sign_offs.iter().any(|sign_off| sign_off.member == form.by)
            || segment
                .discounted
                .iter()
                .any(|word| word.member == form.by && word.code != ReasonCode::CarryRefused);
        (form.of == segment.change && !there).then(|| Self {
            member: form.by.clone(),
            name: names.of(&form.by),
            entry: form.entry,
            time: form.time,
            change: form.change,
            head: form.head.clone(),
            is_by_paths: matches!(form.because, Likeness::Paths { .. }),
            because: likeness_words(form.because),
            since: since.as_ref().map(|since| since.paths.clone()),
            since_words: since_words(since.as_ref()),
            code: ReasonCode::StaleNearMiss,
        })
    }

    /// `Mia Kern signed 5d20b1c7e8f1 on 18 Nov 2026 10:11 UTC, entry 7; since then capture.rs +4
    /// -1`.
    pub(crate) fn said(&self) -> String {
        // Nobody said that one is a version of the other where only paths show it.
        let because = if self.is_by_paths { format!(" ({})", self.because) } else { String::new() };
        format!(
            "{} signed {} on {}, entry {}{because}; {}",
            self.name,
            self.change.short(),
            time::date(self.time),
            self.entry,
            self.since_words
        )
    }
}

impl Blocking {
    /// A reject, and whether whose it is can take it back.
    pub(in crate::cli::report) fn new(reporting: &Reporting<'_>, reject: &Reject) -> Self {
        let (roster, size) = (reporting.view.roster(), reporting.view.size());
        Self {
            member: reject.member.clone(),
            name: reporting.names.of(&reject.member),
            entry: reject.entry,
            can_withdraw: roster.member(&reject.member, size).is_some()
                && !roster.keys_of(&reject.member, size).is_empty(),
            admins: roster.able_admins(size).iter().map(|id| reporting.names.of(id)).collect(),
        }
    }

    /// Who ends it, and how.
    pub(crate) fn undone(&self) -> String {
        if !self.can_withdraw {
            let who = match self.admins.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => self.admins.concat(),
            };
            return format!("{who} runs  countersign lift {} -m WHY", self.entry);
        }
        format!("{} runs  countersign withdraw {}", self.name, self.entry)
    }
}

impl Discount {
    /// Every word that does not count, where it stands or by the policy.
    pub(in crate::cli::report) fn all(
        reporting: &Reporting<'_>,
        discounted: &[Discounted],
        not_counted: &[NotCounted],
    ) -> Vec<Self> {
        let names = reporting.names;
        let remedy = |member: &MemberId, code: ReasonCode| {
            let can = can_follow(reporting, member, code);
            if can { code.remedy() } else { ReasonCode::NeedsSignOff.remedy() }
        };
        let by_place = discounted.iter().map(|word| Self {
            member: word.member.clone(),
            name: names.of(&word.member),
            entry: word.entry,
            code: word.code,
            rule: None,
            text: cooling_words(reporting, word),
            remedy: remedy(&word.member, word.code),
        });
        let by_policy = not_counted.iter().map(|word| Self {
            member: word.member.clone(),
            name: names.of(&word.member),
            entry: word.entry,
            code: word.code,
            rule: word.rule.clone(),
            text: word.text.clone(),
            remedy: remedy(&word.member, word.code),
        });
        by_place.chain(by_policy).collect()
    }

    /// Whose, where, and why.
    pub(crate) fn said(&self) -> String {
        let place =
            self.rule.as_ref().map_or_else(String::new, |rule| format!(" (for \"{rule}\")"));
        format!("{}, entry {}: {}{place}", self.name, self.entry, self.text)
    }
}

/// Why a word does not count; of a key that cools from when on it will.
fn cooling_words(reporting: &Reporting<'_>, word: &Discounted) -> String {
    let until = (word.code == ReasonCode::KeyCooling)
        .then(|| cools_until(reporting, &word.member))
        .flatten();
    match until {
        Some(until) => format!("{}; it counts from {}", word.text, time::to_the_second(until)),
        None => word.text.clone(),
    }
}

/// Until when the newest further key of a member cools; none where none does, or whoever it is has
/// left.
pub(in crate::cli::report) fn cools_until(
    reporting: &Reporting<'_>,
    member: &MemberId,
) -> Option<Timestamp> {
    let (roster, size) = (reporting.view.roster(), reporting.view.size());
    roster.member(member, size)?;
    let keys = roster.keys_of(member, size);
    let enrolled = keys.iter().filter_map(|key| roster.cooling_since(key, size)).max()?;
    Some(enrolled.plus(reporting.policy.defaults().key_cooling))
}

/// Whether a member can do what a code's remedy says. Whoever has left is given no duty any more,
/// and no other key; and nobody signs again with a key that they do not have.
fn can_follow(reporting: &Reporting<'_>, member: &MemberId, code: ReasonCode) -> bool {
    let (roster, size) = (reporting.view.roster(), reporting.view.size());
    let keys = roster.keys_of(member, size);
    let is_touched = |id| roster.key(id).is_some_and(|one| one.key.is_security_key());
    roster.member(member, size).is_some()
        && match code {
            ReasonCode::KeyRevoked => !keys.is_empty(),
            ReasonCode::NeedsTouch => keys.iter().any(is_touched),
            _ => true,
        }
}
