use crate::error::Error;
use crate::percent::{self, Plus};

/// The parameters of a publish URL, each name once.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the pieces of the query. A parameter that stands in several pieces with the same value is one parameter: encoders
    /// repeat the query of the app in `tcUrl`, or in the name.
    pub(super) fn collect(queries: &[String]) -> Result<Self, Error> {
        let mut collected: Vec<(String, String)> = Vec::new();
        for query in queries {
            let piece = decode(query)?;
            let before = collected.len();
            for (name, value) in piece {
                match collected.iter().position(|(other, _)| *other == name) {
                    None if collected.len() == PARAMETERS_MAX => {
                        return Err(Error::invalid_argument(format!(
                            "The publish URL has more than {PARAMETERS_MAX} parameters."
                        )));
                    }
                    None => collected.push((name, value)),
                    Some(at) if at < before && collected[at].1 == value => {}
                    Some(_) => {
                        return Err(Error::invalid_argument(format!(
                            "The publish URL has the parameter {} more than once.",
                            name.chars().take(NAME_CHARS_MAX).collect::<String>()
                        )));
                    }
                }
            }
        }
        Ok(Self(collected))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        percent::first(&self.0, name)
    }

    pub(super) fn into_inner(self) -> Vec<(String, String)> {
        self.0
    }
}

/// A second question mark separates like an ampersand: no library leaves one in a value.
fn decode(query: &str) -> Result<Vec<(String, String)>, Error> {
    percent::decode_query(&query.replace('?', "&"), Plus::Itself)
        .ok_or_else(|| Error::invalid_argument("The parameters of the publish URL must be utf-8."))
}

/// The libraries send five; the rest is for parameters of the publisher's own.
const PARAMETERS_MAX: usize = 64;

const NAME_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(queries: &[&str]) -> Result<Vec<(String, String)>, Error> {
        let queries: Vec<_> = queries.iter().map(|query| (*query).to_owned()).collect();
        Parameters::collect(&queries).map(Parameters::into_inner)
    }

    #[test]
    fn repeated_pieces_are_one() {
        let both = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(collect(&["a=1&b=2"]).unwrap(), both);
        assert_eq!(collect(&["a=1", "a=1&b=2", "b=2"]).unwrap(), both);
        assert_eq!(collect(&["a=1?b=2"]).unwrap(), both);
    }

    #[test]
    fn duplicates_are_refused_in_words() {
        for queries in [&["a=1&a=1"][..], &["a=1&a=2"], &["a=1", "a=2"]] {
            let error = collect(queries).unwrap_err();
            assert_eq!(error.message, "The publish URL has the parameter a more than once.");
        }
    }

    #[test]
    fn parameters_are_bounded() {
        let query = |count: usize| {
            (0..count)
                .map(|number| format!("p{number}=1"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert_eq!(collect(&[&query(PARAMETERS_MAX)]).unwrap().len(), PARAMETERS_MAX);
        let error = collect(&[&query(PARAMETERS_MAX + 1)]).unwrap_err();
        assert_eq!(error.message, "The publish URL has more than 64 parameters.");
    }
}
