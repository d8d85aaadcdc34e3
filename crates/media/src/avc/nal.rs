//! NAL units within coded data.

use std::ops::Range;

use crate::Fault;

/// `nal_unit_type` (ITU-T H.264, table 7-1), as far as units are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NalKind {
    /// A slice of a picture that others may need to decode (1 to 4).
    Slice,
    /// A slice of an IDR picture (5).
    IdrSlice,
    /// Supplemental enhancement information (6).
    Sei,
    /// A sequence parameter set (7).
    Sps,
    /// A picture parameter set (8).
    Pps,
    /// An access unit delimiter (9).
    Delimiter,
    /// Filler data (12).
    Filler,
    /// Anything else: kept where it stands.
    Other,
}

impl NalKind {
    pub(super) fn of(header: u8) -> Self {
        match header & 0x1F {
            1..=4 => Self::Slice,
            5 => Self::IdrSlice,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::Delimiter,
            12 => Self::Filler,
            _ => Self::Other,
        }
    }
}

/// How NAL units are told apart within coded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each behind its length, in this many bytes (AVCC; ISO/IEC 14496-15, 5.3.2).
    Lengths(usize),
    /// Each behind a start code (ITU-T H.264, Annex B).
    StartCodes,
}

impl Framing {
    /// Finds the units of `data`, empty ones left out.
    ///
    /// Start codes are taken for such where lengths lead nowhere: some encoders put Annex B into FLV.
    pub(super) fn split(self, data: &[u8], limit: usize, units: &mut Vec<Range<usize>>) -> Result<(), Fault> {
        units.clear();
        match self {
            Self::StartCodes => split_start_codes(data, limit, units),
            Self::Lengths(size) => match split_lengths(data, size, limit, units) {
                Err(Fault::NalUnitTruncated { .. }) if begins_with_start_code(data) => {
                    units.clear();
                    split_start_codes(data, limit, units)
                }
                done => done,
            },
        }
    }
}

/// Whether coded data is of Annex B: a length there would be of one byte, or of 256 to 511.
pub(super) fn begins_with_start_code(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

fn split_lengths(data: &[u8], size: usize, limit: usize, units: &mut Vec<Range<usize>>) -> Result<(), Fault> {
    let mut at = 0;
    while at < data.len() {
        let start = at + size;
        let length = match data.get(at..start) {
            Some(bytes) => bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            // Padding of a byte or two after the last unit.
            None if data[at..].iter().all(|&byte| byte == 0) => return Ok(()),
            None => {
                return Err(Fault::NalUnitTruncated {
                    at,
                    length: size,
                    left: data.len() - at,
                });
            }
        };
        let left = data.len() - start;
        if length > left {
            return Err(Fault::NalUnitTruncated { at, length, left });
        }
        push(start..start + length, limit, units)?;
        at = start + length;
    }
    Ok(())
}

fn split_start_codes(data: &[u8], limit: usize, units: &mut Vec<Range<usize>>) -> Result<(), Fault> {
    let mut start = None;
    let mut at = 0;
    while let Some(code) = data[at..].windows(3).position(|window| window == [0, 0, 1]) {
        let code = at + code;
        if let Some(start) = start {
            push(start..trim(data, start, code), limit, units)?;
        }
        at = code + 3;
        start = Some(at);
    }
    match start {
        Some(start) => push(start..trim(data, start, data.len()), limit, units),
        None => Ok(()),
    }
}

/// The end of the unit at `start..end` without zero bytes: a unit never ends in one, a start code may begin with one.
fn trim(data: &[u8], start: usize, end: usize) -> usize {
    data[start..end]
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(start, |last| start + last + 1)
}

fn push(unit: Range<usize>, limit: usize, units: &mut Vec<Range<usize>>) -> Result<(), Fault> {
    if unit.is_empty() {
        return Ok(());
    }
    if units.len() == limit {
        return Err(Fault::NalUnits { limit });
    }
    units.push(unit);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 8;

    fn lengths(size: usize, units: &[&[u8]]) -> Vec<u8> {
        units
            .iter()
            .flat_map(|unit| [&(unit.len() as u32).to_be_bytes()[4 - size..], unit].concat())
            .collect()
    }

    fn start_codes(units: &[&[u8]]) -> Vec<u8> {
        units
            .iter()
            .enumerate()
            .flat_map(|(at, unit)| [if at % 2 == 0 { &[0, 0, 0, 1][..] } else { &[0, 0, 1] }, unit].concat())
            .collect()
    }

    #[track_caller]
    fn check(framing: Framing, data: &[u8], expected: Result<&[&[u8]], Fault>) {
        let mut units = Vec::from([5..6, 6..7]);
        let done = framing.split(data, LIMIT, &mut units);
        let found = done.map(|()| units.iter().map(|unit| &data[unit.clone()]).collect::<Vec<_>>());
        assert_eq!(found, expected.map(<[_]>::to_vec));
    }

    const UNITS: [&[u8]; 3] = [&[0x67, 1, 2], &[0x68, 3], &[0x65, 0, 0, 3, 1]];

    #[test]
    fn reads_lengths_of_every_size() {
        for size in [1, 2, 4] {
            check(Framing::Lengths(size), &lengths(size, &UNITS), Ok(&UNITS));
        }
    }

    #[test]
    fn reads_annex_b_inside_flv() {
        for framing in [Framing::StartCodes, Framing::Lengths(4), Framing::Lengths(2)] {
            check(framing, &start_codes(&UNITS), Ok(&UNITS));
        }
    }

    #[test]
    fn a_length_that_looks_like_a_start_code_is_a_length() {
        let unit = [0x65; 0x1F0];
        check(Framing::Lengths(4), &lengths(4, &[&unit]), Ok(&[&unit]));
    }

    #[test]
    fn leaves_out_empty_units_and_padding() {
        check(
            Framing::Lengths(4),
            &[0, 0, 0, 0, 0, 0, 0, 1, 0x65, 0, 0],
            Ok(&[&[0x65]]),
        );
        check(
            Framing::StartCodes,
            &[0, 0, 1, 0, 0, 1, 0x65, 7, 0, 0, 0],
            Ok(&[&[0x65, 7]]),
        );
    }

    #[test]
    fn tells_where_a_unit_is_truncated() {
        let data = [0, 0, 0, 2, 0x65, 1, 0, 0, 0, 9, 0x41, 1];
        check(
            Framing::Lengths(4),
            &data,
            Err(Fault::NalUnitTruncated {
                at: 6,
                length: 9,
                left: 2,
            }),
        );
        let data = [0, 0, 0, 2, 0x65, 1, 0, 0, 7];
        check(
            Framing::Lengths(4),
            &data,
            Err(Fault::NalUnitTruncated {
                at: 6,
                length: 4,
                left: 3,
            }),
        );
    }

    #[test]
    fn refuses_more_units_than_the_limit() {
        let units = vec![&[0x41u8, 1][..]; LIMIT + 1];
        check(Framing::Lengths(1), &lengths(1, &units[..LIMIT]), Ok(&units[..LIMIT]));
        for data in [lengths(1, &units), start_codes(&units)] {
            let framing = if data[0] == 0 {
                Framing::StartCodes
            } else {
                Framing::Lengths(1)
            };
            check(framing, &data, Err(Fault::NalUnits { limit: LIMIT }));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_inside(size in 1usize..=4, data in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..200)) {
            for framing in [Framing::Lengths(size), Framing::StartCodes] {
                let mut units = Vec::new();
                let _ = framing.split(&data, LIMIT, &mut units);
                prop_assert!(units.len() <= LIMIT);
                prop_assert!(units.iter().all(|unit| !data[unit.clone()].is_empty()));
            }
        }

        #[test]
        fn splits_what_was_joined(units in proptest::collection::vec(proptest::collection::vec(1u8.., 1..40), 1..LIMIT)) {
            let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
            check(Framing::Lengths(4), &lengths(4, &units), Ok(&units));
            check(Framing::StartCodes, &start_codes(&units), Ok(&units));
        }
    }
}
