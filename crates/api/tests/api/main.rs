//! The service as its clients see it: requests in, whole answers out, over stores in memory and a hand-turned clock;
//! what is kept in memory of a disk, over those of a server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod authentication;
mod bounds;
mod buckets;
mod channels;
mod configuration;
mod copies;
mod cors;
mod failing;
mod hot;
mod lifecycle;
mod many;
mod objects;
mod own;
mod reading;
mod signed_playlists;
mod uploads;
mod vod;
mod world;
