use std::fmt::Write;

use crate::error::{Error, ErrorCode};

/// `SignatureDoesNotMatch`, with what a person needs to find the difference (contract, 3.6).
pub(super) fn mismatch(text: &str, provided: &str, access_key_id: &str) -> Error {
    Error::from(ErrorCode::SignatureDoesNotMatch)
        .with_detail("StringToSign", text)
        .with_detail("StringToSignBytes", spaced_hex(text))
        .with_detail("SignatureProvided", provided)
        .with_detail("OSSAccessKeyId", access_key_id)
}

/// `47 45 54 0A`: two digits a byte.
fn spaced_hex(text: &str) -> String {
    let mut spaced = String::with_capacity(3 * text.len());
    for (at, byte) in text.bytes().enumerate() {
        let space = if at == 0 { "" } else { " " };
        write!(spaced, "{space}{byte:02X}").expect("writing to a string does not fail");
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_and_bytes() {
        let error = mismatch("GET\n/測", "abc=", "id");
        assert_eq!(error.ec, Some("0002-00000040"));
        let details: Vec<_> = error
            .details
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            details,
            [
                ("StringToSign", "GET\n/測"),
                ("StringToSignBytes", "47 45 54 0A 2F E6 B8 AC"),
                ("SignatureProvided", "abc="),
                ("OSSAccessKeyId", "id"),
            ]
        );
    }
}
