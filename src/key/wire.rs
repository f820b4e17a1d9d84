//! The SSH wire encoding (RFC 4251 section 5): big-endian integers, strings with a length.

/// A value that ends before its stated length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truncated;

/// Reads values off the front of a slice; nothing is copied, so no length can allocate.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only signers read flags"))]
    pub(crate) fn u8(&mut self) -> Result<u8, Truncated> {
        Ok(self.bytes(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Truncated> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Truncated> {
        let length = usize::try_from(self.u32()?).map_err(|_| Truncated)?;
        self.bytes(length)
    }

    /// A string of exactly `N` bytes.
    pub(crate) fn string_array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        self.string()?.try_into().map_err(|_| Truncated)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a string with its length. Values here are far below 4 GiB; a longer one would be cut
/// at that length, so that what is written still parses.
pub(crate) fn put_string(buffer: &mut Vec<u8>, value: &[u8]) {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend(value.iter().take(usize::try_from(length).unwrap_or(usize::MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_end_is_truncated() {
        let mut buffer = Vec::new();
        put_string(&mut buffer, b"abc");
        assert_eq!(buffer, b"\0\0\0\x03abc");
        assert_eq!(Reader::new(&buffer).string(), Ok(&b"abc"[..]));
        assert_eq!(Reader::new(&buffer[..6]).string(), Err(Truncated));
        assert_eq!(Reader::new(b"\xff\xff\xff\xffabc").string(), Err(Truncated));
        assert_eq!(Reader::new(&buffer).string_array::<2>(), Err(Truncated));
    }
}
