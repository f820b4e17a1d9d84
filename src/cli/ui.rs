//! The only writer to the terminal: the answer on stdout, talk on stderr.
//!
//! Every method takes plain text and escapes it, so that no command can forget to; colour is
//! added here, never alone: the words carry the meaning. Nothing here fails: a reader that
//! closed the pipe (`| head`) is no error, and any other failure is kept for [`Ui::finish`].

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Read as _, Write};

use serde::Serialize;
use zeroize::Zeroizing;

pub use self::bar::Bar;
pub use super::style::{Role, Word};
pub use super::table::{Cell, Table};
use super::text::{self, WIDTH_MAX};
use crate::base::limits::FREE_TEXT_BYTES_MAX;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much is printed and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Answers are JSON.
    pub json: bool,
    /// Nothing but errors.
    pub quiet: bool,
    /// Details too.
    pub verbose: bool,
    /// When to colour.
    pub color: ColorChoice,
}

/// Where answers to questions come from.
enum Input {
    /// A person.
    Terminal,
    /// Nobody: every question stays without an answer.
    Nobody,
    /// Prepared lines, for tests.
    Script(VecDeque<String>),
}

/// Who reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// People, and programs that obey nothing.
    Person,
    /// GitHub's runner, which obeys some lines.
    Runner,
}

/// The terminal, or whatever stands in its place.
pub struct Ui {
    out: Box<dyn Write>,
    /// The same stream past all that looks after colour, which would swallow control characters.
    raw: Option<Box<dyn Write>>,
    talk: Box<dyn Write>,
    out_is_terminal: bool,
    talk_is_terminal: bool,
    out_is_closed: bool,
    failure: Option<io::Error>,
    input: Input,
    manner: Manner,
    reader: Reader,
}

/// Writes a file's content to standard output as it is, at once: `-o -`.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

impl Ui {
    /// The process's own streams.
    #[must_use]
    pub fn terminal(manner: Manner) -> Self {
        let choice = match manner.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        let person = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            out_is_terminal: io::stdout().is_terminal(),
            talk_is_terminal: io::stderr().is_terminal(),
            out: Box::new(BufWriter::new(anstream::AutoStream::new(io::stdout(), choice))),
            raw: Some(Box::new(io::stdout())),
            talk: Box::new(anstream::AutoStream::new(io::stderr(), choice)),
            out_is_closed: false,
            failure: None,
            input: if person { Input::Terminal } else { Input::Nobody },
            manner,
            reader: Reader::Person,
        }
    }

    /// Other streams, with prepared answers to questions; without any, nobody is there.
    #[must_use]
    pub fn scripted(
        manner: Manner,
        out: Box<dyn Write>,
        talk: Box<dyn Write>,
        answers: Vec<String>,
    ) -> Self {
        let colour = manner.color == ColorChoice::Always;
        let strip = |stream: Box<dyn Write>| -> Box<dyn Write> {
            if colour { stream } else { Box::new(anstream::StripStream::new(stream)) }
        };
        let input = if answers.is_empty() { Input::Nobody } else { Input::Script(answers.into()) };
        Self {
            out: strip(out),
            raw: None,
            talk: strip(talk),
            out_is_terminal: false,
            talk_is_terminal: false,
            out_is_closed: false,
            failure: None,
            input,
            manner,
            reader: Reader::Person,
        }
    }

    /// Takes on the manner that the command line asks for, the streams staying as they are.
    pub fn set_manner(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// Whether every line is written so that GitHub's runner takes it for text: it obeys lines
    /// that begin with `::`, and `##[` anywhere, whoever wrote the title that they stand in.
    pub fn disarm_commands(&mut self, is_read_by_runner: bool) {
        self.reader = if is_read_by_runner { Reader::Runner } else { Reader::Person };
    }

    /// A line on stderr that GitHub's runner shall obey, as `cli::ci` makes it; silent with `-q`.
    pub(super) fn workflow_command(&mut self, command: &super::ci::WorkflowCommand) {
        if !self.manner.quiet {
            self.flush_out();
            let line = format!("{command}\n");
            let _ = self.talk.write_all(line.as_bytes()).and_then(|()| self.talk.flush());
        }
    }

    /// Whether answers are JSON. Commands need not ask: [`Ui::json`] is silent where they are
    /// not, and the other methods for stdout where they are.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.manner.json
    }

    /// Whether details were asked for.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.manner.verbose
    }

    /// Whether somebody can be asked.
    #[must_use]
    pub fn has_person(&self) -> bool {
        !matches!(self.input, Input::Nobody)
    }

    /// The first line of an answer: its word, two spaces, and what it says.
    pub fn answer(&mut self, word: Word, rest: &str) {
        self.lead(word.role(), word.as_str(), rest);
    }

    /// A line on stdout that starts with a coloured word.
    pub fn lead(&mut self, role: Role, word: &str, rest: &str) {
        let hang = text::width(&text::escape(word)) + 2;
        let rest = text::escape(rest);
        for (number, part) in text::wrap(&rest, 0, WIDTH_MAX - hang.min(60)).iter().enumerate() {
            let line = if number == 0 {
                format!("{}  {part}", role.paint(word))
            } else {
                format!("{}{part}", " ".repeat(hang))
            };
            self.put(line.trim_end());
        }
    }

    /// A text on stderr as it is, indented, `-q` or not: evidence, of which no byte may change.
    pub fn show(&mut self, document: &str) {
        self.flush_out();
        for line in document.lines() {
            let line = format!("    {}", text::escape(line));
            let _ = self.talk.write_all(format!("{}\n", line.trim_end()).as_bytes());
        }
        let _ = self.talk.write_all(b"\n").and_then(|()| self.talk.flush());
    }

    /// A line on stdout, as it is: for text that the caller keeps within 80 columns.
    pub fn line(&mut self, text: &str) {
        self.put(&text::escape(text));
    }

    /// A coloured line on stdout, however long: for what is read line by line.
    pub fn line_as(&mut self, role: Role, text: &str) {
        self.put(&role.paint(text));
    }

    /// A paragraph on stdout, all of it indented and wrapped at 80 columns.
    pub fn paragraph(&mut self, indent: usize, text: &str) {
        let margin = " ".repeat(indent);
        for part in text::wrap(&text::escape(text), 0, WIDTH_MAX - indent.min(60)) {
            self.put(format!("{margin}{part}").trim_end());
        }
    }

    /// An empty line on stdout.
    pub fn blank(&mut self) {
        self.put("");
    }

    /// A table on stdout.
    pub fn table(&mut self, table: &Table) {
        for line in table.lines() {
            self.put(&line);
        }
    }

    /// The answer as JSON on stdout; silent unless `--json`.
    pub fn json(&mut self, value: &impl Serialize) {
        if !self.manner.json || self.manner.quiet {
            return;
        }
        match serde_json::to_string_pretty(value) {
            Ok(json) => {
                let mut json = text::escape_json(&json);
                if self.reader == Reader::Runner {
                    // It stands inside a string, where this is the same character.
                    json = json.replace("##[", "#\\u0023[");
                }
                self.write_out(format!("{json}\n").as_bytes());
            }
            Err(error) => self.failure = Some(error.into()),
        }
    }

    /// A document on stdout, byte for byte, whatever the manner; on a terminal its lines are
    /// escaped.
    pub fn document(&mut self, bytes: &[u8]) {
        if self.out_is_terminal {
            for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
                self.write_out(format!("{}\n", text::escape_bytes(line)).as_bytes());
            }
            return;
        }
        self.flush_out();
        match self.raw.as_mut().filter(|_| !self.out_is_closed) {
            Some(raw) => {
                let outcome = raw.write_all(bytes).and_then(|()| raw.flush());
                self.keep(outcome);
            }
            None => self.write_out(bytes),
        }
    }

    /// Progress and remarks on stderr; silent with `-q`.
    pub fn note(&mut self, text: &str) {
        if !self.manner.quiet {
            self.speak(Role::Plain, "", text);
        }
    }

    /// How far something has come, over the line before; only on a terminal, silent with `-q`.
    /// An empty text clears the line.
    pub fn progress(&mut self, text: &str) {
        if self.talk_is_terminal && !self.manner.quiet {
            self.write_talk(&format!("\r{:<60}\r{}", "", text::escape(text)));
        }
    }

    /// A line on stderr that tells how far something has come and how long it still takes; only on
    /// a terminal, and silent with `-q` and `--json`.
    #[must_use]
    pub fn bar(&self) -> Bar {
        Bar::new(self.talk_is_terminal && !self.manner.quiet && !self.manner.json)
    }

    /// A remark on stderr that only `-v` shows.
    pub fn detail(&mut self, text: &str) {
        if self.manner.verbose {
            self.speak(Role::Faint, "", text);
        }
    }

    /// A line of JSON on stderr, for programs that gather logs; silent with `-q`.
    pub fn log(&mut self, line: &impl Serialize) {
        if self.manner.quiet {
            return;
        }
        if let Ok(json) = serde_json::to_string(line) {
            self.write_talk(&format!("{}\n", text::escape_json(&json)));
        }
    }

    /// A warning on stderr; silent with `-q`.
    pub fn warn(&mut self, text: &str) {
        if !self.manner.quiet {
            self.speak(Role::Caution, "countersign: warning: ", text);
        }
    }

    /// A line of talk on stderr after a coloured label, wrapped at 80 columns.
    pub(super) fn speak(&mut self, role: Role, label: &str, text: &str) {
        // What was answered before stands before it on a terminal that shows both.
        self.flush_out();
        let text = text::escape(text);
        let first = text::width(label);
        let style = role.style();
        // The label's place is held by a word of its width, so that the first line is shorter.
        let held = format!("{}{text}", "_".repeat(first));
        for (number, part) in text::wrap(&held, 2, WIDTH_MAX).iter().enumerate() {
            let line = match part.get(first..) {
                Some(rest) if number == 0 => format!("{style}{label}{style:#}{rest}\n"),
                _ => format!("{part}\n"),
            };
            self.write_talk(&line);
        }
    }

    /// Asks a question. `None` where nobody is there or the input ends.
    pub fn prompt(&mut self, question: &str) -> Option<String> {
        self.flush_out();
        match &mut self.input {
            Input::Nobody => None,
            Input::Script(answers) => {
                let answer = answers.pop_front();
                self.write_talk(&format!("{} ", text::escape(question)));
                self.write_talk("\n");
                answer
            }
            Input::Terminal => {
                self.write_talk(&format!("{} ", text::escape(question)));
                let limit = u64::try_from(FREE_TEXT_BYTES_MAX).unwrap_or(u64::MAX);
                let mut answer = String::new();
                match io::stdin().lock().take(limit).read_line(&mut answer) {
                    Ok(0) | Err(_) => None,
                    Ok(_) => Some(answer.trim_end_matches(['\n', '\r']).to_owned()),
                }
            }
        }
    }

    /// Asks for a secret, which is not shown. `None` where nobody is there or the input ends.
    pub fn prompt_secret(&mut self, question: &str) -> Option<Zeroizing<String>> {
        match &mut self.input {
            Input::Nobody | Input::Script(_) => self.prompt(question).map(Zeroizing::new),
            Input::Terminal => {
                self.flush_out();
                self.write_talk(&format!("{} ", text::escape(question)));
                rpassword::read_password().ok().map(Zeroizing::new)
            }
        }
    }

    /// Asks a question whose answer is yes or no; anything but `y` or `yes` is no. `None` where
    /// nobody is there.
    pub fn confirm(&mut self, question: &str) -> Option<bool> {
        let answer = self.prompt(&format!("{question} [y/N]"))?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Writes out what is buffered, and tells whether all of the answer was written. A reader
    /// that went away is no failure: it had what it wanted.
    ///
    /// # Errors
    /// The first failure to write the answer.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush_out();
        self.failure.take().map_or(Ok(()), Err)
    }

    fn put(&mut self, line: &str) {
        if !self.manner.json && !self.manner.quiet {
            let line = self.disarmed(line);
            self.write_out(format!("{line}\n").as_bytes());
        }
    }

    fn disarmed<'t>(&self, line: &'t str) -> Cow<'t, str> {
        if self.reader == Reader::Runner { text::disarm(line) } else { Cow::Borrowed(line) }
    }

    fn write_out(&mut self, bytes: &[u8]) {
        if !self.out_is_closed {
            let outcome = self.out.write_all(bytes);
            self.keep(outcome);
        }
    }

    /// Writes out what is buffered, so that what others print next stands after it.
    pub(crate) fn flush_out(&mut self) {
        if !self.out_is_closed {
            let outcome = self.out.flush();
            self.keep(outcome);
        }
    }

    fn keep(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.out_is_closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.failure = Some(error);
            }
        }
    }

    fn write_talk(&mut self, text: &str) {
        let text = self.disarmed(text);
        // There is nowhere left to complain to.
        let _ = self.talk.write_all(text.as_bytes()).and_then(|()| self.talk.flush());
    }
}

mod bar;
#[cfg(test)]
pub(crate) mod tests;
