//! Objects: named bytes which appear whole or not at all.
