//! Operations on objects: one file each.

pub(crate) mod delete_object;
pub(crate) mod get_object;
pub(crate) mod get_object_meta;
pub(crate) mod head_object;
mod headers;
pub(crate) mod put_object;
