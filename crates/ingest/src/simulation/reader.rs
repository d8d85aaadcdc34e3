use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;

use alluvium_catalog::{SegmentRecord, SessionId};
use alluvium_oss::{ObjectKey, UnixTime};
use alluvium_store::crc64;

use super::media::{Kind, Unit, units};
use super::world::World;

/// A player that sees every state of the playlist, and remembers all of them.
#[derive(Debug, Default)]
pub(super) struct Reader {
    entries: BTreeMap<u64, Entry>,
    /// EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE.
    counted: (u64, u64),
    /// The sequence behind the last segment.
    end: u64,
    /// The last EXT-X-TARGETDURATION, and whose.
    target_duration_s: Option<(SessionId, u64)>,
}

/// What a playlist has told of a segment.
#[derive(Clone)]
pub(super) struct Entry {
    uri: String,
    duration: String,
    pub(super) discontinuity: bool,
    discontinuity_sequence: u64,
    /// Where it was told.
    date: Option<String>,
    pub(super) record: SegmentRecord,
    pub(super) units: Vec<Unit>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, date, record, .. } = self;
        write!(
            formatter,
            "{uri} {date:?} {record:?} {:?}..{:?}",
            self.units.first(),
            self.units.last()
        )
    }
}

#[derive(Debug, Default)]
struct Playlist<'a> {
    counted: (u64, u64),
    target_duration_s: u64,
    entries: Vec<Line<'a>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Line<'a> {
    uri: &'a str,
    duration: &'a str,
    discontinuity: bool,
    date: Option<&'a str>,
}

impl Reader {
    /// Looks at a playlist that was put just now.
    pub(super) fn look(&mut self, text: &str, world: &World) -> Result<(), String> {
        let playlist = Playlist::read(text)?;
        let before = self.counted;
        if playlist.counted.0 < before.0 || playlist.counted.1 < before.1 {
            return Err(format!("{:?} after {before:?}", playlist.counted));
        }
        self.counted = playlist.counted;
        let (mut sequence, mut discontinuity_sequence) = playlist.counted;
        for line in &playlist.entries {
            discontinuity_sequence += u64::from(line.discontinuity);
            self.see(sequence, discontinuity_sequence, line, world)
                .map_err(|wrong| format!("segment {sequence}, {}: {wrong}", line.uri))?;
            sequence += 1;
        }
        if sequence < self.end {
            return Err(format!("ends at {sequence} after {}", self.end));
        }
        self.end = sequence;
        self.see_target_duration(&playlist, sequence)
    }

    fn see(
        &mut self,
        sequence: u64,
        discontinuity_sequence: u64,
        line: &Line<'_>,
        world: &World,
    ) -> Result<(), String> {
        let same = |entry: &Entry| {
            entry.uri == line.uri
                && entry.duration == line.duration
                && entry.discontinuity == line.discontinuity
                && entry.discontinuity_sequence == discontinuity_sequence
                && (entry.date.is_none() || line.date.is_none() || entry.date.as_deref() == line.date)
        };
        match self.entries.entry(sequence) {
            btree_map::Entry::Occupied(mut known) => {
                if !same(known.get()) {
                    return Err(format!("{line:?} was {:?}", known.get()));
                }
                let known = known.get_mut();
                known.date = known.date.take().or(line.date.map(str::to_owned));
            }
            btree_map::Entry::Vacant(new) => {
                let (record, units) = find(line, sequence, world)?;
                new.insert(Entry {
                    uri: line.uri.to_owned(),
                    duration: line.duration.to_owned(),
                    discontinuity: line.discontinuity,
                    discontinuity_sequence,
                    date: line.date.map(str::to_owned),
                    record,
                    units,
                });
            }
        }
        self.is_in_order_around(sequence)
    }

    fn is_in_order_around(&self, sequence: u64) -> Result<(), String> {
        let around = sequence.saturating_sub(1)..=sequence + 1;
        let around: Vec<_> = self.entries.range(around).map(|(_, entry)| entry).collect();
        let rises = |pair: &[&Entry]| {
            let [a, b] = pair else { return false };
            a.uri < b.uri
                && a.discontinuity_sequence <= b.discontinuity_sequence
                && a.record.program_date_time <= b.record.program_date_time
                && (a.date.is_none() || b.date.is_none() || a.date <= b.date)
        };
        match around.windows(2).find(|pair| !rises(pair)) {
            Some(pair) => Err(format!("goes back: {pair:?}")),
            None => Ok(()),
        }
    }

    fn see_target_duration(&mut self, playlist: &Playlist<'_>, end: u64) -> Result<(), String> {
        let target = playlist.target_duration_s;
        for line in &playlist.entries {
            let duration: f64 = line.duration.parse().map_err(|_| format!("{line:?}"))?;
            if duration.round() > target as f64 {
                return Err(format!("EXTINF {duration} above EXT-X-TARGETDURATION {target}"));
            }
        }
        let last = end.checked_sub(1).and_then(|last| self.entries.get(&last));
        let Some(last) = last else { return Ok(()) };
        let session = last.record.session;
        let before = self.target_duration_s.replace((session, target));
        match before {
            Some((same, before)) if same == session && target < before => {
                Err(format!("EXT-X-TARGETDURATION {target} after {before}"))
            }
            _ => Ok(()),
        }
    }
}

/// Finds what is listed: its record, and its bytes, which are those of the record.
fn find(line: &Line<'_>, sequence: u64, world: &World) -> Result<(SegmentRecord, Vec<Unit>), String> {
    let name = line.uri.strip_suffix(".ts").and_then(|name| name.parse().ok());
    let name = UnixTime::from_millis(name.ok_or("not a segment's name")?);
    let record = *world
        .segments()
        .iter()
        .find(|record| record.name == name)
        .ok_or("listed before it was recorded")?;
    if record.sequence != sequence || record.discontinuity != line.discontinuity {
        return Err(format!("recorded as {record:?}"));
    }
    Ok((record, read(&record, world)?))
}

/// Reads a recorded segment's object.
pub(super) fn read(record: &SegmentRecord, world: &World) -> Result<Vec<Unit>, String> {
    let key: ObjectKey = world.channel.segment_key(record.name);
    let bytes = world.object(&key).ok_or("listed, and not stored")?;
    if bytes.len() as u64 != record.length || crc64(&bytes) != record.crc64 {
        return Err(format!("{} bytes, recorded as {record:?}", bytes.len()));
    }
    let found = units(&bytes)?;
    for kind in [Kind::Video, Kind::Audio] {
        let of_kind: Vec<_> = found.iter().filter(|unit| unit.kind == kind).collect();
        let follows = |pair: &[&Unit]| pair[0].publish == pair[1].publish && pair[0].number + 1 == pair[1].number;
        if let Some(pair) = of_kind.windows(2).find(|pair| !follows(pair)) {
            return Err(format!("{pair:?} within one segment"));
        }
    }
    if found.is_empty() {
        return Err("no unit in it".to_owned());
    }
    Ok(found)
}

impl<'a> Playlist<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut playlist = Self::default();
        let mut line = Line::default();
        for text in text.lines() {
            let (tag, value) = text.split_once(':').unwrap_or((text, ""));
            let number = || value.parse().map_err(|_| format!("{text}: not a number"));
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => playlist.counted.0 = number()?,
                "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.counted.1 = number()?,
                "#EXT-X-TARGETDURATION" => playlist.target_duration_s = number()?,
                "#EXT-X-DISCONTINUITY" => line.discontinuity = true,
                "#EXT-X-PROGRAM-DATE-TIME" => line.date = Some(value),
                "#EXTINF" => line.duration = value.trim_end_matches(','),
                "#EXTM3U" | "#EXT-X-VERSION" | "#EXT-X-ENDLIST" => {}
                _ if !text.starts_with('#') => {
                    line.uri = text;
                    playlist.entries.push(std::mem::take(&mut line));
                }
                _ => return Err(format!("{text}: an unknown tag")),
            }
        }
        match playlist.entries.first() {
            Some(first) if first.date.is_none() => Err("its first segment has no date".to_owned()),
            _ => Ok(playlist),
        }
    }
}
