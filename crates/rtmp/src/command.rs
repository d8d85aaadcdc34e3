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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[Value], tail: &[u8]) -> Result<Option<Command>, amf0::Error> {
        let mut bytes = Vec::new();
        for value in values {
            amf0::encode(value, &mut bytes);
        }
        bytes.extend_from_slice(tail);
        Command::parse(&bytes, amf0::Limits::default())
    }

    #[test]
    fn a_broken_argument_takes_only_its_successors() {
        let values = [
            Value::String("publish".into()),
            Value::Number(5.0),
            Value::Null,
            Value::String("name".into()),
        ];
        let command = parse(&values, &[0xff, 5, 5]).unwrap().unwrap();
        assert_eq!(
            (command.name.as_str(), command.transaction, command.text(1)),
            ("publish", 5.0, Some("name"))
        );
        assert_eq!(command.arguments.len(), 2);
    }

    #[test]
    fn a_command_needs_a_name_and_nothing_else() {
        assert_eq!(parse(&[Value::Number(1.0)], &[]), Ok(None));
        assert_eq!(parse(&[], &[]), Ok(None));
        assert!(parse(&[], &[2, 0]).is_err());
        let command = parse(&[Value::String("ping".into())], &[]).unwrap().unwrap();
        assert_eq!((command.transaction, command.arguments.len()), (0.0, 0));
    }

    #[test]
    fn arguments_are_limited() {
        for (count, kept) in [(ARGUMENTS_MAX, ARGUMENTS_MAX), (ARGUMENTS_MAX + 1, ARGUMENTS_MAX)] {
            let values = [
                vec![Value::String("play".into()), Value::Number(0.0)],
                vec![Value::Null; count],
            ]
            .concat();
            assert_eq!(parse(&values, &[]).unwrap().unwrap().arguments.len(), kept);
        }
    }
}
