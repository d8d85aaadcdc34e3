//! Streams of many days, in fast-forward.
//!
//! ```text
//!   Encoder -> RTMP messages -> chunks -> Connection -> Demuxer -> Segmenter -> TS -> Viewer
//!                                                           `-> names, dates, LiveWindow -> playlist
//! ```
//!
//! The encoder's 32 bits of milliseconds wrap in the middle of the stream; 4 h 39 m later its chunks have extended
//! timestamps again; and the 33 bits of the transport stream wrap each 26.5 h.
//!
//! `make test` runs three days with few pictures and slow audio. Thirty days with all of them take minutes:
//!
//! ```text
//! ALLUVIUM_DAYS=30 ALLUVIUM_PICTURES=25 ALLUVIUM_HOURS=720 \
//!     cargo test --release -p alluvium-ingest --lib long_streams -- --nocapture
//! ```

mod encoder;
mod process;
mod service;
mod viewer;

use std::path::PathBuf;
use std::time::Duration;

use alluvium_catalog::{Lease, SegmentRecord, SessionId};
use alluvium_hls::{LiveWindow, Segment};
use alluvium_oss::{BucketName, ChannelConfig, ChannelName, UnixTime};
use alluvium_rtmp::publisher::{self, Publisher};
use alluvium_rtmp::{Connection, Event, Limits, MediaKind, PublishRequest};
use tokio::time::Instant;

use crate::Config;
use crate::lister::entry;
use crate::stream::{Now, Stream, Work};
use encoder::{Encoder, Plan};
use process::{Holds, alone};
use viewer::{Seen, Viewer};

const DAY_S: u64 = 86_400;

/// Of both clocks of the encoder, against the server's and each other.
const DRIFTS_PPM: [(i64, i64); 3] = [(0, 0), (100, -100), (-100, 100)];

const FRAG_DURATION_S: u32 = 10;
const FRAG_COUNT: u32 = 3;

/// One publish from its chunks to its playlist, without a runtime.
struct Chain {
    plan: Plan,
    publisher: Publisher,
    connection: Connection,
    stream: Stream,
    began: Instant,
    segment: Vec<u8>,
    open: Option<(UnixTime, UnixTime)>,
    viewer: Viewer,
    playlists: Playlists,
    payload: Vec<u8>,
}

/// When the encoder begins, by the server's clock.
const BEGINNING: UnixTime = UnixTime::from_secs(1_700_000_000);

impl Chain {
    fn new(plan: Plan) -> Self {
        let request = PublishRequest {
            app: "bucket/live".to_owned(),
            tc_url: "rtmp://127.0.0.1/bucket/live".to_owned(),
            name: "camera".to_owned(),
            encoder: "test".to_owned(),
        };
        let began = Instant::now();
        let now = Now {
            wall: BEGINNING,
            instant: began,
        };
        let mut chain = Self {
            publisher: Publisher::new(request, [7; 32]),
            connection: Connection::new(Limits::default(), [8; 32]),
            stream: Stream::new(&lease(), &Config::new(PathBuf::new()), now),
            began,
            segment: Vec::new(),
            open: None,
            viewer: Viewer::new(plan),
            playlists: Playlists::new(),
            payload: Vec::new(),
            plan,
        };
        while !chain.is_accepted() {}
        chain.send(MediaKind::Video, 0, &encoder::video_header());
        chain.send(MediaKind::Audio, 0, &encoder::audio_header(plan.sample_rate));
        chain
    }

    /// Goes on until the publish is accepted.
    fn is_accepted(&mut self) -> bool {
        while let Some(bytes) = self.publisher.take_outgoing() {
            let mut input = &bytes[..];
            while let Some(event) = self.connection.receive(&mut input).unwrap() {
                if let Event::Publish(_) = event {
                    self.connection.accept();
                }
            }
        }
        self.is_answered()
    }

    fn is_answered(&mut self) -> bool {
        let mut started = false;
        while let Some(bytes) = self.connection.take_outgoing() {
            let mut input = &bytes[..];
            while let Some(event) = self.publisher.receive(&mut input).unwrap() {
                assert_eq!(event, publisher::Event::Started);
                started = true;
            }
        }
        started
    }

    fn send(&mut self, kind: MediaKind, micros: u64, payload: &[u8]) {
        let server_micros = Duration::from_micros(self.plan.server_micros(micros));
        let now = Now {
            wall: BEGINNING.plus(server_micros),
            instant: self.began + server_micros,
        };
        self.stream.flush_if_due(now.instant);
        let stamp = self.plan.stamp(micros) as u32;
        self.publisher.send_media(kind, stamp, payload).unwrap();
        while let Some(bytes) = self.publisher.take_outgoing() {
            let mut input = &bytes[..];
            while let Some(event) = self.connection.receive(&mut input).unwrap() {
                match event {
                    Event::Media {
                        kind,
                        timestamp_ms,
                        payload,
                    } => self.stream.receive(kind, timestamp_ms, payload, now),
                    other => panic!("{other:?}"),
                }
            }
        }
        while let Some(work) = self.stream.take_work() {
            self.work(work, now.wall);
        }
    }

    fn work(&mut self, work: Work, now: UnixTime) {
        match work {
            Work::Begin {
                name,
                program_date_time,
                discontinuity,
            } => {
                assert!(!discontinuity, "a discontinuity at {now:?}");
                self.open = Some((name, program_date_time));
            }
            Work::Batch(bytes) => self.segment.extend_from_slice(&bytes),
            Work::End(segment) => {
                let (name, date) = self.open.take().expect("it has begun");
                assert_eq!(segment.length, self.segment.len() as u64);
                self.viewer.watch(&self.segment);
                self.segment.clear();
                self.playlists.list(&segment, name, date);
                assert!(!self.is_answered());
            }
        }
    }

    /// Publishes for so long, by the encoder's clock, from where the encoder stands.
    fn run_until(&mut self, encoder: &mut Encoder, until_s: u64) {
        loop {
            let due = encoder.next();
            let mut payload = std::mem::take(&mut self.payload);
            encoder::write_payload(&self.plan, &due, &mut payload);
            self.send(due.kind, due.micros, &payload);
            self.payload = payload;
            if due.micros >= until_s * 1_000_000 {
                return;
            }
        }
    }
}

/// What the playlists say, one after the other, to a reader that is not ours.
struct Playlists {
    window: LiveWindow,
    next_sequence: u64,
    /// Where the last segment began, and its duration, ticks.
    last: Option<(i64, u64)>,
    /// The first date of the playlist before, and the duration of what it dates, ms.
    dated: Option<(i64, f64)>,
    /// The furthest that a date was from the server's clock at the arrival of what it dates, ms.
    date_error_ms: i64,
}

impl Playlists {
    fn new() -> Self {
        Self {
            window: LiveWindow::new(FRAG_COUNT as usize, FRAG_DURATION_S, []),
            next_sequence: 0,
            last: None,
            dated: None,
            date_error_ms: 0,
        }
    }

    fn list(&mut self, segment: &Segment, name: UnixTime, date: UnixTime) {
        assert!(
            segment.random_access && !segment.forced && !segment.discontinuity,
            "{segment:?}"
        );
        if let Some((start, duration)) = self.last.replace((segment.start.as_ticks(), segment.duration)) {
            assert_eq!(start + duration as i64, segment.start.as_ticks(), "segments join");
        }
        let error_ms = date.as_millis() - name.as_millis();
        self.date_error_ms = self.date_error_ms.max(error_ms.abs());
        self.window.push(entry(&SegmentRecord {
            session: SessionId::from_bits(1),
            sequence: self.next_sequence,
            discontinuity_sequence: 0,
            discontinuity: false,
            name,
            program_date_time: date,
            duration: segment.duration,
            length: segment.length,
            crc64: segment.crc64,
        }));
        self.next_sequence += 1;
        self.read(&self.window.playlist(false));
    }

    fn read(&mut self, text: &str) {
        let Ok(m3u8_rs::Playlist::MediaPlaylist(playlist)) = m3u8_rs::parse_playlist_res(text.as_bytes()) else {
            panic!("no media playlist:\n{text}")
        };
        let listed = playlist.segments.len() as u64;
        assert_eq!(playlist.media_sequence + listed, self.next_sequence, "{text}");
        assert_eq!(listed, self.next_sequence.min(FRAG_COUNT.into()), "{text}");
        let facts = (
            playlist.target_duration,
            playlist.discontinuity_sequence,
            playlist.end_list,
        );
        assert_eq!(facts, (FRAG_DURATION_S.into(), 0, false), "{text}");
        assert!(playlist.segments.iter().all(|segment| !segment.discontinuity), "{text}");
        let first = &playlist.segments[0];
        let date_ms = first.program_date_time.expect("a date").timestamp_millis();
        let duration_ms = f64::from(first.duration) * 1_000.0;
        if playlist.media_sequence > 0
            && let Some((before_ms, duration_ms)) = self.dated
        {
            // What an encoder's clock drifts is taken back gently: by a thousandth of the time, and a millisecond.
            let error_ms = (date_ms - before_ms) as f64 - duration_ms;
            assert!(
                error_ms.abs() <= duration_ms / 1_000.0 + 1.0,
                "dates {error_ms} ms off:\n{text}"
            );
        }
        self.dated = Some((date_ms, duration_ms));
    }
}

fn lease() -> Lease {
    let config = ChannelConfig {
        frag_duration_s: FRAG_DURATION_S,
        frag_count: FRAG_COUNT,
        ..ChannelConfig::default()
    };
    Lease {
        bucket: BucketName::parse("bucket").unwrap(),
        channel: ChannelName::parse("camera").unwrap(),
        playlist_name: config.playlist_name.clone(),
        config,
        session: SessionId::from_bits(1),
        epoch: 1,
        next_sequence: 0,
        next_discontinuity_sequence: 0,
        last_name: None,
        last_program_date_time: None,
        window: Vec::new(),
    }
}

/// A number that the environment names.
fn chosen(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Publishes for so many days, and checks what can be seen of it.
fn run(plan: Plan, days: u64) {
    let began = std::time::Instant::now();
    let mut chain = Chain::new(plan);
    let mut encoder = Encoder::new(plan);
    // By then everything has its size.
    chain.run_until(&mut encoder, days * DAY_S / 10);
    let before = Holds::now();
    chain.run_until(&mut encoder, days * DAY_S);
    let after = Holds::now();
    let seen = chain.viewer.seen;
    println!(
        "{days} days of {plan:?}: {seen}; dates at most {} ms from the clock; {} KiB more after nine tenths; in {:.0?}",
        chain.playlists.date_error_ms,
        after.resident_kib - before.resident_kib,
        began.elapsed(),
    );
    assert_eq!(chain.stream.faults(), 0);
    let Seen {
        pictures,
        frames,
        wraps,
        sound_error,
        sound_seam,
        ..
    } = seen;
    // The segment that is open holds the last of them.
    let (open_s, frame_ticks) = (
        u64::from(2 * FRAG_DURATION_S),
        1_024.0 * 90_000.0 / plan.sample_rate as f64,
    );
    let sent_s = days * DAY_S - open_s;
    assert!(pictures >= sent_s * plan.pictures_per_second && frames >= sent_s * plan.sample_rate * 999 / 1_024_000);
    assert!(wraps >= (days * DAY_S * 90_000) >> 33);
    assert!(sound_error < frame_ticks, "{} ms", sound_error / 90.0);
    assert!(sound_seam < 90.0, "{sound_seam} ticks");
    // A picture's date is the server's time at its arrival, less what one drift correction may be behind.
    assert!(
        chain.playlists.date_error_ms <= 20,
        "{} ms",
        chain.playlists.date_error_ms
    );
    assert!(after.resident_kib - before.resident_kib < 2_048, "{before:?} {after:?}");
    assert_eq!(after.descriptors, before.descriptors);
}

#[test]
fn days_of_a_stream_have_no_seam_whatever_its_clocks_do() {
    alone(
        "tests::long_streams::days_of_a_stream_have_no_seam_whatever_its_clocks_do",
        || {
            let days = chosen("ALLUVIUM_DAYS", 3);
            let pictures_per_second = chosen("ALLUVIUM_PICTURES", 1);
            for (clock_ppm, sound_ppm) in DRIFTS_PPM {
                let plan = Plan {
                    pictures_per_second,
                    pictures_per_gop: 5 * pictures_per_second,
                    // Few pictures are for a short run: so is slow audio.
                    sample_rate: if pictures_per_second > 5 { 44_100 } else { 11_025 },
                    first_stamp: (1 << 32) - days * DAY_S * 1_000 / 2,
                    clock_ppm,
                    sound_ppm,
                };
                run(plan, days);
            }
        },
    );
}
