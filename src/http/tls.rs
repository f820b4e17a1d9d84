//! The server's half of TLS. Certificates are renewed while a server runs: the files are looked at
//! for each new connection, and read anew once they have changed.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::base::limits::{KEY_FILE_BYTES_MAX, SETTINGS_BYTES_MAX};

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no certificate.
    #[error("{}: it holds no certificate in PEM", .0.display())]
    Certificate(PathBuf),
    /// There is no key.
    #[error("{}: it holds no private key in PEM", .0.display())]
    Key(PathBuf),
    /// They do not go together, or are of a kind that is not spoken.
    #[error("{}: certificate and key cannot be used: {why}", path.display())]
    Unusable {
        /// The file of the certificates.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// Certificates and key of a server, from two files.
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
    told: Box<dyn Fn(Result<(), TlsError>) + Send + Sync>,
}

/// The files, both in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain of certificates, the server's own first.
    pub certificates: PathBuf,
    /// The private key of the first.
    pub key: PathBuf,
}

/// What is spoken with, and the state of the files when it was read.
struct Current {
    acceptor: TlsAcceptor,
    stamps: [Option<Stamp>; 2],
}

/// What changes where a file is written or replaced.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    inode: u64,
    bytes: u64,
}

impl Tls {
    /// TLS 1.2 and 1.3 by these files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = files.stamps();
        let current = Mutex::new(Current { acceptor: files.read()?, stamps });
        Ok(Self { files, current, told: Box::new(|_| ()) })
    }

    /// The same, which tells when the files were read anew. What cannot be used is told too, and
    /// what was there before goes on.
    #[must_use]
    pub fn telling(self, told: impl Fn(Result<(), TlsError>) + Send + Sync + 'static) -> Self {
        Self { told: Box::new(told), ..self }
    }

    /// What the next connection is spoken with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before they are read: what changes meanwhile is read again.
        let stamps = self.files.stamps();
        if current.stamps != stamps {
            current.stamps = stamps;
            let read = self.files.read().map(|acceptor| current.acceptor = acceptor);
            (self.told)(read);
        }
        current.acceptor.clone()
    }
}

impl TlsFiles {
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificates, &self.key].map(|path| {
            let found = std::fs::metadata(path).ok()?;
            let modified = (found.mtime(), found.mtime_nsec());
            Some(Stamp { modified, inode: found.ino(), bytes: found.len() })
        })
    }

    fn read(&self) -> Result<TlsAcceptor, TlsError> {
        let path = &self.certificates;
        let certificates = read(path, SETTINGS_BYTES_MAX)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificates)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Certificate(path.clone()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate(path.clone()));
        }
        let key = zeroize::Zeroizing::new(read(&self.key, KEY_FILE_BYTES_MAX)?);
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Key(self.key.clone()))?;
        let unusable = |error: tokio_rustls::rustls::Error| TlsError::Unusable {
            path: path.clone(),
            why: error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        let why = format!("larger than {bytes_max} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    Ok(bytes)
}
