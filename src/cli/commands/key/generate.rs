//! `key generate`: a new Ed25519 key in OpenSSH's form.

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::ui::{Role, Table};
use crate::config::{KeyChoice, UserFile};
use crate::session::SessionError;
use crate::signer::{Passphrase, generate, list};
use crate::store::durable;

/// Make a key
///
/// In OpenSSH's form, so ssh-agent and git take it too. Where no other key would sign, the
/// settings name this one from now on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  countersign key generate\n  \
    countersign key generate --no-passphrase ci.key --comment ci")]
pub(crate) struct Args {
    /// The file [default: ~/.ssh/id_ed25519_countersign]
    file: Option<PathBuf>,
    /// What the key is called
    #[arg(long, default_value = "countersign")]
    comment: String,
    /// Leave the file without a passphrase: who can read it can sign
    #[arg(long)]
    no_passphrase: bool,
}

/// Runs the command.
pub(super) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let home = context.environment.home.as_ref();
    let file = match (&args.file, home) {
        (Some(file), _) => context.environment.resolve(file),
        (None, Some(home)) => home.join(".ssh/id_ed25519_countersign"),
        (None, None) => {
            return Err(CliError::usage("there is no home folder").hint("name a FILE"));
        }
    };
    if file.exists() {
        return Err(CliError::usage(format!("{} is there already", file.display()))
            .hint("name another FILE; nothing is written over"));
    }
    let passphrase = if args.no_passphrase { None } else { Some(ask(context)?) };
    let is_first = !list(&context.key_sources()?, None).iter().any(|row| row.chosen);
    if let Some(folder) = file.parent() {
        durable::create_folder(folder).map_err(SessionError::from)?;
    }
    let key = generate(&file, &args.comment, passphrase.as_ref())?;
    let mut is_set = false;
    if is_first {
        let mut settings = UserFile::open(context.configuration()?.places())?;
        if settings.settings().key.is_none() {
            settings.set_key(KeyChoice::File(file.clone()));
            settings.save()?;
            is_set = true;
        }
    }
    context.ui.json(&serde_json::json!({
        "key": key.fingerprint(), "file": file.display().to_string(), "is_set": is_set,
    }));
    context.ui.lead(Role::Good, "MADE", &key.fingerprint().to_string());
    let mut table = Table::new(2);
    table.row(["private", &file.display().to_string()]);
    table.row(["public", &format!("{}.pub", file.display())]);
    if is_set {
        table.row(["signs", "from now on, by your settings"]);
    } else {
        table.row(["signs", &format!("with --key {}", file.display())]);
    }
    context.ui.table(&table);
    context.ui.line("next: countersign init, or give the public file to an admin");
    Ok(ExitStatus::Yes)
}

fn ask(context: &mut Context) -> Result<Passphrase, CliError> {
    let nobody = || {
        CliError::usage("without a terminal no passphrase can be asked")
            .hint("add --no-passphrase, and guard the file")
    };
    let first = context.ui.prompt_secret("Passphrase:").ok_or_else(nobody)?;
    let again = context.ui.prompt_secret("Again:").ok_or_else(nobody)?;
    if first.is_empty() {
        return Err(CliError::usage("an empty passphrase guards nothing")
            .hint("add --no-passphrase if that is meant"));
    }
    if *first != *again {
        return Err(CliError::usage("the two passphrases differ").hint("nothing was made: again"));
    }
    Ok(first)
}
