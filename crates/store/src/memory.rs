use std::{
    collections::{BTreeMap, HashMap},
    ops::{Bound, ControlFlow},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    Body, Capabilities, Condition, Copy, Error, ListPage, ListQuery, Object, ObjectInfo, ObjectStore, Put,
    RangeRequest, crc64, list,
};

/// Objects in memory, for tests and simulations: it keeps every promise but the one of durability.
///
/// Clones share their objects.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// Held for single steps, never across an await.
    buckets: Arc<Mutex<Buckets>>,
}

type Buckets = HashMap<BucketName, BTreeMap<ObjectKey, Stored>>;

#[derive(Clone, Debug)]
struct Stored {
    info: ObjectInfo,
    bytes: Bytes,
}

impl MemoryStore {
    /// A store without objects.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        // Each step leaves the map whole, so a panic elsewhere has not harmed it.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Stored, Error> {
        let buckets = self.lock();
        buckets
            .get(bucket)
            .and_then(|objects| objects.get(key))
            .cloned()
            .ok_or_else(|| Error::not_found(bucket, key))
    }

    fn insert(&self, bucket: &BucketName, condition: &Condition, stored: Stored) -> Result<ObjectInfo, Error> {
        let mut buckets = self.lock();
        let objects = buckets.entry(bucket.clone()).or_default();
        let found = objects.get(&stored.info.key).map(|found| found.info.etag.as_str());
        condition.check(bucket, &stored.info.key, found)?;
        let info = stored.info.clone();
        objects.insert(info.key.clone(), stored);
        Ok(info)
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, bucket: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error> {
        let bytes = match &put.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::File(path) => {
                let read = tokio::fs::read(path).await;
                read.map_err(|error| Error::unavailable("read", path.display(), error))?
                    .into()
            }
        };
        put.verify(bytes.len() as u64, crc64(&bytes))?;
        let info = self.insert(
            bucket,
            &put.condition,
            Stored {
                info: put.info(key),
                bytes,
            },
        )?;
        if let Body::File(path) = &put.body {
            tokio::fs::remove_file(path)
                .await
                .map_err(|error| Error::unavailable("remove", path.display(), error))?;
        }
        Ok(info)
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let Stored { info, bytes } = self.find(bucket, key)?;
        let range = RangeRequest::resolve_or_whole(range, info.length)?;
        let bytes = bytes.slice(range.start as usize..range.end as usize);
        let body = stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed();
        Ok(Object { info, range, body })
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        Ok(self.find(bucket, key)?.info)
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), Error> {
        if let Some(objects) = self.lock().get_mut(bucket) {
            objects.remove(key);
        }
        Ok(())
    }

    async fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, Error> {
        let buckets = self.lock();
        let Some(objects) = buckets.get(bucket) else {
            return Ok(ListPage::default());
        };
        list::fill(query, |from, visit| {
            for stored in objects
                .range::<str, _>((Bound::Included(from), Bound::Unbounded))
                .map(|(_, stored)| stored)
            {
                if let ControlFlow::Break(()) = visit(stored.info.clone()) {
                    break;
                }
            }
            Ok(())
        })
    }

    async fn copy(
        &self,
        from: (&BucketName, &ObjectKey),
        to: (&BucketName, &ObjectKey),
        copy: Copy,
    ) -> Result<ObjectInfo, Error> {
        let Stored { info, bytes } = self.find(from.0, from.1)?;
        let attributes = copy.attributes.unwrap_or_else(|| info.attributes.clone());
        let info = ObjectInfo {
            key: to.1.clone(),
            modified: copy.at,
            attributes,
            ..info
        };
        self.insert(to.0, &copy.condition, Stored { info, bytes })
    }

    async fn set_acl(&self, bucket: &BucketName, key: &ObjectKey, acl: ObjectAcl) -> Result<(), Error> {
        let mut buckets = self.lock();
        let stored = buckets.get_mut(bucket).and_then(|objects| objects.get_mut(key));
        stored.ok_or_else(|| Error::not_found(bucket, key))?.info.attributes.acl = acl;
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            adopts_files: false,
            conditional_put: true,
        }
    }
}
