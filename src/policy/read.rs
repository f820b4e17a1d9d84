//! Reads TOML values into typed ones and gathers every mistake with its place.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{PolicyError, nearest};
use crate::base::limits::{LIST_ITEMS_MAX, POLICY_MISTAKES_MAX};

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Gathers mistakes on the way through a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) mistakes: Vec<PolicyError>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, mistakes: Vec::new() }
    }

    /// The line and column, from 1, of a byte of the text.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line, from 1, of a byte of the text.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.place(offset).0
    }

    /// Notes a mistake; `hint` is empty where nothing is known to do.
    pub(super) fn mistake(&mut self, offset: usize, what: impl Display, hint: impl Display) {
        if self.mistakes.len() < POLICY_MISTAKES_MAX {
            let (line, column) = self.place(offset);
            let hint = Some(hint.to_string()).filter(|hint| !hint.is_empty());
            self.mistakes.push(PolicyError { line, column, what: what.to_string(), hint });
        }
    }

    /// Refuses every field of a table that is not known, and names the nearest that is.
    pub(super) fn known_fields(&mut self, table: &DeTable<'_>, place: &str, known: &[&str]) {
        for name in table.keys() {
            let field = name.get_ref().as_ref();
            if !known.contains(&field) {
                let hint = match nearest(field, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", known.join(", ")),
                };
                let shown: String = field.chars().take(60).collect();
                self.mistake(
                    name.span().start,
                    format_args!("{place} has no field {shown:?}"),
                    hint,
                );
            }
        }
    }

    fn wrong_type(&mut self, value: &Value<'_>, field: &str, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let what = format_args!("`{field}` is {wanted}, not {found}").to_string();
        self.mistake(value.span().start, what, "");
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'_>, field: &str) -> Option<&'v str> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text);
        }
        self.wrong_type(value, field, "a string in quotes");
        None
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>, field: &str) -> Option<bool> {
        if let DeValue::Boolean(truth) = value.get_ref() {
            return Some(*truth);
        }
        self.wrong_type(value, field, "true or false");
        None
    }

    /// A plain decimal integer from `least` to `most`.
    pub(super) fn integer(
        &mut self,
        value: &Value<'_>,
        field: &str,
        (least, most): (u32, u32),
    ) -> Option<u32> {
        let DeValue::Integer(found) = value.get_ref() else {
            self.wrong_type(value, field, "an integer");
            return None;
        };
        // Other bases, signs and `_` would be read alike by every parser, but not by people.
        let plain = found.radix() == 10
            && self
                .text
                .get(value.span())
                .is_some_and(|written| written.bytes().all(|byte| byte.is_ascii_digit()));
        let number = found.as_str().parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() || !plain {
            self.mistake(
                value.span().start,
                format_args!("`{field}` is an integer from {least} to {most}, in plain digits"),
                "",
            );
            return None;
        }
        number
    }

    pub(super) fn table<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        field: &str,
    ) -> Option<&'v DeTable<'t>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(table);
        }
        self.wrong_type(value, field, "a table");
        None
    }

    /// The items of a list, bounded.
    pub(super) fn items<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        field: &str,
        most: usize,
    ) -> &'v [Value<'t>] {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(value, field, "a list");
            return &[];
        };
        if items.len() > most {
            let what = format!("`{field}` has {} items; at most {most} are read", items.len());
            self.mistake(value.span().start, what, "");
            return &[];
        }
        items
    }

    /// A string that a type takes.
    pub(super) fn parsed<T>(&mut self, value: &Value<'_>, field: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.string(value, field)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.mistake(value.span().start, format_args!("`{field}`: {error}"), "");
                None
            }
        }
    }

    /// A string out of a closed list.
    pub(super) fn word<T: Copy>(
        &mut self,
        value: &Value<'_>,
        field: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string(value, field)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = nearest(text, all.iter().copied())
            .map(|near| format!("did you mean {near:?}?"))
            .unwrap_or_default();
        let shown: String = text.chars().take(60).collect();
        let what = format!("`{field}` is one of {}, not {shown:?}", all.join(", "));
        self.mistake(value.span().start, what, hint);
        None
    }

    /// A list of strings, each read by `item`; none twice.
    pub(super) fn list<T: Eq + Hash + Clone>(
        &mut self,
        value: &Value<'_>,
        field: &str,
        mut item: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut seen = HashSet::new();
        let mut read = Vec::new();
        for one in self.items(value, field, LIST_ITEMS_MAX) {
            let Some(found) = item(self, one) else { continue };
            if seen.insert(found.clone()) {
                read.push(found);
            } else {
                self.mistake(one.span().start, format_args!("`{field}` says this twice"), "");
            }
        }
        read
    }
}
