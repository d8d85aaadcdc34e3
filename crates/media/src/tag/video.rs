//! The header of a video tag's body (FLV 10.1, E.4.3; enhanced RTMP v2, ExVideoTagHeader).

use super::{Bytes, FourCc, VideoCodec};

/// A video tag's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VideoTag<'a> {
    pub(crate) codec: VideoCodec,
    pub(crate) packet: VideoPacket<'a>,
}

/// What the tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoPacket<'a> {
    /// The decoder configuration.
    SequenceHeader(&'a [u8]),
    /// A picture.
    Frame {
        /// Flagged as a keyframe (or a generated one).
        keyframe: bool,
        /// PTS - DTS, signed milliseconds.
        composition_ms: i32,
        data: &'a [u8],
    },
    /// Nothing to decode: a seek command, end of sequence, colour metadata.
    Nothing,
    /// Something of a codec that is not carried.
    Foreign,
    /// Something of H.264 that is not carried.
    Unknown { packet_type: u8 },
}

impl<'a> VideoTag<'a> {
    /// `None` when the body ends within its header.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        let first = bytes.byte()?;
        let frame_type = first >> 4 & 7;
        if first & ENHANCED == 0 {
            Self::classic(bytes, frame_type, VideoCodec::Id(first & 0x0F))
        } else {
            Self::enhanced(bytes, frame_type, first & 0x0F)
        }
    }

    fn classic(mut bytes: Bytes<'a>, frame_type: u8, codec: VideoCodec) -> Option<Self> {
        if !codec.is_h264() {
            return Some(Self {
                codec,
                packet: VideoPacket::Foreign,
            });
        }
        if frame_type == COMMAND {
            return Some(Self {
                codec,
                packet: VideoPacket::Nothing,
            });
        }
        let packet_type = bytes.byte()?;
        let composition_ms = signed24(bytes.take()?);
        let packet = match packet_type {
            0 => VideoPacket::SequenceHeader(bytes.0),
            1 => VideoPacket::Frame {
                keyframe: is_keyframe(frame_type),
                composition_ms,
                data: bytes.0,
            },
            2 => VideoPacket::Nothing,
            packet_type => VideoPacket::Unknown { packet_type },
        };
        Some(Self { codec, packet })
    }

    fn enhanced(mut bytes: Bytes<'a>, frame_type: u8, packet_type: u8) -> Option<Self> {
        let packet_type = bytes.skip_modifiers(packet_type)?;
        if packet_type == MULTITRACK {
            let codec = VideoCodec::FourCc(FourCc(*b"avc1"));
            return Some(Self {
                codec,
                packet: VideoPacket::Unknown { packet_type },
            });
        }
        if packet_type != METADATA && frame_type == COMMAND {
            let codec = VideoCodec::FourCc(FourCc(*b"avc1"));
            return Some(Self {
                codec,
                packet: VideoPacket::Nothing,
            });
        }
        let codec = VideoCodec::FourCc(FourCc(bytes.take()?));
        if !codec.is_h264() {
            return Some(Self {
                codec,
                packet: VideoPacket::Foreign,
            });
        }
        let keyframe = is_keyframe(frame_type);
        let packet = match packet_type {
            0 => VideoPacket::SequenceHeader(bytes.0),
            1 => {
                let composition_ms = signed24(bytes.take()?);
                VideoPacket::Frame {
                    keyframe,
                    composition_ms,
                    data: bytes.0,
                }
            }
            3 => VideoPacket::Frame {
                keyframe,
                composition_ms: 0,
                data: bytes.0,
            },
            2 | METADATA => VideoPacket::Nothing,
            packet_type => VideoPacket::Unknown { packet_type },
        };
        Some(Self { codec, packet })
    }
}

fn is_keyframe(frame_type: u8) -> bool {
    frame_type == 1 || frame_type == 4
}

fn signed24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

/// The bit that tells an enhanced header.
const ENHANCED: u8 = 0x80;
/// `FrameType` of a command to the player.
const COMMAND: u8 = 5;
/// `VideoPacketType.Metadata`.
const METADATA: u8 = 4;
/// `VideoPacketType.Multitrack`.
const MULTITRACK: u8 = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(body: &[u8], codec: VideoCodec, packet: VideoPacket<'_>) {
        assert_eq!(VideoTag::parse(body), Some(VideoTag { codec, packet }));
    }

    const AVC1: VideoCodec = VideoCodec::FourCc(FourCc(*b"avc1"));

    #[test]
    fn reads_classic_headers() {
        let frame = |keyframe, composition_ms, data| VideoPacket::Frame {
            keyframe,
            composition_ms,
            data,
        };
        check(
            &[0x17, 0, 0, 0, 0, 1, 2],
            VideoCodec::Id(7),
            VideoPacket::SequenceHeader(&[1, 2]),
        );
        check(&[0x17, 1, 0, 0, 80, 9], VideoCodec::Id(7), frame(true, 80, &[9]));
        check(&[0x27, 1, 0xFF, 0xFF, 0xD8], VideoCodec::Id(7), frame(false, -40, &[]));
        check(&[0x27, 1, 0x80, 0, 0], VideoCodec::Id(7), frame(false, -8_388_608, &[]));
        check(&[0x17, 2, 0, 0, 0], VideoCodec::Id(7), VideoPacket::Nothing);
        check(&[0x57, 0], VideoCodec::Id(7), VideoPacket::Nothing);
        check(
            &[0x17, 3, 0, 0, 0],
            VideoCodec::Id(7),
            VideoPacket::Unknown { packet_type: 3 },
        );
        check(&[0x12], VideoCodec::Id(2), VideoPacket::Foreign);
    }

    #[test]
    fn reads_enhanced_headers() {
        let frame = |composition_ms, data| VideoPacket::Frame {
            keyframe: true,
            composition_ms,
            data,
        };
        check(b"\x90avc1\x01", AVC1, VideoPacket::SequenceHeader(&[1]));
        check(b"\x91avc1\xff\xff\xff\x07", AVC1, frame(-1, &[7]));
        check(b"\x93avc1\x07", AVC1, frame(0, &[7]));
        check(b"\x92avc1", AVC1, VideoPacket::Nothing);
        check(b"\x94avc1amf", AVC1, VideoPacket::Nothing);
        check(b"\x97\x02nan\x03avc1\x07", AVC1, frame(0, &[7]));
        check(b"\x96\x00avc1", AVC1, VideoPacket::Unknown { packet_type: 6 });
        check(b"\x90hvc1", VideoCodec::FourCc(FourCc(*b"hvc1")), VideoPacket::Foreign);
    }

    #[test]
    fn names_foreign_codecs() {
        for (body, name) in [
            (&b"\x90hvc1"[..], "H.265"),
            (b"\x90av01", "AV1"),
            (b"\x90vp09", "VP9"),
            (b"\x90\x00\x01ab", "\\x00\\x01ab"),
            (b"\x1c\x00", "H.265"),
            (b"\x12", "Sorenson H.263"),
        ] {
            assert_eq!(VideoTag::parse(body).unwrap().codec.to_string(), name);
        }
    }

    #[test]
    fn truncated_headers_are_refused() {
        for body in [
            &b""[..],
            b"\x17",
            b"\x17\x01\x00\x00",
            b"\x90avc",
            b"\x91avc1\x00\x00",
            b"\x97\x05ab",
            b"\x97\xff\x00",
        ] {
            assert_eq!(VideoTag::parse(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = VideoTag::parse(&body);
        }
    }
}
