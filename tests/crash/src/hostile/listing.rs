//! How long it takes from the keyframe that ends a segment to the playlist that lists it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock::Time;
use crate::http::Client;
use crate::playlist::Listing;
use crate::publisher::Keyframe;
use crate::run::{PLAYLIST, Run};

/// A task for each channel asks for its playlist from the moment on at which the kernel took a keyframe, until one more
/// segment is listed.
pub(super) struct Probes {
    keyframes: mpsc::Sender<Keyframe>,
    /// Locked for a moment only.
    found: Arc<Mutex<Vec<Duration>>>,
    _tasks: JoinSet<()>,
}

impl Probes {
    pub(super) fn start(run: &Arc<Run>) -> Self {
        let (keyframes, mut came) = mpsc::channel::<Keyframe>(WAITING_MAX);
        let found = Arc::default();
        let mut tasks = JoinSet::new();
        let probes: Vec<_> = (0..run.channels.len())
            .map(|channel| {
                let (keyframes, came) = mpsc::channel(WAITING_MAX);
                tasks.spawn(probe(Arc::clone(run), channel, came, Arc::clone(&found)));
                keyframes
            })
            .collect();
        tasks.spawn(async move {
            while let Some(keyframe) = came.recv().await {
                // Never so many that one finds no room.
                let _ = probes[keyframe.channel].try_send(keyframe.at);
            }
        });
        Self {
            keyframes,
            found,
            _tasks: tasks,
        }
    }

    /// Where publishers tell of their keyframes.
    pub(super) fn keyframes(&self) -> mpsc::Sender<Keyframe> {
        self.keyframes.clone()
    }

    /// What was found since this was asked last.
    pub(super) fn forget(&self) -> Vec<Duration> {
        std::mem::take(&mut lock(&self.found))
    }
}

async fn probe(run: Arc<Run>, channel: usize, mut came: mpsc::Receiver<Time>, found: Arc<Mutex<Vec<Duration>>>) {
    let mut client = Client::new(run.addresses[1]);
    let path = run.channels[channel].path(PLAYLIST);
    // The first keyframe ends nothing; the second ends the first segment of the channel.
    let mut ended = 0;
    let Some(_) = came.recv().await else { return };
    while let Some(at) = came.recv().await {
        ended += 1;
        while run.clock.now().0 < at.0 + PATIENCE {
            let listed = match client.get(&path).await {
                Ok(answer) if answer.status == 200 => Listing::read(&answer.body)
                    .map_or(0, |listing| listing.media_sequence + listing.entries.len() as u64),
                _ => 0,
            };
            if listed >= ended {
                lock(&found).push(at.until(run.clock.now()));
                break;
            }
            sleep(LOOK_INTERVAL).await;
        }
    }
}

fn lock(found: &Mutex<Vec<Duration>>) -> MutexGuard<'_, Vec<Duration>> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Nothing is listed as late as this; what is has been found missing long before.
const PATIENCE: Duration = Duration::from_secs(30);

const WAITING_MAX: usize = 1_000;
