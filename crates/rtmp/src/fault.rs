use std::fmt;

use crate::amf0;

/// Something odd that was skipped; the connection goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// First byte after the odd message, counted over all that the peer has sent.
    pub at: u64,
    /// What was odd.
    pub kind: FaultKind,
}

/// What was odd about a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// A command whose name or transaction cannot be read.
    #[error("a command that cannot be read: {0}")]
    Command(amf0::Error),
    /// A command message that does not begin with a name.
    #[error("a command without a name")]
    Unnamed,
    /// A command at a time when it means nothing.
    #[error("command {command}: {reason}")]
    Misplaced {
        /// Name of the command.
        command: String,
        /// What is wrong about it.
        reason: &'static str,
    },
    /// A data message that cannot be read.
    #[error("a data message that cannot be read: {0}")]
    Data(amf0::Error),
    /// A protocol control message with too few bytes.
    #[error("control message {type_id} of {length} bytes")]
    Control {
        /// Message type.
        type_id: u8,
        /// Its length, bytes.
        length: usize,
    },
    /// A message type that means nothing here.
    #[error("message type {type_id}")]
    MessageType {
        /// Message type.
        type_id: u8,
    },
    /// An aggregate message that ends inside one of its parts.
    #[error("an aggregate message ends inside a part")]
    Aggregate,
}

/// Declares the name of each kind once.
macro_rules! names {
    ($($fault:pat => $name:literal,)*) => {
        impl FaultKind {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),*];

            /// One word, the same for all faults of a kind: for counting.
            pub fn name(&self) -> &'static str {
                match self {
                    $($fault => $name,)*
                }
            }
        }
    };
}

names! {
    Self::Command(_) => "rtmp_command",
    Self::Unnamed => "rtmp_unnamed_command",
    Self::Misplaced { .. } => "rtmp_misplaced_command",
    Self::Data(_) => "rtmp_data",
    Self::Control { .. } => "rtmp_control",
    Self::MessageType { .. } => "rtmp_message_type",
    Self::Aggregate => "rtmp_aggregate",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, before byte {}", self.kind, self.at)
    }
}
