use std::fmt;

use super::{Error, Expectation};

/// Longest head, bytes; each value that is written is cut to `VALUE_BYTES_MAX`.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Words of a refusal come from a peer's URL in part.
const VALUE_BYTES_MAX: usize = 2 * 1024;

const FIRST_NAME: &str = "alluvium-capture: ";
const VERSION: &str = "1";

/// What is said about the bytes of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The encoder and its version, or who made the bytes.
    pub from: Option<String>,
    /// What is odd about it, in a sentence.
    pub shows: Option<String>,
    /// When the connection came, RFC 3339.
    pub received: Option<String>,
    /// The words of the refusal, or why the connection or its publish ended.
    pub refused: Option<String>,
    /// How many bytes came after the last one that was kept.
    pub cut: Option<u64>,
    /// What a server is to do with it, in a vector.
    pub expects: Option<Expectation>,
}

impl Head {
    /// Reads the head from the beginning of a file, and says how long it is; `None` when more bytes are needed.
    ///
    /// # Errors
    /// This is the beginning of no capture.
    pub fn parse(file: &[u8]) -> Result<Option<(Self, usize)>, Error> {
        let begin = file.len().min(FIRST_NAME.len());
        if file[..begin] != FIRST_NAME.as_bytes()[..begin] {
            return Err(Error::NotACapture);
        }
        let within = &file[..file.len().min(HEAD_BYTES_MAX)];
        let Some(end) = within.windows(2).position(|pair| pair == b"\n\n") else {
            return match file.len() < HEAD_BYTES_MAX {
                true => Ok(None),
                false => Err(Error::TooLong),
            };
        };
        let mut head = Self::default();
        for (index, line) in file[FIRST_NAME.len()..end].split(|&byte| byte == b'\n').enumerate() {
            let number = index + 1;
            let line = str::from_utf8(line).map_err(|_| Error::Text { line: number })?;
            match index {
                0 if line == VERSION => {}
                0 => {
                    let version = line.to_owned();
                    return Err(Error::Version { version });
                }
                _ => head.take(line, number)?,
            }
        }
        Ok(Some((head, end + 2)))
    }

    fn take(&mut self, line: &str, number: usize) -> Result<(), Error> {
        let (name, value) = line.split_once(": ").ok_or(Error::Line { line: number })?;
        let known = |name: &'static str| Value {
            name,
            value,
            line: number,
        };
        match name {
            "from" => known("from").text(&mut self.from),
            "shows" => known("shows").text(&mut self.shows),
            "received" => known("received").text(&mut self.received),
            "refused" => known("refused").text(&mut self.refused),
            "cut" => known("cut").put(&mut self.cut, |text| text.parse().ok()),
            "expects" => known("expects").put(&mut self.expects, Expectation::parse),
            _ => Ok(()),
        }
    }
}

/// A value that has a place.
struct Value<'a> {
    name: &'static str,
    value: &'a str,
    line: usize,
}

impl Value<'_> {
    fn text(self, place: &mut Option<String>) -> Result<(), Error> {
        self.put(place, |text| Some(text.to_owned()))
    }

    fn put<T>(self, place: &mut Option<T>, read: impl Fn(&str) -> Option<T>) -> Result<(), Error> {
        let Self { name, value, line } = self;
        if place.is_some() {
            return Err(Error::Again { name, line });
        }
        let Some(read) = read(value) else {
            let value = value.to_owned();
            return Err(Error::Value { name, value, line });
        };
        *place = Some(read);
        Ok(())
    }
}

/// The head as it stands in a file, with the empty line that ends it.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_NAME}{VERSION}")?;
        let lines = [
            ("from", self.from.clone()),
            ("shows", self.shows.clone()),
            ("received", self.received.clone()),
            ("refused", self.refused.clone()),
            ("cut", self.cut.map(|cut| cut.to_string())),
            ("expects", self.expects.as_ref().map(ToString::to_string)),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                writeln!(f, "{name}: {}", one_line(&value))?;
            }
        }
        writeln!(f)
    }
}

fn one_line(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(VALUE_BYTES_MAX));
    line
}
