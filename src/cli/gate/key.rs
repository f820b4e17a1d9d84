//! The key that a pipeline signs with.

use crate::base::name::MemberId;
use crate::cli::Context;
use crate::cli::desk::{Desk, gate_key_file};
use crate::cli::error::{CliError, ErrorKind};
use crate::key::Signer;
use crate::signer::file;
use crate::statement::words::Duty;

/// A key, and the member whose it is.
pub(crate) struct PipelineKey {
    /// What signs.
    pub(crate) signer: Box<dyn Signer>,
    /// Whose it is.
    pub(crate) member: MemberId,
}

impl PipelineKey {
    /// The key that `--key` names, else the gate's own, else the one that the environment or the
    /// settings name; none where there is none of them.
    ///
    /// # Errors
    /// Where the key cannot be read or is on nobody's roster entry.
    pub(crate) fn find(context: &mut Context, desk: &Desk) -> Result<Option<Self>, CliError> {
        let configuration = context.configuration()?;
        let file = gate_key_file(&configuration, desk.trust.origin())?;
        let signer = if context.settings.key.is_none() && file.is_file() {
            let ui = &mut context.ui;
            let mut prompt = |question: &str| ui.prompt_secret(question);
            let signer = file::load(&file, &mut prompt).map_err(|error| {
                let hint = error.hint();
                let error = CliError::from_error(ErrorKind::Usage, &error);
                hint.into_iter().fold(error, CliError::hint)
            })?;
            Box::new(signer)
        } else if configuration.key()?.is_some() {
            context.signer(Some(&desk.enrolled()))?
        } else {
            return Ok(None);
        };
        let member = desk.owner(&signer.public_key().fingerprint())?.id.clone();
        Ok(Some(Self { signer, member }))
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
        let message = format!("{} does not have the duty {duty}", self.member);
        Err(CliError::usage(message)
            .hint("an admin gives duties: countersign roster apply FILE")
            .hint("or name the key of a member who has it: --key FILE"))
    }
}
