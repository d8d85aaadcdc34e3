use std::borrow::Cow;

use crate::document::encoded;
use crate::list::{self, ListVersion, ObjectListParameters};
use crate::name::{BucketName, ObjectKey, OwnerId};
use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to ListObjects and ListObjectsV2 (contract, 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListBucketResult {
    /// The bucket.
    pub name: BucketName,
    /// What was asked for.
    pub parameters: ObjectListParameters,
    /// The last key or prefix listed, when there are more.
    pub next_marker: Option<String>,
    /// The objects, ascending by key.
    pub contents: Vec<ObjectEntry>,
    /// The prefixes that stand for folded keys, ascending.
    pub common_prefixes: Vec<String>,
}

/// One object of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Its key.
    pub key: ObjectKey,
    /// When it was written.
    pub last_modified: UnixTime,
    /// Without quotes.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Whose bucket it is in.
    pub owner: OwnerId,
}

impl ListBucketResult {
    /// The document.
    pub fn to_xml(&self) -> String {
        let list = &self.parameters.list;
        let mut writer = Writer::new("ListBucketResult");
        writer
            .element("Name", self.name.as_str())
            .element("Prefix", &self.encoded(&list.prefix));
        match &self.parameters.version {
            ListVersion::V1 => writer.element("Marker", &self.encoded(&list.marker)),
            ListVersion::V2 {
                start_after,
                continuation_token,
                ..
            } => writer
                .element("StartAfter", &self.encoded(start_after))
                .optional("ContinuationToken", continuation_token.as_deref()),
        };
        writer
            .number("MaxKeys", list.max_keys)
            .element(
                "Delimiter",
                &self.encoded(self.parameters.delimiter.as_deref().unwrap_or_default()),
            )
            .boolean("IsTruncated", self.next_marker.is_some())
            .optional("EncodingType", self.parameters.url_encoded.then_some("url"));
        let next = self.next_marker.as_deref();
        match self.parameters.version {
            ListVersion::V1 => writer.optional("NextMarker", next.map(|next| self.encoded(next)).as_deref()),
            ListVersion::V2 { .. } => writer
                .number("KeyCount", (self.contents.len() + self.common_prefixes.len()) as u64)
                .optional("NextContinuationToken", next.map(list::token).as_deref()),
        };
        let owners = !matches!(self.parameters.version, ListVersion::V2 { fetch_owner: false, .. });
        for object in &self.contents {
            writer
                .begin("Contents")
                .element("Key", &self.encoded(object.key.as_str()))
                .element("LastModified", &object.last_modified.iso8601())
                .element("ETag", &format!("\"{}\"", object.etag))
                .element("Type", object_type(&object.etag))
                .number("Size", object.size)
                .element("StorageClass", "Standard");
            if owners {
                writer
                    .begin("Owner")
                    .element("ID", object.owner.as_str())
                    .element("DisplayName", object.owner.as_str())
                    .end();
            }
            writer.end();
        }
        for prefix in &self.common_prefixes {
            writer
                .begin("CommonPrefixes")
                .element("Prefix", &self.encoded(prefix))
                .end();
        }
        writer.finish()
    }

    fn encoded<'a>(&self, text: &'a str) -> Cow<'a, str> {
        encoded(text, self.parameters.url_encoded)
    }
}

/// What an object's `Type` is, and its `x-oss-object-type`: the ETag of one that was uploaded in parts ends with their number.
pub fn object_type(etag: &str) -> &'static str {
    if etag.contains('-') { "Multipart" } else { "Normal" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;
    use crate::list::ListParameters;

    fn result(url_encoded: bool) -> ListBucketResult {
        let list = ListParameters {
            prefix: "a b/".into(),
            marker: String::new(),
            max_keys: 2,
        };
        let object = ObjectEntry {
            key: ObjectKey::parse("a b/<1>\u{1}").unwrap(),
            last_modified: UnixTime::from_secs(1_472_106_315),
            etag: "5B3C1A2E053D763E1B002CC607C5A0FE".into(),
            size: 344_606,
            owner: OwnerId::new("root"),
        };
        ListBucketResult {
            name: BucketName::parse("test-bucket").unwrap(),
            parameters: ObjectListParameters {
                list,
                delimiter: Some("/".into()),
                url_encoded,
                version: ListVersion::V1,
            },
            next_marker: Some("a b/c/".into()),
            contents: vec![object],
            common_prefixes: vec!["a b/c/".into()],
        }
    }

    #[test]
    fn lists_objects_and_prefixes() {
        check(
            &result(false).to_xml(),
            "<ListBucketResult>
               <Name>test-bucket</Name><Prefix>a b/</Prefix><Marker></Marker><MaxKeys>2</MaxKeys><Delimiter>/</Delimiter>
               <IsTruncated>true</IsTruncated><NextMarker>a b/c/</NextMarker>
               <Contents>
                 <Key>a b/&lt;1&gt;\u{fffd}</Key><LastModified>2016-08-25T06:25:15.000Z</LastModified>
                 <ETag>&quot;5B3C1A2E053D763E1B002CC607C5A0FE&quot;</ETag><Type>Normal</Type><Size>344606</Size>
                 <StorageClass>Standard</StorageClass><Owner><ID>root</ID><DisplayName>root</DisplayName></Owner>
               </Contents>
               <CommonPrefixes><Prefix>a b/c/</Prefix></CommonPrefixes>
             </ListBucketResult>",
        );
    }

    #[test]
    fn url_encoding_carries_every_key() {
        let xml = result(true).to_xml();
        for piece in [
            "<Prefix>a%20b%2F</Prefix><Marker></Marker>",
            "<Delimiter>%2F</Delimiter>",
            "<EncodingType>url</EncodingType><NextMarker>a%20b%2Fc%2F</NextMarker>",
            "<Key>a%20b%2F%3C1%3E%01</Key>",
            "<CommonPrefixes><Prefix>a%20b%2Fc%2F</Prefix></CommonPrefixes>",
        ] {
            assert!(xml.contains(piece), "{piece} in {xml}");
        }
    }

    #[test]
    fn last_page_has_no_next_marker() {
        let xml = ListBucketResult {
            next_marker: None,
            ..result(false)
        }
        .to_xml();
        assert!(xml.contains("<IsTruncated>false</IsTruncated><Contents>"), "{xml}");
    }
    #[test]
    fn the_second_version_tells_tokens_and_counts() {
        let v2 = |fetch_owner| {
            let mut result = result(true);
            result.parameters.version = ListVersion::V2 {
                start_after: "a b".into(),
                continuation_token: Some("YSBi".into()),
                fetch_owner,
            };
            result.contents[0].etag.push_str("-7");
            result.to_xml()
        };
        check(
            &v2(false),
            "<ListBucketResult>
               <Name>test-bucket</Name><Prefix>a%20b%2F</Prefix><StartAfter>a%20b</StartAfter><ContinuationToken>YSBi</ContinuationToken>
               <MaxKeys>2</MaxKeys><Delimiter>%2F</Delimiter><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>
               <KeyCount>2</KeyCount><NextContinuationToken>YSBiL2Mv</NextContinuationToken>
               <Contents>
                 <Key>a%20b%2F%3C1%3E%01</Key><LastModified>2016-08-25T06:25:15.000Z</LastModified>
                 <ETag>&quot;5B3C1A2E053D763E1B002CC607C5A0FE-7&quot;</ETag><Type>Multipart</Type><Size>344606</Size>
                 <StorageClass>Standard</StorageClass>
               </Contents>
               <CommonPrefixes><Prefix>a%20b%2Fc%2F</Prefix></CommonPrefixes>
             </ListBucketResult>",
        );
        assert!(v2(true).contains("<Owner><ID>root</ID>"));
    }
}
