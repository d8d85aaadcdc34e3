//! Keyed hashes, and the comparison that tells nothing by its duration.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Base64 of HMAC-SHA1, as version 1 and publish URLs use it.
pub(super) fn sha1_base64(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Base64 of HMAC-SHA256, as version 2 uses it.
pub(super) fn sha256_base64(secret: &str, text: &str) -> String {
    STANDARD.encode(sha256(secret.as_bytes(), text))
}

pub(super) fn sha256(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

pub(super) fn digest_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string does not fail");
            text
        })
}

/// Whether two signatures are the same, in a time that does not depend on where they differ.
pub(super) fn same(calculated: &str, provided: &str) -> bool {
    calculated.as_bytes().ct_eq(provided.as_bytes()).into()
}
