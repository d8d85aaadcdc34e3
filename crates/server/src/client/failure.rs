use alluvium_oss::xml::Element;
use serde::Serialize;

/// A server's answer that it does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The error's name, such as `NoSuchBucket`.
    pub(crate) code: String,
    pub(crate) message: String,
    /// The number that the error's documentation is found by; empty where there is none.
    pub(crate) ec: String,
    /// What the request is called in the server's log.
    pub(crate) request_id: String,
}

impl Refusal {
    /// Reads the answer to a request; `None` when it is not an error of this API.
    pub(super) fn parse(status: u16, body: &[u8]) -> Option<Self> {
        Self::parse_json(status, body).or_else(|| Self::parse_xml(status, body))
    }

    /// Of the paths that speak JSON.
    fn parse_json(status: u16, body: &[u8]) -> Option<Self> {
        let document: serde_json::Value = serde_json::from_slice(body).ok()?;
        let error = document.get("error")?;
        let text = |name| error.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(Self {
            status,
            code: text("code")?,
            message: text("message").unwrap_or_default(),
            ec: text("ec").unwrap_or_default(),
            request_id: text("request_id").unwrap_or_default(),
        })
    }

    fn parse_xml(status: u16, body: &[u8]) -> Option<Self> {
        let error = Element::parse(body, "Error").ok()?;
        let text = |name| error.child_text(name).unwrap_or_default().trim().to_owned();
        let refusal = Self {
            status,
            code: text("Code"),
            message: text("Message"),
            ec: text("EC"),
            request_id: text("RequestId"),
        };
        (!refusal.code.is_empty()).then_some(refusal)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            code,
            message,
            ec,
            request_id,
        } = self;
        write!(f, "{code}: {message} (HTTP {status}")?;
        if !ec.is_empty() {
            write!(f, ", EC {ec}")?;
        }
        write!(f, ", request {request_id})")
    }
}

impl std::error::Error for Refusal {}

/// Nothing that could be understood came back, so what became of the request is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// Where the request was sent.
    pub(super) host: String,
    pub(super) reason: String,
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}: {}", self.host, self.reason)
    }
}

impl std::error::Error for Unreachable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_the_servers_code_and_message() {
        let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist.\
                    </Message><RequestId>57BE</RequestId><HostId>h</HostId><EC>0015-00000101</EC></Error>";
        let refusal = Refusal::parse(404, body.as_bytes()).unwrap();
        assert_eq!(
            refusal.to_string(),
            "NoSuchBucket: The specified bucket does not exist. (HTTP 404, EC 0015-00000101, request 57BE)"
        );
    }

    #[test]
    fn reads_a_refusal_in_json() {
        let body =
            br#"{"error":{"status":404,"code":"LiveChannelNotLive","message":"No.","ec":"","request_id":"57BE"}}"#;
        let refusal = Refusal::parse(404, body).unwrap();
        assert_eq!(refusal.to_string(), "LiveChannelNotLive: No. (HTTP 404, request 57BE)");
        assert_eq!(Refusal::parse(404, b"{}"), None);
    }

    #[test]
    fn a_page_of_a_proxy_is_no_refusal() {
        for body in ["", "<html><body>502</body></html>", "<Error></Error>", "not found"] {
            assert_eq!(Refusal::parse(502, body.as_bytes()), None, "{body}");
        }
    }
}
