use crate::name::OwnerId;
use crate::xml::Writer;

/// The answer to GetBucketAcl and GetObjectAcl (contract, 4.2 and 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessControlPolicy {
    /// Whose the bucket is.
    pub owner: OwnerId,
    /// [`Acl::as_str`](crate::Acl::as_str) or [`ObjectAcl::as_str`](crate::ObjectAcl::as_str).
    pub grant: &'static str,
}

impl AccessControlPolicy {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("AccessControlPolicy");
        writer
            .begin("Owner")
            .element("ID", self.owner.as_str())
            .element("DisplayName", self.owner.as_str())
            .end()
            .begin("AccessControlList")
            .element("Grant", self.grant);
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::ObjectAcl;

    #[test]
    fn tells_owner_and_grant() {
        let policy = AccessControlPolicy {
            owner: OwnerId::new("root"),
            grant: ObjectAcl::Default.as_str(),
        };
        crate::document::check(
            &policy.to_xml(),
            "<AccessControlPolicy>
               <Owner><ID>root</ID><DisplayName>root</DisplayName></Owner>
               <AccessControlList><Grant>default</Grant></AccessControlList>
             </AccessControlPolicy>",
        );
    }
}
