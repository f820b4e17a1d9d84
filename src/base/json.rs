//! Strict JSON (`spec/statement.md` section 2): the grammar of everything signed and of leaves.
//!
//! Two readers must never see two meanings. So on top of RFC 8259: an object without white space
//! around it, no duplicate member at any depth (compared after unescaping), integers from 0 to
//! 2^53 - 1 only, no lone surrogates, depth at most 16, no trailing bytes. Members that a type
//! does not know are refused by the type itself (`deny_unknown_fields`).

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::limits::{INTEGER_MAX, JSON_DEPTH_MAX};

/// Why bytes are not strict JSON, or not of the expected shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Bytes before the first `{` or after the last `}`.
    #[error("not a single JSON object without surrounding bytes")]
    NotAnObject,
    /// More bytes than the caller allows.
    #[error("too large: {found} bytes, at most {limit} are read")]
    TooLarge {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Breaks the strict grammar or the expected shape.
    #[error("{0}")]
    Malformed(String),
}

/// Parses one strict JSON object of at most `limit_bytes` bytes.
///
/// # Errors
/// [`JsonError`] where the bytes break the strict grammar or do not have the shape of `T`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, JsonError> {
    check(bytes, limit_bytes)?;
    serde_json::from_slice(bytes).map_err(|error| JsonError::Malformed(error.to_string()))
}

/// Parses one strict JSON object, and refuses what `T` would write in another way.
///
/// A derived reader also takes an array for an object, `null` for an absent member, an empty list
/// where none is written, and `{"word":null}` for `"word"`. Each is a second spelling, and another
/// implementation may read it otherwise. Only the order of members, white space between them and
/// escapes are free.
///
/// # Errors
/// As [`parse`], and [`JsonError::Malformed`] on a second spelling.
pub fn parse_exact<T>(bytes: &[u8], limit_bytes: usize) -> Result<T, JsonError>
where
    T: DeserializeOwned + Serialize,
{
    let value: T = parse(bytes, limit_bytes)?;
    let malformed = |error: serde_json::Error| JsonError::Malformed(error.to_string());
    // Nearly everything is spelt as it is written here, byte by byte, and needs no other look.
    if serde_json::to_vec(&value).map_err(malformed)? == bytes {
        return Ok(value);
    }
    let found: serde_json::Value = serde_json::from_slice(bytes).map_err(malformed)?;
    if serde_json::to_value(&value).map_err(malformed)? == found {
        Ok(value)
    } else {
        Err(JsonError::Malformed(
            "a member is spelt otherwise than it is written (null, an empty list, or an array \
             for an object)"
                .to_owned(),
        ))
    }
}

/// Checks the strict grammar alone.
///
/// # Errors
/// [`JsonError`] where the bytes break it.
pub fn check(bytes: &[u8], limit_bytes: usize) -> Result<(), JsonError> {
    if bytes.len() > limit_bytes {
        return Err(JsonError::TooLarge { found: bytes.len(), limit: limit_bytes });
    }
    if bytes.first() != Some(&b'{') || bytes.last() != Some(&b'}') {
        return Err(JsonError::NotAnObject);
    }
    // serde_json replaces nothing: invalid UTF-8 in a string is an error, but say so plainly.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::Malformed(format!("not UTF-8: {error}")))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict { depth: 1 }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| JsonError::Malformed(error.to_string()))
}

/// Visits a value only to refuse what is not strict; `depth` counts the containers around it.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth > JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {JSON_DEPTH_MAX}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a strict JSON value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        if number > INTEGER_MAX {
            return Err(E::custom("integer above 2^53 - 1"));
        }
        Ok(())
    }

    // Negative numbers, fractions, exponents and "-0" arrive here: none is in the grammar.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Err(E::custom("negative number"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom("not an integer from 0 to 2^53 - 1"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while sequence.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                return Err(de::Error::custom(format_args!("duplicate member {name:?}")));
            }
            map.next_value_seed(inside)?;
            names.insert(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS 36: what two readers would read differently is refused.
    #[test]
    fn json_that_two_readers_read_differently_is_refused() {
        let depth =
            |count: usize| format!("{}{}{}", "{\"a\":".repeat(count), "1", "}".repeat(count));
        check(br#"{"a":[1,"\ud83d\ude00",null,true,{}],"b":9007199254740991}"#, 1000).unwrap();
        check(depth(16).as_bytes(), 1000).unwrap();
        let refused: Vec<Vec<u8>> = vec![
            br#"{"a":1,"a":2}"#.to_vec(),
            br#"{"a":1,"\u0061":2}"#.to_vec(),
            br#"{"x":{"a":1,"a":2}}"#.to_vec(),
            br#"{"a":1.0}"#.to_vec(),
            br#"{"a":1e2}"#.to_vec(),
            br#"{"a":-1}"#.to_vec(),
            br#"{"a":-0}"#.to_vec(),
            br#"{"a":01}"#.to_vec(),
            br#"{"a":NaN}"#.to_vec(),
            br#"{"a":9007199254740992}"#.to_vec(),
            br#"{"a":18446744073709551616}"#.to_vec(),
            br#"{"a":"\ud800"}"#.to_vec(),
            br#"{"a":1} "#.to_vec(),
            br#" {"a":1}"#.to_vec(),
            br#"{"a":1}{}"#.to_vec(),
            br"[1]".to_vec(),
            b"\xef\xbb\xbf{\"a\":1}".to_vec(),
            b"{\"a\":\"\xff\"}".to_vec(),
            b"".to_vec(),
            depth(17).into_bytes(),
            depth(100_000).into_bytes(),
        ];
        for bytes in refused {
            assert!(check(&bytes, 1_000_000).is_err(), "{}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(check(b"{\"a\":1}", 6), Err(JsonError::TooLarge { found: 7, limit: 6 }));
    }

    #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        list: Vec<u8>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        number: u8,
    }

    /// ATTACKS 36: what a derived reader takes besides the one spelling is refused.
    #[test]
    fn a_second_spelling_of_a_member_is_refused() {
        let exact = |text: &str| parse_exact::<Outer>(text.as_bytes(), 1000);
        assert_eq!(exact("{}").unwrap(), Outer { inner: None, list: Vec::new() });
        let whole = Outer { inner: Some(Inner { number: 1 }), list: vec![2] };
        assert_eq!(exact(r#"{ "l\u0069st":[2], "inner":{"number":1}}"#).unwrap(), whole);
        for text in [r#"{"inner":null}"#, r#"{"inner":[1]}"#, r#"{"list":[]}"#] {
            assert!(parse::<Outer>(text.as_bytes(), 1000).is_ok(), "{text}");
            assert!(exact(text).is_err(), "{text}");
        }
    }
}
