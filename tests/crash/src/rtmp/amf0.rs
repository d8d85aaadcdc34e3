//! As much of AMF0 as a publisher says and is told.

/// What an answer can hold; objects are flattened to their named values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Boolean(bool),
    Text(String),
    Nothing,
    Object(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text under a name of an object.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        match self {
            Self::Object(pairs) => pairs.iter().find(|(key, _)| key == name)?.1.text(),
            _ => None,
        }
    }

    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                to.push(NUMBER);
                to.extend_from_slice(&number.to_be_bytes());
            }
            Self::Boolean(value) => to.extend_from_slice(&[BOOLEAN, u8::from(*value)]),
            Self::Text(text) => {
                to.push(STRING);
                write_name(text, to);
            }
            Self::Nothing => to.push(NULL),
            Self::Object(pairs) => {
                to.push(OBJECT);
                for (name, value) in pairs {
                    write_name(name, to);
                    value.write(to);
                }
                to.extend_from_slice(&OBJECT_END);
            }
        }
    }
}

/// Every value of a message; `None` where the bytes are no AMF0 or hold what no server answers.
pub(crate) fn read(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(read_value(&mut bytes, NESTING_MAX)?);
    }
    Some(values)
}

fn read_value(bytes: &mut &[u8], nesting: usize) -> Option<Value> {
    let nesting = nesting.checked_sub(1)?;
    match take::<1>(bytes)?[0] {
        NUMBER => Some(Value::Number(f64::from_be_bytes(take(bytes)?))),
        BOOLEAN => Some(Value::Boolean(take::<1>(bytes)?[0] != 0)),
        STRING => read_name(bytes).map(Value::Text),
        NULL | UNDEFINED => Some(Value::Nothing),
        OBJECT => read_pairs(bytes, nesting),
        ECMA_ARRAY => {
            take::<4>(bytes)?;
            read_pairs(bytes, nesting)
        }
        _ => None,
    }
}

fn read_pairs(bytes: &mut &[u8], nesting: usize) -> Option<Value> {
    let mut pairs = Vec::new();
    loop {
        if let Some(rest) = bytes.strip_prefix(&OBJECT_END) {
            *bytes = rest;
            return Some(Value::Object(pairs));
        }
        pairs.push((read_name(bytes)?, read_value(bytes, nesting)?));
    }
}

fn read_name(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(take(bytes)?));
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn write_name(name: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(&(name.len() as u16).to_be_bytes());
    to.extend_from_slice(name.as_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

const NUMBER: u8 = 0;
const BOOLEAN: u8 = 1;
const STRING: u8 = 2;
const OBJECT: u8 = 3;
const NULL: u8 = 5;
const UNDEFINED: u8 = 6;
const ECMA_ARRAY: u8 = 8;
const OBJECT_END: [u8; 3] = [0, 0, 9];

/// Answers hold objects of plain values.
const NESTING_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = [
            Value::Text("onStatus".to_owned()),
            Value::Number(4.0),
            Value::Nothing,
            Value::Object(vec![
                ("code".to_owned(), Value::Text("NetStream.Publish.Start".to_owned())),
                ("clean".to_owned(), Value::Boolean(true)),
            ]),
        ];
        let mut bytes = Vec::new();
        values.iter().for_each(|value| value.write(&mut bytes));
        let read = read(&bytes).unwrap();
        assert_eq!(read, values);
        assert_eq!(read[3].named("code"), Some("NetStream.Publish.Start"));
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        let mut bytes = Vec::new();
        Value::Object(vec![("code".to_owned(), Value::Number(1.0))]).write(&mut bytes);
        for length in 1..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
    }
}
