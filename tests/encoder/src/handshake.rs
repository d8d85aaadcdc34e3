//! The plain handshake: three blocks each way, the last of which repeats what the peer has sent.

/// C1, S1, C2 and S2 are so long.
pub const HANDSHAKE_BYTES: usize = 1536;
/// C0 and S0.
pub const VERSION: u8 = 3;

/// C1 or S1: a time and a version of 0, which asks for the plain handshake, and bytes that need not be random.
pub fn hello() -> [u8; HANDSHAKE_BYTES] {
    let mut block = [0; HANDSHAKE_BYTES];
    for (at, byte) in block[8..].iter_mut().enumerate() {
        *byte = (at * 167 % 251) as u8;
    }
    block
}
