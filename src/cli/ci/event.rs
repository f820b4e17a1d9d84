//! What started a pipeline: which commits are asked about, and how they will land.

use std::path::Path;

use serde::Deserialize;

use crate::base::limits::EVENT_BYTES_MAX;
use crate::base::name::Revision;
use crate::cli::Context;
use crate::cli::env::{GitHubActions, GitLabPipeline};
use crate::cli::error::CliError;
use crate::evidence::Landing;

/// What a pipeline asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How people call it: `pull request 42`.
    pub(crate) title: String,
    /// Its number, which `approve` knows it by; a merge group has none.
    pub(crate) number: Option<u64>,
    /// Where it begins, or the commit that it is to be merged into.
    pub(crate) base: Revision,
    /// Its last commit.
    pub(crate) head: Revision,
    /// How it will land.
    pub(crate) landing: Landing,
    /// The branch that it goes to, as a full reference name.
    pub(crate) branch: String,
}

/// What the pipeline that runs this asks about; none outside of one, or where a branch was pushed.
///
/// # Errors
/// Where the forge says that there is something to ask about, and not what.
pub(crate) fn asked(context: &Context) -> Result<Option<Asked>, CliError> {
    if let Some(github) = &context.environment.github {
        return of_github(context, github);
    }
    match &context.environment.gitlab {
        Some(gitlab) => of_gitlab(gitlab),
        None => Ok(None),
    }
}

/// Of the event no more is read than this: names and titles in it are anybody's.
#[derive(Deserialize)]
struct Event {
    pull_request: Option<PullRequest>,
    merge_group: Option<MergeGroup>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    base: Target,
    head: Head,
}

#[derive(Deserialize)]
struct Target {
    sha: Revision,
    #[serde(rename = "ref")]
    branch: String,
}

#[derive(Deserialize)]
struct Head {
    sha: Revision,
}

#[derive(Deserialize)]
struct MergeGroup {
    base_sha: Revision,
    head_sha: Revision,
    base_ref: String,
}

fn of_github(context: &Context, github: &GitHubActions) -> Result<Option<Asked>, CliError> {
    let name = github.event_name.as_deref().unwrap_or_default();
    if !matches!(name, "pull_request" | "pull_request_target" | "merge_group") {
        return Ok(None);
    }
    let without = || {
        CliError::usage(format!("GITHUB_EVENT_PATH names no event of the kind {name}"))
            .hint("name what to judge: countersign check BASE..HEAD")
    };
    let path: &Path = github.event_path.as_deref().ok_or_else(without)?;
    let bytes = context.read(path, EVENT_BYTES_MAX)?;
    let event: Event = serde_json::from_slice(&bytes).map_err(|error| without().because(&error))?;
    match (name, event) {
        ("merge_group", Event { merge_group: Some(group), .. }) => Ok(Some(Asked {
            title: "merge group".to_owned(),
            number: None,
            base: group.base_sha,
            head: group.head_sha,
            landing: Landing::Steps,
            branch: group.base_ref,
        })),
        ("pull_request" | "pull_request_target", Event { pull_request: Some(pull), .. }) => {
            Ok(Some(Asked {
                title: format!("pull request {}", pull.number),
                number: Some(pull.number),
                base: pull.base.sha,
                head: pull.head.sha,
                landing: Landing::OneChange,
                branch: format!("refs/heads/{}", pull.base.branch),
            }))
        }
        _ => Err(without()),
    }
}

fn of_gitlab(gitlab: &GitLabPipeline) -> Result<Option<Asked>, CliError> {
    let Some(kind) = gitlab.event_type.as_deref() else { return Ok(None) };
    let without = |name: &str| {
        CliError::usage(format!("{name} is not what GitLab sets in a merge request's pipeline"))
            .hint("name what to judge: countersign check BASE..HEAD")
    };
    let commit = |name: &str, value: &Option<String>| {
        let value = value.as_deref().ok_or_else(|| without(name))?;
        value.parse::<Revision>().map_err(|error| without(name).because(&error))
    };
    let number = gitlab.number.as_deref().and_then(|number| number.parse::<u64>().ok());
    let number = number.ok_or_else(|| without("CI_MERGE_REQUEST_IID"))?;
    let branch = gitlab.target_branch.as_deref();
    let branch = branch.ok_or_else(|| without("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"))?;
    let branch = format!("refs/heads/{branch}");
    let tested = || commit("CI_COMMIT_SHA", &gitlab.commit);
    if kind == "merge_train" {
        return Ok(Some(Asked {
            title: format!("merge train of {number}"),
            number: None,
            base: commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &gitlab.target_head)?,
            head: tested()?,
            landing: Landing::Steps,
            branch,
        }));
    }
    let head = match &gitlab.source_head {
        Some(_) => commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", &gitlab.source_head)?,
        None => tested()?,
    };
    Ok(Some(Asked {
        title: format!("merge request {number}"),
        number: Some(number),
        base: commit("CI_MERGE_REQUEST_DIFF_BASE_SHA", &gitlab.diff_base)?,
        head,
        landing: Landing::OneChange,
        branch,
    }))
}
