//! Operations on objects: one file each.

pub(crate) mod abort_multipart_upload;
pub(crate) mod change;
pub(crate) mod complete_multipart_upload;
pub(crate) mod copy_object;
pub(crate) mod copy_source;
pub(crate) mod delete_object;
mod description;
pub(crate) mod get_object;
pub(crate) mod get_object_acl;
pub(crate) mod get_object_meta;
pub(crate) mod get_signed_playlist;
pub(crate) mod head_object;
mod headers;
pub(crate) mod initiate_multipart_upload;
pub(crate) mod list_parts;
mod multipart;
mod playlist_signer;
pub(crate) mod put_object;
pub(crate) mod put_object_acl;
mod reference;
pub(crate) mod upload_part;
pub(crate) mod upload_part_copy;
