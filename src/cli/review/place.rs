//! For which service and environment a change is judged, and which branch it is meant for.

use crate::base::name::{EnvironmentName, Revision, ServiceName};
use crate::base::time::Timestamp;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::report::{OwedLine, Reporting, elsewhere_lines, owed_lines};
use crate::evidence::gather;
use crate::git::{BranchTip, GitError, Range, Repository};
use crate::policy::{Policy, Service};
use crate::statement::words::Mode;
use crate::verify::{Question, owed, owed_elsewhere, verdict};

/// Flags that say where a change goes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PlaceArgs {
    /// The service that is to be deployed
    #[arg(long, short, value_name = "SERVICE")]
    pub(crate) service: Option<ServiceName>,
    /// The environment that it goes to
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) env: Option<EnvironmentName>,
}

/// Where a change goes, by the policy in force.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The policy in force.
    pub(crate) policy: Policy,
    /// Its number; 0 where it is not in force and only tried out.
    pub(crate) policy_number: u64,
    /// The service.
    pub(crate) service: Service,
    /// The environment.
    pub(crate) environment: EnvironmentName,
}

/// Whether a revision that is live by override has its sign-offs by now: nothing but a deployment
/// that passes ends what is owed, so it is told that only that is left. Where it cannot be judged
/// here it is not said.
pub(crate) fn is_signed_off(desk: &Desk, question: &Question) -> bool {
    let Some(repository) = desk.repository.as_ref() else { return false };
    let Ok(gathered) = gather(&desk.session, repository, question) else { return false };
    verdict(question, &gathered.evidence(&desk.session)).is_allowed()
}

/// The branch that one remote has, and only one, and nobody here: `retry` for `origin/retry`.
fn only_remote_branch(tips: &[BranchTip], text: &str) -> Result<Option<BranchTip>, CliError> {
    let is_it = |tip: &&BranchTip| {
        let name = tip.name.as_str().strip_prefix("refs/remotes/");
        name.and_then(|name| name.split_once('/')).is_some_and(|(_, branch)| branch == text)
    };
    let found: Vec<&BranchTip> = tips.iter().filter(is_it).collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some((*only).clone())),
        several => {
            let names =
                several.iter().map(|tip| tip.name.as_str().replacen("refs/remotes/", "", 1));
            Err(CliError::usage(format!("several remotes have a branch {text}"))
                .hint(format!("name one: {}", names.collect::<Vec<_>>().join(", "))))
        }
    }
}

impl Place {
    /// The place that flags name, or the only one.
    ///
    /// # Errors
    /// Where there is no policy, or the place is unknown or not clear.
    pub(crate) fn new(desk: &Desk, args: &PlaceArgs) -> Result<Self, CliError> {
        let policy_number = desk.session.view().policy().map_or(0, |version| version.number);
        Ok(Self { policy_number, ..Self::under(desk, desk.policy()?, args)? })
    }

    /// The place as another policy has it, to see what that one would ask.
    ///
    /// # Errors
    /// Where that policy does not list the place, or it is not clear.
    pub(crate) fn under(desk: &Desk, policy: Policy, args: &PlaceArgs) -> Result<Self, CliError> {
        let service = desk.service(&policy, args.service.as_ref())?.clone();
        let environment = crate::cli::desk::environment(&policy, args.env.as_ref())?;
        Ok(Self { policy, policy_number: 0, service, environment })
    }

    /// Whether a deny refuses there.
    pub(crate) fn mode(&self) -> Mode {
        self.policy.mode(&self.service.name, &self.environment)
    }

    /// What is owed there, oldest first.
    pub(crate) fn owed(&self, desk: &Desk, now: Timestamp) -> Vec<OwedLine> {
        let (view, service, environment) =
            (desk.session.view(), &self.service.name, &self.environment);
        let newest = view.settled(service, environment).newest();
        let mut debts = view.owed_in_group(service, environment);
        let Some((_, any, _)) = debts.next() else { return Vec::new() };
        let question = self.question(&any.revision, now);
        let start = newest.and_then(|point| point.revision.as_ref());
        let names = desk.names();
        let reporting = Reporting::new(&names, view, &self.policy);
        let mut lines = owed_lines(&names, &owed(&question, view), start, now);
        let elsewhere = owed_elsewhere(&question, view);
        lines.extend(elsewhere_lines(&reporting, service, &elsewhere, now));
        for line in lines.iter_mut().filter(|line| line.environment.is_none()) {
            if is_signed_off(desk, &self.question(&line.revision, now)) {
                line.settle();
            }
        }
        lines
    }

    /// The question whether a revision may go there.
    pub(crate) fn question(&self, revision: &Revision, time: Timestamp) -> Question {
        Question {
            service: self.service.name.clone(),
            environment: self.environment.clone(),
            revision: revision.clone(),
            artifacts: Vec::new(),
            time,
        }
    }

    /// The branch as people call it: `main`.
    pub(crate) fn branch(&self) -> &str {
        let name = self.service.branch.as_str();
        name.strip_prefix("refs/heads/").unwrap_or(name)
    }

    /// The newest commit of the service's branch that is known here: the local branch, or what
    /// was fetched of it from `origin` where that is ahead.
    ///
    /// # Errors
    /// Where the repository cannot be read, or has no such branch.
    pub(crate) fn tip(&self, repository: &Repository) -> Result<Revision, CliError> {
        let remote = format!("refs/remotes/origin/{}", self.branch());
        let tips = repository.branches()?;
        let find = |name: &str| {
            tips.iter().find(|tip| tip.name.as_str() == name).map(|tip| tip.revision.clone())
        };
        match (find(self.service.branch.as_str()), find(&remote)) {
            (Some(local), Some(remote)) => {
                let is_behind =
                    repository.merge_base(&local, &remote).is_ok_and(|base| base == local);
                Ok(if is_behind { remote } else { local })
            }
            (Some(tip), None) | (None, Some(tip)) => Ok(tip),
            (None, None) => Err(CliError::usage(format!(
                "this repository has no branch {}, which {} is built from",
                self.branch(),
                self.service.name
            ))
            // A clone of one branch, as pipelines make them, tracks no other by itself.
            .hint(format!("git fetch origin {0}:refs/remotes/origin/{0}", self.branch()))),
        }
    }

    /// Whether a commit is on the service's branch; none where that cannot be told here: the
    /// branch, or the history between, is not here.
    pub(crate) fn is_on_branch(&self, repository: &Repository, commit: &Revision) -> Option<bool> {
        let tip = self.tip(repository).ok()?;
        match repository.merge_base(&tip, commit) {
            Ok(base) => Some(base == *commit),
            // An ancestor would be the only merge base.
            Err(GitError::NoMergeBase { .. } | GitError::SeveralMergeBases { .. }) => Some(false),
            Err(_) => None,
        }
    }

    /// What a person means: `A..B` as git has it, a branch from where it left the service's
    /// branch, or a single commit against its first parent. The service's branch itself, by its
    /// name or as what is checked out, means its newest commit.
    ///
    /// # Errors
    /// Where the text names nothing, or what it names cannot be read.
    pub(crate) fn range(&self, repository: &Repository, text: &str) -> Result<Range, CliError> {
        if text.contains("..") || text.ends_with("^!") {
            return Ok(repository.range(text)?);
        }
        let is_branch = |name: &str| {
            [text.to_owned(), format!("refs/heads/{text}"), format!("refs/remotes/{text}")]
                .iter()
                .any(|full| full == name)
        };
        let tips = repository.branches()?;
        let named = match tips.iter().find(|tip| is_branch(tip.name.as_str())) {
            Some(named) => Some(named.clone()),
            None => only_remote_branch(&tips, text)?,
        };
        let tip = self.tip(repository)?;
        let (head, is_own) = match named {
            Some(named) => (named.revision, self.is_own(named.name.as_str())),
            None if text == "HEAD" || text == "@" => {
                let head = repository.resolve(text)?;
                let is_own = match repository.head_branch()? {
                    Some(branch) => self.is_own(branch.as_str()),
                    // Nothing but the commit is checked out, as in a pipeline.
                    None => head == tip,
                };
                (head, is_own)
            }
            None => return Ok(repository.range(text)?),
        };
        let base = repository.merge_base(&tip, &head)?;
        if base == head && is_own {
            return Ok(repository.range(head.as_str())?);
        }
        if base == head {
            return Err(CliError::usage(format!("{text} adds nothing to {}", self.branch()))
                .hint("name a commit or a range: countersign approve COMMIT"));
        }
        Ok(Range { base: Some(base), head })
    }

    /// Whether a reference is the service's branch, or what was fetched of it from `origin`.
    fn is_own(&self, name: &str) -> bool {
        name == self.service.branch.as_str()
            || name.strip_prefix("refs/remotes/origin/") == Some(self.branch())
    }

    /// What the checked out commit adds to the service's branch; none where it is on it.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(crate) fn range_of_head(&self, repository: &Repository) -> Result<Option<Range>, CliError> {
        let head = repository.resolve("HEAD")?;
        let tip = self.tip(repository)?;
        let base = repository.merge_base(&tip, &head)?;
        Ok((base != head).then_some(Range { base: Some(base), head }))
    }
}
