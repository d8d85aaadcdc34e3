use super::audio::{GATHERED_MAX, GATHERED_WITH_PCR_MAX, Gathered};
use super::clock::{Clock, Pcr};
use super::packet::{Continuity, Indicators, Packetizer, write_pcr_packet};
use super::pes::{self, PesHeader};
use super::pid;
use super::tables::{Presence, Tables};
use alluvium_media::{AAC_FRAME_BYTES_MAX, AccessUnit, AudioTrack, Content, NalUnits, Timestamp, Tracks};
use bytes::{Bytes, BytesMut};
use std::mem;

/// Access units in, TS packets out: ISO/IEC 13818-1.
///
/// A picture becomes one PES packet at once; AAC frames are gathered for up to 150 ms and written as one.
/// Whole packets only are ever handed out, and continuity counters run on for as long as the muxer lives.
///
/// Time stamps stand in the stream 10 s later than on the session's timeline, modulo 33 bits.
#[derive(Debug)]
pub struct TsMuxer {
    /// Packets that have not been taken yet.
    out: BytesMut,
    /// Bytes that are made room for when the first packet of a batch is written: those of the last batch, or somewhat
    /// more, so that the buffer is not moved as it grows.
    room: usize,
    tables: Tables,
    clock: Clock,
    video: Continuity,
    audio: Continuity,
    /// What the PMT lists as audio.
    audio_track: Option<AudioTrack>,
    gathered: Gathered,
}

impl Default for TsMuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl TsMuxer {
    /// A muxer without tracks: it carries nothing until [`set_tracks`](Self::set_tracks).
    pub fn new() -> Self {
        Self {
            out: BytesMut::new(),
            room: 0,
            tables: Tables::new(),
            clock: Clock::new(),
            video: Continuity::default(),
            audio: Continuity::default(),
            audio_track: None,
            gathered: Gathered::default(),
        }
    }

    /// Lists these tracks from the next segment on; the PMT's version rises when that is a change.
    pub fn set_tracks(&mut self, tracks: &Tracks) {
        self.flush();
        self.audio_track.clone_from(&tracks.audio);
        self.tables.set_tracks(Presence {
            video: tracks.video.is_some(),
            audio: tracks.audio.is_some(),
        });
    }

    /// Writes PAT and PMT; the next unit comes with a PCR. On a `new_timeline` the PCR is marked as discontinuous.
    pub fn begin_segment(&mut self, new_timeline: bool) {
        self.flush();
        self.make_room();
        self.tables.write(&mut self.out);
        self.clock.begin_segment(new_timeline);
    }

    /// Writes what still belongs before a cut: gathered audio, and PCRs on the way to the unit with this DTS that begins
    /// the next segment.
    pub fn end_segment(&mut self, next: Option<Timestamp>) {
        self.flush();
        if let Some(next) = next {
            self.bridge(next);
        }
    }

    /// Writes a unit. `false`: it is not in the stream, as its track is not listed, or it is empty or longer than AAC allows.
    pub fn write(&mut self, unit: &AccessUnit<'_>) -> bool {
        match unit.content {
            Content::Video(nal_units) => self.write_picture(unit, nal_units),
            Content::Audio { frame, samples } => self.gather(unit.pts, frame, samples),
        }
    }

    /// Writes the AAC frames gathered so far, so that everything given to [`write`](Self::write) can be taken.
    pub fn flush(&mut self) {
        let mut gathered = mem::take(&mut self.gathered);
        if let Some((pts, frames)) = gathered.packet() {
            self.write_frames(pts, frames);
        }
        gathered.clear();
        self.gathered = gathered;
    }

    /// All packets written since the last call.
    ///
    /// Their buffer goes along: who waits for media holds none.
    pub fn take(&mut self) -> Bytes {
        let batch = mem::take(&mut self.out).freeze();
        self.room = (batch.len() + batch.len() / 3).min(ROOM_MAX);
        batch
    }

    /// Bytes that [`take`](Self::take) would return; a multiple of 188.
    pub fn length(&self) -> usize {
        self.out.len()
    }

    fn write_picture(&mut self, unit: &AccessUnit<'_>, nal_units: NalUnits<'_>) -> bool {
        let payload = nal_units.byte_length() + nal_units.count() * START_CODE.len();
        if payload == 0 || !self.tables.tracks().video {
            return false;
        }
        if self.gathered.is_overdue(unit.dts) {
            self.flush();
        }
        self.make_room();
        self.bridge(unit.dts);
        let pcr = self.clock.accompany(unit.dts.as_ticks(), unit.random_access);
        let first = Indicators {
            random_access: unit.random_access,
            pcr,
        };
        let header = PesHeader::new(pes::VIDEO, unit.pts, unit.dts, payload);
        let length = header.bytes().len() + payload;
        let mut packets = Packetizer::begin(&mut self.out, pid::VIDEO, &mut self.video, first, length);
        packets.write(header.bytes());
        for nal_unit in nal_units.iter() {
            packets.write(&START_CODE);
            packets.write(nal_unit);
        }
        true
    }

    fn write_frames(&mut self, pts: Timestamp, frames: &[u8]) {
        self.make_room();
        self.bridge(pts);
        let pcr = if self.pcr_pid() == pid::AUDIO {
            self.clock.accompany(pts.as_ticks(), true)
        } else {
            if let Some(pcr) = self.clock.precede(pts.as_ticks()) {
                self.write_pcr(pcr);
            }
            None
        };
        let first = Indicators {
            random_access: true,
            pcr,
        };
        let header = PesHeader::new(pes::AUDIO, pts, pts, frames.len());
        let length = header.bytes().len() + frames.len();
        let mut packets = Packetizer::begin(&mut self.out, pid::AUDIO, &mut self.audio, first, length);
        packets.write(header.bytes());
        packets.write(frames);
    }

    fn gather(&mut self, pts: Timestamp, frame: &[u8], samples: u32) -> bool {
        let Some(track) = &self.audio_track else { return false };
        if frame.is_empty() || frame.len() > AAC_FRAME_BYTES_MAX {
            return false;
        }
        let header = track.config.adts_header(frame.len());
        let duration = ticks(samples, track);
        let duration_max = if self.pcr_pid() == pid::AUDIO {
            GATHERED_WITH_PCR_MAX
        } else {
            GATHERED_MAX
        };
        if !self
            .gathered
            .takes(pts, header.len() + frame.len(), duration, duration_max)
        {
            self.flush();
        }
        self.gathered.add(pts, &header, frame, duration);
        if self.gathered.is_full(duration, duration_max) {
            self.flush();
        }
        true
    }

    fn make_room(&mut self) {
        if self.out.is_empty() {
            self.out.reserve(self.room);
        }
    }

    /// Fills the way to a unit with PCRs where it would be too long without.
    fn bridge(&mut self, dts: Timestamp) {
        while let Some(pcr) = self.clock.bridge(dts.as_ticks()) {
            self.write_pcr(pcr);
        }
    }

    fn write_pcr(&mut self, pcr: Pcr) {
        let pid = self.pcr_pid();
        let continuity = if pid == pid::VIDEO { &self.video } else { &self.audio };
        write_pcr_packet(&mut self.out, pid, continuity, pcr);
    }

    fn pcr_pid(&self) -> u16 {
        self.tables.tracks().pcr_pid()
    }
}

/// How long a frame of this track lasts, 90 kHz.
pub(crate) fn ticks(samples: u32, track: &AudioTrack) -> i64 {
    i64::from(samples) * Timestamp::TICKS_PER_SECOND / i64::from(track.sample_rate.max(1))
}

/// The most that is made room for in advance; a batch may be longer.
const ROOM_MAX: usize = 40 * 1024;

/// Before every NAL unit (ITU-T H.264, annex B; the long form, which the first and parameter sets must have).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_media::VideoTrack;

    fn muxer() -> TsMuxer {
        let mut muxer = TsMuxer::new();
        let track = VideoTrack {
            width: 640,
            height: 360,
            frame_rate: None,
            profile_idc: 66,
            level_idc: 30,
            generation: 0,
        };
        muxer.set_tracks(&Tracks {
            video: Some(track),
            audio: None,
        });
        muxer.begin_segment(false);
        muxer
    }

    #[track_caller]
    fn write(muxer: &mut TsMuxer, ms: i64, bytes: usize) -> bool {
        let time = Timestamp::from_ms(ms);
        let (payload, ranges) = (vec![1; bytes], [0..1, 1..bytes]);
        let content = Content::Video(NalUnits::new(&payload, if bytes == 0 { &[] } else { &ranges }));
        muxer.write(&AccessUnit {
            pts: time,
            dts: time,
            random_access: false,
            content,
        })
    }

    #[test]
    fn a_great_picture_does_not_cost_its_memory_for_good() {
        let mut muxer = muxer();
        let mut held = Vec::new();
        for (ms, bytes) in [(0, 1_000_000), (40, 5_000), (80, 5_000)] {
            assert!(write(&mut muxer, ms, bytes));
            drop(muxer.take());
            held.push(muxer.out.capacity());
        }
        assert!(held.iter().all(|capacity| *capacity < 10_000), "{held:?}");
    }

    #[test]
    fn what_the_pmt_does_not_list_is_not_written() {
        let mut muxer = muxer();
        let before = muxer.length();
        let pts = Timestamp::from_ms(0);
        let content = Content::Audio {
            frame: &[1],
            samples: 1_024,
        };
        assert!(!muxer.write(&AccessUnit {
            pts,
            dts: pts,
            random_access: true,
            content
        }));
        assert!(!write(&mut muxer, 0, 0));
        muxer.flush();
        assert_eq!(muxer.length(), before);
    }

    #[test]
    fn a_frame_is_written_up_to_its_limit_and_not_past_it() {
        let config = alluvium_media::AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
        let mut muxer = TsMuxer::new();
        muxer.set_tracks(&Tracks {
            video: None,
            audio: Some(AudioTrack::from(config)),
        });
        let pts = Timestamp::from_ms(0);
        for (length, written) in [
            (0, false),
            (1, true),
            (AAC_FRAME_BYTES_MAX, true),
            (AAC_FRAME_BYTES_MAX + 1, false),
        ] {
            let (frame, samples) = (&vec![0; length][..], 1_024);
            let content = Content::Audio { frame, samples };
            assert_eq!(
                muxer.write(&AccessUnit {
                    pts,
                    dts: pts,
                    random_access: true,
                    content
                }),
                written,
                "{length}"
            );
        }
    }
}
