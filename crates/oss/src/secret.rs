//! The secret half of an access key.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret that never shows itself: `Debug` and `Display` print `***`, and comparing it takes a time that does not depend
/// on where the texts differ.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from view.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for signing and for storing, never for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is the secret.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_stars() {
        let secret = Secret::new("exampleSecretKey".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.expose(), "exampleSecretKey");
    }

    #[test]
    fn equals_the_same_text_only() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(secret("abc"), secret("abc"));
        for other in ["", "ab", "abd", "abcd"] {
            assert!(secret("abc") != secret(other) && !secret("abc").is(other), "{other}");
        }
    }
}
