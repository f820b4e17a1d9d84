//! Pinned trust roots: read for a verdict, written by `trust pin` and `init`.

use std::path::PathBuf;

use super::durable::{self, Audience};
use super::{ConfigError, Configuration, Resolved};
use crate::base::name::Origin;
use crate::verify::trust::TrustRoot;

impl Configuration {
    /// The trust root of a ledger; of whatever ledger the named file is, where `origin` is
    /// `None`.
    ///
    /// # Errors
    /// [`ConfigError`] where none is pinned, or the file is not the trust root of that ledger.
    pub fn trust_root(
        &self,
        origin: Option<&Origin>,
    ) -> Result<(TrustRoot, Resolved<PathBuf>), ConfigError> {
        let file = self.trust_file(origin)?;
        let path = &file.value;
        let Some(bytes) = durable::read(path)? else {
            return Err(ConfigError::NotPinned { path: Some(path.clone()) });
        };
        let root = TrustRoot::parse(&bytes)
            .map_err(|source| ConfigError::Trust { path: path.clone(), source })?;
        if let Some(expected) = origin
            && root.origin() != expected
        {
            let (expected, found) = (expected.clone(), root.origin().clone());
            return Err(ConfigError::OtherLedger { path: file.value, expected, found });
        }
        Ok((root, file))
    }

    /// Pins a trust root, mode 0644, at the place where [`Configuration::trust_root`] looks for
    /// it unless flag or variable name another; gives the file. The same again is no change.
    ///
    /// # Errors
    /// [`ConfigError::PinnedOther`] where another is pinned and `replace` is not set; and where
    /// the file cannot be written.
    pub fn pin_trust_root(&self, root: &TrustRoot, replace: bool) -> Result<PathBuf, ConfigError> {
        let origin = root.origin();
        let path = self
            .named_trust(origin)
            .map(|named| named.value)
            .or_else(|| self.places().user_trust(origin))
            .ok_or(ConfigError::NoHome)?;
        match durable::read(&path)? {
            Some(bytes) if bytes == root.to_toml().as_bytes() => return Ok(path),
            Some(_) if !replace => {
                return Err(ConfigError::PinnedOther { origin: origin.clone(), path });
            }
            _ => {}
        }
        durable::write(&path, root.to_toml().as_bytes(), Audience::Everybody)?;
        Ok(path)
    }
}
