//! Published vectors: Ed25519's edge cases, and OpenSSH's own key and signature files.

use std::fs;
use std::path::PathBuf;

use countersign::base::encoding::{unbase64, unhex, unhex_array};
use countersign::key::ed25519::verify;
use countersign::key::{KeyError, KeyId, Presence, PublicKey, Signature, SignatureError};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::skipped;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors"))
}

fn vectors(name: &str) -> Option<String> {
    let path = folder().join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        skipped(&format!("no {name}"));
    }
    text
}

fn holds(key: &str, message: &[u8], signature: &str) -> bool {
    let key = unhex_array(key).unwrap();
    let Ok(signature) = unhex_array(signature) else { return false };
    verify(&key, message, &signature).is_ok()
}

#[derive(Deserialize)]
struct CctvCase {
    number: u32,
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<String>>,
}

/// Of 914 edge cases 43 hold, and none with a point of small order, a second spelling or a
/// residue that only a cofactor would clear. The check of the key bytes changes no answer
/// here, since every non-canonical key among them is of small order as well.
#[test]
fn cctv_edge_cases_hold_43_of_914() {
    let Some(text) = vectors("ed25519/cctv_ed25519vectors.json") else { return };
    let cases: Vec<CctvCase> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 914);
    let refused =
        ["low_order_R", "low_order_A", "non_canonical_R", "non_canonical_A", "low_order_residue"];
    let mut held = 0;
    for case in cases {
        if holds(&case.key, case.msg.as_bytes(), &case.sig) {
            held += 1;
            for flag in case.flags.unwrap_or_default() {
                assert!(!refused.contains(&flag.as_str()), "case {}: {flag}", case.number);
            }
        }
    }
    assert_eq!(held, 43);
}

#[derive(Deserialize)]
struct SpeccheckCase {
    message: String,
    pub_key: String,
    signature: String,
}

#[test]
fn speccheck_holds_number_3_alone() {
    let Some(text) = vectors("ed25519/speccheck_cases.json") else { return };
    let cases: Vec<SpeccheckCase> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 12);
    let held: Vec<usize> = (0..cases.len())
        .filter(|&number| {
            let case = &cases[number];
            holds(&case.pub_key, &unhex(&case.message).unwrap(), &case.signature)
        })
        .collect();
    assert_eq!(held, [3]);
}

#[derive(Deserialize)]
struct RfcCase {
    public: String,
    message: String,
    signature: String,
}

#[test]
fn rfc_8032_section_7_1_holds() {
    let Some(text) = vectors("ed25519/rfc8032_7.1.json") else { return };
    let cases: Vec<RfcCase> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let message = unhex(&case.message).unwrap();
        assert!(holds(&case.public, &message, &case.signature));
        let longer = [&message[..], b"\0"].concat();
        assert!(!holds(&case.public, &longer, &case.signature));
    }
}

#[test]
fn the_authors_own_vectors_hold() {
    let Some(text) = vectors("ed25519/sign.input_first128.txt") else { return };
    let mut count = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        // The last field is the signature and then the message again.
        let message = unhex(fields[2]).unwrap();
        assert!(holds(fields[1], &message, &fields[3][..128]));
        count += 1;
    }
    assert_eq!(count, 128);
}

/// ATTACKS x: each of OpenSSH's test keys has the fingerprint that OpenSSH's test says.
#[test]
fn openssh_test_keys_have_their_fingerprints() {
    let mut read = 0;
    for name in ["ed25519_1", "ed25519_2", "ed25519_sk1", "ed25519_sk2"] {
        let Some(line) = vectors(&format!("ssh/openssh_sshkey/{name}.pub")) else { return };
        let fingerprint = vectors(&format!("ssh/openssh_sshkey/{name}.fp")).unwrap();
        let key = PublicKey::from_openssh(&line).unwrap();
        assert_eq!(fingerprint.trim().parse::<KeyId>(), Ok(key.fingerprint()), "{name}");
        assert_eq!(key.is_security_key(), name.contains("sk"));
        assert!(line.starts_with(&key.to_openssh()));
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn openssh_certificates_and_other_algorithms_are_refused_by_name() {
    for (name, is_certificate) in [
        ("openssh_sshkey/ed25519_1-cert", true),
        ("openssh_sshkey/ed25519_sk1-cert", true),
        ("openssh_sshkey/mldsa44_ed25519_1", false),
        ("openssh_sshsig/rsa", false),
        ("openssh_sshsig/ecdsa", false),
        ("openssh_sshsig/ecdsa_sk", false),
    ] {
        let Some(line) = vectors(&format!("ssh/{name}.pub")) else { return };
        let algorithm = line.split(' ').next().unwrap().to_owned();
        let expected = if is_certificate {
            KeyError::Certificate { algorithm }
        } else {
            KeyError::Unsupported { algorithm }
        };
        assert_eq!(PublicKey::from_openssh(&line), Err(expected), "{name}");
    }
}

/// Takes strings off an SSHSIG: what OpenSSH signs when it signs files.
struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    fn next(&mut self) -> &'a [u8] {
        let (length, rest) = self.0.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap());
        let (value, rest) = rest.split_at(usize::try_from(length).unwrap());
        self.0 = rest;
        value
    }
}

/// The key, the bytes that were signed, and the signature of an armoured SSHSIG over `data`.
fn read_sshsig(armoured: &str, data: &[u8]) -> (PublicKey, Vec<u8>, Signature) {
    let body: String = armoured.lines().filter(|line| !line.starts_with('-')).collect();
    let blob = unbase64(&body).unwrap();
    let mut strings = Strings(blob.strip_prefix(b"SSHSIG\0\0\0\x01").unwrap());
    let key = PublicKey::from_blob(strings.next()).unwrap();
    let (namespace, reserved, hash) = (strings.next(), strings.next(), strings.next());
    let digest = if hash == b"sha512" {
        Sha512::digest(data).to_vec()
    } else {
        Sha256::digest(data).to_vec()
    };
    let mut signed = b"SSHSIG".to_vec();
    for part in [namespace, reserved, hash, &digest] {
        signed.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        signed.extend_from_slice(part);
    }
    let mut fields = Strings(strings.next());
    assert_eq!(fields.next(), key.algorithm().as_bytes());
    let bytes = fields.next().try_into().unwrap();
    let signature = match fields.0 {
        [] => Signature::Plain(bytes),
        [flags, counter @ ..] => {
            let counter = u32::from_be_bytes(counter.try_into().unwrap());
            Signature::Sk { signature: bytes, flags: *flags, counter }
        }
    };
    (key, signed, signature)
}

/// Signatures made by OpenSSH, a security key's among them. ATTACKS 15: without a touch is said so.
#[test]
fn openssh_signatures_hold_and_tell_of_a_touch() {
    let Some(data) = vectors("ssh/openssh_sshsig/signed-data") else { return };
    for (name, data, presence) in [
        ("openssh_sshsig/ed25519.sig", data.as_str(), Presence::None),
        ("openssh_sshsig/ed25519_sk.sig", data.as_str(), Presence::TouchClaimed),
        ("sk_no_touch_example.sshsig", "hello\n", Presence::None),
    ] {
        let armoured = vectors(&format!("ssh/{name}")).unwrap();
        let (key, signed, signature) = read_sshsig(&armoured, data.as_bytes());
        assert_eq!(key.verify(&signed, &signature), Ok(presence), "{name}");
        assert_eq!(key.verify(&signed[1..], &signature), Err(SignatureError::Mismatch), "{name}");
    }
}
