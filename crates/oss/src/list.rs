//! The parameters of listings: ListLiveChannel, ListBuckets and ListObjects (contract, 1.6, 4.2 and 4.3).

use crate::error::Error;
use crate::percent::first;

/// Which part of a sorted listing is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListParameters {
    /// Names that begin so.
    pub prefix: String,
    /// Names strictly after this one, by bytes.
    pub marker: String,
    /// At most this many, 1 to 1000.
    pub max_keys: u32,
}

impl ListParameters {
    /// Reads the query of ListLiveChannel.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` with EC 0044-00000101 to 103, in this order, for `max-keys`, `prefix` and `marker`.
    pub fn live_channels(query: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            max_keys: max_keys(query).map_err(|error| error.with_ec("0044-00000101"))?,
            prefix: text(query, "prefix", CHANNEL_PREFIX_BYTES_MAX).map_err(|error| error.with_ec("0044-00000102"))?,
            marker: text(query, "marker", CHANNEL_PREFIX_BYTES_MAX).map_err(|error| error.with_ec("0044-00000103"))?,
        })
    }

    /// Reads the query of ListBuckets.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`.
    pub fn buckets(query: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            max_keys: max_keys(query)?,
            prefix: text(query, "prefix", OBJECT_PREFIX_BYTES_MAX)?,
            marker: text(query, "marker", OBJECT_PREFIX_BYTES_MAX)?,
        })
    }
}

/// Which part of a bucket's objects is wanted, and how keys are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectListParameters {
    /// Prefix, marker and bound.
    pub list: ListParameters,
    /// Keys are folded at the first occurrence of this text after the prefix; never empty.
    pub delimiter: Option<String>,
    /// Whether keys, prefixes and markers are percent-encoded in the answer: `encoding-type=url`.
    pub url_encoded: bool,
}

impl ObjectListParameters {
    /// Reads the query of ListObjects, first version.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Error> {
        let url_encoded = match first(query, "encoding-type") {
            None | Some("") => false,
            Some("url") => true,
            Some(other) => {
                return Err(
                    Error::invalid_argument("The encoding-type must be url.").with_argument("encoding-type", other)
                );
            }
        };
        let delimiter = text(query, "delimiter", OBJECT_PREFIX_BYTES_MAX)?;
        Ok(Self {
            list: ListParameters::buckets(query)?,
            delimiter: (!delimiter.is_empty()).then_some(delimiter),
            url_encoded,
        })
    }
}

/// Some clients send every parameter, empty where they have no value.
fn max_keys(query: &[(String, String)]) -> Result<u32, Error> {
    let value = match first(query, "max-keys") {
        None | Some("") => return Ok(MAX_KEYS_DEFAULT),
        Some(value) => value,
    };
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|number| digits && (1..=MAX_KEYS_MAX).contains(number))
        .ok_or_else(|| {
            Error::invalid_argument("max-keys must be an integer between 1 and 1000.").with_argument("max-keys", value)
        })
}

fn text(query: &[(String, String)], name: &'static str, bytes_max: usize) -> Result<String, Error> {
    let value = first(query, name).unwrap_or_default();
    if value.len() > bytes_max {
        return Err(
            Error::invalid_argument(format!("The length of {name} must not exceed {bytes_max} bytes."))
                .with_argument(name, value),
        );
    }
    Ok(value.to_owned())
}

const MAX_KEYS_DEFAULT: u32 = 100;
const MAX_KEYS_MAX: u32 = 1000;

/// "At most 1024 bytes".
const CHANNEL_PREFIX_BYTES_MAX: usize = 1024;

/// "Under 1024 bytes".
const OBJECT_PREFIX_BYTES_MAX: usize = 1023;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn absent_and_empty_parameters_take_their_defaults() {
        let default = ListParameters {
            prefix: String::new(),
            marker: String::new(),
            max_keys: 100,
        };
        let empty = query(&[
            ("prefix", ""),
            ("marker", ""),
            ("max-keys", ""),
            ("delimiter", ""),
            ("encoding-type", ""),
        ]);
        for query in [Vec::new(), empty] {
            assert_eq!(ListParameters::live_channels(&query).unwrap(), default);
            assert_eq!(ListParameters::buckets(&query).unwrap(), default);
            let objects = ObjectListParameters {
                list: default.clone(),
                delimiter: None,
                url_encoded: false,
            };
            assert_eq!(ObjectListParameters::parse(&query).unwrap(), objects);
        }
    }

    #[test]
    fn reads_every_parameter() {
        let pairs = [
            ("delimiter", "/"),
            ("encoding-type", "url"),
            ("max-keys", "1000"),
            ("prefix", "a"),
            ("marker", "b"),
        ];
        let parameters = ObjectListParameters::parse(&query(&pairs)).unwrap();
        let list = ListParameters {
            prefix: "a".into(),
            marker: "b".into(),
            max_keys: 1000,
        };
        assert_eq!(
            parameters,
            ObjectListParameters {
                list,
                delimiter: Some("/".into()),
                url_encoded: true
            }
        );
    }

    #[test]
    fn each_parameter_of_channel_listings_has_its_code() {
        let long = "é".repeat(512) + "x";
        for (name, value, ec) in [
            ("max-keys", "0", "0044-00000101"),
            ("max-keys", "1001", "0044-00000101"),
            ("max-keys", "-1", "0044-00000101"),
            ("max-keys", "+5", "0044-00000101"),
            ("max-keys", "many", "0044-00000101"),
            ("prefix", long.as_str(), "0044-00000102"),
            ("marker", long.as_str(), "0044-00000103"),
        ] {
            let error = ListParameters::live_channels(&query(&[(name, value)])).unwrap_err();
            assert_eq!(
                (error.code, error.ec),
                (ErrorCode::InvalidArgument, Some(ec)),
                "{name}={value}"
            );
        }
        assert!(ListParameters::live_channels(&query(&[("prefix", &"é".repeat(512))])).is_ok());
    }

    #[test]
    fn listings_of_objects_have_bounds_of_their_own() {
        for (name, value) in [
            ("prefix", "x".repeat(1024)),
            ("marker", "x".repeat(1024)),
            ("delimiter", "x".repeat(1024)),
            ("encoding-type", "base64".to_owned()),
            ("max-keys", "0".to_owned()),
        ] {
            let error = ObjectListParameters::parse(&query(&[(name, &value)])).unwrap_err();
            assert_eq!((error.code, error.ec), (ErrorCode::InvalidArgument, None), "{name}");
        }
        assert!(ObjectListParameters::parse(&query(&[("prefix", &"x".repeat(1023))])).is_ok());
    }
}
