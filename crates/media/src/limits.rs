//! Bounds against a peer.

/// What a publisher may make a [`Demuxer`](crate::Demuxer) keep or look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Media time for which the first units wait for the configuration of a track that has been announced.
    pub hold_announced_ms: u32,
    /// The same when nothing is known of the other track. Encoders send both configurations before any frame.
    pub hold_unknown_ms: u32,
    /// Bytes kept by that wait, and by each track while a doubtful timestamp waits to be confirmed; exceeded by one
    /// message at most.
    pub held_bytes: usize,
    /// NAL units in one picture. Encoders send at most 48 slices and a handful of SEI; beyond this the peer is hostile.
    pub nal_units: usize,
    /// Bytes of one sequence or picture parameter set. With scaling matrices and HRD they stay below 400.
    pub parameter_set_bytes: usize,
    /// Sequence and picture parameter sets kept, each. H.264 would allow 32 and 256; encoders use one to three.
    pub parameter_sets: usize,
    /// Bytes of an SEI unit which are searched for a recovery point. Encoders put it first; captions and user data
    /// behind it can be long.
    pub sei_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hold_announced_ms: 3_000,
            hold_unknown_ms: 1_000,
            held_bytes: 4 << 20,
            nal_units: 256,
            parameter_set_bytes: 1_024,
            parameter_sets: 16,
            sei_bytes: 1_024,
        }
    }
}
