//! A vector and how it is made from a valid statement.

use std::fmt::Write as _;

use countersign::key::{PublicKey, Signer as _};
use countersign::statement::Statement;
use countersign::statement::envelope::Envelope;

use crate::samples::{self, ADA};

/// A vector before it is written.
pub(crate) struct Case {
    pub(crate) name: String,
    /// `accept`, or `refuse` and where: `envelope`, `statement`, `signature` or `admission`.
    pub(crate) expect: &'static str,
    pub(crate) comment: String,
    pub(crate) keys: Vec<PublicKey>,
    /// The payload, where the envelope has one that is text.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) envelope: Vec<u8>,
}

impl Case {
    /// What this program says of it: for people, it binds nobody.
    fn error(&self) -> Option<String> {
        match Envelope::parse(&self.envelope) {
            Err(error) => Some(error.to_string()),
            Ok(envelope) => Statement::parse(envelope.payload()).err().map(|e| e.to_string()),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("expect: {}\ncomment: {}\n", self.expect, self.comment);
        for key in &self.keys {
            writeln!(text, "key: {key}").unwrap();
        }
        if let Some(payload) = &self.payload {
            let bare = Envelope::new(payload.clone(), Vec::new());
            writeln!(text, "statement: {}", bare.statement_id()).unwrap();
            writeln!(text, "payload: {}", std::str::from_utf8(payload).unwrap()).unwrap();
        }
        if let Some(error) = self.error() {
            writeln!(text, "error: {error}").unwrap();
        }
        if let Ok(envelope) = Envelope::parse(&self.envelope) {
            let canonical = String::from_utf8(envelope.to_canonical()).unwrap();
            if canonical.as_bytes() != self.envelope {
                writeln!(text, "canonical: {canonical}").unwrap();
            }
        }
        text.push('\n');
        text.push_str(std::str::from_utf8(&self.envelope).unwrap());
        text.push('\n');
        text
    }
}

pub(crate) fn key(seed: u8) -> PublicKey {
    samples::signer(seed).public_key().clone()
}

/// A payload, signed well, whatever it says.
pub(crate) fn signed(name: &str, expect: &'static str, comment: &str, payload: Vec<u8>) -> Case {
    let envelope = samples::envelope(&payload, ADA).to_canonical();
    Case {
        name: name.to_owned(),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA)],
        payload: Some(payload),
        envelope,
    }
}

pub(crate) fn payload_text(statement: &Statement) -> String {
    String::from_utf8(statement.to_payload().unwrap()).unwrap()
}

/// A valid statement with one thing changed in its text.
pub(crate) fn edited(
    name: &str,
    comment: &str,
    statement: &Statement,
    from: &str,
    to: &str,
) -> Case {
    let text = payload_text(statement);
    assert!(text.contains(from), "{name}: no {from:?} in {text}");
    let payload = text.replacen(from, to, 1).into_bytes();
    signed(&format!("statement_{name}"), "refuse statement", comment, payload)
}

/// The approval's envelope with one thing changed in its text.
pub(crate) fn respelt(
    name: &str,
    expect: &'static str,
    comment: &str,
    from: &str,
    to: &str,
) -> Case {
    let payload = samples::approval().to_payload().unwrap();
    let text = String::from_utf8(samples::envelope(&payload, ADA).to_canonical()).unwrap();
    assert!(text.contains(from), "{name}: no {from:?} in {text}");
    let envelope = text.replacen(from, to, 1).into_bytes();
    let parsed = Envelope::parse(&envelope).ok();
    Case {
        name: format!("envelope_{name}"),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA)],
        payload: parsed.map(|envelope| envelope.payload().to_vec()),
        envelope,
    }
}
