//! What waits for a sign-off, and who waits for whom.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::{Linked, Said, ago, change_path, command, encoded, member_path, told};
use super::shell::{Frame, Part};
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{AuthorReport, OwedLine, SegmentReport, place_flags, wish_words};
use crate::cli::review::{Place, PlaceArgs, WaitingKind, WaitingList, member_named, waiting};
use crate::cli::text::counted;

/// What is asked about.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueArgs {
    /// The place.
    pub(crate) place: PlaceArgs,
    /// For whom: a member's id; everybody without one.
    pub(crate) reader: Option<String>,
}

/// What waits in one place.
pub(crate) struct QueuePage {
    now: Timestamp,
    service: ServiceName,
    environment: EnvironmentName,
    branch: String,
    /// The same page for another place.
    others: Vec<(ServiceName, EnvironmentName)>,
    reader: Option<(MemberId, String)>,
    items: Vec<Item>,
    left_out: Vec<String>,
    owed: Vec<OwedLine>,
    flags: String,
}

struct Item {
    report: SegmentReport,
    kind: WaitingKind,
    since: Timestamp,
    base: Option<Revision>,
    head: Revision,
    argument: String,
}

/// Somebody who is waited for.
struct Awaited<'a> {
    member: &'a MemberId,
    name: &'a str,
    changes: usize,
    /// Whether somebody else could sign each of them as well.
    others_could: bool,
}

impl QueuePage {
    /// Reads what waits.
    ///
    /// # Errors
    /// Where the place is not known, or repository or ledger cannot be read.
    pub(crate) fn read(desk: &Desk, args: &QueueArgs, now: Timestamp) -> Result<Self, CliError> {
        let place = Place::new(desk, &args.place)?;
        let names = desk.names();
        let reader = args.reader.as_deref().map(|text| member_named(desk, text)).transpose()?;
        let WaitingList { changes, left_out } = waiting(desk, &place, reader.as_ref(), now)?;
        let items = changes.into_iter().map(|waiting| Item {
            report: waiting.subject.report(desk, &place, &names),
            kind: waiting.kind,
            since: waiting.since,
            base: waiting.subject.range.base.clone(),
            head: waiting.subject.range.head.clone(),
            argument: waiting.subject.argument.clone(),
        });
        let items = items.collect();
        let mut others = Vec::new();
        for service in place.policy.services() {
            for listed in place.policy.environments() {
                let is_here =
                    service.name == place.service.name && listed.name == place.environment;
                if !is_here {
                    others.push((service.name.clone(), listed.name.clone()));
                }
            }
        }
        Ok(Self {
            now,
            others,
            items,
            left_out,
            owed: place.owed(desk, now),
            reader: reader.map(|id| (id.clone(), names.of(&id))),
            branch: place.branch().to_owned(),
            flags: place_flags(&place.policy, &place.service.name, &place.environment),
            service: place.service.name,
            environment: place.environment,
        })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let whom = self.reader.as_ref().map(|(_, name)| format!(" of {name}"));
        let whom = whom.unwrap_or_default();
        let title = match self.items.len() {
            0 => format!("Nothing waits for a sign-off{whom}"),
            1 => format!("1 change waits for a sign-off{whom}"),
            several => format!("{several} changes wait for a sign-off{whom}"),
        };
        let main = html! {
            h1 { (Linked(&title)) }
            p.sub {
                (Said(self.service.as_str())) " on " (Said(&self.branch)) " to "
                (Said(self.environment.as_str())) ", oldest first"
            }
            (self.awaited())
            @if !self.items.is_empty() {
                h2 { "Changes" }
                ol.cards { @for item in &self.items { (self.item(item)) } }
            }
            @if !self.left_out.is_empty() {
                p.faint { "Not looked at: " (Said(&self.left_out.join("; "))) "." }
            }
            @if !self.owed.is_empty() {
                h2 { "Owed" }
                ul.lines {
                    @for line in &self.owed {
                        li {
                            span.state.caution { @if line.overdue { "overdue" } @else { "owed" } }
                            span.said { (Linked(line.said())) " " (command(&line.command)) }
                        }
                    }
                }
            }
            (self.elsewhere())
        };
        frame.page(Part::Queue, &title, &main)
    }

    /// Whom the changes wait for, those who are waited for most first.
    fn people(&self) -> Vec<Awaited<'_>> {
        let mut people: BTreeMap<&MemberId, Awaited<'_>> = BTreeMap::new();
        for item in &self.items {
            let mut asked: BTreeMap<&MemberId, (&str, bool)> = BTreeMap::new();
            for ask in &item.report.ask {
                let could = ask.people.len() + ask.others;
                let is_alone = could <= usize::max(ask.missing, 1);
                for one in &ask.people {
                    asked.entry(&one.member).or_insert((&one.name, false)).1 |= is_alone;
                }
            }
            for (member, (name, is_alone)) in asked {
                let awaited = people.entry(member);
                let awaited =
                    awaited.or_insert(Awaited { member, name, changes: 0, others_could: true });
                awaited.changes += 1;
                awaited.others_could &= !is_alone;
            }
        }
        let mut people: Vec<_> = people.into_values().collect();
        people.sort_by(|one, other| (other.changes, one.name).cmp(&(one.changes, other.name)));
        people
    }

    fn awaited(&self) -> Markup {
        let people = self.people();
        if people.is_empty() {
            return html! {};
        }
        html! {
            h2 { "Who is waited for" }
            ul.people {
                @for one in &people {
                    li {
                        a href=(member_path(one.member)) { (Said(one.name)) }
                        " " span.faint {
                            (counted(one.changes, "change"))
                            @if !one.others_could { ", and nobody else could" }
                        }
                    }
                }
            }
        }
    }

    fn item(&self, item: &Item) -> Markup {
        let report = &item.report;
        let approve = format!("countersign approve {}{}", item.argument, self.flags);
        let range = item.base.as_ref().map(|base| (base, &item.head));
        let path = change_path(report.change, Some((&self.service, &self.environment)), range);
        let authors: Vec<_> = report.authors.iter().map(AuthorReport::shown).collect();
        let asked: Vec<_> = report.ask.iter().map(crate::cli::report::Ask::asked).collect();
        html! {
            li.card {
                h3 { a href=(path) { (Said(&report.title)) } }
                p.sub {
                    @for request in &report.requests { (Said(request)) " \u{b7} " }
                    "by " (Linked(&authors.join(" and "))) " \u{b7} "
                    (ago(item.since, self.now)) " \u{b7} "
                    (kind(item.kind)) " \u{b7} AI: " (report.assistance)
                }
                ul.lines {
                    @for reject in &report.rejects {
                        li {
                            span.state.bad { "rejected" }
                            span.said {
                                (Linked(&format!("{}, entry {}", reject.name, reject.entry)))
                            }
                        }
                    }
                    @for needed in report.missing() {
                        li {
                            span.state.bad { "missing" }
                            span.said { (Linked(&wish_words(needed))) }
                        }
                    }
                    @for denial in &report.denials {
                        li {
                            span.state.bad { "denied" }
                            span.said { (Said(&denial.text)) " (" (denial.code) ")" }
                        }
                    }
                    @for said in unique(asked) {
                        li { span.state.plain { "waits" } span.said { (told(&said)) } }
                    }
                    @for earlier in &report.rejected_earlier {
                        li { span.state.caution { "note" } span.said { (Linked(&earlier.said())) } }
                    }
                    @for near in &report.near {
                        li { span.state.caution { "near" } span.said { (Linked(&near.said())) } }
                    }
                }
                p.next { (command(&approve)) }
            }
        }
    }

    fn elsewhere(&self) -> Markup {
        if self.others.is_empty() && self.reader.is_none() {
            return html! {};
        }
        let path = |service: &ServiceName, environment: &EnvironmentName| {
            format!(
                "/queue?service={}&environment={}",
                encoded(service.as_str()),
                encoded(environment.as_str())
            )
        };
        html! {
            h2 { "Other queues" }
            ul.plain-list {
                @if self.reader.is_some() {
                    li { a href=(path(&self.service, &self.environment)) { "Everybody's, here" } }
                }
                @for (service, environment) in &self.others {
                    li {
                        a href=(path(service, environment)) {
                            (Said(service.as_str())) " to " (Said(environment.as_str()))
                        }
                    }
                }
            }
        }
    }
}

/// Each once, in their order.
fn unique(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept
}

const fn kind(kind: WaitingKind) -> &'static str {
    match kind {
        WaitingKind::Declared => "declared",
        WaitingKind::Landed => "landed, not deployed",
        WaitingKind::Branch => "on a branch",
    }
}
