use super::{Pairs, Value, marker};

/// Appends one value (AMF0, section 2).
///
/// Keys and class names beyond 65,535 bytes are cut at a character's end; strings take the long form there.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(marker::NUMBER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Boolean(boolean) => out.extend_from_slice(&[marker::BOOLEAN, u8::from(*boolean)]),
        Value::String(text) => string(text, out),
        Value::Object(fields) => {
            out.push(marker::OBJECT);
            pairs(fields, out);
        }
        Value::Null => out.push(marker::NULL),
        Value::Undefined => out.push(marker::UNDEFINED),
        Value::Reference(index) => {
            out.push(marker::REFERENCE);
            out.extend_from_slice(&index.to_be_bytes());
        }
        Value::EcmaArray(entries) => {
            out.push(marker::ECMA_ARRAY);
            out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
            pairs(entries, out);
        }
        Value::StrictArray(values) => {
            out.push(marker::STRICT_ARRAY);
            out.extend_from_slice(&(values.len() as u32).to_be_bytes());
            for value in values {
                encode(value, out);
            }
        }
        Value::Date {
            milliseconds,
            time_zone,
        } => {
            out.push(marker::DATE);
            out.extend_from_slice(&milliseconds.to_be_bytes());
            out.extend_from_slice(&time_zone.to_be_bytes());
        }
        Value::Unsupported => out.push(marker::UNSUPPORTED),
        Value::Xml(text) => {
            out.push(marker::XML);
            long_text(text, out);
        }
        Value::TypedObject { class, fields } => {
            out.push(marker::TYPED_OBJECT);
            short_text(class, out);
            pairs(fields, out);
        }
        Value::AvmPlus => out.push(marker::AVM_PLUS),
    }
}

/// A string without building a value around it.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    if text.len() <= usize::from(u16::MAX) {
        out.push(marker::STRING);
        short_text(text, out);
    } else {
        out.push(marker::LONG_STRING);
        long_text(text, out);
    }
}

fn pairs(fields: &Pairs, out: &mut Vec<u8>) {
    for (key, value) in fields {
        short_text(key, out);
        encode(value, out);
    }
    out.extend_from_slice(&[0, 0, marker::OBJECT_END]);
}

fn short_text(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn long_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
