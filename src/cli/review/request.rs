//! A request of a forge, as people name it: its number, or its URL. It is fetched with git from a
//! remote that the repository knows; no forge is asked anything else.

use super::Place;
use crate::base::limits::URL_BYTES_MAX;
use crate::base::name::ReferenceName;
use crate::cli::Context;
use crate::cli::desk::Held;
use crate::cli::error::{CliError, ErrorKind};
use crate::git::{FetchError, Fetched, Range, Remote, Repository, Wanted};

/// Most digits of a request's number.
const DIGITS_MAX: usize = 10;
/// A number of so many digits may be the beginning of a commit id.
const COMMIT_DIGITS_MIN: usize = 7;

/// What was named and is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    /// Digits.
    number: String,
    /// Where a URL says that it is.
    repository: Option<Address>,
    /// Under which references it may stand, the likely one first; none where the remote says.
    families: Option<Family>,
}

/// How forges keep the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `refs/pull/N/head`: GitHub, Gitea, Forgejo.
    Pull,
    /// `refs/merge-requests/N/head`: GitLab.
    MergeRequest,
}

impl Family {
    fn reference(self, number: &str) -> String {
        match self {
            Self::Pull => format!("refs/pull/{number}/head"),
            Self::MergeRequest => format!("refs/merge-requests/{number}/head"),
        }
    }
}

/// A repository at a host, whatever the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    path: String,
}

/// A request or a branch that is fetched because somebody named it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// Where it lies.
    pub(crate) range: Range,
    /// How commands name it.
    pub(crate) argument: String,
    /// Whether it was fetched, its base being on the branch as the remote has that.
    pub(crate) is_fetched: bool,
}

/// What a text means: a request, which is fetched, or a range that is here; a branch that is not
/// here is fetched as well. The ledger is left to others meanwhile.
///
/// # Errors
/// Where the text names nothing, or it cannot be fetched or read.
pub(crate) fn named_range(
    context: &mut Context,
    held: &mut Held,
    place: &Place,
    text: &str,
) -> Result<Named, CliError> {
    let desk = held.desk(context)?;
    let repository = desk.need_repository()?;
    let here = || -> Result<Named, CliError> {
        let range = place.range(repository, text)?;
        Ok(Named { range, argument: text.to_owned(), is_fetched: false })
    };
    let Some(request) = Request::parse(text)? else {
        return match here() {
            Err(error) if error.kind == ErrorKind::Usage && is_away(repository, text) => {
                let remote = usual_remote(repository, text)?;
                held.leave();
                branch(context, place, &remote, text).map_err(|away| error.hint(away.message))
            }
            other => other,
        };
    };
    let is_commit = request.repository.is_none()
        && text.len() >= COMMIT_DIGITS_MIN
        && repository.resolve(text).is_ok();
    if is_commit {
        return here();
    }
    let (remote, argument) = match &request.repository {
        Some(address) => {
            let remote = remote_at(repository, address)?;
            let is_usual = usual_remote(repository, text).is_ok_and(|usual| usual == remote);
            (remote, if is_usual { request.number.clone() } else { text.to_owned() })
        }
        None => (usual_remote(repository, text)?, request.number.clone()),
    };
    held.leave();
    fetch_request(context, place, &remote, &request, argument)
}

fn fetch_request(
    context: &mut Context,
    place: &Place,
    remote: &Remote,
    request: &Request,
    argument: String,
) -> Result<Named, CliError> {
    let families = match request.families {
        Some(family) => vec![family],
        None if remote.urls.iter().any(|url| url.contains("gitlab")) => {
            vec![Family::MergeRequest, Family::Pull]
        }
        None => vec![Family::Pull, Family::MergeRequest],
    };
    let repository = context.repository()?;
    for family in families {
        let reference = family.reference(&request.number);
        let Some(fetched) = fetch(context, &repository, place, remote, &reference)? else {
            continue;
        };
        let range = between(&repository, place, &fetched, &format!("request {}", request.number))?;
        return Ok(Named { range, argument, is_fetched: true });
    }
    let message = format!("{} has no request {}", remote.name, request.number);
    Err(CliError::usage(message).hint("see what waits here: countersign queue"))
}

/// A branch that nothing here is called like.
fn branch(
    context: &mut Context,
    place: &Place,
    remote: &Remote,
    text: &str,
) -> Result<Named, CliError> {
    let repository = context.repository()?;
    let reference = format!("refs/heads/{text}");
    match fetch(context, &repository, place, remote, &reference)? {
        Some(fetched) => {
            let range = between(&repository, place, &fetched, text)?;
            Ok(Named { range, argument: text.to_owned(), is_fetched: true })
        }
        None => Err(CliError::usage(format!("{} has no branch {text} either", remote.name))),
    }
}

/// None where the remote does not have it.
fn fetch(
    context: &mut Context,
    repository: &Repository,
    place: &Place,
    remote: &Remote,
    reference: &str,
) -> Result<Option<Fetched>, CliError> {
    let target = place.service.branch.as_str();
    let asks = context.ui.has_person();
    let wanted = Wanted { remote: &remote.name, reference, target, asks };
    match repository.fetch(&wanted) {
        Ok(fetched) => {
            let head = fetched.head.short();
            context.ui.note(&format!("fetched {reference} of {}: {head}", remote.name));
            Ok(Some(fetched))
        }
        Err(FetchError::NoReference { reference: missing, .. }) if missing == reference => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What lies between the branch that it is meant for, as the remote has it, and its head.
fn between(
    repository: &Repository,
    place: &Place,
    fetched: &Fetched,
    called: &str,
) -> Result<Range, CliError> {
    let base = repository.merge_base(&fetched.target, &fetched.head)?;
    if base == fetched.head {
        let message = format!("{called} adds nothing to {}: it has landed", place.branch());
        return Err(CliError::usage(message).hint("see what landed: countersign queue"));
    }
    Ok(Range { base: Some(base), head: fetched.head.clone() })
}

/// Whether a text could be a branch that is only at the remote.
fn is_away(repository: &Repository, text: &str) -> bool {
    let is_name = !text.starts_with('-')
        && !text.contains("..")
        && !text.starts_with("refs/")
        && ReferenceName::new(format!("refs/heads/{text}")).is_ok();
    is_name && !repository.remotes().is_empty() && repository.resolve(text).is_err()
}

/// Where requests are: `upstream` where a fork is worked in, `origin`, or the only remote.
fn usual_remote(repository: &Repository, text: &str) -> Result<Remote, CliError> {
    let remotes = repository.remotes();
    let named = |name: &str| remotes.iter().find(|remote| remote.name == name);
    if let Some(remote) = named("upstream").or_else(|| named("origin")) {
        return Ok(remote.clone());
    }
    match remotes.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CliError::usage(format!("no remote is known to fetch {text} from"))
            .hint("git remote add origin URL; or name a branch or a commit that is here")),
        several => {
            let all: Vec<_> = several.iter().map(|remote| remote.name.as_str()).collect();
            Err(CliError::usage(format!("from which remote? There are {}", all.join(", ")))
                .hint("name the request by its URL"))
        }
    }
}

/// The remote that a URL is about: nothing else is ever fetched from.
fn remote_at(repository: &Repository, address: &Address) -> Result<Remote, CliError> {
    let is_there = |remote: &&Remote| {
        remote.urls.iter().filter_map(|url| Address::of_remote(url)).any(|found| {
            found.host.eq_ignore_ascii_case(&address.host)
                && found.path.eq_ignore_ascii_case(&address.path)
        })
    };
    let remotes = repository.remotes();
    remotes.iter().find(is_there).cloned().ok_or_else(|| {
        let Address { host, path } = address;
        CliError::usage(format!("no remote of this repository is {host}/{path}"))
            .hint(format!("if it is this repository: git remote add NAME https://{host}/{path}"))
    })
}

impl Request {
    /// A number, or a URL of a request; none where the text is neither.
    fn parse(text: &str) -> Result<Option<Self>, CliError> {
        let (digits, families) = match text.split_at_checked(1) {
            Some(("#", rest)) => (rest, Some(Family::Pull)),
            Some(("!", rest)) => (rest, Some(Family::MergeRequest)),
            _ => (text, None),
        };
        if is_number(digits) {
            return Ok(Some(Self { number: digits.to_owned(), repository: None, families }));
        }
        if !text.contains("://") {
            return Ok(None);
        }
        let no_request = || {
            CliError::usage("this URL names no pull request or merge request").hint(
                "https://HOST/OWNER/NAME/pull/N, or https://HOST/GROUP/NAME/-/merge_requests/N",
            )
        };
        Self::of_url(text).map(Some).ok_or_else(no_request)
    }

    fn of_url(url: &str) -> Option<Self> {
        let scheme_end = url.find("://")?;
        let (scheme, rest) = (url.get(..scheme_end)?, url.get(scheme_end + 3..)?);
        let is_web = ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_web || url.len() > URL_BYTES_MAX {
            return None;
        }
        let rest = rest.split(['?', '#']).next()?;
        let mut parts = rest.trim_end_matches('/').split('/');
        let host = host(parts.next()?)?;
        let parts: Vec<&str> = parts.collect();
        if !parts.iter().all(|part| is_segment(part)) {
            return None;
        }
        // The last word that announces a number: a repository may be called `pull`.
        let words = [("pull", Family::Pull), ("pulls", Family::Pull)];
        let words = words.iter().chain(&[("merge_requests", Family::MergeRequest)]);
        let found = words.filter_map(|(word, family)| {
            let at = parts.iter().rposition(|part| part == word)?;
            let number = parts.get(at + 1).filter(|number| is_number(number))?;
            Some((at, *number, *family))
        });
        let (at, number, family) = found.max_by_key(|(at, ..)| *at)?;
        let path = parts.get(..at)?;
        let path = path.strip_suffix(&["-"]).unwrap_or(path);
        if path.len() < 2 {
            return None;
        }
        let repository = Some(Address { host, path: path.join("/") });
        Some(Self { number: number.to_owned(), repository, families: Some(family) })
    }
}

impl Address {
    /// Of a remote's URL: `https://HOST/PATH`, `ssh://USER@HOST:PORT/PATH`, `USER@HOST:PATH`.
    fn of_remote(url: &str) -> Option<Self> {
        let (authority, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?,
            None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
        };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        (!path.is_empty()).then_some(())?;
        Some(Self { host: host(authority)?, path: path.to_owned() })
    }
}

/// The host of `HOST` or `HOST:PORT`; none of anything else: no user, no escapes.
fn host(authority: &str) -> Option<String> {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let good = !host.is_empty()
        && !host.starts_with(['-', '.'])
        && host.bytes().all(is_host)
        && port.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| host.to_ascii_lowercase())
}

/// A part of a path that means itself.
fn is_segment(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte);
    !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
}

fn is_number(text: &str) -> bool {
    (1..=DIGITS_MAX).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Git(error) => error.into(),
            FetchError::RemoteName { .. } => Self::from_error(ErrorKind::Usage, &error)
                .hint("give it a plain name: git remote rename OLD NEW"),
            FetchError::NoReference { .. } => Self::from_error(ErrorKind::Usage, &error)
                .hint("see what the service is built from: countersign policy show"),
            FetchError::NoGit(_) => Self::from_error(ErrorKind::Unavailable, &error)
                .hint("install git, or name what is here already"),
            FetchError::Failed { ref remote, .. } => {
                let hint = format!("see whether this works: git fetch {remote}");
                Self::from_error(ErrorKind::Unavailable, &error).hint(hint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String, String)> {
        let request = Request::of_url(text)?;
        let address = request.repository?;
        let family = request.families?;
        Some((address.host, address.path, family.reference(&request.number)))
    }

    #[test]
    fn urls_of_requests_are_read_as_people_copy_them() {
        for (url, path, reference) in [
            ("https://github.com/shop/api/pull/1841", "shop/api", "refs/pull/1841/head"),
            ("https://GitHub.com/shop/api/pull/7/files?w=1#diff", "shop/api", "refs/pull/7/head"),
            ("http://git.example:3000/shop/api/pulls/7/", "shop/api", "refs/pull/7/head"),
            ("https://g.example/a/b/c/-/merge_requests/7", "a/b/c", "refs/merge-requests/7/head"),
            ("https://g.example/a/b/merge_requests/7/diffs", "a/b", "refs/merge-requests/7/head"),
            ("https://g.example/pull/pull/pull/7", "pull/pull", "refs/pull/7/head"),
        ] {
            let found = of(url);
            assert!(
                found.as_ref().is_some_and(|found| found.1 == path && found.2 == reference),
                "{url}: {found:?}"
            );
        }
        assert_eq!(of("https://GitHub.com/shop/api/pull/7").unwrap().0, "github.com");
    }

    /// What a URL names is matched with the remotes, and is never a text that git is handed.
    #[test]
    fn hostile_urls_name_nothing() {
        for url in [
            "https://github.com@evil.example/shop/api/pull/7",
            "https://github.com/shop/../evil/pull/7",
            "https://github.com/shop/api/pull/7;id",
            "https://github.com/shop/api/pull/007",
            "https://github.com/shop/api/pull/0",
            "https://github.com/shop/api/pull/99999999999",
            "https://github.com/shop/api/pull/-7",
            "https://github.com/shop/%61pi/pull/7",
            "https://github.com/shop/api/pull/7\u{202e}",
            "https://g\u{456}thub.com/shop/api/pull/7",
            "https://-oProxyCommand=id/shop/api/pull/7",
            "https://github.com/api/pull/7",
            "https:///shop/api/pull/7",
            "ext::sh -c id://a/b/pull/7",
            "file:///shop/api/pull/7",
            "ssh://github.com/shop/api/pull/7",
            "https://github.com/shop/api/issues/7",
            "https://github.com/shop/api/pull/",
            "https://",
            "://",
        ] {
            assert_eq!(of(url), None, "{url}");
            assert!(Request::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn numbers_are_requests_and_names_are_not() {
        let number = |text| Request::parse(text).unwrap().map(|request| request.number);
        assert_eq!(number("7").as_deref(), Some("7"));
        assert_eq!(number("#1841").as_deref(), Some("1841"));
        assert_eq!(number("!7").as_deref(), Some("7"));
        for text in ["07", "0", "7a", "main", "1..2", "-7", "#", "", "99999999999", "httpd"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn remotes_are_known_by_host_and_path() {
        let wanted = Some(Address { host: "github.com".into(), path: "shop/api".into() });
        for url in [
            "https://github.com/shop/api",
            "https://github.com/shop/api.git",
            "https://token:x@github.com/shop/api.git/",
            "git@github.com:shop/api.git",
            "github.com:shop/api",
            "ssh://git@github.com:443/shop/api.git",
        ] {
            assert_eq!(Address::of_remote(url), wanted, "{url}");
        }
        for url in ["/srv/git/api.git", "../api", "file:///srv/api", "C:/x", "https://a"] {
            let found = Address::of_remote(url);
            assert!(found.as_ref().is_none_or(|found| found.host == "c"), "{url}: {found:?}");
        }
    }
}
