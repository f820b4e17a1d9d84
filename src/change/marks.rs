//! Marks that AI tools leave in commits (`spec/marks.md`), from the table in `spec/marks.tsv`.
//!
//! A mark shows that a tool took part. No mark shows nothing: every tool can be told to leave
//! none. So marks only ever raise what authors declare, and never lower it.
//!
//! ```
//! use countersign::change::marks::{CommitText, Sign, marks};
//!
//! let commit = CommitText {
//!     author_name: b"Ben Ito",
//!     author_email: b"ben@shop.example",
//!     committer_name: b"Ben Ito",
//!     committer_email: b"ben@shop.example",
//!     message: b"Round half up\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n",
//! };
//! let found = marks(&commit);
//! assert_eq!(found[0].tool, "Claude Code");
//! assert_eq!(found[0].sign, Sign::CoAuthorTrailer);
//! ```

use std::collections::BTreeMap;
use std::sync::LazyLock;

mod value;

use self::value::{addresses, is_letter, says_none, tool_and_model, tool_of_value};
use super::Identity;
use crate::base::limits::{COMMIT_BYTES_MAX, LIST_ITEMS_MAX};
use crate::statement::words::Assistance;

/// Longest trailer key that is looked at, in bytes; no key of the table comes near it.
const KEY_BYTES_MAX: usize = 64;
/// Longest trailer value that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;
/// Longest e-mail address in bytes (RFC 5321 4.5.3.1: 64 + 1 + 255).
const ADDRESS_BYTES_MAX: usize = 320;
/// Most bytes of emoji and spaces before a line that a tool adds to the message.
const DECORATION_BYTES_MAX: usize = 16;
/// The robot face with which some tools begin such a line (U+1F916 in UTF-8).
const ROBOT: &[u8] = b"\xf0\x9f\xa4\x96";
/// What ends each private address that GitHub gives out.
const GITHUB_PRIVATE: &str = "@users.noreply.github.com";
/// The tool's name where a mark names none.
const UNNAMED: &str = "unnamed";

/// The parts of one commit that can carry a mark, as git stores them: any bytes.
#[derive(Debug, Clone, Copy)]
pub struct CommitText<'a> {
    /// The author's name; only aider's suffix is looked for in it.
    pub author_name: &'a [u8],
    /// The author's e-mail address, without angle brackets.
    pub author_email: &'a [u8],
    /// The committer's name; only aider's suffix is looked for in it.
    pub committer_name: &'a [u8],
    /// The committer's e-mail address, without angle brackets.
    pub committer_email: &'a [u8],
    /// The whole message. Bytes after the first mebibyte are not looked at.
    pub message: &'a [u8],
}

impl<'a> CommitText<'a> {
    /// The parts of a commit by these two.
    #[must_use]
    pub fn of(author: &'a Identity, committer: &'a Identity, message: &'a [u8]) -> Self {
        Self {
            author_name: &author.name,
            author_email: &author.email,
            committer_name: &committer.name,
            committer_email: &committer.email,
            message,
        }
    }
}

/// Where a mark stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// The author line.
    Author,
    /// The committer line.
    Committer,
    /// A `Co-authored-by` trailer.
    CoAuthorTrailer,
    /// Another trailer, by its key in lower case.
    Trailer(String),
    /// A line that the tool adds to the message.
    Body,
}

/// One sign that an AI tool took part in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The tool's name in our table, never text of the commit; `unnamed` where the mark has none.
    pub tool: String,
    /// Where it stands.
    pub sign: Sign,
    /// `Generated` where the author is the tool itself, else `Assisted`; never `None`.
    pub assistance: Assistance,
    /// Whether the pattern is known from a single third-party list only.
    pub reported: bool,
}

/// Every mark of a commit, author and committer first, each kind of mark once; at most 100.
#[must_use]
pub fn marks(commit: &CommitText<'_>) -> Vec<Mark> {
    let mut found = Found(Vec::new());
    let people = [
        (Sign::Author, commit.author_name, commit.author_email),
        (Sign::Committer, commit.committer_name, commit.committer_email),
    ];
    for (sign, name, email) in people {
        if let Some((row, attributed)) = tool_of_address(email) {
            let generated = attributed && sign == Sign::Author;
            found.add(row.tool, sign, row.reported, generated);
        } else if let Some(row) = tool_of_name(name) {
            // The suffix stands behind a person's name: they worked together.
            found.add(row.tool, sign, row.reported, false);
        }
    }
    read_message(&commit.message[..commit.message.len().min(COMMIT_BYTES_MAX)], &mut found);
    found.0
}

/// Whether an address is that of an AI tool: such an author is nobody who could prove anything.
///
/// The default address of a tool that belongs to strangers is a mark, but not the tool's.
#[must_use]
pub fn is_tool_address(email: &[u8]) -> bool {
    matches!(tool_of_address(email), Some((_, true)))
}

/// Whether an address is that of an automation without AI: dependency updaters and pipelines.
#[must_use]
pub fn automation(email: &[u8]) -> bool {
    let Some(address) = lower(email, ADDRESS_BYTES_MAX) else { return false };
    TABLE.exact("automation", &address).is_some()
        || slug(&address).is_some_and(|slug| TABLE.exact("automation-github", slug).is_some())
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
struct Row {
    pattern: &'static str,
    tool: &'static str,
    reported: bool,
}

/// The table, by kind of row.
struct Table(BTreeMap<&'static str, BTreeMap<&'static str, Row>>);

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("../../spec/marks.tsv")));

impl Table {
    /// Reads the table; a line that is no row is left out, and a test sees that there is none.
    fn read(text: &'static str) -> Self {
        let mut kinds: BTreeMap<&'static str, BTreeMap<&'static str, Row>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            if let (Some(kind), Some(pattern), Some(tool), Some(standing), None) =
                (columns.next(), columns.next(), columns.next(), columns.next(), columns.next())
            {
                let row = Row { pattern, tool, reported: standing == "reported" };
                kinds.entry(kind).or_default().insert(pattern, row);
            }
        }
        Self(kinds)
    }

    fn exact(&self, kind: &str, pattern: &str) -> Option<&Row> {
        self.0.get(kind)?.get(pattern)
    }

    fn rows(&self, kind: &str) -> impl Iterator<Item = &Row> {
        self.0.get(kind).into_iter().flat_map(BTreeMap::values)
    }
}

/// The marks found so far.
struct Found(Vec<Mark>);

impl Found {
    fn add(&mut self, tool: &str, sign: Sign, reported: bool, generated: bool) {
        let assistance = if generated { Assistance::Generated } else { Assistance::Assisted };
        let mark = Mark { tool: tool.to_owned(), sign, assistance, reported };
        if self.0.len() < LIST_ITEMS_MAX && !self.0.contains(&mark) {
            self.0.push(mark);
        }
    }
}

/// Lower-case text of bytes that are short enough and ASCII; nothing else is in the table.
fn lower(bytes: &[u8], bytes_max: usize) -> Option<String> {
    let bytes = bytes.trim_ascii();
    let text = std::str::from_utf8(bytes).ok()?;
    (text.len() <= bytes_max && text.is_ascii()).then(|| text.to_ascii_lowercase())
}

/// The account of a private GitHub address: `123+name@users.noreply.github.com` is `name`.
fn slug(address: &str) -> Option<&str> {
    let local = address.strip_suffix(GITHUB_PRIVATE)?;
    match local.split_once('+') {
        Some((id, account)) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
            Some(account)
        }
        _ => Some(local),
    }
}

/// The tool whose address this is, and whether the address is really the tool's.
fn tool_of_address(email: &[u8]) -> Option<(&'static Row, bool)> {
    let address = lower(email, ADDRESS_BYTES_MAX)?;
    let account = || slug(&address).and_then(|slug| TABLE.exact("github", slug));
    if let Some(row) = TABLE.exact("address", &address).or_else(account) {
        return Some((row, true));
    }
    TABLE.exact("flagged-address", &address).map(|row| (row, false))
}

/// The tool that adds its suffix to a person's name, whatever bytes the name has.
fn tool_of_name(name: &[u8]) -> Option<&'static Row> {
    let ends_so = |row: &&Row| {
        let start = name.len().checked_sub(row.pattern.len());
        start.is_some_and(|at| name[at..].eq_ignore_ascii_case(row.pattern.as_bytes()))
    };
    TABLE.rows("name-end").find(ends_so)
}

/// Collects the marks of a message, line by line; linear in its length.
fn read_message(message: &[u8], found: &mut Found) {
    // Whatever is read of a line is trimmed, so the CR of a CRLF needs no care of its own.
    let mut lines = message.split(|byte| *byte == b'\n').peekable();
    let mut pair = Pair::default();
    let mut is_subject = true;
    while let Some(line) = lines.next() {
        if std::mem::take(&mut is_subject) {
            for row in TABLE.rows("subject").filter(|row| starts_so(line, row.pattern)) {
                found.add(row.tool, Sign::Body, row.reported, false);
            }
        }
        if let Some((key, start)) = trailer(line) {
            let mut value = Vec::new();
            add_line(&mut value, start);
            // A trailer goes on over the indented lines below it (git-interpret-trailers(1)).
            while let Some(more) =
                lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
            {
                add_line(&mut value, more);
            }
            read_trailer(&key, &value, &mut pair, found);
        } else {
            read_line(line, found);
        }
    }
    if let (true, true, Some(tool)) = (pair.model, pair.agent, pair.tool) {
        let reported = TABLE.exact("pair", "model + agent").is_none_or(|row| row.reported);
        found.add(tool, Sign::Trailer("agent".to_owned()), reported, false);
    }
}

/// `Model:` and `Agent:` are ordinary words; only both together, naming a tool, are a mark.
#[derive(Default)]
struct Pair {
    model: bool,
    agent: bool,
    tool: Option<&'static str>,
}

/// The key in lower case and the rest of a line that begins at its first column with `key:`.
fn trailer(line: &[u8]) -> Option<(String, &[u8])> {
    let good = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
    let (key, rest) = line.split_at(line.iter().take_while(good).count());
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    lower(key, KEY_BYTES_MAX).filter(|key| !key.is_empty()).map(|key| (key, rest))
}

/// Adds a line to the value of a trailer, up to the bytes that are looked at.
fn add_line(value: &mut Vec<u8>, line: &[u8]) {
    let line = line.trim_ascii();
    if !value.is_empty() && !line.is_empty() {
        value.push(b' ');
    }
    value.extend_from_slice(&line[..line.len().min(VALUE_BYTES_MAX)]);
    value.truncate(VALUE_BYTES_MAX);
}

/// Reads one trailer: its addresses, then what the table knows of its key and value.
fn read_trailer(key: &str, value: &[u8], pair: &mut Pair, found: &mut Found) {
    let sign = || match key {
        "co-authored-by" => Sign::CoAuthorTrailer,
        _ => Sign::Trailer(key.to_owned()),
    };
    let (addresses, tool) = (addresses(value), tool_of_value(value));
    if key.ends_with("-by") && TABLE.exact("bystander", key).is_none() {
        for (row, _) in addresses.iter().filter_map(|address| tool_of_address(address)) {
            found.add(row.tool, sign(), row.reported, false);
        }
    }
    // Where there is an address it alone decides: a display name is anybody's to choose.
    let named = tool.filter(|_| addresses.is_empty());
    // A co-author without an address is a tool only where no person could be called so.
    let is_named_alone = key == "co-authored-by" && addresses.is_empty();
    if let Some(row) = tool_and_model(value).filter(|_| is_named_alone) {
        found.add(row.tool, sign(), row.reported, false);
    }
    if let (Some(_), Some(row)) = (TABLE.exact("said", key), named) {
        found.add(row.tool, sign(), row.reported, false);
    }
    if let Some(row) = TABLE.exact("key", key).filter(|_| !says_none(value)) {
        let tool = if row.tool == UNNAMED { named.map_or(UNNAMED, |n| n.tool) } else { row.tool };
        found.add(tool, sign(), row.reported, false);
    }
    for row in TABLE.rows("key-value") {
        if let Some((row_key, start)) = row.pattern.split_once(": ")
            && row_key == key
            && behind(value, start).is_some()
        {
            found.add(row.tool, sign(), row.reported, false);
        }
    }
    pair.model |= key == "model";
    pair.agent |= key == "agent";
    if matches!(key, "model" | "agent") {
        pair.tool = pair.tool.or(tool.map(|row| row.tool));
    }
}

/// What follows a pattern that a text begins with, as a whole word where it ends in one.
fn behind<'a>(text: &'a [u8], pattern: &str) -> Option<&'a [u8]> {
    let rest = text.get(pattern.len()..).filter(|_| starts_so(text, pattern))?;
    let ends_in_word = pattern.ends_with(|c: char| c.is_ascii_alphanumeric());
    (!ends_in_word || !rest.first().is_some_and(|next| is_letter(*next))).then_some(rest)
}

fn starts_so(line: &[u8], pattern: &str) -> bool {
    line.get(..pattern.len()).is_some_and(|start| start.eq_ignore_ascii_case(pattern.as_bytes()))
}

/// Reads a line that is no trailer: what tools add below a message, emoji or none before it.
fn read_line(line: &[u8], found: &mut Found) {
    let is_decoration = |byte: &u8| *byte >= 0x80 || *byte == b' ';
    let decoration = line.iter().take(DECORATION_BYTES_MAX).take_while(|b| is_decoration(b));
    let (decoration, text) = line.split_at(decoration.count());
    if decoration.starts_with(b" ") {
        // Indented lines quote something.
        return;
    }
    let whole = text.trim_ascii_end();
    for row in TABLE.rows("body").filter(|row| behind(text, row.pattern).is_some()) {
        found.add(row.tool, Sign::Body, row.reported, false);
    }
    for row in TABLE.rows("line") {
        if whole.eq_ignore_ascii_case(row.pattern.as_bytes()) {
            found.add(row.tool, Sign::Body, row.reported, false);
        }
    }
    for row in TABLE.rows("robot").filter(|row| behind(text, row.pattern).is_some()) {
        if decoration.starts_with(ROBOT) {
            found.add(row.tool, Sign::Body, row.reported, false);
        }
    }
}

#[cfg(test)]
mod tests;
