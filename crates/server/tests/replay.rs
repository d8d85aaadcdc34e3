//! What `alluvium replay` tells of the vectors.
//!
//! Each text lies in `tests/replay`; `REPLAY_WRITE=1 cargo test -p alluvium-server --test replay` writes them anew.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn replay(file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alluvium"));
    command.arg("replay").arg(file).output().unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn vector(name: &str) -> PathBuf {
    folder().join("../../tests/vectors").join(format!("{name}.rtmp"))
}

#[track_caller]
fn check(name: &str) {
    let output = replay(&vector(name));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let path = folder().join("tests/replay").join(format!("{name}.txt"));
    if std::env::var_os("REPLAY_WRITE").is_some() {
        fs::write(&path, &told).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(told == expected, "{} is not what is told:\n{told}", path.display());
}

#[test]
fn tells_of_an_ordinary_publish() {
    check("type-3-begins-a-message");
}

#[test]
fn tells_of_metadata_in_the_middle() {
    check("metadata-contradicts-the-media");
}

#[test]
fn tells_where_the_protocol_is_broken() {
    check("length-changes-inside-a-message");
}

#[test]
fn tells_what_to_do_about_another_codec() {
    check("h265-by-fourcc");
}

#[test]
fn tells_of_a_clock_that_jumps() {
    check("clock-that-jumps-back");
}

#[test]
fn tells_of_messages_that_are_skipped() {
    check("unknown-message-types");
}

#[test]
fn tells_why_a_publish_is_refused() {
    check("publish-without-a-name");
}

#[test]
fn tells_of_a_recording_of_an_encoder_from_begin_to_end() {
    check("obs-29.0-query-in-key");
}

#[test]
fn every_vector_can_be_told_of() {
    for entry in fs::read_dir(folder().join("../../tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rtmp") {
            let output = replay(&path);
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(
                output.status.success() && told.contains("\nthe end "),
                "{}: {told}",
                path.display()
            );
        }
    }
}

#[track_caller]
fn refuses(file: &[u8], words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.rtmp");
    fs::write(&path, file).unwrap();
    let output = replay(&path);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("file.rtmp") && error.contains(words), "{error}");
}

#[test]
fn what_is_no_capture_is_refused_in_words() {
    refuses(b"FLV\x01\x05\x00\x00\x00\x09", "not a capture");
    refuses(b"alluvium-capture: 2\n\n", "version \"2\"");
    refuses(
        b"alluvium-capture: 1\nfrom: me\n",
        "before the empty line that ends its head",
    );
    refuses(b"alluvium-capture: 1\nfrom me\n\n", "line 2 is not \"name: value\"");
    refuses(
        &[&b"alluvium-capture: 1\nfrom: "[..], &[b'x'; 20_000]].concat(),
        "within 16384 bytes",
    );
}

/// What comes after the error, and what is cut in the middle of anything, is told of all the same.
#[test]
fn a_capture_may_end_anywhere() {
    let file = fs::read(vector("metadata-contradicts-the-media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.rtmp");
    for length in (140..file.len()).step_by(997) {
        fs::write(&path, &file[..length]).unwrap();
        let output = replay(&path);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && told.contains("\nthe end "),
            "{length}: {told}"
        );
    }
}
