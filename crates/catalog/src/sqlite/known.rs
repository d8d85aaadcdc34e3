use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_oss::BucketName;

use crate::{Bucket, BucketDocument};

/// What has been read of buckets, so that a request does not read it again.
///
/// The file's owner alone changes buckets, so this is exact: nothing is known while a change is on its way from its
/// caller to the disk, and what was read before the end of one is not kept after it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Held for a look and a copy.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<BucketName, Bucket>,
    documents: HashMap<(BucketName, BucketDocument), String>,
    /// Of `documents`.
    document_bytes: usize,
    /// Changes on their way.
    changing: usize,
    /// How many changes have ended.
    changed: u64,
}

/// A change of buckets on its way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Changing(Arc<Known>);

/// When a read began: whether its outcome may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(Option<u64>);

impl Known {
    /// Forgets everything, until the change has ended.
    pub(super) fn change(self: &Arc<Self>) -> Changing {
        let mut state = self.lock();
        state.forget();
        state.changing += 1;
        Changing(Arc::clone(self))
    }

    /// The bucket; or what to keep it with, once it was read.
    pub(super) fn bucket(&self, name: &BucketName) -> Result<Bucket, Begun> {
        let state = self.lock();
        state.buckets.get(name).cloned().ok_or_else(|| state.begun())
    }

    /// The bucket's document; or what to keep it with, once it was read.
    pub(super) fn document(&self, name: &BucketName, kind: BucketDocument) -> Result<String, Begun> {
        let state = self.lock();
        let known = state.documents.get(&(name.clone(), kind));
        known.cloned().ok_or_else(|| state.begun())
    }

    pub(super) fn keep_bucket(&self, begun: Begun, bucket: &Bucket) {
        let mut state = self.lock();
        if !state.is_current(begun) {
            return;
        }
        if state.buckets.len() >= BUCKETS_MAX {
            state.buckets.clear();
        }
        state.buckets.insert(bucket.name.clone(), bucket.clone());
    }

    pub(super) fn keep_document(&self, begun: Begun, name: &BucketName, kind: BucketDocument, document: &str) {
        let mut state = self.lock();
        let place = (name.clone(), kind);
        let length = document.len();
        if !state.is_current(begun) || length > DOCUMENT_BYTES_MAX || state.documents.contains_key(&place) {
            return;
        }
        if state.document_bytes + length > DOCUMENT_BYTES_MAX {
            state.documents.clear();
            state.document_bytes = 0;
        }
        state.document_bytes += length;
        state.documents.insert(place, document.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begun(&self) -> Begun {
        Begun((self.changing == 0).then_some(self.changed))
    }

    fn is_current(&self, begun: Begun) -> bool {
        self.changing == 0 && begun.0 == Some(self.changed)
    }

    fn forget(&mut self) {
        self.buckets.clear();
        self.documents.clear();
        self.document_bytes = 0;
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.changing -= 1;
        state.changed += 1;
    }
}

/// Past so many all are forgotten: the busy ones come back with their next request. Some hundreds of bytes each.
const BUCKETS_MAX: usize = 1024;

/// As [`BUCKETS_MAX`], of the bytes of all documents; a usual one has some hundred, and none is empty.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alluvium_oss::{Acl, OwnerId, UnixTime};

    use super::*;

    fn name(number: usize) -> BucketName {
        BucketName::parse(&format!("bucket-{number}")).unwrap()
    }

    fn bucket(number: usize, acl: Acl) -> Bucket {
        Bucket {
            name: name(number),
            owner: OwnerId::new("o"),
            acl,
            created: UnixTime::default(),
            documents: BTreeSet::new(),
        }
    }

    #[test]
    fn what_was_read_before_or_during_a_change_is_not_kept() {
        let known = Arc::new(Known::default());
        let before = known.bucket(&name(1)).unwrap_err();
        let change = known.change();
        let other = known.change();
        let during = known.bucket(&name(1)).unwrap_err();
        drop(other);
        let keep = || {
            for begun in [before, during] {
                known.keep_bucket(begun, &bucket(1, Acl::PublicRead));
                known.keep_document(begun, &name(1), BucketDocument::Cors, "x");
            }
            known.bucket(&name(1)).is_ok() || known.document(&name(1), BucketDocument::Cors).is_ok()
        };
        assert!(!keep());
        drop(change);
        assert!(!keep());

        let after = known.bucket(&name(1)).unwrap_err();
        known.keep_bucket(after, &bucket(1, Acl::Private));
        known.keep_document(after, &name(1), BucketDocument::Cors, "x");
        assert_eq!(known.bucket(&name(1)).unwrap().acl, Acl::Private);
        assert_eq!(known.document(&name(1), BucketDocument::Cors).unwrap(), "x");
        drop(known.change());
        assert!(!keep());
    }

    #[test]
    fn buckets_are_forgotten_past_their_limit() {
        let known = Known::default();
        for number in 0..=BUCKETS_MAX {
            let begun = known.bucket(&name(number)).unwrap_err();
            known.keep_bucket(begun, &bucket(number, Acl::Private));
            assert!(known.bucket(&name(number)).is_ok());
            assert_eq!(known.bucket(&name(0)).is_ok(), number < BUCKETS_MAX);
        }
        assert_eq!(known.lock().buckets.len(), 1);
    }

    #[test]
    fn documents_are_forgotten_past_their_limit() {
        let known = Known::default();
        let keep = |number, length| {
            let begun = known.document(&name(number), BucketDocument::Cors).unwrap_err();
            known.keep_document(begun, &name(number), BucketDocument::Cors, &"x".repeat(length));
            let state = known.lock();
            (state.documents.len(), state.document_bytes)
        };
        assert_eq!(keep(0, DOCUMENT_BYTES_MAX + 1), (0, 0));
        assert_eq!(keep(0, 1), (1, 1));
        assert_eq!(keep(1, DOCUMENT_BYTES_MAX - 1), (2, DOCUMENT_BYTES_MAX));
        assert_eq!(keep(2, 1), (1, 1));
    }
}
