//! Commands as other encoders say them, and as broken ones do.

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::capture::Expectation::{Recorded, Refused};
use alluvium_rtmp::capture::{Capture, Expectation};

use super::Vector;
use crate::media;
use crate::script::{NAME, Script, at, encoded, text};

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("publish-without-other-commands", publish_without_other_commands()),
        ("unknown-commands", unknown_commands()),
        ("commands-in-amf3-messages", commands_in_amf3_messages()),
        ("odd-amf0", odd_amf0()),
        ("publish-without-a-name", publish_without_a_name()),
        ("publish-before-connect", publish_before_connect()),
        ("connect-without-an-object", connect_without_an_object()),
        ("seek-and-pause-while-publishing", seek_and_pause_while_publishing()),
        ("publish-to-an-unknown-bucket", publish_to_an_unknown_bucket()),
    ]
}

fn refused(code: &str) -> Expectation {
    Refused(code.to_owned())
}

fn publish_without_other_commands() -> Capture {
    let mut script = Script::connected();
    script.command(0, "createStream", 2.0, &[Value::Null]);
    script.command(1, "publish", 3.0, &[Value::Null, text(NAME)]);
    script.media(&media::first(1.0));
    script.shows("no releaseStream, no FCPublish, no type of publish", Recorded)
}

fn unknown_commands() -> Capture {
    let mut script = Script::connected();
    let names = [
        "_checkbw",
        "getStreamLength",
        "FCUnpublish",
        "setPeerInfo",
        "onBWDone",
        "",
    ];
    for (name, transaction) in names.into_iter().zip(2..) {
        script.command(0, name, f64::from(transaction), &[Value::Null, text(NAME)]);
    }
    script.publish(NAME);
    let tags = media::first(1.0);
    script.media(&tags[..10]);
    script.command(1, "receiveAudio", 9.0, &[Value::Null, Value::Boolean(false)]);
    script.command(0, "_checkbw", 0.0, &[Value::Null]);
    script.media(&tags[10..]);
    script.shows(
        "commands that nobody needs, some unknown, one without a name's letters",
        Recorded,
    )
}

fn commands_in_amf3_messages() -> Capture {
    let mut script = Script::connected();
    let commands = [
        vec![text("createStream"), Value::Number(2.0), Value::Null],
        vec![text("publish"), Value::Number(3.0), Value::Null, text(NAME)],
    ];
    for values in &commands {
        let payload = [&[0][..], &encoded(values)].concat();
        script.message(at(3, 17, 1, 0), &payload);
    }
    let pairs = vec![
        ("videocodecid".to_owned(), Value::Number(7.0)),
        ("hasAudio".to_owned(), Value::Boolean(true)),
    ];
    let metadata = [text("@setDataFrame"), text("onMetaData"), Value::Object(pairs)];
    script.message(at(4, 15, 1, 0), &[&[0][..], &encoded(&metadata)].concat());
    script.media(&media::first(1.0));
    script.shows(
        "commands and metadata in AMF3 messages, with and without the leading 0",
        Recorded,
    )
}

/// Every marker, counts that are wrong, and values that end too early.
fn odd_amf0() -> Capture {
    let mut script = Script::publishing();
    let begin = encoded(&[text("@setDataFrame"), text("onMetaData")]);
    let name = |name: &str| [&(name.len() as u16).to_be_bytes()[..], name.as_bytes()].concat();
    let width = [&name("width")[..], &encoded(&[Value::Number(160.0)])].concat();
    let bodies: [Vec<u8>; 10] = [
        // An ECMA array that counts 99 entries and has one; one that counts none; one without its end.
        [&[8, 0, 0, 0, 99][..], &width, &[0, 0, 9]].concat(),
        [&[8, 0, 0, 0, 0][..], &width, &[0, 0, 9]].concat(),
        [&[8, 0, 0, 0, 1][..], &width].concat(),
        // A strict array, a date, undefined, a reference, a long string, XML.
        vec![10, 0, 0, 0, 1, 5],
        vec![11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![6],
        vec![7, 0, 1],
        vec![12, 0, 0, 0, 1, b'x'],
        vec![15, 0, 0, 0, 1, b'x'],
        // The rest is AMF3.
        vec![17, 10, 11, 1],
    ];
    let tags = media::first(1.0);
    for (body, tag) in bodies.iter().zip(&tags) {
        script.message(at(5, 18, 1, tag.timestamp_ms), &[&begin[..], body].concat());
        script.media([tag]);
    }
    // A marker that nothing defines, and a string that ends too early.
    script.message(at(5, 18, 1, 0), &[99, 1, 2]);
    script.message(at(5, 18, 1, 0), &[2, 0, 200, b'x']);
    script.media(&tags[bodies.len()..]);
    script.shows(
        "metadata of every AMF0 marker, with wrong counts, without ends, and two that are no AMF0",
        Recorded,
    )
}

fn publish_without_a_name() -> Capture {
    let mut script = Script::connected();
    script.command(0, "createStream", 2.0, &[Value::Null]);
    script.command(1, "publish", 3.0, &[Value::Null]);
    script.shows("publish says no stream name", refused("NetStream.Publish.BadName"))
}

fn publish_before_connect() -> Capture {
    let mut script = Script::greeted();
    script.publish(NAME);
    script.shows("publish comes before connect", refused("NetStream.Publish.BadName"))
}

fn connect_without_an_object() -> Capture {
    let mut script = Script::greeted();
    script.command(0, "connect", 1.0, &[]);
    script.shows(
        "connect says nothing of itself",
        refused("NetConnection.Connect.Rejected"),
    )
}

fn seek_and_pause_while_publishing() -> Capture {
    let mut script = Script::publishing();
    let tags = media::first(1.0);
    script.media(&tags[..10]);
    script.command(
        1,
        "pause",
        6.0,
        &[Value::Null, Value::Boolean(true), Value::Number(0.0)],
    );
    script.command(1, "seek", 7.0, &[Value::Null, Value::Number(0.0)]);
    script.media(&tags[10..]);
    script.shows("pause and seek, which players say, beside a publish", Recorded)
}

fn publish_to_an_unknown_bucket() -> Capture {
    let mut script = Script::greeted();
    script.connect("nobodys/live", "rtmp://127.0.0.1:1935/nobodys/live");
    script.publish(NAME);
    script.media(&media::first(0.2));
    script.shows(
        "a bucket that does not exist; media follows without waiting",
        refused("NetStream.Publish.Denied"),
    )
}
