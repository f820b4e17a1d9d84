//! Requests of a forge, by number and URL, fetched from a real bare remote with git alone.

use std::path::PathBuf;

use super::change_of;
use super::common::{Output, Stage};
use super::terminal::{flat, in_terminal};

const URL: &str = "https://forge.example/shop/api";

/// A stage with a bare remote that knows the service's branch, request 7 as a pull request and 9
/// as a merge request; nothing of either is here.
struct Forge {
    stage: Stage,
    bare: PathBuf,
}

impl Forge {
    fn new(test: &str) -> Self {
        let stage = Stage::begun(test);
        let bare = stage.root().join("forge.git");
        let path = bare.to_str().unwrap().to_owned();
        stage.git(["init", "-q", "--bare", "-b", "main", &path]);
        stage.git(["remote", "add", "origin", &format!("{URL}.git")]);
        stage.git(["config", &format!("url.{path}.insteadOf"), &format!("{URL}.git")]);
        let forge = Self { stage, bare };
        forge.stage.git(["push", "-q", "origin", "main"]);
        forge.push("src/capture.rs", "fn a() {}\n", "refs/pull/7/head");
        forge.push("src/merge.rs", "fn b() {}\n", "refs/merge-requests/9/head");
        forge
    }

    /// Pushes a commit of ben's on main under a reference, and forgets it here.
    fn push(&self, path: &str, text: &str, reference: &str) {
        let stage = &self.stage;
        stage.git(["checkout", "-q", "--detach", "main"]);
        let commit = stage.as_user("ben").commit(path, text, &format!("Write {path}"));
        stage.git(["push", "-q", "-f", "origin", &format!("{commit}:{reference}")]);
        stage.git(["checkout", "-q", "main"]);
        self.forget();
    }

    fn forget(&self) {
        self.stage.git(["reflog", "expire", "--expire=now", "--all"]);
        self.stage.git(["gc", "-q", "--prune=now"]);
    }

    /// A git of the bare remote's own.
    fn at_forge(&self, arguments: &[&str]) -> String {
        let mut command = self.stage.program("git");
        command.arg("--git-dir").arg(&self.bare).args(arguments);
        Output::of(&mut command).ok().trim().to_owned()
    }

    /// All that is the user's: references but ours, settings, work tree, `FETCH_HEAD`.
    fn users_own(&self) -> Vec<String> {
        let references = self.stage.git(["for-each-ref", "--format=%(refname) %(objectname)"]);
        let folder = self.stage.repository().join(".git");
        let mut own: Vec<String> = references
            .lines()
            .filter(|line| !line.starts_with("refs/countersign/"))
            .map(str::to_owned)
            .collect();
        own.push(self.stage.git(["status", "--porcelain", "--branch"]));
        own.push(std::fs::read_to_string(folder.join("config")).unwrap());
        own.push(std::fs::read_to_string(folder.join("HEAD")).unwrap());
        own.push(format!("{}", folder.join("FETCH_HEAD").exists()));
        own
    }
}

#[test]
fn a_request_is_fetched_by_its_number_and_signed() {
    let forge = Forge::new("number");
    let stage = &forge.stage;
    // Whatever the user's settings would make of a fetch.
    for (key, value) in [
        ("fetch.prune", "true"),
        ("fetch.pruneTags", "true"),
        ("remote.origin.tagOpt", "--tags"),
        ("remote.origin.fetch", "+refs/*:refs/mirrored/*"),
        ("fetch.recurseSubmodules", "true"),
    ] {
        stage.git(["config", key, value]);
    }
    stage.git(["tag", "mine"]);
    forge.at_forge(&["tag", "theirs", "main"]);
    let hooks = stage.repository().join(".git/hooks");
    for hook in ["reference-transaction", "post-checkout", "post-merge", "pre-auto-gc"] {
        let file = stage.write(hooks.join(hook), "#!/bin/sh\ntouch \"$HOME/hooked\"\n");
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    let before = forge.users_own();
    let _ = std::fs::remove_file(stage.home().join("hooked"));

    // ATTACKS 22: nobody is there, so the hash must be said; it is told.
    let refused = stage.run(["approve", "7"]);
    refused.refused(2, "without a terminal nothing is signed");
    assert!(refused.talk.contains("fetched refs/pull/7/head of origin: "), "{}", refused.talk);
    let hash = refused.talk.split_whitespace().find(|word| word.len() == 64).unwrap();
    let (status, text) = in_terminal(stage, "ada", "approve 7", "d\ns\n");
    assert_eq!(status, 0, "{text}");
    let shown = flat(&text);
    for words in ["shop #7 Write src/capture.rs", "+fn a() {}", "signed: entry "] {
        assert!(shown.contains(words), "{words:?} is missing:\n{text}");
    }
    let again = stage.as_user("cleo").run(["approve", "7", "--expect", hash, "--json"]);
    assert_eq!(again.json()["subjects"][0], hash, "{again:?}");
    let status = stage.run(["status", "7"]);
    assert!(status.ok().starts_with("YES  7 to production: signed off"), "{}", status.out);
    stage.run(["check", "!9"]).ok();

    assert_eq!(forge.users_own(), before, "nothing of the user's has changed");
    assert!(!stage.home().join("hooked").exists(), "no hook ran");
    assert!(!stage.git(["for-each-ref", "refs/countersign"]).is_empty());
}

#[test]
fn a_url_is_matched_with_the_remotes() {
    let forge = Forge::new("url");
    let stage = &forge.stage;
    let hash = change_of(stage, "7");
    for url in ["/pull/7", "/pull/7/files?w=1#diff-0", "/pulls/7/"] {
        let shown = stage.run(["approve", &format!("{URL}{url}"), "-n"]);
        assert_eq!(shown.json()["predicate"]["says"]["rows"][0]["hash"], hash.as_str(), "{url}");
    }
    let merge = stage.run(["approve", &format!("{URL}/-/merge_requests/9"), "-n"]).json();
    let head = forge.at_forge(&["rev-parse", "refs/merge-requests/9/head"]);
    assert_eq!(merge["predicate"]["says"]["rows"][0]["head"], head.as_str());
    // Both under one signature.
    let both = stage.run(["approve", "7", "9", "-n"]).json();
    assert_eq!(both["predicate"]["says"]["rows"].as_array().unwrap().len(), 2, "{both}");

    for (url, words) in [
        ("https://evil.example/shop/api/pull/7", "no remote of this repository is evil.example"),
        ("https://forge.example@evil.example/shop/api/pull/7", "names no pull request"),
        ("https://forge.example/shop/api/issues/7", "names no pull request"),
        ("ext::sh -c touch% pwned://forge.example/shop/api/pull/7", "names no pull request"),
        ("file:///etc/shop/pull/7", "names no pull request"),
        ("https://forge.example/shop/other/pull/7", "no remote of this repository is"),
    ] {
        stage.run(["approve", url]).refused(2, words);
    }
    assert!(!stage.repository().join("pwned").exists());
}

/// Names that would be options, leave our references, or are nobody's.
#[test]
fn hostile_names_are_refused() {
    let forge = Forge::new("hostile");
    let stage = &forge.stage;
    let before = forge.users_own();
    for name in
        ["../../heads/main", "refs/pull/7/head:refs/heads/main", "+main", "a b", "x~y", "7/"]
    {
        stage.run(["approve", name]).refused(2, "");
    }
    stage.run(["approve", "--", "--upload-pack=touch pwned"]).refused(2, "");
    stage.run(["approve", "8"]).refused(2, "origin has no request 8");
    // A request whose head is no commit.
    let blob = forge.at_forge(&["rev-parse", "main:README"]);
    forge.at_forge(&["update-ref", "refs/pull/8/head", &blob]);
    stage.run(["approve", "8"]).refused(2, "names no commit");
    assert_eq!(forge.users_own(), before);
    assert!(!stage.repository().join("pwned").exists());
    // A remote whose name is an option, or leads elsewhere.
    stage.git(["remote", "remove", "origin"]);
    for name in ["--upload-pack=id", "../../heads"] {
        stage.git(["config", &format!("remote.{name}.url"), forge.bare.to_str().unwrap()]);
        stage.run(["approve", "7"]).refused(2, "is not one that is fetched from");
        stage.git(["config", "--remove-section", &format!("remote.{name}")]);
    }
    stage.run(["approve", "7"]).refused(2, "no remote is known");
    stage.git(["remote", "add", "origin", "/nowhere/at/all"]);
    stage.run(["approve", "7"]).refused(4, "git fetch origin failed");
}

#[test]
fn ones_own_request_is_refused_and_one_that_landed_is_named() {
    let forge = Forge::new("own-request");
    let stage = &forge.stage;
    let ben = stage.as_user("ben");
    ben.run(["approve", "7"]).refused(2, "is your own: somebody else signs it off");
    let (status, text) = in_terminal(stage, "ben", "approve 7", "s\n");
    assert_eq!(status, 2, "{text}");
    assert!(flat(&text).contains("is your own"), "{text}");
    forge.at_forge(&["update-ref", "refs/heads/main", "refs/pull/7/head"]);
    stage.run(["approve", "7"]).refused(2, "request 7 adds nothing to main: it has landed");
}

/// main went on at the forge, and nobody has fetched it here: what others wrote is not the
/// request's.
#[test]
fn a_request_begins_where_the_forges_branch_is() {
    let forge = Forge::new("ahead");
    let stage = &forge.stage;
    stage.git(["checkout", "-q", "--detach", "main"]);
    stage.as_user("cleo").commit("docs/other.md", "1\n", "Main goes on");
    stage.git(["push", "-q", "origin", "HEAD:refs/heads/main"]);
    let head = stage.as_user("ben").commit("src/new.rs", "1\n", "On the newest main");
    stage.git(["push", "-q", "origin", "HEAD:refs/pull/10/head"]);
    stage.git(["checkout", "-q", "main"]);
    stage.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    forge.forget();
    let shown = stage.run(["approve", "10", "-n"]).json();
    let row = &shown["predicate"]["says"]["rows"][0];
    assert_eq!(row["head"], head.as_str());
    assert_eq!(row["base"], forge.at_forge(&["rev-parse", "main"]).as_str());
    let status = stage.run(["status", "10", "--json"]).json();
    assert_eq!(status["segments"][0]["paths"], 1, "{status}");
}

/// A force-push throws the old commits away at the forge; the version that was read stays here.
#[test]
fn a_new_version_of_a_request_is_compared_with_the_one_that_was_signed() {
    let forge = Forge::new("pushed");
    let stage = &forge.stage;
    let first = change_of(stage, "7");
    stage.run(["approve", "7", "--expect", &first]).ok();
    forge.push("src/capture.rs", "fn a() {}\nfn c() {}\n", "refs/pull/7/head");
    let (status, text) = in_terminal(stage, "ada", "approve 7", "i\ns\n");
    assert_eq!(status, 0, "{text}");
    let shown = flat(&text);
    let words = format!("you signed {} ", &first[..12]);
    assert!(shown.contains(&words), "{text}");
    assert!(shown.contains("; since then src/capture.rs +1 -0"), "{text}");
    assert!(!shown.contains("supersedes"), "nobody declared it: {text}");
}

/// A branch that only the remote has is fetched; one that was fetched before needs no remote.
#[test]
fn a_branch_may_be_at_the_remote() {
    let forge = Forge::new("away-branch");
    let stage = &forge.stage;
    forge.push("src/far.rs", "far\n", "refs/heads/far/away");
    stage.git(["update-ref", "-d", "refs/remotes/origin/far/away"]);
    forge.forget();
    let before = forge.users_own();
    let shown = stage.run(["approve", "far/away", "-n"]);
    assert!(shown.talk.contains("fetched refs/heads/far/away of origin"), "{}", shown.talk);
    let head = forge.at_forge(&["rev-parse", "far/away"]);
    assert_eq!(shown.json()["predicate"]["says"]["rows"][0]["head"], head.as_str());
    assert_eq!(forge.users_own(), before);
    let missing = stage.run(["approve", "nowhere"]);
    missing.refused(2, "no branch, tag or id is called so");
    assert!(flat(&missing.talk).contains("origin has no branch nowhere either"), "{missing:?}");
    // Fetched by the user, under the remote's name.
    stage.git(["fetch", "-q", "origin"]);
    stage.git(["remote", "set-url", "origin", "/nowhere/at/all"]);
    let rows = |name: &str| {
        let shown = stage.run(["approve", name, "-n"]).json();
        shown["predicate"]["says"]["rows"].clone()
    };
    assert_eq!(rows("far/away"), rows("origin/far/away"));
    // Two remotes have it: none is guessed.
    let far = stage.git(["rev-parse", "origin/far/away"]);
    stage.git(["update-ref", "refs/remotes/other/far/away", &far]);
    stage.run(["approve", "far/away", "-n"]).refused(2, "several remotes have a branch far/away");
}

/// What `check` tells the author of a request to type works.
#[test]
fn a_request_is_declared_by_its_number() {
    let forge = Forge::new("declared");
    let stage = &forge.stage;
    let hash = change_of(stage, "7");
    forge.forget();
    let declared = stage.as_user("ben").run(["declare", "7", "--assistance", "none", "--json"]);
    assert_eq!(declared.json()["change"], hash.as_str());
}

/// A clone of one branch without the service's own: the hint is all that it takes.
#[test]
fn a_clone_of_one_branch_is_told_how_to_get_the_other() {
    let forge = Forge::new("single");
    let stage = &forge.stage;
    stage.git(["checkout", "-q", "-b", "single", "origin/main"]);
    stage.git(["branch", "-q", "-D", "main"]);
    stage.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    stage.as_user("ben").commit("src/single.rs", "1\n", "Single");
    let refused = stage.run(["status", "single"]);
    refused.refused(2, "has no branch main");
    let hint = "git fetch origin main:refs/remotes/origin/main";
    assert!(refused.talk.lines().any(|line| line.ends_with(hint)), "{}", refused.talk);
    stage.git(["fetch", "-q", "origin", "main:refs/remotes/origin/main"]);
    stage.run(["status", "single"]).ok();
}
