//! Errors as people read them: what, why, what next.
//!
//! ```text
//! countersign: error: cannot read trust.toml
//!   caused by: No such file or directory (os error 2)
//!   hint: run countersign trust show
//! ```

mod library;

use std::error::Error;
use std::io;
use std::path::Path;

use super::exit::ExitStatus;
use super::ui::{Role, Ui};
use crate::ledger::fork::Fork;
use crate::policy::ReasonCode;
use crate::store::lock::SERVER;

/// What an error means for who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong usage or bad input: exit status 2.
    Usage,
    /// What should verify does not: exit status 3.
    Integrity,
    /// Locked, unreachable or full: exit status 4.
    Unavailable,
}

/// An error of a command. The hints are attached here, never in the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// What it means for who called.
    pub kind: ErrorKind,
    /// What went wrong: lower-case, without a period.
    pub message: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Two histories of one ledger, where that is what is wrong.
    pub fork: Option<Box<Fork>>,
    /// Signed checkpoints that show what is wrong, and prove nothing by themselves.
    pub notes: Vec<String>,
    /// Whether what was handed in may have been taken up, or not.
    pub is_unanswered: bool,
    /// Whether a commit is not in the repository, which may be behind.
    pub is_commit_missing: bool,
}

impl CliError {
    /// An error without causes or hints.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (message, causes, hints) = (message.into(), Vec::new(), Vec::new());
        let hint = usual_hint(kind, &message);
        let this = Self {
            kind,
            message,
            causes,
            hints,
            fork: None,
            notes: Vec::new(),
            is_unanswered: false,
            is_commit_missing: false,
        };
        hint.into_iter().fold(this, Self::hint)
    }

    /// Wrong usage or bad input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// What no verdict can be asked of yet, with the code that programs know it by and its remedy.
    #[must_use]
    pub fn refused(code: ReasonCode, message: &str) -> Self {
        Self::usage(format!("{message} ({code})")).hint(code.remedy())
    }

    /// What should verify does not.
    pub fn integrity(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Integrity, message)
    }

    /// Locked, unreachable or full.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A library's error and its causes.
    #[must_use]
    pub fn from_error(kind: ErrorKind, error: &(dyn Error + 'static)) -> Self {
        let this = Self::new(kind, error.to_string());
        match error.source() {
            Some(cause) => this.because(cause),
            None => this,
        }
    }

    /// `cannot ACTION PATH`. What is not there, or is of the wrong kind, is bad input; anything
    /// else, such as a full disk, leaves the answer unknown.
    #[must_use]
    pub fn file(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(kind_of_io(error), format!("cannot {action} {}", path.display())).because(error)
    }

    /// Adds an error and its causes as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = cause.to_string();
            if let Some(hint) = usual_hint(self.kind, &text)
                && !self.hints.contains(&hint)
            {
                self.hints.push(hint);
            }
            self.causes.push(text);
            next = cause.source();
        }
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit status.
    pub const fn status(&self) -> ExitStatus {
        match self.kind {
            ErrorKind::Usage => ExitStatus::Usage,
            ErrorKind::Integrity => ExitStatus::Integrity,
            ErrorKind::Unavailable => ExitStatus::Unavailable,
        }
    }

    /// Prints the error on stderr, `-q` or not, and gives the exit status.
    pub fn print(&self, ui: &mut Ui) -> ExitStatus {
        ui.speak(Role::Bad, "countersign: error: ", &self.message);
        for cause in &self.causes {
            ui.speak(Role::Strong, "  caused by: ", cause);
        }
        if let Some(fork) = &self.fork {
            for checkpoint in [fork.older(), fork.newer()] {
                ui.show(&checkpoint.note().to_string());
            }
        }
        for note in &self.notes {
            ui.show(note);
        }
        for hint in &self.hints {
            ui.speak(Role::Strong, "  hint: ", hint);
        }
        self.status()
    }
}

/// What to do about storage that another process holds, or that is full. Both come from far below
/// as the words of whoever found it out.
fn usual_hint(kind: ErrorKind, text: &str) -> Option<String> {
    if kind != ErrorKind::Unavailable {
        return None;
    }
    if let Some((before, _)) = text.split_once(" holds its lock") {
        let server = before.rsplit_once(SERVER).map(|(_, rest)| rest.trim_end_matches(')'));
        if let Some(url) = server.filter(|url| url.starts_with("http")) {
            return Some(format!("a server answers for it: --ledger {url}, or COUNTERSIGN_LEDGER"));
        }
        let number = before.rsplit_once("process ").map(|(_, rest)| rest);
        let number = number.and_then(|rest| rest.split(' ').next());
        let number = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        return Some(match number.filter(|text| !text.is_empty()) {
            Some(number) => format!("wait for it, or see what it does: ps -p {number}"),
            None => "wait for it to end".to_owned(),
        });
    }
    let is_full = ["No space left", "Disk quota exceeded", "no storage space"]
        .iter()
        .any(|words| text.contains(words));
    if is_full {
        return Some("free some space, then run it again: no file is half-written".to_owned());
    }
    let usual = [
        ("File too large", "raise the limit of file sizes (ulimit -f), then run it again"),
        ("Too many open files", "raise the limit of open files (ulimit -n), then run it again"),
        ("Read-only file system", "make the file system writable, then run it again"),
        ("Permission denied", "run it as the user whom these files belong to"),
    ];
    let hint = usual.iter().find(|(words, _)| text.contains(words));
    hint.map(|(_, hint)| (*hint).to_owned())
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::FileTooLarge => ErrorKind::Usage,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::tests::{Streams, ui};

    #[test]
    fn error_tells_what_why_and_what_next() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = CliError::file("read", Path::new("a\u{1b}[2J"), &missing).hint("look again");
        let streams = Streams::default();
        let status = error.print(&mut ui(&streams, &[]));
        assert_eq!(status, ExitStatus::Usage);
        assert_eq!(
            streams.talk(),
            "countersign: error: cannot read a\\u{1b}[2J\n  caused by: entity not found\n  \
             hint: look again\n"
        );
        assert_eq!(streams.out(), "");
    }

    #[test]
    fn a_full_disk_leaves_the_answer_unknown() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = CliError::file("write", Path::new("a"), &full);
        assert_eq!(error.status(), ExitStatus::Unavailable);
    }

    #[test]
    fn what_storage_lacks_is_told_with_a_hint() {
        for (kind, word) in [
            (27, "ulimit -f"),
            (24, "ulimit -n"),
            (30, "writable"),
            (13, "belong to"),
            (28, "free some space"),
        ] {
            let source = io::Error::from_raw_os_error(kind);
            let error = CliError::unavailable(format!("cannot write /x: {source}"));
            assert!(error.hints.len() == 1 && error.hints[0].contains(word), "{error:?}");
        }
    }

    #[test]
    fn a_key_that_finds_no_room_is_told_once_and_with_a_hint() {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let error =
            CliError::from(crate::signer::KeyFileError::Io { path: "/k/gate".into(), source });
        assert_eq!(error.status(), ExitStatus::Unavailable);
        assert_eq!(error.message, "/k/gate: no storage space");
        assert_eq!((error.causes.len(), error.hints.len()), (0, 1));
        assert!(error.hints[0].starts_with("free some space"), "{error:?}");
    }

    #[test]
    fn who_holds_the_lock_can_be_looked_for() {
        let held = |holder: &str| {
            let text = format!("the ledger in /x is in use: {holder} holds its lock");
            CliError::unavailable(text).hints
        };
        let known = ["wait for it, or see what it does: ps -p 4711"];
        assert_eq!(held("process 4711 (countersign serve)"), known);
        let server = ["a server answers for it: --ledger http://a:80, or COUNTERSIGN_LEDGER"];
        assert_eq!(held("process 4711 (serve http://a:80)"), server);
        assert_eq!(held("another process"), ["wait for it to end"]);
        assert_eq!(held("process 1;rm (x)"), ["wait for it to end"]);
    }
}
