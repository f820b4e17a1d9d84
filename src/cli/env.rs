//! The only reader of the environment and of the system's clock.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::base::time::{Clock, Timestamp};
use crate::config::Places;

/// What the process finds around it. Tests make one by hand: nothing else reads a variable, so
/// a test needs none, and no variable can set the time that a gate judges by.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Where relative paths start: the process's folder, or what `-C` says. Absolute.
    pub current_directory: PathBuf,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or `.config` at home.
    pub config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or `.local/share` at home.
    pub data_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, or `.local/state` at home.
    pub state_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`, or `.cache` at home.
    pub cache_home: Option<PathBuf>,
    /// The machine's configuration folder: `/etc`.
    pub machine_config: PathBuf,
    /// `SSH_AUTH_SOCK`: the agent's socket.
    pub ssh_auth_sock: Option<PathBuf>,
    /// Whether this session came over SSH (`SSH_CONNECTION` is set).
    pub is_remote_session: bool,
    /// Whether a CI runs this (`CI` is set, and not to `false` or `0`).
    pub is_ci: bool,
    /// What GitHub Actions says of itself, where it runs this (`GITHUB_ACTIONS` is `true`).
    pub github: Option<GitHubActions>,
    /// What GitLab says of itself, where it runs this (`GITLAB_CI` is `true`).
    pub gitlab: Option<GitLabPipeline>,
    /// Whether what a partial clone left out must not be fetched (`GIT_NO_LAZY_FETCH`, which git
    /// obeys as well).
    pub no_lazy_fetch: bool,
    /// Finds the zone that people here read times in, for display only; none is UTC. Not found
    /// before it is asked for: that reads every folder of the system's zones.
    pub zone: Option<fn() -> TimeZone>,
    /// The user's login name, for display only.
    pub user: Option<String>,
    /// `COUNTERSIGN_LEDGER`: as `--ledger`.
    pub ledger: Option<String>,
    /// `COUNTERSIGN_TRUST`: as `--trust`, but absolute.
    pub trust: Option<PathBuf>,
    /// `COUNTERSIGN_KEY`: as `--key`, but absolute where it is a path.
    pub key: Option<String>,
    /// `COUNTERSIGN_TOKEN`: what the ledger's server knows the user by.
    pub token: Option<String>,
}

/// The variables of GitHub Actions that are read; each may be missing.
#[derive(Debug, Clone, Default)]
pub struct GitHubActions {
    /// `GITHUB_EVENT_NAME`: what started the workflow.
    pub event_name: Option<String>,
    /// `GITHUB_EVENT_PATH`: the file of the event.
    pub event_path: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`: the file that the step's summary is appended to.
    pub step_summary: Option<PathBuf>,
}

impl GitHubActions {
    fn of_process() -> Self {
        Self {
            event_name: text("GITHUB_EVENT_NAME"),
            event_path: path("GITHUB_EVENT_PATH"),
            step_summary: path("GITHUB_STEP_SUMMARY"),
        }
    }
}

/// The variables of a GitLab pipeline that are read; each may be missing.
#[derive(Debug, Clone, Default)]
pub struct GitLabPipeline {
    /// `CI_MERGE_REQUEST_EVENT_TYPE`: `detached`, `merged_result` or `merge_train`.
    pub event_type: Option<String>,
    /// `CI_MERGE_REQUEST_IID`: the merge request's number in its project.
    pub number: Option<String>,
    /// `CI_MERGE_REQUEST_TARGET_BRANCH_NAME`: where it goes.
    pub target_branch: Option<String>,
    /// `CI_MERGE_REQUEST_DIFF_BASE_SHA`: where it left the target branch.
    pub diff_base: Option<String>,
    /// `CI_MERGE_REQUEST_SOURCE_BRANCH_SHA`: its own head, where a merge was made to be tested.
    pub source_head: Option<String>,
    /// `CI_MERGE_REQUEST_TARGET_BRANCH_SHA`: what that merge, or the train's, stands on.
    pub target_head: Option<String>,
    /// `CI_COMMIT_SHA`: the commit that is tested.
    pub commit: Option<String>,
}

impl GitLabPipeline {
    fn of_process() -> Self {
        Self {
            event_type: text("CI_MERGE_REQUEST_EVENT_TYPE"),
            number: text("CI_MERGE_REQUEST_IID"),
            target_branch: text("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
            diff_base: text("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            source_head: text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
            target_head: text("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
            commit: text("CI_COMMIT_SHA"),
        }
    }
}

impl Environment {
    /// The process's environment.
    ///
    /// # Errors
    /// Where the current folder is gone or cannot be read.
    pub fn of_process() -> std::io::Result<Self> {
        let home = std::env::home_dir().filter(|path| path.is_absolute());
        let folder = |name: &str, usual: &str| {
            // The XDG specification has relative paths ignored; here they would start in the
            // tree that is judged.
            let named = path(name).filter(|path| path.is_absolute());
            named.or_else(|| Some(home.as_ref()?.join(usual)))
        };
        Ok(Self {
            current_directory: std::env::current_dir()?,
            config_home: folder("XDG_CONFIG_HOME", ".config"),
            data_home: folder("XDG_DATA_HOME", ".local/share"),
            state_home: folder("XDG_STATE_HOME", ".local/state"),
            cache_home: folder("XDG_CACHE_HOME", ".cache"),
            home,
            machine_config: PathBuf::from("/etc"),
            ssh_auth_sock: path("SSH_AUTH_SOCK"),
            is_remote_session: path("SSH_CONNECTION").is_some(),
            is_ci: text("CI").is_some_and(|value| value != "false" && value != "0"),
            github: is_true("GITHUB_ACTIONS").then(GitHubActions::of_process),
            gitlab: is_true("GITLAB_CI").then(GitLabPipeline::of_process),
            no_lazy_fetch: text("GIT_NO_LAZY_FETCH")
                .is_some_and(|value| value != "false" && value != "0"),
            zone: Some(TimeZone::system),
            user: text("USER").or_else(|| text("LOGNAME")),
            ledger: text("COUNTERSIGN_LEDGER"),
            trust: path("COUNTERSIGN_TRUST"),
            key: text("COUNTERSIGN_KEY"),
            token: text("COUNTERSIGN_TOKEN"),
        })
    }

    /// The path from the current folder; `-`, which names a standard stream, stays.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        if path.as_os_str() == "-" { path.to_owned() } else { self.current_directory.join(path) }
    }

    /// The folders that settings live in.
    #[must_use]
    pub fn places(&self) -> Places {
        Places {
            user_config: self.config_home.clone(),
            user_data: self.data_home.clone(),
            user_cache: self.cache_home.clone(),
            machine_config: self.machine_config.clone(),
            current: self.current_directory.clone(),
        }
    }
}

/// A variable as a path; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "this file is the reader of the environment")]
fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Whether a variable is `true`, as pipelines write it.
fn is_true(name: &str) -> bool {
    text(name).is_some_and(|value| value == "true")
}

/// A variable as text; one that is not UTF-8 keeps its other characters, to be refused by name.
fn text(name: &str) -> Option<String> {
    path(name).map(|value| value.to_string_lossy().into_owned())
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the real clock")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970, which no later entry of a ledger agrees with.
        let elapsed =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_milliseconds(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}
