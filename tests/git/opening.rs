//! Goal: a repository is found as git finds it, and each that cannot be read says why and what to
//! do. Method: repositories in each of those states.

use countersign::git::{ErrorKind, GitError, Repository};

use crate::scratch::Scratch;

fn history(scratch: &Scratch, count: usize) {
    for number in 0..count {
        scratch.write("a", number.to_string());
        scratch.commit(&format!("commit {number}\u{1b}[31m\n\nbody"));
    }
}

#[test]
fn settings_and_references_are_read() {
    let scratch = Scratch::new();
    history(&scratch, 2);
    scratch.git(&["config", "user.signingkey", "/home/ada/.ssh/id_ed25519.pub"]);
    scratch.git(&["config", "gpg.ssh.allowedSignersFile", "~/.ssh/allowed"]);
    scratch.git(&["remote", "add", "origin", "https://example.com/shop.git"]);
    scratch.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
    scratch.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    scratch.git(&["branch", "topic/one", "HEAD~1"]);
    scratch.git(&["tag", "v1"]);
    std::fs::create_dir_all(scratch.path().join("deep/er")).unwrap();
    let repository = Repository::open(&scratch.path().join("deep/er")).unwrap();
    assert_eq!(repository.head_branch().unwrap().unwrap().as_str(), "refs/heads/main");
    assert_eq!(repository.remote_url("origin").unwrap(), "https://example.com/shop.git");
    assert_eq!(repository.remote_url("other"), None);
    let key = repository.config_string("user.signingkey");
    assert_eq!(key.unwrap(), "/home/ada/.ssh/id_ed25519.pub");
    assert_eq!(repository.config_string("gpg.ssh.allowedSignersFile").unwrap(), "~/.ssh/allowed");
    let names: Vec<String> =
        repository.branches().unwrap().iter().map(|tip| tip.name.to_string()).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/topic/one", "refs/remotes/origin/main"]);
    let summary = repository.short_summary(&scratch.head()).unwrap();
    assert_eq!(summary, "commit 1\x1b[31m");
    assert!(!repository.is_shallow());
    assert_eq!(repository.common_dir(), scratch.path().join(".git"));
    assert_eq!(repository.work_dir().unwrap(), scratch.path());
    scratch.git(&["checkout", "-q", "--detach"]);
    assert_eq!(scratch.open().head_branch().unwrap(), None);
}

#[test]
fn linked_work_trees_share_their_folder() {
    let scratch = Scratch::new();
    history(&scratch, 2);
    scratch.git(&["worktree", "add", "-q", "linked", "-b", "linked", "HEAD~1"]);
    let linked = Repository::open(&scratch.path().join("linked")).unwrap();
    assert_eq!(
        linked.common_dir().canonicalize().unwrap(),
        scratch.path().join(".git").canonicalize().unwrap()
    );
    assert_eq!(linked.head_branch().unwrap().unwrap().as_str(), "refs/heads/linked");
    assert_eq!(linked.resolve("HEAD").unwrap(), scratch.revision("HEAD~1"));
}

#[test]
fn threads_agree_with_one_in_a_linked_work_tree_too() {
    let scratch = Scratch::new();
    history(&scratch, 80);
    scratch.git(&["worktree", "add", "-q", "linked", "-b", "linked"]);
    let repository = Repository::open(&scratch.path().join("linked")).unwrap();
    let chain = repository.chain(None, &scratch.head()).unwrap();
    assert_eq!(chain.commits.len(), 80);
    let together = repository.steps(&chain.commits).unwrap();
    let alone = scratch.open();
    for (step, commit) in together.iter().zip(&chain.commits) {
        assert_eq!(*step, alone.step(commit).unwrap());
    }
    // An error in one of the threads is the answer.
    let mut commits = chain.commits;
    commits[70] = countersign::base::name::Revision::new("1".repeat(40)).unwrap();
    let error = repository.steps(&commits).unwrap_err();
    assert!(matches!(error, GitError::UnknownCommit { .. }), "{error:?}");
}

#[test]
fn attack_50_the_border_of_a_shallow_clone_is_an_error_with_its_mend() {
    let scratch = Scratch::new();
    history(&scratch, 5);
    let clone = Scratch::empty();
    let url = format!("file://{}", scratch.path().display());
    clone.git(&["clone", "-q", "--depth=2", &url, "."]);
    let repository = clone.open();
    assert!(repository.is_shallow());
    let head = clone.head();
    repository.step(&head).unwrap();
    for error in [
        repository.chain(None, &head).unwrap_err(),
        repository.step(&clone.revision("HEAD~1")).unwrap_err(),
        repository.resolve("HEAD~2").unwrap_err(),
        repository
            .range("HEAD~1")
            .map(|range| repository.document(range.base.as_ref(), &range.head))
            .unwrap()
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
        let hint = error.hint();
        assert!(hint.contains("git fetch"), "{error}: {hint}");
    }
    let hint = repository.chain(None, &head).unwrap_err().hint();
    assert!(hint.contains("git fetch --unshallow"), "{hint}");
    // A start inside the clone is enough.
    let start = clone.revision("HEAD~1");
    assert_eq!(repository.chain(Some(&start), &head).unwrap().commits, [head]);
}

#[test]
fn attack_50_a_partial_clone_says_what_to_fetch() {
    let scratch = Scratch::new();
    history(&scratch, 3);
    scratch.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = Scratch::empty();
    let url = format!("file://{}", scratch.path().display());
    clone.git(&["clone", "-q", "--no-checkout", "--filter=blob:none", &url, "."]);
    let error = clone.open().step(&clone.head()).unwrap_err();
    assert!(matches!(error, GitError::Missing { is_partial: true, .. }), "{error:?}");
    assert!(error.hint().contains("--no-filter"), "{}", error.hint());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let nothing = Scratch::empty();
    let error = Repository::open(nothing.path()).unwrap_err();
    assert!(matches!(error, GitError::NotARepository { .. }), "{error:?}");
    let newer = Scratch::new();
    newer.git(&["config", "core.repositoryFormatVersion", "7"]);
    let error = Repository::open(newer.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains('7'), "{error}");
    let broken = Scratch::new();
    broken.write(".git/config", "[core\n");
    assert_eq!(Repository::open(broken.path()).unwrap_err().kind(), ErrorKind::Usage);
    let unborn = Scratch::new();
    assert_eq!(unborn.open().resolve("HEAD").unwrap_err().kind(), ErrorKind::Usage);
    let missing = nothing.path().join("not/there");
    assert_eq!(Repository::open(&missing).unwrap_err().kind(), ErrorKind::Usage);
}

/// Whoever can commit files can commit a bare repository, with a history of their own.
#[test]
fn attack_04_a_bare_repository_in_a_work_tree_is_not_trusted() {
    let scratch = Scratch::new();
    history(&scratch, 1);
    scratch.git(&["clone", "-q", "--bare", ".", "service"]);
    let refused = Repository::open(&scratch.path().join("service")).unwrap_err();
    assert!(matches!(refused, GitError::Nested { .. }), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(!refused.hint().is_empty());
    // Alone it is a repository like any other.
    let alone = Scratch::empty();
    let from = scratch.path().join("service");
    alone.git(&["clone", "-q", "--bare", from.to_str().unwrap(), "alone.git"]);
    Repository::open(&alone.path().join("alone.git")).unwrap();
}

#[test]
fn references_in_tables_are_refused_with_their_mend() {
    let scratch = Scratch::empty();
    let made = scratch.try_git(&["init", "-q", "--ref-format=reftable"], b"");
    if !made.status.success() {
        println!("skipped: this git does not know reftable");
        return;
    }
    let error = Repository::open(scratch.path()).unwrap_err();
    assert!(matches!(error, GitError::ReferenceStorage { .. }), "{error:?}");
    assert!(error.hint().contains("git refs migrate"), "{}", error.hint());
}

#[test]
fn another_users_repository_is_refused_as_git_refuses_it() {
    let scratch = Scratch::new();
    history(&scratch, 1);
    let owned = ["", ".git"].map(|name| scratch.path().join(name));
    if owned.iter().any(|path| std::os::unix::fs::chown(path, Some(65_534), None).is_err()) {
        println!("skipped: only root can give a folder away");
        return;
    }
    let error = Repository::open(scratch.path()).unwrap_err();
    assert!(matches!(error, GitError::NotOwned { .. }), "{error:?}");
    assert!(error.hint().contains("safe.directory"), "{}", error.hint());
}

/// Run by [`hooks_and_safe_directories_are_honoured`] in an environment of its own.
#[test]
#[ignore = "a part of another test"]
fn opens_in_this_environment() {
    let variable =
        |name: &str| std::env::vars().find(|(key, _)| key == name).map(|(_, value)| value);
    let (Some(directory), Some(head)) = (variable("OPEN_DIRECTORY"), variable("OPEN_HEAD")) else {
        return;
    };
    let repository = Repository::open(std::path::Path::new(&directory)).unwrap();
    assert_eq!(repository.resolve("HEAD").unwrap().as_str(), head);
    let chain = repository.chain(None, &repository.resolve("HEAD").unwrap()).unwrap();
    assert_eq!(repository.steps(&chain.commits).unwrap().len(), 70);
}

#[test]
fn hooks_and_safe_directories_are_honoured() {
    let scratch = Scratch::new();
    history(&scratch, 70);
    let (head, elsewhere) = (scratch.head(), Scratch::empty());
    let opens = |directory: &std::path::Path, variables: &[(&str, &std::path::Path)]| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "opening::opens_in_this_environment"])
            .env("OPEN_DIRECTORY", directory)
            .env("OPEN_HEAD", head.as_str())
            .envs(variables.iter().copied())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(opens(scratch.path(), &[]));
    assert!(!opens(elsewhere.path(), &[]));
    // Git runs hooks with GIT_DIR set, wherever they stand.
    let git_dir = scratch.path().join(".git");
    assert!(opens(elsewhere.path(), &[("GIT_DIR", &git_dir)]));

    let owned = [scratch.path(), &git_dir];
    if owned.iter().any(|path| std::os::unix::fs::chown(path, Some(65_534), None).is_err()) {
        println!("skipped: only root can give a folder away");
        return;
    }
    assert!(!opens(scratch.path(), &[]));
    elsewhere.write("config", format!("[safe]\n\tdirectory = {}\n", scratch.path().display()));
    let config = elsewhere.path().join("config");
    std::os::unix::fs::chown(&config, Some(0), None).unwrap();
    assert!(opens(scratch.path(), &[("GIT_CONFIG_GLOBAL", &config)]));
}
