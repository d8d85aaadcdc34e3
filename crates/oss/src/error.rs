//! The refusals of the API: codes, their default messages and EC numbers (contract, 3.6 and 1.11).

use std::borrow::Cow;
use std::fmt;

use crate::name::{BucketName, ObjectKey};

/// Declares the codes once: name, text on the wire, EC number if the contract gives one, default message.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $ec:expr, $message:literal;)*) => {
        /// The `Code` element of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The text of the `Code` element.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What `Message` says unless something more exact is known.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }

            /// The `EC` number that goes with the code in general, where the contract knows one.
            pub const fn ec(self) -> Option<&'static str> {
                match self { $(Self::$name => $ec,)* }
            }
        }
    };
}

error_codes! {
    /// No permission, expired, or refused by the bucket's referer policy.
    AccessDenied "AccessDenied" Some("0003-00000001"), "You have no right to access this object.";
    /// No CORS rule lets the page's origin in.
    AccessForbidden "AccessForbidden" None, "CORSResponse: This CORS request is not allowed.";
    /// The security token is not the one of the access key.
    AccessKeyIdAndSecurityTokenNotMatch "AccessKeyIdAndSecurityTokenNotMatch" Some("0002-00000004"), "The access key id and the security token do not match.";
    /// The request lacks what its kind demands, such as the origin of a preflight.
    BadRequest "BadRequest" None, "The request is malformed.";
    /// Another owner has a bucket of this name.
    BucketAlreadyExists "BucketAlreadyExists" Some("0015-00000104"), "The requested bucket name is not available.";
    /// Objects, uploads or channels remain in the bucket.
    BucketNotEmpty "BucketNotEmpty" Some("0015-00000301"), "The bucket has objects, multipart uploads or live channels. Please delete them first.";
    /// A publisher is connected.
    ChannelStillLive "ChannelStillLive" Some("0044-00000201"), "Live channel couldn't be updated or deleted when channel is live.";
    /// The body is larger than the operation allows.
    EntityTooLarge "EntityTooLarge" None, "Your proposed upload exceeds the maximum allowed size.";
    /// A part that is not the last one of its upload is smaller than parts may be.
    EntityTooSmall "EntityTooSmall" None, "Your proposed upload is smaller than the minimum allowed object size.";
    /// `x-oss-forbid-overwrite` met an existing object.
    FileAlreadyExists "FileAlreadyExists" None, "The object you specified already exists and can not be overwritten.";
    /// Something failed that is not the client's doing.
    InternalError "InternalError" None, "We encountered an internal error. Please try again.";
    /// The access key id is unknown or disabled.
    InvalidAccessKeyId "InvalidAccessKeyId" Some("0002-00000902"), "The OSS Access Key Id you provided does not exist in our records.";
    /// A parameter, header or element has a value it may not have.
    InvalidArgument "InvalidArgument" None, "An argument of the request is not valid.";
    /// No bucket can have this name.
    InvalidBucketName "InvalidBucketName" None, "The specified bucket is not valid.";
    /// The CRC-64 of the body differs from the one announced.
    InvalidCRC64 "InvalidCRC64" None, "The CRC64 you specified is not valid.";
    /// No channel can have this name.
    InvalidChannelName "InvalidChannelName" None, "The specified live channel name is not valid.";
    /// The body does not have the `Content-MD5` announced.
    InvalidDigest "InvalidDigest" None, "The Content-MD5 you specified was invalid.";
    /// No object can have this key.
    InvalidObjectName "InvalidObjectName" None, "The specified object is not valid.";
    /// A part to be joined was not uploaded, or has another ETag.
    InvalidPart "InvalidPart" None, "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag.";
    /// The parts to be joined are not in ascending order.
    InvalidPartOrder "InvalidPartOrder" None, "The list of parts was not in ascending order. The parts list must be specified in order by part number.";
    /// The range lies outside of the object.
    InvalidRange "InvalidRange" None, "The requested range cannot be satisfied.";
    /// The request as a whole is not allowed, such as `response-*` without a signature.
    InvalidRequest "InvalidRequest" None, "The request is not valid.";
    /// The access key has no security token, and one was sent.
    InvalidSecurityToken "InvalidSecurityToken" Some("0002-00000006"), "The security token you provided is invalid.";
    /// The channel is disabled.
    LiveChannelDisabled "LiveChannelDisabled" None, "Live channel is disabled by owner.";
    /// The channel has no publisher.
    LiveChannelNotLive "LiveChannelNotLive" None, "The live channel has no publisher now.";
    /// The body is not XML, or not the document expected.
    MalformedXML "MalformedXML" Some("0031-00000001"), "The XML you provided was not well-formed or did not validate against our published schema.";
    /// The resource has no such verb.
    MethodNotAllowed "MethodNotAllowed" None, "The specified method is not allowed against this resource.";
    /// The length of the body is not known beforehand.
    MissingContentLength "MissingContentLength" None, "You must provide the Content-Length HTTP header.";
    /// There is no such bucket.
    NoSuchBucket "NoSuchBucket" Some("0015-00000101"), "The specified bucket does not exist.";
    /// The bucket has no CORS rules.
    NoSuchCORSConfiguration "NoSuchCORSConfiguration" None, "The CORS Configuration does not exist.";
    /// There is no such object.
    NoSuchKey "NoSuchKey" Some("0026-00000001"), "The specified key does not exist.";
    /// The bucket has no lifecycle rules.
    NoSuchLifecycle "NoSuchLifecycle" None, "No Row found in Lifecycle Table.";
    /// There is no such channel.
    NoSuchLiveChannel "NoSuchLiveChannel" Some("0026-00000021"), "The specified live channel does not exist.";
    /// There is no such multipart upload, or it has ended.
    NoSuchUpload "NoSuchUpload" None, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    /// The header, parameter or operation is one that is not offered.
    NotImplemented "NotImplemented" None, "A header or parameter you provided implies functionality that is not implemented.";
    /// A condition of the request does not hold.
    PreconditionFailed "PreconditionFailed" None, "At least one of the pre-conditions you specified did not hold.";
    /// The request's date is too far from the server's clock.
    RequestTimeTooSkewed "RequestTimeTooSkewed" None, "The difference between the request time and the current time is too large.";
    /// The request's body came too slowly.
    RequestTimeout "RequestTimeout" None, "Your socket connection to the server was not read from or written to within the timeout period.";
    /// Path style where the service wants the bucket in the host name.
    SecondLevelDomainForbidden "SecondLevelDomainForbidden" None, "The bucket you are attempting to access must be addressed using OSS third level domain.";
    /// The security token, and its access key with it, is too old.
    SecurityTokenExpired "SecurityTokenExpired" Some("0002-00000007"), "The security token you provided has expired.";
    /// The store or the catalog cannot answer now.
    ServiceUnavailable "ServiceUnavailable" None, "Please reduce your request rate or try again later.";
    /// The signature is not the one that the secret makes.
    SignatureDoesNotMatch "SignatureDoesNotMatch" Some("0002-00000040"), "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    /// The owner has as many buckets as he may have.
    TooManyBuckets "TooManyBuckets" None, "You have attempted to create more buckets than allowed.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request, or a publish, is refused; everything of the error document that does not depend on the request's own
/// identity. HTTP statuses are made elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// The `Code` element.
    pub code: ErrorCode,
    /// The `Message` element: one sentence for the person who reads it.
    pub message: Cow<'static, str>,
    /// The `EC` element and `x-oss-ec` header.
    pub ec: Option<&'static str>,
    /// Further elements, in order, between `HostId` and `EC`. Names are XML names.
    pub details: Vec<(&'static str, String)>,
}

impl Error {
    /// A refusal with a message of its own and the code's general EC number.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            ec: code.ec(),
            details: Vec::new(),
        }
    }

    /// The same with this EC number.
    #[must_use]
    pub fn with_ec(mut self, ec: &'static str) -> Self {
        self.ec = Some(ec);
        self
    }

    /// The same with one more element.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The same with the elements that name the argument at fault and its value, cut to a length fit for an answer.
    #[must_use]
    pub fn with_argument(self, name: &'static str, value: &str) -> Self {
        let cut: String = value.chars().take(ARGUMENT_VALUE_CHARS_MAX).collect();
        self.with_detail("ArgumentName", name).with_detail("ArgumentValue", cut)
    }

    /// `NoSuchBucket`, with its name.
    pub fn no_such_bucket(bucket: &BucketName) -> Self {
        Self::from(ErrorCode::NoSuchBucket).with_detail("BucketName", bucket.as_str())
    }

    /// `NoSuchKey`, with the key.
    pub fn no_such_key(key: &ObjectKey) -> Self {
        Self::from(ErrorCode::NoSuchKey).with_detail("Key", key.as_str())
    }

    /// `NoSuchLiveChannel`.
    pub fn no_such_channel() -> Self {
        ErrorCode::NoSuchLiveChannel.into()
    }

    /// `ChannelStillLive`.
    pub fn channel_still_live() -> Self {
        ErrorCode::ChannelStillLive.into()
    }

    /// `LiveChannelDisabled`.
    pub fn channel_disabled() -> Self {
        ErrorCode::LiveChannelDisabled.into()
    }

    /// `AccessDenied`, saying why.
    pub fn access_denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::AccessDenied, message)
    }

    /// `InvalidArgument`, saying which and what it may be.
    pub fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    /// `InvalidPart`, with its number.
    pub fn invalid_part(number: u32) -> Self {
        Self::from(ErrorCode::InvalidPart).with_detail("PartNumber", number.to_string())
    }

    /// `NoSuchUpload`, with its id.
    pub fn no_such_upload(upload_id: &str) -> Self {
        Self::from(ErrorCode::NoSuchUpload).with_detail("UploadId", upload_id)
    }

    /// `MalformedXML`.
    pub fn malformed_xml() -> Self {
        ErrorCode::MalformedXML.into()
    }

    /// `NotImplemented`, with what is not offered.
    pub fn not_implemented(what: &str) -> Self {
        Self::new(ErrorCode::NotImplemented, format!("{what} is not implemented."))
    }

    /// `InternalError`. The cause belongs into the log, not into the answer.
    pub fn internal() -> Self {
        ErrorCode::InternalError.into()
    }

    /// `ServiceUnavailable`: the same request may succeed later.
    pub fn unavailable() -> Self {
        ErrorCode::ServiceUnavailable.into()
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }
}

/// Enough to recognise a wrong value; the rest would only make answers as long as requests.
const ARGUMENT_VALUE_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_have_messages() {
        let texts: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(code.message().ends_with('.'), "{code}");
            assert_eq!(format!("{code:?}"), code.as_str());
        }
    }

    #[test]
    fn shorthands_carry_what_the_contract_gives() {
        let bucket = BucketName::parse("test-bucket").unwrap();
        let error = Error::no_such_bucket(&bucket);
        assert_eq!(error.ec, Some("0015-00000101"));
        assert_eq!(error.details, [("BucketName", "test-bucket".to_owned())]);
        assert_eq!(error.to_string(), "NoSuchBucket: The specified bucket does not exist.");
        let key = ObjectKey::parse("a/b").unwrap();
        assert_eq!(Error::no_such_key(&key).details, [("Key", "a/b".to_owned())]);
        assert_eq!(Error::no_such_channel().ec, Some("0026-00000021"));
        assert_eq!(Error::channel_still_live().ec, Some("0044-00000201"));
        assert_eq!(Error::access_denied("Request has expired.").ec, Some("0003-00000001"));
    }

    #[test]
    fn argument_values_are_cut() {
        let short = "é".repeat(ARGUMENT_VALUE_CHARS_MAX);
        for value in [short.clone(), format!("{short}x")] {
            let error = Error::invalid_argument("No.").with_argument("marker", &value);
            assert_eq!(error.details[1], ("ArgumentValue", short.clone()));
        }
    }
}
