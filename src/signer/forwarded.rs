//! Whether an agent is on another machine (`spec/keys.md` section 6). Nothing in the protocol says
//! so to a client: who listens at the socket does, and where that cannot be seen, its place.

use std::path::Path;

/// Where an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whereabouts {
    /// On this machine, as far as can be seen.
    #[default]
    Here,
    /// On the machine that this session comes from: an SSH server listens in its place.
    Forwarded,
    /// Perhaps there: this is a session from elsewhere, and the socket is where servers put them.
    Unknown,
}

impl Whereabouts {
    /// Of the agent behind a socket. `is_remote_session` says whether the present session came over
    /// SSH (`SSH_CONNECTION`).
    #[must_use]
    pub fn of(socket: &Path, is_remote_session: bool) -> Self {
        match listener(socket) {
            Some(program) => Self::of_listener(&program),
            None if socket.exists() => Self::of_place(socket, is_remote_session),
            None => Self::Here,
        }
    }

    /// `sshd`, and `sshd-session` as it is called today; Dropbear's server.
    fn of_listener(program: &str) -> Self {
        let is_server = program.starts_with("sshd") || program.starts_with("dropbear");
        if is_server { Self::Forwarded } else { Self::Here }
    }

    /// OpenSSH 10.1 and later names sockets after who listens; before, agent and server both take
    /// `/tmp/ssh-XXXX/agent.PID`.
    fn of_place(socket: &Path, is_remote_session: bool) -> Self {
        let name = socket.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let folder = socket.parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
        if name.contains(".sshd.") {
            return Self::Forwarded;
        }
        let is_usual = folder.starts_with("/tmp/ssh-") && name.starts_with("agent.");
        if is_usual && is_remote_session { Self::Unknown } else { Self::Here }
    }
}

/// What the process is called that listens at a socket, where the system tells.
#[cfg(target_os = "linux")]
fn listener(socket: &Path) -> Option<String> {
    let stream = std::os::unix::net::UnixStream::connect(socket).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    let name = std::fs::read(format!("/proc/{}/comm", peer.pid.as_raw_nonzero())).ok()?;
    Some(String::from_utf8_lossy(&name).trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn listener(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_or_else_the_place_tells() {
        for (program, wanted) in [
            ("sshd", Whereabouts::Forwarded),
            ("sshd-session", Whereabouts::Forwarded),
            ("dropbear", Whereabouts::Forwarded),
            ("ssh-agent", Whereabouts::Here),
            ("gnome-keyring-d", Whereabouts::Here),
        ] {
            assert_eq!(Whereabouts::of_listener(program), wanted, "{program}");
        }
        let of = |path: &str, remote| Whereabouts::of_place(Path::new(path), remote);
        assert_eq!(of("/tmp/ssh-a1b2/agent.77", true), Whereabouts::Unknown);
        assert_eq!(of("/tmp/ssh-a1b2/agent.77", false), Whereabouts::Here);
        assert_eq!(of("/home/ada/.ssh/agent/s.x1.sshd.y2", false), Whereabouts::Forwarded);
        assert_eq!(of("/home/ada/.ssh/agent/s.x1.agent.y2", true), Whereabouts::Here);
        assert_eq!(of("/run/user/1000/keyring/ssh", true), Whereabouts::Here);
        assert_eq!(Whereabouts::of(Path::new("/nowhere"), true), Whereabouts::Here);
    }
}
