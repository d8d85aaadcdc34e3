use std::fmt;

/// What a server is to do with the bytes of a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// The publish is accepted, and what it brings is recorded.
    Recorded,
    /// It is refused, or ended, with this status code.
    Refused(String),
    /// The connection ends: the protocol is broken.
    Error,
}

impl Expectation {
    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "recorded" => Some(Self::Recorded),
            "error" => Some(Self::Error),
            _ => text
                .strip_prefix("refused: ")
                .filter(|code| !code.is_empty())
                .map(|code| Self::Refused(code.to_owned())),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorded => f.write_str("recorded"),
            Self::Refused(code) => write!(f, "refused: {code}"),
            Self::Error => f.write_str("error"),
        }
    }
}
