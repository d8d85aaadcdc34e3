use alluvium_catalog::{self as catalog, AccessKey, Bucket, BucketQuery};
use alluvium_oss::BucketName;
use alluvium_oss::sign::publish_url::{Credentials, PublishTarget};

use crate::Ingest;
use crate::admission::{Refusal, refusal};

impl Ingest {
    /// The bucket that `target` names, or has lost, and that it may publish to.
    pub(crate) async fn permitted_bucket(&self, target: &PublishTarget) -> Result<BucketName, Refusal> {
        let Some(name) = &target.bucket else {
            return self.lost_bucket(target).await;
        };
        let bucket = self.catalog.bucket(name).await.map_err(|error| match error {
            catalog::Error::NotFound { .. } => Refusal::denied(format!("The bucket {name} does not exist.")),
            error => refusal("looking up the bucket", error),
        })?;
        self.authorise(target, &bucket).await?;
        Ok(bucket.name)
    }

    /// Contract 2.4: a signature by the owner's key, or anyone where the bucket is public-read-write.
    async fn authorise(&self, target: &PublishTarget, bucket: &Bucket) -> Result<(), Refusal> {
        let anyone = bucket.acl.anonymous_may_write();
        let Some(credentials) = &target.credentials else {
            return if anyone {
                Ok(())
            } else {
                Err(Refusal::denied(format!(
                    "The bucket {} takes signed publish URLs only; this one carries no signature.",
                    bucket.name
                )))
            };
        };
        let key = self.key(credentials).await?;
        target.verify(&bucket.name, &key.secret, self.clock.now())?;
        if key.owner == bucket.owner || anyone {
            Ok(())
        } else {
            Err(Refusal::denied(format!(
                "The access key of the publish URL has no right to publish to {}.",
                bucket.name
            )))
        }
    }

    /// Finds the bucket of a URL that names none, as some libraries make it for an endpoint that is an IP address
    /// (contract, 5.1): the one of the key's owner that the signature was made for.
    async fn lost_bucket(&self, target: &PublishTarget) -> Result<BucketName, Refusal> {
        let lost = |why: &str| {
            Refusal::denied(format!(
                "The publish URL names no bucket, {why}: use rtmp://HOST/BUCKET/live/{} or a host name that begins with the bucket.",
                target.channel
            ))
        };
        let Some(credentials) = &target.credentials else {
            return Err(lost("and has no signature to find it by"));
        };
        let key = self.key(credentials).await?;
        credentials.check_expiry(self.clock.now())?;
        let mut query = BucketQuery {
            owner: Some(key.owner.clone()),
            limit: BUCKETS_PER_PAGE,
            ..BucketQuery::default()
        };
        for _ in 0..LOST_BUCKET_PAGES_MAX {
            let page = self
                .catalog
                .buckets(&query)
                .await
                .map_err(|error| refusal("looking for the bucket", error))?;
            let mut names = page.items.into_iter().map(|bucket| bucket.name);
            if let Some(name) = names.find(|name| target.is_signed_for(name, &key.secret)) {
                return Ok(name);
            }
            match page.next {
                Some(last) => query.after = last,
                None => return Err(lost("and its signature is for none of the access key's owner")),
            }
        }
        Err(lost(
            "and the access key's owner has too many to find it by its signature",
        ))
    }

    /// The key that the credentials name, which is good for something now.
    async fn key(&self, credentials: &Credentials) -> Result<AccessKey, Refusal> {
        let unknown = || Refusal::denied("The access key of the publish URL is unknown or disabled.");
        let key = self
            .catalog
            .access_key(&credentials.access_key_id)
            .await
            .map_err(|error| match error {
                catalog::Error::NotFound { .. } => unknown(),
                error => refusal("looking up the access key", error),
            })?;
        if !key.enabled {
            return Err(unknown());
        }
        let now = self.clock.now();
        match (&key.security_token, &credentials.security_token) {
            (None, None) => {}
            (Some(token), Some(given)) => token.check(given, now)?,
            // The libraries for C, C++ and PHP leave it out of publish URLs.
            (Some(token), None) => token.check_expiry(now)?,
            (None, Some(_)) => {
                return Err(Refusal::denied(
                    "The publish URL has a security token, and its access key has none.",
                ));
            }
        }
        Ok(key)
    }
}

/// Between two pages other connections are served: a signature is tried in about a microsecond.
const BUCKETS_PER_PAGE: usize = 100;

/// A thousand buckets, as many as an owner may have by default: who knows an id makes the server try so many signatures.
const LOST_BUCKET_PAGES_MAX: usize = 10;
