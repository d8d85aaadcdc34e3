use super::{Pairs, Value, marker};

/// The bounds of one message's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers within containers; encoders use two.
    pub nesting_max: usize,
    /// Values of all containers of one message together; encoders use about forty.
    pub entries_max: usize,
    /// Longest string, key, class name or XML document, bytes.
    pub string_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            nesting_max: 16,
            entries_max: 1024,
            string_bytes_max: 64 << 10,
        }
    }
}

/// Why a value cannot be read. `at` is a position in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message ends inside the value.
    #[error("the message ends inside a value, at byte {at} of it")]
    Truncated {
        /// Where more was needed.
        at: usize,
    },
    /// A marker that has no meaning or, as the reserved movie clip and record set, no length.
    #[error("unknown marker {marker:#04x}, at byte {at} of the message")]
    Marker {
        /// The marker.
        marker: u8,
        /// Where it stands.
        at: usize,
    },
    /// More containers within containers than allowed.
    #[error("containers nested deeper than {limit}, at byte {at} of the message")]
    Nesting {
        /// The limit.
        limit: usize,
        /// The marker of the container that was too deep.
        at: usize,
    },
    /// More values than allowed.
    #[error("more than {limit} entries, at byte {at} of the message")]
    Entries {
        /// The limit.
        limit: usize,
        /// The first entry that was too many.
        at: usize,
    },
    /// A string longer than allowed.
    #[error("a string of {length} bytes, {limit} are allowed, at byte {at} of the message")]
    String {
        /// Announced length, bytes.
        length: usize,
        /// The limit.
        limit: usize,
        /// The first byte of the text.
        at: usize,
    },
}

/// Reads the values of one message, one after another.
///
/// Work is bounded: each byte is read once, and at most [`REREADINGS_MAX`] times again.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    entries: usize,
    rereadings: usize,
}

impl<'a> Decoder<'a> {
    /// A reader of `bytes`, which begin with a marker.
    pub fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Decoder {
            bytes,
            at: 0,
            limits,
            entries: 0,
            rereadings: 0,
        }
    }

    /// The next value; `None` at the end of the message. After an error nothing more can be read.
    pub fn next_value(&mut self) -> Result<Option<Value>, Error> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let value = self.value(0);
        if value.is_err() {
            self.at = self.bytes.len();
        }
        value.map(Some)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let at = self.at;
        let marker = self.array::<1>()?[0];
        let is_container = matches!(
            marker,
            marker::OBJECT | marker::ECMA_ARRAY | marker::STRICT_ARRAY | marker::TYPED_OBJECT
        );
        if is_container && depth == self.limits.nesting_max {
            return Err(Error::Nesting {
                limit: self.limits.nesting_max,
                at,
            });
        }
        Ok(match marker {
            marker::NUMBER => Value::Number(f64::from_be_bytes(self.array()?)),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()?[0] != 0),
            marker::STRING => Value::String(self.short_text()?),
            marker::OBJECT => Value::Object(self.pairs(None, depth)?),
            marker::NULL => Value::Null,
            marker::UNDEFINED => Value::Undefined,
            marker::REFERENCE => Value::Reference(u16::from_be_bytes(self.array()?)),
            marker::ECMA_ARRAY => {
                let count = self.length()?;
                Value::EcmaArray(self.pairs(Some(count), depth)?)
            }
            marker::STRICT_ARRAY => Value::StrictArray(self.strict_array(depth)?),
            marker::DATE => Value::Date {
                milliseconds: f64::from_be_bytes(self.array()?),
                time_zone: i16::from_be_bytes(self.array()?),
            },
            marker::LONG_STRING => Value::String(self.long_text()?),
            marker::UNSUPPORTED => Value::Unsupported,
            marker::XML => Value::Xml(self.long_text()?),
            marker::TYPED_OBJECT => Value::TypedObject {
                class: self.short_text()?,
                fields: self.pairs(None, depth)?,
            },
            marker::AVM_PLUS => {
                self.at = self.bytes.len();
                Value::AvmPlus
            }
            marker => return Err(Error::Marker { marker, at }),
        })
    }

    /// Pairs up to `00 00 09`, or to the end of the message where encoders forget it.
    ///
    /// An ECMA array's count is only a hint. It decides where the end marker is missing in the middle of a message:
    /// what follows the counted entries then makes no sense as an entry, and is read again as what it is.
    fn pairs(&mut self, count: Option<usize>, depth: usize) -> Result<Pairs, Error> {
        let mut pairs = Pairs::new();
        let mut counted = None;
        while self.at < self.bytes.len() {
            if self.bytes[self.at..].starts_with(&[0, 0, marker::OBJECT_END]) {
                self.at += 3;
                break;
            }
            if count.is_some_and(|count| count > 0 && count == pairs.len()) {
                counted = Some(self.at);
            }
            match self.pair(depth) {
                Ok(pair) => pairs.push(pair),
                Err(error) => {
                    let Some(end) = counted.filter(|_| self.may_read_again(error)) else {
                        return Err(error);
                    };
                    self.at = end;
                    pairs.truncate(count.unwrap_or_default());
                    break;
                }
            }
        }
        Ok(pairs)
    }

    fn may_read_again(&mut self, error: Error) -> bool {
        self.rereadings += 1;
        self.rereadings <= REREADINGS_MAX && !matches!(error, Error::Entries { .. })
    }

    fn pair(&mut self, depth: usize) -> Result<(String, Value), Error> {
        self.count_entry()?;
        Ok((self.short_text()?, self.value(depth + 1)?))
    }

    /// As many values as counted, or as the message has.
    fn strict_array(&mut self, depth: usize) -> Result<Vec<Value>, Error> {
        let count = self.length()?;
        let mut values = Vec::new();
        while values.len() < count && self.at < self.bytes.len() {
            self.count_entry()?;
            values.push(self.value(depth + 1)?);
        }
        Ok(values)
    }

    fn count_entry(&mut self) -> Result<(), Error> {
        if self.entries == self.limits.entries_max {
            return Err(Error::Entries {
                limit: self.limits.entries_max,
                at: self.at,
            });
        }
        self.entries += 1;
        Ok(())
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        self.text(length)
    }

    fn long_text(&mut self) -> Result<String, Error> {
        let length = self.length()?;
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Result<String, Error> {
        if length > self.limits.string_bytes_max {
            return Err(Error::String {
                length,
                limit: self.limits.string_bytes_max,
                at: self.at,
            });
        }
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn length(&mut self) -> Result<usize, Error> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?.try_into().expect("take gives what was asked for"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let bytes = self.bytes[self.at..]
            .get(..length)
            .ok_or(Error::Truncated { at: self.at })?;
        self.at += length;
        Ok(bytes)
    }
}

/// How often one message may be read again behind an ECMA array without an end; encoders need one.
pub const REREADINGS_MAX: usize = 4;

#[cfg(test)]
mod tests;
