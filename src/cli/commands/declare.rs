//! `declare`: the author's own word on a change: who wrote it, and how much a machine did.

use serde::Serialize;

use crate::base::digest::ChangeHash;
use crate::base::name::{ReferenceName, RequestId, Revision, ToolName};
use crate::base::position::EntryIndex;
use crate::cli::Context;
use crate::cli::desk::{Desk, Held, write_envelope};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::governance::{SigningFlags, show_statement};
use crate::cli::review::{Named, Place, PlaceArgs, Subject, me, named_range, tools};
use crate::ledger::topics;
use crate::roster::Member;
use crate::session::sign;
use crate::statement::Says;
use crate::statement::change::{Declaration, DeclaredAuthor};
use crate::statement::words::{Assistance, Duty};
use crate::verify::SeenKind;

/// Declare a change that you wrote: who its authors are, and how much a machine did
#[derive(Debug, clap::Args)]
#[command(after_help = "Authors and tools are read from the commits. What the commits do not \
    show you are asked;\nwithout a terminal say it: --assistance none, assisted or \
    generated.\n\nExamples:\n  countersign declare\n  countersign declare retry-capture \
    --request 1841\n  countersign declare --assistance generated --tool 'Claude Code'")]
pub(crate) struct Args {
    /// A branch, a request by number or URL, A..B, or a commit; else what HEAD adds to the
    /// service's branch
    range: Option<String>,
    /// How much a machine wrote: none, assisted or generated
    #[arg(long, value_name = "HOW", value_parser = assistance)]
    assistance: Option<Assistance>,
    /// A tool that helped
    #[arg(long = "tool", value_name = "NAME")]
    tools: Vec<ToolName>,
    /// The ticket or pull request that asked for it
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
    /// The version that this one replaces; the last one of the same request, if there is one
    #[arg(long, value_name = "HASH")]
    predecessor: Option<ChangeHash>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    signing: SigningFlags,
}

fn assistance(text: &str) -> Result<Assistance, String> {
    Assistance::from_word(text).ok_or_else(|| "expected none, assisted or generated".to_owned())
}

/// What was declared.
#[derive(Serialize)]
struct Answer<'a> {
    change: ChangeHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a Revision>,
    head: &'a Revision,
    target: &'a ReferenceName,
    authors: &'a [DeclaredAuthor],
    assistance: Assistance,
    tools: &'a [ToolName],
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predecessor: Option<ChangeHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Runs the command.
pub(crate) fn run(context: &mut Context, args: &Args) -> Result<ExitStatus, CliError> {
    let mut held = Held::take(context, "declare")?;
    let desk = held.desk(context)?;
    let place = Place::new(desk, &args.place)?;
    let author = me(context, desk)?;
    let named = args.range.as_deref();
    let named = named.map(|text| named_range(context, &mut held, &place, text)).transpose()?;
    let desk = held.desk(context)?;
    let (subject, said) = declaration(context, desk, &place, &author, args, named)?;
    if args.signing.dry_run {
        let statement = desk.session.statement(&author.id, Says::Change(said));
        show_statement(context, &statement)?;
        return Ok(ExitStatus::Yes);
    }
    let enrolled = desk.enrolled();
    // Nobody waits for the ledger while a passphrase is typed.
    held.leave();
    let signer = context.signer(Some(&enrolled))?;
    let desk = held.desk(context)?;
    let owner = desk.owner(&signer.public_key().fingerprint())?;
    if owner.id != author.id {
        return Err(
            CliError::usage("another member's key would sign now").hint("run the command again")
        );
    }
    let bytes = subject.gathered.difference.to_bytes();
    desk.session.blobs().put(&bytes).map_err(|error| {
        CliError::unavailable("cannot keep the change document").because(&error)
    })?;
    let statement = desk.session.statement(&author.id, Says::Change(said.clone()));
    let envelope = sign(&statement, signer.as_ref())?;
    let (mut entry, mut file) = (None, None);
    if let Some(path) = &args.signing.output {
        write_envelope(&context.environment.resolve(path), &envelope)?;
        file = Some(path.display().to_string());
    } else {
        let receipts = desk.submit(context.now(), &[envelope])?;
        entry = receipts.first().map(|receipt| receipt.index);
    }
    print(context, &said, entry, file);
    held.leak();
    Ok(ExitStatus::Yes)
}

fn declaration(
    context: &mut Context,
    desk: &Desk,
    place: &Place,
    author: &Member,
    args: &Args,
    named: Option<Named>,
) -> Result<(Subject, Declaration), CliError> {
    let repository = desk.need_repository()?;
    let range = match named {
        Some(named) => named.range,
        None => place.range_of_head(repository)?.ok_or_else(|| {
            CliError::usage(format!("HEAD adds nothing to {}", place.branch()))
                .hint("name what you wrote: countersign declare RANGE")
        })?,
    };
    let argument = args.range.as_deref().unwrap_or("HEAD");
    let subject = Subject::load(desk, place, range, argument, context.now())?;
    if !subject.is_by(&author.id) && !author.has_duty(Duty::Declare) {
        let message = "you are no author of these commits, and have no duty to declare for others";
        return Err(CliError::usage(message)
            .hint("an admin adds the e-mail address that you commit with to the roster"));
    }
    let detected = subject.gathered.steps.iter().filter_map(|step| step.detected).max();
    let assistance = how(context, args, detected)?;
    let mut named = args.tools.clone();
    if assistance != Assistance::None {
        let marked = tools(&subject);
        named.extend(
            marked.iter().filter(|tool| *tool != "unnamed").filter_map(|tool| tool.parse().ok()),
        );
    } else if !named.is_empty() {
        return Err(CliError::usage("a tool helped, so the assistance is not none")
            .hint("--assistance assisted, or generated"));
    }
    named.sort_unstable();
    named.dedup();
    let said = Declaration {
        change: subject.change(),
        repository: place.service.repository.clone(),
        base: subject.range.base.clone(),
        head: subject.range.head.clone(),
        target: place.service.branch.clone(),
        authors: authors(desk, &subject, author),
        request: args.request.clone(),
        predecessor: predecessor(desk, place, args, subject.change())?,
        assistance,
        tools: named,
    };
    Ok((subject, said))
}

/// How much a machine did: what is said, else what the commits show, else what is asked. It is
/// never guessed that nothing did.
fn how(
    context: &mut Context,
    args: &Args,
    detected: Option<Assistance>,
) -> Result<Assistance, CliError> {
    match (args.assistance, detected) {
        (Some(said), Some(detected)) if said < detected => {
            context.ui.warn(&format!("the commits show {detected}, and that is what counts"));
            Ok(said)
        }
        (Some(said), _) | (None, Some(said)) => Ok(said),
        (None, None) => {
            let hint = "say it: --assistance none, assisted or generated";
            let question = "How much did a machine write? [none/assisted/generated]";
            let asked = if args.signing.yes || context.ui.is_json() {
                None
            } else {
                context.ui.prompt(question)
            };
            let Some(answer) = asked else {
                return Err(
                    CliError::usage("the commits do not show whether a machine helped").hint(hint)
                );
            };
            Assistance::from_word(answer.trim())
                .ok_or_else(|| CliError::usage("nothing was declared").hint(hint))
        }
    }
}

/// Members by their id, others by the digest of their address; tools are no authors.
fn authors(desk: &Desk, subject: &Subject, author: &Member) -> Vec<DeclaredAuthor> {
    let roster = desk.session.view().roster();
    let size = desk.session.size();
    let mut authors: Vec<_> = subject
        .gathered
        .steps
        .iter()
        .flat_map(|step| &step.authors)
        .filter(|seen| seen.kind == SeenKind::Person)
        .map(|seen| match roster.member_of_email(seen.email, size) {
            Some(member) => DeclaredAuthor::Member(member.id.clone()),
            None => DeclaredAuthor::Email(seen.email),
        })
        .collect();
    if authors.is_empty() {
        authors.push(DeclaredAuthor::Member(author.id.clone()));
    }
    authors.sort_unstable();
    authors.dedup();
    authors
}

/// The version that this one replaces: the named one, else the last of the same request.
fn predecessor(
    desk: &Desk,
    place: &Place,
    args: &Args,
    change: ChangeHash,
) -> Result<Option<ChangeHash>, CliError> {
    if args.predecessor.is_some() {
        return Ok(args.predecessor);
    }
    let Some(request) = &args.request else { return Ok(None) };
    let topic = topics::request(&place.service.repository, request);
    let entries = desk.session.entries_under([topic])?;
    let mut versions = entries.iter().filter_map(|entry| match &entry.statement().says {
        Says::Change(said) => Some(said.change),
        _ => None,
    });
    Ok(versions.rfind(|version| *version != change))
}

fn print(
    context: &mut Context,
    said: &Declaration,
    entry: Option<EntryIndex>,
    file: Option<String>,
) {
    let tools: Vec<_> = said.tools.iter().map(ToString::to_string).collect();
    let with = if tools.is_empty() { String::new() } else { format!(" with {}", tools.join(", ")) };
    let place = match (entry, &file) {
        (Some(entry), _) => format!("entry {entry}, durable"),
        (None, Some(file)) => format!("{file}, not handed in yet"),
        (None, None) => String::new(),
    };
    let ui = &mut context.ui;
    ui.paragraph(0, &format!("declared: {place}"));
    ui.paragraph(4, &format!("change {}, {}{with}", said.change.short(), said.assistance));
    ui.line(&match &file {
        Some(file) => format!("next: countersign submit {file}"),
        None => format!(
            "next: somebody else runs  countersign approve --change {}",
            said.change.short()
        ),
    });
    ui.json(&Answer {
        change: said.change,
        base: said.base.as_ref(),
        head: &said.head,
        target: &said.target,
        authors: &said.authors,
        assistance: said.assistance,
        tools: &said.tools,
        request: said.request.as_ref(),
        predecessor: said.predecessor,
        entry,
        file,
    });
}
