use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;

use crate::{
    CompleteUpload, Copy, Error, ListPage, ListQuery, NewUpload, Object, ObjectInfo, Part, PartInfo, PartPage, Put,
    RangeRequest, Upload, UploadPage, UploadQuery,
};

/// A place where objects are kept: named bytes which appear whole or not at all.
///
/// What every store promises, and [`conformance`](crate::conformance) tests:
///
/// - **Durable and verified.** `Ok` of a write says that the outcome outlives this process and a loss of power, and that the store holds
///   as many bytes as the put stated. Bytes that pass through the store's hands are compared with the stated CRC-64 too; only a local file that
///   is adopted as it stands is not read again.
/// - **Whole or not at all.** Whoever reads sees the object before the write or after it, with facts and bytes that belong together.
///   After `Ok` every later read and list, by anyone, sees the new state.
/// - **Readers are not disturbed.** A get that has been answered reads its object to the end, however often the key is overwritten or deleted meanwhile.
/// - **Conditions are one step with the write.** Of any number of concurrent puts with [`Condition::Absent`](crate::Condition::Absent), one is `Ok`.
/// - **Keys are opaque text.** `a` and `a/b` are two objects; so are `x//y` and `x/y`; `a/`, `a/../b`, `.` and `p#1` are ordinary keys.
///   Nothing is a folder. Keys are ordered by their bytes.
/// - **Buckets need no making.** One exists as far as it has objects; who may have one is the catalog's business.
/// - **Dropping a future** of a write leaves it to happen or not, whole or not at all. It may be asked again at once: of a put with
///   [`Condition::Absent`](crate::Condition::Absent) the second is `Ok`, or [`Error::Exists`] because of the first.
/// - **Files stay their caller's.** The file of a [`Body::File`](crate::Body::File) is neither changed nor removed, whatever becomes of the put.
///
/// A store has no clock, knows no HTTP and never retries: retrying belongs to the caller who knows its deadline.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores an object, replacing the one that has the key, where the condition allows it.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Precondition`] by the condition; [`Error::Mismatch`] when the body is not what `put` says;
    /// [`Error::Unavailable`], after which the put may have happened.
    async fn put(&self, bucket: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error>;

    /// Begins to read an object, or one range of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Range`], [`Error::Damaged`] when the bytes are not all there, [`Error::Unavailable`].
    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error>;

    /// What is known of an object, without its bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Damaged`] when the bytes are not all there, [`Error::Unavailable`].
    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error>;

    /// Removes an object; one that is absent is removed already.
    ///
    /// # Errors
    /// [`Error::Unavailable`], after which it may be gone.
    async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), Error>;

    /// One page of a bucket's objects and common prefixes, in the order of their bytes.
    ///
    /// Objects that exist while all pages are read appear exactly once; others may or may not.
    /// A page costs in proportion to what it shows, not to what it skips.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, Error>;

    /// Copies an object, which may be onto itself to change its attributes. ETag, length and CRC-64 stay.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Precondition`] and [`Error::Damaged`] of the source; [`Error::Exists`] and
    /// [`Error::Precondition`] of the destination;
    /// [`Error::Unavailable`], after which the copy may have happened.
    async fn copy(
        &self,
        from: (&BucketName, &ObjectKey),
        to: (&BucketName, &ObjectKey),
        copy: Copy,
    ) -> Result<ObjectInfo, Error>;

    /// Replaces an object's ACL and nothing else; its time stays.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`], after which it may have happened.
    async fn set_acl(&self, bucket: &BucketName, key: &ObjectKey, acl: ObjectAcl) -> Result<(), Error>;

    /// Begins an object that will come in parts. Nothing of it is seen as an object before it is complete.
    ///
    /// # Errors
    /// [`Error::Unavailable`], after which there may be an upload that nobody knows of, to be found by listing.
    async fn begin_upload(&self, bucket: &BucketName, key: &ObjectKey, new: NewUpload) -> Result<Upload, Error>;

    /// Stores a part of an upload, durably and verified as an object is, replacing one of the same number, 1 to 10000.
    ///
    /// # Errors
    /// [`Error::NoUpload`]; [`Error::Mismatch`] when the body is not what `part` says; [`Error::Unavailable`], after which the part
    /// may have been stored.
    async fn put_part(&self, upload: &Upload, number: u32, part: Part) -> Result<PartInfo, Error>;

    /// One page of an upload's parts: those with numbers greater than `after`, at most `limit` and
    /// [`LIST_LIMIT_MAX`](crate::LIST_LIMIT_MAX).
    ///
    /// # Errors
    /// [`Error::NoUpload`], [`Error::Unavailable`].
    async fn list_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<PartPage, Error>;

    /// One page of a bucket's uploads that have not ended, as [`list`](Self::list) shows its objects.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_uploads(&self, bucket: &BucketName, query: &UploadQuery) -> Result<UploadPage, Error>;

    /// Joins parts into an object, replacing the one that has the key, where the condition allows it; the upload ends with it.
    ///
    /// # Errors
    /// [`Error::NoUpload`]; [`Error::Part`]; [`Error::Exists`] and [`Error::Precondition`] by the condition; [`Error::Damaged`] when
    /// a part's bytes are not what was stored: the upload is as it was. [`Error::Unavailable`], after which it may have happened.
    async fn complete_upload(&self, upload: &Upload, complete: CompleteUpload) -> Result<ObjectInfo, Error>;

    /// Ends an upload and throws its parts away.
    ///
    /// # Errors
    /// [`Error::NoUpload`]; [`Error::Unavailable`], after which it may have happened.
    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error>;

    /// What this store can do beyond the common promises.
    fn capabilities(&self) -> Capabilities;

    /// A number that is another one as soon as a write that has replaced or removed the object under this key is answered,
    /// whoever asked for it; it may change at other times, too. Never waits.
    ///
    /// `None`: this store does not see every write; [`head`](Self::head) tells.
    fn losses(&self, bucket: &BucketName, key: &ObjectKey) -> Option<u64> {
        let _ = (bucket, key);
        None
    }
}

/// What a store can do beyond the common promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A [`Body::File`](crate::Body::File) on the store's own file system is shared without being read.
    pub adopts_files: bool,
    /// Conditions are kept by the store itself, also against writers in other processes.
    pub conditional_put: bool,
    /// It is on this machine, and its answer to a put is what it has seen on the disk: asking it with a head once more tells nothing
    /// new. The answer of another machine may have been lost, changed or made up on the way.
    pub answers_at_first_hand: bool,
}
