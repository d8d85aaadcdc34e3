use std::{fmt, sync::Arc};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey, UnixTime};

use crate::{Attributes, Body, Condition, ListQuery, put::Stated};

/// What names a multipart upload: bucket and key of the object to be, and the id that the store gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upload {
    /// Where the object will be.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The store's name for the upload. No two uploads of a store ever have the same.
    pub id: UploadId,
}

/// The id of an upload: opaque text. One that names nothing can be made; the store finds no upload then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(Arc<str>);

impl UploadId {
    /// The id that a store once gave as this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// An id that nobody can guess.
    pub(crate) fn random() -> Self {
        Self::new(format!("{:032X}", rand::random::<u128>()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upload to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// What will travel with the object.
    pub attributes: Attributes,
    /// The time it is to carry as [`UploadInfo::begun`].
    pub at: UnixTime,
}

/// One part of an upload, to be stored.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its bytes; a file is treated as that of a [`Put`](crate::Put) is.
    pub body: Body,
    /// The bytes of `body`; another number is refused.
    pub length: u64,
    /// CRC-64/XZ of `body`, checked as that of a [`Put`](crate::Put) is.
    pub crc64: u64,
    /// ETag without quotes, kept verbatim.
    pub etag: String,
    /// The time it is to carry as [`PartInfo::modified`].
    pub at: UnixTime,
}

impl Part {
    pub(crate) fn stated(&self) -> Stated {
        Stated {
            length: self.length,
            crc64: self.crc64,
        }
    }

    pub(crate) fn info(&self, number: u32) -> PartInfo {
        PartInfo {
            number,
            length: self.length,
            crc64: self.crc64,
            etag: self.etag.clone(),
            modified: self.at,
        }
    }
}

/// What is known of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its place among the parts, 1 to 10000.
    pub number: u32,
    /// Its bytes.
    pub length: u64,
    /// CRC-64/XZ of its bytes.
    pub crc64: u64,
    /// Its ETag without quotes, as it was put.
    pub etag: String,
    /// When it was put, by the `at` of the part.
    pub modified: UnixTime,
}

/// How an upload's parts become an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteUpload {
    /// Number and ETag of each part, strictly ascending, at least one. Parts not named here are thrown away.
    pub parts: Vec<(u32, String)>,
    /// The ETag of the object, kept verbatim.
    pub etag: String,
    /// An ACL instead of the one that the upload was begun with.
    pub acl: Option<ObjectAcl>,
    /// What must be true of the key.
    pub condition: Condition,
    /// The time the object is to carry as [`ObjectInfo::modified`](crate::ObjectInfo::modified).
    pub at: UnixTime,
}

impl CompleteUpload {
    /// The parts to be joined, out of those that are there.
    pub(crate) fn choose<P>(&self, there: &[P], info: impl Fn(&P) -> &PartInfo) -> Result<Vec<usize>, crate::Error> {
        let find = |(number, etag): &(u32, String)| {
            there
                .binary_search_by_key(number, |part| info(part).number)
                .ok()
                .filter(|at| info(&there[*at]).etag == *etag)
                .ok_or(crate::Error::Part { number: *number })
        };
        self.parts.iter().map(find).collect()
    }
}

/// One page of an upload's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartPage {
    /// The parts, ascending by number.
    pub parts: Vec<PartInfo>,
    /// Whether there are more.
    pub truncated: bool,
}

/// An upload that was begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInfo {
    /// The key its object will have.
    pub key: ObjectKey,
    /// The store's name for it.
    pub id: UploadId,
    /// When it was begun, by the `at` of the beginning.
    pub begun: UnixTime,
}

/// Which part of a bucket's uploads a page is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadQuery {
    /// Prefix, delimiter, limit, and the key after which the page begins.
    pub list: ListQuery,
    /// The page begins within the uploads of the key [`after`](ListQuery::after), with those of a greater id; empty for none of them.
    pub after_id: String,
}

/// One page of a listing of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// Uploads, ascending by key and then by id.
    pub uploads: Vec<UploadInfo>,
    /// Common prefixes, ascending.
    pub prefixes: Vec<String>,
    /// [`after`](ListQuery::after) and [`after_id`](UploadQuery::after_id) of the next page; `None` on the last one, and only there.
    pub next: Option<(String, String)>,
}
