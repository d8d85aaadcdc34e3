//! Made media: H.264 at 30 pictures a second and AAC at 44,100 Hz, whose sizes are those of an encoder.

use alluvium_rtmp::MediaKind;

/// How much an encoder sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rate {
    /// 800 kbit/s of video.
    Low,
    /// 2.5 Mbit/s of video.
    High,
}

/// An RTMP media message: the body of an FLV tag.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: MediaKind,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: Vec<u8>,
}

/// An endless publish.
pub(crate) struct Encoder {
    rate: Rate,
    pictures: u64,
    audio_frames: u64,
    random: u64,
}

impl Encoder {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            pictures: 0,
            audio_frames: 0,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// The sequence headers, which come before the first GOP.
    pub(crate) fn headers() -> [Message; 2] {
        let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
        let record = [0x17, 0, 0, 0, 0, 1, SPS[1], SPS[2], SPS[3], 0xFF, 0xE1];
        let video = [&record[..], &length(&SPS), &SPS, &[1], &length(&PPS), &PPS].concat();
        let audio = vec![0xAF, 0, 0x12, 0x10];
        [(MediaKind::Video, video), (MediaKind::Audio, audio)].map(|(kind, payload)| Message {
            kind,
            timestamp_ms: 0,
            payload,
        })
    }

    /// The messages of the next two seconds, in the order of their times.
    pub(crate) fn gop(&mut self) -> Vec<Message> {
        let end = self.pictures + PICTURES_PER_GOP;
        let mut messages = Vec::new();
        while self.pictures < end {
            let (picture_ms, audio_ms) = (self.pictures * 1_000 / 30, self.audio_frames * 1_024_000 / 44_100);
            messages.push(if picture_ms <= audio_ms {
                self.picture(picture_ms as u32)
            } else {
                self.audio_frame(audio_ms as u32)
            });
        }
        messages
    }

    fn picture(&mut self, timestamp_ms: u32) -> Message {
        let random_access = self.pictures.is_multiple_of(PICTURES_PER_GOP);
        self.pictures += 1;
        let (intra, mean) = match self.rate {
            Rate::Low => (30_000, 2_880),
            Rate::High => (80_000, 9_240),
        };
        // From half of the mean to one and a half.
        let length = if random_access {
            intra
        } else {
            mean / 2 + self.random() as usize % mean
        };
        let [tag, nal] = if random_access { [0x17, 0x65] } else { [0x27, 0x41] };
        let mut payload = vec![tag, 1, 0, 0, 0];
        payload.extend((length as u32).to_be_bytes());
        payload.push(nal);
        self.fill(&mut payload, length - 1);
        Message {
            kind: MediaKind::Video,
            timestamp_ms,
            payload,
        }
    }

    fn audio_frame(&mut self, timestamp_ms: u32) -> Message {
        self.audio_frames += 1;
        let mut payload = vec![0xAF, 1];
        self.fill(&mut payload, 371);
        Message {
            kind: MediaKind::Audio,
            timestamp_ms,
            payload,
        }
    }

    /// Adds bytes that are not zero, so that no start code is among them.
    fn fill(&mut self, payload: &mut Vec<u8>, length: usize) {
        payload.extend((0..length).map(|_| self.random() as u8 | 1));
    }

    /// Xorshift: the same on every machine.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

const PICTURES_PER_GOP: u64 = 60;

/// 640x360, Main profile.
const SPS: [u8; 25] = [
    0x67, 0x4d, 0x40, 0x1e, 0xd9, 0x80, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
    0x00, 0x32, 0x0f, 0x16, 0x2e, 0x68,
];
const PPS: [u8; 5] = [0x68, 0xe9, 0x73, 0x2c, 0x80];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_are_what_they_are_called() {
        for (rate, expected) in [(Rate::Low, 800_000), (Rate::High, 2_500_000)] {
            let gop = Encoder::new(rate).gop();
            let video = gop.iter().filter(|message| message.kind == MediaKind::Video);
            let bits_per_second = video.map(|message| message.payload.len()).sum::<usize>() * 8 / 2;
            assert!(
                bits_per_second.abs_diff(expected) < expected / 20,
                "{rate:?}: {bits_per_second}"
            );
        }
    }
}
