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
        }
    }

    /// A publish was accepted; gives the connection's number.
    pub(crate) fn open(&mut self) -> u32 {
        let connection = self.sent.len() as u32;
        self.sent.push(Sent::new(self.publisher, connection));
        connection
    }

    /// The kernel has taken the last byte of the newest connection's next unit of this track.
    pub(crate) fn accept(&mut self, track: Track, at: Time) {
        if let Some(sent) = self.sent.last_mut() {
            sent.accept(track, at);
        }
    }

    /// The newest connection is over.
    pub(crate) fn end(&mut self, end: End) {
        if let Some(sent) = self.sent.last_mut() {
            sent.end(end);
        }
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
        found.iter().try_for_each(|found| self.take(sequence, *found))
    }

    /// Judges what is left when nothing more can come.
    pub(crate) fn finish(&mut self) -> Result<(), Violation> {
        let from = self.place.map_or(0, |place| place.connection);
        self.settle(from, self.sent.len() as u32)
    }

    /// Whether all that has to be listed is, and the last connection is over.
    pub(crate) fn is_complete(&self) -> bool {
        let last = self.sent.last();
        last.is_none_or(|sent| sent.is_over() && sent.missing().is_none())
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
