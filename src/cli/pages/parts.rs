//! What pages are made of: links, moments, words that answer, lines of a verdict.

use maud::{Markup, Render, html};

use crate::base::digest::ChangeHash;
use crate::base::name::{EnvironmentName, MemberId, Revision, ServiceName};
use crate::base::position::EntryIndex;
use crate::base::time::Timestamp;
use crate::cli::desk::Names;
use crate::cli::time;
use crate::cli::ui::Role;

/// What somebody wrote: set apart from what stands around it, so that a right-to-left name turns
/// nothing but itself around.
pub(super) struct Said<'a>(pub(super) &'a str);

impl Render for Said<'_> {
    fn render_to(&self, buffer: &mut String) {
        html! { bdi { (self.0) } }.render_to(buffer);
    }
}

/// A word that answers, and how it is meant. The word is there for who sees no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: &'static str,
    pub(super) role: Role,
}

impl Word {
    pub(super) const fn good(text: &'static str) -> Self {
        Self { text, role: Role::Good }
    }

    pub(super) const fn bad(text: &'static str) -> Self {
        Self { text, role: Role::Bad }
    }

    pub(super) const fn caution(text: &'static str) -> Self {
        Self { text, role: Role::Caution }
    }

    pub(super) const fn plain(text: &'static str) -> Self {
        Self { text, role: Role::Plain }
    }
}

impl Render for Word {
    fn render_to(&self, buffer: &mut String) {
        html! { strong.word.(class(self.role)) { (self.text) } }.render_to(buffer);
    }
}

/// The class of a role.
pub(super) const fn class(role: Role) -> &'static str {
    match role {
        Role::Good => "good",
        Role::Bad => "bad",
        Role::Caution => "caution",
        Role::Faint => "faint",
        _ => "plain",
    }
}

/// The heading of a page: the first word is the answer.
pub(super) fn heading(word: Word, rest: &Markup) -> Markup {
    html! { h1 { (word) " " (rest) } }
}

/// A word that answers, of one thing among others.
pub(super) fn state(word: Word) -> Markup {
    html! { span.state.(class(word.role)) { (word.text) } }
}

/// One line of a verdict: a word for it, and what is said.
pub(super) fn line(role: Role, state: &str, said: &Markup) -> Markup {
    html! {
        li {
            span.state.(class(role)) { (state) }
            span.said { (said) }
        }
    }
}

/// A row of a list of facts.
pub(super) fn fact(name: &str, said: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (said) } } }
}

/// A sentence of ours with names and titles in it: it reads from left to right, whatever letters
/// begin it. Each `entry 12` in it is a link.
pub(super) struct Linked<'a>(pub(super) &'a str);

impl Render for Linked<'_> {
    fn render_to(&self, buffer: &mut String) {
        let mut rest = self.0;
        let mut parts: Vec<(&str, Option<u64>)> = Vec::new();
        while let Some((before, number, after)) = next_entry(rest) {
            parts.push((before, Some(number)));
            rest = after;
        }
        parts.push((rest, None));
        html! {
            bdi dir="ltr" {
                @for (text, number) in parts {
                    (text)
                    @if let Some(number) = number { (entry_link(EntryIndex::new(number))) }
                }
            }
        }
        .render_to(buffer);
    }
}

/// What stands before the first `entry N` of a text, N, and what stands after it.
fn next_entry(text: &str) -> Option<(&str, u64, &str)> {
    const WORD: &str = "entry ";
    let mut from = 0;
    while let Some(found) = text[from..].find(WORD) {
        let start = from + found;
        let digits = start + WORD.len();
        let after = &text[digits..];
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        // `reentry 5` is no entry.
        let is_word = !text[..start].ends_with(|one: char| one.is_alphanumeric());
        if let Ok(number) = after[..length].parse()
            && is_word
        {
            return Some((&text[..start], number, &after[length..]));
        }
        from = digits;
    }
    None
}

/// `entry 12`, as a link.
pub(super) fn entry_link(index: EntryIndex) -> Markup {
    html! { a href=(format!("/entries/{index}")) { "entry " (index) } }
}

/// A member by name, as a link.
pub(super) fn member_link(names: &Names, id: &MemberId) -> Markup {
    html! { a href=(member_path(id)) { (Said(&names.of(id))) } }
}

/// Where a member's page is.
pub(super) fn member_path(id: &MemberId) -> String {
    format!("/members/{}", encoded(id.as_str()))
}

/// A deployment, as a link.
pub(super) fn deployment_link(index: EntryIndex) -> Markup {
    html! { a href=(format!("/deployments/{index}")) { "deployment " (index) } }
}

/// Where the page of a change is. The place says for what it is judged, the commits where it lies.
pub(super) fn change_path(
    change: ChangeHash,
    place: Option<(&ServiceName, &EnvironmentName)>,
    range: Option<(&Revision, &Revision)>,
) -> String {
    let mut query = Vec::new();
    if let Some((service, environment)) = place {
        query.push(format!("service={}", encoded(service.as_str())));
        query.push(format!("environment={}", encoded(environment.as_str())));
    }
    if let Some((base, head)) = range {
        query.push(format!("base={base}&head={head}"));
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("/changes/{change}{query}")
}

/// A text in a path or a query: everything but letters, digits and `-._~` is spelt out.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format_args!("%{byte:02X}").to_string());
        }
    }
    encoded
}

/// `22 Nov 2026 09:12 UTC`.
pub(super) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(time::rfc3339(at)) { (time::date(at)) } }
}

/// `3 h ago`, with the moment itself for machines.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(time::rfc3339(at)) title=(time::date(at)) { (time::ago(at, now)) } }
}

/// A commit, shortened.
pub(super) fn commit(revision: &Revision) -> Markup {
    html! { code.hash { (revision.short()) } }
}

/// A sentence that may end in a command, which is set apart to be copied.
pub(super) fn told(text: &str) -> Markup {
    let (said, typed) = text.split_at(text.find("countersign ").unwrap_or(text.len()));
    html! {
        (Linked(said.trim_end()))
        @if !typed.is_empty() { " " (command(typed)) }
    }
}

/// What to type.
pub(super) fn command(text: &str) -> Markup {
    html! { code.command { (text) } }
}

/// Marked up phrases with commas between them.
pub(super) fn comma(phrases: &[Markup]) -> Markup {
    html! {
        @for (number, phrase) in phrases.iter().enumerate() {
            @if number > 0 { ", " }
            (phrase)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_a_text_are_links_and_nothing_else_is() {
        let linked = |text: &str| Linked(text).render().into_string();
        assert_eq!(
            linked("Ada, entry 12; entry 3 by <b>"),
            "<bdi dir=\"ltr\">Ada, <a href=\"/entries/12\">entry 12</a>; \
             <a href=\"/entries/3\">entry 3</a> by &lt;b&gt;</bdi>"
        );
        for plain in ["reentry 5", "entry five", "entry ", "", "entry 99999999999999999999999"] {
            assert_eq!(linked(plain), format!("<bdi dir=\"ltr\">{plain}</bdi>"));
        }
    }

    #[test]
    fn a_command_is_set_apart() {
        assert_eq!(
            told("Ada runs  countersign approve 1 <2").into_string(),
            "<bdi dir=\"ltr\">Ada runs</bdi> \
             <code class=\"command\">countersign approve 1 &lt;2</code>"
        );
        assert_eq!(told("it may land").into_string(), "<bdi dir=\"ltr\">it may land</bdi>");
    }

    #[test]
    fn what_stands_in_an_address_is_spelt_out() {
        assert_eq!(encoded("production/canary"), "production%2Fcanary");
        assert_eq!(encoded("a b\"<&?#\u{e9}"), "a%20b%22%3C%26%3F%23%C3%A9");
    }

    #[test]
    fn an_answer_is_a_word_and_a_colour() {
        let word = Word::bad("NO").render().into_string();
        assert_eq!(word, "<strong class=\"word bad\">NO</strong>");
    }
}
