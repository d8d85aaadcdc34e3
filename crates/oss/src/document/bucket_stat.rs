use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to GetBucketStat (contract, 4.1). Every object is of the standard storage class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketStat {
    /// Bytes of all objects.
    pub storage: u64,
    /// Objects.
    pub objects: u64,
    /// Uploads that were begun and have not ended.
    pub uploads: u64,
    /// Live channels.
    pub channels: u64,
    /// When they were counted.
    pub at: UnixTime,
}

impl BucketStat {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("BucketStat");
        writer
            .number("Storage", self.storage)
            .number("ObjectCount", self.objects)
            .number("MultipartUploadCount", self.uploads)
            .number("LiveChannelCount", self.channels)
            .element("LastModifiedTime", &self.at.as_secs().to_string())
            .number("StandardStorage", self.storage)
            .number("StandardObjectCount", self.objects);
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_everything_as_standard() {
        let stat = BucketStat {
            storage: 1600,
            objects: 230,
            uploads: 40,
            channels: 4,
            at: UnixTime::from_millis(1_643_341_269_999),
        };
        crate::document::check(
            &stat.to_xml(),
            "<BucketStat>
               <Storage>1600</Storage><ObjectCount>230</ObjectCount>
               <MultipartUploadCount>40</MultipartUploadCount><LiveChannelCount>4</LiveChannelCount>
               <LastModifiedTime>1643341269</LastModifiedTime>
               <StandardStorage>1600</StandardStorage><StandardObjectCount>230</StandardObjectCount>
             </BucketStat>",
        );
    }
}
