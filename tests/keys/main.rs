//! Keys against the real programs: ssh-keygen, ssh-agent, ssh-add, OpenSSH's software security
//! key, and published vectors.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests/run says in the environment what it found")]

mod agents;
mod choice;
mod files;
mod vectors;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use countersign::key::PublicKey;
use zeroize::Zeroizing;

/// Says why a test passes without having looked.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// A folder of its own for one test, removed at its end. Short: socket paths are.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cs-keys-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.join(name);
        let mut options = File::options();
        options.write(true).create_new(true).mode(mode);
        options.open(&path).unwrap().write_all(content.as_bytes()).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program that must succeed; its standard output.
fn run(command: &mut Command) -> String {
    let output: Output = command.stdin(Stdio::null()).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {talk}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key with ssh-keygen.
fn keygen(path: &Path, arguments: &[&str]) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-C", "made by ssh-keygen", "-f"])
        .arg(path)
        .args(arguments));
}

/// The public key of the `.pub` file beside a key.
fn public_of(path: &Path) -> PublicKey {
    let path = format!("{}.pub", path.display());
    PublicKey::from_openssh(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A prompt that nobody may ask.
fn never(question: &str) -> Option<Zeroizing<String>> {
    panic!("asked {question:?}")
}

/// A prompt that always answers the same.
fn always(answer: &str) -> impl FnMut(&str) -> Option<Zeroizing<String>> + '_ {
    move |_| Some(Zeroizing::new(answer.to_owned()))
}

/// OpenSSH's software security key: where `tests/run` says it is, else where Debian's package
/// `openssh-tests` puts it. Its path is a real one, since an agent resolves links first.
fn security_key_provider() -> Option<PathBuf> {
    let usual = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";
    let provider = std::env::var_os("COUNTERSIGN_SK_PROVIDER").unwrap_or_else(|| usual.into());
    fs::canonicalize(provider).ok()
}

/// A real ssh-agent, ended with the test.
struct RealAgent {
    child: Child,
    socket: PathBuf,
    folder: Folder,
}

impl RealAgent {
    fn start() -> Self {
        let folder = Folder::new();
        let socket = folder.join("agent");
        // The agent itself asks for confirmations: this program says no to each.
        let mut agent = Command::new("ssh-agent");
        if let Some(provider) = security_key_provider() {
            agent.arg("-P").arg(provider);
        }
        let child = agent
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .env("SSH_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":none")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..500 {
            match UnixStream::connect(&socket) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => panic!("{error}"),
                Err(_) => sleep(Duration::from_millis(10)),
                Ok(_) => return Self { child, socket, folder },
            }
        }
        panic!("ssh-agent does not listen")
    }

    /// An `ssh-add` for this agent, which gives `secret` where it would ask.
    fn ssh_add(&self) -> Command {
        let mut command = Command::new("ssh-add");
        let script = self.folder.join("askpass");
        if !script.exists() {
            self.folder.write("askpass", "#!/bin/sh\necho secret\n", 0o700);
        }
        command
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", script)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":none");
        command
    }

    fn add(&self, arguments: &[&str], path: &Path) {
        run(self.ssh_add().arg("-q").args(arguments).arg(path));
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
