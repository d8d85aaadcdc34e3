use crate::error::Error;
use crate::xml::Writer;

/// The body of every refusal (contract, 3.6). `EC` and `RecommendDoc` are always there, because a client fails without them.
#[derive(Clone, Copy, Debug)]
pub struct ErrorDocument<'a> {
    /// The refusal.
    pub error: &'a Error,
    /// The value of `x-oss-request-id`.
    pub request_id: &'a str,
    /// The host that the request was sent to.
    pub host_id: &'a str,
}

impl ErrorDocument<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let error = self.error;
        let mut writer = Writer::new("Error");
        writer
            .element("Code", error.code.as_str())
            .element("Message", &error.message)
            .element("RequestId", self.request_id)
            .element("HostId", self.host_id);
        for (name, value) in &error.details {
            writer.element(name, value);
        }
        let ec = error.ec.unwrap_or_default();
        writer
            .element("EC", ec)
            .element("RecommendDoc", &format!("https://api.aliyun.com/troubleshoot?q={ec}"));
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;
    use crate::error::ErrorCode;
    use crate::name::BucketName;

    fn document(error: &Error) -> String {
        ErrorDocument {
            error,
            request_id: "57BE8422B92475920B002030",
            host_id: "test-bucket.oss.test",
        }
        .to_xml()
    }

    #[test]
    fn is_the_sample_of_the_contract() {
        check(
            &document(&Error::no_such_channel()),
            "<Error>
               <Code>NoSuchLiveChannel</Code>
               <Message>The specified live channel does not exist.</Message>
               <RequestId>57BE8422B92475920B002030</RequestId>
               <HostId>test-bucket.oss.test</HostId>
               <EC>0026-00000021</EC>
               <RecommendDoc>https://api.aliyun.com/troubleshoot?q=0026-00000021</RecommendDoc>
             </Error>",
        );
    }

    #[test]
    fn details_stand_before_the_number() {
        let xml = document(&Error::no_such_bucket(&BucketName::parse("test-bucket").unwrap()));
        assert!(
            xml.contains("</HostId><BucketName>test-bucket</BucketName><EC>0015-00000101</EC>"),
            "{xml}"
        );
    }

    #[test]
    fn number_is_present_even_if_unknown() {
        for code in ErrorCode::ALL {
            let xml = document(&Error::from(*code));
            assert!(xml.contains("<EC>") && xml.contains("<RecommendDoc>"), "{xml}");
        }
    }
}
