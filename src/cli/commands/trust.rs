//! `trust`: the trust root that verdicts rest on.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::digest::{ContentDigest, LeafHash};
use crate::base::limits::SETTINGS_BYTES_MAX;
use crate::base::name::WitnessName;
use crate::cli::Context;
use crate::cli::desk::identity;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::text::escape_bytes;
use crate::cli::ui::{Table, Ui};
use crate::config::ConfigError;
use crate::key::KeyId;
use crate::verify::trust::TrustRoot;

/// Show or pin the trust root that verdicts rest on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the trust root in use, and where it is from
    #[command(after_help = "Examples:\n  countersign trust show\n  \
        countersign trust show --ledger shop.example/ledger\n  \
        countersign trust show --trust trust.toml")]
    Show,
    /// Pin a trust root: verdicts on its ledger rest on it from now on
    #[command(after_help = "Get the file from one person and its digest from another.\n\n\
        Examples:\n  countersign trust pin trust.toml\n  \
        countersign trust pin trust.toml --expect DIGEST")]
    Pin {
        /// The trust root; - is standard input
        file: PathBuf,
        /// The digest that it must have; without a terminal it must be given
        #[arg(long, value_name = "DIGEST")]
        expect: Option<ContentDigest>,
        /// Replace another trust root that is pinned for the same ledger
        #[arg(long)]
        replace: bool,
    },
}

/// The trust root as an answer.
#[derive(Serialize)]
struct Report<'a> {
    origin: &'a str,
    ledger: LeafHash,
    ledger_key: String,
    admins: &'a [KeyId],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witnesses: Vec<WitnessKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorum: Option<&'a WitnessName>,
    digest: ContentDigest,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

/// A witness that the trust root knows.
#[derive(Serialize)]
struct WitnessKey<'a> {
    name: &'a WitnessName,
    key: String,
}

impl<'a> Report<'a> {
    fn new(root: &'a TrustRoot) -> Self {
        Self {
            origin: root.origin().as_str(),
            ledger: root.ledger(),
            ledger_key: root.ledger_key().to_string(),
            admins: root.admins(),
            witnesses: root
                .witnesses()
                .witnesses()
                .iter()
                .map(|witness| WitnessKey { name: &witness.name, key: witness.key.to_string() })
                .collect(),
            quorum: root.witnesses().quorum(),
            digest: root.digest(),
            file: None,
            from: None,
        }
    }

    /// The rows that people read, without the file.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("ledger", self.origin.to_owned()),
            ("entry 0", self.ledger.to_string()),
            ("key", self.ledger_key.clone()),
        ];
        for (position, admin) in self.admins.iter().enumerate() {
            rows.push((if position == 0 { "admins" } else { "" }, admin.to_string()));
        }
        if !self.witnesses.is_empty() {
            let names: Vec<_> = self.witnesses.iter().map(|one| one.name.as_str()).collect();
            let wanted = self.quorum.map_or("none", WitnessName::as_str);
            rows.push(("witnesses", format!("{}; wanted: {wanted}", names.join(", "))));
        }
        rows.push(("digest", self.digest.to_string()));
        rows
    }

    fn print(&self, ui: &mut Ui) {
        let mut table = Table::new(0);
        for (name, value) in self.rows() {
            table.row([name.to_owned(), value]);
        }
        if let Some(file) = &self.file {
            table.row(["file", file.as_str()]);
        }
        if let Some(from) = &self.from {
            table.row(["from", from.as_str()]);
        }
        ui.json(self);
        ui.table(&table);
    }
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    match &args.action {
        Action::Show => show(context),
        Action::Pin { file, expect, replace } => pin(context, file, *expect, *replace),
    }
}

fn show(context: &mut Context) -> Result<ExitStatus, CliError> {
    let configuration = context.configuration()?;
    let identity = context.repository_if_any()?.as_ref().map(identity);
    let origin = match configuration.ledger(identity.as_ref()) {
        Ok(ledger) => ledger.value.origin,
        // A file that is named says itself which ledger it is of.
        Err(ConfigError::NoLedger | ConfigError::ManyLedgers(_))
            if context.settings.trust.is_some() || context.environment.trust.is_some() =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let (root, file) = configuration.trust_root(origin.as_ref())?;
    let mut report = Report::new(&root);
    report.file = Some(escape_bytes(file.value.as_os_str().as_encoded_bytes()));
    report.from = Some(file.source.to_string());
    report.print(&mut context.ui);
    Ok(ExitStatus::Yes)
}

fn pin(
    context: &mut Context,
    file: &Path,
    expect: Option<ContentDigest>,
    replace: bool,
) -> Result<ExitStatus, CliError> {
    let bytes = context.read(file, SETTINGS_BYTES_MAX)?;
    let root = TrustRoot::parse(&bytes).map_err(|error| {
        CliError::usage(format!("{} is no trust root", file.display())).because(&error)
    })?;
    let found = root.digest();
    match expect {
        Some(expected) if expected == found => {}
        Some(expected) => {
            let message = format!("the trust root's digest is {found}, not {expected}");
            return Err(CliError::integrity(message).hint("nothing was pinned"));
        }
        None => {
            let report = Report::new(&root);
            for (name, value) in report.rows() {
                context.ui.note(&format!("{name:<9} {value}"));
            }
            match context.ui.confirm("Did somebody you trust tell you this digest?") {
                Some(true) => {}
                Some(false) => return Err(CliError::usage("nothing was pinned")),
                None => {
                    return Err(CliError::usage("without a terminal the digest must be given")
                        .hint("add --expect DIGEST, as an administrator told you"));
                }
            }
        }
    }
    let path = context.configuration()?.pin_trust_root(&root, replace)?;
    let mut report = Report::new(&root);
    report.file = Some(escape_bytes(path.as_os_str().as_encoded_bytes()));
    report.print(&mut context.ui);
    tell_next(context, &root)
}

/// How the ledger is named from now on: nothing else here knows yet that it is this repository's.
fn tell_next(context: &mut Context, root: &TrustRoot) -> Result<ExitStatus, CliError> {
    let (repository, configuration) = (context.repository_if_any()?, context.configuration()?);
    let identity = repository.as_ref().map(identity);
    let origin = root.origin();
    let Err(ConfigError::NoLedger) = configuration.ledger(identity.as_ref()) else {
        return Ok(ExitStatus::Yes);
    };
    if let Some(identity) = &identity {
        let settings = configuration.places().user_file().unwrap_or_default();
        context.ui.paragraph(
            0,
            &format!(
                "to leave --ledger out here, add to {}: [[repository]], and under it path = \
                 \"{}\", ledger = \"{origin}\", name = \"NAME\" as the policy has it, each on a \
                 line",
                settings.display(),
                identity.common_folder.display()
            ),
        );
    }
    context.ui.line(&format!("next: countersign --ledger {origin} status"));
    Ok(ExitStatus::Yes)
}
