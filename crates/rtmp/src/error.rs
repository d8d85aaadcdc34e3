/// Why a publisher's connection cannot go on. Every variant is the peer's doing.
///
/// `at` is the position of the offending byte in all that the peer has sent, handshake included, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first byte is not RTMP's plain version (specification 5.2.2): 6 and 8 are the encrypted variants.
    #[error("the handshake begins with version {version}, not 3, at byte 0")]
    Version {
        /// The byte that came.
        version: u8,
    },
    /// A type 2 or 3 header came first on its chunk stream.
    #[error("chunk stream {csid} starts with a type {fmt} header, at byte {at}")]
    HeaderWithoutPrevious {
        /// The chunk stream.
        csid: u32,
        /// Header type, 2 or 3.
        fmt: u8,
        /// First byte of the header.
        at: u64,
    },
    /// A header announces another message while one is unfinished on its chunk stream.
    #[error(
        "chunk stream {csid} announces a message of {length} bytes while one of {expected} is unfinished, at byte {at}"
    )]
    HeaderInsideMessage {
        /// The chunk stream.
        csid: u32,
        /// Length the new header announces, bytes.
        length: u32,
        /// Length of the unfinished message, bytes.
        expected: u32,
        /// First byte of the header.
        at: u64,
    },
    /// One chunk stream more than [`Limits::chunk_streams_max`](crate::Limits::chunk_streams_max).
    #[error("chunk stream {csid} is one more than the {limit} allowed, at byte {at}")]
    ChunkStreams {
        /// The chunk stream that was one too many.
        csid: u32,
        /// The limit.
        limit: usize,
        /// First byte of its header.
        at: u64,
    },
    /// A chunk size of 0, or above [`Limits::chunk_bytes_max`](crate::Limits::chunk_bytes_max).
    #[error("chunk size {size} is not within 1..={limit}, at byte {at}")]
    ChunkSize {
        /// The size that was set.
        size: u32,
        /// The limit.
        limit: u32,
        /// First byte after the message.
        at: u64,
    },
    /// A message longer than [`Limits::message_bytes_max`](crate::Limits::message_bytes_max).
    #[error("chunk stream {csid} announces a message of {length} bytes, {limit} are allowed, at byte {at}")]
    MessageTooLong {
        /// The chunk stream.
        csid: u32,
        /// Announced length, bytes.
        length: u32,
        /// The limit.
        limit: u32,
        /// First byte of the header.
        at: u64,
    },
    /// Unfinished messages need more memory than [`Limits::assembly_bytes_max`](crate::Limits::assembly_bytes_max),
    /// or than [`Limits::before_publish_bytes_max`](crate::Limits::before_publish_bytes_max).
    #[error("unfinished messages need more than {limit} bytes, at byte {at}")]
    Assembly {
        /// The limit in force.
        limit: usize,
        /// First byte that had no room.
        at: u64,
    },
    /// The peer asks more than it reads: answers exceed
    /// [`Limits::outgoing_bytes_max`](crate::Limits::outgoing_bytes_max).
    #[error("more than {limit} bytes of answers are waiting, at byte {at}")]
    Outgoing {
        /// The limit.
        limit: usize,
        /// First byte after the message that was answered.
        at: u64,
    },
}
