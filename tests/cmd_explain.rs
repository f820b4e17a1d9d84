//! `hash` and `policy show`, `check` and `explain`, run as a person runs them, over repositories
//! that the git program has made.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use countersign::base::digest::ContentDigest;
use serde_json::{Value, json};

/// A folder with a repository `work`; everything in it is the test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("explain-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("work")).unwrap();
        let scratch = Self(path);
        scratch.git(&["init", "-q", "-b", "main"]);
        scratch
    }

    fn git_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.0.join("work")).stdin(Stdio::null());
        command.env("HOME", &self.0).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_COMMITTER_NAME", "GitHub").env("GIT_COMMITTER_EMAIL", "hub@shop.example");
        command.env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z");
        command.env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.git_command(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits all that is there; gives the first ten digits of the id.
    fn commit(&self, author: &str, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "--author", author, "-m", message]);
        self.short("HEAD")
    }

    fn short(&self, revision: &str) -> String {
        self.git(&["rev-parse", revision])[..10].to_owned()
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(self.0.join("work")).stdin(Stdio::null());
        // The build folder may lie in a repository, which is none of these tests' business.
        command.env_clear().env("HOME", &self.0).env("GIT_CEILING_DIRECTORIES", &self.0);
        command.output().unwrap()
    }

    /// Status, stdout and stderr; nothing is ever wider than 80 columns.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.output(arguments);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, talk) = (text(&output.stdout), text(&output.stderr));
        if !arguments.contains(&"--json") {
            for line in out.lines().chain(talk.lines()) {
                assert!(line.chars().count() <= 80, "{arguments:?}: {line:?}");
            }
        }
        (output.status.code().unwrap(), out, talk)
    }

    fn answer(&self, arguments: &[&str]) -> String {
        let (status, out, talk) = self.run(arguments);
        assert_eq!((status, talk.as_str()), (0, ""), "{arguments:?}");
        out
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.answer(arguments)).unwrap()
    }

    /// Standard error of a command that is refused as bad input, its lines joined.
    fn refused(&self, arguments: &[&str]) -> String {
        let (status, out, talk) = self.run(arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {talk}");
        assert!(talk.starts_with("countersign: error: "), "{talk}");
        talk.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ADA: &str = "Ada Lark <ada@shop.example>";
const BEN: &str = "Ben Ito <ben@shop.example>";
const COPILOT: &str = "copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>";
const DEPENDABOT: &str = "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>";

/// Eight changes of every sort: first and last commit.
fn history(scratch: &Scratch) -> (String, String) {
    scratch.write("a", "one\n");
    let first = scratch.commit(ADA, "the root");
    scratch.write("a", "two\n");
    scratch.commit(
        ADA,
        "with a tool\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n\
         Reviewed-by: Ben Ito <ben@shop.example>",
    );
    scratch.write("a", "three\n");
    scratch.commit(COPILOT, "by a tool\n\nReviewed-by: Claude <noreply@anthropic.com>");
    scratch.write("logo", b"\0png");
    scratch.commit(BEN, "a picture\n\nacked-by: Ada Lark <ada@shop.example>");
    scratch.write("a", "four\n");
    scratch.commit(BEN, "praised by oneself\n\nReviewed-by: Ben Ito <BEN@shop.example>");
    scratch.write("a", "five\n");
    scratch.commit(BEN, "oneself from elsewhere\n\nApproved-by: ben ito <ben@home.example>");
    scratch.write("lock", "1\n");
    scratch.commit(DEPENDABOT, "a dependency");
    (first, scratch.commit(ADA, "nothing at all"))
}

#[test]
fn one_screen_tells_what_a_policy_would_have_asked() {
    let scratch = Scratch::new("screen");
    let (first, last) = history(&scratch);
    let expected = format!(
        "\
Of 8 changes 2 are AI-assisted, 7 want another human, 2 name one.

  changes               8         {first} to {last} along first parents
  AI-assisted           2   25 %  1 with a tool as author
    Claude Code         1   12 %  co-author 1
    GitHub Copilot      1   12 %  author 1
  opaque paths          1   12 %  binary 1
  by automations        1   12 %  dependency updaters, pipelines and apps
  nobody asked          1   12 %  empty 1
  name a reviewer       2   28 %  in trailers, unproved; 1 of 2 AI-assisted

  What the built-in policy would have asked for:
      6  1 human who is not an author                                 the floor
      1  2 humans who are not authors, for an author is only claimed  the floor

  A commit can hide that AI wrote it. A change that nobody declares counts as
  written by AI here: then no change wants more people.
  If no author signs with a key of their own, 6 changes want more people.

next:  countersign init
"
    );
    assert_eq!(scratch.answer(&["policy", "explain"]), expected);
    assert_eq!(scratch.run(&["policy", "explain", "-q"]), (0, String::new(), String::new()));
    // From any folder of the work tree, and nothing is left behind there.
    fs::create_dir(scratch.0.join("work/sub")).unwrap();
    assert_eq!(scratch.answer(&["-C", "sub", "policy", "explain"]), expected);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn json_says_the_same() {
    let scratch = Scratch::new("json");
    history(&scratch);
    let found = scratch.json(&["policy", "explain", "--json", "-v"]);
    for (field, value) in [
        ("first", json!(scratch.git(&["rev-parse", "HEAD~7"]))),
        ("last", json!(scratch.git(&["rev-parse", "HEAD"]))),
        ("cut_off", json!(false)),
        ("policy", json!(null)),
        ("environment", json!("production")),
        ("service", json!(null)),
        ("changes", json!(8)),
        ("assisted", json!(2)),
        ("generated", json!(1)),
        (
            "tools",
            json!({
                "Claude Code": { "changes": 1, "signs": { "co-author": 1 } },
                "GitHub Copilot": { "changes": 1, "signs": { "author": 1 } },
            }),
        ),
        ("opaque", json!(1)),
        ("opaque_kinds", json!({ "binary": 1 })),
        ("automation", json!(1)),
        ("empty", json!(1)),
        ("want_another_human", json!(7)),
        ("name_a_reviewer", json!(2)),
        ("assisted_want_another_human", json!(2)),
        ("assisted_name_a_reviewer", json!(1)),
        ("undeclared_asks_more", json!(0)),
        ("unproved_asks_more", json!(6)),
        ("roster_rules", json!([])),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    assert_eq!(found["asked"][0]["changes"], 6);
    assert_eq!(found["asked"][0]["ask"], "1 human who is not an author");
    let reviewers: Vec<&Value> =
        found["each"].as_array().unwrap().iter().map(|row| &row["reviewers"]).collect();
    let named = |names: &[&str]| json!(names);
    let none = named(&[]);
    assert_eq!(
        reviewers,
        [&none, &named(&["Ben Ito"]), &none, &named(&["Ada Lark"]), &none, &none, &none, &none],
        "neither tools nor authors under any address count as another human"
    );
    // Without -v the changes are not listed one by one.
    assert_eq!(scratch.json(&["policy", "explain", "--json"]).get("each"), None);
}

#[test]
fn every_change_has_a_line_with_v() {
    let scratch = Scratch::new("verbose");
    history(&scratch);
    scratch.write("a", "six\n");
    let long = scratch.commit(ADA, &format!("tricks \u{1b}[2J\u{202e} {}", "long ".repeat(40)));
    let out = scratch.answer(&["policy", "explain", "-v", "HEAD~2.."]);
    let rows: Vec<&str> = out.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    assert_eq!(rows.len(), 2, "{out}");
    assert_eq!(rows[0], format!("{}  -  -      -  nothing at all", scratch.short("HEAD~1")));
    assert!(rows[1].starts_with(&format!("{long}  -  floor  -  tricks [2J\\u{{202e}} lo")));
    assert!(rows[1].ends_with("..."), "{out}");
    let one = scratch.answer(&["policy", "explain", "HEAD"]);
    assert!(one.starts_with("The one change shows no AI and wants another human, and names none."));
}

const POLICY: &str = r#"version = 1
levels  = ["mid", "senior"]

[defaults]
undeclared       = "none"
unproved_authors = "accept"
exempt           = ["docs/**"]

[environment.staging]
[environment.production]

[service.shop]
repository = "shop"

[[rule]]
name    = "machine-written code needs a senior"
when    = { assistance = ["assisted", "generated"], author_below = "senior" }
require = [{ level = "senior" }]

[[rule]]
name      = "nobody can read it"
when      = { opaque = true, environments = ["production"] }
checklist = ["source known"]
presence  = "touch"
"#;

#[test]
fn rules_of_a_file_are_counted_one_by_one() {
    let scratch = Scratch::new("rules");
    history(&scratch);
    scratch.write("docs/a.md", "text\n");
    scratch.commit(ADA, "words");
    scratch.write("../policy.toml", POLICY);
    let arguments = ["policy", "explain", "--policy", "../policy.toml"];
    let out = scratch.answer(&arguments);
    for line in [
        "Of 9 changes 2 are AI-assisted, 7 want another human, 2 name one.",
        "  nobody asked          2   22 %  empty 1, exempt 1",
        "  What ../policy.toml would have asked for shop in production:",
        "      7  1 human who is not an author                          the floor",
        "      2  1 of at least senior                                  \"machine-writt...",
        "      1  1 human who is not an author, checklist, key touched  \"nobody can re...",
        "  A commit can hide that AI wrote it. With undeclared = \"generated\" a change",
        "  that nobody declares counts as such: then 6 changes want more people.",
        "  1 rule rests on the roster; without one every author is below every level.",
    ] {
        assert!(out.lines().any(|found| found == line), "{line:?} is not in\n{out}");
    }
    assert!(out.lines().count() <= 22, "{out}");
    let staging = scratch.json(&[&arguments[..], &["--env", "staging", "--json"]].concat());
    assert_eq!(staging["asked"].as_array().unwrap().len(), 2);
    assert_eq!(staging["roster_rules"], json!(["machine-written code needs a senior"]));

    let refused = scratch.refused(&[&arguments[..], &["--env", "prodution"]].concat());
    assert!(refused.contains("lists no environment \"prodution\" (did you mean \"production\"?)"));
    let refused = scratch.refused(&[&arguments[..], &["--service", "shops"]].concat());
    assert!(refused.contains("(did you mean \"shop\"?)"), "{refused}");
    let two = format!("{POLICY}[service.desk]\nrepository = \"desk\"\n");
    scratch.write("../policy.toml", two.replace("production", "live"));
    let refused = scratch.refused(&arguments);
    assert!(refused.contains("the policy lists several environments: live, staging"), "{refused}");
    let refused = scratch.refused(&[&arguments[..], &["--env", "live"]].concat());
    assert!(refused.ends_with("services: desk, shop hint: name one with --service"), "{refused}");
}

/// An app's own account or mailbox is counted as what it is; a tool's and a person's are not.
#[test]
fn bots_that_no_table_lists_are_automations_and_one_change_is_one() {
    let scratch = Scratch::new("bots");
    scratch.write("a", "one\n");
    scratch.commit(ADA, "first");
    for (number, author) in [
        "shop-bot[bot] <225049296+shop-bot[bot]@users.noreply.github.com>",
        "Shop Bot <bot@shop.example>",
        "cursor[bot] <206951365+cursor[bot]@users.noreply.github.com>",
        "Abbot <abbot@shop.example>",
    ]
    .into_iter()
    .enumerate()
    {
        scratch.write("a", format!("{number}\n"));
        scratch.commit(author, "more");
    }
    let json = scratch.json(&["policy", "explain", "--json"]);
    assert_eq!((&json["automation"], &json["changes"]), (&json!(2), &json!(5)));
    let out = scratch.answer(&["policy", "explain"]);
    assert!(out.contains("  by automations       2   40 %"), "{out}");
    let one = scratch.answer(&["policy", "explain", "HEAD"]);
    assert!(one.contains("1 change wants more people.") && !one.contains("1 changes"), "{one}");
}

#[test]
fn the_fullest_screen_has_22_lines() {
    let scratch = Scratch::new("full");
    history(&scratch);
    scratch.write("docs/a.md", "text\n");
    scratch.commit(ADA, "words");
    for (number, mark) in
        ["Made-with: Cursor", "AI-assistant: Codex", "Assisted-by: Gemini CLI"].iter().enumerate()
    {
        scratch.write("a", format!("more {number}\n"));
        scratch.commit(ADA, &format!("more\n\n{mark}"));
    }
    scratch.write("A", "collides\n");
    scratch.commit(ADA, "case");
    let rules = (1..=9).map(|count| {
        format!("[[rule]]\nname = \"{count} of them\"\nrequire = [{{ count = {count} }}]\n")
    });
    let policy = POLICY.replace("unproved_authors = \"accept\"", "allow_collisions = true");
    let rules = rules.collect::<String>() + "when = { opaque = true }\n";
    scratch.write("../policy.toml", policy + &rules);
    let out = scratch.answer(&["policy", "explain", "--policy", "../policy.toml"]);
    for part in ["  tools ", "by automations", "nobody asked", "colliding paths", "with --json"] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    for part in ["can hide that AI", "If no author signs", "on the roster"] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    assert_eq!(out.lines().count(), 22, "{out}");
}

/// Histories of any length are read in pieces; without a range the newest 200 are enough.
#[test]
fn long_histories_are_counted_whole() {
    let scratch = Scratch::new("long");
    let mut stream = String::new();
    for number in 0..300 {
        let message = match number % 3 {
            0 => "change\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n",
            _ => "change\n",
        };
        write!(
            stream,
            "commit refs/heads/main\nauthor {ADA} {number} +0000\ncommitter {BEN} {number} +0000\n\
             data {}\n{message}M 100644 inline f{}\ndata 4\n{number:03}\n\n",
            message.len(),
            number % 7,
        )
        .unwrap();
    }
    let mut command = scratch.git_command(&["fast-import", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let newest = scratch.json(&["policy", "explain", "--json"]);
    assert_eq!((&newest["changes"], &newest["assisted"]), (&json!(200), &json!(66)));
    let most = scratch.json(&["policy", "explain", "--json", "-v", "main~299.."]);
    assert_eq!((&most["changes"], &most["assisted"]), (&json!(299), &json!(99)));
    let listed = scratch.git(&["rev-list", "--reverse", "--first-parent", "main~299..main"]);
    let told: Vec<&str> = most["each"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["commit"].as_str().unwrap())
        .collect();
    assert_eq!(told, listed.lines().collect::<Vec<_>>());
}

#[test]
fn mistakes_are_told_with_line_and_suggestion() {
    let scratch = Scratch::new("mistakes");
    scratch.commit(ADA, "root");
    scratch.write("../policy.toml", "version = 1\n[defaults]\naproval_ttl = \"90d\"\ncary = 1\n");
    let (status, out, talk) = scratch.run(&["policy", "check", "../policy.toml"]);
    assert_eq!((status, talk.as_str()), (2, ""));
    assert_eq!(
        out,
        "NO  ../policy.toml has 2 mistakes\n  \
         line 3:1  [defaults] has no field \"aproval_ttl\" (did you mean `approval_ttl`?)\n  \
         line 4:1  [defaults] has no field \"cary\" (did you mean `carry`?)\n"
    );
    let (status, out, _) = scratch.run(&["policy", "check", "../policy.toml", "--json"]);
    assert_eq!(status, 2);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["valid"], &found["mistakes"][0]["line"]), (&json!(false), &json!(3)));
    assert_eq!(found["mistakes"][0]["hint"], "did you mean `approval_ttl`?");

    let refused = scratch.refused(&["policy", "explain", "--policy", "../policy.toml"]);
    assert!(refused.contains("../policy.toml is no policy"), "{refused}");
    assert!(refused.contains("line 3, column 1"), "{refused}");
    assert!(refused.contains("did you mean `approval_ttl`?"), "{refused}");
    scratch.write("../policy.toml", b"version = 1\n# \xff\n");
    assert!(scratch.refused(&["policy", "check", "../policy.toml"]).contains("is no text"));
    scratch.write("../policy.toml", vec![b'#'; 25_000]);
    assert!(scratch.refused(&["policy", "check", "../policy.toml"]).contains("is too large"));
    assert!(scratch.refused(&["policy", "check", "nowhere"]).contains("cannot read nowhere"));
}

#[test]
fn help_fits_80_columns_and_ends_with_examples() {
    let scratch = Scratch::new("help");
    for command in [
        &["hash"][..],
        &["policy", "show"],
        &["policy", "check"],
        &["policy", "explain"],
        &["policy", "test"],
    ] {
        let out = scratch.answer(&[command, &["--help"]].concat());
        let examples = out.split("Examples:\n").nth(1).unwrap();
        let line = format!("  countersign {}", command.join(" "));
        assert!(examples.lines().all(|example| example.starts_with(&line)), "{out}");
    }
}

#[test]
fn a_sound_policy_is_a_yes() {
    let scratch = Scratch::new("sound");
    scratch.write("../policy.toml", POLICY);
    let out = scratch.answer(&["policy", "check", "../policy.toml"]);
    assert!(out.starts_with("YES  ../policy.toml: 2 environments, 1 service, 2 rules, "), "{out}");
    assert!(out.ends_with("next:  countersign policy explain --policy ../policy.toml\n"), "{out}");
    assert_eq!(scratch.answer(&["policy", "show", "../policy.toml"]), POLICY);
    let shown = scratch.json(&["policy", "show", "--json", "../policy.toml"]);
    assert_eq!(shown["digest"], ContentDigest::of(POLICY.as_bytes()).to_string());
    assert_eq!(shown["environments"][0], json!({ "name": "production", "mode": "observe" }));
    assert_eq!(shown["levels"], json!(["mid", "senior"]));
    // The built-in policy can be redirected to a file and edited from there.
    scratch.write("../mine.toml", scratch.answer(&["policy", "show"]));
    scratch.answer(&["policy", "check", "../mine.toml"]);
}

#[test]
fn a_merge_is_one_change_with_all_that_it_brings_in() {
    let scratch = Scratch::new("merge");
    scratch.write("a", "one\n");
    scratch.commit(ADA, "root");
    scratch.git(&["checkout", "-q", "-b", "feature"]);
    for number in 0..3 {
        scratch.write("b", format!("{number}\n"));
        scratch.commit(BEN, "work\n\nCo-Authored-By: Claude <noreply@anthropic.com>");
    }
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("a", "two\n");
    scratch.commit(ADA, "meanwhile");
    let author = ["-c", "user.name=Ada Lark", "-c", "user.email=ada@shop.example"];
    let message = "Merge feature\n\nReviewed-by: Ada Lark <ada@shop.example>";
    scratch.git(&[&author[..], &["merge", "-q", "--no-ff", "-m", message, "feature"]].concat());
    let found = scratch.json(&["policy", "explain", "--json"]);
    assert_eq!((&found["changes"], &found["assisted"]), (&json!(3), &json!(1)));
    // Ada pressed "merge", so she is no author and may have read it.
    assert_eq!(found["name_a_reviewer"], 1);
    // A base beside the chain starts where it branched off, as in git log --first-parent.
    let beside = scratch.json(&["policy", "explain", "--json", "feature..main"]);
    assert_eq!(beside["changes"], 2);
    let listed = scratch.git(&["rev-list", "--first-parent", "main", "^feature"]);
    assert_eq!(listed.lines().count(), 2);
    scratch.git(&["checkout", "-q", "--orphan", "other"]);
    scratch.commit(ADA, "another root");
    assert!(scratch.refused(&["policy", "explain", "main..other"]).contains("no merge base"));
}

#[test]
fn shallow_clones_say_what_to_type() {
    let scratch = Scratch::new("shallow");
    for number in 0..5 {
        scratch.write("a", format!("{number}\n"));
        scratch.commit(ADA, "change");
    }
    let source = format!("file://{}", scratch.0.join("work").display());
    for depth in ["1", "3"] {
        scratch.git(&["clone", "-q", "--depth", depth, &source, &format!("../depth-{depth}")]);
    }
    let refused = scratch.refused(&["-C", "../depth-1", "policy", "explain"]);
    assert!(refused.contains("holds 1 commit"), "{refused}");
    assert!(refused.contains("hint: git fetch --unshallow"), "{refused}");
    let out = scratch.answer(&["-C", "../depth-3", "policy", "explain"]);
    assert!(out.starts_with("Of 2 changes "), "{out}");
    assert!(out.contains("this clone is shallow"), "{out}");
    assert!(out.ends_with("next:  git fetch --unshallow\n"), "{out}");
    assert_eq!(scratch.json(&["-C", "../depth-3", "policy", "explain", "--json"])["cut_off"], true);
    let refused = scratch.refused(&["-C", "../depth-1", "hash"]);
    assert!(refused.contains("git fetch --unshallow"), "{refused}");
}

#[test]
fn what_cannot_be_read_is_said_in_one_line() {
    let scratch = Scratch::new("unborn");
    for command in [&["hash"][..], &["policy", "explain"], &["policy", "explain", "HEAD~200.."]] {
        let refused = scratch.refused(command);
        assert!(refused.contains("error: this repository has no commit yet"), "{refused}");
    }
    scratch.commit(ADA, "root");
    assert!(scratch.refused(&["hash", "mian"]).contains("\"mian\" names no commit here"));
    let refused = scratch.refused(&["policy", "explain", "HEAD~200.."]);
    assert!(refused.contains("without a range it takes what is there"), "{refused}");
    assert!(scratch.refused(&["policy", "explain", "HEAD.."]).contains("holds no commit"));
    fs::remove_dir_all(scratch.0.join("work/.git")).unwrap();
    for command in [&["hash"][..], &["policy", "explain"]] {
        assert!(scratch.refused(command).contains("not in a git repository"));
    }
}

/// A tree that `git fsck --strict` refuses is no reason to say nothing of the other commits.
#[test]
fn a_malformed_commit_is_counted_and_left_out() {
    let scratch = Scratch::new("malformed");
    scratch.write("a", "one\n");
    scratch.commit(ADA, "root");
    scratch.write("a", "two\n");
    scratch.commit(ADA, "good");
    let blob = scratch.git(&["hash-object", "-w", "a"]);
    let bytes: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap()).collect();
    scratch.write("tree", [b"100644 .git\0", bytes.as_slice()].concat());
    let tree = ["hash-object", "-w", "-t", "tree", "--literally", "tree"];
    let tree = scratch.git(&tree);
    fs::remove_file(scratch.0.join("work/tree")).unwrap();
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"];
    let made = [&who[..], &["commit-tree", &tree, "-p", "HEAD", "-m", "odd"]].concat();
    let mut command = scratch.git_command(&made);
    command.env("GIT_AUTHOR_NAME", "Ada").env("GIT_AUTHOR_EMAIL", "ada@shop.example");
    let commit = String::from_utf8(command.output().unwrap().stdout).unwrap();
    scratch.git(&["update-ref", "HEAD", commit.trim()]);
    let (status, out, talk) = scratch.run(&["policy", "explain"]);
    assert_eq!(status, 0, "{talk}");
    assert!(out.starts_with("Of 2 changes "), "{out}");
    assert!(talk.contains("1 of the commits cannot be judged"), "{talk}");
}

#[test]
fn the_hash_is_that_of_the_document() {
    let scratch = Scratch::new("hash");
    scratch.write("a", "one\n");
    let root = scratch.commit(ADA, "root");
    let out = scratch.answer(&["hash"]);
    assert!(out.ends_with(&format!("\nof the empty tree..{root}, 1 path\n")), "{out}");
    let document = scratch.output(&["hash", "--document"]).stdout;
    assert!(document.starts_with(b"countersign change v1\n"));
    assert_eq!(out.lines().next().unwrap(), ContentDigest::of(&document).to_string());

    scratch.write("a", "two\n");
    scratch.write("b", b"\0");
    let second = scratch.commit(ADA, "second");
    scratch.git(&["checkout", "-q", "-b", "feature"]);
    scratch.write("c", "three\n");
    let third = scratch.commit(BEN, "third");
    // On main the newest commit, on a branch what it adds to main.
    let found = scratch.json(&["hash", "--json"]);
    let full = |revision: &str| json!(scratch.git(&["rev-parse", revision]));
    assert_eq!((&found["base"], &found["head"]), (&full("main"), &full("HEAD")));
    assert_eq!(found["paths"], 1);
    let same = scratch.answer(&["hash", "main..feature"]);
    assert_eq!(same.lines().next().unwrap(), found["change"].as_str().unwrap());
    assert!(same.ends_with(&format!("\nof {second}..{third}, 1 path\n")), "{same}");
    let on_main = scratch.answer(&["hash", "main"]);
    assert!(on_main.ends_with(&format!("\nof {root}..{second}, 2 paths\n")), "{on_main}");
    let nothing = scratch.answer(&["hash", "HEAD..HEAD"]);
    assert!(nothing.contains("nothing changed, so there is nothing to sign"), "{nothing}");

    scratch.answer(&["hash", "main", "-o", "../main.change"]);
    let written = fs::read(scratch.0.join("main.change")).unwrap();
    assert_eq!(written, scratch.output(&["hash", "main", "--document"]).stdout);
    let (status, out, talk) = scratch.run(&["hash", "-o", "../nowhere/x"]);
    assert_eq!((status, out.as_str()), (2, ""), "{talk}");

    // A branch is all that it adds to main, as for whoever signs it.
    scratch.write("c", "three and a half\n");
    scratch.commit(BEN, "more");
    let whole = scratch.answer(&["hash", "main..feature"]);
    let branch = scratch.answer(&["hash", "feature"]);
    assert_eq!(branch.lines().next(), whole.lines().next());
    assert!(branch.ends_with(", 1 path: all that feature adds to main\n"), "{branch}");
    let found = scratch.json(&["hash", "feature", "--json"]);
    assert_eq!((&found["base"], &found["head"]), (&full("main"), &full("feature")));
    // Where the local main is behind the remote's, the remote's counts; landed is a commit.
    scratch.git(&["update-ref", "refs/remotes/origin/main", "feature~1"]);
    assert_eq!(scratch.json(&["hash", "feature", "--json"])["base"], full("feature~1"));
    scratch.git(&["branch", "-q", "landed", "feature~1"]);
    assert_eq!(scratch.json(&["hash", "landed", "--json"])["base"], full("landed~1"));

    // What was pushed is no part of what the branch adds, once the remote's main is known.
    scratch.git(&["update-ref", "refs/remotes/origin/main", "feature"]);
    scratch.write("d", "four\n");
    scratch.commit(BEN, "fourth");
    assert_eq!(scratch.json(&["hash", "--json"])["base"], full("feature~1"));
}
