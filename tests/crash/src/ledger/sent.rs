//! What one connection sent, and what of it must be stored.

use std::fmt;
use std::time::Duration;

use crate::clock::Time;
use crate::unit::{Track, UnitId};
use crate::violation::{Counts, Place, Violation};

/// What a killed server may lose: promise 2.
pub(crate) const LOSS_MAX: Duration = Duration::from_millis(250);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the server, by SIGKILL.
    Killed { kill: u32, at: Time },
    /// The publisher left; what the kernel had by then is not lost.
    Left { at: Time },
    /// The server was asked to stop; what it had acknowledged is not lost.
    Stopped { at: Time },
}

/// What one stream has lost by a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) connection: u32,
    pub(crate) kill: u32,
    /// From the acceptance of the earliest missing unit to the kill; zero where nothing is missing.
    pub(crate) time: Duration,
    /// For how long the machine kept a thread waiting before the kill.
    pub(crate) stalled: Duration,
    /// Accepted before the kill, and in no segment.
    pub(crate) units: u64,
}

#[derive(Debug, Clone, Copy)]
struct Kill {
    number: u32,
    at: Time,
    /// For how long the machine kept a thread waiting before.
    stalled: Duration,
}

#[derive(Debug)]
pub(super) struct Sent {
    publisher: u32,
    connection: u32,
    /// The start of the server that has accepted it.
    start: u32,
    /// When the kernel had each unit, by track and number.
    accepted: [Vec<Time>; 2],
    /// Of each track, how many units the server says it has received.
    acknowledged: [u32; 2],
    /// Of each track, how many units were found in segments: always the first ones.
    found: [u32; 2],
    /// What came first: the publisher left, or the server ended.
    end: Option<End>,
    /// The kill that the server died of, perhaps after the publisher had left.
    killed: Option<Kill>,
}

impl Sent {
    pub(super) fn new(publisher: u32, connection: u32, start: u32) -> Self {
        Self {
            publisher,
            connection,
            start,
            accepted: [Vec::new(), Vec::new()],
            acknowledged: [0; 2],
            found: [0; 2],
            end: None,
            killed: None,
        }
    }

    pub(super) fn accept(&mut self, track: Track, at: Time) {
        self.accepted[track as usize].push(at);
    }

    pub(super) fn acknowledge(&mut self, units: [u32; 2]) {
        self.acknowledged = units;
    }

    /// What is told first holds.
    pub(super) fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// This start of the server has ended.
    pub(super) fn server_ended(&mut self, start: u32, end: End, stalled: Duration) {
        if self.start != start {
            return;
        }
        self.end(end);
        if let End::Killed { kill, at } = end {
            self.killed = Some(Kill {
                number: kill,
                at,
                stalled,
            });
        }
    }

    /// The unit was found behind those before it.
    pub(super) fn find(&mut self, unit: UnitId, at: impl Fn() -> Place) -> Result<(), Violation> {
        let found = &mut self.found[unit.track as usize];
        if unit.number < *found {
            return Err(Violation::Twice { at: at(), unit });
        }
        if unit.number > *found {
            let missing = UnitId { number: *found, ..unit };
            return Err(Violation::LostInside {
                at: at(),
                unit,
                missing,
            });
        }
        *found += 1;
        Ok(())
    }

    /// The unit was found behind those of a later connection.
    pub(super) fn out_of_order(&self, at: Place, unit: UnitId) -> Violation {
        if unit.number < self.found[unit.track as usize] {
            Violation::Twice { at, unit }
        } else {
            Violation::OutOfOrder { at, unit }
        }
    }

    pub(super) fn units(&self) -> u64 {
        self.accepted.iter().map(|units| units.len() as u64).sum()
    }

    pub(super) fn units_acknowledged(&self) -> u64 {
        self.acknowledged.iter().map(|units| u64::from(*units)).sum()
    }

    pub(super) fn units_found(&self) -> u64 {
        self.found.iter().map(|found| u64::from(*found)).sum()
    }

    pub(super) fn connection(&self) -> u32 {
        self.connection
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether all is found that has to be. What a kill may have lost is not waited for.
    pub(super) fn is_complete(&self) -> bool {
        self.is_over() && (self.killed.is_some() || self.missing().is_none())
    }

    /// The earliest unit that has to be stored and was not found; what a kill may lose is among them.
    fn missing(&self) -> Option<(UnitId, Time)> {
        let first = |track: Track| {
            let number = self.found[track as usize];
            let accepted = *self.accepted[track as usize].get(number as usize)?;
            (number < self.due(track)).then_some((self.unit(track, number), accepted))
        };
        let firsts = [first(Track::Video), first(Track::Audio)];
        firsts.into_iter().flatten().min_by_key(|(_, accepted)| *accepted)
    }

    /// How many units of the track have to be stored.
    fn due(&self, track: Track) -> u32 {
        match self.end {
            Some(End::Killed { at, .. } | End::Left { at }) => {
                self.accepted[track as usize].partition_point(|accepted| *accepted < at) as u32
            }
            Some(End::Stopped { .. }) => self.acknowledged[track as usize],
            None => 0,
        }
    }

    /// Judges the connection when nothing more of it will be found.
    pub(super) fn judge(&self) -> Result<Option<Loss>, Violation> {
        for track in [Track::Video, Track::Audio] {
            let found = self.found[track as usize];
            if found as usize > self.accepted[track as usize].len() {
                let unit = self.unit(track, found - 1);
                return Err(Violation::NeverAccepted { unit });
            }
        }
        match (self.end, self.killed, self.missing()) {
            (None, ..) => Ok(None),
            (Some(End::Left { .. } | End::Stopped { .. }), _, None) => Ok(None),
            (Some(_), Some(kill), missing) => self.judge_loss(kill, missing).map(Some),
            (Some(end), None, missing) => missing.map_or(Ok(None), |(missing, accepted)| {
                Err(Violation::LostByEnd {
                    missing,
                    accepted,
                    end,
                    found: self.counts(),
                })
            }),
        }
    }

    fn judge_loss(&self, kill: Kill, missing: Option<(UnitId, Time)>) -> Result<Loss, Violation> {
        let time = missing.map_or(Duration::ZERO, |(_, accepted)| accepted.until(kill.at));
        match missing {
            Some((missing, accepted)) if time > LOSS_MAX => Err(Violation::LostByKill {
                missing,
                kill: kill.number,
                accepted,
                killed: kill.at,
                stalled: kill.stalled,
                found: self.counts(),
            }),
            _ => Ok(Loss {
                connection: self.connection,
                kill: kill.number,
                time,
                stalled: kill.stalled,
                units: self.count_missing(),
            }),
        }
    }

    fn unit(&self, track: Track, number: u32) -> UnitId {
        UnitId {
            publisher: self.publisher,
            connection: self.connection,
            track,
            number,
        }
    }

    fn count_missing(&self) -> u64 {
        let missing = |track: Track| u64::from(self.due(track).saturating_sub(self.found[track as usize]));
        missing(Track::Video) + missing(Track::Audio)
    }

    fn counts(&self) -> Counts {
        let counts = |track: Track| [self.found[track as usize], self.accepted[track as usize].len() as u32];
        Counts {
            pictures: counts(Track::Video),
            frames: counts(Track::Audio),
        }
    }
}

impl End {
    pub(crate) fn at(self) -> Time {
        match self {
            Self::Killed { at, .. } | Self::Left { at } | Self::Stopped { at } => at,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed { kill, at } => write!(f, "the server died of kill {kill} at {at}"),
            Self::Left { at } => write!(f, "the publisher left in order at {at}"),
            Self::Stopped { at } => write!(f, "the server had it when it was asked to stop at {at}"),
        }
    }
}
