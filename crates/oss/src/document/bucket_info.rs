use crate::acl::Acl;
use crate::name::{BucketName, OwnerId};
use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to GetBucketInfo (contract, 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: UnixTime,
    /// Where it is reached: host without the bucket, with port unless it is the default.
    pub endpoint: String,
    /// The region, `cn-hangzhou`.
    pub region: String,
    /// Whose it is.
    pub owner: OwnerId,
    /// Who else may use it.
    pub acl: Acl,
}

impl BucketInfo {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("BucketInfo");
        writer
            .begin("Bucket")
            .element("CreationDate", &self.created.iso8601())
            .element("ExtranetEndpoint", &self.endpoint)
            .element("IntranetEndpoint", &self.endpoint)
            .element("Location", &format!("oss-{}", self.region))
            .element("StorageClass", "Standard")
            .element("TransferAcceleration", "Disabled")
            .element("CrossRegionReplication", "Disabled")
            .element("Name", self.name.as_str())
            .begin("Owner")
            .element("DisplayName", self.owner.as_str())
            .element("ID", self.owner.as_str())
            .end()
            .begin("AccessControlList")
            .element("Grant", self.acl.as_str())
            .end()
            .element("DataRedundancyType", "LRS")
            .element("Comment", "");
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_endpoint_owner_and_list() {
        let info = BucketInfo {
            name: BucketName::parse("test-bucket").unwrap(),
            created: UnixTime::from_secs(1_472_106_315),
            endpoint: "oss.test".into(),
            region: "cn-hangzhou".into(),
            owner: OwnerId::new("root"),
            acl: Acl::PublicRead,
        };
        crate::document::check(
            &info.to_xml(),
            "<BucketInfo><Bucket>
               <CreationDate>2016-08-25T06:25:15.000Z</CreationDate>
               <ExtranetEndpoint>oss.test</ExtranetEndpoint><IntranetEndpoint>oss.test</IntranetEndpoint>
               <Location>oss-cn-hangzhou</Location><StorageClass>Standard</StorageClass>
               <TransferAcceleration>Disabled</TransferAcceleration><CrossRegionReplication>Disabled</CrossRegionReplication>
               <Name>test-bucket</Name>
               <Owner><DisplayName>root</DisplayName><ID>root</ID></Owner>
               <AccessControlList><Grant>public-read</Grant></AccessControlList>
               <DataRedundancyType>LRS</DataRedundancyType><Comment></Comment>
             </Bucket></BucketInfo>",
        );
    }
}
