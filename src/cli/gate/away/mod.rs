//! The gate where the ledger is away (`spec/away.md` section 3): what passes all the same, by what
//! was verified last, and what is recorded of it later.

mod pass;
mod passing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::judge::Inquiry;
use super::outcome::Ground;
use crate::base::digest::ContentDigest;
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::cli::Context;
use crate::cli::address::{Address, way_out};
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::time::span;
use crate::cli::ui::Word;
use crate::session::SessionError;
use crate::verify::Question;
use crate::verify::trust::TrustRoot;
use crate::view::View;

use self::pass::pass;
use self::passing::{Passing, by_bundle, by_kept_bundle, by_overrides, by_rollback};

/// What is asked of the gate.
pub(crate) struct Asked<'a> {
    /// The question.
    pub(crate) inquiry: Inquiry<'a>,
    /// A bundle that is to answer it.
    pub(crate) bundle: Option<&'a Path>,
    /// Signed overrides.
    pub(crate) overrides: &'a [PathBuf],
    /// The deployment.
    pub(crate) command: &'a [OsString],
    /// Whether it runs in whatever work tree this is.
    pub(crate) any_checkout: bool,
    /// Whether nothing is to be recorded.
    pub(crate) only_decide: bool,
}

/// What there is without the ledger.
struct Away {
    trust: TrustRoot,
    ground: Ground,
    /// The copy as it was left; none where there is none, and of a ledger's own folder.
    left: Option<Desk>,
    /// The bundles of what was allowed here.
    bundles: Option<PathBuf>,
    /// The command for an override in a file, as far as its place is known.
    way_out: String,
    why: CliError,
}

/// Answers without the ledger.
///
/// # Errors
/// Exit 4, with what can be done, where nothing passes.
pub(crate) fn run(
    context: &mut Context,
    asked: &Asked<'_>,
    address: Address,
    error: SessionError,
) -> Result<ExitStatus, CliError> {
    let away = Away::new(address, error, asked)?;
    let found = match (asked.bundle, asked.overrides) {
        (Some(file), _) => Some(by_bundle(context, &away, asked, file)?),
        (None, []) => by_itself(context, &away, asked)?.map(Ok),
        (None, files) => Some(by_overrides(context, &away, asked, files)?),
    };
    match found {
        Some(Ok(passing)) => pass(context, asked, away, &passing),
        Some(Err(refused)) => {
            context.ui.answer(Word::No, &refused);
            tell_away(context, &away.why);
            if asked.bundle.is_some() {
                context.ui.paragraph(0, &away.way_out);
            }
            Ok(ExitStatus::No)
        }
        None => Err(ways(context, &away, asked)),
    }
}

/// What passes without a file that somebody names.
fn by_itself(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
) -> Result<Option<Passing>, CliError> {
    let kept = by_kept_bundle(context, away, asked)?;
    Ok(kept.or_else(|| by_rollback(context, away, asked)))
}

impl Away {
    fn new(address: Address, error: SessionError, asked: &Asked<'_>) -> Result<Self, CliError> {
        let (trust, bundles) = (address.trust.clone(), address.bundles());
        let ground = Ground {
            ledger: trust.ledger(),
            seen: Some(address.newest_seen()?),
            spool: address.spool().cloned(),
        };
        let way_out = address.way_out();
        let left = match address.open_as_left("gate") {
            Some(Ok(session)) => Some(address.desk(session)),
            // A bundle needs no copy, be it damaged.
            Some(Err(error)) if !error.is_away() && asked.bundle.is_none() => {
                return Err(error.into());
            }
            Some(Err(_)) | None => None,
        };
        Ok(Self { trust, ground, left, bundles, way_out, why: error.into() })
    }

    /// Which service in which environment is asked about: what is left out is what the policy says
    /// that was verified last, as where the ledger is at hand, never what a file says of itself.
    fn place(&self, asked: &Asked<'_>) -> Result<(ServiceName, EnvironmentName), CliError> {
        let Inquiry { service, environment, .. } = asked.inquiry;
        if let (Some(service), Some(environment)) = (service, environment) {
            return Ok((service.clone(), environment.clone()));
        }
        let desk = self.left.as_ref().ok_or_else(|| {
            CliError::usage("which service and environment? the ledger is away, and its policy")
                .hint("name both: --service SERVICE --env ENVIRONMENT")
        })?;
        let policy = desk.policy()?;
        let service = desk.service(&policy, service)?.name.clone();
        Ok((service, crate::cli::desk::environment(&policy, environment)?))
    }

    /// The question, as the policy that was verified last lets it be put.
    fn question(&self, context: &Context, asked: &Asked<'_>) -> Option<Question> {
        let desk = self.left.as_ref()?;
        let (service, environment) = self.place(asked).ok()?;
        let revision = desk.repository.as_ref()?.resolve(asked.inquiry.revision).ok()?;
        let (artifacts, time) = (asked.inquiry.sorted_artifacts(), context.now());
        Some(Question { service, environment, revision, artifacts, time })
    }
}

/// The name of the file of what was allowed for a question.
pub(crate) fn kept_name(question: &Question) -> String {
    let Question { service, environment, revision, artifacts, .. } = question;
    let artifacts: Vec<_> = artifacts.iter().map(ToString::to_string).collect();
    let text = format!("{service}\n{environment}\n{revision}\n{}", artifacts.join("\n"));
    format!("{}.bundle", ContentDigest::of(text.as_bytes()))
}

fn tell_away(context: &mut Context, why: &CliError) {
    context.ui.paragraph(0, &format!("the ledger is away: {}", why.message));
}

/// What is left, with the commands for it.
fn ways(context: &Context, away: &Away, asked: &Asked<'_>) -> CliError {
    let run = if asked.command.is_empty() { "" } else { " -- CMD" };
    let gate = gate_again(asked);
    let revision = match asked.inquiry.revision {
        "HEAD" => String::new(),
        named => format!(" --revision {named}"),
    };
    // What stands for what is left out, the copy's policy alone tells.
    let unnamed = |is_named: bool, words| if is_named || away.left.is_some() { "" } else { words };
    let place = [
        unnamed(asked.inquiry.service.is_some(), " --service SERVICE"),
        unnamed(asked.inquiry.environment.is_some(), " --env ENVIRONMENT"),
    ];
    let place = place.concat();
    let age = away.trust.max_age().map(|age| format!(" younger than {}", span(age)));
    let error = away.why.clone().hint(format!(
        "a bundle of it{} passes: {gate}{revision} --bundle FILE{place}{run}",
        age.unwrap_or_default()
    ));
    // Without a roster nobody can judge an override: it is deployed by hand, and recorded later.
    let Some(desk) = &away.left else { return error.hint(&away.way_out) };
    let Ok((service, environment)) = away.place(asked) else { return error.hint(&away.way_out) };
    let policy = desk.policy().ok();
    let known = policy.as_ref().and_then(|policy| policy.service(&service));
    let Some(repository) = known.map(|known| &known.repository) else {
        return error.hint(&away.way_out);
    };
    let back = way_back(context, away, asked, desk.session.view(), (&service, &environment));
    let error = back.into_iter().fold(error, CliError::hint);
    let way_out = way_out(&format!(
        "{}--service {service} --env {environment} --repository {repository}{}",
        if revision.is_empty() { String::new() } else { format!("{} ", asked.inquiry.revision) },
        artifacts(asked)
    ));
    error.hint(format!("{way_out}; then: {gate}{revision} --override FILE{run}"))
}

/// The newest release that passes now by itself, with its command: each that was settled here is
/// put to the gate as the command would put it. What is live comes last, for whoever goes back
/// wants another.
fn way_back(
    context: &Context,
    away: &Away,
    asked: &Asked<'_>,
    view: &View,
    (service, environment): (&ServiceName, &EnvironmentName),
) -> Option<String> {
    let live = view.settled(service, environment).live().map(|live| &live.revision);
    let points = view.starts(service, environment).all().iter().rev();
    let mut releases: Vec<(&Revision, &[ContentDigest])> = Vec::new();
    for point in points {
        let Some(revision) = &point.revision else { continue };
        let release = (revision, point.artifacts.as_slice());
        if !releases.contains(&release) {
            releases.push(release);
        }
    }
    releases.sort_by_key(|(revision, _)| Some(*revision) == live);
    releases.into_iter().find_map(|(revision, artifacts)| {
        let named = if asked.inquiry.attested { revision.as_str() } else { revision.short() };
        let inquiry = Inquiry { revision: named, artifacts, ..asked.inquiry };
        let back = Asked { inquiry, bundle: None, overrides: &[], ..*asked };
        by_itself(context, away, &back).ok().flatten()?;
        let what = if Some(revision) == live { "what is live" } else { "what was live before" };
        let gate = gate_again(&back);
        Some(match asked.command {
            [] => format!("{what} passes: {gate} --revision {named}"),
            _ if asked.inquiry.attested => {
                format!("{what} passes: {gate} --revision {named} -- CMD")
            }
            // CMD runs in the work tree.
            _ => format!("{what} passes: git checkout --detach {named} && {gate} -- CMD"),
        })
    })
}

/// The command that asks the gate the same again, but for the revision.
fn gate_again(asked: &Asked<'_>) -> String {
    let inquiry = &asked.inquiry;
    let service = inquiry.service.map(|name| format!(" --service {name}"));
    let environment = inquiry.environment.map(|name| format!(" --env {name}"));
    let words: String = service.into_iter().chain(environment).collect();
    let attested = if inquiry.attested { " --attested" } else { "" };
    format!("countersign gate{words}{attested}{}", artifacts(asked))
}

/// The artifacts that are asked about, as the command line has them.
fn artifacts(asked: &Asked<'_>) -> String {
    let artifacts = asked.inquiry.sorted_artifacts();
    let words: Vec<_> =
        artifacts.iter().map(|digest| format!(" --artifact sha256:{digest}")).collect();
    words.concat()
}
