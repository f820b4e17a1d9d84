//! `roster import`: a roster file out of git's allowed signers, or out of a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::csv;
use super::file::{Entry, parse};
use crate::base::limits::ROSTER_FILE_BYTES_MAX;
use crate::cli::Context;
use crate::cli::commands::init::allowed;
use crate::cli::desk::write_file;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::people::fresh_member_id;
use crate::cli::ui::{Role, Ui};
use crate::key::PublicKey;
use crate::statement::words::Duty;

/// Write or extend a roster file from git's allowed signers or a table
///
/// Signs nothing: look the file over, then apply it. Who stands in the file already, by id or
/// address, is passed over.
#[derive(Debug, clap::Args)]
#[command(after_help = "A table ends in .csv; its first line names columns of id, name, email, \
    level, teams,\nduties, key, and semicolons part several addresses, teams, duties or keys. \
    Any other\nfile is a list of allowed signers, whose people get the duty review.\n\n\
    Examples:\n  countersign roster import roster.toml\n  \
    countersign roster import roster.toml --from people.csv")]
pub(crate) struct Args {
    /// The roster file to write or extend
    file: PathBuf,
    /// The list or table [default: git's gpg.ssh.allowedSignersFile]
    #[arg(long, value_name = "SOURCE")]
    from: Option<PathBuf>,
    /// Show what would be added and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let path = context.environment.resolve(&args.file);
    let old = if path.exists() {
        let bytes = context.read(&args.file, ROSTER_FILE_BYTES_MAX)?;
        Some(parse(&args.file, bytes)?)
    } else {
        None
    };
    let (source, (people, left_out)) = read(context, args)?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let (mut text, file) = old.unwrap_or_default();
    for member in &file.member {
        known.extend(names_of(member.get_ref()));
    }
    let (mut added, mut passed_over, mut new) = (0_usize, 0_usize, BTreeSet::new());
    let mut tables = String::new();
    for (line, mut entry) in people {
        let names = names_of(&entry);
        if names.iter().any(|name| known.contains(name)) {
            passed_over += 1;
            continue;
        }
        if let Some(name) = names.iter().find(|name| !new.insert((*name).clone())) {
            let message = format!("{}: line {line}: {name} stands there twice", source.display());
            return Err(CliError::usage(message).hint("write each person once"));
        }
        check_keys(&entry).map_err(|mut error| {
            error.message = format!("{}: line {line}: {}", source.display(), error.message);
            error
        })?;
        while entry.id.is_none() {
            entry.id = Some(fresh_member_id()).filter(|id| new.insert(id.to_string()));
        }
        tables.push_str(&table(&entry));
        added += 1;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&tables);
    // What is written is read by the same rules as what a person writes.
    parse(&args.file, text.clone().into_bytes())?;
    if added > 0 && !args.dry_run {
        write_file(&path, text.as_bytes())?;
    }
    tell(&mut context.ui, args, &Done { tables, added, passed_over, left_out });
    Ok(ExitStatus::Yes)
}

/// What an import came to.
struct Done {
    /// The tables that were added to the file.
    tables: String,
    added: usize,
    passed_over: usize,
    left_out: usize,
}

fn tell(ui: &mut Ui, args: &Args, done: &Done) {
    ui.json(&serde_json::json!({ "file": args.file.display().to_string(), "added": done.added,
        "there_already": done.passed_over, "left_out": done.left_out }));
    if done.added == 0 {
        ui.lead(Role::Good, "NOTHING TO DO", "everybody stands in the file already");
    } else if args.dry_run {
        for line in done.tables.lines() {
            ui.line(line);
        }
    } else {
        let noun = if done.added == 1 { "member" } else { "members" };
        let rest = format!("{} {noun} in {}", done.added, args.file.display());
        ui.lead(Role::Good, "WRITTEN", &rest);
    }
    if done.passed_over > 0 {
        ui.line(&format!("left as they were: {} who stood there already", done.passed_over));
    }
    if done.left_out > 0 {
        let noun = if done.left_out == 1 { "line names" } else { "lines name" };
        ui.line(&format!("left out: {} {noun} nobody with an Ed25519 key", done.left_out));
    }
    if done.added > 0 && !args.dry_run {
        ui.line(&format!("next: countersign roster apply -n {}", args.file.display()));
    }
}

type People = (Vec<(usize, Entry)>, usize);

/// Whom the source names, each with its line, and how many lines name nobody.
fn read(context: &Context, args: &Args) -> Result<(PathBuf, People), CliError> {
    let Some(source) = &args.from else {
        let repository = context.repository()?;
        let path = allowed::file(&context.environment, &repository).ok_or_else(|| {
            CliError::usage("git names no list of allowed signers: gpg.ssh.allowedSignersFile")
                .hint("name a list or a table with --from FILE")
        })?;
        let people = signers(&text_of(context, &path)?);
        return Ok((path, people));
    };
    let text = text_of(context, source)?;
    let is_table = source.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    if !is_table {
        return Ok((source.clone(), signers(&text)));
    }
    let rows = csv::parse(&text).map_err(|(line, mut error)| {
        error.message = format!("{}: line {line}: {}", source.display(), error.message);
        error
    })?;
    Ok((source.clone(), (rows, 0)))
}

fn text_of(context: &Context, path: &Path) -> Result<String, CliError> {
    String::from_utf8(context.read(path, ROSTER_FILE_BYTES_MAX)?).map_err(|_| {
        CliError::usage(format!("{} is no text", path.display())).hint("write it in UTF-8")
    })
}

/// The people of a list of allowed signers. Several lines of one person are one member.
fn signers(text: &str) -> People {
    let (lines, left_out) = allowed::parse(text);
    let mut people: Vec<(usize, Entry)> = Vec::new();
    for (position, line) in lines.into_iter().enumerate() {
        let key = line.key.to_openssh();
        let is_same = |(_, entry): &&mut (usize, Entry)| {
            let emails = &entry.emails;
            let same =
                |email: &String| emails.iter().any(|known| known.eq_ignore_ascii_case(email));
            entry.keys.contains(&key) || line.emails.iter().any(same)
        };
        if let Some((_, entry)) = people.iter_mut().find(is_same) {
            for email in line.emails {
                if !entry.emails.iter().any(|known| known.eq_ignore_ascii_case(&email)) {
                    entry.emails.push(email);
                }
            }
            if !entry.keys.contains(&key) {
                entry.keys.push(key);
            }
            continue;
        }
        let name = line.emails[0].split('@').next().unwrap_or_default().to_owned();
        let (emails, keys) = (line.emails, vec![key]);
        let duties = vec![Duty::Review];
        people.push((position + 1, Entry { name, duties, emails, keys, ..Entry::default() }));
    }
    (people, left_out)
}

/// By what a member is found: the id and the addresses.
fn names_of(entry: &Entry) -> Vec<String> {
    let id = entry.id.iter().map(ToString::to_string);
    id.chain(entry.emails.iter().map(|email| email.to_ascii_lowercase())).collect()
}

fn check_keys(entry: &Entry) -> Result<(), CliError> {
    for key in &entry.keys {
        PublicKey::from_openssh(key).map_err(|error| {
            CliError::usage("a key that cannot sign here")
                .because(&error)
                .hint("write the line of an Ed25519 key: ssh-ed25519 AAAA...")
        })?;
    }
    Ok(())
}

/// A member as a table of the roster file.
fn table(entry: &Entry) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let list = |items: Vec<String>| {
        let items: Vec<_> = items.iter().map(|item| text(item)).collect();
        format!("[{}]", items.join(", "))
    };
    let mut lines = String::from("\n[[member]]\n");
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name:<6} = {value}");
    };
    if let Some(id) = &entry.id {
        line("id", text(id.as_str()));
    }
    if !entry.name.is_empty() {
        line("name", text(&entry.name));
    }
    if let Some(level) = &entry.level {
        line("level", text(level.as_str()));
    }
    let words = |items: &[Duty]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (name, items) in [
        ("emails", entry.emails.clone()),
        ("teams", entry.teams.iter().map(ToString::to_string).collect()),
        ("duties", words(&entry.duties)),
        ("keys", entry.keys.clone()),
    ] {
        if !items.is_empty() {
            line(name, list(items));
        }
    }
    lines
}
