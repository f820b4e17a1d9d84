//! Statements left in references of a real bare repository, and taken up by the job that owns the
//! ledger (`spec/inbox.md`).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Output, Stage};
use countersign::base::limits::{ANSWER_DAYS_MAX, PARCELS_MAX, REFERENCES_BYTES_MAX};

/// A stage whose repository has a bare remote, and a clone of it for ben, who has written nothing.
/// cleo's branch waits for a sign-off.
struct Post {
    stage: Stage,
    clone: PathBuf,
}

impl Post {
    fn new(test: &str) -> Self {
        let stage = Stage::begun(test);
        let bare = stage.root().join("remote.git");
        let clone = stage.root().join("elsewhere");
        stage.git(["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        stage.git(["remote", "add", "origin", bare.to_str().unwrap()]);
        stage.git(["checkout", "-q", "-b", "retry"]);
        stage.as_user("cleo").commit("pay.rs", "fee = 1\n", "Take a fee");
        stage.git(["push", "-q", "origin", "main", "retry"]);
        stage.git(["clone", "-q", bare.to_str().unwrap(), clone.to_str().unwrap()]);
        Self { stage, clone }
    }

    /// What ben runs, in the clone. The ledger is read where it is, and never written to.
    fn ben(&self, arguments: &[&str]) -> Output {
        let mut command = self.stage.as_user("ben").command(arguments);
        command.current_dir(&self.clone).env("COUNTERSIGN_LEDGER", self.stage.ledger());
        Output::of(&mut command)
    }

    /// Signs into a file.
    fn signed(&self, name: &str) -> PathBuf {
        let file = self.stage.root().join(name);
        let hash = self.stage.change_of("main..retry");
        let path = file.to_str().unwrap();
        self.ben(&[
            "approve",
            "origin/main..origin/retry",
            "--expect",
            &hash,
            "-o",
            path,
            "-m",
            "good",
        ])
        .ok();
        file
    }

    /// The references of the remote below a name.
    fn references(&self, below: &str) -> Vec<String> {
        let listed =
            self.stage.git(["ls-remote", "origin", &format!("refs/countersign/{below}/*")]);
        listed.lines().map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
    }

    fn leave(&self, file: &Path) -> Output {
        self.ben(&["submit", file.to_str().unwrap(), "--inbox", "origin"])
    }

    fn take_up(&self) -> Output {
        self.stage.run(["submit", "--inbox", "origin"])
    }
}

/// Sections 1 to 4: left, taken up, answered with a receipt that verifies, and clean afterwards.
#[test]
fn a_statement_goes_through_the_inbox() {
    let post = Post::new("inbox");
    let file = post.signed("signed.json");
    let left = post.leave(&file);
    assert!(left.ok().starts_with("LEFT  "), "{}", left.out);
    assert!(left.out.contains("countersign submit "), "{}", left.out);
    let waiting = post.references("inbox");
    assert_eq!(waiting.len(), 1);
    // Again is harmless, and nothing else was pushed.
    assert!(post.leave(&file).ok().starts_with("WAITING  "));
    assert_eq!(post.references("inbox"), waiting);
    assert_eq!(post.stage.git(["ls-remote", "--heads", "origin"]).lines().count(), 2);
    let size = entries(&post);
    let taken = post.take_up();
    assert!(
        taken.ok().starts_with(&format!("TAKEN UP  entry {size}: approval by Ben")),
        "{}",
        taken.out
    );
    assert!(taken.out.contains("nothing more waits in the inbox of origin"), "{}", taken.out);
    assert_eq!(entries(&post), size + 1);
    assert_eq!(post.references("inbox"), Vec::<String>::new());
    assert_eq!(post.references("answers").len(), 1);
    // The words went with it, and so did the document of what was signed.
    let document = post.stage.change_of("main..retry");
    assert!(post.stage.ledger().join("blobs").join(&document[..2]).join(&document[2..]).exists());
    let shown = post.stage.run(["show", &size.to_string()]);
    assert!(shown.ok().contains("good"), "{}", shown.out);
    let answered = post.leave(&file);
    assert!(answered.ok().starts_with("TAKEN UP  "), "{}", answered.out);
    assert!(answered.out.contains(&format!("entry {size}")), "{}", answered.out);
    assert_eq!(post.references("answers"), Vec::<String>::new());
    let idle = post.take_up();
    assert_eq!(idle.ok(), "nothing waits in the inbox of origin\n");
    // Left once more, it is known.
    post.leave(&file).ok();
    assert!(post.take_up().ok().starts_with(&format!("KNOWN  entry {size} already")));
    assert_eq!(entries(&post), size + 1);
}

/// Section 3, step 2, and section 4: what is refused is answered with the reason.
#[test]
fn what_is_refused_is_answered_and_taken_away() {
    let post = Post::new("inbox-refused");
    let file = post.signed("signed.json");
    post.leave(&file).ok();
    // Meanwhile the key is revoked.
    post.stage.run(["key", "revoke", &fingerprint(&post, "ben"), "--retired", "-y"]).ok();
    let size = entries(&post);
    let blobs = post.stage.ledger().join("blobs");
    let document = post.stage.change_of("main..retry");
    let document = blobs.join(&document[..2]).join(&document[2..]);
    let _ = fs::remove_dir_all(&blobs);
    let taken = post.take_up();
    // That it was refused is the answer, and no failure of the job.
    assert!(taken.ok().starts_with("REFUSED  "), "{}", taken.out);
    assert_eq!(entries(&post), size);
    // What it brought is named by no entry, and not kept.
    assert!(!document.exists());
    assert_eq!(post.references("inbox"), Vec::<String>::new());
    let answered = post.leave(&file);
    assert_eq!(answered.status, 2, "{}{}", answered.out, answered.talk);
    assert!(answered.talk.contains("SHA256:"), "{}", answered.talk);
    assert_eq!(post.references("answers"), Vec::<String>::new());
}

/// Section 3, step 2: anybody who may push can leave anything.
#[test]
fn what_is_no_parcel_is_refused_and_stops_nobody() {
    let post = Post::new("inbox-hostile");
    let file = post.signed("signed.json");
    post.leave(&file).ok();
    let honest = post.references("inbox").remove(0);
    let (key, statement) =
        honest.strip_prefix("refs/countersign/inbox/").unwrap().split_once('/').unwrap();
    // Under another statement's name; a commit of code; a blob; a name that is none.
    let other = format!("refs/countersign/inbox/{key}/{}", "0".repeat(64));
    let parcel = post.stage.git(["ls-remote", "origin", &honest]);
    let parcel = parcel.split('\t').next().unwrap().to_owned();
    post.stage.git(["fetch", "-q", "origin", &honest]);
    let blob = post.stage.git(["rev-parse", "main:README"]);
    for (object, reference) in [
        (parcel.as_str(), other.as_str()),
        ("main", &format!("refs/countersign/inbox/{}/{statement}", "1".repeat(64))),
        (&blob, &format!("refs/countersign/inbox/{}/{statement}", "2".repeat(64))),
        ("main", "refs/countersign/inbox/x/y"),
    ] {
        post.stage.git(["push", "-q", "origin", &format!("{object}:{reference}")]);
    }
    let size = entries(&post);
    let taken = post.take_up();
    assert!(taken.ok().contains("TAKEN UP"), "{}", taken.out);
    assert_eq!(taken.out.matches("REFUSED  NOT_A_PARCEL").count(), 3, "{}", taken.out);
    assert_eq!(entries(&post), size + 1);
    // What is no parcel by its name is nobody's, and stays to be seen.
    // What names no key and statement can be answered nowhere: it stays, and is told each time.
    assert_eq!(post.references("inbox"), ["refs/countersign/inbox/x/y"]);
    for name in ["lonely", "a/b/c"] {
        let to = format!("main:refs/countersign/inbox/{name}");
        post.stage.git(["push", "-q", "origin", &to]);
    }
    let idle = post.take_up();
    assert_eq!(idle.ok(), "nothing waits in the inbox of origin\n");
    for name in ["lonely", "a/b/c", "x/y"] {
        let name = format!("refs/countersign/inbox/{name}");
        assert!(idle.talk.replace("\n  ", " ").contains(&name), "{}", idle.talk);
    }
    assert_eq!(post.references("inbox").len(), 3);
    assert_eq!(post.references("answers").len(), 4);
}

/// Section 4: an answer that pretends is an integrity failure.
#[test]
fn a_forged_answer_is_an_integrity_failure() {
    let post = Post::new("inbox-forged");
    let (one, two) = (post.signed("one.json"), post.signed("two.json"));
    post.leave(&one).ok();
    post.take_up().ok();
    post.leave(&two).ok();
    let answer = post.references("answers").remove(0);
    let waiting = post.references("inbox").remove(0);
    let forged = waiting.replace("/inbox/", "/answers/2026-01-01/");
    post.stage.git(["fetch", "-q", "origin", &answer]);
    let bytes = post.stage.git(["show", "FETCH_HEAD:answer.json"]);
    let statement = |reference: &str| reference.rsplit('/').next().unwrap().to_owned();
    // The receipt of another statement, under this one's name.
    let bytes = bytes.replace(&statement(&answer), &statement(&forged));
    let content = post.stage.write("answer.json", &bytes);
    let blob = post.stage.git(["hash-object", "-w", content.to_str().unwrap()]);
    fs::remove_file(content).unwrap();
    let list = post.stage.write("list", &format!("100644 blob {blob}\tanswer.json\n"));
    let mut make = post.stage.program("git");
    make.arg("mktree").stdin(fs::File::open(&list).unwrap());
    let tree = Output::of(&mut make).ok().trim().to_owned();
    fs::remove_file(list).unwrap();
    let commit = post.stage.as_user("ada").git(["commit-tree", &tree, "-m", "x"]);
    post.stage.git(["push", "-q", "origin", &format!("{commit}:{forged}")]);
    post.leave(&two).refused(3, "its receipt is of another statement");
}

/// Section 3, step 4: killed between the ledger and the remote, the next run answers.
#[test]
fn what_was_taken_up_and_not_answered_is_answered_later() {
    let post = Post::new("inbox-killed");
    let file = post.signed("signed.json");
    post.leave(&file).ok();
    // As after such a kill: the ledger has it, the remote was told nothing.
    post.stage.run(["submit", file.to_str().unwrap()]).ok();
    let size = entries(&post);
    assert!(post.take_up().ok().starts_with("KNOWN  "));
    assert_eq!(entries(&post), size);
    assert!(post.leave(&file).ok().starts_with("TAKEN UP  "));
}

/// Section 3, step 5, and a remote that is away.
#[test]
fn old_answers_go_and_a_remote_that_is_away_is_told() {
    let post = Post::new("inbox-old");
    let file = post.signed("signed.json");
    let name = format!("{}/{}", "3".repeat(64), "4".repeat(64));
    for day in ["2001-02-03", "2999-12-31"] {
        post.stage.git([
            "push",
            "-q",
            "origin",
            &format!("main:refs/countersign/answers/{day}/{name}"),
        ]);
    }
    post.take_up().ok();
    assert_eq!(post.references("answers"), [format!("refs/countersign/answers/2999-12-31/{name}")]);
    fs::rename(post.stage.root().join("remote.git"), post.stage.root().join("gone.git")).unwrap();
    post.leave(&file).refused(4, "git ls-remote");
    post.take_up().refused(4, "git ls-remote");
    let mut strange = post.stage.command(["submit", "--inbox", "--upload-pack=x"]);
    assert_eq!(Output::of(&mut strange).status, 2);
}

/// Writes references of the remote as git packs them: thousands in one file.
fn pack_references(post: &Post, names: impl Iterator<Item = String>) {
    let blob = post.stage.git(["rev-parse", "main"]);
    let mut lines: Vec<_> = names.map(|name| format!("{blob} {name}\n")).collect();
    lines.sort();
    let packed = post.stage.root().join("remote.git/packed-refs");
    let kept = fs::read_to_string(&packed).unwrap_or_default();
    assert!(!kept.contains("countersign"), "{kept}");
    for branch in ["main", "retry"] {
        let id = post.stage.git(["rev-parse", branch]);
        lines.push(format!("{id} refs/heads/{branch}\n"));
    }
    let text = format!("# pack-refs with: peeled fully-peeled sorted \n{}", lines.concat());
    post.stage.write(packed, &text);
}

fn parcel_name(number: usize) -> String {
    format!("refs/countersign/inbox/{number:064x}/{}", "5".repeat(64))
}

/// Section 3: so many are taken up at once, and what is beyond waits for the next time.
#[test]
fn parcels_beyond_the_limit_wait_for_the_next_run() {
    let post = Post::new("inbox-many");
    pack_references(&post, (0..=PARCELS_MAX).map(parcel_name));
    let first = post.take_up();
    assert_eq!(first.ok().matches("REFUSED  NOT_A_PARCEL").count(), PARCELS_MAX);
    assert!(first.out.contains(&format!("{PARCELS_MAX} answered, 1 wait")), "{}", first.out);
    assert_eq!(post.references("inbox"), [parcel_name(PARCELS_MAX)]);
    let second = post.take_up();
    assert_eq!(second.ok().matches("REFUSED  NOT_A_PARCEL").count(), 1);
    assert!(second.out.contains("nothing more waits in the inbox of origin"), "{}", second.out);
}

/// A remote whose list of references is too long is told, and one just below is read.
#[test]
fn a_list_of_references_is_bounded() {
    let post = Post::new("inbox-long");
    // As `git ls-remote` lists them; what is no parcel by its name is passed over.
    let name = |number: usize| format!("refs/countersign/inbox/{number:064x}/x");
    let line = 41 + name(0).len() + 1;
    let fit = REFERENCES_BYTES_MAX / line;
    pack_references(&post, (0..fit).map(name));
    assert_eq!(post.take_up().ok(), "nothing waits in the inbox of origin\n");
    fs::remove_file(post.stage.root().join("remote.git/packed-refs")).unwrap();
    pack_references(&post, (0..=fit).map(name));
    post.take_up().refused(4, "git ls-remote");
}

/// An answer is kept for so many days.
#[test]
fn answers_are_kept_for_a_month() {
    let post = Post::new("inbox-days");
    let days = |back: u64| {
        let mut date = post.stage.program("date");
        date.args(["-u", "-d", &format!("{back} days ago"), "+%Y-%m-%d"]);
        Output::of(&mut date).ok().trim().to_owned()
    };
    let name = format!("{}/{}", "3".repeat(64), "4".repeat(64));
    // A day aside on both sides: midnight may pass meanwhile.
    let (kept, old) = (days(ANSWER_DAYS_MAX - 1), days(ANSWER_DAYS_MAX + 2));
    for day in [&kept, &old] {
        let to = format!("main:refs/countersign/answers/{day}/{name}");
        post.stage.git(["push", "-q", "origin", &to]);
    }
    post.take_up().ok();
    assert_eq!(post.references("answers"), [format!("refs/countersign/answers/{kept}/{name}")]);
}

fn entries(post: &Post) -> u64 {
    let answer = post.stage.run(["ledger", "checkpoint", "--json"]);
    answer.ok();
    answer.json()["size"].as_u64().unwrap()
}

fn fingerprint(post: &Post, name: &str) -> String {
    let key = post.stage.key(name).with_extension("pub");
    let mut keygen: Command = post.stage.program("ssh-keygen");
    let listed = Output::of(keygen.arg("-lf").arg(key));
    listed.ok().split_whitespace().nth(1).unwrap().to_owned()
}
