//! The API over an empty store and catalog, and what every answer of it has to be.

use std::sync::{Arc, LazyLock};

use alluvium_api::{Api, Config, Limits};
use alluvium_catalog::{AccessKey, Catalog, MemoryCatalog};
use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, Domains, ManualClock, ObjectKey, OwnerId};
use alluvium_store::{Attributes, MemoryStore, ObjectStore, Put};
use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::signed::{ID, NOW, secret};

/// A public bucket `shown` with a channel `live`.
pub(crate) struct Service {
    router: Router,
    store: Arc<MemoryStore>,
    bucket: BucketName,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime starts")
});

impl Service {
    pub(crate) fn new(limits: Limits) -> Self {
        let (store, catalog) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCatalog::new()));
        let bucket = BucketName::parse("shown").expect("a name");
        RUNTIME.block_on(fill(&catalog, &bucket));
        let config = Config {
            domains: Domains::new(["oss.test".to_owned()], []),
            region: "cn-hangzhou".to_owned(),
            upload_folder: "nothing-is-uploaded".into(),
            limits,
        };
        let clock = Arc::new(ManualClock::new(NOW));
        Self {
            router: Api::new(config, store.clone(), catalog, clock).router(),
            store,
            bucket,
        }
    }

    pub(crate) fn put(&self, key: &str, content: &[u8], etag: &str) {
        let key = ObjectKey::parse(key).expect("a key");
        let put = Put::bytes(content.to_vec(), etag.to_owned(), Attributes::default(), NOW);
        RUNTIME
            .block_on(self.store.put(&self.bucket, &key, put))
            .expect("a store in memory takes everything");
    }

    pub(crate) fn ask(&self, request: Request<Body>) -> (Response<()>, Vec<u8>) {
        RUNTIME.block_on(async {
            let answer = self.router.clone().oneshot(request).await.expect("the service answers");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.expect("the body ends").to_bytes();
            (Response::from_parts(parts, ()), body.to_vec())
        })
    }
}

async fn fill(catalog: &MemoryCatalog, bucket: &BucketName) {
    let owner = OwnerId::new("owner");
    let key = AccessKey {
        id: ID.to_owned(),
        secret: secret(),
        owner: owner.clone(),
        security_token: None,
        enabled: true,
        created: NOW,
    };
    let channel = ChannelName::parse("live").expect("a name");
    let config = ChannelConfig::default();
    let filled = async {
        catalog.put_access_key(key).await?;
        catalog
            .create_bucket(bucket, &owner, Some(Acl::PublicReadWrite), NOW)
            .await?;
        catalog.put_channel(bucket, &channel, &config, NOW).await.map(drop)
    };
    filled.await.expect("the catalog is empty");
}
