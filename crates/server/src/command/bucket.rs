//! `alluvium bucket`: buckets, over the API.

use alluvium_oss::xml::Element;
use alluvium_oss::{Acl, BucketName};
use anyhow::Result;
use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;

use super::access::Access;
use super::output::{Finding, fields, print, table};
use super::page;
use super::place::bucket_name;
use crate::client::{Client, Request};

#[derive(Debug, Args)]
pub(crate) struct BucketCommand {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a bucket; of one that is yours, set the ACL if one is given
    Create {
        #[arg(value_name = "BUCKET", value_parser = bucket_name)]
        bucket: BucketName,
        /// private, public-read or public-read-write [default: private]
        #[arg(long, value_name = "ACL", value_parser = acl)]
        acl: Option<Acl>,
    },
    /// List your buckets
    List {
        /// Only those whose names begin so
        #[arg(long, value_name = "TEXT", default_value = "")]
        prefix: String,
    },
    /// Show when and whose a bucket is, and who may read it
    Info {
        #[arg(value_name = "BUCKET", value_parser = bucket_name)]
        bucket: BucketName,
    },
    /// Show a bucket's ACL, or set it
    Acl {
        #[arg(value_name = "BUCKET", value_parser = bucket_name)]
        bucket: BucketName,
        /// private, public-read (anyone may watch) or public-read-write (anyone may publish too)
        #[arg(value_name = "ACL", value_parser = acl)]
        acl: Option<Acl>,
    },
    /// Delete an empty bucket
    Delete {
        #[arg(value_name = "BUCKET", value_parser = bucket_name)]
        bucket: BucketName,
    },
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  alluvium bucket create videos --acl public-read
  alluvium bucket list
  alluvium bucket acl videos private";

impl BucketCommand {
    pub(crate) async fn run(&self) -> Result<()> {
        let client = self.access.client()?;
        let json = self.access.json;
        match &self.action {
            Action::Create { bucket, acl } => print(&create(&client, bucket, *acl).await?, json),
            Action::List { prefix } => print(&list(&client, prefix).await?, json),
            Action::Info { bucket } => print(&info(&client, bucket).await?, json),
            Action::Acl { bucket, acl: None } => print(&acl_of(&client, bucket).await?, json),
            Action::Acl { bucket, acl: Some(acl) } => print(&set_acl(&client, bucket, *acl).await?, json),
            Action::Delete { bucket } => print(&delete(&client, bucket).await?, json),
        }
    }
}

fn acl(text: &str) -> Result<Acl, String> {
    Acl::parse(text).map_err(|_| "private, public-read or public-read-write is wanted".to_owned())
}

async fn create(client: &Client, bucket: &BucketName, acl: Option<Acl>) -> Result<Done> {
    let mut request = Request::new(Method::PUT, Some(bucket), "");
    if let Some(acl) = acl {
        request = request.with_header(ACL_HEADER, acl.as_str());
    }
    client.send(request).await?;
    Ok(Done::new(bucket, "is there"))
}

async fn list(client: &Client, prefix: &str) -> Result<Buckets> {
    let first = || Request::new(Method::GET, None, "").with_query("prefix", prefix);
    let read = |page: &Element| {
        let listed = page.child("Buckets").map(Element::children).unwrap_or_default();
        listed.iter().map(ListedBucket::read).collect()
    };
    Ok(Buckets(
        page::every(client, first, "ListAllMyBucketsResult", read).await?,
    ))
}

async fn info(client: &Client, bucket: &BucketName) -> Result<Info> {
    let request = Request::new(Method::GET, Some(bucket), "").with_query("bucketInfo", "");
    let document = client.send(request).await?.document("BucketInfo")?;
    let empty = Element::default();
    let info = document.child("Bucket").unwrap_or(&empty);
    let text = |element: &Element, name| element.child_text(name).unwrap_or_default().to_owned();
    let owner = info.child("Owner").unwrap_or(&empty);
    let list = info.child("AccessControlList").unwrap_or(&empty);
    Ok(Info {
        bucket: text(info, "Name"),
        created: text(info, "CreationDate"),
        owner: text(owner, "ID"),
        acl: text(list, "Grant"),
        location: text(info, "Location"),
        endpoint: text(info, "ExtranetEndpoint"),
    })
}

async fn acl_of(client: &Client, bucket: &BucketName) -> Result<BucketAcl> {
    let request = Request::new(Method::GET, Some(bucket), "").with_query("acl", "");
    let document = client.send(request).await?.document("AccessControlPolicy")?;
    let grant = document
        .child("AccessControlList")
        .and_then(|list| list.child_text("Grant"));
    Ok(BucketAcl {
        bucket: bucket.to_string(),
        acl: grant.unwrap_or_default().to_owned(),
    })
}

async fn set_acl(client: &Client, bucket: &BucketName, acl: Acl) -> Result<BucketAcl> {
    let request = Request::new(Method::PUT, Some(bucket), "")
        .with_query("acl", "")
        .with_header(ACL_HEADER, acl.as_str());
    client.send(request).await?;
    Ok(BucketAcl {
        bucket: bucket.to_string(),
        acl: acl.as_str().to_owned(),
    })
}

async fn delete(client: &Client, bucket: &BucketName) -> Result<Done> {
    client.send(Request::new(Method::DELETE, Some(bucket), "")).await?;
    Ok(Done::new(bucket, "is deleted"))
}

/// Something has been done to a bucket.
#[derive(Serialize)]
struct Done {
    bucket: String,
    #[serde(skip)]
    what: &'static str,
}

impl Done {
    fn new(bucket: &BucketName, what: &'static str) -> Self {
        Self {
            bucket: bucket.to_string(),
            what,
        }
    }
}

impl Finding for Done {
    fn text(&self) -> String {
        format!("bucket {} {}", self.bucket, self.what)
    }
}

#[derive(Serialize)]
struct Buckets(Vec<ListedBucket>);

#[derive(Serialize)]
struct ListedBucket {
    bucket: String,
    created: String,
}

impl ListedBucket {
    fn read(element: &Element) -> Self {
        let text = |name| element.child_text(name).unwrap_or_default().to_owned();
        Self {
            bucket: text("Name"),
            created: text("CreationDate"),
        }
    }
}

impl Finding for Buckets {
    fn text(&self) -> String {
        let rows = self
            .0
            .iter()
            .map(|bucket| vec![bucket.bucket.clone(), bucket.created.clone()]);
        table(&["BUCKET", "CREATED"], rows)
    }
}

#[derive(Serialize)]
struct Info {
    bucket: String,
    created: String,
    owner: String,
    acl: String,
    location: String,
    endpoint: String,
}

impl Finding for Info {
    fn text(&self) -> String {
        fields([
            ("bucket", self.bucket.clone()),
            ("created", self.created.clone()),
            ("owner", self.owner.clone()),
            ("acl", self.acl.clone()),
            ("location", self.location.clone()),
            ("endpoint", self.endpoint.clone()),
        ])
    }
}

#[derive(Serialize)]
struct BucketAcl {
    bucket: String,
    acl: String,
}

impl Finding for BucketAcl {
    fn text(&self) -> String {
        self.acl.clone()
    }
}

const ACL_HEADER: &str = "x-oss-acl";
