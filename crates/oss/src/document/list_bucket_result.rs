use std::borrow::Cow;

use crate::list::ObjectListParameters;
use crate::name::{BucketName, ObjectKey, OwnerId};
use crate::percent;
use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to ListObjects, first version (contract, 4.3).
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
            .element("Prefix", &self.encoded(&list.prefix))
            .element("Marker", &self.encoded(&list.marker))
            .number("MaxKeys", list.max_keys)
            .element(
                "Delimiter",
                &self.encoded(self.parameters.delimiter.as_deref().unwrap_or_default()),
            )
            .boolean("IsTruncated", self.next_marker.is_some())
            .optional("EncodingType", self.parameters.url_encoded.then_some("url"))
            .optional(
                "NextMarker",
                self.next_marker
                    .as_deref()
                    .map(|marker| self.encoded(marker))
                    .as_deref(),
            );
        for object in &self.contents {
            writer
                .begin("Contents")
                .element("Key", &self.encoded(object.key.as_str()))
                .element("LastModified", &object.last_modified.iso8601())
                .element("ETag", &format!("\"{}\"", object.etag))
                .element("Type", "Normal")
                .number("Size", object.size)
                .element("StorageClass", "Standard")
                .begin("Owner")
                .element("ID", object.owner.as_str())
                .element("DisplayName", object.owner.as_str())
                .end()
                .end();
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
        if self.parameters.url_encoded {
            percent::encode(text).into()
        } else {
            text.into()
        }
    }
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
}
