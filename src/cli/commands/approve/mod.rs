//! `approve`: the sign-off. `reject` goes the same way.

mod again;
mod dialog;
mod items;
mod submit;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use crate::base::limits::SUBJECTS_MAX;
use crate::base::name::ChecklistItem;
use crate::cli::Context;
use crate::cli::desk::Held;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::review::{Place, PlaceArgs, me, named_range};
use crate::key::Signer;
use crate::roster::Member;
use crate::statement::words::ApprovalVerdict;

use self::dialog::Outcome;
use self::items::Item;
use self::submit::submit;
pub(super) use self::submit::{Said, approval, keep};

/// Fewest digits of a hash that `--expect` takes.
const EXPECTED_DIGITS_MIN: usize = 12;

/// Sign off on a change: the next in your queue, or what you name
#[derive(Debug, clap::Args)]
#[command(after_help = "WHAT is a branch, the number or URL of a pull request or merge request, \
    A..B as in git, or a\ncommit against its first parent. A request is fetched with git. Several \
    of them get one\nsignature. Without a terminal name what you have read: --expect \
    HASH.\n\nExamples:\n  countersign approve\n  countersign approve 1841\n  \
    countersign approve https://github.com/shop/api/pull/1841\n  \
    countersign approve retry-capture\n  \
    countersign approve 41c09aa..7be2d10 -m 'read with Mia'\n  \
    countersign approve --change 8c1f52e0a94b\n  \
    countersign approve --artifact sha256:DIGEST --expect DIGEST")]
pub(crate) struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    signing: SigningArgs,
    /// Answer an item of the policy's checklist
    #[arg(long = "check", value_name = "ITEM=ANSWER")]
    checks: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What is to be signed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Named {
    /// What to sign off
    #[arg(value_name = "WHAT")]
    ranges: Vec<String>,
    /// A change that was declared, by its hash or the first 12 digits of it
    #[arg(long = "change", value_name = "HASH")]
    changes: Vec<String>,
    /// An artifact; it never stands for a change
    #[arg(long = "artifact", value_name = "sha256:DIGEST")]
    artifacts: Vec<String>,
    /// The change that you expect: nothing else is signed
    #[arg(long, value_name = "HASH", value_parser = expected)]
    expect: Vec<String>,
    /// The version that you signed before and that this takes the place of, where nothing but
    /// paths shows it
    #[arg(long, value_name = "HASH", value_parser = expected)]
    supersedes: Vec<String>,
}

/// Flags of every command that signs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct SigningArgs {
    /// A comment; it is kept beside the ledger and can be deleted
    #[arg(short = 'm', long = "message", value_name = "COMMENT")]
    pub(super) comment: Option<String>,
    /// Show the exact statement; sign nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,
    /// Ask nothing
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
    /// Write the envelope to a file instead of handing it in
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let verdict = ApprovalVerdict::Approve;
    sign_off(context, &args.named, &args.signing, &args.checks, &args.place, verdict)
}

/// What a person signs with, known before anything is asked.
pub(super) struct Desired<'a> {
    /// The flags.
    pub(super) signing: &'a SigningArgs,
    /// The only hashes to sign, or how they begin; none where anything may be signed.
    pub(super) expected: &'a [String],
    /// Versions that the person says are superseded, or how their hashes begin.
    pub(super) supersedes: &'a [String],
    /// Answers that were given as flags.
    pub(super) checks: Vec<(ChecklistItem, String)>,
    /// Whether somebody can be asked.
    pub(super) asks: bool,
    /// The key, once it was opened: nobody types a passphrase for each change of a queue.
    pub(super) signer: RefCell<Option<Rc<dyn Signer>>>,
}

impl Named {
    const fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.changes.is_empty() && self.artifacts.is_empty()
    }

    /// What cannot stand under one signature is refused before anything is fetched.
    fn check(&self) -> Result<(), CliError> {
        let changes = self.ranges.len() + self.changes.len();
        if changes > 0 && !self.artifacts.is_empty() {
            return Err(CliError::usage("changes and artifacts are signed apart")
                .hint("run the command once for each sort"));
        }
        if changes.max(self.artifacts.len()) > SUBJECTS_MAX {
            let message = format!("at most {SUBJECTS_MAX} changes get one signature");
            return Err(CliError::usage(message).hint("run the command once for each lot"));
        }
        Ok(())
    }
}

/// Whether questions may be asked, and their answers be seen.
pub(super) fn asks(context: &Context, signing: &SigningArgs) -> bool {
    let silent = context.settings.quiet || signing.yes || signing.dry_run;
    context.ui.has_person() && !context.ui.is_json() && !silent
}

/// Shows what is meant, asks, signs and hands in.
pub(super) fn sign_off(
    context: &mut Context,
    named: &Named,
    signing: &SigningArgs,
    checks: &[String],
    place_args: &PlaceArgs,
    verdict: ApprovalVerdict,
) -> Result<ExitStatus, CliError> {
    let checks = checks.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>()?;
    let (expected, asks) = (named.expect.as_slice(), asks(context, signing));
    let supersedes = named.supersedes.as_slice();
    let signer = RefCell::default();
    let desired = Desired { signing, expected, supersedes, checks, asks, signer };
    named.check()?;
    let mut held = Held::take(context, "approve")?;
    let desk = held.desk(context)?;
    let place = Place::new(desk, place_args)?;
    let reader = me(context, desk)?;
    let mut ranges = Vec::new();
    for text in &named.ranges {
        ranges.push(named_range(context, &mut held, &place, text)?);
    }
    let desk = held.desk(context)?;
    let now = context.now();
    if !named.is_empty() {
        let items = items::named(desk, &place, &reader, named, ranges, now)?;
        let answered = one(context, &mut held, &place, &reader, items, &desired, verdict)?;
        held.leak();
        return Ok(match answered {
            Answered::Done(status) => status,
            Answered::Next => ExitStatus::Yes,
            Answered::Quit => nothing_signed(context),
        });
    }
    let offered = items::from_queue(desk, &place, &reader, &desired, now)?;
    let (count, mut done) = (offered.len(), None);
    for (number, subject) in offered.into_iter().enumerate() {
        let items = vec![items::change(held.desk(context)?, &reader, subject, false)?];
        if desired.asks && count > 1 {
            context.ui.line(&format!("{} of {count} that wait for you", number + 1));
        }
        match one(context, &mut held, &place, &reader, items, &desired, verdict)? {
            Answered::Done(status) => done = Some(status),
            Answered::Next => continue,
            Answered::Quit => {
                held.leak();
                return Ok(done.unwrap_or_else(|| nothing_signed(context)));
            }
        }
        // A script signs one change a run: the next one it has not named.
        if !desired.asks {
            held.leak();
            return Ok(done.unwrap_or(ExitStatus::Yes));
        }
        context.ui.blank();
    }
    let more = if done.is_some() || count > 0 { "nothing more" } else { "nothing" };
    context.ui.line(&format!("{more} waits for you"));
    held.leak();
    Ok(ExitStatus::Yes)
}

fn nothing_signed(context: &mut Context) -> ExitStatus {
    context.ui.note("nothing was signed");
    ExitStatus::Usage
}

/// What became of what was offered.
enum Answered {
    /// It was signed, or shown as it would be.
    Done(ExitStatus),
    /// The person wants to see the next.
    Next,
    /// The person wants no more.
    Quit,
}

/// One signature.
fn one(
    context: &mut Context,
    held: &mut Held,
    place: &Place,
    reader: &Member,
    mut items: Vec<Item>,
    desired: &Desired<'_>,
    verdict: ApprovalVerdict,
) -> Result<Answered, CliError> {
    let desk = held.desk(context)?;
    items::check(desk, &items, reader, desired, verdict)?;
    if verdict == ApprovalVerdict::Approve && !desired.signing.dry_run {
        match again::leave_out(context, desk, place, reader, items, desired)? {
            Some(left) => items = left,
            None => return Ok(Answered::Done(ExitStatus::Yes)),
        }
    }
    dialog::show(context, desk, place, reader, &mut items, desired);
    let wanted = items::checklist(desk, place, &items, reader);
    if desired.asks {
        held.leave();
    }
    let mut said = Said {
        verdict,
        withdraws: None,
        comment: desired.signing.comment.clone(),
        answers: desired.checks.clone(),
    };
    if desired.asks {
        match dialog::ask(context, &mut items, verdict) {
            Outcome::Sign => {}
            Outcome::Reject(why) => {
                said.verdict = ApprovalVerdict::Reject;
                said.comment = Some(why);
            }
            Outcome::Next => return Ok(Answered::Next),
            Outcome::Quit => return Ok(Answered::Quit),
        }
    }
    if said.verdict == ApprovalVerdict::Approve {
        dialog::answer_checklist(context, &wanted, &mut said.answers, desired)?;
    }
    submit(context, held, place, reader, &items, &said, desired).map(Answered::Done)
}

/// A hash or its first digits, as tools print it: with or without `sha256:`.
fn expected(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() < EXPECTED_DIGITS_MIN {
        return Err(format!("it is too short: write at least {EXPECTED_DIGITS_MIN} digits"));
    }
    Ok(digits.to_owned())
}

/// `ITEM=ANSWER`.
fn check(text: &str) -> Result<(ChecklistItem, String), CliError> {
    let parsed = text.split_once('=').and_then(|(item, answer)| {
        let item = item.trim().parse().ok()?;
        (!answer.trim().is_empty()).then(|| (item, answer.trim().to_owned()))
    });
    parsed.ok_or_else(|| {
        CliError::usage(format!("--check {text} is no answer"))
            .hint("write the item, =, and the answer: --check 'rollback plan=redeploy 41c09aa'")
    })
}
