use super::head::HEAD_BYTES_MAX;

/// Why a file is no capture, or not one that can be read. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin as a capture does.
    #[error("not a capture: the first line is not \"alluvium-capture: 1\"")]
    NotACapture,
    /// It was written by a later Alluvium.
    #[error("a capture of version {version:?}; this program reads version 1")]
    Version {
        /// What stands in the first line.
        version: String,
    },
    /// No empty line ends the head.
    #[error("the file ends at byte {length}, before the empty line that ends its head")]
    Unfinished {
        /// Bytes there are.
        length: usize,
    },
    /// The same within [`HEAD_BYTES_MAX`].
    #[error("no empty line ends the head within {HEAD_BYTES_MAX} bytes")]
    TooLong,
    /// A line of the head is not UTF-8.
    #[error("line {line} is not UTF-8")]
    Text {
        /// Which.
        line: usize,
    },
    /// A line of the head is not `name: value`.
    #[error("line {line} is not \"name: value\"")]
    Line {
        /// Which.
        line: usize,
    },
    /// A name that stands once stands twice.
    #[error("line {line} gives {name:?} again")]
    Again {
        /// The name.
        name: &'static str,
        /// Of the second.
        line: usize,
    },
    /// A value cannot be read.
    #[error("line {line}: {value:?} is no value of {name:?}")]
    Value {
        /// The name.
        name: &'static str,
        /// What stands there.
        value: String,
        /// Which.
        line: usize,
    },
}
