//! Many paced publishers on one thread, or one that sends as fast as it can.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::publisher::Publisher;
use crate::statistics::percentile;
use crate::timeline::Timeline;

/// When the keyframe was sent that closes the segment of this number (the first is 1) of a publisher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) publisher: usize,
    pub(crate) segment: u64,
    pub(crate) at: Instant,
}

pub(crate) struct Plan<'a> {
    pub(crate) timeline: &'a Timeline,
    /// The first publisher's first frame.
    pub(crate) start: Instant,
    /// The starts are spread evenly over this time: a GOP, so that keyframes are too.
    pub(crate) spread: Duration,
    /// From `start` on.
    pub(crate) duration: Duration,
    /// Ends the load before its time.
    pub(crate) stop: &'a AtomicBool,
    /// Who wants to know of closing keyframes, while `watched`: those of every publisher in `watch_every`.
    pub(crate) closed: Sender<Closed>,
    pub(crate) watched: &'a AtomicBool,
    pub(crate) watch_every: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    /// The 99th percentile of the time by which frames were sent too late.
    pub(crate) late_p99: Duration,
    /// Those the server hung up on, and why.
    pub(crate) disconnected: Vec<String>,
    /// By publisher: how many segments its media makes, if each keyframe begins one.
    pub(crate) segments: Vec<u64>,
}

/// Publishes until the plan's end; gives what was sent. Server and load part as FFmpeg does it.
pub(crate) fn pace(publishers: Vec<Publisher>, plan: &Plan<'_>) -> Result<Report> {
    let spread_us = plan.spread.as_micros() as u64;
    let count = publishers.len() as u64;
    let mut lanes = Vec::with_capacity(publishers.len());
    for (number, publisher) in publishers.into_iter().enumerate() {
        publisher.socket.set_nonblocking(true)?;
        lanes.push(Lane {
            prelude: plan.timeline.prelude(publisher.stream),
            publisher: Some(publisher),
            // On whole milliseconds, as the frames: one waking sends all that fall due in it.
            start_us: number as u64 * spread_us / count.max(1) / 1000 * 1000,
            next: 0,
            sent_of_next: 0,
            keyframes: 0,
        });
    }
    let mut load = Load {
        plan,
        lanes,
        late_us: Vec::new(),
        report: Report::default(),
    };
    load.run();
    Ok(load.finish())
}

struct Load<'a> {
    plan: &'a Plan<'a>,
    lanes: Vec<Lane>,
    late_us: Vec<u32>,
    report: Report,
}

struct Lane {
    /// Gone once the server has hung up.
    publisher: Option<Publisher>,
    /// What is still to be sent before media.
    prelude: Vec<u8>,
    start_us: u64,
    /// The slot to be sent next.
    next: u64,
    /// Of its bytes.
    sent_of_next: usize,
    keyframes: u64,
}

impl Lane {
    /// What is still to be sent of a frame that the server has taken a part of.
    fn rest_of_frame<'a>(&self, timeline: &'a Timeline) -> &'a [u8] {
        match self.sent_of_next {
            0 => &[],
            sent => &timeline.wire()[timeline.begin(self.next) + sent..timeline.slot(self.next).end],
        }
    }
}

impl Load<'_> {
    fn run(&mut self) {
        let end_us = self.plan.duration.as_micros() as u64;
        let mut queue: BinaryHeap<_> = self
            .lanes
            .iter()
            .enumerate()
            .map(|(at, lane)| Reverse((lane.start_us, at)))
            .collect();
        while let Some(Reverse((due_us, at))) = queue.pop() {
            if due_us >= end_us || self.plan.stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep((self.plan.start + Duration::from_micros(due_us)).saturating_duration_since(Instant::now()));
            match self.send(at) {
                Ok(again_us) => queue.push(Reverse((again_us, at))),
                Err(error) => {
                    self.report.disconnected.push(format!("publisher {at}: {error}"));
                    self.lanes[at].publisher = None;
                }
            }
        }
    }

    /// Sends all that is due of a publisher; gives the time at which to come back.
    fn send(&mut self, at: usize) -> io::Result<u64> {
        let (plan, lane) = (self.plan, &mut self.lanes[at]);
        let Some(publisher) = &mut lane.publisher else {
            return Ok(u64::MAX);
        };
        let now_us = plan.start.elapsed().as_micros() as u64;
        if !lane.prelude.is_empty() {
            // A new connection takes that much at once.
            publisher.socket.write_all(&lane.prelude)?;
            lane.prelude = Vec::new();
        }
        let end_us = plan.duration.as_micros() as u64;
        let due_us = |slot: u64| lane.start_us + plan.timeline.slot(slot).due_ms * 1000;
        // A turn's bytes are written to their end at most: what follows is due at once, if it is.
        let mut after = lane.next + 1;
        while !after.is_multiple_of(plan.timeline.slots()) && due_us(after) <= now_us && due_us(after) < end_us {
            after += 1;
        }
        let begin = plan.timeline.begin(lane.next) + lane.sent_of_next;
        let end = plan.timeline.slot(after - 1).end;
        let written = match publisher.socket.write(&plan.timeline.wire()[begin..end]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.report.bytes += written as u64;
        let reached = begin + written;
        let sent = Instant::now();
        while lane.next < after && plan.timeline.slot(lane.next).end <= reached {
            let slot = plan.timeline.slot(lane.next);
            let due = plan.start + Duration::from_micros(lane.start_us + slot.due_ms * 1000);
            self.late_us
                .push(sent.saturating_duration_since(due).as_micros() as u32);
            if slot.is_keyframe {
                if lane.keyframes > 0 && at.is_multiple_of(plan.watch_every) && plan.watched.load(Ordering::Relaxed) {
                    let closed = Closed {
                        publisher: at,
                        segment: lane.keyframes,
                        at: sent,
                    };
                    // Nobody listens any more at the end.
                    let _ = plan.closed.send(closed);
                }
                lane.keyframes += 1;
            }
            lane.next += 1;
            if lane.next.is_multiple_of(SLOTS_BETWEEN_HEARING) {
                publisher.hear()?;
            }
        }
        lane.sent_of_next = reached.saturating_sub(plan.timeline.begin(lane.next));
        if lane.next == after {
            lane.sent_of_next = 0;
            return Ok(lane.start_us + plan.timeline.slot(lane.next).due_ms * 1000);
        }
        Ok(now_us + BLOCKED_FOR_US)
    }

    fn finish(mut self) -> Report {
        // All at once: the server has their ends to deal with together.
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let rest = lane.rest_of_frame(self.plan.timeline);
            if let Some(publisher) = &mut lane.publisher
                && let Err(error) = publisher.end(rest)
            {
                self.report
                    .disconnected
                    .push(format!("publisher {at}, at its end: {error}"));
                lane.publisher = None;
            }
        }
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(publisher) = &mut lane.publisher
                && let Err(error) = publisher.await_close()
            {
                // Each of the others would take as long not to close.
                self.report
                    .disconnected
                    .push(format!("publisher {at}, which the server does not close: {error}"));
                break;
            }
        }
        self.report.segments = self.lanes.iter().map(|lane| lane.keyframes).collect();
        let late_us = percentile(&mut self.late_us, 99).unwrap_or_default();
        self.report.late_p99 = Duration::from_micros(late_us.into());
        self.report
    }
}

/// What one publisher has got rid of that sent as fast as it could.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unpaced {
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) segments: u64,
}

/// Sends turn after turn for so long, or as much as a disk should take; whole turns only, so that it ends with a whole frame.
pub(crate) fn unpaced(mut publisher: Publisher, timeline: &Timeline, duration: Duration) -> Result<Unpaced> {
    let prelude = timeline.prelude(publisher.stream);
    publisher.socket.write_all(&prelude)?;
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < duration && turns * (timeline.wire().len() as u64) < UNPACED_BYTES_MAX {
        publisher
            .socket
            .write_all(timeline.wire())
            .context("the server hung up")?;
        turns += 1;
        publisher.socket.set_nonblocking(true)?;
        publisher.hear().context("the server hung up")?;
        publisher.socket.set_nonblocking(false)?;
    }
    let elapsed = start.elapsed();
    publisher.end(&[])?;
    publisher.await_close().context("the server does not close")?;
    let bytes = turns * timeline.wire().len() as u64;
    Ok(Unpaced {
        bytes,
        elapsed,
        segments: turns * timeline.keyframes_of_a_turn(),
    })
}

/// Of one unpaced publisher.
pub(crate) const UNPACED_BYTES_MAX: u64 = 2 << 30;
/// About a second of media.
const SLOTS_BETWEEN_HEARING: u64 = 73;
/// A server that does not read is asked again after this time.
const BLOCKED_FOR_US: u64 = 2_000;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;
    use crate::floor::{self, Storing};
    use crate::flv::tests::file;
    use crate::publisher::Target;
    use crate::servers::free_address;

    /// Two GOPs of 40 ms.
    fn timeline() -> Timeline {
        let (keyframe, picture): (&[u8], &[u8]) = (&[0x17, 1, 0, 0, 0, 1], &[0x27, 1, 0, 0, 0, 2]);
        let file = file(&[
            (9, 0, &[0x17, 0, 0, 0, 0, 1]),
            (9, 0, keyframe),
            (9, 20, picture),
            (9, 40, keyframe),
            (9, 60, picture),
        ]);
        Timeline::new(&file, 4096).unwrap()
    }

    #[test]
    fn every_publisher_sends_all_that_falls_due() {
        let folder = std::env::temp_dir().join(format!("alluvium-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let address = free_address().unwrap();
        let storing = Storing {
            folder: folder.clone(),
            segment_bytes: 1 << 20,
        };
        thread::spawn(move || floor::serve(address, Some(storing)));
        while std::net::TcpStream::connect(address).is_err() {
            thread::yield_now();
        }

        let (target, timeline) = (
            Target {
                address,
                app: "live".to_owned(),
            },
            timeline(),
        );
        let publishers = Publisher::connect_all(&target, 3, timeline.chunk_bytes()).unwrap();
        let (closed, closings) = mpsc::channel();
        let plan = Plan {
            timeline: &timeline,
            start: Instant::now(),
            spread: Duration::from_millis(30),
            duration: Duration::from_millis(170),
            stop: &AtomicBool::new(false),
            closed,
            watched: &AtomicBool::new(true),
            watch_every: 2,
        };
        let report = pace(publishers, &plan).unwrap();
        drop(plan);

        assert_eq!(report.disconnected, Vec::<String>::new());
        // The second and the third begin 10 and 20 ms later: what would be due at 170 and 180 ms is not sent.
        let slots = [9, 8, 8];
        assert_eq!(report.segments, slots.map(|slots: u64| slots.div_ceil(2)));
        for (publisher, slots) in slots.into_iter().enumerate() {
            let turns = timeline.wire().repeat(3);
            let end = slots / 4 * timeline.wire().len() as u64 + timeline.begin(slots) as u64;
            let sent = [timeline.prelude(1), turns[..end as usize].to_vec()].concat();
            let stored = fs::read(folder.join(format!("s{publisher}-0"))).unwrap();
            // The word of goodbye comes after media.
            assert!(stored.starts_with(&sent), "publisher {publisher}");
            assert_eq!(
                stored[sent.len()],
                alluvium_encoder::chunk_stream::COMMANDS,
                "publisher {publisher}"
            );
        }
        let mut closed: Vec<_> = closings
            .iter()
            .map(|closed| (closed.publisher, closed.segment))
            .collect();
        closed.sort_unstable();
        assert_eq!(closed, [(0, 1), (0, 2), (0, 3), (0, 4), (2, 1), (2, 2), (2, 3)]);
        fs::remove_dir_all(folder).unwrap();
    }
}
