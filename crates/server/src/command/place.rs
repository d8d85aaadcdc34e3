use std::str::FromStr;

use alluvium_oss::{BucketName, ChannelName, ObjectKey};

/// A channel of a bucket, written `BUCKET/CHANNEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelPlace {
    pub(crate) bucket: BucketName,
    pub(crate) channel: ChannelName,
}

impl FromStr for ChannelPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (bucket, channel) = text.split_once('/').ok_or("BUCKET/CHANNEL is wanted")?;
        Ok(Self {
            bucket: bucket_name(bucket)?,
            channel: ChannelName::parse(channel).map_err(|error| error.message.into_owned())?,
        })
    }
}

impl std::fmt::Display for ChannelPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.bucket, self.channel)
    }
}

/// An object of a bucket, written `BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectPlace {
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
}

impl FromStr for ObjectPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (bucket, key) = text.split_once('/').ok_or("BUCKET/KEY is wanted")?;
        Ok(Self {
            bucket: bucket_name(bucket)?,
            key: ObjectKey::parse(key).map_err(|error| error.message.into_owned())?,
        })
    }
}

pub(crate) fn bucket_name(text: &str) -> Result<BucketName, String> {
    BucketName::parse(text)
        .map_err(|_| "3 to 63 lower-case letters, digits and hyphens, no hyphen at an end, are wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slash_ends_the_bucket() {
        let place: ObjectPlace = "videos/a//b".parse().unwrap();
        assert_eq!((place.bucket.as_str(), place.key.as_str()), ("videos", "a//b"));
        let place: ChannelPlace = "videos/live channel 2".parse().unwrap();
        assert_eq!(place.to_string(), "videos/live channel 2");
    }

    #[test]
    fn says_what_is_wrong_with_a_place() {
        for (text, part) in [
            ("videos", "BUCKET/CHANNEL"),
            ("V/c", "lower-case"),
            ("videos/", "empty"),
            ("videos/a/b", "slash"),
        ] {
            let error = text.parse::<ChannelPlace>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!("videos/".parse::<ObjectPlace>().is_err());
    }
}
