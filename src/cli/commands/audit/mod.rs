//! `audit`: who signed off on what is running.

mod changes;
mod glass;
mod list;
mod moment;
mod places;
mod render;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use self::list::Listing;
use self::moment::{Edge, moment};
use super::log::{self, entry_number};
use crate::audit::auditor::Auditor;
use crate::audit::owed::Glass;
use crate::audit::report::{CoverState, DecisionReport, DeploymentReport};
use crate::audit::timeline::Timeline;
use crate::audit::{AuditError, csv};
use crate::base::name::{EnvironmentName, MemberId, ServiceName};
use crate::base::position::{EntryIndex, TreeSize};
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, Names, write_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitStatus;
use crate::cli::time::rfc3339;
use crate::ledger::store::StoreError;
use crate::statement::Says;

/// Tell who signed off on what is running
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign audit checkout\n  \
    countersign audit checkout --at 02:40\n  \
    countersign audit --from 2026-10-01 --to 2026-12-31 -o q4.csv\n  \
    countersign audit ada\n  countersign audit '#312' -v")]
pub(crate) struct Args {
    /// A service, a person, a change or commit (7 digits or more), or an entry (#42)
    #[arg(value_name = "SERVICE|PERSON|HASH|#ENTRY")]
    subject: Option<String>,
    /// The environment; production where the policy lists it
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// As it was then: 02:40, 2026-11-20, RFC 3339; UTC unless a zone is given
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    at: Option<String>,
    /// Every deployment from then on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Every deployment up to then
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Write the report to this file: .json or .csv
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What every report owes to whom.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Scope {
    origin: String,
    /// Entries that were looked at, of how many.
    size: TreeSize,
    ledger_size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    zone: &'static str,
    not_proved: &'static str,
    trusted: &'static str,
    program: &'static str,
}

/// What no ledger can tell.
const NOT_PROVED: &str = "that nothing reached production around the gate";
/// What the operator of an embedded ledger is trusted for.
const TRUSTED: &str = "operator trusted for completeness, order and time";

/// The report, as JSON has it.
#[derive(Serialize)]
struct Answer<'a> {
    scope: &'a Scope,
    people: &'a BTreeMap<MemberId, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployments: Option<&'a [DeploymentReport]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<&'a [DecisionReport]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<&'a [log::Line]>,
    /// Overrides, drills and debts of the places that were asked about.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    glass: Option<&'a Glass>,
}

/// What is asked about.
enum Subject {
    /// Every place.
    Everything,
    /// What is live of a service.
    Service(ServiceName),
    /// What somebody signed.
    Person(MemberId),
    /// Every entry about a change, commit or artifact.
    Hash(String),
    /// One entry.
    Entry(EntryIndex),
}

/// The period that is asked about.
pub(super) struct Period {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Period {
    pub(super) fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time <= to)
    }

    const fn is_given(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

impl From<AuditError> for CliError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Session(error) => error.into(),
            AuditError::Git(error) => error.into(),
            AuditError::Store(error) => {
                let kind = match error {
                    StoreError::Integrity { .. } => ErrorKind::Integrity,
                    StoreError::Unavailable { .. } => ErrorKind::Unavailable,
                };
                Self::from_error(kind, &error)
                    .hint("countersign ledger check tells what else is damaged, and where")
            }
        }
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let format = output_format(args)?;
    let desk = context.desk("audit")?;
    let names = desk.names();
    let now = context.now();
    let read = |text: &Option<String>, edge| {
        text.as_deref().map(|text| moment(text, now, edge)).transpose()
    };
    let at = read(&args.at, Edge::End)?;
    let period = Period { from: read(&args.from, Edge::Start)?, to: read(&args.to, Edge::End)? };
    let size = match at {
        Some(at) => desk.session.size_at(at)?,
        None => desk.session.size(),
    };
    let scope = Scope {
        origin: desk.trust.origin().to_string(),
        size,
        ledger_size: desk.session.size(),
        at: at.map(rfc3339),
        from: period.from.map(rfc3339),
        to: period.to.map(rfc3339),
        zone: "UTC",
        not_proved: NOT_PROVED,
        trusted: TRUSTED,
        program: concat!("countersign ", env!("CARGO_PKG_VERSION")),
    };
    let subject = match &args.subject {
        Some(text) => subject(&desk, &names, text)?,
        None => only_service(&desk, &period)?,
    };
    let moment = at.unwrap_or(now);
    let work = Work { desk: &desk, names: &names, scope: &scope, moment, format, args };
    match subject {
        Subject::Person(member) => {
            let listing = Listing::person(&desk, &names, &member, &scope, &period)?;
            work.listing(context, &listing)
        }
        Subject::Hash(text) => {
            let listing = Listing::hash(&desk, &names, &text, &scope, &period)?;
            work.listing(context, &listing)
        }
        Subject::Entry(index) => work.entry(context, index),
        Subject::Service(service) if period.is_given() => {
            work.population(context, Some(&service), &period)
        }
        Subject::Service(service) => work.live(context, &service),
        Subject::Everything => work.population(context, None, &period),
    }
}

/// The file's ending is its format.
fn output_format(args: &Args) -> Result<Option<(PathBuf, bool)>, CliError> {
    let Some(path) = &args.output else { return Ok(None) };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(Some((path.clone(), false))),
        Some("csv") => Ok(Some((path.clone(), true))),
        _ => Err(CliError::usage(format!("{} names no format", path.display()))
            .hint("end the file's name in .json or .csv")),
    }
}

/// Without a subject: the only service, else all of them.
fn only_service(desk: &Desk, period: &Period) -> Result<Subject, CliError> {
    let policy = desk.policy()?;
    match policy.services() {
        [one] if !period.is_given() => Ok(Subject::Service(one.name.clone())),
        _ => Ok(Subject::Everything),
    }
}

/// Guesses by form: an entry, a service, somebody, a hash.
fn subject(desk: &Desk, names: &Names, text: &str) -> Result<Subject, CliError> {
    if let Ok(number) = entry_number(text)
        && (text.starts_with('#') || number < desk.session.size().get())
    {
        return Ok(Subject::Entry(EntryIndex::new(number)));
    }
    let services = places::services(desk);
    if let Some(service) = services.iter().find(|service| service.as_str() == text) {
        return Ok(Subject::Service(service.clone()));
    }
    let member = log::member(desk, names, text);
    if let Ok(member) = member {
        return Ok(Subject::Person(member));
    }
    // Whoever has left is still found by the address that commits name.
    if let Some(member) = by_address(desk, text) {
        return Ok(Subject::Person(member));
    }
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hash = (7..=64).contains(&digits.len())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash {
        return Ok(Subject::Hash(digits.to_owned()));
    }
    let known: Vec<_> = services.iter().take(5).map(ToString::to_string).collect();
    Err(CliError::usage(format!("{text} is no service, person, hash or entry"))
        .hint(format!("services: {}", known.join(", ")))
        .hint("people are listed by countersign roster show, entries by countersign log"))
}

/// Whose address it is, or was.
fn by_address(desk: &Desk, text: &str) -> Option<MemberId> {
    let (roster, digest) =
        (desk.session.view().roster(), desk.session.salt().digest(text.as_bytes()));
    let now = roster.member_of_email(digest, desk.session.size()).map(|member| member.id.clone());
    now.or_else(|| {
        let mut ever = roster.members_ever();
        ever.find(|member| member.emails.contains(&digest)).map(|member| member.id.clone())
    })
}

/// A report is printed as far as it is known; one whose list of changes is missing is not whole
/// (`spec/verdict.md` section 8).
fn status(covers: impl IntoIterator<Item = CoverState>) -> ExitStatus {
    let covers: Vec<_> = covers.into_iter().collect();
    if covers.contains(&CoverState::Contradicted) {
        ExitStatus::Integrity
    } else if covers.contains(&CoverState::Missing) {
        ExitStatus::Unavailable
    } else {
        ExitStatus::Yes
    }
}

/// What every kind of report needs.
struct Work<'a> {
    desk: &'a Desk,
    names: &'a Names,
    scope: &'a Scope,
    moment: Timestamp,
    format: Option<(PathBuf, bool)>,
    args: &'a Args,
}

impl Work<'_> {
    fn auditor(&self) -> Auditor<'_> {
        let repository = self.desk.repository.as_ref();
        let repository = repository.map(|found| (found, self.desk.repository_name.as_ref()));
        Auditor::new(&self.desk.session, repository, self.scope.size, self.moment)
    }

    fn timeline(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<Timeline, CliError> {
        Ok(Timeline::read(&self.desk.session, service, environment, self.scope.size)?)
    }

    /// What is live in one place.
    fn live(&self, context: &mut Context, service: &ServiceName) -> Result<ExitStatus, CliError> {
        let environment = places::environment(self.desk, service, self.args.env.as_ref())?;
        let timeline = self.timeline(service, &environment)?;
        let Some((live, said)) = timeline.live().and_then(|live| Some((live, live.said()?))) else {
            let glass = self.glass(&timeline)?;
            let report = self.answer(context, Some(&[]), None, None, Some(&glass))?;
            if report {
                render::nothing(&mut context.ui, self, service, &environment, &timeline, &glass);
            }
            return Ok(ExitStatus::Yes);
        };
        let report = self.auditor().deployment(&timeline, live, said)?;
        let glass = self.glass(&timeline)?;
        self.one(context, report, &glass)
    }

    /// Overrides, drills and debts of a place.
    fn glass(&self, timeline: &Timeline) -> Result<Glass, CliError> {
        let repository = self.desk.repository.as_ref();
        Ok(Glass::read(&self.desk.session, repository, timeline, self.moment)?)
    }

    /// A deployment, whether it is live or not.
    fn one(
        &self,
        context: &mut Context,
        report: DeploymentReport,
        glass: &Glass,
    ) -> Result<ExitStatus, CliError> {
        let reports = [report];
        if self.answer(context, Some(&reports), None, None, Some(glass))? {
            let [report] = &reports;
            render::deployment(&mut context.ui, self, report, glass);
        }
        Ok(status(reports.iter().map(|report| report.cover)))
    }

    /// One entry: a deployment, or a decision and what rests on it.
    fn entry(&self, context: &mut Context, index: EntryIndex) -> Result<ExitStatus, CliError> {
        let entry = self.desk.session.entry(index)?;
        if !self.scope.size.covers(index) {
            return Err(CliError::usage(format!("entry {index} came later than that")));
        }
        let (service, environment) = match &entry.statement().says {
            Says::Deployment(said) => (&said.service, &said.environment),
            Says::Decision(said) => (&said.service, &said.environment),
            Says::Override(said) => {
                return self.override_at(context, index, &said.service, &said.environment);
            }
            _ => {
                let message = format!("entry {index} is no deployment and no decision");
                return Err(CliError::usage(message).hint(format!("countersign show {index}")));
            }
        };
        let timeline = self.timeline(service, environment)?;
        let rests_on = |said: &crate::statement::pipeline::Deployment| {
            timeline.decision_of(said).is_some_and(|(decision, _)| decision.index() == index)
        };
        let started = match &entry.statement().says {
            Says::Deployment(said) => said.started,
            _ => None,
        };
        let mut found = timeline.deployments().iter().filter_map(|one| Some((one, one.said()?)));
        let found = found.find(|(one, said)| {
            one.entry().index() == index || Some(one.entry().id()) == started || rests_on(said)
        });
        if let Some((deployed, said)) = found {
            let report = self.auditor().deployment(&timeline, deployed, said)?;
            let glass = self.glass(&timeline)?.of_deployment(report.entry);
            return self.one(context, report, &glass);
        }
        let Says::Decision(said) = &entry.statement().says else {
            return Err(CliError::usage(format!("entry {index} has no deployment here")));
        };
        let (decision, cover, changes) = self.auditor().lone_decision(&entry, said)?;
        let decisions = [decision];
        if self.answer(context, None, Some(&decisions), None, None)? {
            let [decision] = &decisions;
            render::decision(&mut context.ui, self, said, decision, cover, &changes);
        }
        Ok(status([cover]))
    }

    /// One override, and what became of the debts that it left.
    fn override_at(
        &self,
        context: &mut Context,
        index: EntryIndex,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Result<ExitStatus, CliError> {
        let mut glass = self.glass(&self.timeline(service, environment)?)?;
        glass.overrides.retain(|one| one.entry == index);
        glass.drills.retain(|one| one.entry == index);
        glass.debts.retain(|debt| debt.overrides.contains(&index));
        if self.answer(context, None, None, None, Some(&glass))? {
            glass::print(&mut context.ui, self, &glass);
            render::last_lines(&mut context.ui, self);
        }
        Ok(ExitStatus::Yes)
    }

    /// Every deployment of a period, or what is live everywhere.
    fn population(
        &self,
        context: &mut Context,
        service: Option<&ServiceName>,
        period: &Period,
    ) -> Result<ExitStatus, CliError> {
        let places = places::places(self.desk, service, self.args.env.as_ref())?;
        let mut timelines = Vec::new();
        for (service, environment) in places {
            timelines.push(self.timeline(&service, &environment)?);
        }
        let mut wanted = Vec::new();
        for timeline in &timelines {
            for deployed in timeline.deployments() {
                let is_live = timeline
                    .live()
                    .is_some_and(|live| live.entry().index() == deployed.entry().index());
                let in_scope =
                    if period.is_given() { period.holds(deployed.entry().time()) } else { is_live };
                if let Some(said) = deployed.said().filter(|_| in_scope) {
                    wanted.push((timeline, deployed, said));
                }
            }
        }
        // In the ledger's order, so that the state is folded forward once.
        wanted.sort_by_key(|(_, deployed, _)| deployed.entry().index());
        let mut auditor = self.auditor();
        let mut reports = Vec::new();
        for (timeline, deployed, said) in wanted {
            reports.push(auditor.deployment(timeline, deployed, said)?);
        }
        let mut glass = Glass::default();
        for timeline in &timelines {
            glass.extend(self.glass(timeline)?);
        }
        glass.overrides.retain(|one| period.holds(one.time));
        glass.drills.retain(|one| period.holds(one.time));
        if self.answer(context, Some(&reports), None, None, Some(&glass))? {
            render::population(&mut context.ui, self, &reports, &glass, period.is_given());
        }
        Ok(status(reports.iter().map(|report| report.cover)))
    }

    fn listing(&self, context: &mut Context, listing: &Listing) -> Result<ExitStatus, CliError> {
        if self.answer(context, None, None, Some(&listing.lines), None)? {
            render::listing(&mut context.ui, self, listing);
        }
        Ok(ExitStatus::Yes)
    }

    /// Writes the report to its file or as JSON; gives whether text is still to be written.
    fn answer(
        &self,
        context: &mut Context,
        deployments: Option<&[DeploymentReport]>,
        decisions: Option<&[DecisionReport]>,
        entries: Option<&[log::Line]>,
        glass: Option<&Glass>,
    ) -> Result<bool, CliError> {
        let people = self.names.all();
        let answer = Answer { scope: self.scope, people, deployments, decisions, entries, glass };
        let Some((path, is_csv)) = &self.format else {
            context.ui.json(&answer);
            return Ok(!context.ui.is_json());
        };
        let bytes = if *is_csv {
            let Some(deployments) = deployments else {
                return Err(CliError::usage("only deployments have a .csv form")
                    .hint("end the file's name in .json, or name a service"));
            };
            csv::csv(deployments, people).into_bytes()
        } else {
            let json = serde_json::to_string_pretty(&answer)
                .map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))?;
            format!("{}\n", crate::cli::text::escape_json(&json)).into_bytes()
        };
        write_file(&context.environment.resolve(path), &bytes)?;
        let count = deployments.map_or(0, <[DeploymentReport]>::len)
            + decisions.map_or(0, <[DecisionReport]>::len)
            + entries.map_or(0, <[log::Line]>::len);
        let rows = if count == 1 { "1 row" } else { "rows" };
        let rows = if count == 1 { rows.to_owned() } else { format!("{count} {rows}") };
        context.ui.line(&format!("wrote {}", path.display()));
        let digest = crate::base::digest::ContentDigest::of(&bytes);
        context.ui.line(&format!(
            "{rows} of ledger {}, sha256 {}",
            self.scope.size,
            digest.short()
        ));
        Ok(false)
    }

    /// Whether details were asked for is the terminal's to know; who was called what is ours.
    pub(super) fn name(&self, id: &MemberId) -> String {
        self.names.of(id)
    }
}
