//! Tests of the terminal, and streams for the tests of other files.

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
    let mut loud = coloured.open(Manner { color: ColorChoice::Always, ..Manner::default() }, &[]);
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
    assert!(out.starts_with("  senior or above  ok       Ada\n  sre              missing  word"));
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
    for (kind, fails) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
        let (out, talk) = (Box::new(Failing(kind)), Box::new(Failing(kind)));
        let mut ui = Ui::scripted(Manner::default(), out, talk, Vec::new());
        ui.answer(Word::Yes, "x");
        ui.note("x");
        assert_eq!(ui.finish().is_err(), fails, "{kind:?}");
    }
}
