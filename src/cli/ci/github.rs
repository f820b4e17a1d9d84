//! GitHub Actions: annotations as workflow commands, and the job summary in Markdown.
//!
//! Titles, names and paths are anybody's. In a workflow command they can end neither the line nor
//! a property; in the summary they are character references, so that they are neither Markdown
//! nor HTML.

use std::fmt::{self, Display, Write as _};

use super::Finding;
use crate::cli::report::SegmentReport;
use crate::cli::text;

/// GitHub shows at most so many annotations of a kind for one step.
const ANNOTATIONS_MAX: usize = 10;
/// So many changes have a row in a summary, of which a step may write 1 MiB.
const ROWS_MAX: usize = 200;
/// Longest text of one cell, in characters.
const CELL_CHARACTERS_MAX: usize = 1_000;

/// One line that the runner obeys: an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowCommand {
    /// `error` or `warning`.
    name: &'static str,
    file: Option<String>,
    title: String,
    lines: Vec<String>,
}

impl Display for WorkflowCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "::{} ", self.name)?;
        if let Some(file) = &self.file {
            write!(formatter, "file={},line=1,", property(file))?;
        }
        write!(formatter, "title={}::", property(&self.title))?;
        for (number, line) in self.lines.iter().enumerate() {
            let line_break = if number == 0 { "" } else { "%0A" };
            write!(formatter, "{line_break}{}", data(line))?;
        }
        Ok(())
    }
}

/// Text as a command's message. Hidden characters are spelt out first, line breaks among them; the
/// runner's older form of commands is taken apart, though it is not looked for inside this one.
fn data(text: &str) -> String {
    let text = text::escape(text).replace("##[", "## [");
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as the value of a property, which `,` and `:` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The annotations for what is wrong: errors, or warnings where nothing is refused. What is more
/// than GitHub shows stands in the summary.
pub(crate) fn annotations(
    findings: &[Finding],
    is_refused: bool,
) -> impl Iterator<Item = WorkflowCommand> + '_ {
    let name = if is_refused { "error" } else { "warning" };
    findings.iter().take(ANNOTATIONS_MAX).map(move |finding| WorkflowCommand {
        name,
        file: finding.path.as_ref().map(|path| text::escape_bytes(path.as_bytes())),
        title: format!("countersign: {}", finding.code),
        lines: [Some(&finding.text), finding.next.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    })
}

/// What a job summary tells.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// The first word of the answer.
    pub(crate) word: &'a str,
    /// The rest of its first line.
    pub(crate) said: &'a str,
    /// What it rests on.
    pub(crate) rests: &'a str,
    /// What is wrong.
    pub(crate) findings: &'a [Finding],
    /// Every change, oldest first.
    pub(crate) segments: &'a [SegmentReport],
    /// What to do next.
    pub(crate) next: &'a str,
}

/// The job summary.
pub(crate) fn summary(told: &Summary<'_>) -> String {
    let mut page = format!("### {}: {}\n\n{}\n", md(told.word), md(told.said), md(told.rests));
    // Writing to a String cannot fail.
    if !told.findings.is_empty() {
        page.push_str("\n| wrong | what | what to do |\n| --- | --- | --- |\n");
    }
    for finding in told.findings.iter().take(ROWS_MAX) {
        let next = finding.next.as_deref().unwrap_or_default();
        let (text, code) = (md(&finding.text), md(finding.code.as_str()));
        let _ = writeln!(page, "| <code>{code}</code> | {text} | {} |", md(next));
    }
    page.push_str("\n| change | | by | signed off by |\n| --- | --- | --- | --- |\n");
    for segment in told.segments.iter().take(ROWS_MAX) {
        let authors: Vec<_> = segment.authors.iter().map(|author| author.name.as_str()).collect();
        let signed: Vec<_> = segment.has.iter().map(|has| has.name.as_str()).collect();
        let (title, commit) = (md(&segment.title), md(segment.last.short()));
        let state = if segment.satisfied { "" } else { " **open**" };
        let by = md(&authors.join(", "));
        let signed = md(&signed.join(", "));
        let _ = writeln!(page, "| <code>{commit}</code>{state} | {title} | {by} | {signed} |");
    }
    let left_out = told.segments.len().max(told.findings.len()).saturating_sub(ROWS_MAX);
    if left_out > 0 {
        let _ = writeln!(page, "\n{left_out} more are in the log.");
    }
    let _ = writeln!(page, "\nNext: {}\n", md(told.next));
    page
}

/// Text as Markdown that means nothing but itself: every ASCII character that could begin
/// something is a character reference, and one that nobody sees is spelt out.
fn md(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 16);
    for character in text::escape(text).chars().take(CELL_CHARACTERS_MAX) {
        let is_plain = character.is_ascii_alphanumeric() || " .,;()/".contains(character);
        if is_plain || !character.is_ascii() {
            written.push(character);
        } else {
            let _ = write!(written, "&#{};", u32::from(character));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ReasonCode;

    /// What a runner reads of a line, as its source has it: white space first is left out, the
    /// first `::` after the name ends the properties.
    fn read(line: &str) -> Option<(String, String)> {
        let rest = line.trim_start().strip_prefix("::")?;
        let (command, data) = rest.split_once("::")?;
        Some((command.to_owned(), data.to_owned()))
    }

    fn hostile(text: &str) -> Finding {
        Finding {
            code: ReasonCode::NeedsLevel,
            text: text.to_owned(),
            next: Some(text.to_owned()),
            change: None,
            path: crate::change::ChangePath::new(text.as_bytes().to_vec()).ok(),
        }
    }

    /// ATTACKS 57: neither a title nor a path or a name begins a command or ends a property.
    #[test]
    fn attack_57_no_text_gives_the_runner_a_second_command() {
        let texts = [
            "a\n::set-output name=x::y",
            "a\r\n::add-mask::s",
            "::stop-commands::x",
            "a,line=9,title=b::c",
            "100%0A::error::x",
            "%25 %3A : , ::",
            "\u{85}::error::x\u{2028}::error::y",
        ];
        for text in texts {
            let findings = [hostile(text)];
            let made = annotations(&findings, true).next().unwrap().to_string();
            assert_eq!(made.lines().count(), 1, "{made:?}");
            assert!(made.chars().all(|one| !text::is_hidden(one)), "{made:?}");
            let (command, said) = read(&made).unwrap();
            let names: Vec<_> =
                command["error ".len()..].split(',').map(|one| one.split('=').next()).collect();
            assert_eq!(names, [Some("file"), Some("line"), Some("title")], "{made}");
            assert!(command.ends_with("title=countersign%3A NEEDS_LEVEL"), "{made}");
            let back = said.split("%0A").next().unwrap().replace("%25", "%");
            assert_eq!(back, text::escape(text), "the text is what it was");
        }
    }

    #[test]
    fn a_command_is_written_as_documented() {
        let mut finding = hostile("1 of senior: it's 100%");
        finding.path = crate::change::ChangePath::new(b"a,b:c".to_vec()).ok();
        finding.next = Some("ask Ada".to_owned());
        let made = annotations(&[finding], false).next().unwrap().to_string();
        assert_eq!(
            made,
            "::warning file=a%2Cb%3Ac,line=1,title=countersign%3A NEEDS_LEVEL::\
             1 of senior: it's 100%25%0Aask Ada"
        );
        let many: Vec<_> = (0..30).map(|_| hostile("x")).collect();
        assert_eq!(annotations(&many, true).count(), ANNOTATIONS_MAX);
    }

    /// ATTACKS 57: in a summary a text is neither Markdown nor HTML.
    #[test]
    fn attack_57_a_summary_holds_text_only() {
        let text = "</td><img src=x onerror=y> [a](b) `c` | d **e** \n# f ![g](h) &lt; \u{202e}";
        let findings = [hostile(text)];
        let page = summary(&Summary {
            word: "NO",
            said: text,
            rests: text,
            findings: &findings,
            segments: &[],
            next: text,
        });
        let ours = page.replace("<code>", "").replace("</code>", "");
        for mark in ['<', '>', '[', ']', '`', '*', '!', '\u{202e}'] {
            assert!(!ours.contains(mark), "{mark:?} in {page}");
        }
        let row = page.lines().find(|line| line.contains("onerror")).unwrap();
        assert!(row.starts_with("### NO"), "{row}");
        let row = page.lines().find(|line| line.starts_with("| <code>NEEDS")).unwrap();
        assert_eq!(row.matches('|').count(), 4, "{row}");
        assert_eq!(md("&#60;"), "&#38;&#35;60;");
    }
}
