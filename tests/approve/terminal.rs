//! The program in a real terminal, with keys typed into it.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::common::Stage;

/// Runs the program in a real terminal as somebody, with lines typed into it; its status and what
/// the terminal showed.
pub(super) fn in_terminal(
    stage: &Stage,
    name: &str,
    arguments: &str,
    typed: &str,
) -> (i32, String) {
    let key = stage.key(name);
    let variables = [("COUNTERSIGN_KEY", key.as_path())];
    let variables = if name == "ada" { &[][..] } else { &variables };
    in_terminal_with(stage, variables, arguments, typed)
}

/// The same with other variables.
pub(super) fn in_terminal_with(
    stage: &Stage,
    variables: &[(&str, &Path)],
    arguments: &str,
    typed: &str,
) -> (i32, String) {
    let mut command = stage.program("script");
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_countersign"));
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    command.envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (output.status.code().unwrap_or(-1), text)
}

/// What a terminal shows without its colours and line breaks.
pub(super) fn flat(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
