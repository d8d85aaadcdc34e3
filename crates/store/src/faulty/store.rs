use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{Fault, Operation, Rule};
use crate::{
    Body, Capabilities, CompleteUpload, Copy, Error, ListPage, ListQuery, NewUpload, Object, ObjectBytes, ObjectInfo,
    ObjectStore, Part, PartInfo, PartPage, Put, RangeRequest, Upload, UploadPage, UploadQuery, crc64,
};

/// A store around another one to which the things happen that its [`Rule`]s say; clones share them.
///
/// Without a rule it is the store inside. Of several rules the first that matches a call and still fires decides; each call is counted.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    /// Held for single steps, never across an await.
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    rules: Vec<Rule>,
    calls: HashMap<Operation, usize>,
}

impl FaultyStore {
    /// A store to which nothing happens yet.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Adds a rule after those there are.
    pub fn add(&self, rule: Rule) {
        self.plan().rules.push(rule);
    }

    /// Forgets all rules: from now on all goes well.
    pub fn heal(&self) {
        self.plan().rules.clear();
    }

    /// How often the operation was called.
    pub fn calls(&self, operation: Operation) -> usize {
        self.plan().calls.get(&operation).copied().unwrap_or_default()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Rules and counts are whole whoever panicked.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and finds what happens to it; a delay or a gate before it is behind us when this returns, a failure without effect is its error.
    async fn meet(&self, operation: Operation, key: &str) -> Result<Option<Fault>, Error> {
        let fault = {
            let mut plan = self.plan();
            *plan.calls.entry(operation).or_default() += 1;
            let mut rules = plan.rules.iter_mut().filter(|rule| rule.matches(operation, key));
            rules.find_map(|rule| rule.fires().then(|| rule.fault.clone()))
        };
        match fault {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Panic) => panic!("{operation:?} of {key} panics, as its rule says"),
            Some(Fault::Hold(gate)) => {
                gate.pass().await;
                Ok(None)
            }
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(None)
            }
            fault => Ok(fault),
        }
    }
}

/// What happens between an operation and its answer.
async fn answer<T>(fault: Option<Fault>, outcome: Result<T, Error>) -> Result<T, Error> {
    match fault {
        Some(Fault::FailAfter(error)) => outcome.and(Err(error)),
        Some(Fault::HoldAnswer(gate)) => {
            gate.pass().await;
            outcome
        }
        _ => outcome,
    }
}

/// What is told of an object.
fn tell(fault: Option<&Fault>, info: ObjectInfo) -> ObjectInfo {
    match fault {
        Some(Fault::Lie) => ObjectInfo {
            crc64: info.crc64 ^ 1,
            ..info
        },
        _ => info,
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put(&self, bucket: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error> {
        let fault = self.meet(Operation::Put, key.as_str()).await?;
        let told = tell(fault.as_ref(), put.info(key));
        let outcome = match &fault {
            Some(Fault::Lose) => Ok(told),
            Some(Fault::Truncate(length)) => {
                let bytes = read(&put.body).await?;
                let kept = bytes.slice(..bytes.len().min(usize::try_from(*length).unwrap_or(usize::MAX)));
                let short = Put {
                    length: kept.len() as u64,
                    crc64: crc64(&kept),
                    body: Body::Bytes(kept),
                    ..put
                };
                self.inner.put(bucket, key, short).await.map(|_| told)
            }
            _ => self
                .inner
                .put(bucket, key, put)
                .await
                .map(|info| tell(fault.as_ref(), info)),
        };
        answer(fault, outcome).await
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let fault = self.meet(Operation::Get, key.as_str()).await?;
        let outcome = self.inner.get(bucket, key, range).await.map(|object| {
            let body = match &fault {
                Some(Fault::Truncate(length)) => cut(object.body, *length, None),
                Some(Fault::Break(length, error)) => cut(object.body, *length, Some(error.clone())),
                _ => object.body,
            };
            Object {
                info: tell(fault.as_ref(), object.info),
                body,
                ..object
            }
        });
        answer(fault, outcome).await
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        let fault = self.meet(Operation::Head, key.as_str()).await?;
        let outcome = self
            .inner
            .head(bucket, key)
            .await
            .map(|info| tell(fault.as_ref(), info));
        answer(fault, outcome).await
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), Error> {
        let fault = self.meet(Operation::Delete, key.as_str()).await?;
        let outcome = if let Some(Fault::Lose) = fault {
            Ok(())
        } else {
            self.inner.delete(bucket, key).await
        };
        answer(fault, outcome).await
    }

    async fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, Error> {
        let fault = self.meet(Operation::List, &query.prefix).await?;
        let outcome = self.inner.list(bucket, query).await.map(|page| {
            let objects = page
                .objects
                .into_iter()
                .map(|info| tell(fault.as_ref(), info))
                .collect();
            ListPage { objects, ..page }
        });
        answer(fault, outcome).await
    }

    async fn copy(
        &self,
        from: (&BucketName, &ObjectKey),
        to: (&BucketName, &ObjectKey),
        copy: Copy,
    ) -> Result<ObjectInfo, Error> {
        let fault = self.meet(Operation::Copy, to.1.as_str()).await?;
        let outcome = if let Some(Fault::Lose) = fault {
            let source = self.inner.head(from.0, from.1).await?;
            copy.info(from.0, source, to.1)
        } else {
            self.inner
                .copy(from, to, copy)
                .await
                .map(|info| tell(fault.as_ref(), info))
        };
        answer(fault, outcome).await
    }

    async fn set_acl(&self, bucket: &BucketName, key: &ObjectKey, acl: ObjectAcl) -> Result<(), Error> {
        let fault = self.meet(Operation::SetAcl, key.as_str()).await?;
        let outcome = if let Some(Fault::Lose) = fault {
            Ok(())
        } else {
            self.inner.set_acl(bucket, key, acl).await
        };
        answer(fault, outcome).await
    }

    async fn begin_upload(&self, bucket: &BucketName, key: &ObjectKey, new: NewUpload) -> Result<Upload, Error> {
        let fault = self.meet(Operation::BeginUpload, key.as_str()).await?;
        let outcome = self.inner.begin_upload(bucket, key, new).await;
        answer(fault, outcome).await
    }

    async fn put_part(&self, upload: &Upload, number: u32, part: Part) -> Result<PartInfo, Error> {
        let fault = self.meet(Operation::PutPart, upload.key.as_str()).await?;
        let outcome = match &fault {
            Some(Fault::Lose) => Ok(part.info(number)),
            Some(Fault::Lie) => self.inner.put_part(upload, number, part).await.map(|info| PartInfo {
                crc64: info.crc64 ^ 1,
                ..info
            }),
            _ => self.inner.put_part(upload, number, part).await,
        };
        answer(fault, outcome).await
    }

    async fn list_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<PartPage, Error> {
        let fault = self.meet(Operation::ListParts, upload.key.as_str()).await?;
        let outcome = self.inner.list_parts(upload, after, limit).await;
        answer(fault, outcome).await
    }

    async fn list_uploads(&self, bucket: &BucketName, query: &UploadQuery) -> Result<UploadPage, Error> {
        let fault = self.meet(Operation::ListUploads, &query.list.prefix).await?;
        let outcome = self.inner.list_uploads(bucket, query).await;
        answer(fault, outcome).await
    }

    async fn complete_upload(&self, upload: &Upload, complete: CompleteUpload) -> Result<ObjectInfo, Error> {
        let fault = self.meet(Operation::CompleteUpload, upload.key.as_str()).await?;
        let outcome = self.inner.complete_upload(upload, complete).await;
        let outcome = outcome.map(|info| tell(fault.as_ref(), info));
        answer(fault, outcome).await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        let fault = self.meet(Operation::AbortUpload, upload.key.as_str()).await?;
        let outcome = if let Some(Fault::Lose) = fault {
            Ok(())
        } else {
            self.inner.abort_upload(upload).await
        };
        answer(fault, outcome).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn losses(&self, bucket: &BucketName, key: &ObjectKey) -> Option<u64> {
        self.inner.losses(bucket, key)
    }
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

async fn read(body: &Body) -> Result<Bytes, Error> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::File(path) => {
            let bytes = tokio::fs::read(path).await;
            bytes
                .map(Bytes::from)
                .map_err(|error| Error::unavailable("read", path.display(), error))
        }
    }
}

/// The first `length` bytes, then `end`.
fn cut(body: ObjectBytes, length: u64, end: Option<Error>) -> ObjectBytes {
    let first = body.scan(length, |left, piece| {
        let piece = match piece {
            _ if *left == 0 => None,
            Ok(piece) => {
                let piece = piece.slice(..piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
                *left -= piece.len() as u64;
                Some(Ok(piece))
            }
            error => Some(error),
        };
        std::future::ready(piece)
    });
    ObjectBytes::InPieces(first.chain(stream::iter(end.map(Err))).boxed())
}
