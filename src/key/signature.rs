//! Signatures, plain and of FIDO security keys, and what their flags claim (`spec/keys.md`
//! sections 3 and 4).

use super::ed25519;
use super::public::{KeyError, PublicKey};
use crate::base::digest::sha256;

/// Flag of a security key: somebody touched it.
const FLAG_TOUCHED: u8 = 0x01;
/// Flag of a security key: it checked a PIN or a finger.
const FLAG_VERIFIED: u8 = 0x04;

/// A signature, in one of the two forms that exist. The form is told by the type of the key,
/// never by a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signature {
    /// Ed25519 over the message itself.
    Plain([u8; 64]),
    /// What a FIDO security key signs: never a plain signature over the message.
    Sk {
        /// Ed25519 over digests of application and message, with flags and counter between.
        signature: [u8; 64],
        /// What the key says happened: 0x01 touched, 0x04 PIN or finger checked.
        flags: u8,
        /// The key's own count of signatures; software keys may keep it constant.
        counter: u32,
    },
}

/// What a signature says of a person at the key. Always a claim of the key: software that
/// pretends to be one exists (ATTACKS 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// A plain key, or a security key that was not touched.
    None,
    /// The key says that it was touched.
    TouchClaimed,
    /// The key says that it was touched, and that it checked a PIN or a finger.
    VerifiedClaimed,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature is not of this key over this message.
    #[error("the signature does not match the message and the key")]
    Mismatch,
    /// A plain signature under a security key.
    #[error("a plain signature, but the key is a security key")]
    PlainForSecurityKey,
    /// No signature can hold under this key.
    #[error("{0}")]
    PublicKey(KeyError),
    /// A security key's signature under a plain key.
    #[error("a security key's signature, but the key is a plain one")]
    SecurityKeyForPlain,
}

impl PublicKey {
    /// Checks a signature over `message` and tells what it claims of a person's presence.
    ///
    /// # Errors
    /// [`SignatureError`] where it does not hold, whatever the reason.
    pub fn verify(
        &self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<Presence, SignatureError> {
        match (self.application(), signature) {
            (None, Signature::Plain(bytes)) => {
                ed25519::verify(self.key_bytes(), message, bytes)?;
                Ok(Presence::None)
            }
            (Some(application), Signature::Sk { signature, flags, counter }) => {
                let signed = sk_message(application, *flags, *counter, message);
                ed25519::verify(self.key_bytes(), &signed, signature)?;
                Ok(Presence::of_flags(*flags))
            }
            (None, Signature::Sk { .. }) => Err(SignatureError::SecurityKeyForPlain),
            (Some(_), Signature::Plain(_)) => Err(SignatureError::PlainForSecurityKey),
        }
    }
}

impl Presence {
    /// What flags claim. A checked PIN without a touch claims nothing: some keys remember the PIN.
    #[must_use]
    pub const fn of_flags(flags: u8) -> Self {
        match (flags & FLAG_TOUCHED != 0, flags & FLAG_VERIFIED != 0) {
            (false, _) => Self::None,
            (true, false) => Self::TouchClaimed,
            (true, true) => Self::VerifiedClaimed,
        }
    }

    /// How a verdict says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TouchClaimed => "touch claimed",
            Self::VerifiedClaimed => "verification claimed",
        }
    }
}

/// What a security key really signs: 69 bytes.
fn sk_message(application: &str, flags: u8, counter: u32, message: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(69);
    signed.extend_from_slice(&sha256(&[application.as_bytes()]));
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(&sha256(&[message]));
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::encoding::{base64, hex};
    use crate::key::{SeedSigner, Signer as _};

    /// A software security key: one more reason why a touch is only claimed (ATTACKS 15).
    fn sk_sign(application: &str, flags: u8, message: &[u8]) -> (PublicKey, Signature) {
        let seed = SeedSigner::from_seed(&[7; 32], "").unwrap();
        let key = PublicKey::security_key(*seed.public_key().key_bytes(), application).unwrap();
        let signature = seed.sign_plain(&sk_message(application, flags, 9, message));
        (key, Signature::Sk { signature, flags, counter: 9 })
    }

    #[test]
    fn plain_signatures_hold_for_their_message_only() {
        let seed = SeedSigner::from_seed(&[7; 32], "seed").unwrap();
        let signature = seed.sign(b"message").unwrap();
        let key = seed.public_key();
        assert_eq!(key.verify(b"message", &signature), Ok(Presence::None));
        assert_eq!(key.verify(b"massage", &signature), Err(SignatureError::Mismatch));
        let other = SeedSigner::from_seed(&[8; 32], "").unwrap();
        assert_eq!(
            other.public_key().verify(b"message", &signature),
            Err(SignatureError::Mismatch)
        );
        assert!(!format!("{seed:?}").contains("07070707"));
    }

    /// ATTACKS 15: flags are covered by the signature, and read as claims.
    #[test]
    fn flags_claim_presence_and_cannot_be_changed() {
        for (flags, presence) in [
            (0x00, Presence::None),
            (0x01, Presence::TouchClaimed),
            (0x04, Presence::None),
            (0x05, Presence::VerifiedClaimed),
        ] {
            let (key, signature) = sk_sign("ssh:", flags, b"m");
            assert_eq!(key.verify(b"m", &signature), Ok(presence));
            let Signature::Sk { signature, counter, .. } = signature else { unreachable!() };
            let forged = Signature::Sk { signature, flags: flags ^ 1, counter };
            assert_eq!(key.verify(b"m", &forged), Err(SignatureError::Mismatch));
            let forged = Signature::Sk { signature, flags, counter: counter + 1 };
            assert_eq!(key.verify(b"m", &forged), Err(SignatureError::Mismatch));
        }
        assert!(Presence::None < Presence::TouchClaimed);
        assert_eq!(Presence::TouchClaimed.as_str(), "touch claimed");
    }

    /// The key's type alone tells the form. A plain signature over the 69 bytes is the same 64
    /// bytes, and still no signature over the message.
    #[test]
    fn forms_never_stand_for_each_other() {
        let (sk, sk_signature) = sk_sign("ssh:", 1, b"m");
        let plain = PublicKey::ed25519(*sk.key_bytes()).unwrap();
        let Signature::Sk { signature, .. } = sk_signature else { unreachable!() };
        assert_eq!(plain.verify(b"m", &sk_signature), Err(SignatureError::SecurityKeyForPlain));
        assert_eq!(
            sk.verify(b"m", &Signature::Plain(signature)),
            Err(SignatureError::PlainForSecurityKey)
        );
        assert_eq!(plain.verify(b"m", &Signature::Plain(signature)), Err(SignatureError::Mismatch));
        // Another application is another key.
        let other = PublicKey::security_key(*sk.key_bytes(), "ssh:other").unwrap();
        assert_eq!(other.verify(b"m", &sk_signature), Err(SignatureError::Mismatch));
    }

    /// The example of `spec/keys.md` section 1.
    #[test]
    fn the_example_of_the_spec_holds() {
        let seed = SeedSigner::from_seed(&[7; 32], "").unwrap();
        let plain = seed.public_key().clone();
        assert_eq!(
            plain.to_openssh(),
            concat!(
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3au",
                "vr57kkIe6mkURtIs"
            )
        );
        assert_eq!(
            plain.fingerprint().to_string(),
            "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE"
        );
        let signature = seed.sign_plain(b"example");
        assert_eq!(
            base64(&signature),
            concat!(
                "R5G9lMIhIyWUF9gfKuQP30Ojv8SmDo+/dLqIS5GMaxffQCgSBcUG4220iyuX57Fi",
                "B8/uCAStgA2xvwthAo7GDA=="
            )
        );
        assert_eq!(plain.verify(b"example", &Signature::Plain(signature)), Ok(Presence::None));

        let sk = PublicKey::security_key(*plain.key_bytes(), "ssh:countersign").unwrap();
        assert_eq!(
            sk.to_openssh(),
            concat!(
                "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY",
                "29tAAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIsAAAAD3NzaDpjb",
                "3VudGVyc2lnbg=="
            )
        );
        assert_eq!(
            sk.fingerprint().to_string(),
            "SHA256:fOPsbCoso1L07V3Yj7QPPOLYfnfDt8biAfgljls/0Kg"
        );
        let signed = sk_message("ssh:countersign", 1, 5, b"example");
        assert_eq!(
            hex(&signed),
            concat!(
                "6ff52cac13b4c73a9bbaac908ddcfebc31d172379dd915230c2250e68ef3c104",
                "010000000550d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8cc",
                "acd0f6545c"
            )
        );
        let signature = seed.sign_plain(&signed);
        assert_eq!(
            base64(&signature),
            concat!(
                "jGWnOObvn6n/nEdIgczMXaIQhSEEQZ8/Z8IvDV6bCAF3DpvYTwAKxmHA7s331yDB",
                "4e6E3u4rVJ5OM9moFWBhBg=="
            )
        );
        let signature = Signature::Sk { signature, flags: 1, counter: 5 };
        assert_eq!(sk.verify(b"example", &signature), Ok(Presence::TouchClaimed));
    }
}
