//! Who is there, and one of them: duties, keys, and what they signed of late.

use maud::{Markup, html};

use super::entry::Rows;
use super::parts::{Said, Word, encoded, entry_link, fact, heading, member_link};
use super::shell::{Frame, Part};
use crate::base::name::MemberId;
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::commands::log;
use crate::cli::desk::{Desk, Names};
use crate::cli::error::CliError;
use crate::cli::report::{few_admins, few_holders};
use crate::cli::text::counted;
use crate::key::KeyId;
use crate::roster::Member;
use crate::statement::words::Revocation;

/// Entries of a member that are listed, the newest.
const LISTED: usize = 50;
/// The newest entries that are looked through for them.
const LOOKED_AT: u64 = 2_000;

/// Everybody on the roster.
pub(crate) struct MembersPage {
    names: Names,
    members: Vec<Member>,
    admins: Vec<MemberId>,
    threshold: u32,
    warnings: Vec<String>,
    /// Keys in force, member by member.
    keys: Vec<usize>,
}

impl MembersPage {
    /// Reads the roster.
    pub(crate) fn read(desk: &Desk) -> Self {
        let (view, size) = (desk.session.view(), desk.session.size());
        let roster = view.roster();
        let names = desk.names();
        let mut members: Vec<_> = roster.members(size).cloned().collect();
        members.sort_by_key(|member| names.of(&member.id).to_lowercase());
        let admins = roster.admins(size);
        let holders = few_holders(view).map(str::to_owned);
        Self {
            keys: members.iter().map(|one| roster.keys_of(&one.id, size).len()).collect(),
            members,
            admins: admins.map(|set| set.admins.clone()).unwrap_or_default(),
            threshold: admins.map_or(0, |set| set.threshold),
            warnings: few_admins(view).into_iter().chain(holders).collect(),
            names,
        }
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let title = counted(self.members.len(), "member");
        let admins: Vec<_> = self.admins.iter().map(|id| member_link(&self.names, id)).collect();
        let main = html! {
            h1 { (title) }
            p.sub {
                "Admins: " (super::parts::comma(&admins)) "; "
                (self.threshold) " of " (self.admins.len()) " must sign"
            }
            @for warning in &self.warnings { p.caution { strong { "Note: " } (warning) } }
            table.rows role="table" {
                caption.hidden { "Members" }
                thead role="rowgroup" {
                    tr role="row" {
                        @for name in ["Name", "Kind", "Level", "Teams", "Duties", "Keys"] {
                            th.(name.to_lowercase()) scope="col" role="columnheader" { (name) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for (member, keys) in self.members.iter().zip(&self.keys) {
                        tr role="row" {
                            td role="cell" data-label="Name" {
                                (member_link(&self.names, &member.id))
                            }
                            td role="cell" data-label="Kind" { (member.kind.to_string()) }
                            td role="cell" data-label="Level" { (level(member)) }
                            td role="cell" data-label="Teams" { (teams(member)) }
                            td role="cell" data-label="Duties" { (duties(member)) }
                            td role="cell" data-label="Keys" { (keys) }
                        }
                    }
                }
            }
        };
        frame.page(Part::Members, &title, &main)
    }
}

/// One member.
pub(crate) struct MemberPage {
    now: Timestamp,
    names: Names,
    id: MemberId,
    /// None where they have left.
    member: Option<Member>,
    is_admin: bool,
    keys: Vec<Key>,
    lines: Vec<log::Line>,
    /// How many of the newest entries were looked through.
    looked_at: u64,
}

struct Key {
    id: KeyId,
    is_on_hardware: bool,
    enrolled: Option<EntryIndex>,
    revoked: Option<(EntryIndex, Revocation)>,
}

impl MemberPage {
    /// Reads a member, who may have left.
    ///
    /// # Errors
    /// Where there never was such a member, or the ledger cannot be read.
    pub(crate) fn read(desk: &Desk, id: &MemberId, now: Timestamp) -> Result<Self, CliError> {
        let (session, size) = (&desk.session, desk.session.size());
        let roster = session.view().roster();
        if roster.kind_ever(id).is_none() {
            let message = format!("nobody on the roster has the id {id}");
            return Err(CliError::usage(message).hint("who is there: the page of members"));
        }
        let names = desk.names();
        let owned = roster.keys().filter(|(_, record)| record.owner(size) == Some(id));
        let keys = owned.map(|(key, record)| Key {
            id: *key,
            is_on_hardware: record.key.is_security_key(),
            enrolled: record.enrolled_at(size),
            revoked: record.revoked(size).map(|revoked| (revoked.entry, revoked.cause)),
        });
        let keys: Vec<Key> = keys.collect();
        let looked_at = size.get().min(LOOKED_AT);
        let mut lines = Vec::new();
        for index in (size.get() - looked_at..size.get()).rev() {
            let entry = session.entry(EntryIndex::new(index))?;
            let is_signed = entry.keys().iter().any(|key| keys.iter().any(|own| own.id == *key));
            if entry.by() == id || is_signed {
                lines.push(log::Line::new(desk, &names, &entry));
                if lines.len() == LISTED {
                    break;
                }
            }
        }
        Ok(Self {
            now,
            names,
            member: roster.member(id, size).cloned(),
            is_admin: roster.admins(size).is_some_and(|set| set.admins.contains(id)),
            id: id.clone(),
            keys,
            lines,
            looked_at,
        })
    }

    /// The page.
    pub(crate) fn page(&self, frame: &Frame) -> String {
        let name = self.names.of(&self.id);
        let signed = Rows { lines: &self.lines, names: &self.names, now: self.now };
        let title = match &self.member {
            Some(_) => html! { h1 { (Said(&name)) } },
            None => heading(Word::caution("LEFT"), &html! { (Said(&name)) }),
        };
        let main = html! {
            (title)
            dl.facts {
                (fact("Id", &html! { code { (self.id.as_str()) } }))
                @if let Some(member) = &self.member {
                    (fact("Kind", &html! {
                        (member.kind.to_string()) @if self.is_admin { ", an admin" }
                    }))
                    (fact("Level", &html! { (level(member)) }))
                    (fact("Teams", &html! { (teams(member)) }))
                    (fact("Duties", &html! { (duties(member)) }))
                    @if let Some(operator) = &member.operator {
                        (fact("Operator", &member_link(&self.names, operator)))
                    }
                }
            }
            @if self.member.is_some() {
                p.next {
                    a href=(format!("/queue?for={}", encoded(self.id.as_str()))) {
                        "What waits for a sign-off of " (Said(&name))
                    }
                }
            }
            h2 { "Keys" }
            @if self.keys.is_empty() { p { "None: they sign nothing." } }
            ul.lines { @for key in &self.keys { (key.line()) } }
            h2 { "Signed of late" }
            (signed.table("What they signed"))
            p.faint {
                "The newest " (self.lines.len()) " among the last " (self.looked_at)
                " entries. All: "
                code.command { "countersign log --by " (self.id.as_str()) }
            }
        };
        frame.page(Part::Members, &name, &main)
    }
}

impl Key {
    fn line(&self) -> Markup {
        let (class, state) = match &self.revoked {
            None => ("good", "good"),
            Some((_, Revocation::Leaked)) => ("bad", "leaked"),
            Some(_) => ("caution", "retired"),
        };
        html! {
            li {
                span.state.(class) { (state) }
                span.said {
                    code.hash { (self.id.to_string()) }
                    @if self.is_on_hardware { ", on a security key" }
                    @if let Some(entry) = self.enrolled { ", enrolled by " (entry_link(entry)) }
                    @if let Some((entry, _)) = self.revoked { ", revoked by " (entry_link(entry)) }
                }
            }
        }
    }
}

fn level(member: &Member) -> String {
    member.level.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn teams(member: &Member) -> String {
    listed(&member.teams.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn duties(member: &Member) -> String {
    listed(&member.duties.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
