use alluvium_rtmp::MediaKind;

/// An encoder whose two clocks run as they like: the one that stamps, against the server's; and the sound card's, against
/// the one that stamps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) pictures_per_second: u64,
    /// Pictures from one random access unit to the next.
    pub(super) pictures_per_gop: u64,
    /// Samples per second; 1,024 of them are a frame.
    pub(super) sample_rate: u64,
    /// The first timestamp, ms.
    pub(super) first_stamp: u64,
    /// Millionths by which the encoder's clock is faster than the server's.
    pub(super) clock_ppm: i64,
    /// Millionths by which the sound card counts more samples than the encoder's clock says.
    pub(super) sound_ppm: i64,
}

/// A message that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) kind: MediaKind,
    /// Of its track.
    pub(super) number: u64,
    /// By the encoder's clock, since it began.
    pub(super) micros: u64,
}

/// The messages of an endless publish, in the order of their times.
#[derive(Debug)]
pub(super) struct Encoder {
    plan: Plan,
    pictures: u64,
    frames: u64,
}

impl Plan {
    /// When a picture is taken, by the encoder's clock.
    pub(super) fn picture_micros(&self, number: u64) -> u64 {
        number * 1_000_000 / self.pictures_per_second
    }

    /// When an audio frame begins, by the encoder's clock.
    pub(super) fn frame_micros(&self, number: u64) -> u64 {
        let by_samples = i128::from(number) * 1_024_000_000 * 1_000_000;
        (by_samples / i128::from(self.sample_rate) / i128::from(1_000_000 + self.sound_ppm)) as u64
    }

    /// What RTMP carries of a time by the encoder's clock: whole milliseconds, before they wrap.
    pub(super) fn stamp(&self, micros: u64) -> u64 {
        self.first_stamp + micros / 1_000
    }

    /// The server's clock, since the encoder began.
    pub(super) fn server_micros(&self, micros: u64) -> u64 {
        (i128::from(micros) * 1_000_000 / i128::from(1_000_000 + self.clock_ppm)) as u64
    }

    pub(super) fn is_random_access(&self, picture: u64) -> bool {
        picture.is_multiple_of(self.pictures_per_gop)
    }

    /// PTS - DTS, ms: each second picture is one that others are predicted from, and shown after the next.
    pub(super) fn composition_ms(&self, picture: u64) -> u64 {
        let picture_ms = 1_000 / self.pictures_per_second;
        match picture % self.pictures_per_gop {
            0 => picture_ms,
            at if at.is_multiple_of(2) => 0,
            _ => 2 * picture_ms,
        }
    }
}

impl Encoder {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            pictures: 0,
            frames: 0,
        }
    }

    pub(super) fn next(&mut self) -> Due {
        let picture = self.plan.picture_micros(self.pictures);
        let frame = self.plan.frame_micros(self.frames);
        let (kind, micros, count) = if picture <= frame {
            (MediaKind::Video, picture, &mut self.pictures)
        } else {
            (MediaKind::Audio, frame, &mut self.frames)
        };
        *count += 1;
        Due {
            kind,
            number: *count - 1,
            micros,
        }
    }
}

/// 640x360, Main profile.
pub(super) const SPS: [u8; 25] = [
    0x67, 0x4d, 0x40, 0x1e, 0xd9, 0x80, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
    0x00, 0x32, 0x0f, 0x16, 0x2e, 0x68,
];
pub(super) const PPS: [u8; 5] = [0x68, 0xe9, 0x73, 0x2c, 0x80];

pub(super) fn video_header() -> Vec<u8> {
    let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
    let record = [0x17, 0, 0, 0, 0, 1, SPS[1], SPS[2], SPS[3], 0xFF, 0xE1];
    [&record[..], &length(&SPS), &SPS, &[1], &length(&PPS), &PPS].concat()
}

/// AAC-LC, stereo.
pub(super) fn audio_header(sample_rate: u64) -> Vec<u8> {
    let index = frequency_index(sample_rate);
    vec![0xAF, 0, 2 << 3 | index >> 1, (index & 1) << 7 | 2 << 3]
}

pub(super) fn frequency_index(sample_rate: u64) -> u8 {
    match sample_rate {
        44_100 => 4,
        11_025 => 10,
        other => panic!("{other} Hz is not used here"),
    }
}

/// A slice that tells its number, and holds no start code whatever that is.
pub(super) fn slice(number: u64, random_access: bool) -> [u8; 9] {
    let [a, b, c, d, e] = digits(number);
    let [nal, first, second] = if random_access {
        [0x65, 0x88, 0x84]
    } else {
        [0x41, 0x9a, 0x24]
    };
    [nal, first, second, a, b, c, d, e, 0x80]
}

/// A raw AAC frame that tells its number.
pub(super) fn frame(number: u64) -> [u8; 6] {
    let [a, b, c, d, e] = digits(number);
    [0x21, a, b, c, d, e]
}

/// 35 bits, none of the bytes zero.
fn digits(number: u64) -> [u8; 5] {
    std::array::from_fn(|at| 0x80 | (number >> (7 * at)) as u8 & 0x7F)
}

/// The body of a message, into `payload`.
pub(super) fn write_payload(plan: &Plan, due: &Due, payload: &mut Vec<u8>) {
    payload.clear();
    match due.kind {
        MediaKind::Audio => {
            payload.extend([0xAF, 1]);
            payload.extend(frame(due.number));
        }
        MediaKind::Video => {
            let random_access = plan.is_random_access(due.number);
            let [.., high, middle, low] = (plan.composition_ms(due.number) as u32).to_be_bytes();
            payload.extend([if random_access { 0x17 } else { 0x27 }, 1, high, middle, low]);
            let slice = slice(due.number, random_access);
            payload.extend((slice.len() as u32).to_be_bytes());
            payload.extend(slice);
        }
    }
}
