use bytes::{BufMut, BytesMut};

use crate::Error;

/// The simple handshake (specification 5.2), alike on both sides: a version, 1,536 bytes that are echoed, 1,536 bytes
/// that are the echo of one's own and not worth a look.
///
/// Clients that offer a digest in C1 are answered the same way: S1 says version 0, which tells them that none follows.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// The version is awaited; a server greets after it.
    Version { greeting: Option<[u8; 32]> },
    /// So many bytes of C1 or S1 are still to be echoed.
    Echo { left: usize },
    /// So many bytes of C2 or S2 are still to come.
    Skip { left: usize },
}

impl Handshake {
    /// The listening side, which greets once the version has come. `nonce` seeds the random bytes of S1.
    pub(crate) fn server(nonce: [u8; 32]) -> Self {
        Handshake::Version { greeting: Some(nonce) }
    }

    /// The side that begins.
    pub(crate) fn client(nonce: [u8; 32], out: &mut BytesMut) -> Self {
        greet(nonce, out);
        Handshake::Version { greeting: None }
    }

    /// Takes what belongs to the handshake from the front of `input`; `true` once it is over.
    pub(crate) fn receive(&mut self, input: &mut &[u8], out: &mut BytesMut) -> Result<bool, Error> {
        loop {
            *self = match self {
                Handshake::Version { greeting } => {
                    let Some((&version, rest)) = input.split_first() else {
                        return Ok(false);
                    };
                    if version != VERSION {
                        return Err(Error::Version { version });
                    }
                    *input = rest;
                    if let Some(nonce) = greeting {
                        greet(*nonce, out);
                    }
                    Handshake::Echo { left: HANDSHAKE_BYTES }
                }
                Handshake::Echo { left } => {
                    let (part, rest) = input.split_at((*left).min(input.len()));
                    *input = rest;
                    out.put_slice(part);
                    *left -= part.len();
                    if *left > 0 {
                        return Ok(false);
                    }
                    Handshake::Skip { left: HANDSHAKE_BYTES }
                }
                Handshake::Skip { left } => {
                    let count = (*left).min(input.len());
                    *input = &input[count..];
                    *left -= count;
                    return Ok(*left == 0);
                }
            }
        }
    }
}

/// Version, time 0, version 0.0.0.0 (no digest), random bytes.
fn greet(nonce: [u8; 32], out: &mut BytesMut) {
    out.put_u8(VERSION);
    out.put_bytes(0, 8);
    let mut state = 0;
    for byte in nonce {
        state ^= u64::from(byte);
        state = split_mix(&mut state);
    }
    for _ in 0..(HANDSHAKE_BYTES - 8) / 8 {
        out.put_u64(split_mix(&mut state));
    }
}

/// SplitMix64: the bytes have to differ between connections, not to resist anyone.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// C0, C1 and C2 together: where the chunk stream begins.
pub(crate) const HANDSHAKE_BYTES_TOTAL: u64 = 1 + 2 * HANDSHAKE_BYTES as u64;

const HANDSHAKE_BYTES: usize = 1536;

const VERSION: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Both sides, fed `step` bytes at a time.
    #[track_caller]
    fn check(step: usize) {
        let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
        let mut client = Handshake::client([1; 32], &mut to_server);
        let mut server = Handshake::server([2; 32]);
        let (mut sent, mut received) = (0, 0);
        let (mut client_done, mut server_done) = (false, false);
        while !(client_done && server_done) {
            let end = to_server.len().min(sent + step);
            let mut input = &to_server[sent..end];
            server_done = server.receive(&mut input, &mut to_client).unwrap();
            sent = end - input.len();
            let end = to_client.len().min(received + step);
            let mut input = &to_client[received..end];
            client_done = client.receive(&mut input, &mut to_server).unwrap();
            received = end - input.len();
        }
        assert_eq!((to_server.len(), to_client.len()), (3073, 3073));
        assert_eq!(to_server[1..1537], to_client[1537..], "S2 echoes C1");
        assert_eq!(to_client[1..1537], to_server[1537..], "C2 echoes S1");
        assert!(to_client[9..1537] != to_server[9..1537], "the nonces differ");
    }

    #[test]
    fn both_sides_finish_at_any_split() {
        for step in [1, 2, 7, 1535, 1536, 1537, 3073] {
            check(step);
        }
    }

    #[test]
    fn other_versions_are_refused_before_anything_is_sent() {
        for version in [0, 1, 2, 6, 8, 9, 0x16, b'G', 0xff] {
            let mut out = BytesMut::new();
            let result = Handshake::server([0; 32]).receive(&mut &[version, 0, 0][..], &mut out);
            assert_eq!(result, Err(Error::Version { version }));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_digest_offer_is_answered_with_a_plain_echo() {
        let mut c0_c1 = vec![3];
        c0_c1.extend_from_slice(&[0, 0, 0, 0, 10, 0, 45, 2]);
        c0_c1.extend((0..1528).map(|index| index as u8));
        let mut out = BytesMut::new();
        assert_eq!(Handshake::server([9; 32]).receive(&mut &c0_c1[..], &mut out), Ok(false));
        assert_eq!(out[5..9], [0; 4], "version 0: no digest follows");
        assert_eq!(out[1537..], c0_c1[1..]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = Handshake::server([0; 32]).receive(&mut &bytes[..], &mut BytesMut::new());
        }
    }
}
