//! What every store promises, as tests; a backend runs all of them with
//! [`object_store_conformance!`](crate::object_store_conformance).
//!
//! A promise that is not kept is a panic that tells the difference. Each promise expects a store without objects.

mod condition;
mod copy;
mod list;
mod multipart;
mod name;
mod read;
mod write;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use alluvium_oss::{Acl, BucketName, ObjectAcl, ObjectKey, UnixTime};
use bytes::Bytes;

pub use condition::*;
pub use copy::*;
pub use list::*;
pub use multipart::*;
pub use name::*;
pub use read::*;
pub use write::*;

use crate::{Attributes, ListPage, ListQuery, ObjectStore, Put, crc64, recorded_etag};

/// Makes one test of each promise in [`conformance`](crate::conformance).
///
/// The argument is called for each of them and gives the [`Subject`](crate::conformance::Subject), and whatever must live as long as it.
/// The caller depends on tokio with its macros and its multi-threaded runtime.
///
/// ```no_run
/// mod memory {
///     use std::sync::Arc;
///
///     use alluvium_store::{MemoryStore, conformance::Subject};
///
///     fn subject() -> (Subject, ()) {
///         (Subject { store: Arc::new(MemoryStore::new()), scratch: std::env::temp_dir() }, ())
///     }
///     alluvium_store::object_store_conformance!(subject);
/// }
/// ```
#[macro_export]
macro_rules! object_store_conformance {
    ($subject:expr) => {
        $crate::object_store_conformance! { $subject =>
            keeps_every_fact_of_an_object
            keeps_empty_objects
            keeps_large_objects_from_bytes_and_from_files
            leaves_a_file_to_its_caller
            answers_a_put_again_whose_future_was_dropped
            refuses_a_body_that_is_not_what_it_is_said_to_be
            lets_one_of_many_creators_win
            replaces_only_the_expected_object
            loses_no_update_under_conditions
            deletes_what_is_there_and_what_is_not
            keeps_awkward_keys_apart
            keeps_buckets_apart
            copies_within_and_between_buckets
            copies_onto_itself_to_change_attributes
            copies_only_where_the_condition_allows
            copies_only_the_expected_source
            sets_an_acl_and_nothing_else
            reads_exactly_the_range
            reads_on_while_the_object_is_replaced_and_deleted
            shows_each_of_many_overwrites_whole
            pages_like_the_model
            lists_nothing_where_nothing_is
            passes_a_group_however_large
            lists_every_lasting_object_once_during_writes
            joins_parts_into_an_object
            joins_only_the_parts_that_are_named_and_there
            keeps_a_part_only_when_it_is_what_it_is_said_to_be
            completes_an_upload_only_where_the_condition_allows
            knows_no_upload_that_has_ended
            pages_parts_by_number
            pages_uploads_like_the_model
            reads_on_while_an_upload_replaces_the_object
            counts_every_object_that_is_replaced_or_removed
        }
    };
    ($subject:expr => $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let make = $subject;
                let (subject, _lives_as_long) = make();
                $crate::conformance::$promise(&subject).await;
            }
        )+
    };
}

/// A store to be tested, without objects.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// A folder for the files of puts; several subjects may share it.
    pub scratch: PathBuf,
}

impl Subject {
    async fn put_text(&self, key: &str, text: &str) {
        self.put(key, put(text.to_owned())).await;
    }

    async fn put(&self, name: &str, put: Put) {
        if let Err(error) = self.store.put(&bucket(), &key(name), put).await {
            panic!("put of {name:?}: {error}");
        }
    }

    /// The object's bytes, which agree with what is told of them; `None` when it is absent.
    async fn bytes(&self, name: &str) -> Option<Bytes> {
        let object = match self.store.get(&bucket(), &key(name), None).await {
            Ok(object) => object,
            Err(crate::Error::NotFound { .. }) => return None,
            Err(error) => panic!("get of {name:?}: {error}"),
        };
        let info = object.info.clone();
        let bytes = object
            .bytes()
            .await
            .unwrap_or_else(|error| panic!("body of {name:?}: {error}"));
        assert_eq!(
            (info.length, info.crc64),
            (bytes.len() as u64, crc64(&bytes)),
            "{name:?} and what is told of it"
        );
        Some(bytes)
    }

    async fn list(&self, query: &ListQuery) -> ListPage {
        self.store
            .list(&bucket(), query)
            .await
            .unwrap_or_else(|error| panic!("list of {query:?}: {error}"))
    }

    /// A new file with these bytes.
    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.join(format!("{:032x}.body", rand::random::<u128>()));
        std::fs::write(&path, bytes).expect("the scratch folder can be written");
        path
    }
}

fn bucket() -> BucketName {
    BucketName::parse("conformance").expect("a valid name")
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// A put of bytes with an ETag of their own.
fn put(bytes: impl Into<Bytes>) -> Put {
    let bytes = bytes.into();
    let etag = recorded_etag(crc64(&bytes), bytes.len() as u64);
    Put::bytes(
        bytes,
        etag,
        Attributes::default(),
        UnixTime::from_millis(1_700_000_000_123),
    )
}

/// Bytes that differ at every place and with every seed.
fn pattern(seed: u8, length: usize) -> Bytes {
    (0..length)
        .map(|at| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0] ^ seed)
        .collect()
}

/// Attributes with everything said.
fn attributes(mark: &str) -> Attributes {
    let text = |name: &str| Some(format!("{name} {mark}"));
    Attributes {
        content_type: text("type"),
        cache_control: text("cache"),
        content_disposition: text("disposition"),
        content_encoding: text("encoding"),
        content_language: text("language"),
        expires: text("expires"),
        content_md5: text("md5"),
        user: BTreeMap::from([
            ("a".into(), mark.into()),
            ("empty".into(), String::new()),
            ("ключ".into(), "值\0".into()),
        ]),
        acl: ObjectAcl::Own(Acl::PublicRead),
    }
}
