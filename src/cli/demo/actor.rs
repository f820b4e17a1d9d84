//! This same program, run step by step as a person would.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::place::Place;
use crate::cli::Context;
use crate::cli::error::CliError;

/// Runs the program in the demo's surroundings.
pub(super) struct Actor<'a> {
    program: PathBuf,
    place: &'a Place,
}

impl<'a> Actor<'a> {
    pub(super) fn new(place: &'a Place) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(|error| {
            CliError::unavailable("cannot find the program itself").because(&error)
        })?;
        Ok(Self { program, place })
    }

    /// Shows a command as it would be typed, runs it, and shows what it said.
    ///
    /// # Errors
    /// Where it does not end with `expected`: then the story is not true, and is not told on.
    pub(super) fn act(
        &mut self,
        context: &mut Context,
        arguments: &[&str],
        expected: i32,
    ) -> Result<(), CliError> {
        let typed: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
        let typed = format!("$ countersign {}", typed.join(" "));
        context.ui.line(&typed);
        context.ui.flush_out();
        let (status, text) = self.run(arguments)?;
        for line in text.lines() {
            context.ui.line(line);
        }
        if status != 0 {
            context.ui.line(&format!("(exit status {status})"));
        }
        context.ui.flush_out();
        if status == expected {
            return Ok(());
        }
        let message = format!("the demo went wrong: exit status {status}, not {expected}");
        Err(CliError::integrity(message)
            .hint(format!("look at it in {}", self.place.folder().display())))
    }

    /// The hash of the change, as Ada would copy it.
    pub(super) fn change_hash(&self) -> Result<String, CliError> {
        let range = match self.place.parent() {
            Some(_) => "HEAD^..HEAD",
            None => "HEAD",
        };
        let (_, text) = self.run(&["hash", range, "--json"])?;
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let hash = answer.get("change").and_then(serde_json::Value::as_str).map(str::to_owned);
        hash.ok_or_else(|| CliError::integrity("the demo went wrong: no change hash"))
    }

    /// The exit status, and what was printed, answer and talk in the order of printing.
    fn run(&self, arguments: &[&str]) -> Result<(i32, String), CliError> {
        let failed = |error: io::Error| {
            CliError::unavailable("cannot run the program itself").because(&error)
        };
        let (mut reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.place.repository()).stdin(Stdio::null());
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        self.place.surround(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        // Our ends of the pipe: it is at its end when the child's are closed.
        drop(command);
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok((status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
    }
}

/// An argument as a shell wants it.
fn quoted(argument: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:#@^".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}
