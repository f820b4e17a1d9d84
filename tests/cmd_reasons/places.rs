//! Where the screen of each reason code is tested: a code that no test shows is one that nobody
//! has read with the eyes of who meets it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign::policy::ReasonCode;

use crate::common::Stage;

/// How a code is known to be shown by the program itself, with what to do next.
enum Shown {
    /// In an answer of the story of that name.
    Story(&'static str),
    /// By the test of that name, in a file below `tests`.
    Test(&'static str, &'static str),
    /// Not at all, and why.
    Never(&'static str),
}

use Shown::{Never, Story, Test};

const HERE: &str = "cmd_reasons/main.rs";

/// Every code once, in the order of the spec's table.
const PLACES: &[(ReasonCode, Shown)] = &[
    (ReasonCode::NeedsSignOff, Story("withdrawn_and_rejected")),
    (ReasonCode::NeedsLevel, Story("a_peer_and_a_senior")),
    (ReasonCode::NeedsTeam, Story("two_services")),
    (
        ReasonCode::NeedsChecklist,
        Test(HERE, "an_unanswered_checklist_is_answered_by_signing_again"),
    ),
    (ReasonCode::NeedsTouch, Test(HERE, "attack_15_a_touch_that_nobody_can_give_is_told")),
    (ReasonCode::IsAuthor, Test(HERE, "a_reviewer_who_turns_out_to_be_an_author_does_not_count")),
    (ReasonCode::SawLessAssistance, Story("declared_too_little")),
    (ReasonCode::Expired, Story("expired_sign_off")),
    (
        ReasonCode::CarryRefused,
        Never("no verdict takes a carried sign-off yet; the pure assessment and `policy test` do"),
    ),
    (ReasonCode::PathCollision, Test(HERE, "what_no_signature_mends_tells_what_does")),
    (ReasonCode::UnknownAuthor, Story("typed_in_senior")),
    (ReasonCode::UnknownEnvironment, Test(HERE, "what_no_signature_mends_tells_what_does")),
    (ReasonCode::UnknownService, Test(HERE, "what_no_signature_mends_tells_what_does")),
    (ReasonCode::Rejected, Story("withdrawn_and_rejected")),
    (ReasonCode::Withdrawn, Story("withdrawn_and_rejected")),
    (ReasonCode::NoReviewDuty, Story("retired_reviewer")),
    (ReasonCode::KeyRevoked, Story("leaked_senior_key")),
    (ReasonCode::WrongBranch, Story("throw_away_branch")),
    (ReasonCode::Spent, Story("landed_again")),
    (ReasonCode::StaleNearMiss, Story("near_miss")),
    (ReasonCode::Diverged, Story("force_pushed_branch")),
    (
        ReasonCode::CompositionMismatch,
        Never(
            "steps along first parents add up in every repository whose objects are what their \
             ids say; tests/verdict gives the verdict evidence that does not",
        ),
    ),
    (
        ReasonCode::PolicyMissing,
        Test(
            "overrides/bounds.rs",
            "without_a_policy_nothing_passes_and_the_admin_is_told_to_set_one",
        ),
    ),
    (ReasonCode::BaselineMissing, Story("two_services")),
    (ReasonCode::ArtifactRequired, Story("artifact_from_elsewhere")),
    (ReasonCode::BuildUnknown, Story("artifact_from_elsewhere")),
    (ReasonCode::BuildContradicts, Story("artifact_from_elsewhere")),
    (ReasonCode::KeyCooling, Story("a_second_key")),
    (ReasonCode::UndoesSettled, Story("foxtrot_merge")),
    (ReasonCode::DebtOverdue, Story("override_never_paid_back")),
    (ReasonCode::RejectedEarlier, Story("rejected_in_another_form")),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    fs::read_to_string(&path).unwrap_or_default()
}

/// Whether a line begins a command in a story: `ada$ countersign gate`.
fn is_command(line: &str) -> bool {
    let name = line.split_once("$ ").map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Whether an answer of a story holds the code as a word, and tells what comes next.
fn is_told(story: &str, code: &str) -> bool {
    let mut answers: Vec<Vec<&str>> = Vec::new();
    for line in story.lines() {
        if is_command(line) || line.starts_with("```") {
            answers.push(Vec::new());
        } else if let Some(answer) = answers.last_mut() {
            answer.push(line);
        }
    }
    let holds = |line: &str| {
        line.split(|byte: char| !byte.is_ascii_uppercase() && byte != '_').any(|word| word == code)
    };
    let tells = |line: &str| {
        let line = line.trim_start();
        ["do ", "ask ", "pay ", "next: ", "hint: "].iter().any(|label| line.starts_with(label))
    };
    answers
        .iter()
        .any(|answer| answer.iter().any(|one| holds(one)) && answer.iter().any(|one| tells(one)))
}

/// The source of a test, from its name to its end.
fn body<'a>(source: &'a str, test: &str) -> &'a str {
    let Some((_, rest)) = source.split_once(&format!("#[test]\nfn {test}() {{\n")) else {
        return "";
    };
    rest.split_once("\n}\n").map_or(rest, |(body, _)| body)
}

#[test]
fn every_code_is_shown_by_the_program_or_says_why_not() {
    let listed: Vec<_> = PLACES.iter().map(|(code, _)| *code).collect();
    assert_eq!(listed, ReasonCode::ALL, "each code has one place here");
    let mut missing = Vec::new();
    for (code, shown) in PLACES {
        let is_shown = match shown {
            Story(name) => is_told(&read(&format!("scenarios/{name}.md")), code.as_str()),
            Test(file, test) => body(&read(file), test).contains(code.as_str()),
            Never(why) => why.split(' ').count() > 5,
        };
        if !is_shown {
            missing.push(code.as_str());
        }
    }
    assert!(missing.is_empty(), "not where they are said to be: {missing:?}");
}

/// What is told to do can be done: the command is there, and has the flags.
#[test]
fn every_remedy_names_a_command_that_there_is() {
    let stage = Stage::empty("remedies");
    let mut commands = BTreeSet::new();
    for code in ReasonCode::ALL {
        let Some((_, command)) = code.remedy().split_once("countersign ") else { continue };
        commands.insert(command.trim_end_matches(')').split([')', ',']).next().unwrap().to_owned());
    }
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let names: Vec<_> = command.split(' ').take_while(is_name).collect();
        let help = stage.run([&names[..], &["--help"]].concat());
        let usage = help.ok();
        for flag in command.split(' ').filter(|word| word.starts_with('-')) {
            assert!(usage.contains(flag), "{command}: {usage}");
        }
    }
}
