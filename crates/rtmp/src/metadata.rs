use crate::amf0::{self, Value};

/// What `onMetaData` claims about a stream. Hints only: the bitstream is right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Whether audio is announced, or announced to be missing.
    pub audio: Option<bool>,
    /// Whether video is announced, or announced to be missing.
    pub video: Option<bool>,
    /// Pixels.
    pub width: Option<f64>,
    /// Pixels.
    pub height: Option<f64>,
    /// Frames per second.
    pub frame_rate: Option<f64>,
    /// The program that encodes.
    pub encoder: Option<String>,
}

impl Metadata {
    /// Reads a data message: `@setDataFrame`, `onMetaData` and an object or array, with or without the first, and with
    /// whatever else stands between them. `None` for any other data.
    pub(crate) fn parse(bytes: &[u8], limits: amf0::Limits) -> Result<Option<Self>, amf0::Error> {
        let mut values = amf0::Decoder::new(bytes, limits);
        let mut named = false;
        for _ in 0..VALUES_MAX {
            match values.next_value()? {
                Some(Value::String(name)) if name == "onMetaData" => named = true,
                Some(value) if named && value.pairs().is_some() => return Ok(Some(Metadata::of(&value))),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }

    fn of(object: &Value) -> Self {
        let finite = |name| {
            object
                .property(name)
                .and_then(Value::as_number)
                .filter(|number| number.is_finite())
        };
        let positive = |name| finite(name).filter(|number| *number > 0.0);
        let (audio, video) = (
            announced(object, "audio", "hasAudio"),
            announced(object, "video", "hasVideo"),
        );
        Metadata {
            // Who names the codec of one track only, has no other.
            audio: audio.or((video == Some(true)).then_some(false)),
            video: video.or((audio == Some(true)).then_some(false)),
            width: positive("width"),
            height: positive("height"),
            frame_rate: positive("framerate").or(positive("fps")),
            encoder: object.property("encoder").and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// A codec id, as a number or a FourCC, or the flag that some encoders write instead.
fn announced(object: &Value, track: &str, flag: &str) -> Option<bool> {
    let codec = match object.property(&format!("{track}codecid")) {
        Some(Value::String(name)) => Some(!name.is_empty()),
        Some(Value::Number(_)) => Some(true),
        _ => None,
    };
    match object.property(flag) {
        Some(Value::Boolean(has)) => Some(*has),
        _ => codec,
    }
}

/// `@setDataFrame`, `onMetaData`, the object, and a few in between.
const VALUES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn object(pairs: &[(&str, Value)]) -> Vec<(String, Value)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[track_caller]
    fn check(values: &[Value], expected: Option<Metadata>) {
        let mut bytes = Vec::new();
        for value in values {
            amf0::encode(value, &mut bytes);
        }
        assert_eq!(Metadata::parse(&bytes, amf0::Limits::default()), Ok(expected));
    }

    #[test]
    fn set_data_frame_is_understood_in_every_form() {
        let pairs = object(&[("width", Value::Number(640.0)), ("encoder", text("Lavf59"))]);
        let expected = Metadata {
            width: Some(640.0),
            encoder: Some("Lavf59".into()),
            ..Metadata::default()
        };
        let array = Value::EcmaArray(pairs.clone());
        let typed = Value::TypedObject {
            class: "Meta".into(),
            fields: pairs.clone(),
        };
        let (set, name) = (text("@setDataFrame"), text("onMetaData"));
        check(&[set.clone(), name.clone(), array.clone()], Some(expected.clone()));
        check(
            &[set.clone(), name.clone(), Value::Object(pairs)],
            Some(expected.clone()),
        );
        check(&[set.clone(), name.clone(), typed], Some(expected.clone()));
        check(
            &[set.clone(), name.clone(), Value::Null, array.clone()],
            Some(expected.clone()),
        );
        check(
            &[set.clone(), Value::Number(0.0), name.clone(), array.clone()],
            Some(expected.clone()),
        );
        check(&[name.clone(), array.clone()], Some(expected));
        check(&[set.clone(), name], None);
        check(&[set, array], None);
        check(
            &[text("|RtmpSampleAccess"), Value::Boolean(true), Value::Boolean(true)],
            None,
        );
        check(&[], None);
    }

    #[test]
    fn tracks_are_announced_by_codec_id_or_flag() {
        let number = Value::Number;
        let cases: [(&[(&str, Value)], _, _); 7] = [
            (
                &[("videocodecid", number(7.0)), ("audiocodecid", number(10.0))],
                Some(true),
                Some(true),
            ),
            (
                &[("videocodecid", text("avc1")), ("audiocodecid", text("mp4a"))],
                Some(true),
                Some(true),
            ),
            (&[("videocodecid", number(7.0))], Some(false), Some(true)),
            (&[("audiocodecid", number(10.0))], Some(true), Some(false)),
            (
                &[("hasAudio", Value::Boolean(false)), ("hasVideo", Value::Boolean(true))],
                Some(false),
                Some(true),
            ),
            (
                &[("hasAudio", Value::Boolean(false)), ("audiocodecid", number(0.0))],
                Some(false),
                None,
            ),
            (&[("width", number(640.0))], None, None),
        ];
        for (pairs, audio, video) in cases {
            let metadata = Metadata::of(&Value::EcmaArray(object(pairs)));
            assert_eq!((metadata.audio, metadata.video), (audio, video), "{pairs:?}");
        }
    }

    #[test]
    fn impossible_numbers_are_no_hints() {
        for number in [f64::NAN, f64::INFINITY, 0.0, -640.0] {
            let pairs = object(&[("width", Value::Number(number)), ("framerate", Value::Number(number))]);
            assert_eq!(Metadata::of(&Value::Object(pairs)), Metadata::default());
        }
    }
}
