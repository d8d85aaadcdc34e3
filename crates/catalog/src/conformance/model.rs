use std::sync::Arc;
use std::time::Duration;

use alluvium_oss::{ChannelConfig, ChannelName, ChannelStatus, UnixTime};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::site::{Site, at, channel, owner};
use crate::{
    Appended, Catalog, ChannelState, ChannelWatch, Error, Lease, Missing, OpenSession, SegmentRecord, SessionRecord,
};

/// Runs random sequences of what two publishers and an owner may do on two channels, and compares every answer and every
/// view with a model of a few lines.
pub fn any_interleaving_keeps_the_promises<C: Catalog, K>(cases: u32, make: impl Fn() -> (C, K)) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runner.run(&prop::collection::vec((any_step(), 0..4_000_u64), 1..40), |steps| {
        let (catalog, _kept) = make();
        runtime.block_on(play(Arc::new(catalog), &steps));
        Ok(())
    });
    outcome.unwrap();
}

/// What somebody does. Channels are 0 and 1; leases and segments are picked among all that there ever were.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open {
        channel: usize,
        busy_within_s: u64,
    },
    Append {
        lease: prop::sample::Index,
        kind: Kind,
    },
    Renew {
        lease: prop::sample::Index,
    },
    Close {
        lease: prop::sample::Index,
    },
    Withdraw {
        channel: usize,
        segment: prop::sample::Index,
    },
    Put {
        channel: usize,
    },
    SetStatus {
        channel: usize,
        status: ChannelStatus,
    },
    Delete {
        channel: usize,
    },
    DeleteBucket,
    CreateBucket,
    MarkEnded,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What is due.
    Next,
    /// The last one again.
    Again,
    /// One sequence too far.
    Gap,
    /// A name that is taken.
    OldName,
}

fn any_step() -> impl Strategy<Value = Step> {
    let lease = any::<prop::sample::Index>;
    let kind =
        prop_oneof![6 => Just(Kind::Next), 2 => Just(Kind::Again), 1 => Just(Kind::Gap), 1 => Just(Kind::OldName)];
    let status = prop_oneof![Just(ChannelStatus::Enabled), Just(ChannelStatus::Disabled)];
    prop_oneof![
        5 => (0..2_usize, prop_oneof![Just(0_u64), Just(3)])
            .prop_map(|(channel, busy_within_s)| Step::Open { channel, busy_within_s }),
        12 => (lease(), kind).prop_map(|(lease, kind)| Step::Append { lease, kind }),
        2 => lease().prop_map(|lease| Step::Renew { lease }),
        3 => lease().prop_map(|lease| Step::Close { lease }),
        3 => (0..2_usize, lease()).prop_map(|(channel, segment)| Step::Withdraw { channel, segment }),
        3 => (0..2_usize).prop_map(|channel| Step::Put { channel }),
        1 => (0..2_usize, status).prop_map(|(channel, status)| Step::SetStatus { channel, status }),
        2 => (0..2_usize).prop_map(|channel| Step::Delete { channel }),
        1 => Just(Step::DeleteBucket),
        2 => Just(Step::CreateBucket),
        1 => Just(Step::MarkEnded),
    ]
}

/// What must be true of one channel.
#[derive(Default)]
struct Model {
    /// `None`: the channel does not exist.
    status: Option<ChannelStatus>,
    epoch: u64,
    /// The index of the lease which may append, and when its last media came.
    holder: Option<(usize, UnixTime)>,
    /// When the last session was closed, unless somebody came back or the end was marked.
    waiting: Option<UnixTime>,
    next_sequence: u64,
    last_name: Option<UnixTime>,
    listable_from: u64,
    segments: Vec<SegmentRecord>,
    ended_sessions: usize,
    /// The last record that the holder appended.
    last_appended: Option<SegmentRecord>,
}

struct World {
    site: Site,
    has_bucket: bool,
    models: [Model; 2],
    names: [ChannelName; 2],
    /// Every lease ever given, with its channel.
    leases: Vec<(usize, Lease)>,
    watches: [ChannelWatch; 2],
    now: UnixTime,
}

async fn play(catalog: Arc<dyn Catalog>, steps: &[(Step, u64)]) {
    let site = Site::new(catalog).await;
    let names = [site.channel.clone(), channel("other")];
    site.catalog
        .put_channel(&site.bucket, &names[1], &ChannelConfig::default(), at(0))
        .await
        .unwrap();
    let watch = async |name| site.catalog.watch_channel(&site.bucket, name).await.unwrap();
    let watches = [watch(&names[0]).await, watch(&names[1]).await];
    let enabled = || Model {
        status: Some(ChannelStatus::Enabled),
        ..Model::default()
    };
    let models = [enabled(), enabled()];
    let mut world = World {
        site,
        has_bucket: true,
        models,
        names,
        leases: Vec::new(),
        watches,
        now: at(0),
    };
    for &(step, elapsed) in steps {
        world.now = world.now.plus(Duration::from_millis(elapsed));
        world.take(step).await;
        world.compare(step).await;
    }
}

impl World {
    async fn take(&mut self, step: Step) {
        let now = self.now;
        let catalog = Arc::clone(&self.site.catalog);
        let bucket = self.site.bucket.clone();
        match step {
            Step::Open { channel, busy_within_s } => self.open(channel, Duration::from_secs(busy_within_s)).await,
            Step::Append { lease, kind } => self.append(lease, kind).await,
            Step::Renew { lease } => {
                let Some((index, channel, lease)) = self.pick(lease) else {
                    return;
                };
                let answer = self.site.renew(&lease, now).await;
                let model = &mut self.models[channel];
                match &mut model.holder {
                    Some((holder, last_media)) if *holder == index => {
                        answer.unwrap();
                        *last_media = now;
                    }
                    _ => assert_eq!(answer, Err(Error::Fenced { epoch: lease.epoch })),
                }
            }
            Step::Close { lease } => {
                let Some((index, channel, lease)) = self.pick(lease) else {
                    return;
                };
                let answer = catalog.close_session(&lease, now).await;
                let is_newest = self.leases.iter().rposition(|(of, _)| *of == channel) == Some(index);
                let model = &mut self.models[channel];
                if is_newest && model.epoch == lease.epoch {
                    answer.unwrap();
                    if model.holder.take().is_some() {
                        model.waiting = Some(now);
                        model.ended_sessions += 1;
                    }
                } else {
                    assert_eq!(answer, Err(Error::Fenced { epoch: lease.epoch }));
                }
            }
            Step::Withdraw { channel, segment } => {
                let model = &mut self.models[channel];
                if model.segments.is_empty() {
                    return;
                }
                let segment = model.segments.remove(segment.index(model.segments.len()));
                model.listable_from = model.listable_from.max(segment.sequence + 1);
                let key = self.names[channel].segment_key(segment.name);
                assert_eq!(catalog.withdraw_segment(&bucket, &key).await, Ok(true));
            }
            Step::Put { channel } => {
                let config = ChannelConfig::default();
                let answer = catalog
                    .put_channel(&bucket, &self.names[channel], &config, now)
                    .await
                    .map(|_| ());
                let model = &mut self.models[channel];
                let expected = match (self.has_bucket, model.holder) {
                    (false, _) => Err(Error::NotFound { what: Missing::Bucket }),
                    (true, Some(_)) => Err(Error::Live),
                    (true, None) => {
                        model.status = Some(ChannelStatus::Enabled);
                        Ok(())
                    }
                };
                assert_eq!(answer, expected);
            }
            Step::SetStatus { channel, status } => {
                let answer = catalog
                    .set_channel_status(&bucket, &self.names[channel], status, now)
                    .await;
                let expected = self.missing(channel).map_or(Ok(()), Err);
                if expected.is_ok() {
                    self.models[channel].status = Some(status);
                }
                assert_eq!(answer, expected);
            }
            Step::Delete { channel } => {
                let answer = catalog.delete_channel(&bucket, &self.names[channel]).await;
                let missing = self.missing(channel);
                let model = &mut self.models[channel];
                let expected = match (missing, model.holder) {
                    (Some(missing), _) => Err(missing),
                    (None, Some(_)) => Err(Error::Live),
                    (None, None) => {
                        (model.status, model.ended_sessions) = (None, 0);
                        Ok(())
                    }
                };
                assert_eq!(answer, expected);
            }
            Step::DeleteBucket => {
                let answer = catalog.delete_bucket(&bucket).await;
                if !self.has_bucket {
                    assert_eq!(answer, Err(Error::NotFound { what: Missing::Bucket }));
                } else if self.models.iter().any(|model| model.status.is_some()) {
                    assert_eq!(answer, Err(Error::NotEmpty));
                } else {
                    answer.unwrap();
                    self.has_bucket = false;
                    self.models = Default::default();
                }
            }
            Step::CreateBucket => {
                catalog.create_bucket(&bucket, &owner("o"), None, now).await.unwrap();
                self.has_bucket = true;
            }
            Step::MarkEnded => {
                for unended in catalog.unended(now, 1).await.unwrap() {
                    catalog.mark_ended(&unended).await.unwrap();
                    let channel = self.names.iter().position(|name| *name == unended.channel).unwrap();
                    assert_eq!(self.models[channel].waiting.take(), Some(unended.closed));
                }
            }
        }
    }

    async fn open(&mut self, channel: usize, busy_within: Duration) {
        let name = self.names[channel].clone();
        let open = OpenSession {
            channel: name,
            busy_within,
            ..self.site.asking(self.now)
        };
        let remote_addr = open.remote_addr;
        let answer = self.site.catalog.open_session(open).await;
        let missing = self.missing(channel);
        let model = &mut self.models[channel];
        let idle = model.holder.map(|(_, last_media)| self.now.since(last_media));
        let expected = match (missing, model.status, idle) {
            (Some(missing), _, _) => Some(missing),
            (None, Some(ChannelStatus::Disabled), _) => Some(Error::Disabled),
            (None, _, Some(idle)) if idle < busy_within => Some(Error::Busy { remote_addr, idle }),
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!(answer.unwrap_err(), expected);
            return;
        }
        let lease = answer.unwrap();
        model.epoch += 1;
        model.ended_sessions += usize::from(model.holder.is_some());
        model.holder = Some((self.leases.len(), self.now));
        (model.waiting, model.last_appended) = (None, None);
        let frag_count = ChannelConfig::default().frag_count as usize;
        assert_eq!((lease.epoch, lease.next_sequence), (model.epoch, model.next_sequence));
        assert_eq!(
            (lease.last_name, lease.window.as_slice()),
            (model.last_name, model.listable(frag_count))
        );
        self.leases.push((channel, lease));
    }

    async fn append(&mut self, lease: prop::sample::Index, kind: Kind) {
        let Some((index, channel, lease)) = self.pick(lease) else {
            return;
        };
        let model = &mut self.models[channel];
        let taken = model.last_name.map_or(0, UnixTime::as_millis);
        let due = SegmentRecord {
            session: lease.session,
            sequence: model.next_sequence,
            discontinuity_sequence: model.epoch,
            discontinuity: false,
            name: UnixTime::from_millis(self.now.as_millis().max(taken + 1)),
            program_date_time: self.now,
            duration: 90,
            length: self.now.as_millis().cast_unsigned(),
            crc64: index as u64,
        };
        let segment = match kind {
            Kind::Next => due,
            Kind::Again => model.last_appended.unwrap_or(due),
            Kind::Gap => SegmentRecord {
                sequence: due.sequence + 1,
                ..due
            },
            Kind::OldName => SegmentRecord {
                name: UnixTime::from_millis(taken),
                ..due
            },
        };
        let answer = self.site.catalog.append_segment(&lease, segment).await;
        let appended = Ok(Appended {
            listable_from: model.listable_from,
        });
        if model.holder.is_none_or(|(holder, _)| holder != index) {
            assert_eq!(answer, Err(Error::Fenced { epoch: lease.epoch }));
        } else if model.last_appended == Some(segment) {
            assert_eq!(answer, appended);
        } else if segment.sequence == model.next_sequence && model.last_name.is_none_or(|last| segment.name > last) {
            assert_eq!(answer, appended);
            model.next_sequence += 1;
            model.last_name = Some(segment.name);
            model.last_appended = Some(segment);
            model.segments.push(segment);
        } else {
            assert!(matches!(answer, Err(Error::OutOfOrder { .. })), "{answer:?}");
        }
    }

    /// Compares every view of the catalog with the model.
    async fn compare(&self, step: Step) {
        let (catalog, bucket) = (&self.site.catalog, &self.site.bucket);
        let mut waiting = 0;
        for (channel, model) in self.models.iter().enumerate() {
            let name = &self.names[channel];
            let all = catalog
                .segments_between(bucket, name, UnixTime::default(), at(1 << 30), None, 1_000)
                .await
                .unwrap();
            assert_eq!(all, model.segments, "after {step:?}");
            let latest = catalog.latest_segments(bucket, name, 2).await.unwrap();
            assert_eq!(latest, model.listable(2), "after {step:?}");
            let holder = model
                .holder
                .map(|(holder, last_media)| (self.leases[holder].1.session, last_media));
            let (live, recent) = match self.missing(channel) {
                Some(missing) => {
                    assert_eq!(catalog.live_session(bucket, name).await, Err(missing), "after {step:?}");
                    (None, Vec::<SessionRecord>::new())
                }
                None => (
                    catalog.live_session(bucket, name).await.unwrap(),
                    catalog.recent_sessions(bucket, name, 1_000).await.unwrap(),
                ),
            };
            assert_eq!(
                live.map(|live| (live.session, live.last_media)),
                holder,
                "after {step:?}"
            );
            assert_eq!(recent.len(), model.ended_sessions, "after {step:?}");
            let watched = self.watches[channel].current();
            assert_eq!(watched.status, model.status, "after {step:?}");
            if self.has_bucket && model.epoch > 0 {
                assert_eq!(
                    watched,
                    ChannelState {
                        status: model.status,
                        epoch: model.epoch
                    },
                    "after {step:?}"
                );
            }
            waiting += usize::from(model.waiting.is_some());
        }
        assert_eq!(
            catalog.unended(at(1 << 30), 10).await.unwrap().len(),
            waiting,
            "after {step:?}"
        );
    }

    fn pick(&self, lease: prop::sample::Index) -> Option<(usize, usize, Lease)> {
        let index = (!self.leases.is_empty()).then(|| lease.index(self.leases.len()))?;
        let (channel, lease) = &self.leases[index];
        Some((index, *channel, lease.clone()))
    }

    fn missing(&self, channel: usize) -> Option<Error> {
        match (self.has_bucket, self.models[channel].status) {
            (false, _) => Some(Error::NotFound { what: Missing::Bucket }),
            (true, None) => Some(Error::NotFound { what: Missing::Channel }),
            (true, Some(_)) => None,
        }
    }
}

impl Model {
    fn listable(&self, count: usize) -> &[SegmentRecord] {
        let first = self
            .segments
            .partition_point(|segment| segment.sequence < self.listable_from);
        &self.segments[first.max(self.segments.len().saturating_sub(count))..]
    }
}
