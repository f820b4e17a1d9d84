//! Text for a terminal: escaping, width and wrapping. Everything that comes from data goes
//! through [`escape`] at output, never at input (ATTACKS 57).

use std::borrow::Cow;
use std::fmt::Write as _;

/// The widest line that is printed, in columns.
pub const WIDTH_MAX: usize = 80;

/// `1 entry`, `2 entries`: a count, and what is counted.
pub(crate) fn counted(count: impl std::fmt::Display + Copy, one: &str) -> String {
    let count = count.to_string();
    match one.strip_suffix('y') {
        _ if count == "1" => format!("{count} {one}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {one}s"),
    }
}

/// Whether a character would not be seen, or would change how its neighbours are seen: control
/// characters, bidirectional controls, zero-width and filler characters, line separators, tags.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a
            | 0xe_0000..=0xe_0fff)
}

/// The text with every hidden character spelt out: `\n`, `\t`, `\u{1b}`, `\u{202e}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// As [`escape`], for bytes that need not be UTF-8, such as paths and author names in git:
/// every byte that is not is spelt `\xff`.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// JSON text with hidden characters inside its strings as `\uXXXX`: the same value, and safe to
/// look at. `json` must be well-formed, so that such characters stand in strings only.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// A line that GitHub's runner takes for text: it obeys one that begins with `::`, white space
/// left out, and `##[` anywhere. Nothing else changes, and what was meant can still be read.
#[must_use]
pub fn disarm(line: &str) -> Cow<'_, str> {
    let start = line.len() - line.trim_start().len();
    let is_command = line[start..].starts_with("::");
    if !is_command && !line.contains("##[") {
        return Cow::Borrowed(line);
    }
    let mut disarmed = line.replace("##[", "## [");
    if is_command {
        disarmed.insert(start + 1, ' ');
    }
    Cow::Owned(disarmed)
}

/// How many columns the text takes, hidden characters being escaped before.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Columns of one character: combining marks take none, East Asian wide ones and emoji two.
/// The blocks are coarse: a wrong guess costs alignment, nothing else.
fn columns(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f => {
            0
        }
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1_f300..=0x1_faff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// Breaks a text at spaces into lines of at most `width_max` columns, the second and later ones
/// indented by `indent`. A word that is longer stays whole, and so does a command: both are there
/// to be copied. Runs of spaces inside a line are kept.
#[must_use]
pub fn wrap(text: &str, indent: usize, width_max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut line_has_word = false;
    for word in pieces(text, width_max.saturating_sub(indent)) {
        let needed = width(&line) + usize::from(line_has_word) + width(word);
        if line_has_word && needed > width_max {
            line.truncate(line.trim_end().len());
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            line_has_word = false;
            if word.is_empty() {
                continue;
            }
        }
        if line_has_word {
            line.push(' ');
        }
        line.push_str(word);
        line_has_word = true;
    }
    if lines.is_empty() || !line.trim().is_empty() {
        lines.push(line);
    }
    lines
}

/// What a line is never broken within: words, and commands as [`command_end`] finds them.
fn pieces(text: &str, width_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    // Whether a command is what the text tells, and no part of its sentence.
    let mut is_told = true;
    while start <= text.len() {
        let rest = &text[start..];
        let word = rest.split(' ').next().unwrap_or_default();
        let command = command_end(rest).map(|end| &rest[..end]);
        // A sentence that goes on behind its command is broken rather than longer than a line.
        let piece = command.filter(|one| is_told || width(one) <= width_max).unwrap_or(word);
        is_told = piece.is_empty() || piece.ends_with(':');
        pieces.push(piece);
        start += piece.len() + 1;
    }
    pieces
}

/// Where a command ends that a text begins with, `countersign` or `git fetch` and what follows: at
/// the end of its clause, at a parenthesis, or where the text does.
fn command_end(text: &str) -> Option<usize> {
    if !text.starts_with("countersign ") && !text.starts_with("git fetch ") {
        return None;
    }
    let mut end = 0;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            (' ', None) => {
                let (before, after) = (&text[..at], &text[at + 1..]);
                if before.ends_with([',', ';', ')']) || after.starts_with([' ', '(']) {
                    return Some(at);
                }
            }
            _ => {}
        }
        end = at + character.len_utf8();
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 57: a name or comment neither moves the cursor nor turns text around.
    #[test]
    fn hidden_characters_are_spelt_out() {
        assert_eq!(escape("plain, \u{e9}\u{4e2d} text"), "plain, \u{e9}\u{4e2d} text");
        assert_eq!(escape("\u{1b}[2J\u{9b}1m\r\n\t\0"), "\\u{1b}[2J\\u{9b}1m\\r\\n\\t\\u{0}");
        assert_eq!(escape("a\u{202e}b\u{200b}c\u{feff}"), "a\\u{202e}b\\u{200b}c\\u{feff}");
        assert_eq!(escape("x\u{e0041}\u{2028}"), "x\\u{e0041}\\u{2028}");
        assert_eq!(escape_bytes(b"a\xffb\x1b\xe2\x80"), "a\\xffb\\u{1b}\\xe2\\x80");
    }

    #[test]
    fn a_runner_takes_no_line_for_a_command() {
        assert_eq!(disarm("  ::add-mask::x"), "  : :add-mask::x");
        assert_eq!(disarm("\u{3000}::error::x"), "\u{3000}: :error::x");
        assert_eq!(
            disarm("title ##[set-output name=a]b ##["),
            "title ## [set-output name=a]b ## ["
        );
        assert_eq!(disarm("a::b"), "a::b");
        assert_eq!(disarm("###[x]"), "### [x]");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({ "a\u{202e}": ["\u{1b}\u{7f}\u{9b}\u{e0041}", "\u{e9}\n"] });
        let json = escape_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(json.chars().all(|character| character == '\n' || !is_hidden(character)));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 2, 9), ["one two", "  three"]);
        assert_eq!(wrap("", 2, 9), [""]);
        assert_eq!(wrap("  a  b", 2, 9), ["  a  b"]);
        let hash = "0".repeat(64);
        assert_eq!(wrap(&format!("see {hash} now"), 0, 20), ["see", &hash, "now"]);
        for line in wrap(&"word ".repeat(200), 4, WIDTH_MAX) {
            assert!(width(&line) <= WIDTH_MAX, "{line:?}");
        }
    }

    /// What is told to be typed is copied whole, however long the text before it is.
    #[test]
    fn a_command_is_never_broken() {
        let declare = "countersign declare refs/heads/a-branch";
        assert_eq!(
            wrap(&format!("Ben says how it was written: {declare}"), 0, 50),
            ["Ben says how it was written:", declare]
        );
        assert_eq!(wrap(&format!("Ben runs  {declare}"), 0, 40), ["Ben runs", declare]);
        let quoted = "countersign approve a --check 'rollback plan; yes=ANSWER (x)'";
        assert_eq!(
            wrap(&format!("answer it: {quoted}"), 2, 30),
            ["answer it:", &format!("  {quoted}")]
        );
        assert_eq!(
            wrap("once: countersign override 41c09aa -m WHY (leaves a debt, due in 24 h)", 0, 40),
            ["once:", "countersign override 41c09aa -m WHY", "(leaves a debt, due in 24 h)"]
        );
        assert_eq!(
            wrap("make one with countersign init, or name one with --ledger", 0, 30),
            ["make one with", "countersign init, or name one", "with --ledger"]
        );
        assert_eq!(wrap("a: git fetch origin 41c09aa", 0, 26), ["a:", "git fetch origin 41c09aa"]);
        // Where a sentence goes on behind it, and is no command to copy.
        let sentence = "the countersign of an officer is what this long sentence is about";
        assert!(wrap(sentence, 0, 40).iter().all(|line| width(line) <= 40));
        assert_eq!(wrap("", 0, 9), [""]);
        assert_eq!(wrap("a ", 0, 9), ["a "]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(width("ab"), 2);
        assert_eq!(width("\u{4e2d}\u{6587}"), 4);
        assert_eq!(width("e\u{301}"), 1);
    }
}
