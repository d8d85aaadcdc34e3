//! As much of HTTP/1.1 as the bench asks: one request after the other on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

pub(crate) struct Client {
    address: SocketAddr,
    connection: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).context("connecting for HTTP")?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        Ok(Self {
            address,
            connection: BufReader::new(socket),
        })
    }

    /// The body of an object that anybody may read; `None` while there is no such object.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        let request = get(self.address, path);
        self.connection.get_mut().write_all(&request)?;
        match self.answer()? {
            (200, body) => Ok(Some(body)),
            (404, _) => Ok(None),
            (status, body) => bail!("GET {path}: {status} {}", String::from_utf8_lossy(&body)),
        }
    }

    /// A PUT that the key's owner has signed (version 1).
    pub(crate) fn put(&mut self, path: &str, key: &Key, header: Option<(&str, &str)>, body: &[u8]) -> Result<()> {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let extra = header.map(|(name, value)| format!("{name}:{value}"));
        let lines = extra.as_ref().map(|line| format!("{line}\n")).unwrap_or_default();
        let signature = key.sign(&format!("PUT\n\n\n{date}\n{lines}{path}"));
        let request = format!(
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nDate: {date}\r\nAuthorization: OSS {}:{signature}\r\nContent-Length: {}\r\n{}\r\n",
            self.address,
            key.id,
            body.len(),
            extra.map(|line| format!("{line}\r\n")).unwrap_or_default(),
        );
        self.connection
            .get_mut()
            .write_all(&[request.as_bytes(), body].concat())?;
        let (status, body) = self.answer()?;
        ensure!(status == 200, "PUT {path}: {status} {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    fn answer(&mut self) -> Result<(u16, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let length = self.connection.read_until(b'\n', &mut head)?;
            ensure!(
                length > 0 && head.len() <= HEAD_BYTES_MAX,
                "the answer ends in its header"
            );
        }
        let head = Head::parse(&head)?;
        let mut body = vec![0; head.body_bytes];
        self.connection.read_exact(&mut body)?;
        Ok((head.status, body))
    }
}

pub(crate) fn get(host: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// What a client has to know of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
}

impl Head {
    /// From all bytes up to the empty line.
    pub(crate) fn parse(head: &[u8]) -> Result<Self> {
        let head = str::from_utf8(head).context("an answer's header is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse())?
                .ok()
        });
        Ok(Self {
            status: status.with_context(|| format!("no status: {head}"))?,
            body_bytes: length.with_context(|| format!("no Content-Length: {head}"))?,
        })
    }
}

/// An access key.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
}

impl Key {
    fn sign(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;
const DEADLINE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_length_whatever_the_case() {
        let head = b"HTTP/1.1 206 Partial Content\r\nServer: x\r\ncontent-length: 17\r\n\r\n";
        assert_eq!(
            Head::parse(head).unwrap(),
            Head {
                status: 206,
                body_bytes: 17
            }
        );
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn signs_as_the_interface_documents_it() {
        // The worked example of the API's documentation.
        let key = Key {
            id: "44CF9590006BF252F707",
            secret: "OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV",
        };
        let text = "PUT\nODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=\ntext/html\nThu, 17 Nov 2005 18:49:58 GMT\n\
                    x-oss-magic:abracadabra\nx-oss-meta-author:foo@bar.com\n/oss-example/nelson";
        assert_eq!(key.sign(text), "26NBxoKdsyly4EDv6inkoDft/yA=");
    }
}
