//! Strict encodings: each value has one spelling, and every other is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// A text that is not the one spelling of any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Base64 that is not RFC 4648 section 4 with padding and zero spare bits.
    #[error("not canonical base64")]
    Base64,
    /// A decimal with a sign, a leading zero, another character, or above 2^53 - 1.
    #[error("not a canonical decimal number")]
    Decimal,
    /// Hexadecimal with upper case or of an odd length.
    #[error("not lower-case hexadecimal")]
    Hex,
    /// Well spelt, but of another length than the value has.
    #[error("wrong length: expected {expected} bytes, found {found}")]
    Length {
        /// Bytes that the value has.
        expected: usize,
        /// Bytes that were there.
        found: usize,
    },
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Bytes of lower-case hexadecimal.
///
/// # Errors
/// [`EncodingError::Hex`] on upper case, other characters or an odd length.
pub fn unhex(text: &str) -> Result<Vec<u8>, EncodingError> {
    fn digit(byte: u8) -> Result<u8, EncodingError> {
        match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(EncodingError::Hex),
        }
    }
    if !text.len().is_multiple_of(2) {
        return Err(EncodingError::Hex);
    }
    text.as_bytes().chunks_exact(2).map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Exactly `N` bytes of lower-case hexadecimal.
///
/// # Errors
/// As [`unhex`], and [`EncodingError::Length`].
pub fn unhex_array<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    // The length first: nothing is allocated for a text that cannot be right.
    if text.len() != N * 2 {
        return Err(EncodingError::Length { expected: N, found: text.len() / 2 });
    }
    let bytes = unhex(text)?;
    bytes.try_into().map_err(|_| EncodingError::Hex)
}

/// Standard base64 with padding (RFC 4648 section 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes of canonical standard base64.
///
/// # Errors
/// [`EncodingError::Base64`] on anything else, line breaks and URL-safe letters included.
pub fn unbase64(text: &str) -> Result<Vec<u8>, EncodingError> {
    STANDARD.decode(text).map_err(|_| EncodingError::Base64)
}

/// Exactly `N` bytes of canonical standard base64.
///
/// # Errors
/// As [`unbase64`], and [`EncodingError::Length`].
pub fn unbase64_array<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    if text.len() != N.div_ceil(3) * 4 {
        return Err(EncodingError::Length { expected: N, found: text.len() / 4 * 3 });
    }
    let bytes = unbase64(text)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| EncodingError::Length { expected: N, found })
}

/// Bytes of base64 as DSSE lets others write it: standard, or URL-safe with or without padding.
/// Only for statements that are handed in; what is stored is written by [`base64()`].
///
/// # Errors
/// [`EncodingError::Base64`] on anything else.
pub fn unbase64_any(text: &str) -> Result<Vec<u8>, EncodingError> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text))
        .map_err(|_| EncodingError::Base64)
}

/// A canonical decimal from 0 to 2^53 - 1.
///
/// # Errors
/// [`EncodingError::Decimal`] on signs, leading zeros, other characters and larger numbers.
pub fn undecimal(text: &str) -> Result<u64, EncodingError> {
    let canonical = (text == "0" || !text.starts_with('0'))
        && (1..=16).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = text.parse().map_err(|_| EncodingError::Decimal)?;
    if canonical && number <= super::limits::INTEGER_MAX {
        Ok(number)
    } else {
        Err(EncodingError::Decimal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS w: spare bits, URL-safe letters, line breaks and missing padding are other
    /// spellings.
    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(unbase64("AQ==").unwrap(), [1]);
        for other in ["AR==", "AQ", "AQ=", "AQ==\n", "A-__", "A Q=="] {
            assert_eq!(unbase64(other), Err(EncodingError::Base64), "{other:?}");
        }
        assert_eq!(unbase64_any("-_8").unwrap(), [0xfb, 0xff]);
    }

    #[test]
    fn decimal_has_one_spelling() {
        assert_eq!(undecimal("0").unwrap(), 0);
        assert_eq!(undecimal("9007199254740991").unwrap(), 9_007_199_254_740_991);
        for other in
            ["", "00", "01", "+1", "-0", "1e2", " 1", "9007199254740992", "99999999999999999999"]
        {
            assert_eq!(undecimal(other), Err(EncodingError::Decimal), "{other:?}");
        }
    }
}
