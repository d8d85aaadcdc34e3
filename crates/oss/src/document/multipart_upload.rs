use crate::document::encoded;
use crate::error::{Error, ErrorCode};
use crate::list::{PART_NUMBER_MAX, PartListParameters, UploadListParameters};
use crate::name::{BucketName, ObjectKey};
use crate::time::UnixTime;
use crate::xml::{Element, Writer};

/// The answer to InitiateMultipartUpload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitiateMultipartUploadResult<'a> {
    /// Where the object will be.
    pub bucket: &'a BucketName,
    /// Its key.
    pub key: &'a ObjectKey,
    /// What names the upload from now on.
    pub upload_id: &'a str,
    /// Whether the key is percent-encoded.
    pub url_encoded: bool,
}

impl InitiateMultipartUploadResult<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("InitiateMultipartUploadResult");
        writer
            .optional("EncodingType", self.url_encoded.then_some("url"))
            .element("Bucket", self.bucket.as_str())
            .element("Key", &encoded(self.key.as_str(), self.url_encoded))
            .element("UploadId", self.upload_id);
        writer.finish()
    }
}

/// What CompleteMultipartUpload is asked to join: number and ETag (without quotes) of each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMultipartUpload {
    /// Strictly ascending by number; 1 to 10000 of them.
    pub parts: Vec<(u32, String)>,
}

impl CompleteMultipartUpload {
    /// Reads the document.
    ///
    /// # Errors
    ///
    /// `MalformedXML` for another document, for no part and for more than 10000; `InvalidPart` for a number that no part
    /// can have; `InvalidPartOrder` when the numbers do not ascend.
    pub fn from_xml(document: &[u8]) -> Result<Self, Error> {
        let root = Element::parse(document, "CompleteMultipartUpload")?;
        let part = |part: &Element| {
            let number = part.child_text("PartNumber").ok_or_else(Error::malformed_xml)?;
            let number: u32 = number.trim().parse().map_err(|_| Error::malformed_xml())?;
            let etag = part.child_text("ETag").ok_or_else(Error::malformed_xml)?;
            if number == 0 || number > PART_NUMBER_MAX {
                return Err(Error::invalid_part(number));
            }
            Ok((number, etag.trim().trim_matches('"').to_ascii_uppercase()))
        };
        let parts: Vec<_> = root.children_named("Part").map(part).collect::<Result<_, _>>()?;
        if parts.is_empty() || parts.len() > PART_NUMBER_MAX as usize {
            return Err(Error::malformed_xml());
        }
        if !parts.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(ErrorCode::InvalidPartOrder.into());
        }
        Ok(Self { parts })
    }
}

/// The answer to CompleteMultipartUpload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteMultipartUploadResult<'a> {
    /// The URL of the object.
    pub location: &'a str,
    /// Where it is.
    pub bucket: &'a BucketName,
    /// Its key.
    pub key: &'a ObjectKey,
    /// Its ETag, without quotes.
    pub etag: &'a str,
    /// Whether the key is percent-encoded.
    pub url_encoded: bool,
}

impl CompleteMultipartUploadResult<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("CompleteMultipartUploadResult");
        writer
            .optional("EncodingType", self.url_encoded.then_some("url"))
            .element("Location", self.location)
            .element("Bucket", self.bucket.as_str())
            .element("Key", &encoded(self.key.as_str(), self.url_encoded))
            .element("ETag", &format!("\"{}\"", self.etag));
        writer.finish()
    }
}

/// The answer to ListParts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPartsResult<'a> {
    /// Where the object will be.
    pub bucket: &'a BucketName,
    /// Its key.
    pub key: &'a ObjectKey,
    /// The upload.
    pub upload_id: &'a str,
    /// What was asked for.
    pub parameters: PartListParameters,
    /// The parts, ascending by number.
    pub parts: Vec<PartEntry>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// 1 to 10000.
    pub number: u32,
    /// When it arrived.
    pub last_modified: UnixTime,
    /// Without quotes.
    pub etag: String,
    /// CRC-64 of its bytes.
    pub crc64: u64,
    /// Bytes.
    pub size: u64,
}

impl ListPartsResult<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let parameters = &self.parameters;
        let last = self
            .parts
            .last()
            .map_or(parameters.part_number_marker, |part| part.number);
        let mut writer = Writer::new("ListPartsResult");
        writer
            .optional("EncodingType", parameters.url_encoded.then_some("url"))
            .element("Bucket", self.bucket.as_str())
            .element("Key", &encoded(self.key.as_str(), parameters.url_encoded))
            .element("UploadId", self.upload_id)
            .element("StorageClass", "Standard")
            .number("PartNumberMarker", parameters.part_number_marker)
            .number("NextPartNumberMarker", last)
            .number("MaxParts", parameters.max_parts)
            .boolean("IsTruncated", self.truncated);
        for part in &self.parts {
            writer
                .begin("Part")
                .number("PartNumber", part.number)
                .element("LastModified", &part.last_modified.iso8601())
                .element("ETag", &format!("\"{}\"", part.etag))
                .number("HashCrc64ecma", part.crc64)
                .number("Size", part.size)
                .end();
        }
        writer.finish()
    }
}

/// The answer to ListMultipartUploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMultipartUploadsResult<'a> {
    /// The bucket.
    pub bucket: &'a BucketName,
    /// What was asked for.
    pub parameters: UploadListParameters,
    /// The uploads, ascending by key and id.
    pub uploads: Vec<UploadEntry>,
    /// The prefixes that stand for folded keys, ascending.
    pub common_prefixes: Vec<String>,
    /// Key (or prefix) and id that the next page begins after, when there are more.
    pub next: Option<(String, String)>,
}

/// One upload that was begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadEntry {
    /// The key its object will have.
    pub key: ObjectKey,
    /// What names it.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: UnixTime,
}

impl ListMultipartUploadsResult<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let parameters = &self.parameters;
        let encoded = |text| encoded(text, parameters.url_encoded);
        let (next_key, next_id) = self
            .next
            .as_ref()
            .map_or(("", ""), |(key, id)| (key.as_str(), id.as_str()));
        let mut writer = Writer::new("ListMultipartUploadsResult");
        writer
            .optional("EncodingType", parameters.url_encoded.then_some("url"))
            .element("Bucket", self.bucket.as_str())
            .element("KeyMarker", &encoded(&parameters.key_marker))
            .element("UploadIdMarker", &parameters.upload_id_marker)
            .element("NextKeyMarker", &encoded(next_key))
            .element("NextUploadIdMarker", next_id)
            .element(
                "Delimiter",
                &encoded(parameters.delimiter.as_deref().unwrap_or_default()),
            )
            .element("Prefix", &encoded(&parameters.prefix))
            .number("MaxUploads", parameters.max_uploads)
            .boolean("IsTruncated", self.next.is_some());
        for upload in &self.uploads {
            writer
                .begin("Upload")
                .element("Key", &encoded(upload.key.as_str()))
                .element("UploadId", &upload.upload_id)
                .element("StorageClass", "Standard")
                .element("Initiated", &upload.initiated.iso8601())
                .end();
        }
        for prefix in &self.common_prefixes {
            writer.begin("CommonPrefixes").element("Prefix", &encoded(prefix)).end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;

    fn names() -> (BucketName, ObjectKey) {
        (
            BucketName::parse("test-bucket").unwrap(),
            ObjectKey::parse("a b/1").unwrap(),
        )
    }

    fn complete(parts: &str) -> Result<CompleteMultipartUpload, ErrorCode> {
        let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        CompleteMultipartUpload::from_xml(document.as_bytes()).map_err(|error| error.code)
    }

    fn part(number: &str) -> String {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>\"ab\"</ETag></Part>")
    }

    #[test]
    fn reads_the_parts_to_be_joined() {
        let read = complete(&(part("2") + "<Part><ETag>CD</ETag><PartNumber> 10000 </PartNumber></Part>"));
        let parts = vec![(2, "AB".to_owned()), (10_000, "CD".to_owned())];
        assert_eq!(read, Ok(CompleteMultipartUpload { parts }));
        let most: String = (1..=10_000).map(|number: u32| part(&number.to_string())).collect();
        assert_eq!(complete(&most).unwrap().parts.len(), 10_000);
    }

    #[test]
    fn refuses_parts_that_cannot_be_joined() {
        for (parts, code) in [
            (String::new(), ErrorCode::MalformedXML),
            (part("x"), ErrorCode::MalformedXML),
            (
                "<Part><PartNumber>1</PartNumber></Part>".to_owned(),
                ErrorCode::MalformedXML,
            ),
            ("<Part><ETag>a</ETag></Part>".to_owned(), ErrorCode::MalformedXML),
            (part("0"), ErrorCode::InvalidPart),
            (part("10001"), ErrorCode::InvalidPart),
            (part("2") + &part("1"), ErrorCode::InvalidPartOrder),
            (part("2") + &part("2"), ErrorCode::InvalidPartOrder),
        ] {
            assert_eq!(complete(&parts).unwrap_err(), code, "{parts}");
        }
    }

    #[test]
    fn tells_of_an_upload_from_begin_to_end() {
        let (bucket, key) = names();
        let begun = InitiateMultipartUploadResult {
            bucket: &bucket,
            key: &key,
            upload_id: "0A",
            url_encoded: true,
        };
        check(
            &begun.to_xml(),
            "<InitiateMultipartUploadResult>
               <EncodingType>url</EncodingType><Bucket>test-bucket</Bucket><Key>a%20b%2F1</Key><UploadId>0A</UploadId>
             </InitiateMultipartUploadResult>",
        );
        let completed = CompleteMultipartUploadResult {
            location: "http://test-bucket.oss.test/a%20b/1",
            bucket: &bucket,
            key: &key,
            etag: "AB-2",
            url_encoded: false,
        };
        check(
            &completed.to_xml(),
            "<CompleteMultipartUploadResult>
               <Location>http://test-bucket.oss.test/a%20b/1</Location><Bucket>test-bucket</Bucket><Key>a b/1</Key>
               <ETag>&quot;AB-2&quot;</ETag>
             </CompleteMultipartUploadResult>",
        );
    }

    #[test]
    fn lists_parts() {
        let (bucket, key) = names();
        let part = PartEntry {
            number: 7,
            last_modified: UnixTime::from_secs(1_472_106_315),
            etag: "AB".into(),
            crc64: 5,
            size: 100,
        };
        let result = |parts: Vec<PartEntry>| ListPartsResult {
            bucket: &bucket,
            key: &key,
            upload_id: "0A",
            parameters: PartListParameters {
                part_number_marker: 6,
                max_parts: 1,
                url_encoded: false,
            },
            truncated: !parts.is_empty(),
            parts,
        };
        check(
            &result(vec![part]).to_xml(),
            "<ListPartsResult>
               <Bucket>test-bucket</Bucket><Key>a b/1</Key><UploadId>0A</UploadId><StorageClass>Standard</StorageClass>
               <PartNumberMarker>6</PartNumberMarker><NextPartNumberMarker>7</NextPartNumberMarker><MaxParts>1</MaxParts>
               <IsTruncated>true</IsTruncated>
               <Part>
                 <PartNumber>7</PartNumber><LastModified>2016-08-25T06:25:15.000Z</LastModified><ETag>&quot;AB&quot;</ETag>
                 <HashCrc64ecma>5</HashCrc64ecma><Size>100</Size>
               </Part>
             </ListPartsResult>",
        );
        assert!(
            result(Vec::new())
                .to_xml()
                .contains("<NextPartNumberMarker>6</NextPartNumberMarker>")
        );
    }

    #[test]
    fn lists_uploads() {
        let (bucket, key) = names();
        let upload = UploadEntry {
            key,
            upload_id: "0A".into(),
            initiated: UnixTime::from_secs(1_472_106_315),
        };
        let parameters = UploadListParameters {
            prefix: "a b".into(),
            delimiter: Some("/".into()),
            key_marker: "a".into(),
            upload_id_marker: "09".into(),
            max_uploads: 2,
            url_encoded: true,
        };
        let result = ListMultipartUploadsResult {
            bucket: &bucket,
            parameters,
            uploads: vec![upload],
            common_prefixes: vec!["a b/".into()],
            next: Some(("a b/1".into(), "0A".into())),
        };
        check(
            &result.to_xml(),
            "<ListMultipartUploadsResult>
               <EncodingType>url</EncodingType><Bucket>test-bucket</Bucket><KeyMarker>a</KeyMarker>
               <UploadIdMarker>09</UploadIdMarker><NextKeyMarker>a%20b%2F1</NextKeyMarker>
               <NextUploadIdMarker>0A</NextUploadIdMarker><Delimiter>%2F</Delimiter><Prefix>a%20b</Prefix>
               <MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated>
               <Upload>
                 <Key>a%20b%2F1</Key><UploadId>0A</UploadId><StorageClass>Standard</StorageClass>
                 <Initiated>2016-08-25T06:25:15.000Z</Initiated>
               </Upload>
               <CommonPrefixes><Prefix>a%20b%2F</Prefix></CommonPrefixes>
             </ListMultipartUploadsResult>",
        );
        let last = ListMultipartUploadsResult { next: None, ..result };
        assert!(
            last.to_xml()
                .contains("<NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker>")
        );
    }
}
