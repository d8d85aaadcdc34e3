//! A viewer of some channels: reads every playlist again and again, and every listed segment once.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};

use crate::http::{Answer, Client};
use crate::playlist::Listing;
use crate::run::{Channel, PLAYLIST, Run};
use crate::segment;
use crate::status::State;
use crate::violation::{Body, Place, Violation};

pub(crate) struct Reader {
    run: Arc<Run>,
    client: Client,
    /// Indices of the channels it reads.
    channels: Vec<usize>,
    interval: Duration,
    random: StdRng,
}

/// As many readers as `count`, who share all channels between them and look at each once in an interval.
pub(crate) fn readers(run: &Arc<Run>, count: usize, interval: Duration) -> Vec<Reader> {
    let reader = |first: usize| Reader {
        run: Arc::clone(run),
        client: Client::new(run.addresses[first % 2]),
        channels: (first..run.channels.len()).step_by(count).collect(),
        interval,
        random: StdRng::seed_from_u64(first as u64),
    };
    (0..count).map(reader).collect()
}

impl Reader {
    /// Reads until it is aborted, also while the server is down.
    pub(crate) async fn read(mut self) {
        let run = Arc::clone(&self.run);
        loop {
            let next = Instant::now() + self.interval;
            for index in self.channels.clone() {
                let channel = &run.channels[index];
                // What fails because the server is down is asked for again in the next round.
                let _: Option<()> = self.look(channel).await;
            }
            sleep_until(next).await;
        }
    }

    /// Reads all that was ever listed once more.
    pub(crate) async fn read_again(mut self) {
        let run = Arc::clone(&self.run);
        for index in self.channels.clone() {
            let channel = &run.channels[index];
            let count = channel.ledger().listed().count_read();
            for at in 0..count {
                let Some((uri, was)) = body(channel, at) else { continue };
                let Some(answer) = self.ask(channel, &uri, Method::Get).await else {
                    return;
                };
                let judgement = answer.check_segment(&uri).and_then(|_| answer.check_still(&uri, was));
                run.check(channel, judgement);
            }
        }
    }

    /// Playlist, new segments, and one of the old ones. `None` where the server went down.
    async fn look(&mut self, channel: &Channel) -> Option<()> {
        let run = Arc::clone(&self.run);
        let answer = self.ask(channel, PLAYLIST, Method::Get).await?;
        run.check(channel, take_playlist(channel, &answer));
        loop {
            let unread = channel.ledger().listed().unread();
            let Some(place) = unread else { break };
            let answer = self.ask(channel, &place.uri, Method::Get).await?;
            if let Err(violation) = take_segment(channel, place, &answer) {
                run.report(channel, violation);
                return None;
            }
        }
        let count = channel.ledger().listed().count_read();
        if count > 0
            && let Some((uri, was)) = body(channel, self.random.random_range(0..count))
        {
            let answer = self.ask(channel, &uri, Method::Head).await?;
            run.check(channel, answer.check_still(&uri, was));
        }
        Some(())
    }

    /// Asks for something of the channel; a server that is up all the while has to answer.
    async fn ask(&mut self, channel: &Channel, name: &str, method: Method) -> Option<Answer> {
        let path = channel.path(name);
        let before = self.run.status.phase();
        let answer = match method {
            Method::Get => self.client.get(&path).await,
            Method::Head => self.client.head(&path).await,
        };
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                if before.state == State::Ready && self.run.status.phase() == before {
                    let uri = name.to_owned();
                    self.run.report(channel, Violation::Unanswered { uri, error });
                }
                None
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Head,
}

fn body(channel: &Channel, at: usize) -> Option<(String, Body)> {
    let ledger = channel.ledger();
    let (uri, body) = ledger.listed().body(at)?;
    Some((uri.to_owned(), body))
}

fn take_playlist(channel: &Channel, answer: &Answer) -> Result<(), Violation> {
    let mut ledger = channel.ledger();
    match answer.status {
        200 => ledger.list(&Listing::read(&answer.body).map_err(Violation::NoPlaylist)?),
        404 if ledger.listed().count() == 0 => Ok(()),
        status => Err(Violation::PlaylistGone {
            listed: ledger.listed().count(),
            status,
        }),
    }
}

fn take_segment(channel: &Channel, at: Place, answer: &Answer) -> Result<(), Violation> {
    let body = answer.check_segment(&at.uri)?;
    let found = match segment::read(&answer.body) {
        Ok(found) => found,
        Err(damage) => return Err(Violation::Damaged { at, damage }),
    };
    let mut ledger = channel.ledger();
    ledger.read(at.sequence, &found)?;
    ledger.listed_mut().note_read(body);
    Ok(())
}
