use std::collections::BTreeSet;

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
    /// Which configuration documents it has, so that who needs one that is not there need not ask for it.
    pub documents: BTreeSet<BucketDocument>,
}

/// The kinds of configuration that a bucket can have besides its ACL: one document of each.
///
/// The catalog keeps their text and does not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BucketDocument {
    /// Which pages of other origins may use the bucket.
    Cors,
    /// Which pages may link to its objects.
    Referer,
    /// When its objects expire.
    Lifecycle,
}

impl BucketDocument {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Cors, Self::Referer, Self::Lifecycle];

    /// The kind's name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::Referer => "referer",
            Self::Lifecycle => "lifecycle",
        }
    }
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
