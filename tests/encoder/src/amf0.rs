//! AMF0, as far as commands and their answers use it.

use anyhow::{Context, Result, bail};

/// A value of AMF0; an array with names is an object, too.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are named as the format names them")]
pub enum Value {
    Number(f64),
    Boolean(bool),
    Text(String),
    Null,
    Object(Vec<(String, Value)>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object of these pairs.
    pub fn object(pairs: &[(&str, Value)]) -> Self {
        Self::Object(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number that it is.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text under a name of an object.
    pub fn named(&self, name: &str) -> Option<&str> {
        match self {
            Self::Object(pairs) => pairs.iter().find(|(key, _)| key == name)?.1.as_text(),
            _ => None,
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                to.push(NUMBER);
                to.extend_from_slice(&number.to_be_bytes());
            }
            Self::Boolean(value) => to.extend_from_slice(&[BOOLEAN, u8::from(*value)]),
            Self::Text(text) => {
                to.push(TEXT);
                write_name(text, to);
            }
            Self::Null => to.push(NULL),
            Self::Object(pairs) => {
                to.push(OBJECT);
                for (name, value) in pairs {
                    write_name(name, to);
                    value.write(to);
                }
                to.extend_from_slice(&[0, 0, OBJECT_END]);
            }
        }
    }
}

/// Values as bytes.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        value.write(&mut bytes);
    }
    bytes
}

/// All values in these bytes.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(read(&mut bytes, DEPTH_MAX)?);
    }
    Ok(values)
}

fn write_name(name: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(&(name.len() as u16).to_be_bytes());
    to.extend_from_slice(name.as_bytes());
}

fn read(bytes: &mut &[u8], depth: usize) -> Result<Value> {
    let [marker] = take(bytes)?;
    match marker {
        NUMBER => Ok(Value::Number(f64::from_be_bytes(take(bytes)?))),
        BOOLEAN => Ok(Value::Boolean(take::<1>(bytes)? != [0])),
        TEXT => Ok(Value::Text(read_name(bytes)?)),
        NULL | UNDEFINED => Ok(Value::Null),
        OBJECT | ECMA_ARRAY if depth > 0 => {
            if marker == ECMA_ARRAY {
                take::<4>(bytes)?;
            }
            let mut pairs = Vec::new();
            while !bytes.starts_with(&[0, 0, OBJECT_END]) {
                pairs.push((read_name(bytes)?, read(bytes, depth - 1)?));
            }
            take::<3>(bytes)?;
            Ok(Value::Object(pairs))
        }
        other => bail!("an AMF0 value of type {other}, or nested too deep"),
    }
}

fn read_name(bytes: &mut &[u8]) -> Result<String> {
    let length = u16::from_be_bytes(take(bytes)?);
    let (name, rest) = bytes.split_at_checked(length.into()).context("AMF0 is cut off")?;
    *bytes = rest;
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk().context("AMF0 is cut off")?;
    *bytes = rest;
    Ok(*taken)
}

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
const TEXT: u8 = 2;
const OBJECT: u8 = 3;
const NULL: u8 = 5;
const UNDEFINED: u8 = 6;
const ECMA_ARRAY: u8 = 8;
const OBJECT_END: u8 = 9;
const DEPTH_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_gives_back_what_was_encoded() {
        let values = [
            Value::text("_result"),
            Value::Number(4.0),
            Value::Null,
            Value::Boolean(true),
            Value::object(&[
                ("code", Value::text("a")),
                ("data", Value::object(&[("n", Value::Number(1.5))])),
            ]),
        ];
        let bytes = encode(&values);
        assert_eq!(decode(&bytes).unwrap(), values);
        for length in 1..bytes.len() {
            // Cut off between two values, it is a shorter list of them.
            assert!(decode(&bytes[..length]).map_or(true, |found| values.starts_with(&found)));
        }
    }
}
