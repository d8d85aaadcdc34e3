//! The documents that answers carry: plain values, each with `to_xml`.
//!
//! Elements come in the order of the contract, without namespace or attributes, and empty ones are present where it says so.
//! What characters become that XML cannot carry is told at [`xml::Writer`](crate::xml::Writer).

mod access_control_policy;
mod bucket_info;
mod bucket_stat;
mod copy_result;
mod create_live_channel_result;
mod delete_objects;
mod encoding;
mod error_document;
mod list_all_my_buckets_result;
mod list_bucket_result;
mod list_live_channel_result;
mod live_channel_configuration;
mod live_channel_history;
mod live_channel_stat;
mod location_constraint;
mod multipart_upload;

pub use access_control_policy::AccessControlPolicy;
pub use bucket_info::BucketInfo;
pub use bucket_stat::BucketStat;
pub use copy_result::CopyResult;
pub use create_live_channel_result::CreateLiveChannelResult;
pub use delete_objects::{DeleteObjects, DeleteResult};
pub use error_document::ErrorDocument;
pub use list_all_my_buckets_result::{BucketEntry, ListAllMyBucketsResult};
pub use list_bucket_result::{ListBucketResult, ObjectEntry, object_type};
pub use list_live_channel_result::{ListLiveChannelResult, LiveChannelEntry};
pub use live_channel_configuration::LiveChannelConfiguration;
pub use live_channel_history::{LiveChannelHistory, LiveRecord};
pub use live_channel_stat::{AudioStat, LiveChannelStat, VideoStat};
pub use location_constraint::LocationConstraint;
pub use multipart_upload::{
    CompleteMultipartUpload, CompleteMultipartUploadResult, InitiateMultipartUploadResult, ListMultipartUploadsResult,
    ListPartsResult, PartEntry, UploadEntry,
};

use encoding::encoded;

#[cfg(test)]
#[track_caller]
pub(crate) fn check(xml: &str, expected: &str) {
    let expected: String = expected.lines().map(str::trim).collect();
    assert_eq!(xml, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{expected}"));
}
