//! FLV tag bodies: what stands before the coded data.

mod audio;
mod codec;
mod video;

pub(crate) use audio::{AudioPacket, AudioTag};
pub use codec::{AudioCodec, FourCc, VideoCodec};
pub(crate) use video::{VideoPacket, VideoTag};

/// Reads bytes from the front; `None` once they are used up.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// Passes modifiers of an enhanced header (`ModEx`) and returns the packet type behind them.
    fn skip_modifiers(&mut self, mut packet_type: u8) -> Option<u8> {
        while packet_type == MODIFIER {
            let length = match self.byte()? {
                // 256 is the escape to two bytes.
                255 => usize::from(u16::from_be_bytes(self.take()?)) + 1,
                length => usize::from(length) + 1,
            };
            self.skip(length)?;
            packet_type = self.byte()? & 0x0F;
        }
        Some(packet_type)
    }
}

/// `VideoPacketType.ModEx` and `AudioPacketType.ModEx`.
const MODIFIER: u8 = 7;
