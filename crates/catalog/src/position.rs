use std::net::SocketAddr;

use alluvium_oss::{BucketName, ChannelConfig, ChannelName, ChannelStatus, PlaylistName, UnixTime};

use crate::{
    Activity, Appended, Error, Lease, LiveSession, NodeId, OpenSession, SegmentRecord, SessionId, SessionRecord,
    Statistics, Unended,
};

/// Where a channel's recording stands: the rules of sessions and segments, without any storage.
///
/// Every number in it only rises. A backend reads it, lets it take one step, and writes it back in one transaction;
/// a step that fails has changed nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Of the newest session; 0 before the first.
    pub(crate) epoch: u64,
    pub(crate) next_sequence: u64,
    /// `None` before the first segment.
    pub(crate) last: Option<LastSegment>,
    pub(crate) listable_from: u64,
    /// Where the window of the session closed last began. What was left behind is not listed again, even by a larger one.
    pub(crate) window_from: u64,
    pub(crate) publish: Publish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSegment {
    pub(crate) name: UnixTime,
    pub(crate) discontinuity_sequence: u64,
    /// The latest end of media of any segment.
    pub(crate) ends: UnixTime,
}

/// What became of the newest session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Publish {
    /// There was none.
    #[default]
    Never,
    /// Its lease is good.
    Open(Opened),
    /// Its publisher may come back; players wait.
    Closed(Closed),
    /// The playlist has its ENDLIST.
    Ended(SessionId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    pub(crate) node: NodeId,
    pub(crate) remote_addr: SocketAddr,
    pub(crate) started: UnixTime,
    pub(crate) playlist_name: PlaylistName,
    pub(crate) frag_count: u32,
    /// End of media of this session's last segment.
    pub(crate) media_end: Option<UnixTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) session: SessionId,
    pub(crate) playlist_name: PlaylistName,
    pub(crate) frag_count: u32,
    pub(crate) closed: UnixTime,
}

/// What opening a session changed besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The session that it replaced.
    pub(crate) replaced: Option<SessionRecord>,
    /// The playlist before, when this session writes another.
    pub(crate) left: Option<Left>,
}

/// A live playlist that the channel's publishers have left for another and that has no ENDLIST yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) playlist_name: PlaylistName,
    /// Of the last session that wrote it.
    pub(crate) epoch: u64,
    pub(crate) closed: UnixTime,
    pub(crate) frag_count: u32,
    /// It lists the segments from this sequence ...
    pub(crate) window_from: u64,
    /// ... to the one with this name.
    pub(crate) last_name: UnixTime,
}

/// What the renewals of a session told last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renewal {
    pub(crate) last_media: UnixTime,
    pub(crate) statistics: Statistics,
}

impl Renewal {
    pub(crate) fn after(earlier: Option<&Self>, activity: &Activity) -> Self {
        let before = earlier.map_or(activity.last_media, |earlier| earlier.last_media);
        Self {
            last_media: activity.last_media.max(before),
            statistics: activity.statistics,
        }
    }
}

/// What a holder of a lease shows with each write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) session: SessionId,
    pub(crate) epoch: u64,
}

impl Claim {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            session: lease.session,
            epoch: lease.epoch,
        }
    }

    pub(crate) fn fenced(self) -> Error {
        Error::Fenced { epoch: self.epoch }
    }
}

/// How an append ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The record must be stored with the position.
    New(Appended),
    /// It had been appended before; nothing changes.
    Known(Appended),
}

impl Position {
    /// Opens a session.
    pub(crate) fn open(
        &mut self,
        session: SessionId,
        open: &OpenSession,
        config: &ChannelConfig,
        renewal: Option<&Renewal>,
    ) -> Result<Opening, Error> {
        if config.status == ChannelStatus::Disabled {
            return Err(Error::Disabled);
        }
        let replaced = match &self.publish {
            Publish::Open(held) => {
                let idle = open.at.since(held.last_media(renewal));
                if idle < open.busy_within {
                    return Err(Error::Busy {
                        remote_addr: held.remote_addr,
                        idle,
                    });
                }
                // A segment may end a little ahead of the clock; the session cannot.
                let media_end = held.media_end.map_or(held.started, |end| end.min(open.at));
                Some(held.record(held.last_media(renewal).max(media_end)))
            }
            Publish::Never | Publish::Closed(_) | Publish::Ended(_) => None,
        };
        let playlist_name = open.playlist_name.as_ref().unwrap_or(&config.playlist_name);
        let left = self.left(playlist_name, open.at);
        self.epoch += 1;
        self.publish = Publish::Open(Opened {
            session,
            node: open.node.clone(),
            remote_addr: open.remote_addr,
            started: open.at,
            playlist_name: playlist_name.clone(),
            frag_count: config.frag_count,
            media_end: None,
        });
        Ok(Opening { replaced, left })
    }

    /// The playlist that waits for a publisher, when the one that comes writes `playlist_name` instead.
    fn left(&self, playlist_name: &PlaylistName, at: UnixTime) -> Option<Left> {
        let (before, closed) = match &self.publish {
            Publish::Open(held) => (&held.playlist_name, at),
            Publish::Closed(closed) => (&closed.playlist_name, closed.closed),
            Publish::Never | Publish::Ended(_) => return None,
        };
        let last = self.last.filter(|_| before != playlist_name)?;
        let frag_count = self.window_count();
        Some(Left {
            playlist_name: before.clone(),
            epoch: self.epoch,
            closed,
            frag_count,
            window_from: self.next_sequence.saturating_sub(frag_count.into()),
            last_name: last.name,
        })
    }

    /// Appends a segment; `is_stored` tells whether the very same record is there, and is asked only when it matters.
    pub(crate) fn append<E: From<Error>>(
        &mut self,
        claim: Claim,
        segment: &SegmentRecord,
        is_stored: impl FnOnce() -> Result<bool, E>,
    ) -> Result<Step, E> {
        let Publish::Open(held) = &mut self.publish else {
            return Err(claim.fenced().into());
        };
        if held.session != claim.session || self.epoch != claim.epoch {
            return Err(claim.fenced().into());
        }
        let appended = Appended {
            listable_from: self.listable_from,
        };
        if segment.sequence != self.next_sequence {
            let is_last = segment.sequence.checked_add(1) == Some(self.next_sequence)
                && self.last.is_some_and(|last| last.name == segment.name);
            let is_withdrawn = is_last && segment.sequence < self.listable_from;
            return if is_withdrawn || is_stored()? {
                Ok(Step::Known(appended))
            } else {
                Err(out_of_order(
                    "sequence",
                    segment.sequence.cast_signed(),
                    self.next_sequence.cast_signed(),
                )
                .into())
            };
        }
        if let Some(last) = self.last {
            if segment.name <= last.name {
                return Err(out_of_order(
                    "name",
                    segment.name.as_millis(),
                    last.name.as_millis().saturating_add(1),
                )
                .into());
            }
            if segment.discontinuity_sequence < last.discontinuity_sequence {
                let (found, due) = (segment.discontinuity_sequence, last.discontinuity_sequence);
                return Err(out_of_order("discontinuity_sequence", found.cast_signed(), due.cast_signed()).into());
            }
        }
        let ends = segment.ends();
        held.media_end = Some(held.media_end.map_or(ends, |end| end.max(ends)));
        self.next_sequence += 1;
        self.last = Some(LastSegment {
            name: segment.name,
            discontinuity_sequence: segment.discontinuity_sequence,
            ends: self.last.map_or(ends, |last| last.ends.max(ends)),
        });
        Ok(Step::New(appended))
    }

    /// Closes the session; `None` when it was closed before.
    pub(crate) fn close(&mut self, claim: Claim, at: UnixTime) -> Result<Option<SessionRecord>, Error> {
        let newest = match &self.publish {
            Publish::Open(Opened { session, .. })
            | Publish::Closed(Closed { session, .. })
            | Publish::Ended(session) => *session,
            Publish::Never => return Err(claim.fenced()),
        };
        if newest != claim.session || self.epoch != claim.epoch {
            return Err(claim.fenced());
        }
        let Publish::Open(held) = &self.publish else {
            return Ok(None);
        };
        let record = held.record(at);
        let frag_count = held.frag_count.max(1).into();
        self.window_from = self.window_from.max(self.next_sequence.saturating_sub(frag_count));
        self.publish = Publish::Closed(Closed {
            session: held.session,
            playlist_name: held.playlist_name.clone(),
            frag_count: held.frag_count,
            closed: record.ended,
        });
        Ok(Some(record))
    }

    /// Tells that the playlist of the session with this epoch has its ENDLIST.
    pub(crate) fn mark_ended(&mut self, epoch: u64) -> Result<(), Error> {
        match &self.publish {
            Publish::Closed(closed) if self.epoch == epoch => {
                self.publish = Publish::Ended(closed.session);
                Ok(())
            }
            Publish::Ended(_) if self.epoch == epoch => Ok(()),
            _ => Err(Error::Fenced { epoch }),
        }
    }

    /// Lets no live playlist list the segment of this sequence or one before it.
    pub(crate) fn withdraw(&mut self, sequence: u64) {
        self.listable_from = self.listable_from.max(sequence.saturating_add(1));
    }

    /// How many of the newest segments the newest session's window lists.
    pub(crate) fn window_count(&self) -> u32 {
        let frag_count = match &self.publish {
            Publish::Open(Opened { frag_count, .. }) | Publish::Closed(Closed { frag_count, .. }) => *frag_count,
            Publish::Never | Publish::Ended(_) => 0,
        };
        let count = self.next_sequence.saturating_sub(self.window_from);
        u32::try_from(count).map_or(frag_count, |count| count.min(frag_count))
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.publish, Publish::Open(_))
    }

    /// Whether the claim's session is the open one.
    pub(crate) fn holds(&self, claim: Claim) -> bool {
        self.epoch == claim.epoch && matches!(&self.publish, Publish::Open(held) if held.session == claim.session)
    }

    pub(crate) fn live(&self, renewal: Option<&Renewal>) -> Option<LiveSession> {
        let Publish::Open(held) = &self.publish else {
            return None;
        };
        Some(LiveSession {
            session: held.session,
            epoch: self.epoch,
            remote_addr: held.remote_addr,
            connected: held.started,
            last_media: held.last_media(renewal),
            statistics: renewal.map_or_else(Statistics::default, |renewal| renewal.statistics),
            playlist_name: held.playlist_name.clone(),
            frag_count: held.frag_count,
        })
    }

    /// The lease of the open session.
    pub(crate) fn lease(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        config: ChannelConfig,
        window: Vec<SegmentRecord>,
    ) -> Option<Lease> {
        let Publish::Open(held) = &self.publish else {
            return None;
        };
        Some(Lease {
            bucket: bucket.clone(),
            channel: channel.clone(),
            config,
            playlist_name: held.playlist_name.clone(),
            session: held.session,
            epoch: self.epoch,
            next_sequence: self.next_sequence,
            next_discontinuity_sequence: self
                .last
                .map_or(0, |last| last.discontinuity_sequence.saturating_add(1)),
            last_name: self.last.map(|last| last.name),
            last_program_date_time: self.last.map(|last| last.ends),
            window,
        })
    }

    /// What waits for its ENDLIST since before `closed_before`; its window is to be filled in.
    pub(crate) fn unended(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        closed_before: UnixTime,
    ) -> Option<Unended> {
        match &self.publish {
            Publish::Closed(closed) if closed.closed < closed_before => Some(Unended {
                bucket: bucket.clone(),
                channel: channel.clone(),
                playlist_name: closed.playlist_name.clone(),
                epoch: self.epoch,
                closed: closed.closed,
                window: Vec::new(),
            }),
            _ => None,
        }
    }
}

impl Opened {
    fn last_media(&self, renewal: Option<&Renewal>) -> UnixTime {
        renewal.map_or(self.started, |renewal| renewal.last_media.max(self.started))
    }

    fn record(&self, ended: UnixTime) -> SessionRecord {
        SessionRecord {
            session: self.session,
            started: self.started,
            ended: ended.max(self.started),
            remote_addr: self.remote_addr,
        }
    }
}

impl Left {
    pub(crate) fn is(&self, unended: &Unended) -> bool {
        self.epoch == unended.epoch && self.playlist_name == unended.playlist_name
    }

    /// As [`Position::unended`].
    pub(crate) fn unended(&self, bucket: &BucketName, channel: &ChannelName) -> Unended {
        Unended {
            bucket: bucket.clone(),
            channel: channel.clone(),
            playlist_name: self.playlist_name.clone(),
            epoch: self.epoch,
            closed: self.closed,
            window: Vec::new(),
        }
    }
}

/// Playlists kept that wait for their ENDLIST while their channel's publishers use others: beyond this the oldest is
/// forgotten, so that a publisher that names another one each time cannot fill the disk.
pub(crate) const LEFT_MAX: usize = 100;

/// Ended sessions kept of a channel: ten times what the API shows, so that a flapping publisher cannot fill the disk.
pub(crate) const HISTORY_MAX: usize = 100;

fn out_of_order(field: &'static str, found: i64, due: i64) -> Error {
    Error::OutOfOrder { field, found, due }
}
