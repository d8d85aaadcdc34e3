//! The names of buckets, channels, objects and playlists (contract, 1.0, 1.1, 1.10 and 4.2).

use std::borrow::Borrow;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::error::{Error, ErrorCode};
use crate::time::UnixTime;

/// Declares a name: shared text that was checked when it was made.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// A bucket's name: 3 to 63 of `a-z`, `0-9` and `-`, with a letter or digit at both ends.
    BucketName
}

impl BucketName {
    /// Checks a bucket's name.
    ///
    /// # Errors
    ///
    /// `InvalidBucketName`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        let valid = (BUCKET_NAME_BYTES_MIN..=BUCKET_NAME_BYTES_MAX).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-');
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(ErrorCode::InvalidBucketName.into())
        }
    }
}

name! {
    /// A live channel's name: 1 to 63 bytes of UTF-8 without a slash, and without a backslash in front, because it begins
    /// the keys of the channel's objects.
    ChannelName
}

impl ChannelName {
    /// Checks a channel's name.
    ///
    /// # Errors
    ///
    /// `InvalidChannelName`, with the EC of its length or slash.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |message| Error::new(ErrorCode::InvalidChannelName, message);
        if text.is_empty() {
            return Err(refuse("The live channel name must not be empty."));
        }
        if text.len() > CHANNEL_NAME_BYTES_MAX {
            return Err(refuse("The length of live channel name must be less than 64.").with_ec("0017-00000258"));
        }
        if text.contains('/') {
            return Err(refuse("The live channel name must not contain a slash.").with_ec("0017-00000260"));
        }
        if text.starts_with('\\') {
            return Err(refuse("The live channel name must not begin with a backslash."));
        }
        Ok(Self(text.into()))
    }

    /// Checks a channel's name whose bytes may not be UTF-8.
    ///
    /// # Errors
    ///
    /// `InvalidChannelName`.
    pub fn from_utf8(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorCode::InvalidChannelName, "The live channel name must be utf-8."))?;
        Self::parse(text)
    }

    /// The key of the segment that began at `name`: `<channel>/<13-digit milliseconds>.ts`.
    pub fn segment_key(&self, name: UnixTime) -> ObjectKey {
        let mut key = format!("{}/", self.0);
        Self::write_segment_file(name, &mut key);
        ObjectKey(key.into())
    }

    /// Adds what stands behind the channel in the key of a segment, which is how the playlists beside it name it.
    pub fn write_segment_file(name: UnixTime, text: &mut String) {
        write!(text, "{:013}{SEGMENT_SUFFIX}", name.as_millis().max(0)).expect("a String takes any text");
    }

    /// The key of the channel's playlist of this name: `<channel>/<playlist>`.
    pub fn playlist_key(&self, playlist: &PlaylistName) -> ObjectKey {
        ObjectKey(format!("{}/{}", self.0, playlist.0).into())
    }
}

name! {
    /// An object's key: 1 to 1023 bytes of UTF-8 that do not begin with `/` or `\`. Otherwise opaque: `a//b`, `..` and a
    /// trailing `/` are ordinary.
    ObjectKey
}

impl ObjectKey {
    /// Checks an object's key.
    ///
    /// # Errors
    ///
    /// `InvalidObjectName`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let valid = (1..=OBJECT_KEY_BYTES_MAX).contains(&text.len()) && !text.starts_with(['/', '\\']);
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(ErrorCode::InvalidObjectName.into())
        }
    }

    /// The channel and the name of the segment, if the key has the form of [`ChannelName::segment_key`].
    pub fn segment(&self) -> Option<(ChannelName, UnixTime)> {
        let (channel, file) = self.0.split_once('/')?;
        let digits = file.strip_suffix(SEGMENT_SUFFIX)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let channel = ChannelName::parse(channel).ok()?;
        let name = UnixTime::from_millis(digits.parse().ok()?);
        (channel.segment_key(name) == *self).then_some((channel, name))
    }
}

name! {
    /// The name of a playlist below its channel: 6 to 128 bytes that end with `.m3u8`, without a slash.
    PlaylistName
}

impl PlaylistName {
    /// Checks a playlist's name.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, with the EC of its slash, length or suffix.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |message, ec| {
            Error::invalid_argument(message)
                .with_ec(ec)
                .with_argument("PlaylistName", text)
        };
        if text.contains('/') {
            return Err(refuse("The playlist name must not contain a slash.", "0044-00000016"));
        }
        if !(PLAYLIST_NAME_BYTES_MIN..=PLAYLIST_NAME_BYTES_MAX).contains(&text.len()) {
            return Err(refuse(
                "The length of the playlist name must be between 6 and 128.",
                "0044-00000017",
            ));
        }
        if !text.ends_with(PLAYLIST_SUFFIX) {
            return Err(refuse("The playlist name must end with .m3u8.", "0044-00000018"));
        }
        Ok(Self(text.into()))
    }
}

impl Default for PlaylistName {
    fn default() -> Self {
        Self(PLAYLIST_DEFAULT.into())
    }
}

name! {
    /// Whom buckets belong to.
    OwnerId
}

impl OwnerId {
    /// The owner of this id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }
}

const BUCKET_NAME_BYTES_MIN: usize = 3;
const BUCKET_NAME_BYTES_MAX: usize = 63;

/// The service's text says "less than 64".
const CHANNEL_NAME_BYTES_MAX: usize = 63;

pub(crate) const OBJECT_KEY_BYTES_MAX: usize = 1023;

const PLAYLIST_NAME_BYTES_MIN: usize = 6;
const PLAYLIST_NAME_BYTES_MAX: usize = 128;
const PLAYLIST_SUFFIX: &str = ".m3u8";
const PLAYLIST_DEFAULT: &str = "playlist.m3u8";

const SEGMENT_SUFFIX: &str = ".ts";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bucket_names_are_host_labels() {
        for text in ["abc", "a-1", "0-0", &"a".repeat(63)] {
            assert_eq!(BucketName::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "ab",
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            "a.b",
            "abc/",
            "bücket",
            &"a".repeat(64),
        ] {
            assert_eq!(
                BucketName::parse(text).unwrap_err().code,
                ErrorCode::InvalidBucketName,
                "{text}"
            );
        }
    }

    #[test]
    fn channel_names_are_short_utf8_without_slash() {
        for text in [
            "a",
            "live channel 2",
            "测试通过",
            "..",
            "a\\b",
            &"x".repeat(63),
            &"试".repeat(21),
        ] {
            assert_eq!(ChannelName::parse(text).unwrap().as_str(), text);
        }
        for (text, ec) in [
            ("", None),
            ("a/b", Some("0017-00000260")),
            ("\\a", None),
            (&*"x".repeat(64), Some("0017-00000258")),
            (&*"试".repeat(22), Some("0017-00000258")),
        ] {
            let error = ChannelName::parse(text).unwrap_err();
            assert_eq!((error.code, error.ec), (ErrorCode::InvalidChannelName, ec), "{text}");
        }
        assert_eq!(
            ChannelName::from_utf8(b"\xff").unwrap_err().message,
            "The live channel name must be utf-8."
        );
        assert_eq!(ChannelName::from_utf8(b"ok").unwrap().as_str(), "ok");
    }

    #[test]
    fn object_keys_are_opaque() {
        for text in ["a", "a//b", "..", "../x", "a/", "p#1", " ", "a\0b", &"k".repeat(1023)] {
            assert_eq!(ObjectKey::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "/a", "\\a", &"k".repeat(1024)] {
            assert_eq!(
                ObjectKey::parse(text).unwrap_err().code,
                ErrorCode::InvalidObjectName,
                "{text}"
            );
        }
    }

    #[test]
    fn playlist_names_are_checked_in_the_order_of_their_codes() {
        assert_eq!(PlaylistName::default().as_str(), "playlist.m3u8");
        for text in ["a.m3u8", "p l.m3u8", &format!("{}.m3u8", "a".repeat(123))] {
            assert_eq!(PlaylistName::parse(text).unwrap().as_str(), text);
        }
        for (text, ec) in [
            ("/", "0044-00000016"),
            ("a/b.m3u8", "0044-00000016"),
            ("", "0044-00000017"),
            (".m3u8", "0044-00000017"),
            (&*format!("{}.m3u8", "a".repeat(124)), "0044-00000017"),
            ("playlist.M3U8", "0044-00000018"),
            ("playlist.ts", "0044-00000018"),
        ] {
            let error = PlaylistName::parse(text).unwrap_err();
            assert_eq!((error.code, error.ec), (ErrorCode::InvalidArgument, Some(ec)), "{text}");
        }
    }

    #[test]
    fn keys_of_a_channel_begin_with_its_name() {
        let channel = ChannelName::parse("live channel 2").unwrap();
        let name = UnixTime::from_millis(1_543_895_706_266);
        assert_eq!(channel.segment_key(name).as_str(), "live channel 2/1543895706266.ts");
        assert_eq!(
            channel.segment_key(UnixTime::from_millis(7)).as_str(),
            "live channel 2/0000000000007.ts"
        );
        assert_eq!(
            channel.playlist_key(&PlaylistName::default()).as_str(),
            "live channel 2/playlist.m3u8"
        );
    }

    #[test]
    fn other_keys_are_no_segments() {
        for key in [
            "a",
            "a/1.ts",
            "a/1543895706266.mp4",
            "a/b/1543895706266.ts",
            "a/+543895706266.ts",
            "a/.ts",
        ] {
            assert_eq!(ObjectKey::parse(key).unwrap().segment(), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_channel_makes_valid_keys(text in "\\PC{1,20}", millis in 0..i64::MAX) {
            if let Ok(channel) = ChannelName::parse(&text) {
                let key = channel.segment_key(UnixTime::from_millis(millis));
                prop_assert!(ObjectKey::parse(key.as_str()).is_ok());
                prop_assert_eq!(key.segment(), Some((channel, UnixTime::from_millis(millis))));
            }
        }

        #[test]
        fn names_never_panic(text in ".{0,80}") {
            let _ = (BucketName::parse(&text), ChannelName::parse(&text), PlaylistName::parse(&text));
            let _ = ObjectKey::parse(&text).map(|key| key.segment());
        }
    }
}
