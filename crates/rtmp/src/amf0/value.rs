/// Named values in the order of the wire.
pub type Pairs = Vec<(String, Value)>;

/// One AMF0 value.
///
/// Short and long strings are one variant: which form is written follows from the length.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Marker 0, a double.
    Number(f64),
    /// Marker 1.
    Boolean(bool),
    /// Markers 2 and 12.
    String(String),
    /// Marker 3.
    Object(Pairs),
    /// Marker 5.
    Null,
    /// Marker 6.
    Undefined,
    /// Marker 7: the n-th object of the message, left unresolved, so that no cycle can be built.
    Reference(u16),
    /// Marker 8.
    EcmaArray(Pairs),
    /// Marker 10.
    StrictArray(Vec<Value>),
    /// Marker 11: milliseconds since 1970 and a time zone that is always 0.
    Date {
        /// Milliseconds since 1970.
        milliseconds: f64,
        /// Minutes; reserved, 0.
        time_zone: i16,
    },
    /// Marker 13.
    Unsupported,
    /// Marker 15: an XML document as text.
    Xml(String),
    /// Marker 16: an object with the name of its class.
    TypedObject {
        /// Name of the class.
        class: String,
        /// Its fields.
        fields: Pairs,
    },
    /// Marker 17: the rest of the message is AMF3 and was not read.
    AvmPlus,
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number; also of a boolean, which some encoders write instead.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
            _ => None,
        }
    }

    /// The named values of anything that has them.
    pub fn pairs(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Object(pairs) | Value::EcmaArray(pairs) | Value::TypedObject { fields: pairs, .. } => Some(pairs),
            _ => None,
        }
    }

    /// The last value of that name.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.pairs()?
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}
