use std::path::PathBuf;

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey, UnixTime};
use bytes::Bytes;

use crate::{Attributes, Error, ObjectInfo, crc64};

/// An object to be stored, with everything that is said of it.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its bytes.
    pub body: Body,
    /// The bytes of `body`; another number is refused.
    pub length: u64,
    /// CRC-64/XZ of `body`. Checked wherever the store touches the bytes; a file that is adopted as it stands is believed.
    pub crc64: u64,
    /// ETag without quotes, kept verbatim: the MD5 of a PutObject, or [`recorded_etag`](crate::recorded_etag); 32 upper-case hexadecimal digits.
    pub etag: String,
    /// What travels with it.
    pub attributes: Attributes,
    /// What must be true of the key.
    pub condition: Condition,
    /// The time it is to carry as [`ObjectInfo::modified`](crate::ObjectInfo::modified).
    pub at: UnixTime,
}

impl Put {
    /// An unconditional put of bytes in memory; length and CRC-64 are computed.
    pub fn bytes(body: impl Into<Bytes>, etag: impl Into<String>, attributes: Attributes, at: UnixTime) -> Self {
        let body = body.into();
        Self {
            length: body.len() as u64,
            crc64: crc64(&body),
            body: Body::Bytes(body),
            etag: etag.into(),
            attributes,
            condition: Condition::None,
            at,
        }
    }

    /// An unconditional put of a file, whose length in bytes and CRC-64 the caller knows from writing it.
    pub fn file(
        path: impl Into<PathBuf>,
        length: u64,
        crc64: u64,
        etag: impl Into<String>,
        attributes: Attributes,
        at: UnixTime,
    ) -> Self {
        Self {
            body: Body::File(path.into()),
            length,
            crc64,
            etag: etag.into(),
            attributes,
            condition: Condition::None,
            at,
        }
    }

    /// The same put, done only when `condition` holds.
    pub fn when(self, condition: Condition) -> Self {
        Self { condition, ..self }
    }

    /// What will be known of the object.
    pub(crate) fn info(&self, key: &ObjectKey) -> ObjectInfo {
        ObjectInfo {
            key: key.clone(),
            length: self.length,
            crc64: self.crc64,
            etag: self.etag.clone(),
            modified: self.at,
            attributes: self.attributes.clone(),
        }
    }

    pub(crate) fn stated(&self) -> Stated {
        Stated {
            length: self.length,
            crc64: self.crc64,
        }
    }
}

/// What is said of bytes before anybody has looked at them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    pub(crate) length: u64,
    pub(crate) crc64: u64,
}

impl Stated {
    /// Compares what was said with what the bytes turned out to be.
    pub(crate) fn verify(&self, length: u64, crc64: u64) -> Result<(), Error> {
        self.verify_length(length)?;
        if crc64 == self.crc64 {
            Ok(())
        } else {
            Err(Error::Mismatch {
                fact: "CRC-64",
                stated: self.crc64,
                found: crc64,
            })
        }
    }

    /// The part of [`verify`](Self::verify) that needs no look at the bytes.
    pub(crate) fn verify_length(&self, length: u64) -> Result<(), Error> {
        if length == self.length {
            Ok(())
        } else {
            Err(Error::Mismatch {
                fact: "length",
                stated: self.length,
                found: length,
            })
        }
    }
}

/// The bytes of a put.
#[derive(Clone, Debug)]
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file that is finished: nobody writes into it again, ever, since the store may share its bytes (a hard link) instead of
    /// copying them.
    ///
    /// The path stays the caller's, who removes it when he needs it no more: at any time once the put has been answered or its
    /// future dropped. When the answer is `Ok` the object does not need the path.
    File(PathBuf),
}

/// What must be true of a key at the instant it is written; checked and acted upon as one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: an object that is there is replaced.
    #[default]
    None,
    /// No object is there, else [`Error::Exists`].
    Absent,
    /// The object there has this ETag (without quotes), else [`Error::Precondition`].
    Etag(String),
}

impl Condition {
    /// Whether a key may be written whose object now has the ETag `found`.
    pub(crate) fn check(&self, bucket: &BucketName, key: &ObjectKey, found: Option<&str>) -> Result<(), Error> {
        match (self, found) {
            (Self::None, _) | (Self::Absent, None) => Ok(()),
            (Self::Etag(etag), Some(found)) if etag == found => Ok(()),
            (Self::Absent, Some(_)) => Err(Error::Exists {
                bucket: bucket.clone(),
                key: key.clone(),
            }),
            (Self::Etag(_), found) => Err(Error::Precondition {
                bucket: bucket.clone(),
                key: key.clone(),
                found: found.map(str::to_owned),
            }),
        }
    }
}

/// How an object is copied within a store.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The source must have this ETag (without quotes), else [`Error::Precondition`] names it; `None`: whatever it has.
    pub source_etag: Option<String>,
    /// What travels with the copy.
    pub attributes: CopyAttributes,
    /// What must be true of the destination.
    pub condition: Condition,
    /// The time the copy is to carry as [`ObjectInfo::modified`](crate::ObjectInfo::modified).
    pub at: UnixTime,
}

impl Copy {
    /// What will be known of the copy, if the source is the expected one.
    pub(crate) fn info(&self, from: &BucketName, source: ObjectInfo, to: &ObjectKey) -> Result<ObjectInfo, Error> {
        if let Some(etag) = &self.source_etag {
            Condition::Etag(etag.clone()).check(from, &source.key, Some(&source.etag))?;
        }
        let attributes = match &self.attributes {
            CopyAttributes::Keep => source.attributes,
            CopyAttributes::KeepBut(acl) => Attributes {
                acl: *acl,
                ..source.attributes
            },
            CopyAttributes::Replace(attributes) => attributes.clone(),
        };
        Ok(ObjectInfo {
            key: to.clone(),
            modified: self.at,
            attributes,
            ..source
        })
    }
}

/// What travels with a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyAttributes {
    /// All that the source has.
    Keep,
    /// All that the source has, but for its ACL, which is this one.
    KeepBut(ObjectAcl),
    /// Only this.
    Replace(Attributes),
}
