//! The only writer to the terminal: the answer on stdout, talk on stderr.
//!
//! Every method takes plain text and escapes it, so that no command can forget to; colour is
//! added here, never alone: the words carry the meaning. Nothing here fails: a reader that
//! closed the pipe (`| head`) is no error, and any other failure is kept for [`Ui::finish`].

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Read as _, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use zeroize::Zeroizing;

use super::text::{self, WIDTH_MAX};
use crate::base::limits::FREE_TEXT_BYTES_MAX;

/// The first word of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Signed off, true, done.
    Yes,
    /// Not signed off.
    No,
    /// Would be refused if the policy were enforced.
    WouldRefuse,
    /// What should verify does not.
    Tampered,
    /// The answer could not be had.
    Unreachable,
}

impl Word {
    /// The word as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::No => "NO",
            Self::WouldRefuse => "WOULD REFUSE",
            Self::Tampered => "TAMPERED",
            Self::Unreachable => "UNREACHABLE",
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Yes => Role::Good,
            Self::No | Self::Tampered => Role::Bad,
            Self::WouldRefuse | Self::Unreachable => Role::Caution,
        }
    }
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Ordinary text.
    #[default]
    Plain,
    /// Good news: green.
    Good,
    /// Bad news: red.
    Bad,
    /// Wants attention: yellow.
    Caution,
    /// A heading or name: bold.
    Strong,
    /// Of lesser weight: dimmed.
    Faint,
}

impl Role {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| colour.on_default().bold();
        match self {
            Self::Plain => Style::new(),
            Self::Good => colour(AnsiColor::Green),
            Self::Bad => colour(AnsiColor::Red),
            Self::Caution => colour(AnsiColor::Yellow),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }

    /// Escapes and colours.
    fn paint(self, text: &str) -> String {
        let text = text::escape(text);
        if self == Self::Plain || text.is_empty() {
            return text.into_owned();
        }
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

/// One cell of a [`Table`].
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    role: Role,
}

impl Cell {
    /// A coloured cell.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { text: text::escape(&text.into()).into_owned(), role }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Role::Plain, text)
    }
}

/// Rows with aligned columns, two spaces apart; the last column wraps at 80 columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    indent: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table whose rows start after `indent` spaces.
    #[must_use]
    pub fn new(indent: usize) -> Self {
        Self { indent, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// The rows as lines, escaped and coloured.
    fn lines(&self) -> Vec<String> {
        /// A last column is never squeezed below this, in columns.
        const LAST_COLUMN_MIN: usize = 20;
        let column_count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; column_count];
        for row in &self.rows {
            // The last cell of a row takes what is left, so it does not widen its column.
            for (column, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
                widths[column] = text::width(&cell.text).max(widths[column]);
            }
        }
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            let mut start = self.indent;
            let Some((last, cells)) = row.split_last() else { continue };
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&cell.role.paint(&cell.text));
                line.push_str(&" ".repeat(width - text::width(&cell.text) + 2));
                start += width + 2;
            }
            let room = WIDTH_MAX.saturating_sub(start).max(LAST_COLUMN_MIN);
            for (number, part) in text::wrap(&last.text, 0, room).iter().enumerate() {
                if number > 0 {
                    line = " ".repeat(start);
                }
                line.push_str(&last.role.paint(part));
                lines.push(line.trim_end().to_owned());
            }
        }
        lines
    }
}

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

/// The terminal, or whatever stands in its place.
pub struct Ui {
    out: Box<dyn Write>,
    talk: Box<dyn Write>,
    out_is_terminal: bool,
    out_is_closed: bool,
    failure: Option<io::Error>,
    input: Input,
    manner: Manner,
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
            out: Box::new(BufWriter::new(anstream::AutoStream::new(io::stdout(), choice))),
            talk: Box::new(anstream::AutoStream::new(io::stderr(), choice)),
            out_is_closed: false,
            failure: None,
            input: if person { Input::Terminal } else { Input::Nobody },
            manner,
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
            talk: strip(talk),
            out_is_terminal: false,
            out_is_closed: false,
            failure: None,
            input,
            manner,
        }
    }

    /// Takes on the manner that the command line asks for, the streams staying as they are.
    pub fn set_manner(&mut self, manner: Manner) {
        self.manner = manner;
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

    /// A line on stdout, as it is: for text that the caller keeps within 80 columns.
    pub fn line(&mut self, text: &str) {
        self.put(&text::escape(text));
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
                let json = text::escape_json(&json);
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
        } else {
            self.write_out(bytes);
        }
    }

    /// Progress and remarks on stderr; silent with `-q`.
    pub fn note(&mut self, text: &str) {
        if !self.manner.quiet {
            self.speak(Role::Plain, "", text);
        }
    }

    /// A remark on stderr that only `-v` shows.
    pub fn detail(&mut self, text: &str) {
        if self.manner.verbose {
            self.speak(Role::Faint, "", text);
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
            self.write_out(format!("{line}\n").as_bytes());
        }
    }

    fn write_out(&mut self, bytes: &[u8]) {
        if !self.out_is_closed {
            let outcome = self.out.write_all(bytes);
            self.keep(outcome);
        }
    }

    fn flush_out(&mut self) {
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
        // There is nowhere left to complain to.
        let _ = self.talk.write_all(text.as_bytes()).and_then(|()| self.talk.flush());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Streams whose content a test can read.
    #[derive(Clone, Default)]
    pub(crate) struct Streams {
        out: Rc<RefCell<Vec<u8>>>,
        talk: Rc<RefCell<Vec<u8>>>,
    }

    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    impl Streams {
        pub(crate) fn out(&self) -> String {
            String::from_utf8(self.out.borrow().clone()).unwrap()
        }

        pub(crate) fn talk(&self) -> String {
            String::from_utf8(self.talk.borrow().clone()).unwrap()
        }

        pub(crate) fn open(&self, manner: Manner, answers: &[&str]) -> Ui {
            let answers = answers.iter().map(|&answer| answer.to_owned()).collect();
            let (out, talk) = (Shared(self.out.clone()), Shared(self.talk.clone()));
            Ui::scripted(manner, Box::new(out), Box::new(talk), answers)
        }
    }

    /// A plain terminal with prepared answers.
    pub(crate) fn ui(streams: &Streams, answers: &[&str]) -> Ui {
        streams.open(Manner::default(), answers)
    }

    #[test]
    fn first_word_is_the_answer() {
        let streams = Streams::default();
        let mut ui = ui(&streams, &[]);
        ui.answer(Word::WouldRefuse, "checkout 7be2d10 to production");
        ui.answer(Word::No, &"long ".repeat(30));
        let out = streams.out();
        assert!(out.starts_with("WOULD REFUSE  checkout 7be2d10 to production\nNO  long"));
        assert!(out.lines().all(|line| line.len() <= WIDTH_MAX));
        assert!(out.lines().nth(2).unwrap().starts_with("    long"));
    }

    #[test]
    fn colour_only_adds_to_the_same_words() {
        let coloured = Streams::default();
        let mut loud =
            coloured.open(Manner { color: ColorChoice::Always, ..Manner::default() }, &[]);
        loud.answer(Word::Yes, "x");
        assert_eq!(coloured.out(), "\u{1b}[1m\u{1b}[32mYES\u{1b}[0m  x\n");
        let plain = Streams::default();
        ui(&plain, &[]).answer(Word::Yes, "x");
        assert_eq!(plain.out(), "YES  x\n");
    }

    /// ATTACKS 57: whatever the data holds, one line stays one line and shows what it is.
    #[test]
    fn data_cannot_forge_a_line() {
        let streams = Streams::default();
        let mut ui = ui(&streams, &[]);
        let evil = "NO\rYES\nYES \u{202e}\u{1b}[8m";
        ui.answer(Word::No, evil);
        ui.line(evil);
        ui.paragraph(2, evil);
        let mut table = Table::new(0);
        table.row([evil, evil]).row(["a", evil]);
        ui.table(&table);
        ui.note(evil);
        ui.warn(evil);
        ui.document(b"plain bytes\n");
        assert_eq!(streams.out().lines().count(), 6, "{}", streams.out());
        assert_eq!(streams.talk().lines().count(), 2, "{}", streams.talk());
        let all = format!("{}{}", streams.out(), streams.talk());
        assert!(all.chars().all(|character| character == '\n' || !text::is_hidden(character)));
        assert!(all.contains("NO\\rYES\\nYES \\u{202e}\\u{1b}[8m"));
    }

    #[test]
    fn tables_align_and_wrap_within_80_columns() {
        let streams = Streams::default();
        let mut table = Table::new(2);
        table.row(["senior or above", "ok", "Ada"]).row(["sre", "missing", &"word ".repeat(30)]);
        ui(&streams, &[]).table(&table);
        let out = streams.out();
        assert!(
            out.starts_with("  senior or above  ok       Ada\n  sre              missing  word")
        );
        assert!(out.lines().count() > 3 && out.lines().all(|line| line.len() <= WIDTH_MAX));
        assert!(out.lines().last().unwrap().starts_with(&" ".repeat(28)));
    }

    #[test]
    fn json_and_quiet_silence_the_words() {
        let json = Streams::default();
        let mut talkative = json.open(Manner { json: true, ..Manner::default() }, &[]);
        talkative.answer(Word::Yes, "x");
        talkative.json(&serde_json::json!({ "answer": "yes" }));
        assert_eq!(json.out(), "{\n  \"answer\": \"yes\"\n}\n");
        let quiet = Streams::default();
        let mut silent = quiet.open(Manner { quiet: true, json: true, ..Manner::default() }, &[]);
        silent.answer(Word::Yes, "x");
        silent.json(&1);
        silent.note("x");
        silent.warn("x");
        assert_eq!((quiet.out(), quiet.talk()), (String::new(), String::new()));
        let plain = Streams::default();
        ui(&plain, &[]).json(&1);
        assert_eq!(plain.out(), "");
    }

    #[test]
    fn questions_need_a_person() {
        let streams = Streams::default();
        let mut nobody = ui(&streams, &[]);
        assert!(!nobody.has_person());
        assert_eq!(nobody.confirm("sure?"), None);
        assert!(nobody.prompt_secret("passphrase?").is_none());
        assert_eq!(streams.talk(), "");
        let mut person = ui(&streams, &["y", "", "Yes ", "no"]);
        let answers: Vec<_> = (0..5).map(|_| person.confirm("sure?")).collect();
        assert_eq!(answers, [Some(true), Some(false), Some(true), Some(false), None]);
        assert_eq!(streams.talk(), "sure? [y/N] \n".repeat(5));
        assert_eq!(streams.out(), "");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
        for (kind, fails) in
            [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)]
        {
            let (out, talk) = (Box::new(Failing(kind)), Box::new(Failing(kind)));
            let mut ui = Ui::scripted(Manner::default(), out, talk, Vec::new());
            ui.answer(Word::Yes, "x");
            ui.note("x");
            assert_eq!(ui.finish().is_err(), fails, "{kind:?}");
        }
    }
}
