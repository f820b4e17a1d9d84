//! Servers that answer for ledgers: which ledger is behind a URL, and what the server is asked
//! with.

use std::fmt;
use std::path::Path;

use super::durable;
use super::resolve::LedgerChoice;
use super::{ConfigError, Configuration, RemoteSettings, Source};
use crate::base::limits::TOKEN_BYTES_MAX;
use crate::base::name::Origin;

/// The file in a ledger's copy that says which server it is of.
pub const COPY_URL_FILE: &str = "url";

/// What a server knows a reader by. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(zeroize::Zeroizing<String>);

impl Token {
    /// Reads a token: printable ASCII, white space around it aside; `None` where it is none.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token = (1..=TOKEN_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(text.to_owned().into()))
    }

    /// The text, as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// What a server is asked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The token.
    pub token: Option<Token>,
    /// Certificates in PEM that its own is traced to, in place of the usual roots.
    pub tls_roots: Option<Vec<u8>>,
}

impl Configuration {
    /// What the server at a URL is asked with. A token of the settings goes to the server that
    /// they name it for, and to no other.
    ///
    /// # Errors
    /// [`ConfigError`] where a file cannot be read, or what should be a token is none.
    pub fn access(&self, url: &str) -> Result<Access, ConfigError> {
        let remote = self.remote_at(url).map(|(_, remote)| remote);
        let missing = |file: &Path| ConfigError::Missing { path: file.to_owned() };
        // What was meant to be secret is not repeated.
        let wrong = |from: Source| ConfigError::NoToken { from };
        let token = match (&self.given.token_variable, remote) {
            (Some(text), _) => {
                let from = Source::Variable("COUNTERSIGN_TOKEN");
                Some(Token::parse(text).ok_or_else(|| wrong(from))?)
            }
            (None, Some(RemoteSettings { token_file: Some(file), .. })) => {
                let bytes = durable::read_secret(file)?.ok_or_else(|| missing(file))?;
                let text = String::from_utf8(bytes).unwrap_or_default();
                let from = || Source::UserFile(file.clone());
                Some(Token::parse(&text).ok_or_else(|| wrong(from()))?)
            }
            _ => None,
        };
        let tls_roots = match remote.and_then(|remote| remote.tls_roots.as_ref()) {
            None => None,
            Some(file) => Some(durable::read(file)?.ok_or_else(|| missing(file))?),
        };
        Ok(Access { token, tls_roots })
    }

    /// The ledger that the server at a URL answers for, as far as settings know it, or a copy that
    /// came from there. Whoever can write such a copy has the say in it: it only tells which of
    /// the pinned trust roots is meant.
    pub(super) fn at_url(&self, url: String) -> LedgerChoice {
        let named = self.remote_at(&url).map(|(origin, _)| origin.clone());
        let origin = named.or_else(|| self.origin_of_copy(&url));
        let folder = origin.as_ref().and_then(|origin| self.places.copy_folder(origin));
        LedgerChoice { origin, folder, url: Some(url) }
    }

    fn remote_at(&self, url: &str) -> Option<(&Origin, &RemoteSettings)> {
        self.layers.iter().find_map(|(_, settings)| {
            settings.ledgers.iter().find_map(|(origin, known)| {
                let remote = known.remote.as_ref().filter(|remote| remote.url == url)?;
                Some((origin, remote))
            })
        })
    }

    fn origin_of_copy(&self, url: &str) -> Option<Origin> {
        let copies = std::fs::read_dir(self.places.copies()?).ok()?;
        copies.filter_map(Result::ok).find_map(|copy| {
            let folder = copy.path();
            let known = durable::read(&folder.join(COPY_URL_FILE)).ok()??;
            let is_its = known.strip_suffix(b"\n") == Some(url.as_bytes());
            is_its.then(|| super::resolve::origin_in(&folder)).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_signs() {
        let most = "a".repeat(TOKEN_BYTES_MAX);
        for (text, is_token) in [
            ("s3cret\n", true),
            (most.as_str(), true),
            (&format!("{most}a"), false),
            ("", false),
            ("\n", false),
            ("two words", false),
            ("\u{e4}", false),
        ] {
            assert_eq!(Token::parse(text).is_some(), is_token, "{text:?}");
        }
        assert_eq!(format!("{:?}", Token::parse("s3cret")), "Some(Token(..))");
    }
}
