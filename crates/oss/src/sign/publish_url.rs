//! Publish URLs: `rtmp://<bucket>.<endpoint>/live/<channel>?…` and their signature (contract, 2.1 to 2.5).

mod location;
mod parameters;

use std::fmt;

use location::Location;
use parameters::Parameters;

use super::v1::{expires, plus_restored};
use super::{canonical, mac, mismatch};
use crate::address::{ChannelUrls, Domains};
use crate::error::{Error, ErrorCode};
use crate::name::{BucketName, ChannelName, PlaylistName};
use crate::percent;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What a publisher asked for, wherever its encoder put the pieces of the URL. `Debug` shows no signature and no token.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishTarget {
    /// The bucket; `None` when the URL names none, as some libraries make it for an endpoint that is an IP address. It is
    /// then the one whose owner's key verifies the signature.
    pub bucket: Option<BucketName>,
    /// The channel.
    pub channel: ChannelName,
    /// Every parameter, decoded, in order, each name once.
    pub query: Vec<(String, String)>,
    /// Who publishes; `None` for an anonymous publisher.
    pub credentials: Option<Credentials>,
    /// The playlist's name for this publish, which wins over the channel's.
    pub playlist_name: Option<PlaylistName>,
}

/// The signature of a publish URL and what it was made with; not believed before it is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose secret.
    pub access_key_id: String,
    /// Until when publishing may begin.
    pub expires: UnixTime,
    /// Base64 of HMAC-SHA1.
    pub signature: String,
    /// The session token, of temporary credentials.
    pub security_token: Option<String>,
    /// `Expires` as it stands in the text that was signed.
    expires_text: String,
}

impl PublishTarget {
    /// Reads the app and `tcUrl` of the command `connect` and the name of `publish`, verbatim.
    ///
    /// The query may be in any of the three, or cut in two between them; names and values are percent-decoded, `+` means
    /// plus, and quote characters around a piece are dropped. Below a host that means a bucket the path is
    /// `live/<channel>`; otherwise `<bucket>/live/<channel>`, `live/<bucket>/<channel>`, or `live/<channel>` with the bucket
    /// lost.
    ///
    /// # Errors
    ///
    /// In words for the person at the encoder: what the URL lacks, which parameter comes twice, what is wrong with a name.
    pub fn parse(app: &str, tc_url: &str, name: &str, domains: &Domains) -> Result<Self, Error> {
        let location = Location::assemble(app, tc_url, name, domains);
        let (bucket, channel) = location.channel()?;
        let parameters = Parameters::collect(&location.queries)?;
        let playlist_name = match parameters.value("playlistName") {
            None | Some("") => None,
            Some(name) => Some(PlaylistName::parse(name)?),
        };
        Ok(Self {
            bucket,
            channel,
            credentials: credentials(&parameters)?,
            playlist_name,
            query: parameters.into_inner(),
        })
    }

    /// Checks that the signature was made for this bucket with this secret: first its expiry, then the signature, with the
    /// session token in the text or left out of it, because the libraries disagree.
    ///
    /// # Errors
    ///
    /// `AccessDenied` when the URL has no signature or has expired, `SignatureDoesNotMatch`.
    pub fn verify(&self, bucket: &BucketName, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        let Some(credentials) = &self.credentials else {
            return Err(Error::access_denied(
                "The publish URL is not signed, and the bucket is not public-read-write.",
            ));
        };
        credentials.check_expiry(now)?;
        if self.is_signed_for(bucket, secret) {
            return Ok(());
        }
        let text = self.string_to_sign(credentials, true, bucket);
        let error = mismatch::mismatch(&text, &credentials.signature, &credentials.access_key_id);
        Err(Error {
            message: "The signature of the publish URL does not match.".into(),
            ..error
        })
    }

    /// Whether the signature was made for this bucket with this secret, whenever it expires; with the session token in the text
    /// or left out of it.
    ///
    /// The text names the bucket, so that of all buckets one at most is right. That is how a lost one is found.
    pub fn is_signed_for(&self, bucket: &BucketName, secret: &Secret) -> bool {
        let Some(credentials) = &self.credentials else {
            return false;
        };
        let matches = |with_token| {
            let text = self.string_to_sign(credentials, with_token, bucket);
            let calculated = mac::sha1_base64(secret.expose(), &text);
            mac::same(unpadded(&calculated), unpadded(&credentials.signature))
        };
        matches(true) || (credentials.security_token.is_some() && matches(false))
    }

    fn string_to_sign(&self, credentials: &Credentials, with_token: bool, bucket: &BucketName) -> String {
        string_to_sign(
            &credentials.expires_text,
            &self.query,
            with_token,
            bucket,
            &self.channel,
        )
    }
}

impl Credentials {
    /// Whether publishing may still begin.
    ///
    /// # Errors
    ///
    /// `AccessDenied` when it may not.
    pub fn check_expiry(&self, now: UnixTime) -> Result<(), Error> {
        if now > self.expires {
            return Err(Error::access_denied(format!(
                "The publish URL expired at {}.",
                self.expires.iso8601()
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for PublishTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishTarget")
            .field("bucket", &self.bucket)
            .field("channel", &self.channel)
            .field("credentials", &self.credentials)
            .field("playlist_name", &self.playlist_name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The whole URL that lets a publisher in until `expires`, as the Python library writes it: `playlistName` first, if it is
/// given, then the claim.
pub fn sign(
    urls: &ChannelUrls,
    playlist_name: Option<&PlaylistName>,
    access_key_id: &str,
    secret: &Secret,
    expires: UnixTime,
) -> String {
    let expires = expires.as_secs().to_string();
    let playlist = playlist_name.map(|name| ("playlistName".to_owned(), name.as_str().to_owned()));
    let query: Vec<_> = playlist.into_iter().collect();
    let text = string_to_sign(&expires, &query, true, urls.bucket(), urls.channel());
    let signature = mac::sha1_base64(secret.expose(), &text);
    let claim = [
        ("OSSAccessKeyId", access_key_id),
        ("Expires", &expires),
        ("Signature", &signature),
    ];
    let query = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(claim);
    format!("{}?{}", urls.publish(), percent::encode_query(query))
}

fn credentials(parameters: &Parameters) -> Result<Option<Credentials>, Error> {
    let given = |name| parameters.value(name).filter(|value| !value.is_empty());
    let claim = [given("OSSAccessKeyId"), given("Expires"), given("Signature")];
    match claim {
        [Some(id), Some(expires_text), Some(signature)] => Ok(Some(Credentials {
            access_key_id: id.to_owned(),
            expires: expires(expires_text)
                .map_err(|_| Error::access_denied("The Expires of the publish URL must be seconds since 1970."))?,
            signature: plus_restored(signature),
            security_token: given(TOKEN).map(str::to_owned),
            expires_text: expires_text.to_owned(),
        })),
        [None, None, None] => Ok(None),
        _ => {
            let names = ["OSSAccessKeyId", "Expires", "Signature"].into_iter().zip(claim);
            let missing: Vec<_> = names
                .filter(|(_, value)| value.is_none())
                .map(|(name, _)| name)
                .collect();
            let missing = missing.join(" and ");
            Err(Error::access_denied(format!(
                "The publish URL lacks {missing}: perhaps it was cut at an & that was not quoted."
            )))
        }
    }
}

/// `Expires`, each signed parameter, and the resource (contract, 2.2).
fn string_to_sign(
    expires: &str,
    query: &[(String, String)],
    with_token: bool,
    bucket: &BucketName,
    channel: &ChannelName,
) -> String {
    let is_signed = |name: &str| !UNSIGNED.contains(&name) && (with_token || name != TOKEN);
    let parameters: String = canonical::sorted(query, is_signed)
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    format!("{expires}\n{parameters}/{bucket}/{channel}")
}

/// Tools that do not like equals signs in values drop the padding.
fn unpadded(signature: &str) -> &str {
    signature.trim_end_matches('=')
}

/// The refusal for a URL that no channel can be read from.
fn no_channel() -> Error {
    Error::new(
        ErrorCode::InvalidChannelName,
        "The publish URL names no channel: it must be rtmp://<bucket>.<endpoint>/live/<channel>.",
    )
}

const TOKEN: &str = "security-token";

/// What is never part of the text.
const UNSIGNED: &[&str] = &["OSSAccessKeyId", "Expires", "Signature", "SecurityToken"];

#[cfg(test)]
mod tests;
