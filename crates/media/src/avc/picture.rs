//! A picture's NAL units, put in order.

use std::io::Read;
use std::ops::Range;

use h264_reader::rbsp::{BitRead, BitReader, ByteReader};

use super::nal::{Framing, NalKind, begins_with_start_code};
use super::{AvcConfig, Change, Error, ParameterSets, Sps, rbsp};
use crate::{Fault, Limits, NalUnits, VideoTrack};

/// Reads the pictures of one H.264 track.
///
/// Delimiters and filler are left out, and so are parameter sets: those go into the [`ParameterSets`], which stand
/// before the next picture when that brought some, and before every random access picture.
pub(crate) struct PictureReader {
    limits: Limits,
    framing: Framing,
    sets: ParameterSets,
    /// The sequence header taken last, as it was.
    record: Vec<u8>,
    track: Option<VideoTrack>,
    /// Where the units to keep are in the picture read last; reused.
    units: Vec<Range<usize>>,
    /// Parameter sets that the decoder may not have seen yet go before the next picture.
    sets_due: bool,
}

/// What has been found out of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Decodable from here.
    ///
    /// An IDR picture is; so is one whose recovery point SEI promises exactness from the picture itself (x264's open
    /// GOP), and one that the tag flags as keyframe and that has no slices but I and SI. The pictures which follow an
    /// open GOP's first in decoding order and come before it in presentation are then of no use, as on any broadcast.
    pub(crate) random_access: bool,
    /// Whether the parameter sets stand before it.
    with_sets: bool,
}

impl PictureReader {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            framing: Framing::StartCodes,
            sets: ParameterSets::new(limits),
            record: Vec::new(),
            track: None,
            units: Vec::new(),
            sets_due: false,
        }
    }

    /// Takes a sequence header. True when it changes the track; an empty one and a repeated one do not.
    pub(crate) fn configure(&mut self, record: &[u8]) -> Result<bool, Error> {
        if self.knows(record) {
            return Ok(false);
        }
        let limit = 2 * self.limits.parameter_sets * self.limits.parameter_set_bytes;
        if record.len() > limit {
            let length = record.len();
            return Err(Error::SequenceHeaderLength { length, limit });
        }
        self.record.clear();
        self.record.extend_from_slice(record);
        if begins_with_start_code(record) {
            return self.configure_from_start_codes(record);
        }
        let config = AvcConfig::parse(record)?;
        if config.sequence_parameter_sets().is_empty() {
            return Ok(false);
        }
        let sps = self.sets.replace(&config)?;
        self.framing = Framing::Lengths(config.nal_length_size);
        let Some(sps) = sps else { return Ok(false) };
        self.sets_due = true;
        let generation = self.track.as_ref().map_or(0, |track| track.generation + 1);
        self.track = Some(VideoTrack::new(&sps, generation));
        Ok(true)
    }

    /// Reads a picture; `None` when the tag held parameter sets alone.
    ///
    /// Parameter sets within are taken first; `true` with the picture tells that they have changed the track. What is
    /// wrong with one of them is told through `fault`.
    pub(crate) fn read(
        &mut self,
        data: &[u8],
        keyframe: bool,
        fault: &mut dyn FnMut(Fault),
    ) -> Result<(Option<Picture>, bool), Fault> {
        let mut units = std::mem::take(&mut self.units);
        let read = self.read_into(&mut units, data, keyframe, fault);
        self.units = units;
        read
    }

    /// The units of the picture read last, from the same `data`.
    pub(crate) fn units<'a>(&'a self, data: &'a [u8], picture: Picture) -> NalUnits<'a> {
        let (head, head_units) = self.sets.head(picture.with_sets);
        NalUnits::with_head(head, head_units, data, &self.units)
    }

    /// Whether a sequence header is empty, or the one taken last: nothing would change.
    pub(crate) fn knows(&self, record: &[u8]) -> bool {
        record.is_empty() || record == self.record
    }

    /// The picture read last will be read again: what stood before it has not been sent.
    pub(crate) fn put_back(&mut self) {
        self.sets_due = true;
    }

    /// The track, once its parameter sets are known.
    pub(crate) fn track(&self) -> Option<&VideoTrack> {
        self.track.as_ref()
    }

    fn read_into(
        &mut self,
        units: &mut Vec<Range<usize>>,
        data: &[u8],
        keyframe: bool,
        fault: &mut dyn FnMut(Fault),
    ) -> Result<(Option<Picture>, bool), Fault> {
        self.framing.split(data, self.limits.nal_units, units)?;
        let (mut slices, mut idr, mut sets, mut changed) = (false, false, false, false);
        for unit in units.iter().map(|unit| &data[unit.clone()]) {
            match NalKind::of(unit[0]) {
                kind @ (NalKind::Sps | NalKind::Pps) => {
                    sets = true;
                    match self.take_set(kind, unit) {
                        Ok(change) => changed |= change,
                        Err(error) => fault(error.into()),
                    }
                }
                NalKind::IdrSlice => (slices, idr) = (true, true),
                NalKind::Slice => slices = true,
                NalKind::Sei | NalKind::Delimiter | NalKind::Filler | NalKind::Other => {}
            }
        }
        self.sets_due |= sets;
        if self.track.is_none() {
            return Err(Fault::BeforeSequenceHeader {
                kind: crate::Kind::Video,
            });
        }
        if !slices {
            return if sets {
                Ok((None, changed))
            } else {
                Err(Fault::NoSlices)
            };
        }
        units.retain(|unit| is_kept(NalKind::of(data[unit.start])));
        let units = || units.iter().map(|unit| &data[unit.clone()]);
        let random_access = idr
            || units().any(|unit| self.is_exact_recovery_point(unit))
            || keyframe
                && units()
                    .filter(|unit| NalKind::of(unit[0]) == NalKind::Slice)
                    .all(is_intra_slice);
        let with_sets = random_access || self.sets_due;
        self.sets_due = false;
        Ok((
            Some(Picture {
                random_access,
                with_sets,
            }),
            changed,
        ))
    }

    fn take_set(&mut self, kind: NalKind, unit: &[u8]) -> Result<bool, Error> {
        let change = if kind == NalKind::Sps {
            self.sets.take_sequence(unit)
        } else {
            self.sets.take_picture(unit)
        };
        let Change::Sequence(sps) = change? else {
            return Ok(false);
        };
        let track = VideoTrack::new(&sps, self.track.as_ref().map_or(0, |track| track.generation));
        let changed = self.track.as_ref() != Some(&track);
        self.track = Some(track);
        Ok(changed)
    }

    fn configure_from_start_codes(&mut self, data: &[u8]) -> Result<bool, Error> {
        let mut units = Vec::new();
        if Framing::StartCodes
            .split(data, self.limits.nal_units, &mut units)
            .is_err()
        {
            return Err(Error::ParameterSets {
                limit: self.limits.nal_units,
            });
        }
        self.framing = Framing::StartCodes;
        let mut changed = false;
        for unit in units.iter().map(|unit| &data[unit.clone()]) {
            if let kind @ (NalKind::Sps | NalKind::Pps) = NalKind::of(unit[0]) {
                changed |= self.take_set(kind, unit)?;
            }
        }
        self.sets_due = true;
        Ok(changed)
    }

    /// Whether a unit is SEI with a recovery point that is the picture itself, exactly (ITU-T H.264, D.2.8).
    fn is_exact_recovery_point(&self, unit: &[u8]) -> bool {
        NalKind::of(unit[0]) == NalKind::Sei
            && recovery_point(&unit[..unit.len().min(self.limits.sei_bytes)]) == Some((0, true))
    }
}

impl VideoTrack {
    fn new(sps: &Sps, generation: u32) -> Self {
        Self {
            width: sps.width,
            height: sps.height,
            frame_rate: sps.frame_rate,
            profile_idc: sps.profile_idc,
            level_idc: sps.level_idc,
            generation,
        }
    }
}

fn is_kept(kind: NalKind) -> bool {
    match kind {
        NalKind::Slice | NalKind::IdrSlice | NalKind::Sei | NalKind::Other => true,
        NalKind::Sps | NalKind::Pps | NalKind::Delimiter | NalKind::Filler => false,
    }
}

/// Whether a slice is of type I or SI (ITU-T H.264, table 7-6).
fn is_intra_slice(unit: &[u8]) -> bool {
    let mut header = rbsp(unit);
    let slice_type = header
        .read_ue("first_mb_in_slice")
        .and_then(|_| header.read_ue("slice_type"));
    matches!(slice_type, Ok(2 | 4 | 7 | 9))
}

/// `recovery_frame_cnt` and `exact_match_flag` of a unit's recovery point SEI message, if it has one.
fn recovery_point(unit: &[u8]) -> Option<(u32, bool)> {
    let mut bytes = ByteReader::skipping_h264_header(unit);
    loop {
        let payload_type = sei_number(&mut bytes)?;
        let size = sei_number(&mut bytes)?;
        if payload_type == RECOVERY_POINT {
            let mut payload = [0; 8];
            let payload = &mut payload[..size.min(8)];
            bytes.read_exact(payload).ok()?;
            let mut payload = BitReader::new(&payload[..]);
            let frames = payload.read_ue("recovery_frame_cnt").ok()?;
            return Some((frames, payload.read_bit("exact_match_flag").ok()?));
        }
        for _ in 0..size {
            byte(&mut bytes)?;
        }
    }
}

/// A payload type or size: 255 is added for each 0xFF (ITU-T H.264, 7.3.2.3.1).
fn sei_number(bytes: &mut impl Read) -> Option<usize> {
    let mut number = 0;
    loop {
        let byte = byte(bytes)?;
        number += usize::from(byte);
        if byte != 0xFF {
            return Some(number);
        }
    }
}

fn byte(bytes: &mut impl Read) -> Option<u8> {
    let mut byte = [0];
    bytes.read_exact(&mut byte).ok()?;
    Some(byte[0])
}

/// Payload type of the recovery point SEI message.
const RECOVERY_POINT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avc::testing::{BASELINE_360, BASELINE_PPS, HIGH_1080, PPS, coded, record, unhex};

    const AUD: &[u8] = &[0x09, 0xF0];
    const IDR: &[u8] = &[0x65, 0x88, 0x84];
    /// `first_mb_in_slice` 0, `slice_type` 5 (P).
    const P_SLICE: &[u8] = &[0x41, 0x9A, 0x20];
    /// `first_mb_in_slice` 0, `slice_type` 7 (I).
    const I_SLICE: &[u8] = &[0x41, 0x88, 0x80];
    const SEI: &[u8] = &[0x06, 0x05, 0x01, 0xAA, 0x80];
    /// User data, then a recovery point at 0 frames, exact.
    const RECOVERY_POINT_NOW: &[u8] = &[0x06, 0x05, 0x01, 0xAA, 0x06, 0x01, 0xC4, 0x80];
    /// At 24 frames: an intra refresh begins.
    const RECOVERY_POINT_LATER: &[u8] = &[0x06, 0x06, 0x02, 0x0C, 0xC8, 0x80];

    fn configured() -> PictureReader {
        let mut reader = PictureReader::new(&Limits::default());
        assert_eq!(reader.configure(&record(&unhex(HIGH_1080), &unhex(PPS))), Ok(true));
        reader.sets_due = false;
        reader
    }

    /// Reads a picture, expects its units and whether it is a random access point.
    #[track_caller]
    fn check(reader: &mut PictureReader, keyframe: bool, units: &[&[u8]], random_access: bool, expected: &[&[u8]]) {
        let data = coded(units);
        let (picture, _) = reader.read(&data, keyframe, &mut |fault| panic!("{fault}")).unwrap();
        let picture = picture.unwrap();
        assert_eq!(reader.units(&data, picture).iter().collect::<Vec<_>>(), expected);
        assert_eq!(picture.random_access, random_access);
    }

    #[test]
    fn exactly_one_delimiter_begins_a_picture() {
        let mut reader = configured();
        for units in [
            &[P_SLICE][..],
            &[AUD, P_SLICE],
            &[P_SLICE, AUD],
            &[AUD, AUD, P_SLICE],
            &[&[0x09, 0x10], P_SLICE],
        ] {
            check(&mut reader, false, units, false, &[AUD, P_SLICE]);
        }
    }

    #[test]
    fn parameter_sets_stand_before_an_idr_picture() {
        let (mut reader, sps, pps) = (configured(), unhex(HIGH_1080), unhex(PPS));
        for units in [&[IDR, IDR][..], &[&sps, &pps, IDR, IDR], &[AUD, &pps, &sps, IDR, IDR]] {
            check(&mut reader, true, units, true, &[AUD, &sps, &pps, IDR, IDR]);
        }
    }

    #[test]
    fn drops_filler_and_keeps_sei_and_end_of_sequence() {
        let units = [
            &[0x0C, 0xFF, 0x80][..],
            SEI,
            P_SLICE,
            &[0x0C, 0xFF, 0xFF, 0x80],
            &[0x0A],
        ];
        check(&mut configured(), false, &units, false, &[AUD, SEI, P_SLICE, &[0x0A]]);
    }

    #[test]
    fn random_access_is_where_decoding_can_begin() {
        let (sps, pps) = (unhex(HIGH_1080), unhex(PPS));
        let table: [(&str, bool, &[&[u8]], bool); 7] = [
            ("an IDR picture not flagged", false, &[IDR], true),
            (
                "a recovery point that is exact at once",
                false,
                &[RECOVERY_POINT_NOW, I_SLICE],
                true,
            ),
            (
                "a recovery point that lies ahead",
                true,
                &[RECOVERY_POINT_LATER, P_SLICE],
                false,
            ),
            ("a flagged picture of I slices", true, &[I_SLICE, I_SLICE], true),
            ("a flagged picture with a P slice", true, &[I_SLICE, P_SLICE], false),
            ("an I picture not flagged", false, &[I_SLICE], false),
            ("a P picture", false, &[P_SLICE], false),
        ];
        for (name, keyframe, units, random_access) in table {
            println!("{name}");
            let head: &[&[u8]] = if random_access { &[AUD, &sps, &pps] } else { &[AUD] };
            check(
                &mut configured(),
                keyframe,
                units,
                random_access,
                &[head, units].concat(),
            );
        }
    }

    #[test]
    fn in_band_sets_that_differ_win_over_the_sequence_header() {
        let (mut reader, sps, pps) = (configured(), unhex(BASELINE_360), unhex(BASELINE_PPS));
        let data = coded(&[&sps, &pps, IDR]);
        let (picture, changed) = reader.read(&data, true, &mut |fault| panic!("{fault}")).unwrap();
        assert!(picture.is_some() && changed);
        assert_eq!(reader.track().unwrap().height, 360);
        assert_eq!(
            reader.configure(&record(&unhex(HIGH_1080), &unhex(PPS))),
            Ok(false),
            "a repeat is no news"
        );
        check(&mut reader, true, &[IDR], true, &[AUD, &sps, &pps, IDR]);
    }

    #[test]
    fn sets_in_a_tag_of_their_own_go_before_the_next_picture() {
        let (mut reader, sps, pps) = (configured(), unhex(BASELINE_360), unhex(BASELINE_PPS));
        let read = reader.read(&coded(&[&sps, &pps]), false, &mut |fault| panic!("{fault}"));
        assert_eq!(read, Ok((None, true)));
        check(&mut reader, false, &[P_SLICE], false, &[AUD, &sps, &pps, P_SLICE]);
        check(&mut reader, false, &[P_SLICE], false, &[AUD, P_SLICE]);
    }

    #[test]
    fn a_sequence_header_counts_when_it_differs() {
        let mut reader = configured();
        let (first, second) = (
            record(&unhex(HIGH_1080), &unhex(PPS)),
            record(&unhex(BASELINE_360), &unhex(BASELINE_PPS)),
        );
        for (record, changed, generation) in [
            (&first[..], false, 0),
            (&[][..], false, 0),
            (&second, true, 1),
            (&second, false, 1),
            (&first, true, 2),
        ] {
            assert_eq!(reader.configure(record), Ok(changed));
            assert_eq!(reader.track().unwrap().generation, generation);
        }
    }

    #[test]
    fn refuses_a_longer_sequence_header_than_the_limit() {
        let limit = 2 * 16 * 1_024;
        let mut record = record(&unhex(HIGH_1080), &unhex(PPS));
        record.resize(limit, 0);
        let mut reader = PictureReader::new(&Limits::default());
        assert_eq!(reader.configure(&record), Ok(true));
        record.push(0);
        let length = limit + 1;
        assert_eq!(
            reader.configure(&record),
            Err(Error::SequenceHeaderLength { length, limit })
        );
    }

    #[test]
    fn a_recovery_point_is_searched_for_up_to_the_limit() {
        // Four bytes of header and sizes, the user data, and four bytes of recovery point.
        let limit = Limits::default().sei_bytes;
        for (user_data, random_access) in [(limit - 4 - 4 - 4, true), (limit, false)] {
            let sizes = [vec![0xFF; user_data / 255], vec![(user_data % 255) as u8]].concat();
            let sei = [
                &[0x06, 0x05][..],
                &sizes,
                &vec![0xAA; user_data],
                &[0x06, 0x01, 0xC4, 0x80],
            ]
            .concat();
            let data = coded(&[&sei, I_SLICE]);
            let (picture, _) = configured().read(&data, false, &mut |fault| panic!("{fault}")).unwrap();
            assert_eq!(picture.unwrap().random_access, random_access);
        }
    }

    #[test]
    fn a_sequence_header_of_start_codes_is_read() {
        let mut reader = PictureReader::new(&Limits::default());
        let (sps, pps) = (unhex(HIGH_1080), unhex(PPS));
        let units = [&[0, 0, 0, 1][..], &sps, &[0, 0, 0, 1], &pps].concat();
        assert_eq!(reader.configure(&units), Ok(true));
        let data = [&[0, 0, 0, 1][..], IDR].concat();
        let (picture, _) = reader.read(&data, true, &mut |fault| panic!("{fault}")).unwrap();
        assert_eq!(
            reader.units(&data, picture.unwrap()).iter().collect::<Vec<_>>(),
            [AUD, &sps, &pps, IDR]
        );
    }

    #[test]
    fn a_damaged_set_is_a_fault_and_the_picture_lives() {
        let mut reader = configured();
        let mut faults = Vec::new();
        let data = coded(&[&[0x67, 100], IDR]);
        let (picture, changed) = reader.read(&data, true, &mut |fault| faults.push(fault)).unwrap();
        assert!(picture.is_some() && !changed);
        assert!(matches!(faults[..], [Fault::AvcConfig(Error::Sps(_))]));
    }

    #[test]
    fn a_picture_without_slices_is_a_fault() {
        let mut reader = configured();
        for units in [&[][..], &[AUD], &[SEI]] {
            assert_eq!(reader.read(&coded(units), false, &mut |_| ()), Err(Fault::NoSlices));
        }
    }
}
