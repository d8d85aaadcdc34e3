use std::{
    fs::{self, File},
    io,
};

use alluvium_oss::BucketName;

use super::{
    failed,
    inner::Inner,
    uploads::{self, StoredPart},
    writer::{Change, Content},
};
use crate::{
    CompleteUpload, Error, LIST_LIMIT_MAX, ObjectInfo, Part, PartInfo, PartPage, Upload, UploadPage, UploadQuery,
    crc64_combine, put::Stated,
};

/// Uploads, on threads that may block.
impl Inner {
    pub(super) fn stage_part(&self, upload: Upload, number: u32, part: Part) -> Result<(Change, PartInfo), Error> {
        let content = self.stage_blob(&part.body, part.stated())?;
        let info = part.info(number);
        let change = Change::PutPart {
            upload,
            info: info.clone(),
            content,
        };
        Ok((change, info))
    }

    pub(super) fn list_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<PartPage, Error> {
        let limit = limit.min(LIST_LIMIT_MAX);
        let found = self
            .readers
            .with(|connection| uploads::page(connection, upload, after, limit + 1))?;
        let parts = found.ok_or_else(|| Error::NoUpload(upload.clone()))?;
        Ok(PartPage {
            truncated: limit > 0 && parts.len() > limit,
            parts: parts.into_iter().take(limit).map(|part| part.info).collect(),
        })
    }

    pub(super) fn list_uploads(&self, bucket: &BucketName, query: &UploadQuery) -> Result<UploadPage, Error> {
        self.readers.with(|connection| uploads::list(connection, bucket, query))
    }

    pub(super) fn stage_completion(
        &self,
        upload: Upload,
        complete: CompleteUpload,
    ) -> Result<(Change, ObjectInfo), Error> {
        let found = self.readers.with(|connection| uploads::whole(connection, &upload))?;
        let (mut attributes, there) = found.ok_or_else(|| Error::NoUpload(upload.clone()))?;
        let chosen = complete.choose(&there, |part| &part.info)?;
        let parts: Vec<&StoredPart> = chosen.into_iter().map(|at| &there[at]).collect();

        let whole = parts.iter().fold(Stated { length: 0, crc64: 0 }, |whole, part| Stated {
            length: whole.length + part.info.length,
            crc64: crc64_combine(whole.crc64, part.info.crc64, part.info.length),
        });
        let content = self.join(&upload, &parts, whole)?;
        attributes.acl = complete.acl.unwrap_or(attributes.acl);
        let info = ObjectInfo {
            key: upload.key.clone(),
            length: whole.length,
            crc64: whole.crc64,
            etag: complete.etag,
            modified: complete.at,
            attributes,
        };
        let change = Change::CompleteUpload {
            parts: parts.iter().map(|part| (part.info.number, part.blob)).collect(),
            upload,
            info: info.clone().into(),
            content,
            condition: complete.condition,
        };
        Ok((change, info))
    }

    /// The bytes of parts, one after the other: in memory when they fit into the index, else in a blob.
    fn join(&self, upload: &Upload, parts: &[&StoredPart], whole: Stated) -> Result<Content, Error> {
        let damaged = |reason: &str| Error::damaged(&upload.bucket, &upload.key, reason);
        let verify = |length, crc64| {
            let verified = whole.verify(length, crc64);
            verified.map_err(|error| damaged(&format!("joined from its parts, {error}")))
        };
        if whole.length <= self.config.inline_bytes_max as u64 {
            let mut bytes = Vec::new();
            for part in parts {
                let path = self.blobs.path(part.blob);
                bytes.extend(fs::read(&path).map_err(|error| self.lost(upload, part, error))?);
            }
            verify(bytes.len() as u64, crate::crc64(&bytes))?;
            return Ok(Content::Inline(bytes.into()));
        }
        let staged = self.blobs.stage()?;
        // A single part is the object already: a second name for the same bytes.
        if let [only] = parts
            && staged.link(&self.blobs.path(only.blob)).is_ok()
        {
            return Ok(Content::Blob(staged));
        }
        let mut joined = staged.begin()?;
        for part in parts {
            let path = self.blobs.path(part.blob);
            let source = File::open(&path).map_err(|error| self.lost(upload, part, error))?;
            joined.append(&source, &path)?;
        }
        let (length, crc64) = joined.finish()?;
        verify(length, crc64)?;
        Ok(Content::Blob(staged))
    }

    /// Why a part's blob cannot be opened: most likely the upload has ended, or the part was replaced, since they were looked up.
    fn lost(&self, upload: &Upload, part: &StoredPart, error: io::Error) -> Error {
        let path = self.blobs.path(part.blob);
        if error.kind() != io::ErrorKind::NotFound {
            return failed("read", &path)(error);
        }
        let number = part.info.number;
        match self.readers.with(|connection| uploads::whole(connection, upload)) {
            Err(error) => error,
            Ok(None) => Error::NoUpload(upload.clone()),
            Ok(Some((_, parts))) if !parts.contains(part) => Error::Part { number },
            Ok(Some(_)) => Error::damaged(
                &upload.bucket,
                &upload.key,
                format_args!("the blob {} of its part {number} does not exist", path.display()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use alluvium_oss::{ObjectKey, UnixTime};
    use bytes::Bytes;
    use tempfile::TempDir;

    use crate::{
        Attributes, Body, CompleteUpload, Condition, Error, LocalStore, LocalStoreConfig, NewUpload, ObjectStore, Part,
        Upload, crc64,
    };

    fn open(folder: &TempDir) -> LocalStore {
        LocalStore::open(folder.path(), LocalStoreConfig::default()).unwrap()
    }

    async fn begin(store: &LocalStore) -> Upload {
        let (bucket, key) = (
            super::BucketName::parse("bucket").unwrap(),
            ObjectKey::parse("key").unwrap(),
        );
        let new = NewUpload {
            attributes: Attributes::default(),
            at: UnixTime::default(),
        };
        store.begin_upload(&bucket, &key, new).await.unwrap()
    }

    async fn put_part(store: &LocalStore, upload: &Upload, number: u32, seed: u8, length: usize) {
        let bytes = Bytes::from(vec![seed; length]);
        let part = Part {
            length: bytes.len() as u64,
            crc64: crc64(&bytes),
            etag: seed.to_string(),
            at: UnixTime::default(),
            body: Body::Bytes(bytes),
        };
        store.put_part(upload, number, part).await.unwrap();
    }

    async fn complete(store: &LocalStore, upload: &Upload, seeds: &[u8]) -> Result<Bytes, Error> {
        let complete = CompleteUpload {
            parts: (1..).zip(seeds.iter().map(u8::to_string)).collect(),
            etag: "etag".into(),
            acl: None,
            condition: Condition::None,
            at: UnixTime::default(),
        };
        store.complete_upload(upload, complete).await?;
        store.get(&upload.bucket, &upload.key, None).await?.bytes().await
    }

    /// The blobs there are, ascending, when the sweeper has done what it was woken for.
    fn blobs(store: &LocalStore) -> Vec<PathBuf> {
        store.sweep().unwrap();
        let mut found = Vec::new();
        for folder in std::fs::read_dir(store.folder()).unwrap() {
            let files = std::fs::read_dir(folder.unwrap().path()).unwrap();
            found.extend(files.map(|file| file.unwrap().path()));
        }
        found.sort();
        found
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_upload_outlives_the_process_and_leaves_one_blob() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let upload = begin(&store).await;
        put_part(&store, &upload, 1, 1, 100_000).await;
        put_part(&store, &upload, 2, 9, 10).await;
        put_part(&store, &upload, 2, 2, 10).await;
        put_part(&store, &upload, 3, 3, 10).await;
        assert_eq!(blobs(&store).len(), 3, "one for each part, replaced ones aside");
        drop(store);

        let store = open(&folder);
        assert_eq!(blobs(&store).len(), 3, "parts are no orphans");
        let whole = complete(&store, &upload, &[1, 2]).await.unwrap();
        assert_eq!(whole, [vec![1; 100_000], vec![2; 10]].concat());
        assert_eq!(blobs(&store).len(), 1);
        let aborted = begin(&store).await;
        put_part(&store, &aborted, 1, 1, 10).await;
        store.abort_upload(&aborted).await.unwrap();
        assert_eq!(blobs(&store).len(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_single_part_becomes_the_object_without_being_copied() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let upload = begin(&store).await;
        put_part(&store, &upload, 1, 7, 100_000).await;
        let inode = std::fs::metadata(&blobs(&store)[0]).unwrap().ino();
        assert_eq!(complete(&store, &upload, &[7]).await.unwrap(), vec![7; 100_000]);
        let left = blobs(&store);
        assert_eq!(left.len(), 1);
        assert_eq!(std::fs::metadata(&left[0]).unwrap().ino(), inode);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_lost_or_altered_part_never_becomes_an_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        for length in [100, 100_000] {
            let upload = begin(&store).await;
            put_part(&store, &upload, 1, 1, length).await;
            put_part(&store, &upload, 2, 2, length).await;
            let second = blobs(&store).remove(1);
            std::fs::write(&second, vec![3; length]).unwrap();
            for change in ["altered", "lost"] {
                let damaged = complete(&store, &upload, &[1, 2]).await;
                assert!(matches!(damaged, Err(Error::Damaged { .. })), "{change}: {damaged:?}");
                let there = store.list_parts(&upload, 0, 10).await.unwrap();
                assert_eq!(there.parts.len(), 2);
                let _ = std::fs::remove_file(&second);
            }
            assert!(store.head(&upload.bucket, &upload.key).await.is_err());
            store.abort_upload(&upload).await.unwrap();
            assert!(blobs(&store).is_empty());
        }
    }
}
