//! `check`: the verdict on changes that have not landed, for pull requests and merge groups.

mod answer;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use self::answer::Answered;
use super::status;
use crate::base::name::Revision;
use crate::cli::Context;
use crate::cli::ci::{self, Asked};
use crate::cli::desk::Held;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::review::{Named, Place, named_range};
use crate::evidence::Landing;
use crate::git::{GitError, Range, Repository};
use crate::store::durable;

/// Answer whether a change is signed off: exit status 1 for no
#[derive(Debug, clap::Args)]
#[command(
    after_help = "In a pipeline of GitHub or GitLab it is asked about the pull request, merge \
    request or merge\ngroup that the pipeline is for. Nothing is recorded, and nothing is used \
    up.\n\nExamples:\n  countersign check\n  countersign check origin/main..HEAD --json\n  \
    countersign check --merge-group BASE..HEAD\n  \
    countersign check --code-quality gl-code-quality-report.json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    asked: status::Asked,
    /// RANGE lands as it is, commit by commit along first parents, as a merge queue made it
    #[arg(long, requires = "range")]
    merge_group: bool,
    /// Write what is wrong as a GitLab Code Quality report
    #[arg(long, value_name = "FILE")]
    code_quality: Option<PathBuf>,
    /// Append a summary in Markdown; on GitHub, to the job's summary
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// What is judged.
struct Judged {
    /// How people call it.
    title: String,
    range: Range,
    landing: Landing,
    /// How `approve` names it, where its own commits do not.
    argument: Option<String>,
    /// Where it goes, if that is not the service's branch.
    elsewhere: Option<Elsewhere>,
}

/// A branch that is not the service's: whatever it has there, nothing says of the branch that is
/// deployed, and a forge that keeps an answer when the branch is changed would show it for that.
enum Elsewhere {
    /// The branch that a request goes to, as people call it.
    Branch(String),
    /// The base of a range that was named, which is not on the service's branch.
    Base(Revision),
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let event = match &args.asked.range {
        Some(_) => None,
        None => ci::asked(context)?,
    };
    let mut held = Held::take(context, "check")?;
    let place = Place::new(held.desk(context)?, &args.asked.place)?;
    let named = args.asked.range.as_deref();
    let named = named.map(|text| named_range(context, &mut held, &place, text)).transpose()?;
    let desk = &*held.desk(context)?;
    let repository = desk.need_repository()?;
    let judged = match (&event, named) {
        (Some(asked), _) => Some(of_event(repository, &place, asked)?),
        (None, Some(named)) => Some(of_range(repository, &place, named, args.merge_group)),
        (None, None) => of_head(repository, &place)?,
    };
    let Some(judged) = judged else {
        // On the service's own branch: what is not deployed yet. It takes the desk itself.
        held.leave();
        return status::answer(context, &args.asked, "check");
    };
    let answered = Answered::new(context, desk, &place, &judged)?;
    answered.print(&mut context.ui);
    let told = tell(context, args, &answered);
    held.leak();
    told?;
    Ok(answered.status())
}

/// What a forge asks about: a merge group from its base on, anything else from where it left the
/// branch.
fn of_event(repository: &Repository, place: &Place, asked: &Asked) -> Result<Judged, CliError> {
    for commit in [&asked.base, &asked.head] {
        match repository.resolve(commit.as_str()) {
            Err(GitError::UnknownCommit { .. }) => {
                let unshallow = if repository.is_shallow() { "--unshallow " } else { "" };
                let message = format!("commit {commit} of the {} is not here", asked.title);
                return Err(CliError::usage(message).hint(format!(
                    "git fetch {unshallow}origin {commit} (in CI: fetch-depth: 0, and filter: \
                     blob:none)"
                )));
            }
            other => other?,
        };
    }
    let base = match asked.landing {
        Landing::OneChange => repository.merge_base(&asked.base, &asked.head)?,
        Landing::Steps => asked.base.clone(),
    };
    let goes_to = asked.branch.trim_start_matches("refs/heads/");
    let is_elsewhere = asked.branch != place.service.branch.as_str();
    Ok(Judged {
        elsewhere: is_elsewhere.then(|| Elsewhere::Branch(goes_to.to_owned())),
        title: asked.title.clone(),
        range: Range { base: Some(base), head: asked.head.clone() },
        landing: asked.landing,
        argument: asked.number.map(|number| number.to_string()),
    })
}

/// What was named: a range, or a request that was fetched.
fn of_range(repository: &Repository, place: &Place, named: Named, is_merge_group: bool) -> Judged {
    let landing = if is_merge_group { Landing::Steps } else { Landing::OneChange };
    let Named { range, argument: title, is_fetched } = named;
    let argument = (!is_merge_group).then(|| title.clone());
    let is_off = |base: &&Revision| place.is_on_branch(repository, base) == Some(false);
    let base = range.base.as_ref().filter(|_| !is_fetched);
    let elsewhere = base.filter(is_off).cloned().map(Elsewhere::Base);
    Judged { title, range, landing, argument, elsewhere }
}

/// What `HEAD` adds to the service's branch; none where it is on it.
fn of_head(repository: &Repository, place: &Place) -> Result<Option<Judged>, CliError> {
    let Some(range) = place.range_of_head(repository)? else { return Ok(None) };
    let branch = repository.head_branch()?;
    let branch = branch.as_ref().map(|name| name.as_str().trim_start_matches("refs/heads/"));
    let title = branch.unwrap_or("HEAD").to_owned();
    let argument = Some(title.clone());
    let (landing, elsewhere) = (Landing::OneChange, None);
    Ok(Some(Judged { title, range, landing, argument, elsewhere }))
}

/// Tells the pipeline in its own forms. The answer stands whatever becomes of them; a report that
/// was asked for by name and cannot be written is an error.
fn tell(context: &mut Context, args: &Args, answered: &Answered) -> Result<(), CliError> {
    if let Some(github) = context.environment.github.clone() {
        for command in ci::annotations(&answered.findings, answered.is_refused()) {
            context.ui.workflow_command(&command);
        }
        if let Some(path) = github.step_summary.filter(|_| args.summary.is_none()) {
            let written = append(&path, &answered.summary());
            if let Err(error) = written {
                context.ui.warn(&format!("cannot write the job's summary: {error}"));
            }
        }
    }
    if let Some(path) = &args.summary {
        let file = context.environment.resolve(path);
        append(&file, &answered.summary())
            .map_err(|error| CliError::file("write", path, &error))?;
    }
    if let Some(path) = &args.code_quality {
        let report = answered.code_quality();
        // A name in the tree that is judged may be a link to anywhere: it is replaced, never
        // followed.
        let file = context.environment.resolve(path);
        durable::replace(&file, report.as_bytes(), durable::MODE_SHARED)
            .map_err(|error| CliError::unavailable(error.to_string()))?;
    }
    Ok(())
}

/// Appends to a file, and never to what a link leads to: one may lie in the tree that is judged.
fn append(path: &Path, text: &str) -> std::io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(std::io::Error::other("it is a symbolic link"));
    }
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}
