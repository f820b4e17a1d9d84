//! Expected lines with placeholders for what differs from run to run.
//!
//! A placeholder stands for one value of one form, never for the rest of a line.

use std::collections::BTreeMap;

/// The named values of a story, by placeholder (`hex:4`): the longest form seen so far.
pub(crate) type Captures = BTreeMap<String, String>;

/// What a placeholder may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `22 Nov 2026 09:12 UTC`, `2026-11-22 09:12`, `09:12 UTC`, or RFC 3339.
    Time,
    /// `just now`, `12 min ago`.
    Ago,
    /// `12 s`.
    Span,
    /// `12s`, as a policy writes it.
    Age,
    /// At least eight hexadecimal digits, whole or cut.
    Hex,
    /// A generated member id.
    Id,
    /// At least eight characters of base64.
    Base64,
}

const FORMS: [(&str, Form); 7] = [
    ("time", Form::Time),
    ("ago", Form::Ago),
    ("span", Form::Span),
    ("age", Form::Age),
    ("hex", Form::Hex),
    ("id", Form::Id),
    ("base64", Form::Base64),
];

impl Form {
    /// Whether the value must be the same wherever its placeholder stands.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Hex | Self::Id | Self::Base64)
    }

    /// The word that a placeholder of this form begins with.
    pub(crate) fn word(self) -> &'static str {
        FORMS.iter().find(|(_, form)| *form == self).unwrap().0
    }

    /// The length of the value of this form that `text` begins with.
    pub(crate) fn length(self, text: &str) -> Option<usize> {
        let run = |holds: fn(&u8) -> bool| text.bytes().take_while(holds).count();
        let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        match self {
            Self::Hex => Some(run(is_hex)).filter(|length| *length >= 8),
            Self::Id => {
                let digits = text.strip_prefix('m')?.bytes().take_while(is_hex).count();
                (digits == 8).then_some(9)
            }
            Self::Base64 => Some(run(|byte| is_base64(*byte))).filter(|length| *length >= 8),
            Self::Ago if text.starts_with("just now") => Some("just now".len()),
            Self::Ago => {
                let length = span(text, &["s", "min", "h", "h MM min", "day", "days"])?;
                text[length..].starts_with(" ago").then_some(length + " ago".len())
            }
            Self::Span => span(text, &["s", "min"]),
            Self::Age => {
                let digits = text.bytes().take_while(u8::is_ascii_digit).count();
                let unit = text[digits..].chars().next().filter(|unit| "smhd".contains(*unit))?;
                (digits > 0).then_some(digits + unit.len_utf8())
            }
            Self::Time => date(text).or_else(|| rfc3339(text)),
        }
    }
}

/// A character of standard or URL-safe base64.
pub(crate) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte)
}

/// A number and a unit.
fn span(text: &str, units: &[&str]) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(' ').filter(|_| !number.is_empty())?;
    let word = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    units.contains(&&rest[..word]).then_some(digits + 1 + word)
}

/// The length of what `shape` describes at the beginning of `text`: `9` is a digit.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let fits = text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            shape => byte == shape,
        });
    fits.then_some(shape.len())
}

fn date(text: &str) -> Option<usize> {
    let shapes = ["99 AAA 9999 99:99", "9 AAA 9999 99:99", "9999-99-99 99:99", "99:99"];
    let length = shapes.iter().find_map(|shape| shaped(text, shape))?;
    Some(length + text[length..].strip_prefix(" UTC").map_or(0, |_| " UTC".len()))
}

fn rfc3339(text: &str) -> Option<usize> {
    let whole = shaped(text, "9999-99-99T99:99:99")?;
    let rest = &text[whole..];
    let digits = rest
        .strip_prefix('.')
        .map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
    rest[digits..].starts_with('Z').then_some(whole + digits + 1)
}

/// A placeholder at the beginning of `text`: form, name, length.
fn placeholder(text: &str) -> Option<(Form, &str, usize)> {
    let inner = text.strip_prefix('<')?.split_once('>')?.0;
    let word = inner.split(':').next()?;
    let form = FORMS.iter().find(|(name, _)| *name == word)?.1;
    (form.is_named() == inner.contains(':')).then_some((form, inner, inner.len() + 2))
}

/// Whether `actual` is what `expected` says; then the named values in it are kept.
pub(crate) fn matches(expected: &str, actual: &str, captures: &mut Captures) -> bool {
    let mut found = captures.clone();
    // A column beside such a value is as wide as the value leaves it.
    let is_loose = ["<time>", "<ago>", "<span>"].iter().any(|word| expected.contains(word));
    let (mut expected, mut actual) = (expected, actual);
    while let Some(next) = expected.chars().next() {
        if is_loose && expected.starts_with("  ") && actual.starts_with("  ") {
            (expected, actual) = (expected.trim_start(), actual.trim_start());
            continue;
        }
        let Some((form, name, length)) = placeholder(expected) else {
            let Some(rest) = actual.strip_prefix(next) else { return false };
            (expected, actual) = (&expected[next.len_utf8()..], rest);
            continue;
        };
        expected = &expected[length..];
        let Some(mut length) = form.length(actual) else { return false };
        // What was told on two lines, broken within a time, may come on one.
        if expected.starts_with(" UTC") && actual[..length].ends_with(" UTC") {
            length -= " UTC".len();
        }
        let value = &actual[..length];
        actual = &actual[length..];
        if form.is_named() {
            let known = found.entry(name.to_owned()).or_default();
            if !agree(form, known, value) {
                return false;
            }
            if value.len() > known.len() {
                value.clone_into(known);
            }
        }
    }
    let is_whole = actual.is_empty();
    if is_whole {
        *captures = found;
    }
    is_whole
}

/// Whether two values are the same thing, of which one may be cut.
pub(crate) fn agree(form: Form, known: &str, value: &str) -> bool {
    match form {
        Form::Hex => known.starts_with(value) || value.starts_with(known),
        _ => known.is_empty() || known == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_match(pairs: &[(&str, &str)]) -> bool {
        let mut captures = Captures::new();
        pairs.iter().all(|(expected, actual)| matches(expected, actual, &mut captures))
    }

    #[test]
    fn placeholders_stand_for_one_value_of_their_form() {
        assert!(all_match(&[("at <time>, <ago>.", "at 22 Nov 2026 09:12 UTC, just now.")]));
        assert!(all_match(&[("<time>", "2026-11-22T09:12:44.123Z"), ("<ago>", "12 min ago")]));
        assert!(all_match(&[("<time> UTC; x", "09:12 UTC; x"), ("until <time>", "until 09:12")]));
        assert!(all_match(&[("x <ago>  y", "x 12 s ago    y")]));
        for (expected, actual) in [
            ("<time>", "22 Nov 2026 09:12 UTC and more"),
            ("<time>", "tomorrow"),
            ("<ago>", "12 ago"),
            ("<hex:1>", "0123456"),
            ("<id:ada>", "m0123"),
            ("<anything>", "x"),
            ("entry 4", "entry 5"),
            ("two  spaces", "two spaces"),
        ] {
            assert!(!all_match(&[(expected, actual)]), "{expected} {actual}");
        }
    }

    #[test]
    fn a_name_stands_for_the_same_value_throughout() {
        assert!(all_match(&[("<hex:1>", "0123456789abcdef"), ("x <hex:1>", "x 0123456789")]));
        assert!(all_match(&[("<hex:1>", "0123456789"), ("<hex:1>", "0123456789abcdef")]));
        assert!(!all_match(&[("<hex:1>", "0123456789"), ("<hex:1>", "0123456780")]));
        let thrice =
            [("<hex:1>", "01234567"), ("<hex:1>", "0123456789"), ("<hex:1>", "0123456780")];
        assert!(!all_match(&thrice));
        assert!(!all_match(&[("<id:ben>", "m01234567"), ("<id:ben>", "m01234568")]));
    }
}
