use std::time::Duration;

use alluvium_oss::sign::{self, v4};
use alluvium_oss::xml::Element;
use alluvium_oss::{BucketName, Clock, percent};
use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::{Credentials, Endpoint, Refusal, Unreachable};
use crate::clock::SystemClock;

/// Speaks to one endpoint with one access key. Nothing is asked again: the person or script at the shell decides that.
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    pub(crate) endpoint: Endpoint,
    credentials: Credentials,
    /// What the signature names as the server's region.
    region: String,
}

/// One request of the API, before it is signed.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) bucket: Option<&'a BucketName>,
    /// Empty where the request is about the bucket or the service.
    pub(crate) key: &'a str,
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: Method, bucket: Option<&'a BucketName>, key: &'a str) -> Self {
        Self {
            method,
            bucket,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_body(mut self, body: String) -> Self {
        self.body = body;
        self
    }
}

/// A server's answer that it has done what it was asked.
#[derive(Debug)]
pub(crate) struct Answer {
    host: String,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads the document whose outermost element has this name.
    pub(crate) fn document(&self, root: &str) -> Result<Element, Unreachable> {
        Element::parse(&self.body, root).map_err(|_| self.unexpected(&format!("no {root} in it")))
    }

    /// Reads the answer of a path that speaks JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Unreachable> {
        serde_json::from_slice(&self.body).map_err(|_| self.unexpected("it is no JSON"))
    }

    /// Says that the answer is not what this API answers.
    pub(crate) fn unexpected(&self, what: &str) -> Unreachable {
        Unreachable {
            host: self.host.clone(),
            reason: format!("the answer is not understood: {what}"),
        }
    }
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, credentials: Credentials, region: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self {
            http: legacy::Client::builder(TokioExecutor::new()).build(connector),
            endpoint,
            credentials,
            region,
        }
    }

    /// Signs and sends the request.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when the server answered with an error of the API, [`Unreachable`] when nothing came back that is
    /// understood.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Answer> {
        let host = self.endpoint.host(request.bucket);
        let unreachable = |reason: String| Unreachable {
            host: host.clone(),
            reason,
        };
        let request = self.sign(request)?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| causes(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| format!("the answer breaks off: {error}"))?;
            Ok::<_, String>((head.status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(ANSWER_TIMEOUT, exchange)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))?
            .map_err(unreachable)?;
        if status.is_success() {
            return Ok(Answer { host, body });
        }
        Err(refused(status, &body).map_or_else(|reason| unreachable(reason).into(), Into::into))
    }

    fn sign(&self, request: Request<'_>) -> Result<http::Request<Full<Bytes>>> {
        let Request {
            method,
            bucket,
            key,
            query,
            mut headers,
            body,
        } = request;
        headers.push(("x-oss-date".to_owned(), SystemClock.now().iso8601_basic()));
        headers.push(("x-oss-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
        if let Some(token) = &self.credentials.security_token {
            headers.push(("x-oss-security-token".to_owned(), token.expose().to_owned()));
        }
        // What stands first in the path is signed as the bucket, also where it is none.
        let (place, rest) = match (bucket, key.split_once('/')) {
            (Some(bucket), _) => (Some(bucket.as_str()), key),
            (None, Some((first, rest))) => (Some(first), rest),
            (None, None) => (None, key),
        };
        let signed = sign::Request {
            method: method.as_str(),
            bucket: place,
            key: rest,
            query: &query,
            headers: &headers,
        };
        let authorization = v4::authorization_header(
            &signed,
            &self.credentials.access_key_id,
            &self.credentials.secret,
            &self.region,
            &[],
        )?;
        let url = self.endpoint.url(bucket, key);
        let query = percent::encode_query(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let url = if query.is_empty() {
            url
        } else {
            format!("{url}?{query}")
        };
        let mut sent = http::Request::builder()
            .method(method)
            .uri(url)
            .header(USER_AGENT, concat!("alluvium/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, authorization);
        for (name, value) in &headers {
            sent = sent.header(name, value);
        }
        sent.body(Full::new(body.into()))
            .context("this cannot be said in an HTTP request")
    }
}

/// The refusal in an answer, or what is odd about it.
fn refused(status: StatusCode, body: &[u8]) -> Result<Refusal, String> {
    Refusal::parse(status.as_u16(), body)
        .ok_or_else(|| format!("it answers {status}, and not as a server of this API does: is the endpoint right?"))
}

/// The error with what is behind it, where the client library keeps the useful words.
fn causes(error: &legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Of one address of the endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// From the first byte sent to the last one received; a playlist of a whole day takes the server a moment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A playlist of a day in segments of one second takes some 4 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;
