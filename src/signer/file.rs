//! OpenSSH private key files: read, unlocked and made (`spec/keys.md` section 5).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ssh_key::getrandom::SysRng;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::rand_core::TryRng as _;
use ssh_key::{Cipher, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::base::encoding;
use crate::base::limits::{KEY_FILE_BYTES_MAX, KEY_FILE_ROUNDS_MAX};
use crate::key::wire::{Reader, Truncated};
use crate::key::{KeyError, PublicKey, SeedSigner, Signer as _};

/// A passphrase; wiped when it is dropped.
pub type Passphrase = Zeroizing<String>;

/// Asks a person for a passphrase; `None` where there is nobody, or nobody wants to.
pub type Prompt<'a> = dyn FnMut(&str) -> Option<Passphrase> + 'a;

const ARMOUR_BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const ARMOUR_END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Why a key file was not read, unlocked or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Encrypted with a cipher that is not read here.
    #[error("unsupported cipher {cipher:?}")]
    Cipher {
        /// OpenSSH's name of it.
        cipher: String,
    },
    /// A comment that would not fit on one line.
    #[error("a comment has no line breaks or control characters")]
    Comment,
    /// There is something at the place already; it was left alone.
    #[error("{} exists already", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// Others than its owner may read or write the file.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key is of a kind that is not supported.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// Looks like an OpenSSH private key, and is none.
    #[error("{} is damaged: not a valid OpenSSH private key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The secret part is that of another key than the public part.
    #[error("{} holds the halves of two different keys", path.display())]
    Mixed {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a pipe, a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// No OpenSSH private key.
    #[error("{} is not an OpenSSH private key", path.display())]
    NotOpenSsh {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted and no passphrase was given.
    #[error("{} needs its passphrase", path.display())]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random,
    /// Unlocking would take too long.
    #[error("asks for {found} rounds of bcrypt, at most {limit} are run")]
    Rounds {
        /// Rounds that the file asks for.
        found: u32,
        /// Rounds allowed.
        limit: u32,
    },
    /// The file of a FIDO key: a handle, useless without the device.
    #[error("{} belongs to a security key: it is used through ssh-agent", path.display())]
    SecurityKey {
        /// The file.
        path: PathBuf,
    },
    /// More bytes than any key file has.
    #[error("{} is too large: at most {limit} bytes are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: usize,
    },
    /// The passphrase does not open the key.
    #[error("wrong passphrase (the key is encrypted with {cipher})")]
    WrongPassphrase {
        /// OpenSSH's name of the cipher.
        cipher: String,
    },
}

impl KeyFileError {
    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cipher { .. } | Self::Rounds { .. } => {
                Some("re-encrypt it with `ssh-keygen -p -f FILE`".to_owned())
            }
            Self::Exposed { path, .. } => {
                Some(format!("close it with `chmod 600 {}`", path.display()))
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("see which keys there are: countersign key list".to_owned())
            }
            Self::Key(_) => Some("make a key with `ssh-keygen -t ed25519`".to_owned()),
            Self::NotOpenSsh { path } => {
                Some(format!("see what it is with `ssh-keygen -l -f {}`", path.display()))
            }
            Self::PassphraseNeeded { path } | Self::SecurityKey { path } => {
                Some(format!("load it into the agent with `ssh-add {}`", path.display()))
            }
            _ => None,
        }
    }
}

/// A private key file as read: its public key is known, its secret may still be locked.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    public_key: PublicKey,
    cipher: String,
    private: PrivateKey,
}

impl KeyFile {
    /// Reads the file and its public key; asks for nothing.
    ///
    /// # Errors
    /// [`KeyFileError`] where it is open to others, no key, or of a kind that is not supported.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_secret(path)?;
        let path = path.to_owned();
        let malformed = || KeyFileError::Malformed { path: path.clone() };
        let header = Header::parse(&text).map_err(|error| match error {
            HeaderError::Armour => KeyFileError::NotOpenSsh { path: path.clone() },
            HeaderError::Malformed => malformed(),
        })?;
        let public_key = PublicKey::from_blob(&header.public_blob)?;
        if public_key.is_security_key() {
            return Err(KeyFileError::SecurityKey { path });
        }
        if header.rounds > KEY_FILE_ROUNDS_MAX {
            let limit = KEY_FILE_ROUNDS_MAX;
            return Err(KeyFileError::Rounds { found: header.rounds, limit });
        }
        // The one cipher that the library names and does not decrypt is triple DES.
        if Cipher::new(&header.cipher).is_ok_and(|cipher| cipher != Cipher::TdesCbc) {
            let private = PrivateKey::from_openssh(text.as_bytes()).map_err(|_| malformed())?;
            Ok(Self { path, public_key, cipher: header.cipher, private })
        } else {
            Err(KeyFileError::Cipher { cipher: header.cipher })
        }
    }

    /// The public key, known without the passphrase. Until it is unlocked it is only claimed.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether a passphrase is needed.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.private.is_encrypted()
    }

    /// The comment, where it is not encrypted with the rest.
    #[must_use]
    pub fn comment(&self) -> String {
        super::sources::printable(self.private.comment().as_bytes())
    }

    /// Unlocks the key, with one question where it is encrypted. May be called again.
    ///
    /// # Errors
    /// [`KeyFileError`] on a missing or wrong passphrase, or where the halves do not agree.
    pub fn unlock(&self, prompt: &mut Prompt<'_>) -> Result<SeedSigner, KeyFileError> {
        let decrypted;
        let private = if self.private.is_encrypted() {
            let question = format!("Passphrase for {}: ", self.path.display());
            let passphrase = prompt(&question)
                .ok_or_else(|| KeyFileError::PassphraseNeeded { path: self.path.clone() })?;
            decrypted = self
                .private
                .decrypt(passphrase.as_bytes())
                .map_err(|_| KeyFileError::WrongPassphrase { cipher: self.cipher.clone() })?;
            &decrypted
        } else {
            &self.private
        };
        let malformed = || KeyFileError::Malformed { path: self.path.clone() };
        let pair = private.key_data().ed25519().ok_or_else(malformed)?;
        let seed = Zeroizing::new(pair.private.to_bytes());
        let signer = SeedSigner::from_seed(&seed, format!("key file {}", self.path.display()))?;
        if signer.public_key() == &self.public_key {
            Ok(signer)
        } else {
            Err(KeyFileError::Mixed { path: self.path.clone() })
        }
    }
}

/// Reads and unlocks a key file.
///
/// # Errors
/// As [`KeyFile::read`] and [`KeyFile::unlock`].
pub fn load(path: &Path, prompt: &mut Prompt<'_>) -> Result<SeedSigner, KeyFileError> {
    KeyFile::read(path)?.unlock(prompt)
}

/// Makes a key of the system's randomness and writes it in OpenSSH's form, with its `.pub` file
/// beside it. Both are durable when this returns; what exists is never written over.
///
/// # Errors
/// [`KeyFileError`]; then neither file is left behind.
pub fn generate(
    path: &Path,
    comment: &str,
    passphrase: Option<&Passphrase>,
) -> Result<PublicKey, KeyFileError> {
    if comment.chars().any(char::is_control) {
        return Err(KeyFileError::Comment);
    }
    let public_path = public_path_of(path);
    if public_path.symlink_metadata().is_ok() {
        return Err(KeyFileError::Exists { path: public_path });
    }
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(seed.as_mut_slice()).map_err(|_| KeyFileError::Random)?;
    let pair = KeypairData::from(Ed25519Keypair::from_seed(&seed));
    let malformed = |_| KeyFileError::Malformed { path: path.to_owned() };
    let mut private = PrivateKey::new(pair, comment).map_err(malformed)?;
    if let Some(passphrase) = passphrase.filter(|passphrase| !passphrase.is_empty()) {
        private = private.encrypt(&mut SysRng, passphrase.as_bytes()).map_err(malformed)?;
    }
    let text = private.to_openssh(LineEnding::LF).map_err(malformed)?;
    let public_key = SeedSigner::from_seed(&seed, "")?.public_key().clone();
    let separator = if comment.is_empty() { "" } else { " " };
    let line = format!("{public_key}{separator}{comment}\n");

    create(path, text.as_bytes(), 0o600)?;
    // What is removed below was made here, and nobody has used it; half a pair would mislead.
    if let Err(error) = create(&public_path, line.as_bytes(), 0o644) {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    if let Err(error) = sync_folder_of(path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(&public_path);
        return Err(error);
    }
    Ok(public_key)
}

/// `X.pub` for `X`.
pub(crate) fn public_path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn create(path: &Path, content: &[u8], mode: u32) -> Result<(), KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => KeyFileError::Io { path: path.to_owned(), source },
    })?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|source| {
        // Made by the line above, so this removes nothing of anybody else's.
        let _ = fs::remove_file(path);
        KeyFileError::Io { path: path.to_owned(), source }
    })
}

fn sync_folder_of(path: &Path) -> Result<(), KeyFileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| KeyFileError::Io { path: folder.to_owned(), source })
}

/// The text of a file that only its owner may read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let owned = || path.to_owned();
    let io_error = |source| KeyFileError::Io { path: owned(), source };
    // Looked at before it is opened too: opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(KeyFileError::NotAFile { path: owned() });
    }
    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path: owned() });
    }
    let bytes = read_bounded(file, KEY_FILE_BYTES_MAX)
        .map_err(io_error)?
        .ok_or_else(|| KeyFileError::TooLarge { path: owned(), limit: KEY_FILE_BYTES_MAX })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| KeyFileError::NotOpenSsh { path: owned() })
        .map(|text| Zeroizing::new(text.to_owned()))?;
    // After reading: a public key handed in by mistake is told so, whatever its mode.
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 && text.contains("PRIVATE KEY-----") {
        return Err(KeyFileError::Exposed { path: owned(), mode });
    }
    Ok(text)
}

/// At most `limit` bytes, wiped when dropped; `None` where there are more.
pub(crate) fn read_bounded(file: File, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Reserved at once: a buffer that grows leaves copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    Ok(if bytes.len() > limit { None } else { Some(bytes) })
}

/// What a key file says in the clear.
struct Header {
    cipher: String,
    rounds: u32,
    public_blob: Vec<u8>,
}

enum HeaderError {
    Armour,
    Malformed,
}

impl From<Truncated> for HeaderError {
    fn from(_: Truncated) -> Self {
        Self::Malformed
    }
}

impl Header {
    /// Read apart from the library, which cannot name the kind of a key that it does not know.
    fn parse(text: &str) -> Result<Self, HeaderError> {
        let body = text
            .trim()
            .strip_prefix(ARMOUR_BEGIN)
            .and_then(|rest| rest.strip_suffix(ARMOUR_END))
            .ok_or(HeaderError::Armour)?;
        let mut joined = Zeroizing::new(String::with_capacity(body.len()));
        joined.extend(body.chars().filter(|letter| !matches!(letter, '\r' | '\n')));
        let bytes =
            Zeroizing::new(encoding::unbase64(&joined).map_err(|_| HeaderError::Malformed)?);
        let mut reader = Reader::new(bytes.strip_prefix(MAGIC).ok_or(HeaderError::Malformed)?);
        let cipher = String::from_utf8_lossy(reader.string()?).chars().take(64).collect();
        let derivation = reader.string()?;
        let mut options = Reader::new(reader.string()?);
        let rounds = if derivation == b"bcrypt" {
            options.string()?;
            options.u32()?
        } else {
            0
        };
        if reader.u32()? != 1 {
            return Err(HeaderError::Malformed);
        }
        Ok(Self { cipher, rounds, public_blob: reader.string()?.to_vec() })
    }
}
