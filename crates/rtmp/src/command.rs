use crate::amf0::{self, Value};

/// A command message (specification 7.1.1).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: String,
    /// 0: no answer is awaited.
    pub(crate) transaction: f64,
    /// The command object, or null, and what follows it.
    pub(crate) arguments: Vec<Value>,
}

impl Command {
    /// Reads as many whole arguments as there are: a broken one takes only its successors with it.
    ///
    /// `Ok(None)` when the message does not begin with a name.
    pub(crate) fn parse(bytes: &[u8], limits: amf0::Limits) -> Result<Option<Self>, amf0::Error> {
        let mut values = amf0::Decoder::new(bytes, limits);
        let Some(Value::String(name)) = values.next_value()? else {
            return Ok(None);
        };
        let transaction = values
            .next_value()?
            .as_ref()
            .and_then(Value::as_number)
            .unwrap_or_default();
        let mut arguments = Vec::new();
        while arguments.len() < ARGUMENTS_MAX
            && let Ok(Some(value)) = values.next_value()
        {
            arguments.push(value);
        }
        Ok(Some(Command {
            name,
            transaction,
            arguments,
        }))
    }

    /// A text argument; 0 is the command object.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        self.arguments.get(index)?.as_str()
    }

    /// A numeric argument; 0 is the command object.
    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        self.arguments.get(index)?.as_number()
    }

    /// A text of the command object; empty when it is not there.
    pub(crate) fn property(&self, name: &str) -> &str {
        self.arguments
            .first()
            .and_then(|object| object.property(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// The longest command of an encoder, `publish`, has three; players use six.
const ARGUMENTS_MAX: usize = 16;
