//! The folder of the demo: a repository that borrows the objects of the real one, keys, a home.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::base::encoding;
use crate::base::name::Revision;
use crate::change::CommitFacts;
use crate::change::marks::is_tool_address;
use crate::cli::desk::write_file;
use crate::cli::error::{CliError, ErrorKind};
use crate::git::Repository;
use crate::session::random;
use crate::signer::generate;

/// The address of Ben where the commit's author has none that could be used.
const BEN: &str = "ben@demo.example";

/// The demo's folder.
pub(super) struct Place {
    folder: PathBuf,
    commit: Revision,
    parent: Option<Revision>,
    is_copy: bool,
    title: String,
    author: String,
}

/// What a commit object says, as far as the demo needs it.
struct Head {
    id: Revision,
    tree: String,
    parent: Option<Revision>,
    author: Option<String>,
    title: String,
}

impl Place {
    /// Makes the folder, with HEAD of `repository` ready to land.
    pub(super) fn new(repository: &Repository) -> Result<Self, CliError> {
        let head = read_head(repository)?;
        let folder = make_folder()?;
        let mut place = Self {
            folder,
            commit: head.id.clone(),
            parent: None,
            is_copy: false,
            title: head.title.clone(),
            author: head.author.clone().unwrap_or_else(|| BEN.to_owned()),
        };
        place.make_repository(repository)?;
        place.parent =
            head.parent.as_ref().filter(|parent| is_story(repository, parent, &head)).cloned();
        let is_cut = place.parent.is_none() && head.parent.is_some();
        if is_cut || head.author.is_none() || !is_by_one(repository, &head) {
            place.is_copy = true;
            place.commit = place.copy(&head)?;
        }
        place.settings()?;
        // What is there before the change is where the ledger begins.
        place.point_main_at(place.parent.as_ref().unwrap_or(&place.commit))?;
        Ok(place)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("demo")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.home().join(".local/share/countersign/demo.example_ledger")
    }

    pub(super) const fn commit(&self) -> &Revision {
        &self.commit
    }

    /// The commit as a person would type it. Shortened SHA-256 ids are not found in a repository
    /// that borrows its objects.
    pub(super) fn typed(&self) -> &str {
        let id = self.commit.as_str();
        if id.len() == 40 { self.commit.short() } else { id }
    }

    pub(super) const fn parent(&self) -> Option<&Revision> {
        self.parent.as_ref()
    }

    pub(super) const fn is_copy(&self) -> bool {
        self.is_copy
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// The change lands on main.
    pub(super) fn land(&self) -> Result<(), CliError> {
        self.point_main_at(&self.commit)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), CliError> {
        write_file(&self.folder.join(name), content)
    }

    /// The trust root that `init` pinned, where a command can name it in few words.
    pub(super) fn copy_trust_root(&self) -> Result<(), CliError> {
        let path = self.home().join(".config/countersign/trust/demo.example_ledger.toml");
        let bytes = std::fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
        self.write("trust.toml", &bytes)
    }

    /// Who is who: Ada is known to the ledger by the address in the demo's git settings.
    pub(super) fn roster(&self) -> Result<String, CliError> {
        let path = self.folder.join("keys/ben.pub");
        let key = std::fs::read_to_string(&path)
            .map_err(|error| CliError::file("read", &path, &error))?;
        let text = |text: &str| toml::Value::from(text).to_string();
        Ok(format!(
            "[[member]]\nname   = \"Ada\"\nlevel  = \"senior\"\nduties = [\"review\"]\n\
             emails = [\"ada@demo.example\"]\n\n\
             [[member]]\nname   = \"Ben\"\nkind   = \"human\"\nlevel  = \"junior\"\n\
             duties = [\"review\"]\nemails = [{}]\nkeys   = [{}]\n",
            text(&self.author),
            text(key.trim_end())
        ))
    }

    fn point_main_at(&self, commit: &Revision) -> Result<(), CliError> {
        self.git(&["update-ref", "refs/heads/main", commit.as_str()], &[])?;
        // A work tree that git calls clean, however large the repository: nothing of it is wanted.
        let info = self.repository().join(".git/info");
        make(&info)?;
        write_file(&info.join("sparse-checkout"), b"/nothing\n")?;
        self.git(&["config", "core.sparseCheckout", "true"], &[])?;
        self.git(&["read-tree", "-m", "-u", "HEAD"], &[]).map(drop)
    }

    /// A repository of its own that borrows objects and writes none into the real one.
    fn make_repository(&self, real: &Repository) -> Result<(), CliError> {
        let common = real.common_dir();
        let common =
            common.canonicalize().map_err(|error| CliError::file("read", &common, &error))?;
        let format = format!("--object-format={}", real.object_format().as_str());
        let path = self.repository();
        make(&path)?;
        self.git(&["init", "-q", "--template=", &format, "-b", "main", "."], &[])?;
        make(&path.join(".git/objects/info"))?;
        let mut alternate = common.join("objects").into_os_string().into_encoded_bytes();
        alternate.push(b'\n');
        write_file(&path.join(".git/objects/info/alternates"), &alternate)?;
        let border = common.join("shallow");
        if let Ok(border) = std::fs::read(&border) {
            write_file(&path.join(".git/shallow"), &border)?;
        }
        Ok(())
    }

    /// The tree of HEAD as a commit by one author, and without a parent where a clone has no more
    /// than HEAD.
    fn copy(&self, head: &Head) -> Result<Revision, CliError> {
        let author = [("GIT_AUTHOR_NAME", "Ben"), ("GIT_AUTHOR_EMAIL", self.author.as_str())];
        let mut arguments = vec!["commit-tree", &head.tree, "-m", &head.title];
        arguments.extend(self.parent.iter().flat_map(|parent| ["-p", parent.as_str()]));
        let id = self.git(&arguments, &author)?;
        Revision::new(id).map_err(|error| CliError::from_error(ErrorKind::Unavailable, &error))
    }

    /// Keys, and git's settings of whoever acts here: Ada.
    fn settings(&self) -> Result<(), CliError> {
        make(&self.folder.join("keys"))?;
        make(&self.home())?;
        for name in ["ada", "ben"] {
            generate(&self.folder.join("keys").join(name), name, None)
                .map_err(|error| CliError::from_error(ErrorKind::Unavailable, &error))?;
        }
        let key = self.folder.join("keys/ada.pub");
        let settings = format!(
            "[user]\n\tname = Ada\n\temail = ada@demo.example\n\tsigningKey = {}\n[gpg]\n\t\
             format = ssh\n",
            key.display()
        );
        write_file(&self.home().join(".gitconfig"), settings.as_bytes())
    }

    /// Runs git in the demo's repository; gives what it printed, trimmed.
    fn git(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, CliError> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.repository()).stdin(Stdio::null());
        self.surround(&mut command);
        command.env("GIT_COMMITTER_NAME", "Ben").env("GIT_COMMITTER_EMAIL", "ben@demo.example");
        command.envs(variables.iter().copied());
        let output = command.output().map_err(|error| {
            CliError::usage("cannot run git").because(&error).hint("the demo needs the git program")
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let mut error = CliError::unavailable(format!("git {} failed", arguments.join(" ")));
        error.causes.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        Err(error)
    }

    /// A home of its own: neither settings nor keys nor agents of the user are seen.
    pub(super) fn surround(&self, command: &mut Command) {
        for name in [
            "COUNTERSIGN_LEDGER",
            "COUNTERSIGN_TRUST",
            "COUNTERSIGN_KEY",
            "SSH_AUTH_SOCK",
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_COMMON_DIR",
            "GIT_INDEX_FILE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_CONFIG",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_PARAMETERS",
            "GIT_CONFIG_COUNT",
            "GIT_NAMESPACE",
            "GIT_AUTHOR_DATE",
            "GIT_COMMITTER_DATE",
            "GITHUB_ACTIONS",
        ] {
            command.env_remove(name);
        }
        let home = self.home();
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("XDG_CONFIG_HOME", home.join(".config"));
        command.env("XDG_DATA_HOME", home.join(".local/share"));
        command.env("XDG_STATE_HOME", home.join(".local/state"));
        command.env("XDG_CACHE_HOME", home.join(".cache"));
        command.env("HOME", home);
    }
}

fn make(path: &Path) -> Result<(), CliError> {
    let made = DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.map_err(|error| CliError::file("make", path, &error))
}

/// A new folder that is nobody else's.
fn make_folder() -> Result<PathBuf, CliError> {
    let name = format!("countersign-demo-{}", encoding::hex(&random::<4>()));
    let temporary = std::env::temp_dir();
    let path = temporary.canonicalize().unwrap_or(temporary).join(name);
    // Not recursive: what is there already may be somebody's trap.
    let made = DirBuilder::new().mode(0o700).create(&path);
    made.map_err(|error| CliError::file("make", &path, &error))?;
    Ok(path)
}

/// A change that changes nothing, or whose parent is not here, is no story.
fn is_story(repository: &Repository, parent: &Revision, head: &Head) -> bool {
    repository.document(Some(parent), &head.id).is_ok_and(|document| !document.is_empty())
}

/// Whether one address wrote all that HEAD brings in, machines aside: others would have to
/// declare too.
fn is_by_one(repository: &Repository, head: &Head) -> bool {
    let Ok(step) = repository.step(&head.id) else { return false };
    let people = |commit: &CommitFacts| {
        commit.author_counts && commit.co_authors.iter().all(|who| is_tool_address(&who.email))
    };
    step.commits.len() == 1 && step.commits.iter().all(people)
}

fn read_head(repository: &Repository) -> Result<Head, CliError> {
    let id = repository.resolve("HEAD").map_err(|error| {
        CliError::from(error).hint("the demo tells its story on a commit: make one first")
    })?;
    let bytes = repository.commit_bytes(&id)?;
    let text = String::from_utf8_lossy(&bytes);
    let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let value = |name: &str| {
        let mut lines = header.lines().map(|line| line.split_once(' '));
        lines.find_map(|line| line.filter(|(key, _)| *key == name).map(|(_, value)| value))
    };
    let author = value("author").and_then(address).map(str::to_owned);
    Ok(Head {
        tree: value("tree").unwrap_or_default().to_owned(),
        parent: value("parent").and_then(|parent| Revision::new(parent).ok()),
        author,
        title: message.lines().next().unwrap_or_default().to_owned(),
        id,
    })
}

/// The address of `NAME <ADDRESS> TIME ZONE`, where it is a usual one.
fn address(author: &str) -> Option<&str> {
    let (_, rest) = author.rsplit_once('<')?;
    let (address, _) = rest.rsplit_once('>')?;
    let is_usual = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\".contains(&byte);
    (address.contains('@') && address.bytes().all(is_usual)).then_some(address)
}
