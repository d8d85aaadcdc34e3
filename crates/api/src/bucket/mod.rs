//! Operations on buckets: one file each.

pub(crate) mod delete_bucket;
pub(crate) mod delete_bucket_cors;
pub(crate) mod delete_bucket_lifecycle;
pub(crate) mod delete_multiple_objects;
pub(crate) mod get_bucket_acl;
pub(crate) mod get_bucket_cors;
pub(crate) mod get_bucket_info;
pub(crate) mod get_bucket_lifecycle;
pub(crate) mod get_bucket_location;
pub(crate) mod get_bucket_referer;
pub(crate) mod get_bucket_stat;
pub(crate) mod get_bucket_versioning;
pub(crate) mod list_buckets;
pub(crate) mod list_multipart_uploads;
pub(crate) mod list_objects;
pub(crate) mod list_objects_v2;
pub(crate) mod option_object;
pub(crate) mod put_bucket;
pub(crate) mod put_bucket_acl;
pub(crate) mod put_bucket_cors;
pub(crate) mod put_bucket_lifecycle;
pub(crate) mod put_bucket_referer;
