//! The units of a segment, as an MPEG-TS demultiplexer finds them (ISO/IEC 13818-1).

use std::collections::HashMap;

use mpeg2ts::es::StreamType;
use mpeg2ts::ts::payload::Pes;
use mpeg2ts::ts::{Pid, ReadTsPacket, TsPacketReader, TsPayload};

use crate::unit::{self, Damage, Track, UnitId};

/// A unit in the order in which it stands in its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: UnitId,
    /// Of the PES packet that the unit begins, 90 kHz; `None` for audio further back in one.
    pub(crate) dts: Option<u64>,
}

/// Reads a segment from its first byte to its last.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Found>, Damage> {
    let mut reading = Reading::default();
    let mut packets = TsPacketReader::new(bytes);
    let mut at = 0;
    loop {
        match packets.read_ts_packet() {
            Ok(None) => break,
            Ok(Some(packet)) => reading.take(packet),
            Err(error) => Err(Damage(error.to_string())),
        }
        .map_err(|Damage(what)| Damage(format!("TS packet {at}: {what}")))?;
        at += 1;
    }
    reading.finish()
}

#[derive(Default)]
struct Reading {
    tracks: HashMap<Pid, Track>,
    counters: HashMap<Pid, u8>,
    open: HashMap<Pid, Packet>,
    found: Vec<Found>,
}

/// A PES packet that is being put together.
struct Packet {
    track: Track,
    dts: u64,
    /// Payload bytes, where the packet tells.
    length: Option<usize>,
    payload: Vec<u8>,
}

impl Reading {
    fn take(&mut self, packet: mpeg2ts::ts::TsPacket) -> Result<(), Damage> {
        let pid = packet.header.pid;
        let Some(payload) = packet.payload else { return Ok(()) };
        let counter = packet.header.continuity_counter.as_u8();
        if let Some(last) = self.counters.insert(pid, counter)
            && counter != (last + 1) % 16
        {
            return Err(Damage(format!("continuity counter {counter} after {last}")));
        }
        match payload {
            TsPayload::Pmt(table) => {
                for stream in table.es_info {
                    let track = match stream.stream_type {
                        StreamType::H264 => Track::Video,
                        StreamType::AdtsAac => Track::Audio,
                        other => return Err(Damage(format!("a stream of type {other:?}"))),
                    };
                    self.tracks.insert(stream.elementary_pid, track);
                }
            }
            TsPayload::PesStart(pes) => {
                self.end(pid)?;
                let packet = Packet::begin(self.tracks.get(&pid).copied(), &pes)?;
                self.open.insert(pid, packet);
            }
            TsPayload::PesContinuation(bytes) => match self.open.get_mut(&pid) {
                Some(packet) => packet.payload.extend_from_slice(&bytes),
                None => return Err(Damage("a PES packet goes on that has not begun".to_owned())),
            },
            TsPayload::Pat(_) | TsPayload::Null(_) | TsPayload::Raw(_) | TsPayload::Section(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, pid: Pid) -> Result<(), Damage> {
        match self.open.remove(&pid) {
            Some(packet) => packet.units(&mut self.found),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Vec<Found>, Damage> {
        let open: Vec<Pid> = self.open.keys().copied().collect();
        for pid in open {
            self.end(pid)
                .map_err(|Damage(what)| Damage(format!("at the segment's end: {what}")))?;
        }
        Ok(self.found)
    }
}

impl Packet {
    fn begin(track: Option<Track>, pes: &Pes) -> Result<Self, Damage> {
        let track = track.ok_or_else(|| Damage("a PES packet of a stream that no PMT lists".to_owned()))?;
        let pts = pes
            .header
            .pts
            .ok_or_else(|| Damage("a PES packet without PTS".to_owned()))?;
        let header = if pes.header.dts.is_some() { 13 } else { 8 };
        Ok(Self {
            track,
            dts: pes.header.dts.unwrap_or(pts).as_u64(),
            length: (pes.pes_packet_len > 0).then(|| usize::from(pes.pes_packet_len).saturating_sub(header)),
            payload: pes.data.to_vec(),
        })
    }

    fn units(self, found: &mut Vec<Found>) -> Result<(), Damage> {
        if let Some(length) = self.length
            && length != self.payload.len()
        {
            return Err(Damage(format!(
                "a PES packet of {} bytes instead of {length}",
                self.payload.len()
            )));
        }
        match self.track {
            Track::Video => found.push(Found {
                id: unit::read_picture(&self.payload)?,
                dts: Some(self.dts),
            }),
            Track::Audio => {
                let mut dts = Some(self.dts);
                let mut left = &self.payload[..];
                while !left.is_empty() {
                    let (frame, rest) = adts_frame(left)?;
                    found.push(Found {
                        id: unit::read_frame(frame)?,
                        dts: dts.take(),
                    });
                    left = rest;
                }
            }
        }
        Ok(())
    }
}

/// The raw frame behind the ADTS header at the beginning of `bytes`, and what follows (ISO/IEC 13818-7, 6.2).
fn adts_frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), Damage> {
    let damage = || Damage(format!("no ADTS frame where {} bytes are left", bytes.len()));
    let header: &[u8; 7] = bytes.first_chunk().ok_or_else(damage)?;
    if header[0] != 0xFF || header[1] & 0xF6 != 0xF0 {
        return Err(damage());
    }
    let header_bytes = if header[1] & 1 == 1 { 7 } else { 9 };
    let length = u32::from_be_bytes([0, header[3] & 3, header[4], header[5]]) >> 5;
    let (frame, rest) = bytes.split_at_checked(length as usize).ok_or_else(damage)?;
    Ok((frame.get(header_bytes..).ok_or_else(damage)?, rest))
}

#[cfg(test)]
mod tests {
    use mpeg2ts::Error;
    use mpeg2ts::es::StreamId;
    use mpeg2ts::pes::PesHeader;
    use mpeg2ts::time::Timestamp;
    use mpeg2ts::ts::payload::{Bytes, Pat, Pmt};
    use mpeg2ts::ts::{
        ContinuityCounter, EsInfo, ProgramAssociation, TransportScramblingControl, TsHeader, TsPacket, TsPacketWriter,
        VersionNumber, WriteTsPacket,
    };

    use super::*;

    const PMT: u16 = 0x1000;
    const VIDEO: u16 = 0x100;
    const AUDIO: u16 = 0x101;

    /// A muxer by other hands.
    struct Segment {
        to: TsPacketWriter<Vec<u8>>,
        counters: HashMap<u16, ContinuityCounter>,
    }

    impl Segment {
        fn new() -> Result<Self, Error> {
            let mut segment = Self {
                to: TsPacketWriter::new(Vec::new()),
                counters: HashMap::new(),
            };
            let program = ProgramAssociation {
                program_num: 1,
                program_map_pid: Pid::new(PMT)?,
            };
            let pat = Pat {
                transport_stream_id: 1,
                version_number: VersionNumber::default(),
                table: vec![program],
            };
            segment.write(0, TsPayload::Pat(pat))?;
            let stream = |stream_type, pid| {
                Ok::<_, Error>(EsInfo {
                    stream_type,
                    elementary_pid: Pid::new(pid)?,
                    descriptors: Vec::new(),
                })
            };
            let pmt = Pmt {
                program_num: 1,
                pcr_pid: Some(Pid::new(VIDEO)?),
                version_number: VersionNumber::default(),
                program_info: Vec::new(),
                es_info: vec![stream(StreamType::H264, VIDEO)?, stream(StreamType::AdtsAac, AUDIO)?],
            };
            segment.write(PMT, TsPayload::Pmt(pmt))?;
            Ok(segment)
        }

        fn write(&mut self, pid: u16, payload: TsPayload) -> Result<(), Error> {
            let counter = self.counters.entry(pid).or_default();
            let header = TsHeader {
                transport_error_indicator: false,
                transport_priority: false,
                pid: Pid::new(pid)?,
                transport_scrambling_control: TransportScramblingControl::NotScrambled,
                continuity_counter: *counter,
            };
            counter.increment();
            self.to.write_ts_packet(&TsPacket {
                header,
                adaptation_field: None,
                payload: Some(payload),
            })
        }

        fn pes(&mut self, pid: u16, stream_id: u8, dts: u64, payload: &[u8]) -> Result<(), Error> {
            let (first, rest) = payload.split_at(payload.len().min(150));
            let header = PesHeader {
                stream_id: StreamId::new(stream_id),
                priority: false,
                data_alignment_indicator: false,
                copyright: false,
                original_or_copy: false,
                pts: Some(Timestamp::new(dts + 3_000)?),
                dts: Some(Timestamp::new(dts)?),
                escr: None,
            };
            let pes = Pes {
                header,
                pes_packet_len: payload.len() as u16 + 13,
                data: Bytes::new(first)?,
            };
            self.write(pid, TsPayload::PesStart(pes))?;
            for chunk in rest.chunks(Bytes::MAX_SIZE) {
                self.write(pid, TsPayload::PesContinuation(Bytes::new(chunk)?))?;
            }
            Ok(())
        }

        fn picture(&mut self, number: u32, dts: u64) -> Result<(), Error> {
            let message = unit::picture(id(Track::Video, number), 500, false, 0);
            let mut payload = vec![0, 0, 0, 1, 9, 0xF0];
            let mut left = &message[5..];
            while let Some((length, rest)) = left.split_first_chunk() {
                let (nal_unit, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
                payload.extend_from_slice(&[0, 0, 0, 1]);
                payload.extend_from_slice(nal_unit);
                left = rest;
            }
            self.pes(VIDEO, 0xE0, dts, &payload)
        }

        /// Two frames in a packet.
        fn frames(&mut self, number: u32, dts: u64) -> Result<(), Error> {
            let mut payload = Vec::new();
            for number in [number, number + 1] {
                let raw = unit::frame(id(Track::Audio, number), 150)[2..].to_vec();
                let length = (raw.len() as u32 + 7) << 5 | 0x1F;
                let [_, high, middle, low] = length.to_be_bytes();
                payload.extend_from_slice(&[0xFF, 0xF1, 0x50, 0x80 | high, middle, low, 0xFC]);
                payload.extend_from_slice(&raw);
            }
            self.pes(AUDIO, 0xC0, dts, &payload)
        }

        fn whole() -> Vec<u8> {
            let mut segment = Self::new().unwrap();
            segment.picture(0, 900_000).unwrap();
            segment.frames(0, 900_500).unwrap();
            segment.picture(1, 903_000).unwrap();
            segment.to.into_stream()
        }
    }

    fn id(track: Track, number: u32) -> UnitId {
        UnitId {
            publisher: 1,
            connection: 2,
            track,
            number,
        }
    }

    #[test]
    fn finds_every_unit_and_its_dts() {
        let mut found = read(&Segment::whole()).unwrap();
        found.sort_by_key(|found| found.id);
        let expected = [
            (Track::Video, 0, Some(900_000)),
            (Track::Video, 1, Some(903_000)),
            (Track::Audio, 0, Some(900_500)),
            (Track::Audio, 1, None),
        ];
        let expected = expected.map(|(track, number, dts)| Found {
            id: id(track, number),
            dts,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_segment_cut_anywhere_but_between_units_is_damaged() {
        let whole = Segment::whole();
        // Behind the tables, the first picture, the frames, and all.
        let between: Vec<usize> = (0..=whole.len())
            .filter(|length| read(&whole[..*length]).is_ok())
            .collect();
        let packets: Vec<usize> = between.iter().map(|length| length / TsPacket::SIZE).collect();
        assert_eq!(packets, [0, 1, 2, 6, 9, 13]);
        assert!(between.iter().all(|length| length % TsPacket::SIZE == 0));
    }

    #[test]
    fn a_packet_that_is_gone_or_there_twice_is_found() {
        let whole = Segment::whole();
        for at in 3..12 {
            let (before, after) = whole.split_at(at * TsPacket::SIZE);
            let (packet, rest) = after.split_at(TsPacket::SIZE);
            assert!(read(&[before, rest].concat()).is_err(), "without {at}");
            assert!(read(&[before, packet, packet, rest].concat()).is_err(), "twice {at}");
        }
    }

    #[test]
    fn a_changed_byte_of_a_unit_is_found() {
        let whole = Segment::whole();
        for packet in [3, 4, 7, 10, 11] {
            let mut bytes = whole.clone();
            bytes[packet * TsPacket::SIZE + 100] ^= 0x10;
            assert!(read(&bytes).is_err(), "{packet}");
        }
    }

    #[test]
    fn what_begins_without_tables_is_damaged() {
        assert!(read(&Segment::whole()[TsPacket::SIZE..]).is_err());
    }
}
