use alluvium_oss::{Acl, BucketName, OwnerId, UnixTime};

/// A bucket: a name space of objects and channels, with one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Unique in the catalog.
    pub name: BucketName,
    /// Who created it; never changes.
    pub owner: OwnerId,
    /// What others may do.
    pub acl: Acl,
    /// When it was created.
    pub created: UnixTime,
}

/// Which buckets a listing asks for.
#[derive(Clone, Debug, Default)]
pub struct BucketQuery {
    /// Only this owner's; `None` is everybody's.
    pub owner: Option<OwnerId>,
    /// Only names that begin so; empty is every name.
    pub prefix: String,
    /// Only names strictly after this one in byte order; empty is from the first.
    pub after: String,
    /// At most so many, at least 1.
    pub limit: usize,
}
