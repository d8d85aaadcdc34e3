//! XML as the API uses it: elements and text, no namespaces, no attributes of meaning, no document type.

mod element;
mod writer;

pub use element::Element;
pub use writer::Writer;
