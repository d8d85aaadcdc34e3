//! GET and HEAD over one connection that is kept.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{Method, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::violation::{Body, Violation};

pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

/// What was answered, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Content-Length.
    pub(crate) length: Option<u64>,
    /// x-oss-hash-crc64ecma.
    pub(crate) crc: Option<u64>,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn head(&mut self, path: &str) -> Result<Answer, String> {
        self.request(Method::HEAD, path).await
    }

    async fn request(&mut self, method: Method, path: &str) -> Result<Answer, String> {
        match timeout(DEADLINE, self.attempt(method, path)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.connection = None;
                Err(format!("no answer within {DEADLINE:?}"))
            }
        }
    }

    async fn attempt(&mut self, method: Method, path: &str) -> Result<Answer, String> {
        // A kept connection may have ended since; on a fresh one a failure is a failure.
        if let Some(mut connection) = self.connection.take()
            && let Ok(response) = send(&mut connection, &method, path, self.address).await
        {
            let answer = receive(response).await?;
            self.connection = Some(connection);
            return Ok(answer);
        }
        let socket = TcpStream::connect(self.address)
            .await
            .map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let (mut connection, driver) = handshake(TokioIo::new(socket))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(driver);
        let response = send(&mut connection, &method, path, self.address).await?;
        let answer = receive(response).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

impl Answer {
    /// A listed segment has to be answered with all its bytes, and their right length and CRC-64.
    pub(crate) fn check_segment(&self, uri: &str) -> Result<Body, Violation> {
        let uri = || uri.to_owned();
        if self.status != 200 {
            let status = self.status;
            return Err(Violation::Unreadable { uri: uri(), status });
        }
        let body = self.body.len() as u64;
        if self.length != Some(body) {
            let header = self.length;
            return Err(Violation::Length {
                uri: uri(),
                header,
                body,
            });
        }
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, &self.body);
        if self.crc != Some(crc) {
            let header = self.crc;
            return Err(Violation::Crc {
                uri: uri(),
                header,
                body: crc,
            });
        }
        Ok(Body { length: body, crc })
    }

    /// A segment that was read before has to be there still, as it was; of a HEAD or a GET.
    pub(crate) fn check_still(&self, uri: &str, was: Body) -> Result<(), Violation> {
        if self.status != 200 {
            let (uri, status) = (uri.to_owned(), self.status);
            return Err(Violation::Unreadable { uri, status });
        }
        let is = Body {
            length: self.length.unwrap_or_default(),
            crc: self.crc.unwrap_or_default(),
        };
        if is != was {
            let uri = uri.to_owned();
            return Err(Violation::Changed { uri, was, is });
        }
        Ok(())
    }
}

async fn send(
    connection: &mut SendRequest<Empty<Bytes>>,
    method: &Method,
    path: &str,
    address: SocketAddr,
) -> Result<Response<Incoming>, String> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address.to_string())
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    connection.ready().await.map_err(|error| error.to_string())?;
    connection
        .send_request(request)
        .await
        .map_err(|error| error.to_string())
}

async fn receive(response: Response<Incoming>) -> Result<Answer, String> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
    let (status, length, crc) = (
        response.status().as_u16(),
        number(CONTENT_LENGTH.as_str()),
        number("x-oss-hash-crc64ecma"),
    );
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| format!("the body breaks off: {error}"))?;
    Ok(Answer {
        status,
        length,
        crc,
        body: body.to_bytes(),
    })
}

/// A server that is up has answered by then.
const DEADLINE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Body = Body {
        length: 9,
        crc: 0x995D_C9BB_DF19_39FA,
    };

    fn answer(status: u16, length: u64, crc: u64) -> Answer {
        Answer {
            status,
            length: Some(length),
            crc: Some(crc),
            body: Bytes::from_static(b"123456789"),
        }
    }

    #[test]
    fn a_whole_segment_is_accepted() {
        let answer = answer(200, BODY.length, BODY.crc);
        assert_eq!(answer.check_segment("1.ts"), Ok(BODY));
        assert_eq!(answer.check_still("1.ts", BODY), Ok(()));
    }

    #[test]
    fn a_listed_segment_that_cannot_be_read_is_a_violation() {
        let answer = answer(404, BODY.length, BODY.crc);
        let expected = Violation::Unreadable {
            uri: "1.ts".to_owned(),
            status: 404,
        };
        assert_eq!(answer.check_segment("1.ts"), Err(expected.clone()));
        assert_eq!(answer.check_still("1.ts", BODY), Err(expected));
    }

    #[test]
    fn a_wrong_length_is_a_violation() {
        let answer = answer(200, 10, BODY.crc);
        assert!(matches!(
            answer.check_segment("1.ts"),
            Err(Violation::Length {
                header: Some(10),
                body: 9,
                ..
            })
        ));
        assert!(matches!(
            answer.check_still("1.ts", BODY),
            Err(Violation::Changed { .. })
        ));
    }

    #[test]
    fn a_wrong_crc_is_a_violation() {
        let answer = answer(200, BODY.length, 7);
        assert!(matches!(
            answer.check_segment("1.ts"),
            Err(Violation::Crc { header: Some(7), .. })
        ));
        assert!(matches!(
            answer.check_still("1.ts", BODY),
            Err(Violation::Changed { .. })
        ));
    }
}
