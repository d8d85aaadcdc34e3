//! `onMetaData` that says something else than the media.

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::Recorded;

use super::Vector;
use crate::media;
use crate::script::{Script, text};

pub(super) fn all() -> Vec<Vector> {
    vec![("metadata-contradicts-the-media", contradicts_the_media())]
}

fn contradicts_the_media() -> Capture {
    let number = |name: &str, value: f64| (name.to_owned(), Value::Number(value));
    let pairs = vec![
        number("width", 1920.0),
        number("height", 1080.0),
        number("framerate", 60.0),
        ("hasAudio".to_owned(), Value::Boolean(false)),
        number("videocodecid", 2.0),
        number("audiosamplerate", 8000.0),
    ];
    let metadata = [text("@setDataFrame"), text("onMetaData"), Value::EcmaArray(pairs)];
    let tags = media::first(1.0);
    let mut script = Script::publishing();
    script
        .data(&metadata)
        .media(&tags[..10])
        .data(&metadata)
        .media(&tags[10..]);
    script.shows(
        "onMetaData names other tracks, sizes and rates than the media has, twice",
        Recorded,
    )
}
