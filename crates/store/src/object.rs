use std::{
    collections::BTreeMap,
    fmt, mem,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use alluvium_oss::{ObjectAcl, ObjectKey, UnixTime};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};

use crate::{Error, MemoryFile};

/// What is known of an object without reading its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key, as it was put.
    pub key: ObjectKey,
    /// Its bytes.
    pub length: u64,
    /// CRC-64/XZ of its bytes.
    pub crc64: u64,
    /// Its ETag without quotes, as it was put.
    pub etag: String,
    /// When it was put, by the `at` of the put.
    pub modified: UnixTime,
    /// What travels with it.
    pub attributes: Attributes,
}

/// What travels with an object: the standard headers, the user's own, and its ACL. The store keeps all of it verbatim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`.
    pub expires: Option<String>,
    /// `Content-MD5`, base64.
    pub content_md5: Option<String>,
    /// `x-oss-meta-*`: the name without its prefix, and the value.
    pub user: BTreeMap<String, String>,
    /// The object's own ACL, or the bucket's.
    pub acl: ObjectAcl,
}

/// An object that is being read.
///
/// It stays readable to its end whatever happens to its key meanwhile. The body's pieces come in order and hold exactly
/// `range`; where the store cannot give them all, the stream ends with an error, never early without one.
pub struct Object {
    /// The whole object's facts, as they were when the get began.
    pub info: ObjectInfo,
    /// The bytes that `body` gives; the whole object when no range was asked for.
    pub range: Range<u64>,
    /// The bytes, in pieces of up to some hundred KiB. Dropping it ends the read.
    pub body: ObjectBytes,
    /// What the body's pieces are parts of, where they can be sent without being copied.
    pub memory_file: Option<MemoryFile>,
}

/// The bytes of an object that is being read.
pub enum ObjectBytes {
    /// All of them.
    AtOnce(Bytes),
    /// As they are read.
    InPieces(BoxStream<'static, Result<Bytes, Error>>),
}

impl Stream for ObjectBytes {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::AtOnce(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::AtOnce(bytes) => Poll::Ready(Some(Ok(mem::take(bytes)))),
            Self::InPieces(pieces) => pieces.poll_next_unpin(context),
        }
    }
}

impl Object {
    /// Reads all of the body into memory; for objects known to be small, such as playlists.
    ///
    /// # Errors
    /// What the body gives: [`Error::Damaged`], [`Error::Unavailable`].
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.body.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.body.next().await.transpose()? else {
            return Ok(first);
        };
        let mut all = Vec::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.body.next().await.transpose()? {
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("info", &self.info)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
