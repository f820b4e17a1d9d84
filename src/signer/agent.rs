//! The SSH agent protocol, as much of it as signing needs: list the keys, sign with one.
//!
//! Every request has a connection of its own, a deadline, and a bound on what it reads.

use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::sources::printable;
use crate::base::limits::{
    AGENT_FRAME_BYTES_MAX, AGENT_KEYS_MAX, AGENT_LIST_MILLISECONDS_MAX, AGENT_SIGN_MILLISECONDS_MAX,
};
use crate::key::wire::{Reader, Truncated, put_string};
use crate::key::{PublicKey, Signature, Signer, SignerError};

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// The failure of the protocol, and the two of older agents that OpenSSH takes for the same.
const FAILURES: [u8; 3] = [5, 30, 102];

/// An agent behind a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    socket: PathBuf,
    list_timeout: Duration,
    sign_timeout: Duration,
}

/// A key that an agent lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// The key.
    pub public_key: PublicKey,
    /// Its comment, fit to print.
    pub comment: String,
}

/// What an agent lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentListing {
    /// Its Ed25519 keys, plain and of security keys.
    pub keys: Vec<AgentKey>,
    /// How many keys of other kinds it has besides.
    pub others: usize,
}

impl Agent {
    /// The agent at a socket; nothing is connected yet.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        let list_timeout = Duration::from_millis(AGENT_LIST_MILLISECONDS_MAX);
        let sign_timeout = Duration::from_millis(AGENT_SIGN_MILLISECONDS_MAX);
        Self { socket: socket.into(), list_timeout, sign_timeout }
    }

    /// The same agent with other limits on how long a list and a signature may take.
    #[must_use]
    pub fn with_timeouts(self, list_timeout: Duration, sign_timeout: Duration) -> Self {
        Self { list_timeout, sign_timeout, ..self }
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lists the keys. A locked agent lists none.
    ///
    /// # Errors
    /// [`SignerError`] where the agent cannot be reached or breaks the protocol.
    pub fn list(&self) -> Result<AgentListing, SignerError> {
        let answer = self.request(&[REQUEST_IDENTITIES], self.list_timeout)?;
        match answer.split_first() {
            Some((&IDENTITIES_ANSWER, body)) => parse_listing(body).map_err(|Truncated| garbled()),
            Some((failure, _)) if FAILURES.contains(failure) => Ok(AgentListing::default()),
            _ => Err(garbled()),
        }
    }

    /// A signer for one key of this agent. Whether the agent has it shows when it signs.
    #[must_use]
    pub fn signer(&self, public_key: PublicKey) -> AgentSigner {
        AgentSigner { agent: self.clone(), public_key }
    }

    fn request(&self, body: &[u8], timeout: Duration) -> Result<Vec<u8>, SignerError> {
        let length = u32::try_from(body.len())
            .ok()
            .filter(|_| body.len() <= AGENT_FRAME_BYTES_MAX)
            .ok_or_else(|| SignerError::Unavailable("too much for the agent to sign".to_owned()))?;
        self.exchange(length, body, timeout).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                SignerError::TimedOut { seconds: timeout.as_secs() }
            }
            io::ErrorKind::UnexpectedEof => {
                SignerError::Unavailable("the agent hung up".to_owned())
            }
            io::ErrorKind::InvalidData => garbled(),
            _ => {
                let socket = self.socket.display();
                SignerError::Unavailable(format!("no agent answers at {socket}: {error}"))
            }
        })
    }

    fn exchange(&self, length: u32, body: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + timeout;
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(timeout))?;
        stream.write_all(&[&length.to_be_bytes(), body].concat())?;
        let mut header = [0; 4];
        read_exact_before(&mut stream, &mut header, deadline)?;
        let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        if !(1..=AGENT_FRAME_BYTES_MAX).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut answer = vec![0; length];
        read_exact_before(&mut stream, &mut answer, deadline)?;
        Ok(answer)
    }
}

/// A signer whose key is in an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSigner {
    agent: Agent,
    public_key: PublicKey,
}

impl AgentSigner {
    /// Why the agent said no: it says no more than that, but its list tells the cases apart.
    fn refusal(&self) -> SignerError {
        match self.agent.list() {
            Err(error) => error,
            Ok(listing) if listing.keys.iter().any(|key| key.public_key == self.public_key) => {
                SignerError::Refused
            }
            Ok(listing) if listing.keys.is_empty() && listing.others == 0 => SignerError::Locked,
            Ok(_) => SignerError::Gone,
        }
    }
}

impl Signer for AgentSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn describe(&self) -> String {
        let kind = if self.public_key.is_security_key() { "security key" } else { "agent key" };
        format!("{kind} {}", self.public_key.fingerprint())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let mut body = vec![SIGN_REQUEST];
        put_string(&mut body, &self.public_key.to_blob());
        put_string(&mut body, message);
        body.extend_from_slice(&[0; 4]); // No flags: they choose among RSA's digests.
        let answer = self.agent.request(&body, self.agent.sign_timeout)?;
        let signature = match answer.split_first() {
            Some((&SIGN_RESPONSE, body)) => parse_signature(&self.public_key, body)?,
            Some((failure, _)) if FAILURES.contains(failure) => return Err(self.refusal()),
            _ => return Err(garbled()),
        };
        // Agents are other people's programs: what they return is checked before anyone uses it.
        self.public_key.verify(message, &signature).map_err(|_| SignerError::WrongSignature)?;
        Ok(signature)
    }
}

fn garbled() -> SignerError {
    SignerError::Unavailable("the agent broke the protocol".to_owned())
}

/// Fills the buffer before the deadline, however slowly the bytes drip in.
fn read_exact_before(
    stream: &mut UnixStream,
    mut buffer: &mut [u8],
    deadline: Instant,
) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = &mut buffer[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Keys of other kinds are counted; one that only looks like Ed25519 is one of them.
fn parse_listing(body: &[u8]) -> Result<AgentListing, Truncated> {
    let mut reader = Reader::new(body);
    let count = usize::try_from(reader.u32()?).map_err(|_| Truncated)?;
    if count > AGENT_KEYS_MAX {
        return Err(Truncated);
    }
    let mut listing = AgentListing::default();
    for _ in 0..count {
        let blob = reader.string()?;
        let comment = printable(reader.string()?);
        match PublicKey::from_blob(blob) {
            Ok(public_key) => listing.keys.push(AgentKey { public_key, comment }),
            Err(_) => listing.others += 1,
        }
    }
    if reader.is_empty() { Ok(listing) } else { Err(Truncated) }
}

/// The signature blob must be of the key's own algorithm and exactly as long as that demands.
fn parse_signature(public_key: &PublicKey, body: &[u8]) -> Result<Signature, SignerError> {
    let parse = || -> Result<Option<Signature>, Truncated> {
        let mut outer = Reader::new(body);
        let mut reader = Reader::new(outer.string()?);
        let algorithm = reader.string()?;
        let signature = reader.string_array()?;
        let parsed = if public_key.is_security_key() {
            Signature::Sk { signature, flags: reader.u8()?, counter: reader.u32()? }
        } else {
            Signature::Plain(signature)
        };
        let whole = reader.is_empty() && outer.is_empty();
        Ok((whole && algorithm == public_key.algorithm().as_bytes()).then_some(parsed))
    };
    parse().ok().flatten().ok_or(SignerError::WrongSignature)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::key::SeedSigner;

    /// An agent that gives one fixed answer, then hangs up.
    fn fake_agent(name: &str, answer: Vec<u8>) -> (Agent, thread::JoinHandle<()>) {
        let socket = std::env::temp_dir().join(format!("{name}.{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = Agent::at(&socket);
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 5];
            stream.read_exact(&mut request).unwrap();
            // Who reads no more of it hangs up.
            drop(stream.write_all(&answer));
            let mut rest = Vec::new();
            // Stays until the client leaves, so that silence is silence and not a closed line.
            let _ = stream.read_to_end(&mut rest);
            let _ = std::fs::remove_file(&socket);
        });
        (agent, server)
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        put_string(&mut frame, body);
        frame
    }

    fn signature_answer(algorithm: &str, signature: &[u8], tail: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, algorithm.as_bytes());
        put_string(&mut blob, signature);
        blob.extend_from_slice(tail);
        let mut body = vec![SIGN_RESPONSE];
        put_string(&mut body, &blob);
        framed(&body)
    }

    #[test]
    fn frames_are_bounded_and_must_be_whole() {
        for (name, answer) in [
            ("huge", vec![0xff, 0xff, 0xff, 0xff]),
            ("empty", vec![0, 0, 0, 0]),
            ("unknown", framed(&[99])),
            ("short", framed(&[IDENTITIES_ANSWER, 0, 0, 0, 1])),
            ("many", framed(&[IDENTITIES_ANSWER, 0, 1, 0, 0])),
            ("tail", framed(&[IDENTITIES_ANSWER, 0, 0, 0, 0, 7])),
        ] {
            let (agent, server) = fake_agent(&format!("frame-{name}"), answer);
            assert_eq!(agent.list(), Err(garbled()), "{name}");
            server.join().unwrap();
        }
    }

    #[test]
    fn a_silent_agent_times_out() {
        // Each waits for its own time: the other is longer than any test takes.
        let (short, long) = (Duration::from_millis(300), Duration::from_secs(600));
        let timed_out = SignerError::TimedOut { seconds: 0 };
        let (agent, server) = fake_agent("silent", vec![0, 0, 0, 9, SIGN_RESPONSE]);
        let agent = agent.with_timeouts(long, short);
        let key = SeedSigner::from_seed(&[1; 32], "").unwrap().public_key().clone();
        assert_eq!(agent.signer(key).sign(b"m"), Err(timed_out.clone()));
        server.join().unwrap();
        let (agent, server) = fake_agent("list", vec![0, 0, 0, 9, IDENTITIES_ANSWER]);
        assert_eq!(agent.with_timeouts(short, long).list(), Err(timed_out));
        server.join().unwrap();
    }

    #[test]
    fn a_list_of_so_many_keys_and_bytes_is_read() {
        let list = |name: &str, count: usize, comment_bytes: usize| {
            let mut body = vec![IDENTITIES_ANSWER];
            body.extend_from_slice(&u32::try_from(count).unwrap().to_be_bytes());
            for _ in 0..count {
                put_string(&mut body, b"key of another kind");
                put_string(&mut body, &vec![b'c'; comment_bytes]);
            }
            let length = body.len();
            let (agent, server) = fake_agent(name, framed(&body));
            let listed = agent.list().map(|listing| listing.others);
            server.join().unwrap();
            (listed, length)
        };
        let most = u64::try_from(AGENT_KEYS_MAX).unwrap();
        assert_eq!(list("keys", AGENT_KEYS_MAX, 0).0.map(|others| others as u64), Ok(most));
        assert_eq!(list("keys-more", AGENT_KEYS_MAX + 1, 0).0, Err(garbled()));
        let frame = list("frame", 1, 0).1;
        let comment = AGENT_FRAME_BYTES_MAX - frame;
        assert_eq!(list("frame-most", 1, comment), (Ok(1), AGENT_FRAME_BYTES_MAX));
        assert_eq!(list("frame-more", 1, comment + 1).0, Err(garbled()));
        // What is sent is bounded as well: too much is not even begun.
        let agent = Agent::at(std::env::temp_dir().join("nobody.sock"));
        let refused = |length: usize| {
            let body = vec![0; length];
            let error = agent.request(&body, Duration::ZERO).unwrap_err().to_string();
            error.contains("too much for the agent")
        };
        assert!(!refused(AGENT_FRAME_BYTES_MAX) && refused(AGENT_FRAME_BYTES_MAX + 1));
    }

    #[test]
    fn signatures_of_another_form_message_or_length_are_refused() {
        let seed = SeedSigner::from_seed(&[1; 32], "").unwrap();
        let good = seed.sign_plain(b"m");
        let algorithm = "ssh-ed25519";
        for (name, answer, wanted) in [
            ("good", signature_answer(algorithm, &good, b""), true),
            ("other", signature_answer(algorithm, &seed.sign_plain(b"n"), b""), false),
            ("long", signature_answer(algorithm, &[&good[..], b"\0"].concat(), b""), false),
            ("tail", signature_answer(algorithm, &good, b"\x01\0\0\0\x01"), false),
            ("rsa", signature_answer("rsa-sha2-256", &good, b""), false),
            ("sk", signature_answer("sk-ssh-ed25519@openssh.com", &good, b""), false),
        ] {
            let (agent, server) = fake_agent(&format!("form-{name}"), answer);
            let answer = agent.signer(seed.public_key().clone()).sign(b"m");
            if wanted {
                assert_eq!(answer, Ok(Signature::Plain(good)));
            } else {
                assert_eq!(answer, Err(SignerError::WrongSignature), "{name}");
            }
            server.join().unwrap();
        }
    }
}
