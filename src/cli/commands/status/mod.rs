//! `status`: what a change would need and has. `check` asks the same, for a pipeline.

mod change;
mod landed;

use serde::Serialize;

use crate::audit::observed::Observed;
use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::position::TreeSize;
use crate::base::time::Timestamp;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held};
use crate::cli::error::CliError;
#[cfg(feature = "server")]
use crate::cli::error::ErrorKind;
use crate::cli::exit::ExitStatus;
use crate::cli::report::{OwedLine, SegmentReport, observed_words, print_next};
use crate::cli::review::{Place, PlaceArgs, Subject, named_range};
use crate::cli::trusted::{self, Witnesses};
use crate::cli::ui::{Ui, Word};
use crate::statement::words::Mode;
use crate::verify::witnessing::Witnessing;

/// Show what a change needs and has: signed, missing, not counted and why
#[derive(Debug, clap::Args)]
#[command(after_help = "RANGE is a branch, A..B as in git, or a commit against its first parent. \
    Without one it is\nwhat HEAD adds to the service's branch; there, what is not deployed \
    yet.\n\nExamples:\n  countersign status\n  countersign status retry-capture\n  \
    countersign status main..HEAD --env staging")]
pub(crate) struct Args {
    #[command(flatten)]
    asked: Asked,
}

/// What is asked about; `check` asks the same.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// What to judge
    pub(super) range: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    // Whoever asks how things stand is answered, whatever the answer is.
    answer(context, &args.asked, "status").map(|_| ExitStatus::Yes)
}

/// The answer for one change.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "answer")]
    word: &'static str,
    mode: Mode,
    service: &'a ServiceName,
    environment: &'a EnvironmentName,
    policy: u64,
    size: TreeSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Revision>,
    head: &'a Revision,
    segments: Vec<SegmentReport>,
    /// Debts of the place, oldest first.
    owed: &'a [OwedLine],
    /// What would have been refused of what was deployed there.
    observed: &'a Observed,
    /// What it owes to whom.
    trust: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses>,
}

impl<'a> Answer<'a> {
    fn new(
        desk: &Desk,
        place: &'a Place,
        said: Word,
        head: &'a Revision,
        segments: Vec<SegmentReport>,
        standing: &'a Standing,
    ) -> Self {
        Self {
            word: word_for_machines(said),
            mode: place.mode(),
            service: &place.service.name,
            environment: &place.environment,
            policy: place.policy_number,
            size: desk.session.size(),
            base: None,
            head,
            segments,
            owed: &standing.owed,
            observed: &standing.observed,
            trust: &standing.trust,
            witnesses: Witnesses::new(&standing.witnessing),
        }
    }
}

/// Judges, prints, and gives the status of a question: 1 for no, unless the policy only observes.
pub(super) fn answer(
    context: &mut Context,
    args: &Asked,
    command: &'static str,
) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, command)?;
    let place = Place::new(held.desk(context)?, &args.place)?;
    let named = args.range.as_deref();
    let named = named.map(|text| named_range(context, &mut held, &place, text)).transpose()?;
    let desk = &*held.desk(context)?;
    let repository = desk.need_repository()?;
    let now = context.now();
    let branch = repository.head_branch()?;
    let branch = branch.as_ref().map(|name| name.as_str().trim_start_matches("refs/heads/"));
    let (range, argument) = match named {
        Some(named) => (named.range, named.argument),
        None => match place.range_of_head(repository)? {
            Some(range) => (range, branch.unwrap_or("HEAD").to_owned()),
            None => return landed::answer(context, desk, &place, repository),
        },
    };
    let subject = Subject::load(desk, &place, range, &argument, now)?;
    let people = desk.names();
    let report = subject.report(desk, &place, &people);
    let said = word(&place, report.satisfied);
    let standing = Standing::of(desk, &place, now)?;
    context.ui.json(&Answer {
        base: subject.range.base.as_ref(),
        ..Answer::new(desk, &place, said, &subject.range.head, vec![report.clone()], &standing)
    });
    change::print(&mut context.ui, desk, &place, &subject, &report);
    standing.print(&mut context.ui, &place, now);
    let next = change::next(&report, subject.commits());
    print_next(&mut context.ui, &next);
    held.leak();
    Ok(status(said))
}

/// The same as JSON where nobody is at a terminal: of a range, or of the newest commit of the
/// service's branch.
///
/// # Errors
/// Where the repository or the ledger cannot be read, or the range is none.
#[cfg(feature = "server")]
pub(crate) fn told(
    desk: &Desk,
    place: &Place,
    range: Option<&str>,
    now: Timestamp,
) -> Result<Vec<u8>, CliError> {
    let repository = desk.need_repository()?;
    let standing = Standing::of(desk, place, now)?;
    let Some(text) = range else {
        let question = place.question(&place.tip(repository)?, now);
        return landed::told(desk, place, repository, &question, &standing);
    };
    let range = place.range(repository, text)?;
    let subject = Subject::load(desk, place, range, text, now)?;
    let report = subject.report(desk, place, &desk.names());
    let said = word(place, report.satisfied);
    json(&Answer {
        base: subject.range.base.as_ref(),
        ..Answer::new(desk, place, said, &subject.range.head, vec![report], &standing)
    })
}

#[cfg(feature = "server")]
fn json(answer: &Answer<'_>) -> Result<Vec<u8>, CliError> {
    serde_json::to_vec(answer).map_err(|error| CliError::from_error(ErrorKind::Integrity, &error))
}

/// How the place stands, whatever change is asked about.
struct Standing {
    /// Debts, oldest first.
    owed: Vec<OwedLine>,
    /// What would have been refused of what was deployed.
    observed: Observed,
    /// Who saw how much of the ledger.
    witnessing: Witnessing,
    /// What the ledger owes to whom.
    trust: String,
}

impl Standing {
    fn of(desk: &Desk, place: &Place, now: Timestamp) -> Result<Self, CliError> {
        let witnessing = desk.session.witnessing();
        Ok(Self {
            owed: place.owed(desk, now),
            observed: Observed::read(&desk.session, &place.service.name, &place.environment)?,
            trust: trusted::line(&witnessing, now),
            witnessing,
        })
    }

    /// What concerns whoever deploys next: debts, and what enforcing would have refused.
    fn print(&self, ui: &mut Ui, place: &Place, now: Timestamp) {
        for line in &self.owed {
            line.print(ui);
        }
        if !self.owed.is_empty() {
            ui.blank();
        }
        // Where it is enforced, what was observed is of the past: JSON has it.
        if let Some(words) = observed_words(&self.observed)
            && place.mode() == Mode::Observe
        {
            ui.paragraph(2, &format!("observed: {words}"));
        }
        if self.witnessing.known > 0 {
            ui.paragraph(2, &trusted::line(&self.witnessing, now));
        }
    }
}

fn word(place: &Place, satisfied: bool) -> Word {
    match (satisfied, place.mode()) {
        (true, _) => Word::Yes,
        (false, Mode::Enforce) => Word::No,
        (false, Mode::Observe) => Word::WouldRefuse,
    }
}

const fn word_for_machines(word: Word) -> &'static str {
    match word {
        Word::Yes => "yes",
        Word::WouldRefuse => "would_refuse",
        _ => "no",
    }
}

const fn status(word: Word) -> ExitStatus {
    match word {
        Word::Yes | Word::WouldRefuse => ExitStatus::Yes,
        _ => ExitStatus::No,
    }
}
