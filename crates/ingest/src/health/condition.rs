/// Something that can be wrong with a running stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Keyframes do not come every FragDuration, so that segments are much longer than they should be.
    KeyframeInterval,
    /// Keyframes come now early, now late.
    KeyframesIrregular,
    /// No keyframe has come for long.
    KeyframesMissing,
    /// The encoder's clock has jumped.
    ClockJumps,
    /// Timestamps go back, stand still, or are far from their neighbours'.
    TimestampsUneven,
    /// Pictures or audio frames that cannot be used.
    BrokenMedia,
    /// Audio and picture of the same moment do not come together.
    AudioOffset,
    /// Audio has ceased.
    AudioMissing,
    /// The picture has ceased, while audio goes on.
    VideoMissing,
    /// Audio is in a codec that is not recorded.
    AudioDiscarded,
    /// Few players decode pictures of this profile.
    ProfileRare,
    /// Fewer pictures a second than before.
    FrameRateLow,
    /// Much fewer bits a second than before.
    BitrateLow,
    /// Less than a second of media comes in a second.
    ArrivesSlowly,
    /// Segments wait for the store.
    StoreLags,
    /// The spool takes no more: media is lost.
    RecordingGap,
}

/// Who can do something about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Streamer,
    Operator,
}

/// A row of the table: words in which `{value}` is what was found, and `{target}` what it should be.
struct Row {
    condition: Condition,
    code: &'static str,
    audience: For,
    words: &'static str,
}

/// What is said of each condition, and what is to be changed; in the order of the enum.
const TABLE: &[Row] = &[
    Row {
        condition: Condition::KeyframeInterval,
        code: "keyframe_interval",
        audience: For::Streamer,
        words: "keyframe interval is {value}; set it to {target}, the channel's FragDuration",
    },
    Row {
        condition: Condition::KeyframesIrregular,
        code: "keyframes_irregular",
        audience: For::Streamer,
        words: "keyframes come {value} apart; set a fixed keyframe interval of {target}, and switch scene-cut detection off",
    },
    Row {
        condition: Condition::KeyframesMissing,
        code: "keyframes_missing",
        audience: For::Streamer,
        words: "no keyframe for {value}; set the keyframe interval to {target}: players can begin only at keyframes",
    },
    Row {
        condition: Condition::ClockJumps,
        code: "clock_jumps",
        audience: For::Streamer,
        words: "the encoder's clock jumped {value} in the last minute; if it goes on, restart the encoder and check its capture devices",
    },
    Row {
        condition: Condition::TimestampsUneven,
        code: "timestamps_uneven",
        audience: For::Streamer,
        words: "{value} in the last minute had timestamps out of order; let the encoder make its own timestamps, and update it",
    },
    Row {
        condition: Condition::BrokenMedia,
        code: "broken_media",
        audience: For::Streamer,
        words: "{value} in the last minute were broken and left out; update the encoder, or use another of its codecs' implementations",
    },
    Row {
        condition: Condition::AudioOffset,
        code: "audio_offset",
        audience: For::Streamer,
        words: "audio comes {value} the picture; remove the sync offset of the encoder's audio source",
    },
    Row {
        condition: Condition::AudioMissing,
        code: "audio_missing",
        audience: For::Streamer,
        words: "no audio for {value}; check the encoder's audio source",
    },
    Row {
        condition: Condition::VideoMissing,
        code: "video_missing",
        audience: For::Streamer,
        words: "no picture for {value}, while audio goes on; check the encoder's video source",
    },
    Row {
        condition: Condition::AudioDiscarded,
        code: "audio_discarded",
        audience: For::Streamer,
        words: "audio is {value}, which is not recorded; set the audio codec to {target}",
    },
    Row {
        condition: Condition::ProfileRare,
        code: "profile_rare",
        audience: For::Streamer,
        words: "the video's profile is {value}, which browsers and phones do not play; set it to {target}",
    },
    Row {
        condition: Condition::FrameRateLow,
        code: "frame_rate_low",
        audience: For::Streamer,
        words: "frame rate fell to {value} from {target} pictures a second; choose a faster encoder preset, a smaller picture or a lower frame rate",
    },
    Row {
        condition: Condition::BitrateLow,
        code: "bitrate_low",
        audience: For::Streamer,
        words: "video bitrate fell to {value} from {target}; unless the picture stands still, lower the encoder's bitrate to what the network carries",
    },
    Row {
        condition: Condition::ArrivesSlowly,
        code: "arrives_slowly",
        audience: For::Streamer,
        words: "only {value} of stream arrives in a second; lower the encoder's bitrate to what the network carries, or its load",
    },
    Row {
        condition: Condition::StoreLags,
        code: "store_lags",
        audience: For::Operator,
        words: "{value} for the store; viewers see the stream late until it keeps up",
    },
    Row {
        condition: Condition::RecordingGap,
        code: "recording_gap",
        audience: For::Operator,
        words: "media is lost, since the spool takes no more; make room on its disk, or mend the store",
    },
];

impl Condition {
    /// How many there are.
    pub(super) const COUNT: usize = TABLE.len();

    /// All, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.condition)
    }

    /// Its name for scripts, which never changes.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// What is said of it, with `{value}` and `{target}` where the measured and the right value go.
    pub fn words(self) -> &'static str {
        self.row().words
    }

    pub(super) fn audience(self) -> For {
        self.row().audience
    }

    pub(super) fn say(self, value: &str, target: &str) -> String {
        self.words().replace("{value}", value).replace("{target}", target)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_no_code_stands_twice() {
        for (index, condition) in Condition::all().enumerate() {
            assert_eq!(condition as usize, index);
        }
        let codes: BTreeSet<_> = Condition::all().map(Condition::code).collect();
        assert_eq!(codes.len(), Condition::COUNT);
    }

    #[test]
    fn the_documentation_says_the_same_of_each() {
        let document = include_str!("../../../../docs/health.md");
        for condition in Condition::all() {
            let row = format!("| `{}` | {} |", condition.code(), condition.words());
            assert!(document.contains(&row), "docs/health.md has no row {row}");
        }
    }

    #[test]
    fn the_documentation_names_each_kind_of_fault() {
        let document = include_str!("../../../../docs/health.md");
        let names = [alluvium_media::Fault::NAMES, alluvium_rtmp::FaultKind::NAMES].concat();
        for name in names {
            assert!(
                document.contains(&format!("| `{name}` |")),
                "docs/health.md does not name {name}"
            );
        }
    }
}
