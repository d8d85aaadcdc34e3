//! What each stage of the way of a frame costs, in instructions and in time.
//!
//! ```text
//!   media (one GOP after the other) -> wire (its bytes) -> a Stage: prepare, run ──> src/main.rs: instructions
//!                                                                                └─> benches/stages.rs: time
//! ```
//!
//! Nothing here is random: each [`Stage`] that [`all`] lists is given the same bytes on every machine.

mod frames;
mod media;
mod playlists;
mod signatures;
mod wire;

use media::Rate;

/// One stage with its state. It can be given its next input, and run, again and again.
pub trait Stage {
    /// Makes the next input. Not a part of what is measured.
    fn prepare(&mut self);

    /// Does the work on what was prepared; tells how much came out, in the stage's own unit.
    fn run(&mut self) -> usize;

    /// How much went into the run.
    fn load(&self) -> Load;
}

/// How much one run is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A GOP of two seconds.
    Gop {
        /// Pictures and audio frames.
        frames: usize,
        /// Bytes of their messages.
        bytes: usize,
    },
    /// One request or playlist.
    One,
}

/// A stage as the tables list it.
#[derive(Clone, Copy)]
pub struct Row {
    /// What works.
    pub stage: &'static str,
    /// On what.
    pub input: &'static str,
    new: fn() -> Box<dyn Stage>,
}

impl Row {
    /// The stage after one run: its buffers have the size that they keep.
    pub fn warm(&self) -> Box<dyn Stage> {
        let mut stage = (self.new)();
        for _ in 0..2 {
            stage.prepare();
            stage.run();
        }
        stage
    }
}

/// Every stage that is measured.
pub fn all() -> Vec<Row> {
    let row = |stage, input, new| Row { stage, input, new };
    vec![
        row("chunks", "800 kbit/s, chunks of 60,000", || {
            Box::new(frames::Chunks::new(Rate::Low, 60_000))
        }),
        row("chunks", "2.5 Mbit/s, chunks of 60,000", || {
            Box::new(frames::Chunks::new(Rate::High, 60_000))
        }),
        row("chunks", "2.5 Mbit/s, chunks of 4,096", || {
            Box::new(frames::Chunks::new(Rate::High, 4_096))
        }),
        row("chunks", "2.5 Mbit/s, chunks of 128", || {
            Box::new(frames::Chunks::new(Rate::High, 128))
        }),
        row("demuxer", "800 kbit/s", || Box::new(frames::Demuxing::new(Rate::Low))),
        row("demuxer", "2.5 Mbit/s", || Box::new(frames::Demuxing::new(Rate::High))),
        row("segmenter", "800 kbit/s", || Box::new(frames::Muxing::new(Rate::Low))),
        row("segmenter", "2.5 Mbit/s", || Box::new(frames::Muxing::new(Rate::High))),
        row("chunks to segments", "800 kbit/s, chunks of 60,000", || {
            Box::new(frames::Way::new(Rate::Low, 60_000))
        }),
        row("chunks to segments", "2.5 Mbit/s, chunks of 60,000", || {
            Box::new(frames::Way::new(Rate::High, 60_000))
        }),
        row("chunks to segments", "2.5 Mbit/s, chunks of 4,096", || {
            Box::new(frames::Way::new(Rate::High, 4_096))
        }),
        row("live playlist", "6 segments", || Box::new(playlists::Live::new(6))),
        row("VOD playlist", "1,000 segments", || {
            Box::new(playlists::Vod::new(1_000))
        }),
        row("publish URL", "parsed, verified", || {
            Box::new(signatures::PublishUrl::new())
        }),
        row("V1 header", "parsed, verified", || Box::new(signatures::Header::v1())),
        row("V4 header", "parsed, verified", || Box::new(signatures::Header::v4())),
    ]
}
