//! Program tables: ISO/IEC 13818-1, 2.4.4.3 (PAT), 2.4.4.8 (PMT), annex A (CRC-32).

use super::packet::{Continuity, PACKET};
use super::pid;
use bytes::BytesMut;
use crc_fast::CrcAlgorithm::Crc32Mpeg2;

/// `transport_stream_id` and `program_number`: there is one stream with one program.
const PROGRAM: u8 = 1;

/// `stream_type` of H.264 and of AAC in ADTS (table 2-34).
const H264: u8 = 0x1B;
const AAC_ADTS: u8 = 0x0F;

/// PAT and PMT, each made once as a whole TS packet.
#[derive(Debug)]
pub(crate) struct Tables {
    tracks: Presence,
    /// Modulo 32; rises with each change of `tracks`.
    version: u8,
    pat: Table,
    pmt: Table,
}

/// Which tracks the PMT lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Presence {
    pub(crate) video: bool,
    pub(crate) audio: bool,
}

impl Presence {
    pub(crate) fn pcr_pid(self) -> u16 {
        if self.video { pid::VIDEO } else { pid::AUDIO }
    }
}

impl Tables {
    pub(crate) fn new() -> Self {
        let tracks = Presence::default();
        let version = 31;
        let pat = Table::new(
            pid::PAT,
            0x00,
            0,
            &[0, PROGRAM, 0xE0 | (pid::PMT >> 8) as u8, pid::PMT as u8],
        );
        Self {
            tracks,
            version,
            pat,
            pmt: program_map(tracks, version),
        }
    }

    pub(crate) fn set_tracks(&mut self, tracks: Presence) {
        if self.tracks != tracks {
            self.tracks = tracks;
            self.version = (self.version + 1) & 0x1F;
            self.pmt.packet = program_map(tracks, self.version).packet;
        }
    }

    pub(crate) fn write(&mut self, out: &mut BytesMut) {
        out.reserve(2 * PACKET);
        self.pat.write(out);
        self.pmt.write(out);
    }

    pub(crate) fn tracks(&self) -> Presence {
        self.tracks
    }
}

fn program_map(tracks: Presence, version: u8) -> Table {
    let pcr_pid = tracks.pcr_pid();
    let mut body = vec![0xE0 | (pcr_pid >> 8) as u8, pcr_pid as u8, 0xF0, 0];
    let listed = [(tracks.video, H264, pid::VIDEO), (tracks.audio, AAC_ADTS, pid::AUDIO)];
    for (_, stream_type, pid) in listed.into_iter().filter(|(exists, ..)| *exists) {
        body.extend([stream_type, 0xE0 | (pid >> 8) as u8, pid as u8, 0xF0, 0]);
    }
    Table::new(pid::PMT, 0x02, version, &body)
}

/// One section in one TS packet, with the counter of its PID.
#[derive(Debug)]
struct Table {
    packet: [u8; PACKET],
    continuity: Continuity,
}

impl Table {
    fn new(pid: u16, table_id: u8, version: u8, body: &[u8]) -> Self {
        let mut packet = [0xFF; PACKET];
        packet[..5].copy_from_slice(&[0x47, 0x40 | (pid >> 8) as u8, pid as u8, 0x10, 0]);
        let section = &mut packet[5..];
        let length = 5 + body.len() + 4;
        section[..3].copy_from_slice(&[table_id, 0xB0, length as u8]);
        section[3..8].copy_from_slice(&[0, PROGRAM, 0xC1 | version << 1, 0, 0]);
        section[8..8 + body.len()].copy_from_slice(body);
        let end = 8 + body.len();
        let crc = crc_fast::checksum(Crc32Mpeg2, &section[..end]) as u32;
        section[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        Self {
            packet,
            continuity: Continuity::default(),
        }
    }

    fn write(&mut self, out: &mut BytesMut) {
        self.packet[3] = 0x10 | self.continuity.advance();
        out.extend_from_slice(&self.packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tables: &mut Tables) -> BytesMut {
        let mut out = BytesMut::new();
        tables.write(&mut out);
        out
    }

    #[test]
    fn checksum_is_the_one_of_mpeg2() {
        assert_eq!(crc_fast::checksum(Crc32Mpeg2, b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn pmt_lists_exactly_the_tracks_that_exist() {
        let video = [H264, 0xE1, 0x00, 0xF0, 0];
        let audio = [AAC_ADTS, 0xE1, 0x01, 0xF0, 0];
        for (tracks, pcr_pid, listed) in [
            (
                Presence {
                    video: true,
                    audio: false,
                },
                0x00,
                [&video[..], &[]].concat(),
            ),
            (
                Presence {
                    video: false,
                    audio: true,
                },
                0x01,
                [&[], &audio[..]].concat(),
            ),
            (
                Presence {
                    video: true,
                    audio: true,
                },
                0x00,
                [&video[..], &audio[..]].concat(),
            ),
        ] {
            let mut tables = Tables::new();
            tables.set_tracks(tracks);
            let out = written(&mut tables);
            let section = &out[PACKET + 5..];
            assert_eq!(section[1..3], [0xB0, 13 + listed.len() as u8]);
            assert_eq!(section[8..12], [0xE1, pcr_pid, 0xF0, 0]);
            assert_eq!(section[12..12 + listed.len()], listed);
            // A section with its own checksum behind it has the checksum 0.
            assert_eq!(crc_fast::checksum(Crc32Mpeg2, &section[..16 + listed.len()]), 0);
            assert!(section[16 + listed.len()..].iter().all(|byte| *byte == 0xFF));
        }
    }

    #[test]
    fn version_rises_on_change_only_and_counters_run_on() {
        let mut tables = Tables::new();
        let mut seen = Vec::new();
        for audio in [false, false, true, true, false] {
            tables.set_tracks(Presence { video: true, audio });
            let out = written(&mut tables);
            seen.push(((out[PACKET + 10] >> 1) & 0x1F, out[3] & 0x0F, out[PACKET + 3] & 0x0F));
        }
        assert_eq!(seen, [(0, 0, 0), (0, 1, 1), (1, 2, 2), (1, 3, 3), (2, 4, 4)]);
    }

    #[test]
    fn version_wraps_at_32() {
        let mut tables = Tables::new();
        for change in 0..=32 {
            tables.set_tracks(Presence {
                video: true,
                audio: change % 2 == 0,
            });
        }
        assert_eq!((written(&mut tables)[PACKET + 10] >> 1) & 0x1F, 0);
    }
}
