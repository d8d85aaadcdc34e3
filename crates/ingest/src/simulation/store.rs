use std::future::Future;
use std::path::Path;

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use alluvium_store::{
    Body, Capabilities, CompleteUpload, Copy, Error, ListPage, ListQuery, NewUpload, Object, ObjectInfo, ObjectStore,
    Part, PartInfo, PartPage, Put, RangeRequest, Upload, UploadPage, UploadQuery, crc64,
};
use async_trait::async_trait;
use bytes::Bytes;

use super::disk::SimDisk;
use super::world::{Caller, Course, End, Service};

/// The store as one process reaches it. It does what recording asks of a store, and nothing else.
#[derive(Debug)]
pub(super) struct SimStore {
    pub(super) caller: Caller,
    /// Where the files of its caller are.
    pub(super) disk: SimDisk,
    /// It shares the bytes of a file, and believes what is said of them, as a store on the same file system does.
    pub(super) adopts: bool,
}

impl SimStore {
    /// Stores bytes as they are when the put is asked for.
    async fn put_bytes(&self, key: &ObjectKey, put: Put, bytes: Bytes) -> Result<ObjectInfo, Error> {
        let world = &self.caller.world;
        let (put, course) = (with_bytes(put, bytes), world.course(Service::Store));
        if let End::Late(due_ms) = course.end {
            world.put_late(due_ms, key, put.clone());
        }
        self.call(course, "put", key, async { world.put(key, put) }).await
    }

    /// Shares the bytes of a file: by another name first, then durably.
    async fn adopt(&self, key: &ObjectKey, put: Put, path: &Path) -> Result<ObjectInfo, Error> {
        let world = &self.caller.world;
        let course = world.course(Service::Store);
        let file = self.disk.link(path).map_err(|error| unread(path, error))?;
        let effect = async {
            let (stated, bytes) = (put.crc64, Bytes::from(self.disk.sync_linked(file)));
            let crc64 = crc64(&bytes);
            let done = world.put(key, with_bytes(Put { crc64, ..put }, bytes))?;
            world.believe(key, stated);
            self.disk.keep(file);
            Ok(done)
        };
        let done = self.call(course, "adopt", key, effect).await;
        if done.is_err() {
            self.disk.unlink(file);
        }
        done
    }

    async fn call<T>(
        &self,
        course: Course,
        doing: &'static str,
        key: &ObjectKey,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let unavailable = || unavailable(doing, key);
        self.caller
            .call(course, (doing, key.as_str()), unavailable, effect)
            .await
    }
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn put(&self, _: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error> {
        match put.body.clone() {
            Body::File(path) if self.adopts => self.adopt(key, put, &path).await,
            Body::File(path) => {
                let bytes = self.disk.give(&path).map_err(|error| unread(&path, error))?;
                self.put_bytes(key, put, bytes.into()).await
            }
            Body::Bytes(bytes) => self.put_bytes(key, put, bytes).await,
        }
    }

    async fn get(&self, _: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let course = self.caller.world.course(Service::Store);
        let effect = self.caller.world.get(key, range);
        self.call(course, "get", key, effect).await
    }

    async fn head(&self, _: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        let course = self.caller.world.course(Service::Store);
        let effect = async { self.caller.world.head(key) };
        self.call(course, "head", key, effect).await
    }

    async fn delete(&self, _: &BucketName, key: &ObjectKey) -> Result<(), Error> {
        Err(unavailable("delete", key))
    }

    async fn list(&self, _: &BucketName, query: &ListQuery) -> Result<ListPage, Error> {
        Err(unavailable("list", &query.prefix))
    }

    async fn copy(
        &self,
        _: (&BucketName, &ObjectKey),
        (_, to): (&BucketName, &ObjectKey),
        _: Copy,
    ) -> Result<ObjectInfo, Error> {
        Err(unavailable("copy", to))
    }

    async fn set_acl(&self, _: &BucketName, key: &ObjectKey, _: ObjectAcl) -> Result<(), Error> {
        Err(unavailable("set the ACL of", key))
    }

    async fn begin_upload(&self, _: &BucketName, key: &ObjectKey, _: NewUpload) -> Result<Upload, Error> {
        Err(unavailable("begin an upload to", key))
    }

    async fn put_part(&self, upload: &Upload, _: u32, _: Part) -> Result<PartInfo, Error> {
        Err(unavailable("put a part of", &upload.key))
    }

    async fn list_parts(&self, upload: &Upload, _: u32, _: usize) -> Result<PartPage, Error> {
        Err(unavailable("list the parts of", &upload.key))
    }

    async fn list_uploads(&self, bucket: &BucketName, _: &UploadQuery) -> Result<UploadPage, Error> {
        Err(unavailable("list the uploads of", bucket))
    }

    async fn complete_upload(&self, upload: &Upload, _: CompleteUpload) -> Result<ObjectInfo, Error> {
        Err(unavailable("complete", &upload.key))
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        Err(unavailable("abort", &upload.key))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            adopts_files: self.adopts,
            conditional_put: true,
            answers_at_first_hand: self.adopts,
        }
    }
}

fn with_bytes(put: Put, bytes: Bytes) -> Put {
    Put {
        body: Body::Bytes(bytes),
        ..put
    }
}

fn unread(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable("read", path.display(), error)
}

fn unavailable(doing: &'static str, what: impl std::fmt::Display) -> Error {
    Error::unavailable(doing, what, "it rains")
}
