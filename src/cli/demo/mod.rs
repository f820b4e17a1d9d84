//! The story that `demo` tells, step by step, with this same program as its only actor.

mod actor;
mod place;
mod tamper;

use std::path::Path;

use self::actor::Actor;
use self::place::Place;
use super::Context;
use super::error::CliError;
use super::exit::ExitStatus;

/// The policy of the demo: one rule on top of the floor, enforced.
const POLICY: &str = r#"version = 1
levels  = ["junior", "mid", "senior"]

[environment.production]
mode = "enforce"

[service.demo]
repository = "demo"
branch     = "refs/heads/main"

[[rule]]
name    = "AI-assisted changes by junior and mid-level engineers need a senior"
when    = { assistance = ["assisted", "generated"], author_below = "senior" }
require = [{ level = "senior", count = 1 }]
"#;

/// Tells the story.
///
/// # Errors
/// Where there is no commit to tell it on, git is missing, or a step does not go as it should.
pub(crate) fn tell(context: &mut Context) -> Result<ExitStatus, CliError> {
    let repository = context.repository()?;
    let place = Place::new(&repository)?;
    opening(context, &place);
    let mut actor = Actor::new(&place)?;
    begin(context, &place, &mut actor)?;
    refuse(context, &place, &mut actor)?;
    sign_off(context, &place, &mut actor)?;
    tamper(context, &place, &mut actor)?;
    closing(context, &place);
    Ok(ExitStatus::Yes)
}

fn say(context: &mut Context, text: &str) {
    context.ui.blank();
    context.ui.paragraph(0, text);
}

fn opening(context: &mut Context, place: &Place) {
    let commit = place.commit().short().to_owned();
    let against = match place.parent() {
        Some(parent) => format!("against {}", parent.short()),
        None => "against nothing".to_owned(),
    };
    let copy = if place.is_copy() { " (HEAD once more, as Ben's alone)" } else { "" };
    context.ui.paragraph(0, &format!("The change: {commit}{copy}, {against}: {}", place.title()));
    context.ui.paragraph(0, &format!("The place: {}", place.folder().display()));
    say(
        context,
        "In this story Ben, a junior engineer, wrote the change, with an AI tool. Ada is a senior \
         engineer. Each has a key, and so does the gate.",
    );
}

/// Ledger, policy and roster.
fn begin(context: &mut Context, place: &Place, actor: &mut Actor<'_>) -> Result<(), CliError> {
    place.write("policy.toml", POLICY.as_bytes())?;
    place.write("roster.toml", place.roster()?.as_bytes())?;
    say(context, "1. Ada begins a ledger, and says what is asked and who is who.");
    let mut init = vec!["init", "-y", "--origin", "demo.example/ledger", "--repository", "demo"];
    init.extend(["--service", "demo", "--branch", "main"]);
    if place.parent().is_none() {
        init.push("--from-nothing");
    }
    actor.act(context, &init, 0)?;
    context.ui.blank();
    actor.act(context, &["policy", "apply", "../policy.toml", "-y"], 0)?;
    context.ui.blank();
    actor.act(context, &["roster", "apply", "../roster.toml", "-y"], 0)?;
    Ok(())
}

/// The change lands, and the gate says no.
fn refuse(context: &mut Context, place: &Place, actor: &mut Actor<'_>) -> Result<(), CliError> {
    place.land()?;
    say(context, "2. Ben's change lands on main. He declares what the AI did.");
    let commit = place.typed();
    let declare = ["declare", commit, "--assistance", "generated", "--tool", "AI tool"];
    actor.act(context, &[&declare[..], &["--key", "../keys/ben", "-y"]].concat(), 0)?;
    say(context, "3. The pipeline asks the gate. Nothing is deployed.");
    actor.act(context, &["gate", "--", "echo", "deployed to production"], 1)?;
    Ok(())
}

/// Ada signs, the gate says yes, and the audit knows who it was.
fn sign_off(context: &mut Context, place: &Place, actor: &mut Actor<'_>) -> Result<(), CliError> {
    let hash = actor.change_hash()?;
    say(context, "4. Ada reads the change and signs its hash.");
    let commit = place.typed();
    let approve = ["approve", commit, "--key", "../keys/ada", "--expect", &hash, "-y"];
    actor.act(context, &approve, 0)?;
    say(context, "5. The pipeline asks again. This time the deployment runs.");
    actor.act(context, &["gate", "--", "echo", "deployed to production"], 0)?;
    say(context, "6. A year later: who signed off on what is running in production?");
    actor.act(context, &["audit", "demo"], 0)?;
    Ok(())
}

/// One byte of Ada's sign-off is changed in a copy of the ledger.
fn tamper(context: &mut Context, place: &Place, actor: &mut Actor<'_>) -> Result<(), CliError> {
    let ledger = place.ledger();
    let copy = place.folder().join("tampered");
    let entry = tamper::change_sign_off(&ledger, &copy)?;
    say(
        context,
        &format!(
            "7. Somebody who owns the disk changes one byte of Ada's sign-off, entry {entry}, in \
             a copy of the ledger's database."
        ),
    );
    place.copy_trust_root()?;
    let check = ["ledger", "check", "--ledger", "../tampered", "--trust", "../trust.toml"];
    actor.act(context, &check, 3)?;
    Ok(())
}

fn closing(context: &mut Context, place: &Place) {
    let folder: &Path = place.folder();
    say(context, &format!("All of this lies in {}", folder.display()));
    context.ui.paragraph(0, "Nothing outside of it was touched; remove it when you like.");
    context.ui.line("next: countersign init");
    context.ui.json(&serde_json::json!({ "folder": folder.display().to_string() }));
}
