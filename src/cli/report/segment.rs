//! One segment: what it needs, what it has, what is near, what does not count, and whom to ask.

use serde::Serialize;

use super::ask::{Ask, ask};
use super::rejected::likeness_words;
use super::{
    RejectedEarlier, Reporting, SignedEarlier, labelled, presence_word, rule_words, wish_words,
};
use crate::base::digest::ChangeHash;
use crate::base::name::{LevelName, MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Names;
use crate::cli::review::{PathSince, since_words};
use crate::cli::time;
use crate::cli::ui::Ui;
use crate::policy::{
    AssistanceSource, AuthorKind, Denial, FLOOR, NotCounted, Presence, ReasonCode, Requirement,
    SignOff, Standing,
};
use crate::statement::words::Assistance;
use crate::verify::Segment;

/// A segment, as an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SegmentReport {
    /// The change hash of the composed document.
    pub(crate) change: ChangeHash,
    /// Its first step.
    pub(crate) first: Revision,
    /// Its last step.
    pub(crate) last: Revision,
    /// How many steps it has.
    pub(crate) steps: usize,
    /// First line of the last commit's message.
    pub(crate) title: String,
    /// How many paths it changes.
    pub(crate) paths: usize,
    /// Requests that declarations name.
    pub(crate) requests: Vec<String>,
    /// Whether it is covered.
    pub(crate) satisfied: bool,
    /// `exact` or `carried`, where it is covered.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(crate) matched: Option<&'static str>,
    /// The codes of what is missing.
    pub(crate) reasons: Vec<ReasonCode>,
    /// Who wrote it.
    pub(crate) authors: Vec<AuthorReport>,
    /// The assistance that counts.
    pub(crate) assistance: Assistance,
    /// Where that comes from.
    pub(crate) assistance_from: AssistanceSource,
    /// What the policy asks, whether or not it is there.
    pub(crate) needs: Vec<Requirement>,
    /// What denies whoever signs.
    pub(crate) denials: Vec<Denial>,
    /// Sign-offs that stand.
    pub(crate) has: Vec<Has>,
    /// Sign-offs of other versions.
    pub(crate) near: Vec<Near>,
    /// Words that do not count, and why.
    pub(crate) not_counted: Vec<Discount>,
    /// Rejects that block.
    pub(crate) rejects: Vec<Blocking>,
    /// Rejects of other versions: information, never a denial.
    pub(crate) rejected_earlier: Vec<RejectedEarlier>,
    /// Who could fill what is missing.
    pub(crate) ask: Vec<Ask>,
    /// Whether a rule about assistance lacks somebody, and nobody has declared any.
    #[serde(skip)]
    pub(crate) declaring_helps: bool,
    /// How commands name it.
    #[serde(skip)]
    pub(crate) argument: String,
}

/// An author.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuthorReport {
    /// Who it is on the roster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<MemberId>,
    /// What people call the author.
    pub(crate) name: String,
    /// What kind of author it is.
    pub(crate) kind: AuthorKind,
    /// The level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<LevelName>,
    /// How the authorship is known.
    pub(crate) standing: Standing,
}

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
}

/// `Ada Ruiz, senior, touch`.
pub(crate) fn person(name: &str, level: Option<&LevelName>, presence: Presence) -> String {
    let mut said = name.to_owned();
    for part in [level.map_or("", LevelName::as_str), presence_word(presence)] {
        if !part.is_empty() {
            said.push_str(", ");
            said.push_str(part);
        }
    }
    said
}

impl SegmentReport {
    /// Reports a segment. `argument` is how `approve` names it; none where its steps name it.
    pub(crate) fn new(
        reporting: &Reporting<'_>,
        segment: &Segment,
        argument: Option<&str>,
    ) -> Self {
        let names = reporting.names;
        let argument = argument.map_or_else(|| argument_of(segment), str::to_owned);
        let assessment = &segment.assessment;
        Self {
            change: segment.change,
            first: segment.first.clone(),
            last: segment.last.clone(),
            steps: segment.steps,
            title: segment.title.clone(),
            paths: segment.paths,
            requests: segment.requests.clone(),
            satisfied: segment.satisfied,
            matched: segment.satisfied.then(|| match_word(segment)),
            reasons: segment.reasons(),
            authors: authors(names, segment),
            assistance: assessment.assistance,
            assistance_from: assessment.assistance_from,
            needs: assessment.requirements.clone(),
            denials: assessment.denials.clone(),
            has: segment.sign_offs.iter().map(|sign_off| has(names, segment, sign_off)).collect(),
            near: reporting
                .signed
                .iter()
                .filter_map(|signed| near_miss(names, segment, signed))
                .collect(),
            not_counted: not_counted(reporting, segment),
            rejects: segment
                .rejects
                .iter()
                .map(|reject| Blocking {
                    member: reject.member.clone(),
                    name: names.of(&reject.member),
                    entry: reject.entry,
                    can_withdraw: {
                        let (roster, size) = (reporting.view.roster(), reporting.view.size());
                        roster.member(&reject.member, size).is_some()
                            && !roster.keys_of(&reject.member, size).is_empty()
                    },
                })
                .collect(),
            rejected_earlier: reporting
                .rejected
                .iter()
                .filter(|form| form.of == segment.change)
                .map(|form| RejectedEarlier::new(names, form))
                .collect(),
            ask: assessment
                .requirements
                .iter()
                .filter(|requirement| requirement.missing > 0)
                .map(|requirement| ask(reporting, segment, requirement, &argument))
                .collect(),
            declaring_helps: declaring_helps(reporting, segment),
            argument,
        }
    }

    /// What is missing, in a few words: `1 of at least senior; 1 of sre`.
    pub(crate) fn missing(&self) -> Vec<&Requirement> {
        self.needs.iter().filter(|needed| needed.missing > 0).collect()
    }

    /// `7be2d10 #1841 Retry card capture, Ben Ito (mid)`.
    pub(crate) fn heading(&self) -> String {
        let mut said = self.last.short().to_owned();
        if self.steps > 1 {
            said = format!("{}..{said}", self.first.short());
        }
        for request in &self.requests {
            said.push(' ');
            said.push_str(request);
        }
        said.push(' ');
        said.push_str(&self.title);
        if self.steps > 1 {
            said = format!("{said} ({} commits)", self.steps);
        }
        let authors: Vec<_> = self.authors.iter().map(AuthorReport::shown).collect();
        format!("{said}, by {}", authors.join(" and "))
    }

    /// The block of a segment that is not covered.
    pub(crate) fn print(&self, ui: &mut Ui) {
        ui.paragraph(2, &self.heading());
        self.print_body(ui);
    }

    /// Needs, has, near, not counted and ask, without the heading.
    pub(crate) fn print_body(&self, ui: &mut Ui) {
        for needed in self.missing() {
            labelled(ui, "needs", &wish_words(needed), needed.code.as_str());
        }
        for denial in &self.denials {
            labelled(ui, "denied", &denial.text, denial.code.as_str());
            labelled(ui, "do", denial.code.remedy(), "");
        }
        for reject in &self.rejects {
            let said = format!("{} rejected it, entry {}", reject.name, reject.entry);
            labelled(ui, "no", &said, ReasonCode::Rejected.as_str());
            labelled(ui, "do", &reject.undone(), "");
        }
        for earlier in &self.rejected_earlier {
            earlier.print(ui);
        }
        // What counts for nothing is told below, with why.
        let is_refused = |has: &&Has| {
            has.counts_for.is_empty() && self.not_counted.iter().any(|word| word.entry == has.entry)
        };
        for has in self.has.iter().filter(|has| !is_refused(has)) {
            labelled(ui, "has", &has.said(), "");
        }
        for near in &self.near {
            labelled(ui, "near", &near.said(), near.code.as_str());
        }
        for discount in &self.not_counted {
            labelled(ui, "not", &discount.said(), discount.code.as_str());
        }
        for ask in merged(&self.ask) {
            labelled(ui, "ask", &ask, "");
        }
        for remedy in self.remedies() {
            labelled(ui, "do", remedy, "");
        }
        if let Some(declared) = self.declared_by_authors() {
            labelled(ui, "do", &declared, "");
        }
    }

    /// What its authors can do themselves: prove that they wrote it, and say how.
    pub(crate) fn declared_by_authors(&self) -> Option<String> {
        if self.satisfied || !self.denials.is_empty() {
            return None;
        }
        let is_person = |author: &&AuthorReport| {
            author.member.is_some()
                && author.kind == AuthorKind::Human
                && author.standing != Standing::Attested
        };
        let costs = |needed: &&Requirement| needed.because == FLOOR && needed.need.count > 1;
        let is_costly = self.missing().iter().any(costs);
        // Whose authorship is only claimed is the one whose key makes it cost less.
        let could = |author: &&AuthorReport| {
            is_person(author) && (!is_costly || author.standing == Standing::Claimed)
        };
        let what = match (is_costly, self.declaring_helps) {
            (true, true) => "signs for it and says how it was written",
            (true, false) => "signs for it, and one human less is asked",
            (false, true) => "says how it was written",
            (false, false) => return None,
        };
        // Whoever is not on the roster has no key that would prove anything.
        let who = &self.authors.iter().find(could)?.name;
        Some(format!("{who} {what}: countersign declare {}", self.argument))
    }

    /// What is to be done before those who signed can sign again; nothing where that is all.
    fn remedies(&self) -> Vec<&'static str> {
        let mut remedies: Vec<&str> = self
            .not_counted
            .iter()
            .filter(|_| !self.satisfied)
            // Of whoever has left nothing is asked: somebody else signs.
            .filter(|word| {
                word.remedy == word.code.remedy()
                    && matches!(
                        word.code,
                        ReasonCode::NeedsTouch
                            | ReasonCode::NeedsChecklist
                            | ReasonCode::NoReviewDuty
                            | ReasonCode::KeyRevoked
                            | ReasonCode::KeyCooling
                    )
            })
            .map(|word| word.remedy)
            .collect();
        remedies.sort_unstable();
        remedies.dedup();
        remedies
    }

    /// What to do next: what no sign-off mends first, then who takes back a reject, then whom to
    /// ask.
    pub(crate) fn next(&self) -> String {
        if self.satisfied {
            return "it may land".to_owned();
        }
        if let Some(denial) = self.denials.first() {
            return denial.code.remedy().to_owned();
        }
        if let Some(reject) = self.rejects.first() {
            return reject.undone();
        }
        // The fewest people first: whoever can fill the hardest need often fills others too.
        let could = self.ask.iter().filter(|ask| !ask.people.is_empty());
        if let Some(ask) = could.min_by_key(|ask| ask.people.len() + ask.others) {
            return format!("{} runs  {}", ask.who(), ask.command);
        }
        self.ask.first().map_or_else(|| "countersign queue".to_owned(), Ask::said)
    }
}

/// Who is to be asked, those with the same people in one line.
fn merged(asks: &[Ask]) -> Vec<String> {
    let mut lines: Vec<String> = asks.iter().map(Ask::said).collect();
    lines.dedup();
    lines
}

impl AuthorReport {
    /// `Ben Ito (mid)`.
    pub(crate) fn shown(&self) -> String {
        match (&self.level, self.kind) {
            (Some(level), _) => format!("{} ({level})", self.name),
            (None, AuthorKind::Human) => self.name.clone(),
            (None, kind) => format!("{} ({})", self.name, kind.as_str()),
        }
    }
}

impl Has {
    fn said(&self) -> String {
        let who = person(&self.name, self.level.as_ref(), self.presence);
        let Some((first, rest)) = self.counts_for.split_first() else {
            return format!("{who}, entry {}", self.entry);
        };
        let first = rule_words(first);
        let more =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{who}, entry {}: counts for \"{first}\"{more}", self.entry)
    }
}

impl Near {
    /// `Mia Kern signed 5d20b1c7e8f1 on 18 Nov 2026 10:11 UTC, entry 7; since then capture.rs +4
    /// -1`.
    pub(crate) fn said(&self) -> String {
        format!(
            "{} signed {} on {}, entry {}; {}",
            self.name,
            self.change.short(),
            time::date(self.time),
            self.entry,
            self.since_words
        )
    }
}

impl Blocking {
    /// Who ends it, and how.
    pub(crate) fn undone(&self) -> String {
        if !self.can_withdraw {
            return format!("an admin runs  countersign lift {} -m WHY", self.entry);
        }
        format!("{} runs  countersign withdraw {}", self.name, self.entry)
    }
}

impl Discount {
    pub(crate) fn said(&self) -> String {
        let place =
            self.rule.as_ref().map_or_else(String::new, |rule| format!(" (for \"{rule}\")"));
        format!("{}, entry {}: {}{place}", self.name, self.entry, self.text)
    }
}

/// Whether a rule about assistance lacks somebody, and nobody has declared any.
fn declaring_helps(reporting: &Reporting<'_>, segment: &Segment) -> bool {
    let lacks = |name: &str| {
        let mut asked = segment.assessment.requirements.iter();
        asked.any(|asked| asked.missing > 0 && asked.because == name)
    };
    segment.assessment.assistance_from == AssistanceSource::Default
        && reporting
            .policy
            .rules()
            .iter()
            .any(|rule| !rule.when.assistance.is_empty() && lacks(&rule.name))
}

/// How `approve` names a segment: its one step, or the range of its steps.
fn argument_of(segment: &Segment) -> String {
    if segment.steps == 1 {
        return segment.last.short().to_owned();
    }
    format!("{}^..{}", segment.first.short(), segment.last.short())
}

fn match_word(segment: &Segment) -> &'static str {
    let used: Vec<_> = segment
        .assessment
        .requirements
        .iter()
        .flat_map(|requirement| requirement.sign_offs.iter().copied())
        .collect();
    let carried = |sign_off: &SignOff| sign_off.carried && used.contains(&sign_off.entry);
    if segment.sign_offs.iter().any(carried) { "carried" } else { "exact" }
}

fn authors(names: &Names, segment: &Segment) -> Vec<AuthorReport> {
    let report = |author: &crate::policy::Author| AuthorReport {
        member: author.member.clone(),
        name: author.member.as_ref().map_or_else(|| author.label.clone(), |id| names.of(id)),
        kind: author.kind,
        level: author.level.clone(),
        standing: author.standing,
    };
    segment.authors.iter().map(report).collect()
}

fn has(names: &Names, segment: &Segment, sign_off: &SignOff) -> Has {
    let requirements = segment.assessment.requirements.iter();
    let filled = requirements.filter(|filled| filled.sign_offs.contains(&sign_off.entry));
    Has {
        member: sign_off.member.clone(),
        name: names.of(&sign_off.member),
        level: sign_off.level.clone(),
        presence: sign_off.presence,
        entry: sign_off.entry,
        age_milliseconds: sign_off.age.milliseconds(),
        counts_for: filled.map(|filled| filled.because.clone()).collect(),
    }
}

fn near_miss(names: &Names, segment: &Segment, signed: &SignedEarlier) -> Option<Near> {
    let SignedEarlier { form, since } = signed;
    // Who has signed this version too is not near it but there.
    let there = segment.sign_offs.iter().any(|sign_off| sign_off.member == form.by);
    (form.of == segment.change && !there).then(|| Near {
        member: form.by.clone(),
        name: names.of(&form.by),
        entry: form.entry,
        time: form.time,
        change: form.change,
        head: form.head.clone(),
        because: likeness_words(form.because),
        since: since.as_ref().map(|since| since.paths.clone()),
        since_words: since_words(since.as_ref()),
        code: ReasonCode::StaleNearMiss,
    })
}

fn not_counted(reporting: &Reporting<'_>, segment: &Segment) -> Vec<Discount> {
    let names = reporting.names;
    // Whoever has left is given no duty any more, and no other key.
    let remedy = |member: &MemberId, code: ReasonCode| {
        let is_member = reporting.view.roster().member(member, reporting.view.size()).is_some();
        if is_member { code.remedy() } else { ReasonCode::NeedsSignOff.remedy() }
    };
    let by_place = segment.discounted.iter().map(|word| Discount {
        member: word.member.clone(),
        name: names.of(&word.member),
        entry: word.entry,
        code: word.code,
        rule: None,
        text: word.text.clone(),
        remedy: remedy(&word.member, word.code),
    });
    let by_policy = segment.assessment.not_counted.iter().map(|word: &NotCounted| Discount {
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
