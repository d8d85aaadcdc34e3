//! One track's clock: which timestamps can be believed.

/// A track's clock on the way to the timeline.
#[derive(Debug, Default)]
pub(super) struct Lane {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing has arrived.
    #[default]
    Silent,
    /// Every timestamp so far has been judged.
    Steady(Line),
    /// Units wait, because their timestamps are far from the line.
    Doubtful {
        line: Line,
        /// Their unwrapped timestamps; 1 to [`CONFIRMATIONS`].
        held: Vec<i64>,
    },
}

/// Where the track is.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// The last believed timestamp, unwrapped, ms. Its low 31 bits are those of the timestamp as carried.
    unwrapped: i64,
    /// What makes an unwrapped timestamp one of the timeline, ms.
    offset: i64,
    /// The latest believed time on the timeline, ms.
    peak: i64,
    /// The usual distance of two units, ms: the last one that was seen.
    spacing: i64,
}

/// The other track, as far as judging needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    line: Line,
    /// The end of what has been placed, ms.
    next_ms: i64,
}

/// What to do with the unit that has just arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Place it.
    Place {
        /// Where, ms on the timeline.
        ms: i64,
        /// Set when its timestamp does not rise: how far it is behind the track's latest.
        behind: Option<i64>,
    },
    /// The track's first unit, so far from the other track that it was moved beside it. Place it.
    Apart {
        /// Where, ms on the timeline.
        ms: i64,
        /// How far from the other track it was.
        by_ms: i64,
    },
    /// Keep it; a later one decides.
    Hold,
    /// The held ones are decided by it.
    Settled(Settled),
}

/// A decision about held units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) verdict: Verdict,
    /// Where the held units go, in order, ms on the timeline.
    pub(crate) held: Vec<i64>,
    pub(crate) then: Then,
}

/// What held units have turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Stamped far from their neighbours, by this much each.
    Outliers { by_ms: Vec<i64> },
    /// Right: the publisher paused.
    Gap,
    /// The clock has jumped for good. `new_timeline`: the other track has not told so already.
    Jump { by_ms: i64, new_timeline: bool },
}

/// What to do with the unit that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Place it, ms on the timeline.
    Place(i64),
    /// Keep it; it is as doubtful as those were.
    Hold,
    /// There is none: the decision was asked for.
    Nothing,
}

impl Lane {
    /// Judges the next unit's timestamp; `next_ms` is the end of what has been placed of this track.
    pub(super) fn arrive(&mut self, timestamp_ms: u32, next_ms: i64, neighbour: Option<Neighbour>) -> Arrival {
        let (state, arrival) = match std::mem::take(&mut self.state) {
            State::Silent => Line::begin(timestamp_ms, neighbour),
            State::Steady(mut line) => {
                let unwrapped = unwrap(timestamp_ms, line.unwrapped);
                if line.is_near(unwrapped) {
                    let (ms, behind) = line.follow(unwrapped);
                    (State::Steady(line), Arrival::Place { ms, behind })
                } else {
                    (
                        State::Doubtful {
                            line,
                            held: vec![unwrapped],
                        },
                        Arrival::Hold,
                    )
                }
            }
            State::Doubtful { line, held } => judge(line, held, timestamp_ms, next_ms, neighbour),
        };
        self.state = state;
        arrival
    }

    /// Decides about held units without waiting for more.
    pub(super) fn settle(&mut self, next_ms: i64, neighbour: Option<Neighbour>) -> Option<Settled> {
        let (state, settled) = match std::mem::take(&mut self.state) {
            State::Doubtful { mut line, held } => {
                let is_pause = (1..=PAUSE_MS_MAX).contains(&(held[0] + line.offset - line.peak));
                let (verdict, held) = if held.len() > 1 || is_pause {
                    line.accept(&held, next_ms, neighbour)
                } else {
                    line.spread(&held, None)
                };
                (
                    State::Steady(line),
                    Some(Settled {
                        verdict,
                        held,
                        then: Then::Nothing,
                    }),
                )
            }
            state => (state, None),
        };
        self.state = state;
        settled
    }

    /// This track as the other one sees it.
    pub(super) fn as_neighbour(&self, next_ms: i64) -> Option<Neighbour> {
        self.line().map(|&line| Neighbour { line, next_ms })
    }

    /// When the next unit is due, ms.
    pub(super) fn next_ms(&self) -> i64 {
        self.line().map_or(0, |line| line.peak + line.spacing)
    }

    fn line(&self) -> Option<&Line> {
        match &self.state {
            State::Silent => None,
            State::Steady(line) | State::Doubtful { line, .. } => Some(line),
        }
    }
}

/// Judges a unit while others are held.
fn judge(
    mut line: Line,
    mut held: Vec<i64>,
    timestamp_ms: u32,
    next_ms: i64,
    neighbour: Option<Neighbour>,
) -> (State, Arrival) {
    let unwrapped = unwrap(timestamp_ms, line.unwrapped);
    if line.is_near(unwrapped) {
        let (verdict, held) = line.spread(&held, Some(unwrapped + line.offset));
        let (ms, _) = line.follow(unwrapped);
        return (
            State::Steady(line),
            Arrival::Settled(Settled {
                verdict,
                held,
                then: Then::Place(ms),
            }),
        );
    }
    let agrees = held
        .last()
        .is_some_and(|last| (-BACKWARD_MS_MAX..=PAUSE_MS_MAX).contains(&(unwrapped - last)));
    if !agrees {
        let (verdict, held) = line.spread(&held, None);
        let settled = Settled {
            verdict,
            held,
            then: Then::Hold,
        };
        return (
            State::Doubtful {
                line,
                held: vec![unwrapped],
            },
            Arrival::Settled(settled),
        );
    }
    if held.len() < CONFIRMATIONS {
        held.push(unwrapped);
        return (State::Doubtful { line, held }, Arrival::Hold);
    }
    let (verdict, held) = line.accept(&held, next_ms, neighbour);
    let (ms, _) = line.follow(unwrapped);
    (
        State::Steady(line),
        Arrival::Settled(Settled {
            verdict,
            held,
            then: Then::Place(ms),
        }),
    )
}

impl Line {
    /// The first unit of a track joins the other track's line, or is moved there.
    fn begin(timestamp_ms: u32, neighbour: Option<Neighbour>) -> (State, Arrival) {
        let Some(Neighbour { line: other, .. }) = neighbour else {
            let unwrapped = i64::from(timestamp_ms);
            let ms = unwrapped + ORIGIN_MS;
            let line = Self {
                unwrapped,
                offset: ORIGIN_MS,
                peak: ms,
                spacing: SPACING_MS,
            };
            return (State::Steady(line), Arrival::Place { ms, behind: None });
        };
        let unwrapped = unwrap(timestamp_ms, other.unwrapped);
        let by_ms = unwrapped + other.offset - other.peak;
        if by_ms.abs() <= APART_MS_MAX {
            let ms = unwrapped + other.offset;
            let line = Self {
                unwrapped,
                offset: other.offset,
                peak: ms,
                spacing: SPACING_MS,
            };
            (State::Steady(line), Arrival::Place { ms, behind: None })
        } else {
            let ms = other.peak;
            let line = Self {
                unwrapped,
                offset: ms - unwrapped,
                peak: ms,
                spacing: SPACING_MS,
            };
            (State::Steady(line), Arrival::Apart { ms, by_ms })
        }
    }

    /// Whether a timestamp can be believed at once.
    fn is_near(&self, unwrapped: i64) -> bool {
        let step = unwrapped + self.offset - self.peak;
        let forward_max = (self.spacing * 3).clamp(FORWARD_MS_MAX, PAUSE_MS_MAX);
        (-BACKWARD_MS_MAX..=forward_max).contains(&step)
    }

    /// Believes a timestamp.
    fn follow(&mut self, unwrapped: i64) -> (i64, Option<i64>) {
        let ms = unwrapped + self.offset;
        let step = ms - self.peak;
        self.unwrapped = unwrapped;
        if step <= 0 {
            return (ms, Some(-step));
        }
        self.peak = ms;
        self.spacing = step;
        (ms, None)
    }

    /// Spreads outliers between the line and the unit that has returned to it, or at the usual distance.
    fn spread(&mut self, held: &[i64], next_ms: Option<i64>) -> (Verdict, Vec<i64>) {
        let by_ms = held
            .iter()
            .map(|unwrapped| unwrapped + self.offset - self.peak)
            .collect();
        let parts = held.len() as i64 + 1;
        let spacing = match next_ms {
            Some(next_ms) => (next_ms - self.peak) / parts,
            None => self.spacing,
        };
        let spacing = spacing.clamp(0, self.spacing);
        let places: Vec<i64> = (1..parts).map(|part| self.peak + part * spacing).collect();
        self.peak += (parts - 1) * spacing;
        (Verdict::Outliers { by_ms }, places)
    }

    /// Believes held units which agree with each other; `next_ms` is the end of what has been placed.
    fn accept(&mut self, held: &[i64], next_ms: i64, neighbour: Option<Neighbour>) -> (Verdict, Vec<i64>) {
        let by_ms = held[0] + self.offset - self.peak;
        let verdict = if let Some(offset) = self.shared_offset(held[0], neighbour) {
            let is_own = offset == self.offset;
            self.offset = offset;
            if is_own {
                Verdict::Gap
            } else {
                Verdict::Jump {
                    by_ms,
                    new_timeline: false,
                }
            }
        } else if (1..=PAUSE_MS_MAX).contains(&by_ms) {
            Verdict::Gap
        } else {
            // Behind both tracks, so that neither has to go back; but not for a track that runs far ahead.
            let other_ms = neighbour.map_or(next_ms, |other| other.next_ms.clamp(next_ms, next_ms + BACKWARD_MS_MAX));
            self.offset = other_ms - held[0];
            Verdict::Jump {
                by_ms,
                new_timeline: true,
            }
        };
        let places = held.iter().map(|&unwrapped| self.follow(unwrapped).0).collect();
        (verdict, places)
    }

    /// The other track's offset, where it puts a timestamp beside that track and not behind this one.
    fn shared_offset(&self, unwrapped: i64, neighbour: Option<Neighbour>) -> Option<i64> {
        let other = neighbour?.line;
        let ms = unwrapped + other.offset;
        let is_beside = (ms - other.peak).abs() <= APART_MS_MAX;
        (is_beside && ms >= self.peak - BACKWARD_MS_MAX).then_some(other.offset)
    }
}

/// The timestamp nearest to `reference` whose low 31 bits are those of `timestamp_ms`.
fn unwrap(timestamp_ms: u32, reference: i64) -> i64 {
    reference + i64::from(ahead_ms(timestamp_ms, reference as u32))
}

/// How far a timestamp is ahead of another one, ms.
///
/// RTMP counts 32 bits; FFmpeg and OBS clear the top one, so that theirs wrap after 24.9 days. The distance is taken
/// modulo 2^31, where both wraps are steps like any other.
pub(crate) fn ahead_ms(timestamp_ms: u32, reference_ms: u32) -> i32 {
    (timestamp_ms.wrapping_sub(reference_ms) << 1) as i32 >> 1
}

/// How many units that agree make a doubtful one right: two more frames cost 80 ms once, and two frames in a row stamped
/// with the same wrong time have not been seen.
pub(super) const CONFIRMATIONS: usize = 2;
/// Where the timeline begins, ms after its zero: room for pictures decoded before they are presented, and for a track
/// that begins earlier than the first.
const ORIGIN_MS: i64 = 10_000;
/// The distance of units before any two have been seen.
const SPACING_MS: i64 = 33;
/// A step which is believed at once, or three times the step before where that is more: slow pictures are no pauses.
/// Encoders under load skip a few hundred milliseconds.
const FORWARD_MS_MAX: i64 = 1_000;
/// A step back which is re-stamped at once. Encoders have been seen to go back 20 to 200 ms.
const BACKWARD_MS_MAX: i64 = 1_000;
/// A pause of the publisher; a longer one on all tracks begins a new timeline. Far below the time of silence which ends a
/// connection, far above any stall of an encoder.
const PAUSE_MS_MAX: i64 = 10_000;
/// How far apart two tracks of one clock can be. Interleaving and look-ahead explain one or two seconds.
const APART_MS_MAX: i64 = 5_000;
