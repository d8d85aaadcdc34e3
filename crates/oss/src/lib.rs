//! The vocabulary of the OSS API: names, documents, error codes, signatures.
