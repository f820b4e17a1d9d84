//! What the value of a trailer names: addresses, a tool, or that there was none
//! (`spec/marks.md` sections 2 to 4).

use super::{KEY_BYTES_MAX, Row, TABLE, behind, lower, starts_so};

/// The addresses of a value. Each stands behind a `<`, or where there is none at the beginning,
/// and ends at the next `<` or `>`, or with the value.
pub(super) fn addresses(value: &[u8]) -> Vec<&[u8]> {
    let is_address = |bytes: &&[u8]| bytes.contains(&b'@') && !has_white_space(bytes);
    let opened = value.split(|byte| *byte == b'<').skip(usize::from(value.contains(&b'<')));
    let closed = opened.filter_map(|rest| rest.split(|byte| *byte == b'>').next());
    closed.map(<[u8]>::trim_ascii).filter(is_address).collect()
}

/// The tool that a value names at its beginning, or the anchor of its address does: people link
/// to what they say of their use of tools.
pub(super) fn tool_of_value(value: &[u8]) -> Option<&'static Row> {
    if starts_so(value, "https://") && !has_white_space(value) {
        let anchor = value.rsplit(|byte| *byte == b'#').next()?;
        return TABLE.exact("anchor", &lower(anchor, KEY_BYTES_MAX)?);
    }
    longest("value", value, |_| true).or_else(|| longest("value-guarded", value, is_tool_context))
}

/// The tool of a value that is a tool's name and a model with a number, and nothing else.
pub(super) fn tool_and_model(value: &[u8]) -> Option<&'static Row> {
    let is_model = |rest: &[u8]| {
        let mut words = words(rest).filter(|word| !word.is_empty());
        rest.iter().any(u8::is_ascii_digit) && words.all(is_model_word)
    };
    longest("value", value, is_model).or_else(|| longest("value-guarded", value, is_model))
}

/// Whether a value says that there was none.
pub(super) fn says_none(value: &[u8]) -> bool {
    let says_more = |byte: &u8| is_letter(*byte) || (b'1'..=b'9').contains(byte);
    let words: [&[u8]; 4] = [b"no", b"none", b"false", b"n/a"];
    words.iter().any(|word| value.eq_ignore_ascii_case(word)) || !value.iter().any(says_more)
}

/// Letters of any script: a byte above ASCII belongs to one, or to punctuation that ends no word.
pub(super) const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// The row of a kind with the longest name that a value begins with, if what follows is right:
/// `claude code` before `claude`.
fn longest(kind: &str, value: &[u8], is_right: fn(&[u8]) -> bool) -> Option<&'static Row> {
    let is_named = |row: &&Row| behind(value, row.pattern).is_some_and(is_right);
    TABLE.rows(kind).filter(is_named).max_by_key(|row| row.pattern.len())
}

/// Whether what follows a name that a person could bear makes it a tool's name.
fn is_tool_context(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    rest.first().is_none_or(|first| b":/([<,+;@".contains(first))
        || words(rest).next().is_some_and(is_model_word)
}

/// What white space and punctuation part.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| byte.is_ascii_whitespace() || b",;:/()[]".contains(byte))
}

/// Whether a word holds a digit, or goes with the names of tools as `Code` and `-opus` do.
fn is_model_word(word: &[u8]) -> bool {
    let start = word.iter().take_while(|byte| **byte == b'-').count();
    let word = word.get(start..).unwrap_or_default();
    word.iter().any(u8::is_ascii_digit)
        || lower(word, KEY_BYTES_MAX).is_some_and(|word| TABLE.exact("follower", &word).is_some())
}

fn has_white_space(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_whitespace)
}
