//! What a request says in its headers of the object that it writes.

use std::collections::BTreeMap;

use alluvium_oss::{Error, ObjectAcl};
use alluvium_store::{Attributes, Condition};

use crate::config::Limits;
use crate::object::change::Effect;
use crate::object::headers::USER_PREFIX;
use crate::request::Headers;

/// Refuses headers that ask for something which is not offered; to overlook them would be a wrong success.
///
/// # Errors
/// `NotImplemented`.
pub(crate) fn refuse_unsupported(headers: &Headers) -> Result<(), Error> {
    let standard = |value: &str| value.eq_ignore_ascii_case("Standard");
    for name in UNSUPPORTED {
        if headers
            .value(name)
            .is_some_and(|value| *name != STORAGE_CLASS || !standard(value))
        {
            return Err(Error::not_implemented(name).with_detail("Header", *name));
        }
    }
    Ok(())
}

const STORAGE_CLASS: &str = "x-oss-storage-class";

const UNSUPPORTED: &[&str] = &[
    "if-match",
    "if-none-match",
    "x-oss-callback",
    "x-oss-tagging",
    "x-oss-traffic-limit",
    STORAGE_CLASS,
];

/// What is to travel with the object.
///
/// # Errors
/// `InvalidArgument` for user metadata past its bound and for an ACL that is none.
pub(crate) fn attributes(headers: &Headers, limits: &Limits) -> Result<Attributes, Error> {
    let user: BTreeMap<String, String> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(USER_PREFIX)?.to_owned(), value.to_owned())))
        .collect();
    if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > limits.user_metadata_bytes_max {
        return Err(Error::invalid_argument("The user metadata is too large."));
    }
    Ok(Attributes {
        content_type: headers.kept("content-type"),
        cache_control: headers.kept("cache-control"),
        content_disposition: headers.kept("content-disposition"),
        content_encoding: headers.kept("content-encoding"),
        content_language: headers.kept("content-language"),
        expires: headers.kept("expires"),
        content_md5: None,
        user,
        acl: acl(headers)?.unwrap_or_default(),
    })
}

/// The ACL of the object, where the request gives one.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn acl(headers: &Headers) -> Result<Option<ObjectAcl>, Error> {
    headers.value("x-oss-object-acl").map(ObjectAcl::parse).transpose()
}

/// Whether an object may be replaced, and what that means for it.
pub(crate) fn overwriting(headers: &Headers) -> (Effect, Condition) {
    match headers.value("x-oss-forbid-overwrite") {
        Some("true") => (Effect::Creates, Condition::Absent),
        _ => (Effect::Replaces, Condition::None),
    }
}
