use crate::amf0;

/// The bounds against a peer. Each is met or the connection ends (or the message is a [`Fault`](crate::Fault)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, bytes. The wire's 24-bit length keeps it below 16 MiB whatever stands here.
    ///
    /// 8 MiB is 1,000 times the keyframe of an 800 kbit/s stream, and above the keyframes of 4K contribution.
    pub message_bytes_max: u32,
    /// Largest chunk size that a peer may set, bytes. The smallest is 1.
    pub chunk_bytes_max: u32,
    /// Chunk streams per connection; encoders use three to five.
    pub chunk_streams_max: usize,
    /// Memory of all unfinished messages together while a publish runs, bytes: two of the longest, interleaved.
    pub assembly_bytes_max: usize,
    /// The same before a publish is accepted, when nobody has shown any right yet. Media is not kept then at all.
    pub before_publish_bytes_max: usize,
    /// Answers that wait for [`take_outgoing`](crate::Connection::take_outgoing), bytes. Reached only by a peer that
    /// asks and never reads, or by a caller who never sends. The handshake alone needs 3,073.
    pub outgoing_bytes_max: usize,
    /// Longest app, tcUrl and publish name, bytes each. A signed name with a security token has about 2 KiB.
    pub name_bytes_max: usize,
    /// Bounds of each command and data message.
    pub amf: amf0::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes_max: 8 << 20,
            chunk_bytes_max: 16 << 20,
            chunk_streams_max: 64,
            assembly_bytes_max: 16 << 20,
            before_publish_bytes_max: 64 << 10,
            outgoing_bytes_max: 64 << 10,
            name_bytes_max: 8 << 10,
            amf: amf0::Limits::default(),
        }
    }
}
