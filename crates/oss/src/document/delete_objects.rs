use crate::document::encoded;
use crate::error::Error;
use crate::name::ObjectKey;
use crate::xml::{Element, Writer};

/// What DeleteMultipleObjects is asked to delete (contract, 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteObjects {
    /// Whether the answer is to name nothing.
    pub quiet: bool,
    /// The keys, in the order of the request; 1 to 1000.
    pub keys: Vec<ObjectKey>,
}

impl DeleteObjects {
    /// Reads the document `Delete`.
    ///
    /// # Errors
    ///
    /// `MalformedXML` for another document, for no key and for more than 1000; `InvalidObjectName` for a key that no
    /// object can have; `NotImplemented` where a version of an object is named.
    pub fn from_xml(document: &[u8]) -> Result<Self, Error> {
        let root = Element::parse(document, "Delete")?;
        let quiet = match root.child_text("Quiet").map(str::trim) {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::malformed_xml()),
        };
        let objects: Vec<&Element> = root.children_named("Object").collect();
        if objects.is_empty() || objects.len() > KEYS_MAX {
            return Err(Error::malformed_xml());
        }
        let key = |object: &Element| {
            if object
                .child_text("VersionId")
                .is_some_and(|version| !version.is_empty())
            {
                return Err(Error::not_implemented("VersionId"));
            }
            ObjectKey::parse(object.child_text("Key").ok_or_else(Error::malformed_xml)?)
        };
        let keys = objects.into_iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { quiet, keys })
    }
}

/// The answer to DeleteMultipleObjects, unless it is to be quiet: then it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteResult {
    /// The keys that have no object now.
    pub deleted: Vec<ObjectKey>,
    /// Whether keys are percent-encoded.
    pub url_encoded: bool,
}

impl DeleteResult {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("DeleteResult");
        writer.optional("EncodingType", self.url_encoded.then_some("url"));
        for key in &self.deleted {
            writer
                .begin("Deleted")
                .element("Key", &encoded(key.as_str(), self.url_encoded))
                .end();
        }
        writer.finish()
    }
}

/// "At most 1000".
const KEYS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn request(objects: &str) -> Vec<u8> {
        format!("<Delete>{objects}</Delete>").into_bytes()
    }

    fn keys(keys: &[&str]) -> Vec<ObjectKey> {
        keys.iter().map(|key| ObjectKey::parse(key).unwrap()).collect()
    }

    #[test]
    fn reads_keys_in_order_with_their_white_space() {
        let document = request(
            "<Quiet>true</Quiet><Object><Key>b &lt; </Key></Object><Object><Key>a</Key><VersionId></VersionId></Object>",
        );
        let expected = DeleteObjects {
            quiet: true,
            keys: keys(&["b < ", "a"]),
        };
        assert_eq!(DeleteObjects::from_xml(&document).unwrap(), expected);
        assert!(
            !DeleteObjects::from_xml(&request("<Object><Key>a</Key></Object>"))
                .unwrap()
                .quiet
        );
    }

    #[test]
    fn refuses_no_keys_too_many_and_wrong_ones() {
        let many = |count| "<Object><Key>a</Key></Object>".repeat(count);
        assert_eq!(DeleteObjects::from_xml(&request(&many(1000))).unwrap().keys.len(), 1000);
        for (objects, code) in [
            (String::new(), ErrorCode::MalformedXML),
            (many(1001), ErrorCode::MalformedXML),
            ("<Object></Object>".to_owned(), ErrorCode::MalformedXML),
            (format!("<Quiet>yes</Quiet>{}", many(1)), ErrorCode::MalformedXML),
            ("<Object><Key></Key></Object>".to_owned(), ErrorCode::InvalidObjectName),
            (
                "<Object><Key>a</Key><VersionId>1</VersionId></Object>".to_owned(),
                ErrorCode::NotImplemented,
            ),
        ] {
            assert_eq!(
                DeleteObjects::from_xml(&request(&objects)).unwrap_err().code,
                code,
                "{objects}"
            );
        }
    }

    #[test]
    fn names_what_is_gone() {
        let result = |url_encoded| DeleteResult {
            deleted: keys(&["a b", "c&d"]),
            url_encoded,
        };
        crate::document::check(
            &result(false).to_xml(),
            "<DeleteResult><Deleted><Key>a b</Key></Deleted><Deleted><Key>c&amp;d</Key></Deleted></DeleteResult>",
        );
        crate::document::check(
            &result(true).to_xml(),
            "<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%20b</Key></Deleted><Deleted><Key>c%26d</Key></Deleted></DeleteResult>",
        );
    }
}
