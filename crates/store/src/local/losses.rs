use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use alluvium_oss::{BucketName, ObjectKey};

/// How often objects may have lost their bytes to an overwrite or a removal, counted for some hundred shares of all keys.
#[derive(Debug)]
pub(super) struct Losses {
    hasher: RandomState,
    shares: Box<[AtomicU64]>,
}

impl Losses {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shares: (0..SHARES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The object under a key may be another one from now on, or none.
    pub(super) fn count(&self, bucket: &BucketName, key: &ObjectKey) {
        self.share(bucket, key).fetch_add(1, Ordering::SeqCst);
    }

    /// Those of the share in which the key is.
    pub(super) fn of(&self, bucket: &BucketName, key: &ObjectKey) -> u64 {
        self.share(bucket, key).load(Ordering::SeqCst)
    }

    fn share(&self, bucket: &BucketName, key: &ObjectKey) -> &AtomicU64 {
        let hash = self.hasher.hash_one((bucket.as_str(), key.as_str()));
        &self.shares[hash as usize % SHARES]
    }
}

/// So many that a thousand playlists, each of which is overwritten every other second, seldom count for a segment in the
/// milliseconds between its put and its record; they take 4 KiB.
const SHARES: usize = 512;
