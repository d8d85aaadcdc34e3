//! One channel's account: what its publisher sent and what its reader saw, and whether that agrees.
//!
//! ```text
//!     publisher: opened, accepted.., ended  --+
//!     reader: playlists -> sequences, tags  --+--> Violation, or losses within bounds
//!             segments -> units, their DTS  --+
//! ```
//!
//! A pure machine: it is told of everything, in the order in which it was seen, and never asks.

mod listed;
mod sent;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::clock::Time;
use crate::playlist::Listing;
use crate::segment::Found;
use crate::unit::{Track, UnitId};
use crate::violation::Violation;

pub(crate) use listed::Listed;
use sent::Sent;
pub(crate) use sent::{End, LOSS_MAX, Loss};

pub(crate) struct Ledger {
    publisher: u32,
    /// By connection.
    sent: Vec<Sent>,
    listed: Listed,
    /// Behind the last segment that was read.
    place: Option<Place>,
    losses: Vec<Loss>,
    /// The last start of the server that has ended.
    ended: u32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    connection: u32,
    /// Of the last PES packet of each track.
    dts: [Option<u64>; 2],
}

impl Ledger {
    pub(crate) fn new(publisher: u32) -> Self {
        Self {
            publisher,
            sent: Vec::new(),
            listed: Listed::default(),
            place: None,
            losses: Vec::new(),
            ended: 0,
        }
    }

    /// A publish was accepted by this start of the server; gives the connection's number, unless that has ended since.
    pub(crate) fn open(&mut self, start: u32) -> Result<Option<u32>, Violation> {
        if start <= self.ended {
            return Ok(None);
        }
        let connection = self.sent.len() as u32;
        if let Some(beside) = self.sent.iter().find(|sent| !sent.is_over()) {
            let beside = beside.connection();
            return Err(Violation::SecondPublisher { connection, beside });
        }
        self.sent.push(Sent::new(self.publisher, connection, start));
        Ok(Some(connection))
    }

    /// The kernel has taken the last byte of the connection's next unit of this track.
    pub(crate) fn accept(&mut self, connection: u32, track: Track, at: Time) {
        self.sent[connection as usize].accept(track, at);
    }

    /// The server says that it has received as many units of each track of the connection.
    pub(crate) fn acknowledge(&mut self, connection: u32, units: [u32; 2]) {
        self.sent[connection as usize].acknowledge(units);
    }

    /// This start of the server has ended, and with it all its connections that were not over; before that the machine
    /// has kept a thread waiting for so long.
    pub(crate) fn server_ended(&mut self, start: u32, end: End, stalled: Duration) {
        self.ended = start;
        self.sent
            .iter_mut()
            .for_each(|sent| sent.server_ended(start, end, stalled));
    }

    /// The connection is over.
    pub(crate) fn end(&mut self, connection: u32, end: End) {
        self.sent[connection as usize].end(end);
    }

    /// The playlist as it was just read.
    pub(crate) fn list(&mut self, listing: &Listing) -> Result<(), Violation> {
        self.listed.take(listing)
    }

    /// What was found in a listed segment; they are read in their order.
    pub(crate) fn read(&mut self, sequence: u64, found: &[Found]) -> Result<(), Violation> {
        let at = self.listed.place(sequence);
        let Some(first) = found.first() else {
            return Err(Violation::Empty { at });
        };
        let strangers = found.iter().map(|found| found.id).find(|unit| !self.knows(*unit));
        if let Some(unit) = strangers {
            return Err(Violation::NeverSent { at, unit });
        }
        self.begin(sequence, first.id)?;
        found.iter().try_for_each(|found| self.take(sequence, *found))?;
        self.listed.check_duration(sequence, found)
    }

    /// The playlist of all that was recorded, asked for at the end.
    pub(crate) fn compare_recorded(&self, recorded: &Listing) -> Result<(), Violation> {
        self.listed.compare_recorded(recorded)
    }

    /// Judges what is left when nothing more can come.
    pub(crate) fn finish(&mut self) -> Result<(), Violation> {
        let from = self.place.map_or(0, |place| place.connection);
        self.settle(from, self.sent.len() as u32)
    }

    /// Whether all connections are over, and all units of those that ended cleanly are listed.
    pub(crate) fn is_complete(&self) -> bool {
        self.sent.iter().all(Sent::is_complete)
    }

    pub(crate) fn listed(&self) -> &Listed {
        &self.listed
    }

    pub(crate) fn listed_mut(&mut self) -> &mut Listed {
        &mut self.listed
    }

    /// Of all streams that a kill has ended, as far as they were judged.
    pub(crate) fn losses(&self) -> &[Loss] {
        &self.losses
    }

    pub(crate) fn connections(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn units_sent(&self) -> u64 {
        self.sent.iter().map(Sent::units).sum()
    }

    pub(crate) fn units_acknowledged(&self) -> u64 {
        self.sent.iter().map(Sent::units_acknowledged).sum()
    }

    pub(crate) fn units_listed(&self) -> u64 {
        self.sent.iter().map(Sent::units_found).sum()
    }

    fn knows(&self, unit: UnitId) -> bool {
        unit.publisher == self.publisher && (unit.connection as usize) < self.sent.len()
    }

    /// A segment begins with this unit: does it go on, or is there a gap, and is that told?
    fn begin(&mut self, sequence: u64, unit: UnitId) -> Result<(), Violation> {
        let at = self.listed.place(sequence);
        let discontinuity = self.listed.is_discontinuity(sequence);
        let connection = unit.connection;
        let behind = self.place.map(|place| place.connection);
        if behind.is_some_and(|behind| connection < behind) {
            return Err(self.sent[connection as usize].out_of_order(at, unit));
        }
        match behind {
            Some(behind) if connection > behind && !discontinuity => {
                return Err(Violation::DiscontinuityMissing { at, connection, behind });
            }
            Some(behind) if connection > behind => self.settle(behind, connection)?,
            _ if discontinuity => return Err(Violation::DiscontinuityExtra { at, connection }),
            Some(_) => return Ok(()),
            None => self.settle(0, connection)?,
        }
        self.place = Some(Place {
            connection,
            dts: [None; 2],
        });
        Ok(())
    }

    fn take(&mut self, sequence: u64, Found { id: unit, dts }: Found) -> Result<(), Violation> {
        let Some(place) = &mut self.place else { return Ok(()) };
        let at = || self.listed.place(sequence);
        if unit.connection != place.connection {
            return Err(Violation::Mixed { at: at(), unit });
        }
        self.sent[unit.connection as usize].find(unit, at)?;
        let Some(dts) = dts else { return Ok(()) };
        match place.dts[unit.track as usize].replace(dts) {
            Some(last) if last >= dts => Err(Violation::DtsBack {
                at: at(),
                unit,
                dts,
                last,
            }),
            _ => Ok(()),
        }
    }

    /// Judges connections of which nothing more can be listed.
    fn settle(&mut self, from: u32, to: u32) -> Result<(), Violation> {
        for sent in &self.sent[from as usize..to as usize] {
            self.losses.extend(sent.judge()?);
        }
        Ok(())
    }
}
