//! What each part of a bundle's answer rests on: proved, or somebody's word (`spec/bundle.md`
//! section 5).

use std::collections::BTreeSet;

use super::check::Decided;
use super::claims::{Claims, PositionWord};
use super::rebuild::Rebuilt;
use crate::base::name::Revision;
use crate::base::position::EntryIndex;
use crate::note::quorum::Witnessed;
use crate::statement::Says;
use crate::verify::verdict::Verdict;
use crate::view::SettledPoint;

/// What a line is about. A code never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineCode {
    /// These entries are in the ledger.
    Entries,
    /// Roster and policies up to the last governance entry.
    Governance,
    /// Who signed which change.
    SignOffs,
    /// What the gate decided.
    Decision,
    /// The commits lead from the start to the revision.
    Chain,
    /// Who is named by the commits.
    Authors,
    /// No commit that a step brings in is missing.
    BroughtIn,
    /// The steps are these changes.
    Changes,
    /// They add up to what would be deployed.
    Difference,
    /// What is opaque or linked.
    Facts,
    /// What collides, and which merges wrote nothing.
    Merges,
    /// What is carried.
    Carried,
    /// It was read on something that the branch had.
    Ground,
    /// The start was deployed or accepted.
    Start,
    /// How the revision lies to what is settled.
    Position,
    /// The artifacts were built from the revision.
    Artifacts,
    /// What earlier decisions covered.
    Earlier,
    /// No reject stands.
    NoReject,
    /// No sign-off was withdrawn.
    NoWithdrawal,
    /// No key was revoked.
    NoRevocation,
    /// Nobody was demoted.
    NoDemotion,
    /// No newer policy.
    NewestPolicy,
    /// Nobody declared more.
    NoDeclaration,
    /// No sign-off was used up.
    NotSpent,
    /// Nothing more is owed.
    NoDebt,
    /// No newer settled point.
    NewestStart,
    /// The times of entries.
    Time,
    /// Everybody is shown this ledger.
    Complete,
    /// All before the start.
    Before,
}

impl LineCode {
    /// The code as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "ENTRIES",
            Self::Governance => "GOVERNANCE",
            Self::SignOffs => "SIGN_OFFS",
            Self::Decision => "DECISION",
            Self::Chain => "CHAIN",
            Self::Authors => "AUTHORS",
            Self::BroughtIn => "BROUGHT_IN",
            Self::Changes => "CHANGES",
            Self::Difference => "DIFFERENCE",
            Self::Facts => "FACTS",
            Self::Merges => "MERGES",
            Self::Carried => "CARRIED",
            Self::Ground => "GROUND",
            Self::Start => "START",
            Self::Position => "POSITION",
            Self::Artifacts => "ARTIFACTS",
            Self::Earlier => "EARLIER",
            Self::NoReject => "NO_REJECT",
            Self::NoWithdrawal => "NO_WITHDRAWAL",
            Self::NoRevocation => "NO_REVOCATION",
            Self::NoDemotion => "NO_DEMOTION",
            Self::NewestPolicy => "NEWEST_POLICY",
            Self::NoDeclaration => "NO_DECLARATION",
            Self::NotSpent => "NOT_SPENT",
            Self::NoDebt => "NO_DEBT",
            Self::NewestStart => "NEWEST_START",
            Self::Time => "TIME",
            Self::Complete => "COMPLETE",
            Self::Before => "BEFORE",
        }
    }

    /// Whether it speaks of what is not there: no file can prove that.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(
            self,
            Self::NoReject
                | Self::NoWithdrawal
                | Self::NoRevocation
                | Self::NoDemotion
                | Self::NewestPolicy
                | Self::NoDeclaration
                | Self::NotSpent
                | Self::NoDebt
                | Self::NewestStart
        )
    }

    /// Whether a repository can prove it.
    #[must_use]
    pub const fn is_of_repository(self) -> bool {
        matches!(
            self,
            Self::Chain
                | Self::Authors
                | Self::BroughtIn
                | Self::Changes
                | Self::Difference
                | Self::Facts
                | Self::Merges
                | Self::Position
                | Self::Carried
        )
    }
}

/// What a line rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rests {
    /// Signatures, hashes and proofs in the file.
    Proved,
    /// Somebody's word.
    Attested {
        /// Whose.
        by: String,
    },
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub code: LineCode,
    /// What it rests on.
    pub rests: Rests,
    /// What it says, for people.
    pub text: String,
}

/// What lines are told of.
pub(super) struct Told<'a> {
    pub(super) claims: &'a Claims,
    pub(super) rebuilt: &'a Rebuilt,
    pub(super) verdict: &'a Verdict,
    pub(super) decided: Option<&'a Decided>,
    pub(super) governance: usize,
    pub(super) witnessed: &'a Witnessed,
    pub(super) is_full: bool,
    pub(super) is_complete: bool,
}

const OPERATOR: &str = "the ledger's operator";

/// Every line, the last one being what lies before.
pub(super) fn lines(told: &Told<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    positive(told, &mut lines);
    negative(told, &mut lines);
    let attested = |code, by: String, text: &str| Line {
        code,
        rests: Rests::Attested { by },
        text: text.to_owned(),
    };
    lines.push(attested(LineCode::Time, OPERATOR.to_owned(), "the times of entries"));
    let cosigned = told.witnessed.cosigned.len();
    let who = match (told.witnessed.known, cosigned) {
        (0, _) | (_, 0) => OPERATOR.to_owned(),
        (known, cosigned) => format!("{cosigned} of {known} witnesses"),
    };
    lines.push(attested(LineCode::Complete, who, "everybody is shown this ledger"));
    lines.extend(before(told));
    lines
}

/// By whom is attested what no proof shows.
fn gate(told: &Told<'_>) -> String {
    told.decided.map_or_else(
        || "nobody".to_owned(),
        |decided| format!("{} at size {}", decided.by, told.claims.size),
    )
}

fn positive(told: &Told<'_>, lines: &mut Vec<Line>) {
    let Told { claims, rebuilt, verdict, is_full, is_complete, .. } = *told;
    let mut say = |code, is_proved: bool, text: String| {
        let attested = || Rests::Attested { by: gate(told) };
        let rests = if is_proved { Rests::Proved } else { attested() };
        lines.push(Line { code, rests, text });
    };
    let count = claims.entries.len();
    say(LineCode::Entries, true, format!("{count} entries are in the ledger"));
    let newest = rebuilt.view.newest_governance().map_or(0, |entry| entry.index.get());
    let governance = told.governance;
    say(
        LineCode::Governance,
        true,
        format!("roster and policies: {governance} entries up to {newest}, none between missing"),
    );
    let used: BTreeSet<EntryIndex> = verdict
        .segments
        .iter()
        .flat_map(|segment| &segment.assessment.requirements)
        .flat_map(|filled| filled.sign_offs.iter().copied())
        .collect();
    let who: BTreeSet<_> = verdict
        .segments
        .iter()
        .flat_map(|segment| &segment.sign_offs)
        .filter(|one| used.contains(&one.entry))
        .map(|one| one.member.as_str())
        .collect();
    let who: Vec<_> = who.into_iter().collect();
    let by = if who.is_empty() { String::new() } else { format!(" by {}", who.join(", ")) };
    say(LineCode::SignOffs, true, format!("{} sign-offs count{by}", used.len()));
    if let Some(decided) = told.decided {
        let entry = decided.entry.index;
        say(LineCode::Decision, true, format!("{} decided so in entry {entry}", decided.by));
    }
    let steps = rebuilt.steps.len();
    if steps > 0 {
        say(LineCode::Chain, true, format!("{steps} commits lead from the start to the revision"));
        let is_plain = claims.steps.iter().all(|step| step.mechanical.is_empty());
        say(LineCode::Authors, is_plain, "what the commits say of authors and AI".to_owned());
    }
    if steps > 0 || rebuilt.whole.is_some() {
        let is_complete = is_complete && rebuilt.whole.is_none();
        say(LineCode::BroughtIn, is_complete, "no commit that came in is missing".to_owned());
        say(LineCode::Changes, is_full, "the commits are the changes that were signed".to_owned());
        say(LineCode::Difference, is_full, "they are all that is deployed".to_owned());
        say(LineCode::Facts, is_full, "what nobody can read, and where links lead".to_owned());
        say(LineCode::Merges, false, "colliding paths, and merges that wrote nothing".to_owned());
    }
    if claims.position != PositionWord::Linear && claims.position != PositionWord::FromRoot {
        let text = "how it lies to what is settled, and what it has not of that";
        say(LineCode::Position, false, text.to_owned());
    }
    if !rebuilt.carried().is_empty() {
        let carried = rebuilt.carried().len();
        let is_whole = claims.carried.iter().all(|one| one.sides.is_empty());
        say(LineCode::Carried, is_whole, format!("{carried} changes are carried, by certificates"));
        say(LineCode::Ground, false, "they were read on what the branch had".to_owned());
    }
    if let Some(start) = &verdict.start {
        let what = if start.decision.is_some() { "deployed" } else { "accepted" };
        say(
            LineCode::Start,
            true,
            format!("{} was {what} in entry {}", named(start), start.entry.index),
        );
    }
    let covers = !claims.covers.is_empty() || claims.cover.is_some();
    if covers || !claims.start_changes.is_empty() || !claims.returning.is_empty() {
        let text = "what earlier decisions covered, and when it was deployed";
        say(LineCode::Earlier, false, text.to_owned());
    }
    for artifact in &verdict.artifacts {
        let builders: BTreeSet<_> =
            artifact.built_by.iter().map(|(member, _)| member.as_str()).collect();
        let builders: Vec<_> = builders.into_iter().collect();
        if !builders.is_empty() {
            lines.push(Line {
                code: LineCode::Artifacts,
                rests: Rests::Attested { by: builders.join(", ") },
                text: format!("{} was built from it", artifact.artifact.short()),
            });
        }
    }
}

fn negative(told: &Told<'_>, lines: &mut Vec<Line>) {
    for (code, text) in [
        (LineCode::NoReject, "no reject stands that is not shown, nor on runs that are not"),
        (LineCode::NoWithdrawal, "no sign-off was withdrawn"),
        (LineCode::NoRevocation, "no key was revoked"),
        (LineCode::NoDemotion, "nobody was demoted or left"),
        (LineCode::NewestPolicy, "no policy is newer"),
        (LineCode::NoDeclaration, "nobody declared more"),
        (LineCode::NotSpent, "no sign-off was used up before"),
        (LineCode::NoDebt, "nothing more is owed"),
        (LineCode::NewestStart, "nothing was settled since"),
    ] {
        let rests = Rests::Attested { by: gate(told) };
        lines.push(Line { code, rests, text: text.to_owned() });
    }
}

fn named(start: &SettledPoint) -> &str {
    start.revision.as_ref().map_or("none", Revision::short)
}

fn before(told: &Told<'_>) -> Option<Line> {
    let start = told.verdict.start.as_ref()?;
    let by = match start.decision {
        None => format!("the admins in entry {}", start.entry.index),
        Some(decision) => {
            let entries = told.rebuilt.entries().iter();
            let found = entries.filter(|entry| entry.entry() == decision);
            let mut found =
                found.filter(|entry| matches!(entry.statement().says, Says::Decision(_)));
            let gate = found.next().map_or("unknown", |entry| entry.by().as_str());
            format!("decision {} (gate {gate})", decision.index)
        }
    };
    let text = format!("before {}", named(start));
    Some(Line { code: LineCode::Before, rests: Rests::Attested { by }, text })
}
