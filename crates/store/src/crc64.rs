use crc_fast::{CrcAlgorithm, Digest};

/// The CRC-64 of bytes that come in pieces.
///
/// CRC-64/XZ: the polynomial of ECMA-182, reflected, initial value and final exclusive-or all ones. It is what the API
/// shows as `x-oss-hash-crc64ecma`.
#[derive(Clone)]
pub struct Crc64(Digest);

impl Crc64 {
    /// The CRC-64 of no bytes.
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Xz))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The value for all bytes so far; more may follow.
    pub fn finish(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crc64({:016X})", self.finish())
    }
}

/// The CRC-64/XZ of `bytes`.
///
/// ```
/// assert_eq!(alluvium_store::crc64(b"123456789"), 11_051_210_869_376_104_954);
/// assert_eq!(alluvium_store::crc64(b""), 0);
/// ```
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Xz, bytes)
}

/// The CRC-64/XZ of bytes whose first part has one CRC-64 and whose second part, of `second_length` bytes, has another.
///
/// ```
/// use alluvium_store::{crc64, crc64_combine};
/// assert_eq!(crc64_combine(crc64(b"12345"), crc64(b"6789"), 4), crc64(b"123456789"));
/// ```
pub fn crc64_combine(first: u64, second: u64, second_length: u64) -> u64 {
    crc_fast::checksum_combine(CrcAlgorithm::Crc64Xz, first, second, second_length)
}

/// The ETag of an object that Alluvium itself writes while recording: 32 upper-case hexadecimal digits, no quotes.
///
/// It is made of the CRC-64 and the length, which are known when the last byte is muxed; an MD5 would cost more than
/// everything else done to a segment.
///
/// ```
/// assert_eq!(alluvium_store::recorded_etag(0xAB, 188), "00000000000000AB00000000000000BC");
/// ```
pub fn recorded_etag(crc64: u64, length: u64) -> String {
    format!("{crc64:016X}{length:016X}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_split_gives_the_same_value(bytes: Vec<u8>, at: prop::sample::Index) {
            let at = at.index(bytes.len() + 1);
            let mut crc = Crc64::new();
            crc.update(&bytes[..at]);
            crc.update(&bytes[at..]);
            prop_assert_eq!(crc.finish(), crc64(&bytes));
            let (first, second) = bytes.split_at(at);
            prop_assert_eq!(crc64_combine(crc64(first), crc64(second), second.len() as u64), crc64(&bytes));
        }
    }

    #[test]
    fn a_value_may_be_asked_for_on_the_way() {
        let mut crc = Crc64::new();
        crc.update(b"12345");
        assert_eq!(crc.finish(), crc64(b"12345"));
        crc.update(b"6789");
        assert_eq!(crc.finish(), 11_051_210_869_376_104_954);
    }
}
