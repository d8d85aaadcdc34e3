use crate::xml::Writer;

/// The answer to GetBucketLocation (contract, 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationConstraint {
    /// The region, `cn-hangzhou`.
    pub region: String,
}

impl LocationConstraint {
    /// The document.
    pub fn to_xml(&self) -> String {
        Writer::leaf("LocationConstraint", &format!("oss-{}", self.region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_region_with_its_prefix() {
        let location = LocationConstraint {
            region: "cn-hangzhou".into(),
        };
        crate::document::check(
            &location.to_xml(),
            "<LocationConstraint>oss-cn-hangzhou</LocationConstraint>",
        );
    }
}
