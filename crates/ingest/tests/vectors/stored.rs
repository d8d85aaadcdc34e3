//! What the segments of a channel hold, as `mpeg2ts` reads them.

use std::collections::HashMap;

use alluvium_catalog::{Catalog, SegmentRecord};
use alluvium_oss::ChannelName;
use alluvium_store::ObjectStore;
use mpeg2ts::ts::{ReadTsPacket, TsPacketReader, TsPayload};

use crate::sent::{Unit, adts, annex_b, slices};
use crate::support::House;

/// More than any vector makes.
const SEGMENTS_MAX: usize = 1000;

/// 90 kHz ticks until a PTS begins again.
const TURN: i64 = 1 << 33;

/// All that was recorded.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) video: Vec<Unit>,
    pub(crate) audio: Vec<Unit>,
    pub(crate) segments: Vec<SegmentRecord>,
    /// The versions of the PMT and how many streams each lists, those of one segment after another where they differ.
    pub(crate) tables: Vec<(u8, usize)>,
    /// The sequence parameter sets, likewise.
    pub(crate) sets: Vec<Vec<u8>>,
    /// What ADTS headers say of the rate, Hz, and of the channels, likewise.
    pub(crate) layouts: Vec<(i64, u8)>,
}

/// A PES packet that goes on.
struct Pes {
    dts: i64,
    pts: i64,
    is_video: bool,
    payload: Vec<u8>,
}

impl Stored {
    pub(crate) async fn read(house: &House, channel: &ChannelName) -> Self {
        let records = house.catalog.latest_segments(&house.bucket, channel, SEGMENTS_MAX);
        let mut stored = Self {
            segments: records.await.unwrap(),
            ..Self::default()
        };
        for record in stored.segments.clone() {
            let key = channel.segment_key(record.name);
            let object = house.store.get(&house.bucket, &key, None).await.unwrap();
            stored.read_segment(&object.bytes().await.unwrap());
        }
        stored
    }

    /// What another channel, or a later publish, brought.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.video.append(&mut other.video);
        self.audio.append(&mut other.audio);
        self.segments.append(&mut other.segments);
        self.tables.append(&mut other.tables);
        self.sets.append(&mut other.sets);
        self.layouts.append(&mut other.layouts);
    }

    fn read_segment(&mut self, bytes: &[u8]) {
        let mut reader = TsPacketReader::new(bytes);
        let mut open: HashMap<u16, Pes> = HashMap::new();
        while let Some(packet) = reader.read_ts_packet().unwrap() {
            let pid = packet.header.pid.as_u16();
            match packet.payload {
                Some(TsPayload::Pmt(pmt)) => {
                    note(&mut self.tables, (pmt.version_number.as_u8(), pmt.es_info.len()));
                }
                Some(TsPayload::PesStart(pes)) => {
                    let pts = pes.header.pts.unwrap().as_u64() as i64;
                    let begun = Pes {
                        pts,
                        dts: pes.header.dts.map_or(pts, |dts| dts.as_u64() as i64),
                        is_video: pes.header.stream_id.is_video(),
                        payload: pes.data.to_vec(),
                    };
                    if let Some(ended) = open.insert(pid, begun) {
                        self.end(ended);
                    }
                }
                Some(TsPayload::PesContinuation(bytes)) => {
                    let pes = open.get_mut(&pid).expect("a PES packet goes on before it began");
                    pes.payload.extend_from_slice(&bytes);
                }
                _ => {}
            }
        }
        let mut left: Vec<Pes> = open.into_values().collect();
        left.sort_by_key(|pes| pes.dts);
        for pes in left {
            self.end(pes);
        }
    }

    fn end(&mut self, pes: Pes) {
        let Pes {
            dts,
            pts,
            is_video,
            payload,
        } = pes;
        if is_video {
            let units = annex_b(&payload);
            let delimiters: Vec<usize> = (0..units.len()).filter(|&at| units[at][0] & 0x1f == 9).collect();
            assert_eq!(delimiters, [0], "one delimiter begins each picture");
            for set in units.iter().filter(|unit| unit[0] & 0x1f == 7) {
                note(&mut self.sets, set.to_vec());
            }
            let dts = unwrapped(dts, self.video.last());
            self.video.push(Unit {
                dts,
                pts: dts + (pts - dts.rem_euclid(TURN)).rem_euclid(TURN),
                content: slices(&units),
            });
            return;
        }
        let frames = adts(&payload);
        assert!(!frames.is_empty(), "audio is ADTS");
        let rate = RATES[usize::from(payload[2] >> 2 & 0x0f)];
        note(&mut self.layouts, (rate, (payload[2] & 1) << 2 | payload[3] >> 6));
        let dts = unwrapped(dts, self.audio.last());
        for (index, frame) in frames.into_iter().enumerate() {
            let dts = dts + index as i64 * 1024 * 90_000 / rate;
            self.audio.push(Unit {
                dts,
                pts: dts,
                content: vec![frame],
            });
        }
    }
}

/// Adds what is not the same as the last.
fn note<T: PartialEq>(all: &mut Vec<T>, new: T) {
    if all.last() != Some(&new) {
        all.push(new);
    }
}

/// Times go on where 33 bits begin again.
fn unwrapped(dts: i64, last: Option<&Unit>) -> i64 {
    let Some(last) = last else { return dts };
    let way = (dts - last.dts).rem_euclid(TURN);
    last.dts + if way > TURN / 2 { way - TURN } else { way }
}

/// ISO/IEC 14496-3, 1.6.3.4.
const RATES: [i64; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
