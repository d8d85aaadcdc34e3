use super::{Error, Head};

/// A capture that is whole in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// What is said about it.
    pub head: Head,
    /// What the publisher sent, handshake included.
    pub bytes: Vec<u8>,
}

impl Capture {
    /// Reads a file.
    ///
    /// # Errors
    /// It is none, or damaged; the error names the line.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let (head, length) = Head::parse(file)?.ok_or(Error::Unfinished { length: file.len() })?;
        Ok(Self {
            head,
            bytes: file[length..].to_vec(),
        })
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = self.head.to_string().into_bytes();
        file.extend_from_slice(&self.bytes);
        file
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::{Expectation, HEAD_BYTES_MAX};

    fn head() -> impl Strategy<Value = Head> {
        let text = || proptest::option::of("[!-~é]{1,20}( [!-~é]{1,20})?");
        let expects = proptest::option::of(prop_oneof![
            Just(Expectation::Recorded),
            Just(Expectation::Error),
            Just(Expectation::Refused("NetStream.Publish.Denied".to_owned())),
        ]);
        let texts = (text(), text(), text(), text());
        (texts, proptest::option::of(any::<u64>()), expects).prop_map(
            |((from, shows, received, refused), cut, expects)| Head {
                from,
                shows,
                received,
                refused,
                cut,
                expects,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(head in head(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let capture = Capture { head, bytes };
            prop_assert_eq!(Capture::parse(&capture.to_bytes()), Ok(capture));
        }

        #[test]
        fn any_bytes_are_a_capture_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Capture::parse(&bytes);
            let _ = Capture::parse(&[&b"alluvium-capture: 1\n"[..], &bytes].concat());
        }
    }

    #[track_caller]
    fn refuses(file: &[u8], error: Error) {
        assert_eq!(Capture::parse(file), Err(error));
    }

    #[test]
    fn what_is_no_capture_is_refused_by_its_line() {
        refuses(b"FLV\x01\x05", Error::NotACapture);
        refuses(b"alluvium-captured: 1\n\n", Error::NotACapture);
        let version = "2".to_owned();
        refuses(b"alluvium-capture: 2\n\n", Error::Version { version });
        refuses(b"alluvium-cap", Error::Unfinished { length: 12 });
        refuses(b"", Error::Unfinished { length: 0 });
        refuses(b"alluvium-capture: 1\nfrom: me\n", Error::Unfinished { length: 29 });
        refuses(b"alluvium-capture: 1\nfrom me\n\n", Error::Line { line: 2 });
        refuses(b"alluvium-capture: 1\nfrom: \xff\n\n", Error::Text { line: 2 });
        let (name, line) = ("from", 3);
        refuses(
            b"alluvium-capture: 1\nfrom: a\nfrom: b\n\n",
            Error::Again { name, line },
        );
        let (name, value, line) = ("cut", "-1".to_owned(), 2);
        refuses(b"alluvium-capture: 1\ncut: -1\n\n", Error::Value { name, value, line });
        let (name, value, line) = ("expects", "luck".to_owned(), 2);
        refuses(
            b"alluvium-capture: 1\nexpects: luck\n\n",
            Error::Value { name, value, line },
        );
    }

    #[test]
    fn a_head_has_a_limit() {
        let begin = "alluvium-capture: 1\n";
        let line = |length: usize| format!("{begin}x: {}\n\n", "y".repeat(length - begin.len() - 5));
        assert!(Capture::parse(line(HEAD_BYTES_MAX).as_bytes()).is_ok());
        refuses(line(HEAD_BYTES_MAX + 1).as_bytes(), Error::TooLong);
    }

    #[test]
    fn unknown_names_are_skipped_and_bytes_may_be_anything() {
        let file = b"alluvium-capture: 1\nmood: fine\nfrom: me\n\n\n\nalluvium";
        let capture = Capture::parse(file).unwrap();
        assert_eq!(capture.head.from.as_deref(), Some("me"));
        assert_eq!(capture.bytes, b"\n\nalluvium");
    }

    #[test]
    fn values_are_kept_to_one_short_line() {
        let head = Head {
            refused: Some(format!("two\nlines{}", "é".repeat(3000))),
            ..Head::default()
        };
        let (read, _) = Head::parse(head.to_string().as_bytes()).unwrap().unwrap();
        let refused = read.refused.unwrap();
        assert!(refused.starts_with("two linesé") && refused.len() <= 2048, "{refused}");
    }
}
