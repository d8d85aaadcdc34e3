//! Operations on objects: one file each.

pub(crate) mod delete_object;
pub(crate) mod get_object;
pub(crate) mod get_object_meta;
pub(crate) mod get_signed_playlist;
pub(crate) mod head_object;
mod headers;
mod playlist_signer;
pub(crate) mod put_object;
mod reference;
