use std::fmt::Write;
use time::OffsetDateTime;

/// One segment as a playlist lists it: RFC 8216, 3 and 4.3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where the segment is, relative to the playlist: for a channel's playlists the file name alone.
    pub uri: String,
    /// 90 kHz.
    pub duration: u64,
    /// Media sequence number; rises by one from segment to segment of a channel.
    pub sequence: u64,
    /// Discontinuity sequence number: discontinuities of the channel up to here, one before this segment included.
    pub discontinuity_sequence: u64,
    /// Time stamps, tracks or their configuration do not continue those of the segment before.
    pub discontinuity: bool,
    /// The wall clock at the segment's first picture, milliseconds since 1970.
    pub program_date_time_ms: i64,
}

impl Entry {
    /// The duration as it is written, in milliseconds: rounded from the exact ticks of this segment alone.
    pub(crate) fn duration_ms(&self) -> u64 {
        self.duration.saturating_add(45) / 90
    }

    /// What `EXT-X-TARGETDURATION` must be at least: the written duration rounded to whole seconds (4.3.3.1).
    pub(crate) fn target_duration_s(&self) -> u64 {
        (self.duration_ms() + 500) / 1000
    }

    /// Where a segment must stand for a player to go on to it from this one without a discontinuity.
    pub(crate) fn next_place(&self) -> Place {
        Place {
            sequence: self.sequence.checked_add(1),
            discontinuity_sequence: self.discontinuity_sequence,
        }
    }

    /// Whether a player may go on to this segment from one that led to `place`.
    pub(crate) fn continues_at(&self, place: Place) -> bool {
        !self.discontinuity
            && self.discontinuity_sequence == place.discontinuity_sequence
            && place.sequence == Some(self.sequence)
    }

    /// Adds the segment's lines; `dated` with EXT-X-PROGRAM-DATE-TIME.
    pub(crate) fn write(&self, discontinuity: bool, dated: bool, text: &mut String) {
        if discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if dated {
            text.push_str("#EXT-X-PROGRAM-DATE-TIME:");
            write_date(self.program_date_time_ms, text);
            text.push('\n');
        }
        let milliseconds = self.duration_ms();
        text.push_str("#EXTINF:");
        write_number(milliseconds / 1000, 1, text);
        text.push('.');
        write_number(milliseconds % 1000, 3, text);
        text.push_str(",\n");
        write_uri(&self.uri, text);
        text.push('\n');
    }
}

/// Where a segment stands among those of its channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    sequence: Option<u64>,
    discontinuity_sequence: u64,
}

/// Decimal, with zeros in front up to so many digits. A day's playlist holds a hundred thousand numbers, and the standard
/// library's way to write one costs more than all else in its line.
fn write_number(mut number: u64, digits_min: usize, text: &mut String) {
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    while number > 0 || digits.len() - begin < digits_min {
        begin -= 1;
        digits[begin] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text.push_str(str::from_utf8(&digits[begin..]).expect("digits are ASCII"));
}

/// ISO 8601 with milliseconds, UTC: `2016-08-25T06:25:15.123Z`. Dates outside the years 1970 to 9999 become the nearest.
fn write_date(milliseconds: i64, text: &mut String) {
    let milliseconds = milliseconds.clamp(0, DATE_MS_MAX);
    let date = OffsetDateTime::from_unix_timestamp(milliseconds / 1000).expect("clamped to years that exist");
    let (hour, minute, second) = date.to_hms();
    write!(
        text,
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        milliseconds % 1000
    )
    .expect("a String takes any text");
}

/// Whatever the name holds, it stays one line and is not read as a tag (4.1).
fn write_uri(uri: &str, text: &mut String) {
    let is_plain = |byte: u8| byte > b' ' && byte != 0x7F;
    if uri.bytes().all(is_plain) && !uri.starts_with('#') {
        return text.push_str(uri);
    }
    for (at, character) in uri.char_indices() {
        if character.is_ascii_control() || character == ' ' || (at == 0 && character == '#') {
            write!(text, "%{:02X}", u32::from(character)).expect("a String takes any text");
        } else {
            text.push(character);
        }
    }
}

/// 9999-12-31T23:59:59.999Z.
const DATE_MS_MAX: i64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(duration: u64) -> Entry {
        Entry {
            uri: "1543895706266.ts".into(),
            duration,
            sequence: 0,
            discontinuity_sequence: 0,
            discontinuity: false,
            program_date_time_ms: 0,
        }
    }

    #[test]
    fn durations_are_rounded_from_ticks_to_three_decimals() {
        for (ticks, line, target) in [
            (640_800, "#EXTINF:7.120,", 7),
            (1_198_800, "#EXTINF:13.320,", 13),
            (450_449, "#EXTINF:5.005,", 5),
            (450_494, "#EXTINF:5.005,", 5),
            (450_495, "#EXTINF:5.006,", 5),
            (494_954, "#EXTINF:5.499,", 5),
            // Printed as 5.500, which a reader rounds to 6.
            (494_955, "#EXTINF:5.500,", 6),
            (0, "#EXTINF:0.000,", 0),
        ] {
            let mut text = String::new();
            entry(ticks).write(false, false, &mut text);
            assert_eq!(text, format!("{line}\n1543895706266.ts\n"), "{ticks}");
            assert_eq!(entry(ticks).target_duration_s(), target, "{ticks}");
        }
    }

    #[test]
    fn dates_have_milliseconds_and_stay_within_four_digit_years() {
        for (milliseconds, expected) in [
            (1_472_106_315_123, "2016-08-25T06:25:15.123Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"),
            (-1, "1970-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            let mut text = String::new();
            write_date(milliseconds, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let mut text = String::new();
        write_uri("#a\n#EXT-X-ENDLIST b#.ts", &mut text);
        assert_eq!(text, "%23a%0A#EXT-X-ENDLIST%20b#.ts");
    }
}
