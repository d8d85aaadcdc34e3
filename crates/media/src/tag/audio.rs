//! The header of an audio tag's body (FLV 10.1, E.4.2; enhanced RTMP v2, ExAudioTagHeader).

use super::{AudioCodec, Bytes, FourCc};

/// An audio tag's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AudioTag<'a> {
    pub(crate) codec: AudioCodec,
    pub(crate) packet: AudioPacket<'a>,
}

/// What the tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AudioPacket<'a> {
    /// The decoder configuration.
    SequenceHeader(&'a [u8]),
    /// A frame.
    Frame(&'a [u8]),
    /// Nothing to decode: end of sequence.
    Nothing,
    /// Something of a codec that is not carried.
    Foreign,
    /// Something of AAC that is not carried.
    Unknown { packet_type: u8 },
}

impl<'a> AudioTag<'a> {
    /// `None` when the body ends within its header.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        let first = bytes.byte()?;
        if first >> 4 == ENHANCED {
            return Self::enhanced(bytes, first & 0x0F);
        }
        let codec = AudioCodec::Format(first >> 4);
        if !codec.is_aac() {
            return Some(Self {
                codec,
                packet: AudioPacket::Foreign,
            });
        }
        let packet = match bytes.byte()? {
            0 => AudioPacket::SequenceHeader(bytes.0),
            1 => AudioPacket::Frame(bytes.0),
            packet_type => AudioPacket::Unknown { packet_type },
        };
        Some(Self { codec, packet })
    }

    fn enhanced(mut bytes: Bytes<'a>, packet_type: u8) -> Option<Self> {
        let packet_type = bytes.skip_modifiers(packet_type)?;
        if packet_type == MULTITRACK {
            let codec = AudioCodec::FourCc(FourCc(*b"mp4a"));
            return Some(Self {
                codec,
                packet: AudioPacket::Unknown { packet_type },
            });
        }
        let codec = AudioCodec::FourCc(FourCc(bytes.take()?));
        if !codec.is_aac() {
            return Some(Self {
                codec,
                packet: AudioPacket::Foreign,
            });
        }
        let packet = match packet_type {
            0 => AudioPacket::SequenceHeader(bytes.0),
            1 => AudioPacket::Frame(bytes.0),
            2 | MULTICHANNEL => AudioPacket::Nothing,
            packet_type => AudioPacket::Unknown { packet_type },
        };
        Some(Self { codec, packet })
    }
}

/// `SoundFormat` that tells an enhanced header.
const ENHANCED: u8 = 9;
/// `AudioPacketType.MultichannelConfig`: speaker order; the configuration says as much.
const MULTICHANNEL: u8 = 4;
/// `AudioPacketType.Multitrack`.
const MULTITRACK: u8 = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_headers() {
        let (aac, mp4a) = (AudioCodec::Format(10), AudioCodec::FourCc(FourCc(*b"mp4a")));
        for (body, codec, packet) in [
            (&b"\xaf\x00\x12\x10"[..], aac, AudioPacket::SequenceHeader(b"\x12\x10")),
            (b"\xaf\x01\x21", aac, AudioPacket::Frame(b"\x21")),
            (b"\xaf\x02", aac, AudioPacket::Unknown { packet_type: 2 }),
            (b"\x2f", AudioCodec::Format(2), AudioPacket::Foreign),
            (b"\x90mp4a\x12", mp4a, AudioPacket::SequenceHeader(b"\x12")),
            (b"\x91mp4a\x21", mp4a, AudioPacket::Frame(b"\x21")),
            (b"\x92mp4a", mp4a, AudioPacket::Nothing),
            (b"\x94mp4a\x01\x02", mp4a, AudioPacket::Nothing),
            (b"\x95\x01mp4a", mp4a, AudioPacket::Unknown { packet_type: 5 }),
            (
                b"\x91Opus\x00",
                AudioCodec::FourCc(FourCc(*b"Opus")),
                AudioPacket::Foreign,
            ),
        ] {
            assert_eq!(AudioTag::parse(body), Some(AudioTag { codec, packet }), "{body:?}");
        }
    }

    #[test]
    fn names_foreign_codecs() {
        for (body, name) in [
            (&b"\x2f"[..], "MP3"),
            (b"\xb2", "Speex"),
            (b"\x90Opus", "Opus"),
            (b"\x7f", "G.711 A-law"),
        ] {
            assert_eq!(AudioTag::parse(body).unwrap().codec.to_string(), name);
        }
    }

    #[test]
    fn truncated_headers_are_refused() {
        for body in [&b""[..], b"\xaf", b"\x90mp4", b"\x97\x01"] {
            assert_eq!(AudioTag::parse(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = AudioTag::parse(&body);
        }
    }
}
