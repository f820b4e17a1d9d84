//! The house keeps itself: floors, pure rooms, and the rules that no lint knows.
//!
//! Each rule is a function from texts to complaints. The real tree must give none; made-up
//! sources below show that each rule can complain, and about what it stays silent.

#![expect(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test stops at what it did not expect, and our own files are named in lower case"
)]

#[path = "tidy/code.rs"]
mod code;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use code::{code_only, imports, line_of, mentions, without_tests};

/// The rooms in order, with their floors. A file imports from its own room and from those above
/// it in this list: from floors below, and on its own floor from what stands before it.
const ROOMS: [(&str, u8); 25] = [
    ("base", 0),
    ("key", 1),
    ("note", 1),
    ("merkle", 1),
    ("statement", 1),
    ("change", 2),
    ("roster", 2),
    ("policy", 2),
    ("view", 2),
    ("ledger", 2),
    ("verify", 2),
    ("store", 3),
    ("signer", 3),
    ("git", 3),
    ("blobs", 3),
    ("carry", 3),
    ("config", 3),
    ("http", 3),
    ("session", 4),
    ("evidence", 4),
    ("audit", 4),
    ("witness", 4),
    ("monitor", 4),
    ("server", 4),
    ("cli", 5),
];

/// The highest floor whose rooms do no I/O, read no clock or environment and start no thread.
const PURE_FLOOR_MAX: u8 = 2;
/// What no pure room may name.
const IMPURE: [&str; 17] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "std::os",
    "sled",
    "gix",
    "clap",
    "axum",
    "hyper",
    "tokio",
    "ureq",
    "println",
    "eprintln",
];
/// The only file that writes to the terminal.
const TERMINAL: &str = "src/cli/ui.rs";
/// How one would write to the terminal.
const TERMINAL_WORDS: [&str; 7] =
    ["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()", "anstream"];
/// Macros that mark work as not done.
const UNFINISHED: [&str; 3] = ["dbg!", "todo!", "unimplemented!"];
/// Longest line of source, in characters.
const LINE_CHARACTERS_MAX: usize = 100;
/// Longest file under `src/`, in lines.
const FILE_LINES_MAX: usize = 600;
/// Documents for people, which define no format: no test need name them.
const DOCUMENTS: [&str; 4] = ["architecture.md", "glossary.md", "shortcomings.md", "threats.md"];

/// A complaint: where, and what is wrong.
type Complaints = Vec<String>;

/// Whether a file of `src/` holds tests only.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn floor_of(room: &str) -> Option<(usize, u8)> {
    let index = ROOMS.iter().position(|(name, _)| *name == room)?;
    Some((index, ROOMS[index].1))
}

/// The room of a file of `src/`; `lib.rs` and `main.rs` stand in none.
fn room_of(path: &str) -> Option<&str> {
    let inner = path.strip_prefix("src/")?;
    let room = inner.split_once('/').map_or_else(|| inner.strip_suffix(".rs"), |(r, _)| Some(r))?;
    (!matches!(room, "lib" | "main")).then_some(room)
}

/// Floors: upward imports, impure words in pure rooms, writers to the terminal.
fn floors(path: &str, text: &str) -> Complaints {
    let mut complaints = Vec::new();
    if is_test_file(path) {
        return complaints;
    }
    let (code, _) = without_tests(&code_only(text));
    let imports = imports(&code);
    let mut complain =
        |line: usize, what: String| complaints.push(format!("{path}:{line}: {what}"));
    if path != TERMINAL {
        for word in TERMINAL_WORDS {
            for at in mentions(&code, word) {
                complain(line_of(&code, at), format!("only {TERMINAL} may use `{word}`"));
            }
        }
    }
    let Some(room) = room_of(path) else { return complaints };
    let Some((index, floor)) = floor_of(room) else {
        complain(1, format!("room `{room}` stands on no floor"));
        return complaints;
    };
    let named = imports.iter().map(|(line, path)| (*line, path.as_str()));
    let inline = mentions(&code, "crate::").map(|at| (line_of(&code, at), &code[at..]));
    let others = named.chain(inline).filter_map(|(line, path)| {
        let inner = path.strip_prefix("crate::")?;
        Some((line, inner.split(|c: char| !c.is_alphanumeric() && c != '_').next()?))
    });
    for (line, other) in others.collect::<BTreeSet<_>>() {
        match floor_of(other) {
            Some((other_index, _)) if other_index > index => {
                complain(line, format!("`{room}` imports upward from `{other}`"));
            }
            None if !other.is_empty() => complain(line, format!("`crate::{other}` is no room")),
            _ => {}
        }
    }
    let is_room_root = path == format!("src/{room}/mod.rs") || path == format!("src/{room}.rs");
    let climb = if is_room_root { "super::" } else { "super::super" };
    for at in mentions(&code, climb) {
        complain(line_of(&code, at), format!("`{climb}` leaves sight of its room: say `crate::`"));
    }
    if floor <= PURE_FLOOR_MAX {
        for word in IMPURE {
            let inline = mentions(&code, word).map(|at| line_of(&code, at));
            let imported = imports.iter().filter(|(_, path)| mentions(path, word).next().is_some());
            for line in inline.chain(imported.map(|(line, _)| *line)).collect::<BTreeSet<_>>() {
                complain(line, format!("`{word}` in the pure room `{room}`"));
            }
        }
    }
    complaints
}

/// `lib.rs` lists the rooms in the order of the floors.
fn map_of_floors(lib: &str) -> Complaints {
    let code = code_only(lib);
    let listed = code.lines().filter_map(|line| line.trim().strip_prefix("pub mod "));
    let rooms: Vec<_> = listed.map(|room| room.trim_end_matches(';')).collect();
    let mut complaints = Vec::new();
    for pair in rooms.windows(2) {
        if floor_of(pair[0]) >= floor_of(pair[1]) {
            complaints.push(format!("src/lib.rs: `{}` stands before `{}`", pair[0], pair[1]));
        }
    }
    let unknown = rooms.iter().filter(|room| floor_of(room).is_none());
    complaints.extend(unknown.map(|room| format!("src/lib.rs: `{room}` stands on no floor")));
    complaints
}

/// Source that anybody can read in any editor, and that is finished.
fn source(path: &str, text: &str) -> Complaints {
    let mut complaints = Vec::new();
    let is_rust = Path::new(path).extension().is_some_and(|extension| extension == "rs");
    for (number, line) in (1..).zip(text.lines()) {
        if line.chars().count() > LINE_CHARACTERS_MAX {
            complaints.push(format!("{path}:{number}: over {LINE_CHARACTERS_MAX} characters"));
        }
        if !line.is_ascii() {
            complaints.push(format!("{path}:{number}: not ASCII; write an escape"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            complaints.push(format!("{path}:{number}: white space at the end"));
        }
    }
    if is_rust {
        let code = code_only(text);
        for word in UNFINISHED {
            for at in mentions(&code, word) {
                complaints.push(format!("{path}:{}: `{word}`", line_of(&code, at)));
            }
        }
        if path.starts_with("src/") && text.lines().count() > FILE_LINES_MAX {
            complaints.push(format!("{path}: over {FILE_LINES_MAX} lines; is a room missing?"));
        }
    }
    complaints
}

/// Nothing tracked names a path of somebody's machine, but for the home of Ada, who is made up.
fn machine_paths(path: &str, bytes: &[u8]) -> Complaints {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = String::from_utf8_lossy(line).replace(&format!("/{}/ada", "home"), "");
        for folder in ["home", "root", "work"].map(|folder| format!("/{folder}/")) {
            if line.contains(&folder) {
                complaints.push(format!("{path}:{number}: a path of a machine, {folder}"));
            }
        }
    }
    complaints
}

/// Every dependency says why it is there, by itself or with its neighbours.
fn dependencies(manifest: &str) -> Complaints {
    let (mut complaints, mut in_dependencies, mut explained) = (Vec::new(), false, false);
    for (number, line) in (1..).zip(manifest.lines().map(str::trim)) {
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            // `[dependencies.name]` is a dependency of its own.
            if line.contains("dependencies.") && !explained {
                complaints.push(format!("Cargo.toml:{number}: {line} gives no reason"));
            }
            explained = false;
        } else if line.is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if in_dependencies && !explained && line.contains('=') {
            let name = line.split('=').next().unwrap_or_default().trim();
            complaints.push(format!("Cargo.toml:{number}: `{name}` gives no reason"));
        }
    }
    complaints
}

/// Every format is named by a test, its sections are counted, and nothing names a missing one.
fn specs(specs: &BTreeMap<String, String>, tests: &str, documents: &str) -> Complaints {
    let mut complaints = Vec::new();
    for (name, text) in specs {
        let numbers = text
            .lines()
            .filter_map(|line| line.strip_prefix("## ")?.split_once(". ")?.0.parse::<usize>().ok());
        if !numbers.enumerate().all(|(index, number)| number == index + 1) {
            complaints.push(format!("spec/{name}: its sections are not counted 1, 2, 3"));
        }
        if !DOCUMENTS.contains(&name.as_str()) && !tests.contains(&format!("spec/{name}")) {
            complaints.push(format!("spec/{name}: no test names it"));
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for text in [tests, documents] {
        for (at, _) in text.match_indices("spec/") {
            let name: String = text[at + 5..].chars().take_while(|c| is_name(*c)).collect();
            let name = name.trim_end_matches('.');
            if name.len() > 3 && name.ends_with(".md") && !specs.contains_key(name) {
                complaints.push(format!("spec/{name} is named and missing"));
            }
        }
    }
    complaints
}

/// Every file of the project, by path from its top: what git tracks, or all of an unpacked crate.
fn files() -> BTreeMap<String, Vec<u8>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git").current_dir(top).args(["ls-files", "-z"]).output();
    let listed = listed.ok().filter(|output| output.status.success() && !output.stdout.is_empty());
    let paths: Vec<String> = match listed {
        Some(output) => String::from_utf8(output.stdout)
            .unwrap()
            .split_terminator('\0')
            .map(str::to_owned)
            .collect(),
        None => walk(top, top),
    };
    let read = |path: String| Some((path.clone(), std::fs::read(top.join(path)).ok()?));
    paths.into_iter().filter_map(read).collect()
}

fn walk(top: &Path, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | ".git") {
            found.extend(walk(top, &path));
        } else if path.is_file() {
            found.push(path.strip_prefix(top).unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

fn texts(ending: &str) -> BTreeMap<String, String> {
    let text = |(path, bytes): (String, Vec<u8>)| Some((path, String::from_utf8(bytes).ok()?));
    files().into_iter().filter(|(path, _)| path.ends_with(ending)).filter_map(text).collect()
}

fn assert_none(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<_> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_floors_hold() {
    let sources = texts(".rs");
    assert!(sources.contains_key("src/lib.rs") && sources.len() > 5, "found no sources");
    let inside = sources.iter().filter(|(path, _)| path.starts_with("src/"));
    assert_none(inside.flat_map(|(path, text)| floors(path, text)));
    assert_none(map_of_floors(&sources["src/lib.rs"]));
}

#[test]
fn source_is_readable_and_finished() {
    let scripts = files().into_iter().filter(|(path, bytes)| {
        path.ends_with(".rs") || path.ends_with(".py") || bytes.starts_with(b"#!")
    });
    assert_none(scripts.flat_map(|(path, bytes)| source(&path, &String::from_utf8_lossy(&bytes))));
}

#[test]
fn nothing_names_a_machine() {
    assert_none(files().iter().flat_map(|(path, bytes)| machine_paths(path, bytes)));
}

#[test]
fn every_dependency_gives_its_reason() {
    assert_none(dependencies(&texts("Cargo.toml")["Cargo.toml"]));
}

#[test]
fn every_format_is_tested() {
    let sources = texts(".rs");
    let tests = sources.iter().filter(|(path, _)| *path != "tests/tidy.rs").map(|(path, text)| {
        let only_tests = path.starts_with("tests/") || is_test_file(path);
        // The tests of a module stand at its end.
        if only_tests { text } else { text.find("#[cfg(test)]").map_or("", |at| &text[at..]) }
    });
    let tests: Vec<&str> = tests.collect();
    let documents = texts(".md");
    let of_spec = documents
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("spec/")?.to_owned(), text.clone())));
    let prose: Vec<_> = documents.values().map(String::as_str).collect();
    assert_none(specs(&of_spec.collect(), &tests.join("\n"), &prose.join("\n")));
}

/// Whether a rule complains exactly once for each of these sources, or never.
fn complains(rule: impl Fn(&str) -> Complaints, cases: &[(&str, usize)]) {
    for (text, count) in cases {
        let complaints = rule(text);
        assert_eq!(complaints.len(), *count, "{text}\n{complaints:?}");
    }
}

#[test]
fn upward_imports_are_seen_however_they_are_written() {
    complains(
        |text| floors("src/policy/model.rs", text),
        &[
            ("use crate::base::name::MemberId;\nuse crate::roster::Roster;", 0),
            ("use crate::policy::fact::Fact;", 0),
            ("use crate::view::State;", 1),
            ("use crate::{\n    base::time,\n    cli::{ui, env},\n    view,\n};", 2),
            ("pub use crate::\n    verify\n    ::Verdict;", 1),
            ("fn f() -> crate::store::Sled { loop {} }", 1),
            ("use super::super::view::State;", 1),
            ("use super::fact::Fact;", 0),
            ("use crate::nowhere::Thing;", 1),
            ("// use crate::view::State;\n/* crate::cli */ const A: &str = \"crate::cli::ui\";", 0),
            ("const Q: char = '\"'; use crate::view::State; const R: char = '\"';", 1),
            ("const R: &str = r#\"a \" crate::cli \"#; fn f<'a>() {}", 0),
            ("#[cfg(test)]\nmod tests {\n    use crate::view::State;\n}\n", 0),
            ("#[cfg(test)]\nmod tests {\n    fn f() {}\n}\nuse crate::view::State;", 1),
            ("#[cfg(test)]\nuse crate::view::State;\nuse crate::verify::Verdict;", 1),
        ],
    );
    assert_eq!(floors("src/policy/mod.rs", "use super::view::State;").len(), 1);
    assert_eq!(floors("src/attic/mod.rs", "").len(), 1);
    assert_eq!(floors("src/policy/model_tests.rs", "use crate::cli::ui;"), Complaints::new());
    assert_eq!(floors("src/cli/mod.rs", "use crate::verify::Verdict;"), Complaints::new());
}

#[test]
fn pure_rooms_name_nothing_impure() {
    let sources = [
        ("use std::fs::File;", 1),
        ("use std::{\n    collections::BTreeMap,\n    fs,\n};", 1),
        ("use std::{io, time::{Duration, SystemTime}};", 1),
        ("fn f() { std::thread::sleep(d); }", 1),
        ("let t = Instant::now();", 1),
        ("use gix::ObjectId;", 1),
        ("let home = std::env::var(\"HOME\");", 1),
        ("const V: &str = env!(\"CARGO_PKG_VERSION\"); use std::time::Duration;", 0),
        ("// std::fs is for others\nlet sledge = clapper(\"sled\");", 0),
        ("#[cfg(test)]\nmod tests {\n    use std::fs;\n}", 0),
    ];
    complains(|text| floors("src/ledger/entry.rs", text), &sources);
    let elsewhere = |text: &str| floors("src/store/durable.rs", text);
    complains(elsewhere, &sources.map(|(text, _)| (text, 0)));
}

#[test]
fn only_one_file_writes_to_the_terminal() {
    let sources = [
        ("println!(\"yes\");", 1),
        ("anstream::eprint!(\"no\");", 2),
        ("writeln!(std::io::stdout(), \"yes\");", 1),
        ("command.stdout(Stdio::piped()); // println!", 0),
    ];
    complains(|text| floors("src/cli/commands/gate.rs", text), &sources);
    complains(|text| floors(TERMINAL, text), &sources.map(|(text, _)| (text, 0)));
    complains(|text| floors("src/main.rs", text), &sources);
}

#[test]
fn the_map_of_floors_is_in_order() {
    complains(
        map_of_floors,
        &[
            ("pub mod base;\n\n// Floor 1\npub mod key;\npub mod change;", 0),
            ("pub mod change;\npub mod key;", 1),
            ("pub mod base;\npub mod attic;", 2),
        ],
    );
}

#[test]
fn unreadable_and_unfinished_source_is_seen() {
    let fits = "a".repeat(LINE_CHARACTERS_MAX);
    complains(
        |text| source("src/base/name.rs", text),
        &[
            (&fits, 0),
            (&format!("{fits}a"), 1),
            ("let caf\u{e9} = 1;", 1),
            ("let a = 1; ", 1),
            ("dbg!(a); todo!(); unimplemented!()", 3),
            ("// todo! is a macro\nlet a = \"dbg!\";", 0),
            (&"a\n".repeat(FILE_LINES_MAX), 0),
            (&"a\n".repeat(FILE_LINES_MAX + 1), 1),
        ],
    );
    assert_eq!(source("tests/x.rs", &"a\n".repeat(FILE_LINES_MAX + 1)), Complaints::new());
}

#[test]
fn paths_of_a_machine_are_seen() {
    let path = |folder: &str| format!("a\nsee /{folder}/me/x");
    for (folder, count) in
        [("home", 1), ("root", 1), ("work", 1), ("etc", 0), ("working", 0), ("home/ada", 0)]
    {
        assert_eq!(machine_paths("README.md", path(folder).as_bytes()).len(), count, "{folder}");
    }
}

#[test]
fn dependencies_without_a_reason_are_seen() {
    complains(
        dependencies,
        &[
            ("[dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n", 0),
            ("[dependencies]\n# Why.\na = \"1\"\n\nb = \"1\"\n", 1),
            ("[dependencies]\na = \"1\"\n# Why.\nb = \"1\"\n", 1),
            ("# Why.\n[dev-dependencies]\na = \"1\"\n", 1),
            ("[dependencies.a]\nversion = \"1\"\n", 1),
            ("# Why.\n[dependencies.a]\nversion = \"1\"\n", 0),
            ("[profile.dev]\ndebug = 1\n", 0),
        ],
    );
}

#[test]
fn formats_without_a_test_are_seen() {
    let one = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
    let counted = "# A\n## 1. One\n## Notes\n## 2. Two\n";
    assert_eq!(specs(&one("a.md", counted), "// spec/a.md", ""), Complaints::new());
    assert_eq!(specs(&one("a.md", counted), "// spec/b.md", "see spec/c.md.").len(), 3);
    assert_eq!(specs(&one("a.md", "## 2. Two\n"), "spec/a.md 1", "").len(), 1);
    assert_eq!(specs(&one("glossary.md", counted), "", ""), Complaints::new());
}
