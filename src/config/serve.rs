//! What a server answers for a ledger with (`spec/server.md` section 6).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::file::{Mistake, line_of, quote, quote_path};
use crate::base::encoding;
use crate::base::limits::MEMBER_STATEMENTS_PER_MINUTE;
use crate::base::name::{Origin, RepositoryName};

/// Where a server listens, unless settings or a flag say another thing.
const LISTEN: &str = "127.0.0.1:8080";
/// Longest name of a token in bytes.
const TOKEN_NAME_BYTES_MAX: usize = 100;

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Everybody.
    Open,
    /// Who has a token that may.
    #[default]
    Token,
}

/// What a token may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRight {
    /// Read the log.
    Read,
    /// Read words, and whatever names people.
    Words,
    /// Have the server decide.
    Gate,
}

/// A token, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// What people call it.
    pub name: String,
    /// SHA-256 of the token as it is sent.
    pub sha256: [u8; 32],
    /// What it may.
    pub may: BTreeSet<TokenRight>,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The chain of certificates in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// What a server is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    /// Address and port.
    pub listen: String,
    /// Who may read the log.
    pub reading: Reach,
    /// Who may read words, and whatever names people.
    pub words: Reach,
    /// TLS; none where something before the server has it, or nobody listens.
    pub tls: Option<TlsSettings>,
    /// How many new statements of one member are taken in a minute.
    pub member_statements_per_minute: u32,
    /// The tokens, in the order of the file.
    pub tokens: Vec<TokenSettings>,
    /// The server's own clones, by the names of the policy.
    pub repositories: BTreeMap<RepositoryName, PathBuf>,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: LISTEN.to_owned(),
            reading: Reach::default(),
            words: Reach::default(),
            tls: None,
            member_statements_per_minute: MEMBER_STATEMENTS_PER_MINUTE,
            tokens: Vec::new(),
            repositories: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServeTable {
    listen: Option<toml::Spanned<String>>,
    #[serde(default)]
    reading: Reach,
    #[serde(default)]
    words: Reach,
    tls_certificate: Option<toml::Spanned<PathBuf>>,
    tls_key: Option<toml::Spanned<PathBuf>>,
    member_statements_per_minute: Option<toml::Spanned<u32>>,
    #[serde(default)]
    token: Vec<toml::Spanned<TokenTable>>,
    #[serde(default)]
    repository: BTreeMap<RepositoryName, toml::Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    name: String,
    sha256: String,
    may: BTreeSet<TokenRight>,
}

impl ServeTable {
    /// Reads the table; `text` is the whole file, for the line of a mistake.
    pub(super) fn meant(self, text: &str) -> Result<ServeSettings, Mistake> {
        let mistake = |start: usize, message: &str| (line_of(text, start), message.to_owned());
        let absolute = |path: toml::Spanned<PathBuf>| {
            if path.get_ref().is_absolute() {
                return Ok(path.into_inner());
            }
            Err(mistake(path.span().start, "the path is not absolute"))
        };
        let listen = match self.listen {
            Some(text) if !is_address(text.get_ref()) => {
                return Err(mistake(text.span().start, "listen is an address and a port"));
            }
            text => text.map(toml::Spanned::into_inner),
        };
        let tls = match (self.tls_certificate, self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsSettings { certificate: absolute(certificate)?, key: absolute(key)? })
            }
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                let what = "tls_certificate and tls_key go together";
                return Err(mistake(one.span().start, what));
            }
        };
        let mut tokens: Vec<TokenSettings> = Vec::new();
        for table in self.token {
            let start = table.span().start;
            let TokenTable { name, sha256, may } = table.into_inner();
            let sha256 = encoding::unhex_array(&sha256)
                .map_err(|_| mistake(start, "sha256 has 64 lower-case hexadecimal digits"))?;
            let is_name = (1..=TOKEN_NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_name {
                return Err(mistake(start, "the name of a token is printable ASCII, no spaces"));
            }
            if tokens.iter().any(|other| other.name == name || other.sha256 == sha256) {
                return Err(mistake(start, "the token is there twice"));
            }
            tokens.push(TokenSettings { name, sha256, may });
        }
        let per_minute = match self.member_statements_per_minute {
            Some(count) if *count.get_ref() == 0 => {
                return Err(mistake(count.span().start, "at least 1 statement in a minute"));
            }
            Some(count) => count.into_inner(),
            None => MEMBER_STATEMENTS_PER_MINUTE,
        };
        let repositories = self.repository.into_iter();
        let repositories = repositories.map(|(name, path)| Ok((name, absolute(path)?)));
        Ok(ServeSettings {
            listen: listen.unwrap_or_else(|| LISTEN.to_owned()),
            reading: self.reading,
            words: self.words,
            tls,
            member_statements_per_minute: per_minute,
            tokens,
            repositories: repositories.collect::<Result<_, Mistake>>()?,
        })
    }
}

/// Whether a text says where to listen: `ADDRESS:PORT` or `NAME:PORT`.
#[must_use]
pub fn is_address(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((name, port)) = text.rsplit_once(':') else { return false };
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_name && !is_number && port.parse::<u16>().is_ok()
}

/// The `[ledger."ORIGIN".serve]` table with those below it.
pub(super) fn serve_toml(origin: &Origin, serve: &ServeSettings) -> String {
    let table = format!("ledger.{}.serve", quote(origin.as_str()));
    let reach = |reach: Reach| quote(if reach == Reach::Open { "open" } else { "token" });
    // Writing to a String cannot fail.
    let mut text = format!("\n[{table}]\nlisten = {}\n", quote(&serve.listen));
    let (reading, words) = (reach(serve.reading), reach(serve.words));
    let _ = writeln!(text, "reading = {reading}\nwords = {words}");
    if let Some(tls) = &serve.tls {
        let (certificate, key) = (quote_path(&tls.certificate), quote_path(&tls.key));
        let _ = writeln!(text, "tls_certificate = {certificate}\ntls_key = {key}");
    }
    if serve.member_statements_per_minute != MEMBER_STATEMENTS_PER_MINUTE {
        let count = serve.member_statements_per_minute;
        let _ = writeln!(text, "member_statements_per_minute = {count}");
    }
    for token in &serve.tokens {
        let word = |right: &TokenRight| {
            quote(match right {
                TokenRight::Read => "read",
                TokenRight::Words => "words",
                TokenRight::Gate => "gate",
            })
        };
        let may: Vec<_> = token.may.iter().map(word).collect();
        let _ = writeln!(
            text,
            "\n[[{table}.token]]\nname = {}\nsha256 = {}\nmay = [{}]",
            quote(&token.name),
            quote(&encoding::hex(&token.sha256)),
            may.join(", ")
        );
    }
    if !serve.repositories.is_empty() {
        let _ = writeln!(text, "\n[{table}.repository]");
    }
    for (name, path) in &serve.repositories {
        let _ = writeln!(text, "{} = {}", quote(name.as_str()), quote_path(path));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::file::Settings;
    use super::*;

    const EXAMPLE: &str = r#"version = 1

[ledger."shop.example/ledger"]

[ledger."shop.example/ledger".serve]
listen = "0.0.0.0:8443"
reading = "open"
words = "token"
tls_certificate = "/etc/countersign/tls/chain.pem"
tls_key = "/etc/countersign/tls/key.pem"
member_statements_per_minute = 60

[[ledger."shop.example/ledger".serve.token]]
name = "runners"
sha256 = "0707070707070707070707070707070707070707070707070707070707070707"
may = ["read", "gate"]

[ledger."shop.example/ledger".serve.repository]
"shop" = "/srv/git/shop.git"
"#;

    #[test]
    fn a_server_is_read_and_written_alike() {
        let settings = Settings::parse(EXAMPLE).unwrap();
        assert_eq!(settings.to_toml(), EXAMPLE);
        let serve = settings.ledgers.values().next().unwrap().serve.clone().unwrap();
        assert_eq!((serve.reading, serve.words), (Reach::Open, Reach::Token));
        let plain = "version = 1\n[ledger.a.serve]\n";
        let settings = Settings::parse(plain).unwrap();
        let serve = settings.ledgers.values().next().unwrap().serve.clone();
        assert_eq!(serve, Some(ServeSettings::default()));
    }

    #[test]
    fn an_address_has_a_port() {
        for text in ["127.0.0.1:0", "[::1]:8443", "0.0.0.0:65535", "localhost:80", "a-b.example:1"]
        {
            assert!(is_address(text), "{text}");
        }
        let none =
            ["", "foo", ":18443", "127.0.0.1", "127.0.0.1:99999", "127.1:80", "::1:80", "a b:1"];
        for text in none.into_iter().chain(["localhost:", "localhost:x", "http://localhost:80"]) {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn mistakes_of_a_server_are_refused_with_their_line() {
        for (from, to, line) in [
            ("listen", "listens", 6),
            ("0.0.0.0:8443", "0.0.0.0", 6),
            ("\"open\"", "\"closed\"", 7),
            ("tls_key = \"/etc/countersign/tls/key.pem\"\n", "", 9),
            ("\"/etc/countersign/tls/key.pem\"", "\"key.pem\"", 10),
            ("minute = 60", "minute = 0", 11),
            ("0707070707", "07", 13),
            ("\"runners\"", "\"the runners\"", 13),
            ("\"gate\"", "\"sign\"", 16),
            ("\"/srv/git/shop.git\"", "\"shop.git\"", 19),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE, "{from:?} does not stand there");
            let (found, message) = Settings::parse(&text).unwrap_err();
            assert_eq!(found, line, "{to:?}: {message}");
        }
        let token = EXAMPLE.find("[[").unwrap();
        let end = EXAMPLE.find("\n[ledger.\"shop.example/ledger\".serve.rep").unwrap();
        let twice = format!("{}\n{}", EXAMPLE, &EXAMPLE[token..end]);
        assert_eq!(Settings::parse(&twice).unwrap_err().1, "the token is there twice");
    }
}
