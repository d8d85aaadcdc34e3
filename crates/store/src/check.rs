use alluvium_oss::{BucketName, ObjectKey};
use futures_util::StreamExt;

use crate::{Crc64, Error, ObjectStore};

/// How an object differs from what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is no such object.
    #[error("it does not exist")]
    Missing,
    /// It has another number of bytes.
    #[error("it has {found} bytes, not {expected}")]
    Length {
        /// Bytes expected.
        expected: u64,
        /// Bytes that it has, by its bytes or by what the store says of it.
        found: u64,
    },
    /// Its bytes, or what the store says of them, have another CRC-64.
    #[error("its CRC-64 is {found:016X}, not {expected:016X}")]
    Crc64 {
        /// The value expected.
        expected: u64,
        /// The value found.
        found: u64,
    },
    /// It could not be read to its end, so nothing is known, or it is known to be damaged.
    #[error(transparent)]
    Unreadable(Error),
}

/// Reads an object through its store and compares bytes, and what the store says of them, with what they are expected to be.
///
/// # Errors
/// The first difference found.
pub async fn check(
    store: &dyn ObjectStore,
    bucket: &BucketName,
    key: &ObjectKey,
    length: u64,
    crc64: u64,
) -> Result<(), Mismatch> {
    let mut object = store.get(bucket, key, None).await.map_err(|error| match error {
        Error::NotFound { .. } => Mismatch::Missing,
        error => Mismatch::Unreadable(error),
    })?;
    let compare_length = |found| {
        if found == length {
            Ok(())
        } else {
            Err(Mismatch::Length {
                expected: length,
                found,
            })
        }
    };
    let compare_crc64 = |found| {
        if found == crc64 {
            Ok(())
        } else {
            Err(Mismatch::Crc64 { expected: crc64, found })
        }
    };

    compare_length(object.info.length)?;
    let mut found = 0;
    let mut digest = Crc64::new();
    while let Some(piece) = object.body.next().await {
        let piece = piece.map_err(Mismatch::Unreadable)?;
        found += piece.len() as u64;
        digest.update(&piece);
    }
    compare_length(found)?;
    compare_crc64(digest.finish())?;
    compare_crc64(object.info.crc64)
}
