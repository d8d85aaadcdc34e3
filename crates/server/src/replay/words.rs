//! What things mean for the person at the encoder.

use alluvium_media::aac::Sbr;
use alluvium_media::{AudioTrack, Fault, VideoTrack};
use alluvium_rtmp::Error;

/// What becomes of something odd, and what may be done about it.
pub(super) fn of_fault(fault: &Fault) -> &'static str {
    match fault {
        Fault::VideoCodec(_) => {
            "Only H.264 can be recorded; a publish without it is ended. Set the encoder to x264 or another H.264 (AVC) encoder."
        }
        Fault::AudioCodec(_) => "Only AAC can be recorded: the picture is, this sound is not. Set the encoder to AAC.",
        Fault::TagTruncated { .. } => "The message is too short to hold anything; it is skipped.",
        Fault::PacketType { .. } => "A form of packet that is not recorded; it is skipped.",
        Fault::BeforeSequenceHeader { .. } => {
            "Nothing can decode this before the sequence header has come; it is skipped."
        }
        Fault::AvcConfig(_) | Fault::AudioConfig(_) => {
            "The configuration cannot be used; the one before stays, if there is one."
        }
        Fault::NalUnitTruncated { .. } => "The picture is damaged on its way or by the encoder; it is skipped.",
        Fault::NalUnits { .. } => "The picture is in more pieces than any encoder makes; it is skipped.",
        Fault::NoSlices => "There is no picture in it; it is skipped.",
        Fault::AudioFrameLength { .. } => "No AAC frame has this length; it is skipped.",
        Fault::CompositionTime { .. } => "The picture is shown when it is decoded.",
        Fault::Restamped { .. } => {
            "It is kept, a little after the one before it. Many of these: the encoder's clock is uneven."
        }
        Fault::Outlier { .. } => "It is kept, between its neighbours.",
        Fault::Jump { .. } => {
            "The encoder's clock was set, or its source changed; the recording goes on without a hole."
        }
        Fault::StartsApart { .. } => {
            "Picture and sound have clocks of their own; both begin together in the recording."
        }
    }
}

/// What it means that the protocol is broken, and what may be done about it.
pub(super) fn of_error(error: &Error) -> &'static str {
    match error {
        Error::Version { version: 6 | 8 } => {
            "This is encrypted RTMP (RTMPE), which is not spoken here: use rtmp:// or rtmps://."
        }
        Error::Version { .. } => "This is no RTMP at all: another kind of client, or TLS on a plain port.",
        Error::MessageTooLong { .. } => "A message longer than is allowed, or bytes were lost before this place.",
        Error::Outgoing { .. } => "The encoder asks and does not read the answers.",
        Error::Assembly { .. } => "Too much is begun and not finished.",
        Error::HeaderWithoutPrevious { .. }
        | Error::HeaderInsideMessage { .. }
        | Error::ChunkStreams { .. }
        | Error::ChunkSize { .. } => "Bytes were lost or added before this place, or the encoder breaks the protocol.",
    }
}

pub(super) fn of_video(track: &VideoTrack) -> String {
    let profile = match track.profile_idc {
        66 => "Baseline".to_owned(),
        77 => "Main".to_owned(),
        88 => "Extended".to_owned(),
        100 => "High".to_owned(),
        110 => "High 10".to_owned(),
        122 => "High 4:2:2".to_owned(),
        244 => "High 4:4:4".to_owned(),
        other => format!("profile {other}"),
    };
    let rate = track.frame_rate.map_or_else(
        || "frame rate not said".to_owned(),
        |rate| format!("{rate:.3} pictures a second"),
    );
    format!(
        "H.264 {profile}, level {}.{}, {}x{}, {rate}",
        track.level_idc / 10,
        track.level_idc % 10,
        track.width,
        track.height
    )
}

pub(super) fn of_audio(track: &AudioTrack) -> String {
    let form = match (track.config.object_type(), track.config.sbr()) {
        (_, Sbr::Present { .. }) => "HE-AAC".to_owned(),
        (1, _) => "AAC Main".to_owned(),
        (2, _) => "AAC LC".to_owned(),
        (3, _) => "AAC SSR".to_owned(),
        (4, _) => "AAC LTP".to_owned(),
        (other, _) => format!("AAC type {other}"),
    };
    let channels = match track.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        channels => format!("{channels} channels"),
    };
    format!("{form}, {} Hz, {channels}", track.sample_rate)
}
