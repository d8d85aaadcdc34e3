//! What a request asks for: one enum, one table.

use http::Method;

use crate::request::{Query, Target};

/// One operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ListBuckets,
    PutBucket,
    DeleteBucket,
    GetBucketInfo,
    GetBucketAcl,
    PutBucketAcl,
    GetBucketLocation,
    GetBucketVersioning,
    GetBucketStat,
    GetBucketCors,
    PutBucketCors,
    DeleteBucketCors,
    GetBucketReferer,
    PutBucketReferer,
    GetBucketLifecycle,
    PutBucketLifecycle,
    DeleteBucketLifecycle,
    /// The preflight of a browser (contract, 4.6), whatever the request that is to follow asks for.
    OptionObject,
    ListObjects,
    ListObjectsV2,
    ListMultipartUploads,
    DeleteMultipleObjects,
    /// CopyObject too, where the request names a source.
    PutObject,
    GetObjectAcl,
    PutObjectAcl,
    InitiateMultipartUpload,
    /// UploadPartCopy too, where the request names a source.
    UploadPart,
    ListParts,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    GetObject,
    HeadObject,
    GetObjectMeta,
    GetSignedPlaylist,
    DeleteObject,
    PutLiveChannel,
    PutLiveChannelStatus,
    GetLiveChannelInfo,
    GetLiveChannelStat,
    GetLiveChannelHistory,
    ListLiveChannel,
    DeleteLiveChannel,
    PostVodPlaylist,
    GetVodPlaylist,
    /// Alluvium's own: the publishers that run.
    GetLive,
    /// Part of the API, and not offered: the sub-resource or feature that says so.
    Unsupported(&'static str),
    /// No operation of the API has this verb on such a resource.
    MethodNotAllowed,
}

use Operation::*;
use Target::{Bucket, Object, Service};

/// Parameters that must be there, with a value where one is given.
type When = &'static [(&'static str, Option<&'static str>)];

/// Verb, resource, selecting parameters, operation: the first row that fits wins.
///
/// Channel operations stand for the bucket itself too: there the channel's name is empty, which is a fault of the name.
const TABLE: &[(&str, &[Target], When, Operation)] = &[
    (
        "PUT",
        &[Bucket, Object],
        &[("live", None), ("status", None)],
        PutLiveChannelStatus,
    ),
    ("PUT", &[Bucket, Object], &[("live", None)], PutLiveChannel),
    (
        "GET",
        &[Bucket, Object],
        &[("live", None), ("comp", Some("stat"))],
        GetLiveChannelStat,
    ),
    (
        "GET",
        &[Bucket, Object],
        &[("live", None), ("comp", Some("history"))],
        GetLiveChannelHistory,
    ),
    ("GET", &[Object], &[("live", None)], GetLiveChannelInfo),
    ("GET", &[Bucket], &[("live", None)], ListLiveChannel),
    ("DELETE", &[Bucket, Object], &[("live", None)], DeleteLiveChannel),
    ("POST", &[Bucket, Object], &[("vod", None)], PostVodPlaylist),
    ("GET", &[Bucket, Object], &[("vod", None)], GetVodPlaylist),
    ("GET", &[Bucket], &[("bucketInfo", None)], GetBucketInfo),
    ("GET", &[Bucket], &[("acl", None)], GetBucketAcl),
    ("PUT", &[Bucket], &[("acl", None)], PutBucketAcl),
    ("GET", &[Bucket], &[("cors", None)], GetBucketCors),
    ("PUT", &[Bucket], &[("cors", None)], PutBucketCors),
    ("DELETE", &[Bucket], &[("cors", None)], DeleteBucketCors),
    ("GET", &[Bucket], &[("list-type", Some("2"))], ListObjectsV2),
    ("GET", &[Bucket], &[("uploads", None)], ListMultipartUploads),
    ("POST", &[Bucket], &[("delete", None)], DeleteMultipleObjects),
    ("GET", &[Object], &[("acl", None)], GetObjectAcl),
    ("PUT", &[Object], &[("acl", None)], PutObjectAcl),
    ("POST", &[Object], &[("uploads", None)], InitiateMultipartUpload),
    (
        "PUT",
        &[Object],
        &[("uploadId", None), ("partNumber", None)],
        UploadPart,
    ),
    ("GET", &[Object], &[("uploadId", None)], ListParts),
    ("POST", &[Object], &[("uploadId", None)], CompleteMultipartUpload),
    ("DELETE", &[Object], &[("uploadId", None)], AbortMultipartUpload),
    ("GET", &[Bucket], &[("location", None)], GetBucketLocation),
    ("GET", &[Bucket], &[("versioning", None)], GetBucketVersioning),
    ("GET", &[Bucket], &[("stat", None)], GetBucketStat),
    ("GET", &[Bucket], &[("referer", None)], GetBucketReferer),
    ("PUT", &[Bucket], &[("referer", None)], PutBucketReferer),
    ("GET", &[Bucket], &[("lifecycle", None)], GetBucketLifecycle),
    ("PUT", &[Bucket], &[("lifecycle", None)], PutBucketLifecycle),
    ("DELETE", &[Bucket], &[("lifecycle", None)], DeleteBucketLifecycle),
    ("HEAD", &[Object], &[("objectMeta", None)], GetObjectMeta),
    (
        "GET",
        &[Object],
        &[("x-oss-process", Some("hls/sign"))],
        GetSignedPlaylist,
    ),
    (
        "HEAD",
        &[Object],
        &[("x-oss-process", Some("hls/sign"))],
        GetSignedPlaylist,
    ),
    ("GET", &[Service], &[], ListBuckets),
    ("PUT", &[Bucket], &[], PutBucket),
    ("DELETE", &[Bucket], &[], DeleteBucket),
    ("GET", &[Bucket], &[], ListObjects),
    ("PUT", &[Object], &[], PutObject),
    ("GET", &[Object], &[], GetObject),
    ("HEAD", &[Object], &[], HeadObject),
    ("DELETE", &[Object], &[], DeleteObject),
    ("POST", &[Bucket], &[], Unsupported("PostObject")),
    ("OPTIONS", &[Bucket, Object], &[], OptionObject),
];

/// Parameters that select an operation; with one of them a request is never an operation that does not name it.
const SELECTORS: &[&str] = &[
    "live",
    "vod",
    "bucketInfo",
    "acl",
    "cors",
    "lifecycle",
    "location",
    "objectMeta",
    "referer",
    "stat",
    "versioning",
    "x-oss-process",
    "list-type",
    "delete",
    "uploads",
    "uploadId",
    "partNumber",
];

/// Parameters of the API that select or change an operation in a way which is not offered (contract, 3.1 and 4.1).
const UNSUPPORTED: &[&str] = &[
    "accessPoint",
    "accessPointPolicy",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "callback",
    "callback-var",
    "cname",
    "encryption",
    "group",
    "httpsConfig",
    "img",
    "inventory",
    "inventoryId",
    "link",
    "logging",
    "metaQuery",
    "objectInfo",
    "policy",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requesterQosInfo",
    "requestPayment",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "restore",
    "sequential",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "versionId",
    "versions",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-async-process",
    "x-oss-traffic-limit",
];

impl Operation {
    /// Whether it sends what is in an object, or says so of it.
    pub(crate) fn reads_object(self) -> bool {
        matches!(self, GetObject | HeadObject | GetObjectMeta | GetSignedPlaylist)
    }

    /// The operation of a request with this verb, resource and query.
    pub(crate) fn of(method: &Method, target: Target, query: &Query) -> Self {
        if target == Target::Own {
            return if method == Method::GET {
                GetLive
            } else {
                MethodNotAllowed
            };
        }
        // A preflight repeats the parameters of the request that it asks for; they select nothing.
        let none = Query::default();
        let query = if method == Method::OPTIONS { &none } else { query };
        if let Some(name) = UNSUPPORTED.iter().find(|name| query.has(name)) {
            return Unsupported(name);
        }
        let selector = SELECTORS.iter().find(|name| query.has(name));
        TABLE
            .iter()
            .find(|(verb, targets, when, _)| {
                *verb == method.as_str()
                    && targets.contains(&target)
                    && SELECTORS
                        .iter()
                        .all(|name| !query.has(name) || when.iter().any(|(selecting, _)| selecting == name))
                    && when
                        .iter()
                        .all(|(name, value)| query.value(name).is_some_and(|v| value.is_none_or(|w| v == w)))
            })
            .map(|(.., operation)| *operation)
            .unwrap_or(selector.map_or(MethodNotAllowed, |name| Unsupported(name)))
    }
}

#[cfg(test)]
mod compatibility;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, target: Target, query: &str) -> Operation {
        let query = Query::read(query, 64).unwrap();
        Operation::of(&Method::from_bytes(method.as_bytes()).unwrap(), target, &query)
    }

    #[test]
    fn parameters_select_the_operation() {
        for (method, target, query, expected) in [
            ("GET", Service, "", ListBuckets),
            ("GET", Service, "prefix=a&marker=b", ListBuckets),
            ("PUT", Bucket, "", PutBucket),
            ("PUT", Bucket, "acl", PutBucketAcl),
            ("GET", Bucket, "prefix=live", ListObjects),
            ("GET", Bucket, "live", ListLiveChannel),
            ("GET", Bucket, "live=&prefix=a", ListLiveChannel),
            ("GET", Object, "live=", GetLiveChannelInfo),
            ("GET", Object, "comp=stat&live", GetLiveChannelStat),
            ("GET", Object, "comp=history&live", GetLiveChannelHistory),
            ("GET", Object, "comp=other&live", GetLiveChannelInfo),
            ("GET", Object, "comp=stat", GetObject),
            ("PUT", Object, "live", PutLiveChannel),
            ("PUT", Object, "live&status=", PutLiveChannelStatus),
            ("PUT", Object, "status=enabled", PutObject),
            ("POST", Object, "vod&startTime=1&endTime=2", PostVodPlaylist),
            ("GET", Object, "vod", GetVodPlaylist),
            ("GET", Object, "Live", GetObject),
            ("HEAD", Object, "objectMeta", GetObjectMeta),
            ("GET", Object, "x-oss-process=hls/sign", GetSignedPlaylist),
            ("HEAD", Object, "x-oss-process=hls/sign&Expires=1", GetSignedPlaylist),
            (
                "GET",
                Object,
                "x-oss-process=hls/sign,a_b",
                Unsupported("x-oss-process"),
            ),
            (
                "GET",
                Object,
                "x-oss-process=image/resize",
                Unsupported("x-oss-process"),
            ),
            ("GET", Object, "x-oss-process", Unsupported("x-oss-process")),
            ("GET", Object, "x-oss-process=hls/sign&vod", Unsupported("vod")),
            ("POST", Object, "x-oss-process=hls/sign", Unsupported("x-oss-process")),
            ("GET", Bucket, "x-oss-process=hls/sign", Unsupported("x-oss-process")),
            ("PUT", Bucket, "cors", PutBucketCors),
            ("GET", Object, "cors", Unsupported("cors")),
            ("OPTIONS", Object, "", OptionObject),
            ("OPTIONS", Bucket, "uploads", OptionObject),
            ("OPTIONS", Object, "live&x-oss-process=hls/sign", OptionObject),
            ("OPTIONS", Service, "", MethodNotAllowed),
            ("HEAD", Object, "live", Unsupported("live")),
            ("GET", Object, "live&uploads", Unsupported("live")),
            ("GET", Object, "acl", GetObjectAcl),
            ("HEAD", Object, "acl", Unsupported("acl")),
            ("GET", Bucket, "list-type=2&prefix=a", ListObjectsV2),
            ("GET", Bucket, "list-type=3", Unsupported("list-type")),
            ("GET", Bucket, "uploads&prefix=a", ListMultipartUploads),
            ("POST", Object, "uploads=", InitiateMultipartUpload),
            ("PUT", Object, "uploadId=1&partNumber=2", UploadPart),
            ("PUT", Object, "uploadId=1", Unsupported("uploadId")),
            ("PUT", Object, "partNumber=1", Unsupported("partNumber")),
            ("GET", Object, "uploadId=1&max-parts=2", ListParts),
            ("POST", Object, "append&position=0", Unsupported("append")),
            ("PUT", Object, "symlink", Unsupported("symlink")),
            ("GET", Object, "live&vod", Unsupported("live")),
            ("HEAD", Bucket, "", MethodNotAllowed),
            ("get", Object, "", MethodNotAllowed),
        ] {
            assert_eq!(of(method, target, query), expected, "{method} {target:?} {query}");
        }
    }

    #[test]
    fn the_tables_agree() {
        for (verb, targets, when, operation) in TABLE {
            assert!(!targets.is_empty());
            for (name, _) in *when {
                assert!(!UNSUPPORTED.contains(name), "{name}");
            }
            if let Some((selector, _)) = when.first() {
                assert!(SELECTORS.contains(selector), "{selector}");
            }
            let query: Vec<String> = when
                .iter()
                .map(|(name, value)| format!("{name}={}", value.unwrap_or_default()))
                .collect();
            for target in *targets {
                assert_eq!(of(verb, *target, &query.join("&")), *operation);
            }
        }
    }
}
