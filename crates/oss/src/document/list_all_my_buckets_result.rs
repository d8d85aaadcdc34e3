use crate::list::ListParameters;
use crate::name::{BucketName, OwnerId};
use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to ListBuckets (contract, 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAllMyBucketsResult {
    /// What was asked for.
    pub parameters: ListParameters,
    /// The last name listed, when there are more.
    pub next_marker: Option<String>,
    /// Who asks.
    pub owner: OwnerId,
    /// The region, `cn-hangzhou`.
    pub region: String,
    /// Where the buckets are reached: host, with port unless it is the default. Clients use it.
    pub endpoint: String,
    /// The buckets, ascending by name.
    pub buckets: Vec<BucketEntry>,
}

/// One bucket of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: UnixTime,
}

impl ListAllMyBucketsResult {
    /// The document.
    pub fn to_xml(&self) -> String {
        let location = format!("oss-{}", self.region);
        let mut writer = Writer::new("ListAllMyBucketsResult");
        writer
            .element("Prefix", &self.parameters.prefix)
            .element("Marker", &self.parameters.marker)
            .number("MaxKeys", self.parameters.max_keys)
            .boolean("IsTruncated", self.next_marker.is_some())
            .element("NextMarker", self.next_marker.as_deref().unwrap_or_default())
            .begin("Owner")
            .element("ID", self.owner.as_str())
            .element("DisplayName", self.owner.as_str())
            .end()
            .begin("Buckets");
        for bucket in &self.buckets {
            writer
                .begin("Bucket")
                .element("CreationDate", &bucket.created.iso8601())
                .element("ExtranetEndpoint", &self.endpoint)
                .element("IntranetEndpoint", &self.endpoint)
                .element("Location", &location)
                .element("Name", bucket.name.as_str())
                .element("Region", &self.region)
                .element("StorageClass", "Standard")
                .end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_reachable_endpoint_for_each_bucket() {
        let result = ListAllMyBucketsResult {
            parameters: ListParameters {
                prefix: "t".into(),
                marker: String::new(),
                max_keys: 1,
            },
            next_marker: Some("test-bucket".into()),
            owner: OwnerId::new("root"),
            region: "cn-hangzhou".into(),
            endpoint: "oss.test:9000".into(),
            buckets: vec![BucketEntry {
                name: BucketName::parse("test-bucket").unwrap(),
                created: UnixTime::from_secs(1_472_106_315),
            }],
        };
        crate::document::check(
            &result.to_xml(),
            "<ListAllMyBucketsResult>
               <Prefix>t</Prefix><Marker></Marker><MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated><NextMarker>test-bucket</NextMarker>
               <Owner><ID>root</ID><DisplayName>root</DisplayName></Owner>
               <Buckets><Bucket>
                 <CreationDate>2016-08-25T06:25:15.000Z</CreationDate>
                 <ExtranetEndpoint>oss.test:9000</ExtranetEndpoint><IntranetEndpoint>oss.test:9000</IntranetEndpoint>
                 <Location>oss-cn-hangzhou</Location><Name>test-bucket</Name><Region>cn-hangzhou</Region>
                 <StorageClass>Standard</StorageClass>
               </Bucket></Buckets>
             </ListAllMyBucketsResult>",
        );
    }
}
