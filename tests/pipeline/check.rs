//! `check` in pipelines (`spec/pipelines.md`): pull requests, merge groups, what GitHub and GitLab
//! are told.

#![expect(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::base::name::Revision;
use serde_json::{Value, json};

use crate::library::Said;
use crate::stage::{Stage, commit, git, head, policy, said};

/// A rule about paths, whose name a forge shows.
fn stage(test: &str, mode: &str) -> Stage {
    let rule = "\n[[rule]]\nname = \"infrastructure needs a senior\"\nwhen = { paths = \
                [\"infra/**\"] }\nrequire = [{ level = \"senior\" }]\n";
    Stage::with(test, &format!("{}{rule}", policy(mode)), true)
}

/// A branch off the present commit with a file; gives its head, main being checked out again.
fn branch(stage: &Stage, name: &str, path: &str, title: &str) -> Revision {
    let repository = stage.repository();
    git(&repository, &["switch", "-q", "-c", name]);
    let head = commit(&repository, path, &format!("{name}\n"), title);
    git(&repository, &["switch", "-q", "main"]);
    head
}

/// What a merge queue does: a commit for each branch on top of `base`, squashed. Gives its head.
fn queue(stage: &Stage, base: &str, branches: &[&str], title: &str) -> Revision {
    let repository = stage.repository();
    git(&repository, &["switch", "-q", "--detach", base]);
    for name in branches {
        git(&repository, &["merge", "-q", "--squash", name]);
        git(&repository, &["commit", "-q", "-m", &format!("{title} {name}")]);
    }
    let group = head(&repository);
    git(&repository, &["switch", "-q", "main"]);
    group
}

fn github(stage: &Stage, name: &str, event: &Value, arguments: &[&str]) -> (Command, PathBuf) {
    let (path, summary) = (stage.root.join("event.json"), stage.root.join("summary.md"));
    fs::write(&path, event.to_string()).unwrap();
    let _ = fs::remove_file(&summary);
    let mut command = stage.command(&[&["check"], arguments].concat());
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", name);
    command.env("GITHUB_EVENT_PATH", path).env("GITHUB_STEP_SUMMARY", &summary);
    (command, summary)
}

fn run(mut command: Command) -> Said {
    said(&command.output().unwrap())
}

fn pull_request(base: &Revision, head: &Revision) -> Value {
    json!({ "action": "synchronize", "pull_request": {
        "number": 42, "title": "\n::error::x", "body": null,
        "base": { "sha": base, "ref": "main", "label": "shop:main" },
        "head": { "sha": head, "ref": "retry", "label": "fork:retry" },
    } })
}

fn merge_group(base: &Revision, head: &Revision) -> Value {
    json!({ "action": "checks_requested", "merge_group": {
        "base_sha": base, "head_sha": head, "base_ref": "refs/heads/main",
        "head_ref": "refs/heads/gh-readonly-queue/main/pr-42-0", "head_commit": {},
    } })
}

/// The lines that GitHub's runner would obey, white space first being nothing to it.
fn commands(said: &Said) -> Vec<String> {
    let lines = said.out.lines().chain(said.talk.lines());
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    lines.filter(is_command).map(str::to_owned).collect()
}

#[test]
fn a_pull_request_is_judged_from_its_event_before_it_lands() {
    let stage = stage("check-pull", "enforce");
    let base = head(&stage.repository());
    let pull = branch(&stage, "retry", "infra/a.tf", "Retry");
    // main moves on beside it.
    let moved = stage.commit("other", "1\n");
    let event = pull_request(&moved, &pull);
    let (command, summary) = github(&stage, "pull_request", &event, &[]);
    let no = run(command);
    assert_eq!(no.status, 1, "{no:?}");
    assert!(no.out.starts_with("NO  pull request 42 to production: 2 needs are open\n"));
    assert!(no.out.contains("NEEDS_LEVEL"), "{no:?}");
    assert!(no.out.contains("ada: countersign approve 42"), "{no:?}");
    assert_eq!(
        commands(&no),
        [
            "::error file=infra/a.tf,line=1,title=countersign%3A NEEDS_SIGN_OFF::1 human who is \
             not an author: the floor%0Aada: countersign approve 42",
            "::error file=infra/a.tf,line=1,title=countersign%3A NEEDS_LEVEL::1 of at least \
             senior: infrastructure needs a senior%0Aada: countersign approve 42",
        ]
    );
    let page = fs::read_to_string(&summary).unwrap();
    assert!(
        page.starts_with("### NO: pull request 42 to production&#58; 2 needs are open"),
        "{page}"
    );
    assert!(page.contains("| <code>NEEDS&#95;LEVEL</code> |"), "{page}");
    // Whatever is named wins over the event.
    let range = format!("{base}..{pull}");
    let (command, _) = github(&stage, "pull_request", &event, &["--json", &range]);
    let json: Value = serde_json::from_str(&run(command).out).unwrap();
    assert_eq!(json["base"], base.as_str());
    assert_eq!(json["reasons"], json!(["NEEDS_SIGN_OFF", "NEEDS_LEVEL"]));
    stage.approve("ada", &pull);
    let (command, summary) = github(&stage, "pull_request", &event, &[]);
    let yes = run(command);
    assert_eq!((yes.status, commands(&yes)), (0, vec![]), "{yes:?}");
    assert!(fs::read_to_string(&summary).unwrap().starts_with("### YES: "));
    assert!(stage.decisions().is_empty(), "nothing is recorded");
}

/// A forge keeps what was answered for a head commit when the request is sent to another branch.
#[test]
fn attack_2_12_what_goes_to_another_branch_is_never_answered_with_yes() {
    let stage = stage("check-stacked", "enforce");
    let repository = stage.repository();
    let below = branch(&stage, "below", "a", "Below");
    git(&repository, &["switch", "-q", "-c", "above", "below"]);
    let above = commit(&repository, "b", "1\n", "Above");
    git(&repository, &["switch", "-q", "main"]);
    stage.approve("ada", &above);
    let mut event = pull_request(&below, &above);
    event["pull_request"]["base"]["ref"] = json!("below");
    // Of the head nothing but the commit is read.
    event["pull_request"]["head"] = json!({ "sha": above });
    let (command, _) = github(&stage, "pull_request", &event, &[]);
    let no = run(command);
    assert_eq!(no.status, 1, "{no:?}");
    assert!(no.out.starts_with("NO  pull request 42 to production: WRONG_BRANCH\n"), "{no:?}");
    assert!(no.out.contains("1 commit for below;"), "{no:?}");
    assert!(no.out.contains("it goes to below, and shop is built from main"), "{no:?}");
    assert!(no.out.ends_with("next: check it once it goes to main\n"), "{no:?}");
    assert!(!no.out.contains("for main") && !no.out.contains("may land"), "{no:?}");
    assert_eq!(commands(&no).len(), 1, "{no:?}");
    // The same of a range that begins off the branch, named by hand.
    let range = format!("{below}..{above}");
    for arguments in [vec!["check", &range], vec!["check", "--merge-group", &range]] {
        let no = stage.run(&arguments);
        assert_eq!(no.status, 1, "{no:?}");
        assert!(no.out.contains("which is not on main"), "{no:?}");
        assert!(!no.out.contains("for main") && !no.out.contains("may land"), "{no:?}");
        let next = format!("next: countersign check main..{}\n", above.short());
        assert!(no.out.ends_with(&next), "{no:?}");
    }
    // On GitLab the target says it.
    let mut command = stage.command(&["check"]);
    command.env("GITLAB_CI", "true").env("CI_MERGE_REQUEST_EVENT_TYPE", "detached");
    command.env("CI_MERGE_REQUEST_IID", "7").env("CI_COMMIT_SHA", above.as_str());
    command.env("CI_MERGE_REQUEST_DIFF_BASE_SHA", below.as_str());
    command.env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "below");
    let no = run(command);
    assert_eq!(no.status, 1, "{no:?}");
    assert!(no.out.starts_with("NO  merge request 7 to production: WRONG_BRANCH\n"), "{no:?}");
    // Once what is beneath is on main, so is its base.
    stage.approve("ada", &below);
    git(&repository, &["merge", "-q", "--ff-only", "below"]);
    let yes = stage.run(&["check", &range]);
    assert_eq!(yes.status, 0, "{yes:?}");
}

/// The same verdict as the gate's after landing: of each commit of the group.
#[test]
fn a_merge_group_has_the_verdict_that_the_gate_gives_when_it_has_landed() {
    let stage = stage("check-group", "enforce");
    let base = head(&stage.repository());
    let one = branch(&stage, "one", "a", "One");
    branch(&stage, "two", "infra/b", "Two");
    let group = queue(&stage, "main", &["one", "two"], "Land");
    let check = |group: &Revision| {
        let event = merge_group(&base, group);
        let (command, _) = github(&stage, "merge_group", &event, &["--json"]);
        let said = run(command);
        (said.status, serde_json::from_str::<Value>(&said.out).unwrap())
    };
    let gate = |group: &Revision| {
        let said = stage.run(&["gate", "-n", "--json", "--revision", group.as_str()]);
        (said.status, serde_json::from_str::<Value>(&said.out).unwrap())
    };
    let same = |group: &Revision| {
        let ((status, early), (landed, late)) = (check(group), gate(group));
        assert_eq!(status, landed, "{early} {late}");
        assert_eq!(early["reasons"], late["reasons"]);
        let of = |answer: &Value, member: &str| -> Vec<Value> {
            answer["segments"].as_array().unwrap().iter().map(|one| one[member].clone()).collect()
        };
        for member in ["change", "satisfied", "needs", "has", "not_counted", "first", "last"] {
            // Ages move on between the two.
            if member != "has" {
                assert_eq!(of(&early, member), of(&late, member), "{member}");
            }
        }
        (status, of(&early, "satisfied"))
    };
    assert_eq!(same(&group), (1, vec![json!(false), json!(false)]));
    stage.approve("ada", &one);
    assert_eq!(same(&group), (1, vec![json!(true), json!(false)]));
    let second = Revision::new(git(&stage.repository(), &["rev-parse", "two"])).unwrap();
    stage.approve("ada", &second);
    assert_eq!(same(&group), (0, vec![json!(true), json!(true)]));
    // A group is no chain from anywhere else.
    let (command, _) = github(&stage, "merge_group", &merge_group(&one, &group), &[]);
    let beside = run(command);
    assert_eq!(beside.status, 2, "{beside:?}");
    let said = beside.talk.replace("\n  ", " ");
    assert!(said.contains("is not among the first parents of"), "{beside:?}");
}

/// ATTACKS 7: what a merge queue threw away was no landing; what was deployed was.
#[test]
fn attack_7_a_merge_group_that_was_thrown_away_uses_nothing_up() {
    let stage = stage("check-thrown", "enforce");
    let base = head(&stage.repository());
    let one = branch(&stage, "one", "a", "One");
    stage.approve("ada", &one);
    let thrown = queue(&stage, "main", &["one"], "Try");
    let landed = queue(&stage, "main", &["one"], "Land");
    assert_ne!(thrown, landed);
    let check = |base: &Revision, group: &Revision| {
        let (command, _) = github(&stage, "merge_group", &merge_group(base, group), &[]);
        run(command)
    };
    assert_eq!(check(&base, &thrown).status, 0);
    assert_eq!(check(&base, &landed).status, 0);
    git(&stage.repository(), &["merge", "-q", "--ff-only", landed.as_str()]);
    assert_eq!(stage.run(&["gate", "--", "true"]).status, 0);
    // The same change once more, after somebody took it back.
    git(&stage.repository(), &["revert", "--no-edit", "HEAD"]);
    let reverted = head(&stage.repository());
    git(&stage.repository(), &["switch", "-q", "--detach"]);
    git(&stage.repository(), &["cherry-pick", "one"]);
    let again = head(&stage.repository());
    let spent = check(&reverted, &again);
    assert_eq!(spent.status, 1, "{spent:?}");
    assert!(spent.out.contains("SPENT"), "{spent:?}");
    let range = format!("{reverted}..{again}");
    let spent = stage.run(&["check", &range]);
    assert!(spent.status == 1 && spent.out.contains("SPENT"), "{spent:?}");
}

/// ATTACKS 57: a title, a path or a name is never a command of the pipeline's.
#[test]
fn attack_57_no_title_path_or_name_commands_the_runner() {
    let stage = stage("check-inject", "enforce");
    let base = head(&stage.repository());
    let repository = stage.repository();
    git(&repository, &["switch", "-q", "-c", "evil"]);
    let texts = [
        "x ::set-output name=a::b",
        "::error file=a::first",
        "y ##[set-output name=a]b ##[add-mask]c",
        "100%0A::error::z %25",
        "<img src=x> | [a](javascript:b) `c` **d** ::warning::e",
    ];
    for text in texts {
        // Long enough to be wrapped at each of its words.
        let title = format!("{} {text} {text}", "word ".repeat(13));
        let path = format!("infra/{}\n::error::{}", text.replace('/', "%2F"), text.len());
        fs::create_dir_all(repository.join("infra")).unwrap();
        fs::write(repository.join(path), text).unwrap();
        git(&repository, &["add", "-A"]);
        let author = format!("{text} <{}@example.com>", text.len());
        let author = author.replacen(['<', '>'], "(", text.matches(['<', '>']).count());
        git(&repository, &["commit", "-q", "--author", &author, "-m", &title]);
    }
    let evil = head(&repository);
    for (name, event) in
        [("pull_request", pull_request(&base, &evil)), ("merge_group", merge_group(&base, &evil))]
    {
        for arguments in [&["-v"][..], &["--json"]] {
            let (command, summary) = github(&stage, name, &event, arguments);
            let no = run(command);
            assert_eq!(no.status, 1, "{no:?}");
            let found = commands(&no);
            assert!(!found.is_empty() && found.len() <= 10, "{found:?}");
            for line in &found {
                assert!(line.starts_with("::error file=infra/"), "{line}");
                let (properties, data) = line[2..].split_once("::").unwrap();
                assert!(
                    properties.ends_with("title=countersign%3A NEEDS_SIGN_OFF")
                        || properties.ends_with("title=countersign%3A NEEDS_LEVEL"),
                    "{line}"
                );
                assert!(data.starts_with("1 of ") || data.starts_with("1 human "), "{line}");
                assert!(!line.contains("##["), "{line}");
            }
            if arguments == ["--json"] {
                let json: Value = serde_json::from_str(&no.out).unwrap();
                let titles = json["segments"].to_string();
                assert!(titles.contains("<img src=x>"), "{titles}");
            }
            let page = fs::read_to_string(&summary).unwrap();
            let page = page.replace("<code>", "").replace("</code>", "").replace("**open**", "");
            assert!(!page.contains(['<', '>', '[', '`', '*']), "{page}");
            for row in page.lines().filter(|line| line.starts_with("| ")) {
                let columns = row.matches('|').count();
                assert!(columns == 4 || columns == 5, "{row}");
            }
        }
    }
    // Nor what an error quotes.
    let (command, _) = github(&stage, "push", &json!({}), &["no\n::error::such"]);
    let refused = run(command);
    assert_eq!((refused.status, commands(&refused)), (2, vec![]), "{refused:?}");
}

#[test]
fn where_the_policy_only_observes_it_warns_and_answers_0() {
    let stage = stage("check-observe", "observe");
    let base = head(&stage.repository());
    let pull = branch(&stage, "retry", "a", "Retry");
    let event = pull_request(&base, &pull);
    let (command, summary) = github(&stage, "pull_request", &event, &[]);
    let said = run(command);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.starts_with("WOULD REFUSE  pull request 42"), "{said:?}");
    assert!(commands(&said)[0].starts_with("::warning file=a,line=1,"), "{said:?}");
    assert!(fs::read_to_string(&summary).unwrap().starts_with("### WOULD REFUSE: "));
}

#[test]
fn an_event_that_says_nothing_is_no_answer() {
    let stage = stage("check-event", "enforce");
    let base = head(&stage.repository());
    let short = json!({ "merge_group": { "base_sha": "HEAD", "head_sha": base, "base_ref": "x" } });
    for (name, event) in [
        ("pull_request", json!({})),
        ("pull_request", json!([])),
        ("merge_group", pull_request(&base, &base)),
        ("merge_group", short),
    ] {
        let (command, _) = github(&stage, name, &event, &[]);
        let said = run(command);
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.talk.contains("countersign check BASE..HEAD"), "{said:?}");
    }
    // What was fetched without its history says what is missing.
    let pull = branch(&stage, "retry", "a", "Retry");
    stage.commit("b", "1\n");
    let clone = stage.root.join("clone");
    let from = format!("file://{}", stage.repository().display());
    git(&stage.root, &["clone", "-q", "--depth=1", &from, clone.to_str().unwrap()]);
    let event = pull_request(&base, &pull);
    let (command, _) = github(&stage, "pull_request", &event, &["-C", clone.to_str().unwrap()]);
    let said = run(command);
    assert_eq!(said.status, 2, "{said:?}");
    let mend = format!("git fetch --unshallow origin {base}");
    assert!(said.talk.replace("\n  ", " ").contains(&mend), "{said:?}");
    git(&clone, &["fetch", "-q", "--unshallow", "origin", base.as_str()]);
    git(&clone, &["fetch", "-q", "origin", pull.as_str()]);
    let (command, _) = github(&stage, "pull_request", &event, &["-C", clone.to_str().unwrap()]);
    assert_eq!(run(command).status, 1);
}

/// `spec/pipelines.md` names every variable of a forge that is read, and no other.
#[test]
fn the_variables_that_are_read_are_those_of_the_page() {
    let variables = |text: &str| -> BTreeSet<String> {
        let is_word = |one: char| one.is_ascii_uppercase() || one == '_';
        let words = text.split(|one| !is_word(one)).filter(|word| !word.ends_with('_'));
        let of_forge = |word: &&str| word.starts_with("GITHUB_") || word.starts_with("CI_");
        words.filter(of_forge).map(str::to_owned).collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = variables(&fs::read_to_string(root.join("src/cli/env.rs")).unwrap());
    let mut told = variables(&fs::read_to_string(root.join("spec/pipelines.md")).unwrap());
    // GitLab itself reads this one.
    told.remove("CI_PIPELINE_SOURCE");
    assert!(read.len() > 10);
    assert_eq!(read, told);
}

fn gitlab(stage: &Stage, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = stage.command(&[&["check"], arguments].concat());
    command.env("GITLAB_CI", "true").env("CI_MERGE_REQUEST_IID", "7");
    command.env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main");
    command.envs(variables.iter().copied());
    run(command)
}

fn report(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn gitlab_is_asked_by_its_variables_and_told_by_its_report() {
    let stage = stage("check-gitlab", "enforce");
    let base = head(&stage.repository());
    let own = branch(&stage, "one", "infra/a", "One");
    let train = queue(&stage, "main", &["one"], "Train");
    let file = stage.repository().join("gl-code-quality-report.json");
    let elsewhere = stage.root.join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    // What is judged may have put a link there.
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    let detached = [
        ("CI_MERGE_REQUEST_EVENT_TYPE", "detached"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str()),
        ("CI_COMMIT_SHA", own.as_str()),
    ];
    let asked = ["--code-quality", "gl-code-quality-report.json"];
    let no = gitlab(&stage, &detached, &asked);
    assert_eq!(no.status, 1, "{no:?}");
    assert!(no.out.starts_with("NO  merge request 7 to production"), "{no:?}");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    let found = report(&file);
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found[1]["check_name"], "countersign/NEEDS_LEVEL");
    assert_eq!(found[1]["location"], json!({ "path": "infra/a", "lines": { "begin": 1 } }));
    assert_eq!(found[1]["severity"], "blocker");
    gitlab(&stage, &detached, &asked);
    assert_eq!(report(&file), found, "the next run has the same fingerprints");
    let linked = stage.repository().join("summary.md");
    std::os::unix::fs::symlink(&elsewhere, &linked).unwrap();
    let refused = gitlab(&stage, &detached, &["--summary", "summary.md"]);
    assert_ne!(refused.status, 0, "{refused:?}");
    assert!(refused.talk.contains("it is a symbolic link"), "{refused:?}");
    fs::remove_file(&linked).unwrap();
    gitlab(&stage, &detached, &["--summary", "summary.md"]);
    assert!(fs::read_to_string(&linked).unwrap().starts_with("### NO: merge request 7"));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    stage.approve("ada", &own);
    let yes = gitlab(&stage, &detached, &asked);
    assert_eq!((yes.status, report(&file)), (0, json!([])), "{yes:?}");
    let train = [
        ("CI_MERGE_REQUEST_EVENT_TYPE", "merge_train"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", base.as_str()),
        ("CI_COMMIT_SHA", train.as_str()),
    ];
    let yes = gitlab(&stage, &train, &[]);
    assert_eq!(yes.status, 0, "{yes:?}");
    assert!(yes.out.starts_with("YES  merge train of 7 to production"), "{yes:?}");
    let without = gitlab(&stage, &detached[..2], &[]);
    assert_eq!(without.status, 2, "{without:?}");
    assert!(without.talk.contains("CI_COMMIT_SHA"), "{without:?}");
}
