//! The wire protocol of one publisher's RTMP connection, without I/O.
