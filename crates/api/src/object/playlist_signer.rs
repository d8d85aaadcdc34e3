//! The text of a playlist with its URIs signed (contract, 4.8).

use alluvium_hls::References;
use alluvium_oss::sign::{Claim, Request, UrlSigner};
use alluvium_oss::{BucketName, Error, percent};

use crate::config::Limits;
use crate::object::reference::{self, Base};

/// Signs the URIs of one playlist.
pub(super) struct PlaylistSigner {
    pub(super) base: Base,
    pub(super) bucket: BucketName,
    pub(super) urls: UrlSigner,
    pub(super) limits: Limits,
}

impl PlaylistSigner {
    /// The text of the playlist with its URIs signed.
    ///
    /// # Errors
    /// `InvalidArgument` with EC 0044-00000404 to 409 for what is too large, too long, or no playlist of segments or of
    /// playlists.
    pub(super) fn sign(&self, playlist: &[u8]) -> Result<String, Error> {
        let references = std::str::from_utf8(playlist)
            .ok()
            .and_then(References::find)
            .ok_or_else(nothing_listed)?;
        self.check(&references)?;
        let mut bytes = playlist.len();
        let text = references.replace(|uri| {
            if bytes > self.limits.signed_playlist_result_bytes_max {
                return None;
            }
            let signed = self.sign_uri(uri)?;
            bytes += signed.len() - uri.len();
            Some(signed)
        });
        if bytes > self.limits.signed_playlist_result_bytes_max {
            return Err(too_large());
        }
        Ok(text)
    }

    /// Refuses what is no list of segments, and no list of playlists either.
    fn check(&self, references: &References<'_>) -> Result<(), Error> {
        let count = |kind| references.iter().filter(|uri| Kind::of(uri) == kind).count();
        let (segments, playlists) = (count(Kind::Segment), count(Kind::Playlist));
        if segments.max(count(Kind::Other)) > self.limits.signed_segments_max {
            return Err(refused("The playlist lists too many ts files.", "0044-00000406"));
        }
        if playlists > self.limits.signed_playlists_max {
            return Err(refused("The playlist lists too many m3u8 files.", "0044-00000407"));
        }
        match (segments, playlists) {
            (0, 0) => Err(nothing_listed()),
            (0, _) | (_, 0) => Ok(()),
            _ => Err(refused(
                "The playlist lists both ts files and m3u8 files.",
                "0044-00000409",
            )),
        }
    }

    /// The URI with what lets it through; none for one that is left as it is: outside of the bucket, or signed already.
    fn sign_uri(&self, uri: &str) -> Option<String> {
        let mut referred = self.base.resolve(uri)?;
        let given = referred.query.len();
        if Kind::of(uri) == Kind::Playlist && !referred.query.iter().any(|(name, _)| name == PROCESS.0) {
            referred.query.push((PROCESS.0.to_owned(), PROCESS.1.to_owned()));
        }
        let request = Request {
            method: "GET",
            bucket: Some(self.bucket.as_str()),
            key: referred.key.as_str(),
            query: &referred.query,
            headers: &[],
        };
        if !matches!(Claim::parse(&request), Ok(None)) {
            return None;
        }
        let claim = self.urls.parameters(&request);
        let added = referred.query[given..].iter().chain(&claim);
        let added = percent::encode_query(added.map(|(name, value)| (name.as_str(), value.as_str())));
        let before = referred.before_fragment;
        let joint = match before.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        Some(format!("{before}{joint}{added}{}", referred.fragment))
    }
}

/// What a URI of a playlist leads to, as its suffix tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Segment,
    Playlist,
    Other,
}

impl Kind {
    fn of(uri: &str) -> Self {
        let path = reference::path(uri).to_ascii_lowercase();
        if path.ends_with(".ts") {
            Kind::Segment
        } else if path.ends_with(".m3u8") {
            Kind::Playlist
        } else {
            Kind::Other
        }
    }
}

pub(super) fn refused(message: &'static str, ec: &'static str) -> Error {
    Error::invalid_argument(message).with_ec(ec)
}

pub(super) fn too_large() -> Error {
    refused("The playlist is too large to be signed.", "0044-00000404")
}

fn nothing_listed() -> Error {
    refused(
        "The object is not a playlist that lists ts files or m3u8 files.",
        "0044-00000408",
    )
}

/// What the playlists of a playlist are asked for with, so that their URIs are signed in turn.
const PROCESS: (&str, &str) = ("x-oss-process", "hls/sign");
