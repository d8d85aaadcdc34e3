//! AMF0: the values of commands and metadata (Action Message Format 0, sections 2 and 3).
//!
//! A reader that is strict where memory is at stake and lenient where encoders are known to err: wrong counts and missing
//! ends are understood, text that is no UTF-8 is repaired, an AMF3 value ends the reading without an error.

mod decode;
mod encode;
mod value;

pub use decode::{Decoder, Error, Limits, REREADINGS_MAX};
pub use encode::encode;
pub use value::{Pairs, Value};

pub(crate) mod marker {
    pub(crate) const NUMBER: u8 = 0x00;
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const OBJECT: u8 = 0x03;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const REFERENCE: u8 = 0x07;
    pub(crate) const ECMA_ARRAY: u8 = 0x08;
    pub(crate) const OBJECT_END: u8 = 0x09;
    pub(crate) const STRICT_ARRAY: u8 = 0x0a;
    pub(crate) const DATE: u8 = 0x0b;
    pub(crate) const LONG_STRING: u8 = 0x0c;
    pub(crate) const UNSUPPORTED: u8 = 0x0d;
    pub(crate) const XML: u8 = 0x0f;
    pub(crate) const TYPED_OBJECT: u8 = 0x10;
    pub(crate) const AVM_PLUS: u8 = 0x11;
}
