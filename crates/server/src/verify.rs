//! `alluvium verify`: is everything that is listed there, whole?

use std::process::ExitCode;

use alluvium_catalog::BucketQuery;
use alluvium_oss::{BucketName, ChannelName, ObjectKey, UnixTime};
use alluvium_store::{self as store, ListQuery, LocalStoreConfig, ObjectStore, check};
use anyhow::{Context, Result, bail};

use crate::serve::Data;
use crate::settings::Settings;

/// Records, buckets and objects asked for at once.
const PAGE: usize = 1000;

/// A playlist longer than this is not one of ours and is not read.
const PLAYLIST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Checks the data folder, or the part of it named by `scope`; prints a line for each fault, and a last one that counts.
pub(crate) async fn run(settings: &Settings, scope: Option<&str>) -> Result<ExitCode> {
    let folder = settings.data.clone();
    if !folder.is_dir() {
        bail!("data folder {}: there is none", folder.display());
    }
    let scope = Scope::parse(scope)?;
    let data = tokio::task::spawn_blocking(move || Data::open(&folder, LocalStoreConfig::default())).await??;
    let mut verification = Verification {
        data,
        scope,
        report: Report::default(),
    };
    verification.run().await?;
    let Report {
        faults,
        playlists,
        segments,
        bytes,
    } = verification.report;
    let count = match faults {
        0 => "no fault".to_owned(),
        1 => "1 fault".to_owned(),
        faults => format!("{faults} faults"),
    };
    println!("{count} in {playlists} playlists and {segments} recorded segments ({bytes} bytes read)");
    Ok(if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is looked at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scope {
    bucket: Option<BucketName>,
    channel: Option<ChannelName>,
}

impl Scope {
    fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else { return Ok(Self::default()) };
        let (bucket, channel) = match text.split_once('/') {
            Some((bucket, channel)) => (bucket, Some(ChannelName::parse(channel)?)),
            None => (text, None),
        };
        Ok(Self {
            bucket: Some(BucketName::parse(bucket)?),
            channel,
        })
    }

    fn includes(&self, channel: &ChannelName) -> bool {
        self.channel.as_ref().is_none_or(|only| only == channel)
    }

    /// What the keys of this scope begin with.
    fn prefix(&self) -> String {
        self.channel
            .as_ref()
            .map_or(String::new(), |channel| format!("{channel}/"))
    }
}

#[derive(Debug, Default)]
struct Report {
    faults: u64,
    playlists: u64,
    segments: u64,
    bytes: u64,
}

impl Report {
    fn fault(&mut self, bucket: &BucketName, key: &str, what: impl std::fmt::Display) {
        self.faults += 1;
        println!("{bucket}/{key}: {what}");
    }
}

struct Verification {
    data: Data,
    scope: Scope,
    report: Report,
}

impl Verification {
    async fn run(&mut self) -> Result<()> {
        for bucket in self.buckets().await? {
            self.recorded_segments(&bucket).await?;
            self.playlists(&bucket).await?;
            self.require_channel(&bucket).await?;
        }
        Ok(())
    }

    /// A channel that was asked for must be there, or have left something: a misspelt name is not a clean bill.
    async fn require_channel(&self, bucket: &BucketName) -> Result<()> {
        match &self.scope.channel {
            Some(channel) if self.report.playlists + self.report.segments == 0 => {
                self.data
                    .catalog
                    .channel(bucket, channel)
                    .await
                    .with_context(|| format!("channel {bucket}/{channel}"))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn buckets(&self) -> Result<Vec<BucketName>> {
        let catalog = &self.data.catalog;
        if let Some(name) = &self.scope.bucket {
            catalog.bucket(name).await.with_context(|| format!("bucket {name}"))?;
            return Ok(vec![name.clone()]);
        }
        let mut found = Vec::new();
        let mut query = BucketQuery {
            owner: None,
            prefix: String::new(),
            after: String::new(),
            limit: PAGE,
        };
        loop {
            let page = catalog.buckets(&query).await?;
            found.extend(page.items.into_iter().map(|bucket| bucket.name));
            match page.next {
                Some(next) => query.after = next,
                None => return Ok(found),
            }
        }
    }

    /// Reads the object of every segment record.
    async fn recorded_segments(&mut self, bucket: &BucketName) -> Result<()> {
        for channel in self.data.catalog.channels_with_segments(bucket).await? {
            if !self.scope.includes(&channel) {
                continue;
            }
            let mut after = None;
            loop {
                let (from, to) = (UnixTime::from_millis(0), UnixTime::from_millis(i64::MAX));
                let page = self
                    .data
                    .catalog
                    .segments_between(bucket, &channel, from, to, after, PAGE)
                    .await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name);
                for record in page {
                    let key = channel.segment_key(record.name);
                    self.report.segments += 1;
                    self.report.bytes += record.length;
                    if let Err(mismatch) = check(&*self.data.store, bucket, &key, record.length, record.crc64).await {
                        self.report
                            .fault(bucket, key.as_str(), format_args!("recorded segment: {mismatch}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that every playlist can be read, and that what it names is there.
    async fn playlists(&mut self, bucket: &BucketName) -> Result<()> {
        let mut query = ListQuery {
            prefix: self.scope.prefix(),
            delimiter: None,
            after: String::new(),
            limit: PAGE,
        };
        loop {
            let page = self.data.store.list(bucket, &query).await?;
            for object in page.objects {
                if object.key.as_str().ends_with(".m3u8") && object.length <= PLAYLIST_BYTES_MAX {
                    self.report.playlists += 1;
                    self.playlist(bucket, &object.key).await;
                }
            }
            match page.next {
                Some(next) => query.after = next,
                None => return Ok(()),
            }
        }
    }

    async fn playlist(&mut self, bucket: &BucketName, key: &ObjectKey) {
        let text = match read(&*self.data.store, bucket, key).await {
            Ok(text) => text,
            Err(error) => {
                self.report.fault(bucket, key.as_str(), error);
                return;
            }
        };
        let folder = key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        for uri in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            // A playlist that its owner has put may name anything, elsewhere too.
            if uri.contains(':') || uri.starts_with('/') {
                continue;
            }
            let Ok(named) = ObjectKey::parse(&if folder.is_empty() {
                uri.to_owned()
            } else {
                format!("{folder}/{uri}")
            }) else {
                self.report.fault(
                    bucket,
                    key.as_str(),
                    format_args!("names {uri:?}, which is no object's key"),
                );
                continue;
            };
            // That the bytes of a recorded segment are right has been found out already.
            if let Err(error) = self.data.store.head(bucket, &named).await {
                self.report
                    .fault(bucket, key.as_str(), format_args!("names {uri}: {error}"));
            }
        }
    }
}

async fn read(store: &dyn ObjectStore, bucket: &BucketName, key: &ObjectKey) -> Result<String, store::Error> {
    let bytes = store.get(bucket, key, None).await?.bytes().await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_bucket_or_a_channel_of_it() {
        assert_eq!(Scope::parse(None).unwrap(), Scope::default());
        let scope = Scope::parse(Some("videos/camera")).unwrap();
        assert_eq!(scope.prefix(), "camera/");
        assert!(!scope.includes(&ChannelName::parse("other").unwrap()));
        assert!(Scope::parse(Some("NO")).is_err());
    }
}
