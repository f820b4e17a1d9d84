//! The dialect (`spec/policy.md` section 2): TOML 1.0, and no character that hides another.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::{Reader, Value};
use crate::base::limits::LINE_DOTS_MAX;

/// Refuses characters that mislead whoever reads the text: controls and direction marks.
pub(super) fn check_characters(reader: &mut Reader<'_>, text: &str) {
    for (offset, found) in text.char_indices().filter(|&(_, found)| misleads(found)) {
        let what = format!("the character U+{:04X}, which nobody sees", u32::from(found));
        reader.mistake(offset, what, "remove it, in comments too");
    }
}

/// Whether a character is one that nobody sees. Tabs and line breaks are left to TOML.
fn misleads(found: char) -> bool {
    match found {
        '\t' | '\n' | '\r' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => found.is_control(),
    }
}

/// Refuses keys of very many parts before they are parsed: each part is a table inside another,
/// and to drop those takes stack.
pub(super) fn check_depth(reader: &mut Reader<'_>, text: &str) {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        // Dots of strings and comments count as well: no honest line has so many.
        if line.bytes().filter(|&byte| byte == b'.').count() > LINE_DOTS_MAX {
            let what = format!("a line has more than {LINE_DOTS_MAX} dots");
            reader.mistake(offset, what, "write a long list over several lines");
        }
        offset += line.len();
    }
}

/// Refuses what only TOML 1.1 has, so that a 1.0 reader reads every policy as we do: inline
/// tables over several lines or with a last comma, and the escapes `\e` and `\x`. Dates, times
/// and fractions are refused too. The text has parsed before.
pub(super) fn check_dialect(reader: &mut Reader<'_>, text: &str, document: &DeTable<'_>) {
    let mut walk: Vec<&Value<'_>> = document.values().collect();
    while let Some(value) = walk.pop() {
        let written = text.get(value.span()).unwrap_or_default();
        match value.get_ref() {
            DeValue::String(decoded) => {
                check_escapes(reader, value.span().start, written);
                if let Some(found) = decoded.chars().find(|&found| misleads(found)) {
                    let code = u32::from(found);
                    let what = format!("an escape for U+{code:04X}, which nobody sees");
                    reader.mistake(value.span().start, what, "remove it");
                }
            }
            DeValue::Array(items) => walk.extend(items.iter()),
            DeValue::Table(table) => walk.extend(table.values()),
            DeValue::Float(_) | DeValue::Datetime(_) => reader.mistake(
                value.span().start,
                "a policy holds strings, integers, true or false, lists and tables only",
                "write a duration as \"30d\"",
            ),
            DeValue::Integer(_) | DeValue::Boolean(_) => {}
        }
        for key in keys_of(value) {
            let written = text.get(key.span()).unwrap_or_default();
            check_escapes(reader, key.span().start, written);
        }
    }
    for key in document.keys() {
        check_escapes(reader, key.span().start, text.get(key.span()).unwrap_or_default());
    }
    check_inline_tables(reader, text);
}

fn keys_of<'v, 't>(
    value: &'v Value<'t>,
) -> impl Iterator<Item = &'v Spanned<std::borrow::Cow<'t, str>>> {
    value.get_ref().as_table().into_iter().flat_map(DeTable::keys)
}

/// Refuses `\e` and `\x` in a basic string, given as it is written with its quotes.
fn check_escapes(reader: &mut Reader<'_>, start: usize, written: &str) {
    if !written.starts_with('"') {
        return;
    }
    let mut bytes = written.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && matches!(bytes.next(), Some((_, b'e' | b'x'))) {
            reader.mistake(
                start + at,
                "TOML 1.0 has no escapes `\\e` and `\\x`",
                "write \\u and four digits",
            );
        }
    }
}

/// Goes through brackets, strings and comments, and refuses a line break or a last comma that
/// belongs to an inline table itself.
fn check_inline_tables(reader: &mut Reader<'_>, text: &str) {
    let bytes = text.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let mut after_comma = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = string_end(bytes, at),
            b'#' => {
                // The line break after the comment is judged in its turn.
                while bytes.get(at + 1).is_some_and(|&next| next != b'\n') {
                    at += 1;
                }
            }
            b'{' | b'[' => open.push(byte),
            b'}' | b']' => {
                if byte == b'}' && after_comma {
                    reader.mistake(at, "TOML 1.0 has no comma before `}`", "remove the comma");
                }
                open.pop();
            }
            b'\n' if open.last() == Some(&b'{') => {
                let hint = "put it on one line, or write a list of [tables]";
                reader.mistake(at, "in TOML 1.0 an inline table ends on its line", hint);
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() && byte != b'#' {
            after_comma = byte == b',' && open.last() == Some(&b'{');
        }
        at += 1;
    }
}

/// The position of the last quote of the string that starts here.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if triple { 3 } else { 1 };
    while at < bytes.len() {
        if quote == b'"' && bytes[at] == b'\\' {
            at += 2;
        } else if !triple && bytes[at] == quote {
            return at;
        } else if triple && bytes[at..].starts_with(&[quote; 3]) {
            // Up to two quotes more may belong to the string.
            let mut last = at + 2;
            while last < at + 4 && bytes.get(last + 1) == Some(&quote) {
                last += 1;
            }
            return last;
        } else {
            at += 1;
        }
    }
    bytes.len()
}
