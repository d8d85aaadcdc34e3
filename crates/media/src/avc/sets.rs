//! The parameter sets in force.

use std::ops::Range;

use h264_reader::rbsp::BitRead;

use super::{AvcConfig, Error, Sps, rbsp};
use crate::Limits;

/// The sequence and picture parameter sets a decoder needs now, and what stands before a picture because of them.
///
/// A set replaces the one with its number. They are kept behind an access unit delimiter in one buffer, in the order
/// in which they are sent: so a picture's head is a view, not a copy.
#[derive(Clone, Debug)]
pub(crate) struct ParameterSets {
    sequence: Vec<Set>,
    picture: Vec<Set>,
    /// Delimiter, sequence sets, picture sets.
    head: Vec<u8>,
    head_units: Vec<Range<usize>>,
    bytes_max: usize,
    count_max: usize,
}

/// What a parameter set has changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// It is the one in force.
    Nothing,
    /// A picture parameter set.
    Picture,
    /// A sequence parameter set.
    Sequence(Sps),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    id: u8,
    unit: Vec<u8>,
}

impl ParameterSets {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut sets = Self {
            sequence: Vec::new(),
            picture: Vec::new(),
            head: Vec::new(),
            head_units: Vec::new(),
            bytes_max: limits.parameter_set_bytes,
            count_max: limits.parameter_sets,
        };
        sets.rebuild_head();
        sets
    }

    /// Takes the sets of a sequence header in place of all others; `None` when they are those in force, or none.
    pub(crate) fn replace(&mut self, config: &AvcConfig<'_>) -> Result<Option<Sps>, Error> {
        let mut fresh = Self {
            sequence: Vec::new(),
            picture: Vec::new(),
            ..self.clone()
        };
        let mut facts = None;
        for unit in config.sequence_parameter_sets() {
            if let Change::Sequence(sps) = fresh.take_sequence(unit)? {
                facts = facts.or(Some(sps));
            }
        }
        for unit in config.picture_parameter_sets() {
            fresh.take_picture(unit)?;
        }
        if facts.is_some() && (&fresh.sequence, &fresh.picture) == (&self.sequence, &self.picture) {
            return Ok(None);
        }
        if facts.is_some() {
            *self = fresh;
        }
        Ok(facts)
    }

    /// Takes a NAL unit of type 7.
    pub(crate) fn take_sequence(&mut self, unit: &[u8]) -> Result<Change, Error> {
        if self.sequence.iter().any(|set| set.unit == unit) {
            return Ok(Change::Nothing);
        }
        self.check_length(unit)?;
        let sps = Sps::parse(unit)?;
        put(&mut self.sequence, sps.id, unit, self.count_max)?;
        self.rebuild_head();
        Ok(Change::Sequence(sps))
    }

    /// Takes a NAL unit of type 8.
    pub(crate) fn take_picture(&mut self, unit: &[u8]) -> Result<Change, Error> {
        if self.picture.iter().any(|set| set.unit == unit) {
            return Ok(Change::Nothing);
        }
        self.check_length(unit)?;
        let id = rbsp(unit)
            .read_ue("pic_parameter_set_id")
            .map_err(|error| Error::Pps(format!("{error:?}")))?;
        let id = u8::try_from(id).map_err(|_| Error::Pps(format!("number {id}")))?;
        put(&mut self.picture, id, unit, self.count_max)?;
        self.rebuild_head();
        Ok(Change::Picture)
    }

    /// The buffer and, in it, the units to put before a picture: a delimiter, and all sets where asked for.
    pub(crate) fn head(&self, with_sets: bool) -> (&[u8], &[Range<usize>]) {
        let count = if with_sets { self.head_units.len() } else { 1 };
        (&self.head, &self.head_units[..count])
    }

    fn check_length(&self, unit: &[u8]) -> Result<(), Error> {
        if unit.len() > self.bytes_max {
            return Err(Error::ParameterSetLength {
                length: unit.len(),
                limit: self.bytes_max,
            });
        }
        Ok(())
    }

    fn rebuild_head(&mut self) {
        self.head.clear();
        self.head_units.clear();
        let sets = self.sequence.iter().chain(&self.picture).map(|set| &set.unit[..]);
        for unit in std::iter::once(&DELIMITER[..]).chain(sets) {
            self.head_units.push(self.head.len()..self.head.len() + unit.len());
            self.head.extend_from_slice(unit);
        }
    }
}

fn put(sets: &mut Vec<Set>, id: u8, unit: &[u8], limit: usize) -> Result<(), Error> {
    if let Some(set) = sets.iter_mut().find(|set| set.id == id) {
        set.unit = unit.to_vec();
    } else if sets.len() < limit {
        let unit = unit.to_vec();
        sets.push(Set { id, unit });
    } else {
        return Err(Error::ParameterSets { limit });
    }
    Ok(())
}

/// An access unit delimiter that allows every slice type (`primary_pic_type` 7; ITU-T H.264, 7.3.2.4).
const DELIMITER: [u8; 2] = [0x09, 0xF0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avc::testing::{BASELINE_360, BASELINE_PPS, HIGH_1080, PPS, record, unhex};

    fn sets() -> ParameterSets {
        ParameterSets::new(&Limits::default())
    }

    fn head(sets: &ParameterSets) -> Vec<Vec<u8>> {
        let (bytes, units) = sets.head(true);
        units.iter().map(|unit| bytes[unit.clone()].to_vec()).collect()
    }

    #[test]
    fn head_begins_with_one_delimiter() {
        let mut sets = sets();
        let (sps, pps) = (unhex(HIGH_1080), unhex(PPS));
        assert!(
            sets.replace(&AvcConfig::parse(&record(&sps, &pps)).unwrap())
                .unwrap()
                .is_some()
        );
        assert_eq!(head(&sets), [DELIMITER.to_vec(), sps, pps]);
        let (bytes, units) = sets.head(false);
        assert_eq!((units.len(), &bytes[units[0].clone()]), (1, &DELIMITER[..]));
    }

    #[test]
    fn the_same_sets_change_nothing() {
        let (sps, pps) = (unhex(HIGH_1080), unhex(PPS));
        let record = record(&sps, &pps);
        let config = AvcConfig::parse(&record).unwrap();
        let mut sets = sets();
        assert!(sets.replace(&config).unwrap().is_some());
        assert_eq!(sets.replace(&config), Ok(None));
        assert_eq!(sets.take_sequence(&sps), Ok(Change::Nothing));
        assert_eq!(sets.take_picture(&pps), Ok(Change::Nothing));
    }

    #[test]
    fn a_set_replaces_the_one_with_its_number() {
        let mut sets = sets();
        sets.take_sequence(&unhex(HIGH_1080)).unwrap();
        sets.take_picture(&unhex(PPS)).unwrap();
        assert!(matches!(sets.take_sequence(&unhex(BASELINE_360)), Ok(Change::Sequence(sps)) if sps.height == 360));
        assert_eq!(sets.take_picture(&unhex(BASELINE_PPS)), Ok(Change::Picture));
        assert_eq!(head(&sets)[1..], [unhex(BASELINE_360), unhex(BASELINE_PPS)]);
    }

    #[test]
    fn refuses_longer_sets_than_the_limit() {
        let mut sets = sets();
        let limit = Limits::default().parameter_set_bytes;
        let mut pps = unhex(PPS);
        pps.resize(limit, 1);
        assert_eq!(sets.take_picture(&pps), Ok(Change::Picture));
        pps.push(1);
        assert_eq!(
            sets.take_picture(&pps),
            Err(Error::ParameterSetLength {
                length: limit + 1,
                limit
            })
        );
    }

    #[test]
    fn refuses_more_sets_than_the_limit() {
        let mut sets = sets();
        let limit = Limits::default().parameter_sets;
        // Numbers 31 to 62 in Exp-Golomb: five zero bits, then the successor in six.
        let pps = |id: u16| [&[0x68][..], &((id + 32) << 5).to_be_bytes(), &[0x80]].concat();
        for id in 0..limit as u16 {
            assert_eq!(sets.take_picture(&pps(id)), Ok(Change::Picture));
        }
        assert_eq!(
            sets.take_picture(&pps(limit as u16)),
            Err(Error::ParameterSets { limit })
        );
    }
}
