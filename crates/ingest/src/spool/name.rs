use std::fmt;

use alluvium_oss::UnixTime;

use super::{Facts, Place};

/// What a file in a session's folder says of itself.
///
/// ```text
/// <order>-<name>-<program date time>[-d].open
/// <order>-<name>-<program date time>[-d]-<length>-<crc64>-<duration>.ts
/// ```
///
/// Times are Unix milliseconds, `-d` stands for a discontinuity before the segment, the CRC-64 is hexadecimal and the
/// duration counts ticks of 90 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileName {
    pub(super) place: Place,
    pub(super) form: Form,
}

/// How far the file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It is being written, or its writer was cut off.
    Open,
    /// All of it was written.
    Whole(Facts),
}

impl FileName {
    /// Reads a file's name; `None` for one that is not of the spool.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        let mut parts = stem.split('-').peekable();
        let mut place = Place {
            order: parts.next()?.parse().ok()?,
            name: UnixTime::from_millis(parts.next()?.parse().ok()?),
            program_date_time: UnixTime::from_millis(parts.next()?.parse().ok()?),
            discontinuity: false,
        };
        place.discontinuity = parts.next_if_eq(&"d").is_some();
        let form = match extension {
            "open" => Form::Open,
            "ts" => Form::Whole(Facts {
                length: parts.next()?.parse().ok()?,
                crc64: u64::from_str_radix(parts.next()?, 16).ok()?,
                duration: parts.next()?.parse().ok()?,
            }),
            _ => return None,
        };
        parts.next().is_none().then_some(Self { place, form })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            order,
            name,
            program_date_time,
            discontinuity,
        } = &self.place;
        let mark = if *discontinuity { "-d" } else { "" };
        write!(
            formatter,
            "{order}-{}-{}{mark}",
            name.as_millis(),
            program_date_time.as_millis()
        )?;
        match &self.form {
            Form::Open => formatter.write_str(".open"),
            Form::Whole(facts) => write!(
                formatter,
                "-{}-{:016x}-{}.ts",
                facts.length, facts.crc64, facts.duration
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(discontinuity: bool) -> Place {
        Place {
            order: 12,
            name: UnixTime::from_millis(1_700_000_000_123),
            program_date_time: UnixTime::from_millis(1_700_000_000_100),
            discontinuity,
        }
    }

    #[test]
    fn names_are_read_back_as_they_were_written() {
        let facts = Facts {
            length: 188_000,
            crc64: 0xab,
            duration: 180_000,
        };
        for (place, form, text) in [
            (place(false), Form::Open, "12-1700000000123-1700000000100.open"),
            (place(true), Form::Open, "12-1700000000123-1700000000100-d.open"),
            (
                place(true),
                Form::Whole(facts),
                "12-1700000000123-1700000000100-d-188000-00000000000000ab-180000.ts",
            ),
        ] {
            let name = FileName { place, form };
            assert_eq!(name.to_string(), text);
            assert_eq!(FileName::parse(text), Some(name));
        }
    }

    #[test]
    fn other_files_are_not_of_the_spool() {
        for text in [
            "channel",
            "",
            ".open",
            "1-2.open",
            "1-2-3.ts",
            "1-2-3-d-4-5-6-7.ts",
            "1-2-3.cut",
            "x-2-3.open",
        ] {
            assert_eq!(FileName::parse(text), None, "{text}");
        }
    }
}
