//! The parameters of listings: channels, buckets, objects, uploads and their parts (contract, 1.6, 4.2 and 4.3).

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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

/// Which part of a bucket's objects is wanted, and how the answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectListParameters {
    /// Prefix, bound, and as the marker whatever the page begins after.
    pub list: ListParameters,
    /// Keys are folded at the first occurrence of this text after the prefix; never empty.
    pub delimiter: Option<String>,
    /// Whether keys, prefixes and markers are percent-encoded in the answer: `encoding-type=url`.
    pub url_encoded: bool,
    /// What the answer looks like.
    pub version: ListVersion,
}

/// The two ways to list objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListVersion {
    /// ListObjects: pages by marker, always with owners.
    V1,
    /// ListObjectsV2: pages by token.
    V2 {
        /// `start-after`, for the first page.
        start_after: String,
        /// `continuation-token`, which wins over `start-after`.
        continuation_token: Option<String>,
        /// Whether owners are shown.
        fetch_owner: bool,
    },
}

impl ObjectListParameters {
    /// Reads the query of ListObjects, first version.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            list: ListParameters::buckets(query)?,
            delimiter: delimiter(query)?,
            url_encoded: url_encoded(query)?,
            version: ListVersion::V1,
        })
    }

    /// Reads the query of ListObjectsV2.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, also for a token that no answer has given.
    pub fn parse_v2(query: &[(String, String)]) -> Result<Self, Error> {
        let start_after = text(query, "start-after", OBJECT_PREFIX_BYTES_MAX)?;
        let continuation_token = first(query, "continuation-token").filter(|token| !token.is_empty());
        let marker = match continuation_token {
            None => start_after.clone(),
            Some(token) => read_token(token).ok_or_else(|| {
                Error::invalid_argument("The continuation token is not valid.")
                    .with_argument("continuation-token", token)
            })?,
        };
        let version = ListVersion::V2 {
            start_after,
            continuation_token: continuation_token.map(str::to_owned),
            fetch_owner: first(query, "fetch-owner") == Some("true"),
        };
        Ok(Self {
            list: ListParameters {
                prefix: text(query, "prefix", OBJECT_PREFIX_BYTES_MAX)?,
                marker,
                max_keys: max_keys(query)?,
            },
            delimiter: delimiter(query)?,
            url_encoded: url_encoded(query)?,
            version,
        })
    }
}

/// Which part of a bucket's uploads is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadListParameters {
    /// Keys that begin so.
    pub prefix: String,
    /// Keys are folded at the first occurrence of this text after the prefix; never empty.
    pub delimiter: Option<String>,
    /// Uploads of keys after this one, by bytes.
    pub key_marker: String,
    /// With a key marker: also the uploads of that key with an id after this one.
    pub upload_id_marker: String,
    /// At most this many, 1 to 1000.
    pub max_uploads: u32,
    /// Whether keys, prefixes and markers are percent-encoded in the answer.
    pub url_encoded: bool,
}

impl UploadListParameters {
    /// Reads the query of ListMultipartUploads.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            prefix: text(query, "prefix", OBJECT_PREFIX_BYTES_MAX)?,
            delimiter: delimiter(query)?,
            key_marker: text(query, "key-marker", OBJECT_PREFIX_BYTES_MAX)?,
            upload_id_marker: text(query, "upload-id-marker", OBJECT_PREFIX_BYTES_MAX)?,
            max_uploads: number(query, "max-uploads", 1..=MAX_KEYS_MAX)?.unwrap_or(MAX_UPLOADS_DEFAULT),
            url_encoded: url_encoded(query)?,
        })
    }
}

/// Which of an upload's parts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartListParameters {
    /// Parts with greater numbers.
    pub part_number_marker: u32,
    /// At most this many, 1 to 1000.
    pub max_parts: u32,
    /// Whether the key is percent-encoded in the answer.
    pub url_encoded: bool,
}

impl PartListParameters {
    /// Reads the query of ListParts.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Error> {
        Ok(Self {
            part_number_marker: number(query, "part-number-marker", 0..=PART_NUMBER_MAX)?.unwrap_or_default(),
            max_parts: number(query, "max-parts", 1..=MAX_KEYS_MAX)?.unwrap_or(MAX_UPLOADS_DEFAULT),
            url_encoded: url_encoded(query)?,
        })
    }
}

/// The greatest number that a part of an upload can have; the least is 1.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// Reads the number of a part.
///
/// # Errors
///
/// `InvalidArgument` for anything but 1 to 10000.
pub fn part_number(query: &[(String, String)]) -> Result<u32, Error> {
    number(query, "partNumber", 1..=PART_NUMBER_MAX)?
        .ok_or_else(|| Error::invalid_argument("A part number is required.").with_argument("partNumber", ""))
}

/// Whether `encoding-type=url` was asked for.
///
/// # Errors
///
/// `InvalidArgument` for other types.
pub fn url_encoded(query: &[(String, String)]) -> Result<bool, Error> {
    match first(query, "encoding-type") {
        None | Some("") => Ok(false),
        Some("url") => Ok(true),
        Some(other) => {
            Err(Error::invalid_argument("The encoding-type must be url.").with_argument("encoding-type", other))
        }
    }
}

/// A key or prefix as a token, of which clients must expect nothing: no percent-encoding changes it.
pub(crate) fn token(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

fn read_token(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

fn delimiter(query: &[(String, String)]) -> Result<Option<String>, Error> {
    let delimiter = text(query, "delimiter", OBJECT_PREFIX_BYTES_MAX)?;
    Ok((!delimiter.is_empty()).then_some(delimiter))
}

fn max_keys(query: &[(String, String)]) -> Result<u32, Error> {
    Ok(number(query, "max-keys", 1..=MAX_KEYS_MAX)?.unwrap_or(MAX_KEYS_DEFAULT))
}

/// Some clients send every parameter, empty where they have no value.
fn number(query: &[(String, String)], name: &'static str, allowed: RangeInclusive<u32>) -> Result<Option<u32>, Error> {
    let value = match first(query, name) {
        None | Some("") => return Ok(None),
        Some(value) => value,
    };
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && allowed.contains(number));
    number.map(Some).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        Error::invalid_argument(format!("{name} must be an integer between {least} and {most}."))
            .with_argument(name, value)
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

/// Uploads and parts are listed as many as there may be, unless the client says otherwise.
const MAX_UPLOADS_DEFAULT: u32 = 1000;

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
                version: ListVersion::V1,
            };
            assert_eq!(ObjectListParameters::parse(&query).unwrap(), objects);
            let version = ListVersion::V2 {
                start_after: String::new(),
                continuation_token: None,
                fetch_owner: false,
            };
            let objects = ObjectListParameters { version, ..objects };
            assert_eq!(ObjectListParameters::parse_v2(&query).unwrap(), objects);
            let uploads = UploadListParameters::parse(&query).unwrap();
            assert_eq!(
                (uploads.max_uploads, &*uploads.key_marker, uploads.delimiter),
                (1000, "", None)
            );
            let parts = PartListParameters::parse(&query).unwrap();
            assert_eq!((parts.max_parts, parts.part_number_marker), (1000, 0));
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
                url_encoded: true,
                version: ListVersion::V1,
            }
        );
    }

    #[test]
    fn a_token_wins_over_where_to_start() {
        let after = "鍵/a+b \u{1}";
        let token = token(after);
        let pairs = [
            ("start-after", "z"),
            ("continuation-token", &*token),
            ("fetch-owner", "true"),
        ];
        let parameters = ObjectListParameters::parse_v2(&query(&pairs)).unwrap();
        assert_eq!(parameters.list.marker, after);
        let version = ListVersion::V2 {
            start_after: "z".into(),
            continuation_token: Some(token.clone()),
            fetch_owner: true,
        };
        assert_eq!(parameters.version, version);
        assert_eq!(crate::percent::encode(&token), token);
        for wrong in ["a", "a=", "%", "____"] {
            let error = ObjectListParameters::parse_v2(&query(&[("continuation-token", wrong)])).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{wrong}");
        }
        let started = ObjectListParameters::parse_v2(&query(&pairs[..1])).unwrap();
        assert_eq!(started.list.marker, "z");
    }

    #[test]
    fn parts_are_numbered_from_1_to_10000() {
        for (value, expected) in [
            ("1", Some(1)),
            ("10000", Some(10_000)),
            ("0", None),
            ("10001", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(part_number(&query(&[("partNumber", value)])).ok(), expected, "{value}");
        }
        for (name, value) in [
            ("part-number-marker", "10001"),
            ("max-parts", "0"),
            ("max-parts", "1001"),
        ] {
            assert!(
                PartListParameters::parse(&query(&[(name, value)])).is_err(),
                "{name}={value}"
            );
        }
        for (name, value) in [("max-uploads", "0"), ("max-uploads", "1001"), ("encoding-type", "x")] {
            assert!(
                UploadListParameters::parse(&query(&[(name, value)])).is_err(),
                "{name}={value}"
            );
        }
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
