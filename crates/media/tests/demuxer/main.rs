//! The demuxer from outside: tags in, items out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clocks;
mod properties;
mod start;
mod support;
mod tracks;
mod vectors;
