//! git's list of allowed signers (`ssh-keygen`, ALLOWED SIGNERS): the first roster.

use std::path::PathBuf;

use crate::cli::env::Environment;
use crate::git::Repository;
use crate::key::PublicKey;

/// A line of the file: whom it names, and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// E-mail addresses without wildcards; never empty.
    pub(crate) emails: Vec<String>,
    /// An Ed25519 key, plain or of a security key.
    pub(crate) key: PublicKey,
}

/// The list that git's settings name, if they name one.
pub(crate) fn file(environment: &Environment, repository: &Repository) -> Option<PathBuf> {
    let text = repository.config_string("gpg.ssh.allowedSignersFile")?;
    Some(match (text.strip_prefix("~/"), &environment.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => repository.work_dir().unwrap_or_default().join(&text),
    })
}

/// The lines that name a person and an Ed25519 key. Authorities, patterns, negations and other
/// kinds of keys name nobody here, and are counted.
pub(crate) fn parse(text: &str) -> (Vec<Allowed>, usize) {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut found, mut left_out) = (Vec::new(), 0);
    for line in lines {
        match parse_line(line) {
            Some(allowed) => found.push(allowed),
            None => left_out += 1,
        }
    }
    (found, left_out)
}

fn parse_line(line: &str) -> Option<Allowed> {
    let (principals, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_once(char::is_whitespace)?,
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let is_type = |word: &&str| matches!(*word, "ssh-ed25519" | "sk-ssh-ed25519@openssh.com");
    let position = words.iter().position(is_type)?;
    let is_authority = |word: &&str| word.to_ascii_lowercase().contains("cert-authority");
    if words[..position].iter().any(is_authority) {
        return None;
    }
    let line = format!("{} {}", words[position], words.get(position + 1)?);
    let key = PublicKey::from_openssh(&line).ok()?;
    let is_email = |text: &&str| text.contains('@') && !text.contains(['*', '?', '!']);
    let emails: Vec<String> = principals.split(',').filter(is_email).map(str::to_owned).collect();
    if emails.is_empty() { None } else { Some(Allowed { emails, key }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{SeedSigner, Signer as _};

    #[test]
    fn people_with_an_ed25519_key_are_found() {
        let signer = SeedSigner::from_seed(&[7; 32], "").unwrap();
        let key = signer.public_key().to_openssh();
        let text = format!(
            "# ours\n\nben@x.example,b@x.example namespaces=\"git\" {key} ben\n\
             \"eve@x.example\" {key}\n*@x.example {key}\nca@x.example cert-authority {key}\n\
             rsa@x.example ssh-rsa AAAA\nshort@x.example ssh-ed25519\n"
        );
        let (found, left_out) = parse(&text);
        assert_eq!(left_out, 4);
        assert_eq!(found[0].emails, ["ben@x.example", "b@x.example"]);
        assert_eq!(found[1].emails, ["eve@x.example"]);
        assert_eq!((found.len(), &found[0].key), (2, signer.public_key()));
    }
}
