//! The key that a pipeline signs with.

use std::path::Path;

use crate::base::name::{MemberId, Origin};
use crate::cli::Context;
use crate::cli::desk::{Desk, gate_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::config::Source;
use crate::key::{KeyId, Signer};
use crate::signer::file;
use crate::statement::words::Duty;

/// A key, and the member whose it is.
pub(crate) struct PipelineKey {
    /// What signs.
    pub(crate) signer: Box<dyn Signer>,
    /// Whose it is.
    pub(crate) member: MemberId,
    /// Why this key was taken: who named it, or that it is the gate's own.
    taken: String,
}

impl PipelineKey {
    /// The key that `--key` or `COUNTERSIGN_KEY` names, else the gate's own, else the one that the
    /// settings name; none where there is none of them.
    ///
    /// # Errors
    /// Where the key cannot be read or is on nobody's roster entry.
    pub(crate) fn find(context: &mut Context, desk: &Desk) -> Result<Option<Self>, CliError> {
        let configuration = context.configuration()?;
        let (signer, taken) = if Self::is_gates(context, desk)? {
            let file = gate_key_file(&configuration, desk.trust.origin())?;
            Self::load(context, &file)?
        } else if configuration.key()?.is_some() {
            let signer = context.signer(Some(&desk.enrolled()))?;
            return Self::of_person(context, desk, signer).map(Some);
        } else {
            return Ok(None);
        };
        let member = desk.owner(&signer.public_key().fingerprint())?.id.clone();
        Ok(Some(Self { signer, member, taken }))
    }

    /// The gate's own key where no roster is at hand: `known` says whose a key is.
    ///
    /// # Errors
    /// Where the key cannot be read, or is another than the known one.
    pub(crate) fn without(
        context: &mut Context,
        origin: &Origin,
        known: Option<&(KeyId, MemberId)>,
    ) -> Result<Option<Self>, CliError> {
        let file = gate_key_file(&context.configuration()?, origin)?;
        if !file.is_file() {
            return Ok(None);
        }
        let (signer, taken) = Self::load(context, &file)?;
        let key = signer.public_key().fingerprint();
        let member = known.filter(|(known, _)| *known == key).map(|(_, member)| member.clone());
        let member = member.ok_or_else(|| {
            CliError::usage(format!("whose key is {key}? the ledger is not at hand to tell"))
                .hint("only decide, and record nothing: countersign gate -n")
        })?;
        Ok(Some(Self { signer, member, taken }))
    }

    fn load(context: &mut Context, file: &Path) -> Result<(Box<dyn Signer>, String), CliError> {
        let ui = &mut context.ui;
        let mut prompt = |question: &str| ui.prompt_secret(question);
        let signer = file::load(file, &mut prompt).map_err(|error| {
            let hint = error.hint();
            let error = CliError::from_error(ErrorKind::Usage, &error);
            hint.into_iter().fold(error, CliError::hint)
        })?;
        Ok((Box::new(signer), format!("the gate's own key was taken: {}", file.display())))
    }

    /// Whether the gate's own key is here and nothing that is said for this command names another:
    /// settings are a person's, and whoever runs the gate by hand means the gate.
    ///
    /// # Errors
    /// Where settings cannot be read.
    pub(crate) fn is_gates(context: &Context, desk: &Desk) -> Result<bool, CliError> {
        let configuration = context.configuration()?;
        let named = configuration.key()?.map(|key| key.source);
        let is_said_now = matches!(named, Some(Source::Flag(_) | Source::Variable(_)));
        Ok(!is_said_now && gate_key_file(&configuration, desk.trust.origin())?.is_file())
    }

    /// The key that something names, or the only one that could be meant.
    ///
    /// # Errors
    /// Where the key is on nobody's roster entry.
    pub(crate) fn of_person(
        context: &Context,
        desk: &Desk,
        signer: Box<dyn Signer>,
    ) -> Result<Self, CliError> {
        let key = signer.public_key().fingerprint();
        let member = desk.owner(&key)?.id.clone();
        let taken = match context.configuration()?.key()? {
            Some(named) => format!("the key was taken that {} names", named.source),
            None => format!("the only key that was found was taken: {key}"),
        };
        Ok(Self { signer, member, taken })
    }

    /// The same key for a ledger that was opened before.
    ///
    /// # Errors
    /// Where whose it is has not that duty.
    pub(crate) fn need(&self, desk: &Desk, duty: Duty) -> Result<(), CliError> {
        let session = &desk.session;
        let member = session.view().roster().member(&self.member, session.size());
        if member.is_some_and(|member| member.has_duty(duty)) {
            return Ok(());
        }
        let name = desk.names().of(&self.member);
        let mut error = CliError::usage(format!("{name} does not have the duty {duty}"))
            .hint("an admin gives duties: countersign roster apply FILE")
            .hint("or name the key of a member who has it: --key FILE");
        error.causes.push(self.taken.clone());
        Err(error)
    }
}
