use alluvium_oss::{BucketName, ObjectKey};

use crate::Upload;

/// Why a store did not do what it was asked; each variant says what the caller can do about it.
///
/// Unless a variant says otherwise nothing has changed: the object is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such object. Asking again changes nothing.
    #[error("there is no object {bucket}/{key}")]
    NotFound {
        /// The bucket that was asked.
        bucket: BucketName,
        /// The key that was asked for.
        key: ObjectKey,
    },

    /// [`Condition::Absent`](crate::Condition::Absent) was asked for and the object exists: choose another key, or accept what is there.
    #[error("the object {bucket}/{key} exists")]
    Exists {
        /// The bucket that was asked.
        bucket: BucketName,
        /// The key that is taken.
        key: ObjectKey,
    },

    /// [`Condition::Etag`](crate::Condition::Etag) was asked for, or a certain source of a copy, and the object is another one:
    /// read it again, then decide.
    #[error("the object {bucket}/{key} is not the expected one: {}", found.as_deref().unwrap_or("it is absent"))]
    Precondition {
        /// The bucket that was asked.
        bucket: BucketName,
        /// The key that was asked for.
        key: ObjectKey,
        /// The ETag of the object that is there; `None` when there is none.
        found: Option<String>,
    },

    /// The range begins beyond the object, or holds no byte: ask within `length`, or for the whole object.
    #[error("the range holds none of the object's {length} bytes")]
    Range {
        /// Bytes of the whole object.
        length: u64,
    },

    /// The body of a put is not what the put says it is: the caller's mistake, or damage on the way. Never stored.
    #[error("the body's {fact} is {found}, not {stated}")]
    Mismatch {
        /// `length` (bytes) or `CRC-64`.
        fact: &'static str,
        /// What the put says.
        stated: u64,
        /// What the body has.
        found: u64,
    },

    /// There is no such upload: it has ended, or never began. Asking again changes nothing.
    #[error("there is no upload {} of {}/{}", .0.id, .0.bucket, .0.key)]
    NoUpload(Upload),

    /// A part to be joined is not there, or has another ETag: list the parts, or upload it again.
    #[error("part {number} is not the expected one")]
    Part {
        /// The part's number.
        number: u32,
    },

    /// The store cannot be reached, is full, or refuses: try again later, with a pause.
    ///
    /// A write may or may not have happened; it happened whole or not at all. Whoever needs to know reads.
    #[error("cannot {doing} {place}: {reason}")]
    Unavailable {
        /// What was being done, as a verb.
        doing: &'static str,
        /// Where: a path, or the address of a remote store.
        place: String,
        /// What the layer below said.
        reason: String,
    },

    /// The store promised this object and cannot give it: its bytes are missing or of another length.
    /// Trying again does not help; a person must look, and put the object again.
    #[error("the object {bucket}/{key} is damaged: {reason}")]
    Damaged {
        /// The bucket that was asked.
        bucket: BucketName,
        /// The key that was asked for.
        key: ObjectKey,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// An [`Error::Unavailable`] made of what the layer below said.
    pub fn unavailable(doing: &'static str, place: impl ToString, reason: impl ToString) -> Self {
        Self::Unavailable {
            doing,
            place: place.to_string(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn not_found(bucket: &BucketName, key: &ObjectKey) -> Self {
        Self::NotFound {
            bucket: bucket.clone(),
            key: key.clone(),
        }
    }

    pub(crate) fn damaged(bucket: &BucketName, key: &ObjectKey, reason: impl ToString) -> Self {
        Self::Damaged {
            bucket: bucket.clone(),
            key: key.clone(),
            reason: reason.to_string(),
        }
    }
}
