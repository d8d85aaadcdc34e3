use std::{
    collections::{BTreeMap, HashMap},
    ops::{Bound, ControlFlow},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Body, Capabilities, CompleteUpload, Condition, Copy, Error, LIST_LIMIT_MAX, ListPage, ListQuery, NewUpload, Object,
    ObjectBytes, ObjectInfo, ObjectStore, Part, PartInfo, PartPage, Put, RangeRequest, Upload, UploadId, UploadInfo,
    UploadPage, UploadQuery, crc64, list,
};

/// Objects in memory, for tests and simulations: it keeps every promise but the one of durability.
///
/// Clones share their objects.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// Held for single steps, never across an await.
    contents: Arc<Mutex<Contents>>,
}

#[derive(Debug, Default)]
struct Contents {
    /// Objects replaced or removed.
    losses: u64,
    buckets: HashMap<BucketName, BTreeMap<ObjectKey, Stored>>,
    uploads: BTreeMap<Upload, Begun>,
}

#[derive(Debug)]
struct Begun {
    new: NewUpload,
    /// By number.
    parts: Vec<(PartInfo, Bytes)>,
}

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

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Each step leaves the maps whole, so a panic elsewhere has not harmed them.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Stored, Error> {
        let contents = self.lock();
        let objects = contents.buckets.get(bucket);
        objects
            .and_then(|objects| objects.get(key))
            .cloned()
            .ok_or_else(|| Error::not_found(bucket, key))
    }
}

impl Contents {
    fn insert(&mut self, bucket: &BucketName, condition: &Condition, stored: Stored) -> Result<ObjectInfo, Error> {
        let objects = self.buckets.entry(bucket.clone()).or_default();
        let found = objects.get(&stored.info.key).map(|found| found.info.etag.as_str());
        condition.check(bucket, &stored.info.key, found)?;
        let info = stored.info.clone();
        if objects.insert(info.key.clone(), stored).is_some() {
            self.losses += 1;
        }
        Ok(info)
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, bucket: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error> {
        let bytes = read(&put.body).await?;
        put.stated().verify(bytes.len() as u64, crc64(&bytes))?;
        let info = put.info(key);
        self.lock().insert(bucket, &put.condition, Stored { info, bytes })
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let Stored { info, bytes } = self.find(bucket, key)?;
        let range = RangeRequest::resolve_or_whole(range, info.length)?;
        let body = ObjectBytes::AtOnce(bytes.slice(range.start as usize..range.end as usize));
        Ok(Object {
            info,
            range,
            body,
            memory_file: None,
        })
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        Ok(self.find(bucket, key)?.info)
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), Error> {
        let mut contents = self.lock();
        let objects = contents.buckets.get_mut(bucket);
        if objects.and_then(|objects| objects.remove(key)).is_some() {
            contents.losses += 1;
        }
        Ok(())
    }

    async fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, Error> {
        let contents = self.lock();
        let Some(objects) = contents.buckets.get(bucket) else {
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
        let info = copy.info(from.0, info, to.1)?;
        self.lock().insert(to.0, &copy.condition, Stored { info, bytes })
    }

    async fn set_acl(&self, bucket: &BucketName, key: &ObjectKey, acl: ObjectAcl) -> Result<(), Error> {
        let mut contents = self.lock();
        let stored = contents
            .buckets
            .get_mut(bucket)
            .and_then(|objects| objects.get_mut(key));
        stored.ok_or_else(|| Error::not_found(bucket, key))?.info.attributes.acl = acl;
        Ok(())
    }

    async fn begin_upload(&self, bucket: &BucketName, key: &ObjectKey, new: NewUpload) -> Result<Upload, Error> {
        let upload = Upload {
            bucket: bucket.clone(),
            key: key.clone(),
            id: UploadId::random(),
        };
        let begun = Begun { new, parts: Vec::new() };
        self.lock().uploads.insert(upload.clone(), begun);
        Ok(upload)
    }

    async fn put_part(&self, upload: &Upload, number: u32, part: Part) -> Result<PartInfo, Error> {
        let bytes = read(&part.body).await?;
        part.stated().verify(bytes.len() as u64, crc64(&bytes))?;
        let info = part.info(number);
        let mut contents = self.lock();
        let begun = contents
            .uploads
            .get_mut(upload)
            .ok_or_else(|| Error::NoUpload(upload.clone()))?;
        match begun.parts.binary_search_by_key(&number, |(part, _)| part.number) {
            Ok(at) => begun.parts[at] = (info.clone(), bytes),
            Err(at) => begun.parts.insert(at, (info.clone(), bytes)),
        }
        Ok(info)
    }

    async fn list_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<PartPage, Error> {
        let contents = self.lock();
        let begun = contents
            .uploads
            .get(upload)
            .ok_or_else(|| Error::NoUpload(upload.clone()))?;
        let limit = limit.min(LIST_LIMIT_MAX);
        let mut left = begun
            .parts
            .iter()
            .map(|(part, _)| part)
            .filter(|part| part.number > after);
        Ok(PartPage {
            parts: left.by_ref().take(limit).cloned().collect(),
            truncated: limit > 0 && left.next().is_some(),
        })
    }

    async fn list_uploads(&self, bucket: &BucketName, query: &UploadQuery) -> Result<UploadPage, Error> {
        let contents = self.lock();
        list::fill_uploads(query, |from, visit| {
            let from = |upload: &&Upload| upload.bucket == *bucket && upload.key.as_str() >= from;
            for (upload, begun) in contents.uploads.iter().filter(|(upload, _)| from(upload)) {
                let info = UploadInfo {
                    key: upload.key.clone(),
                    id: upload.id.clone(),
                    begun: begun.new.at,
                };
                if let ControlFlow::Break(()) = visit(info) {
                    break;
                }
            }
            Ok(())
        })
    }

    async fn complete_upload(&self, upload: &Upload, complete: CompleteUpload) -> Result<ObjectInfo, Error> {
        let mut contents = self.lock();
        let begun = contents
            .uploads
            .get(upload)
            .ok_or_else(|| Error::NoUpload(upload.clone()))?;
        let chosen = complete.choose(&begun.parts, |(part, _)| part)?;
        let bytes: Vec<u8> = chosen.into_iter().flat_map(|at| begun.parts[at].1.clone()).collect();
        let bytes = Bytes::from(bytes);
        let mut attributes = begun.new.attributes.clone();
        attributes.acl = complete.acl.unwrap_or(attributes.acl);
        let info = ObjectInfo {
            key: upload.key.clone(),
            length: bytes.len() as u64,
            crc64: crc64(&bytes),
            etag: complete.etag,
            modified: complete.at,
            attributes,
        };
        let info = contents.insert(&upload.bucket, &complete.condition, Stored { info, bytes })?;
        contents.uploads.remove(upload);
        Ok(info)
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        let removed = self.lock().uploads.remove(upload);
        removed.map(drop).ok_or_else(|| Error::NoUpload(upload.clone()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            adopts_files: false,
            conditional_put: true,
            answers_at_first_hand: false,
        }
    }

    fn losses(&self, _: &BucketName, _: &ObjectKey) -> Option<u64> {
        Some(self.lock().losses)
    }
}

async fn read(body: &Body) -> Result<Bytes, Error> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::File(path) => {
            let read = tokio::fs::read(path).await;
            read.map(Bytes::from)
                .map_err(|error| Error::unavailable("read", path.display(), error))
        }
    }
}
