use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to CopyObject and UploadPartCopy (contract, 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyResult {
    /// When the copy was made.
    pub last_modified: UnixTime,
    /// Of the copy, without quotes.
    pub etag: String,
}

impl CopyResult {
    /// The document of a copied object.
    pub fn to_object_xml(&self) -> String {
        self.to_xml("CopyObjectResult")
    }

    /// The document of a copied part.
    pub fn to_part_xml(&self) -> String {
        self.to_xml("CopyPartResult")
    }

    fn to_xml(&self, root: &'static str) -> String {
        let mut writer = Writer::new(root);
        writer
            .element("LastModified", &self.last_modified.iso8601())
            .element("ETag", &format!("\"{}\"", self.etag));
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_time_and_etag() {
        let result = CopyResult {
            last_modified: UnixTime::from_secs(1_472_106_315),
            etag: "5B3C1A2E053D763E1B002CC607C5A0FE".into(),
        };
        let inside = "<LastModified>2016-08-25T06:25:15.000Z</LastModified><ETag>&quot;5B3C1A2E053D763E1B002CC607C5A0FE&quot;</ETag>";
        crate::document::check(
            &result.to_object_xml(),
            &format!("<CopyObjectResult>{inside}</CopyObjectResult>"),
        );
        crate::document::check(
            &result.to_part_xml(),
            &format!("<CopyPartResult>{inside}</CopyPartResult>"),
        );
    }
}
