//! ffmpeg's own encoders, through the demuxer and the segmenter, back into ffmpeg's own decoders.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use alluvium_hls::{Closed, Entry, LiveWindow, MediaPlaylist, Segment, Segmenter, SegmenterConfig};
use alluvium_media::{Content, Demuxer, Item, Limits, Tracks};
use bytes::Bytes;
use tempfile::TempDir;

use crate::flv;
use crate::transport_stream::Session;

/// Ten seconds of B-frames and noise at about 800 + 128 kbit/s; a keyframe every two seconds.
const SOURCE: &str = "-f lavfi -i testsrc2=size=640x360:rate=25,noise=alls=20:allf=t \
    -f lavfi -i anoisesrc=color=pink:sample_rate=44100 -t 10 \
    -c:v libx264 -preset superfast -pix_fmt yuv420p -bf 2 -g 50 -keyint_min 50 -sc_threshold 0 \
    -b:v 800k -maxrate 800k -bufsize 400k -c:a aac -b:a 128k -ac 2";

/// One segment as it was stored, and what went into it.
struct Stored {
    name: String,
    bytes: Bytes,
    segment: Segment,
    pictures: usize,
    frames: usize,
}

struct Recording {
    folder: TempDir,
    segments: Vec<Stored>,
    tracks: Tracks,
    /// Bytes of all NAL units and AAC frames.
    media_bytes: usize,
    audio_dropped: usize,
}

impl Recording {
    /// Publishes ffmpeg's FLV to the rooms and stores the segments in a folder.
    fn make(frag_duration: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source: Vec<&str> = SOURCE.split_whitespace().chain(["-f", "flv", "source.flv"]).collect();
        run(&folder, "ffmpeg", &[&["-v", "error"], &source[..]].concat());
        let file = fs::read(folder.path().join("source.flv")).unwrap();

        let mut segmenter = Segmenter::new(SegmenterConfig {
            frag_duration,
            audio_only: false,
        });
        let mut recording = Self {
            folder,
            segments: Vec::new(),
            tracks: Tracks::default(),
            media_bytes: 0,
            audio_dropped: 0,
        };
        let (mut open, mut counts) = (Vec::new(), (0, 0));
        let mut demuxer = Demuxer::new(Limits::default());
        let mut each = |item: Item<'_>| {
            let unit = match item {
                Item::Tracks(tracks) => {
                    recording.tracks = tracks.clone();
                    return segmenter.set_tracks(tracks);
                }
                Item::Unit(unit) => unit,
                Item::Discontinuity => panic!("a discontinuity in an even stream"),
                Item::Fault(fault) => panic!("{fault:?}"),
            };
            if let Some(closed) = segmenter.push(&unit) {
                recording.store(&mut open, &mut counts, closed);
            }
            if segmenter.batch_length() > 10_000 {
                open.extend_from_slice(&segmenter.take_batch());
            }
            if segmenter.is_open() {
                let (count, length) = match unit.content {
                    Content::Video(nal_units) => (&mut counts.0, nal_units.byte_length()),
                    Content::Audio { frame, .. } => (&mut counts.1, frame.len()),
                };
                *count += 1;
                recording.media_bytes += length;
            }
        };
        for (kind, timestamp_ms, body) in flv::tags(&file) {
            demuxer.receive(kind, timestamp_ms, body, &mut each);
        }
        demuxer.finish(&mut each);
        let last = segmenter.finish().expect("a segment is open");
        recording.store(&mut open, &mut counts, last);
        assert_eq!(segmenter.dropped().video, 0);
        recording.audio_dropped = segmenter.dropped().audio as usize;
        recording
    }

    fn store(&mut self, open: &mut Vec<u8>, counts: &mut (usize, usize), Closed { tail, segment }: Closed) {
        open.extend_from_slice(&tail);
        let bytes = Bytes::from(std::mem::take(open));
        let (pictures, frames) = std::mem::take(counts);
        let name = format!("{}.ts", 1_472_106_315_000 + segment.start.as_ms());
        fs::write(self.folder.path().join(&name), &bytes).unwrap();
        self.segments.push(Stored {
            name,
            bytes,
            segment,
            pictures,
            frames,
        });
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(index, stored): (usize, &Stored)| Entry {
            uri: stored.name.clone(),
            duration: stored.segment.duration,
            sequence: index as u64,
            discontinuity_sequence: 0,
            discontinuity: stored.segment.discontinuity,
            program_date_time_ms: 1_472_106_315_000 + stored.segment.start.as_ms(),
        };
        self.segments.iter().enumerate().map(entry).collect()
    }

    /// Decodes everything without a word of complaint, and finds as many pictures and frames as there are.
    fn check_decodes(&self, name: &str, pictures: usize, frames: usize) {
        run(
            &self.folder,
            "ffmpeg",
            &["-v", "warning", "-i", name, "-f", "null", "-"],
        );
        let arguments = ["-v", "warning", "-count_frames", "-count_packets"];
        let counted = ["-show_entries", "stream=codec_type,nb_read_frames,nb_read_packets"];
        let found = run(
            &self.folder,
            "ffprobe",
            &[&arguments[..], &counted, &["-of", "csv=p=0", name]].concat(),
        );
        // A playlist's streams are named again as those of its only program.
        let found: Vec<&str> = found.lines().filter(|line| !line.is_empty()).take(2).collect();
        let expected = [
            format!("video,{pictures},{pictures}"),
            format!("audio,{frames},{frames}"),
        ];
        assert_eq!(found, expected, "{name}");
    }

    /// PTS of every packet of a stream, in milliseconds, in the order of the file.
    fn presentation_times(&self, name: &str, stream: &str) -> Vec<f64> {
        let arguments = [
            "-v",
            "warning",
            "-select_streams",
            stream,
            "-show_entries",
            "packet=pts_time",
        ];
        let found = run(
            &self.folder,
            "ffprobe",
            &[&arguments[..], &["-of", "csv=p=0", name]].concat(),
        );
        found
            .split([',', '\n'])
            .filter(|word| !word.is_empty())
            .map(|word| word.parse::<f64>().unwrap() * 1_000.0)
            .collect()
    }
}

/// Runs a tool of ffmpeg in `folder`; returns its output. Any complaint of it is a failure.
#[track_caller]
fn run(folder: &TempDir, program: &str, arguments: &[&str]) -> String {
    let folder: &Path = folder.path();
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program} is needed by this test, `make test` installs it: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{program} {}\n{complaint}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ffmpeg_plays_what_it_published() {
    let recording = Recording::make(Duration::from_secs(4));
    let segments = &recording.segments;
    let durations: Vec<u64> = segments.iter().map(|stored| stored.segment.duration / 90).collect();
    assert_eq!(durations[..2], [4_000, 4_000]);
    assert_eq!(
        segments.iter().map(|stored| stored.pictures).collect::<Vec<_>>(),
        [100, 100, 50]
    );

    for stored in segments {
        recording.check_decodes(&stored.name, stored.pictures, stored.frames);
    }
    let frames = segments.iter().map(|stored| stored.frames).sum();
    fs::write(
        recording.folder.path().join("vod.m3u8"),
        MediaPlaylist::vod(recording.entries()),
    )
    .unwrap();
    recording.check_decodes("vod.m3u8", 250, frames);
    let window = LiveWindow::new(2, 4, recording.entries());
    fs::write(recording.folder.path().join("live.m3u8"), window.playlist(true)).unwrap();
    recording.check_decodes("live.m3u8", 150, segments[1].frames + segments[2].frames);

    // Every packet's way from source to playlist, and so audio against video, differs by less than 20 ms.
    let shifts = |stream: &str, skipped: usize| {
        let (source, found) = (
            recording.presentation_times("source.flv", stream),
            recording.presentation_times("vod.m3u8", stream),
        );
        assert_eq!(source.len() - skipped, found.len());
        let shifts = source.into_iter().skip(skipped).zip(found).map(|(from, to)| to - from);
        shifts.collect::<Vec<_>>()
    };
    let shifts = [shifts("v:0", 0), shifts("a:0", recording.audio_dropped)].concat();
    let (least, most) = shifts
        .iter()
        .fold((f64::MAX, f64::MIN), |(a, b), shift| (a.min(*shift), b.max(*shift)));
    assert!(most - least < 20.0, "{} ms", most - least);

    let bytes: Vec<Bytes> = segments.iter().map(|stored| stored.bytes.clone()).collect();
    Session::read(&bytes, &recording.tracks).check_clock();
    let written: usize = bytes.iter().map(Bytes::len).sum();
    let kbit_per_second = recording.media_bytes * 8 / 10_000;
    assert!(
        (700..1_100).contains(&kbit_per_second),
        "{kbit_per_second} kbit/s is not the stream this is about"
    );
    let overhead = written as f64 / recording.media_bytes as f64 - 1.0;
    assert!(overhead < 0.075, "{overhead}");
    println!(
        "overhead {overhead:.4} at {kbit_per_second} kbit/s, tracks within {:.1} ms",
        most - least
    );
}
