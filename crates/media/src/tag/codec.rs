//! The codecs an FLV tag can name.

use std::fmt;

/// A codec named by four characters (enhanced RTMP).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

/// A video codec, as a tag names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// The `CodecID` of a classic tag (FLV 10.1, E.4.3.1); 7 is H.264.
    Id(u8),
    /// The FourCC of an enhanced tag; `avc1` is H.264.
    FourCc(FourCc),
}

impl VideoCodec {
    /// The one codec that is carried.
    pub(crate) fn is_h264(self) -> bool {
        self == Self::Id(7) || self == Self::FourCc(FourCc(*b"avc1"))
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(2) => f.write_str("Sorenson H.263"),
            Self::Id(3) => f.write_str("Screen video"),
            Self::Id(4) => f.write_str("VP6"),
            Self::Id(5) => f.write_str("VP6 with alpha"),
            Self::Id(6) => f.write_str("Screen video 2"),
            Self::Id(7) => f.write_str("H.264"),
            // Not in the specification, and yet widely sent.
            Self::Id(12) => f.write_str("H.265"),
            Self::Id(13) => f.write_str("AV1"),
            Self::Id(id) => write!(f, "{id}"),
            Self::FourCc(FourCc(name)) => match name {
                b"avc1" => f.write_str("H.264"),
                b"hvc1" => f.write_str("H.265"),
                b"vvc1" => f.write_str("H.266"),
                b"av01" => f.write_str("AV1"),
                b"vp08" => f.write_str("VP8"),
                b"vp09" => f.write_str("VP9"),
                _ => write!(f, "{}", FourCc(*name)),
            },
        }
    }
}

/// An audio codec, as a tag names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// The `SoundFormat` of a classic tag (FLV 10.1, E.4.2.1); 10 is AAC.
    Format(u8),
    /// The FourCC of an enhanced tag; `mp4a` is AAC.
    FourCc(FourCc),
}

impl AudioCodec {
    /// The one codec that is carried.
    pub(crate) fn is_aac(self) -> bool {
        self == Self::Format(10) || self == Self::FourCc(FourCc(*b"mp4a"))
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(0 | 3) => f.write_str("PCM"),
            Self::Format(1) => f.write_str("ADPCM"),
            Self::Format(2 | 14) => f.write_str("MP3"),
            Self::Format(4..=6) => f.write_str("Nellymoser"),
            Self::Format(7) => f.write_str("G.711 A-law"),
            Self::Format(8) => f.write_str("G.711 mu-law"),
            Self::Format(10) => f.write_str("AAC"),
            Self::Format(11) => f.write_str("Speex"),
            // Not in the specification, and yet sent.
            Self::Format(13) => f.write_str("Opus"),
            Self::Format(format) => write!(f, "{format}"),
            Self::FourCc(FourCc(name)) => match name {
                b"mp4a" => f.write_str("AAC"),
                b".mp3" => f.write_str("MP3"),
                b"Opus" => f.write_str("Opus"),
                b"fLaC" => f.write_str("FLAC"),
                b"ac-3" => f.write_str("AC-3"),
                b"ec-3" => f.write_str("E-AC-3"),
                _ => write!(f, "{}", FourCc(*name)),
            },
        }
    }
}
