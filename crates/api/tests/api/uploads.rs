//! Multipart uploads.

use alluvium_oss::xml::Element;
use alluvium_store::faulty::{Fault, Gate, Operation, Rule};

use crate::world::*;

/// Parts of five bytes may be joined.
async fn world() -> World {
    let limits = alluvium_api::Limits {
        part_bytes_min: 5,
        upload_memory_bytes_max: 10,
        ..Default::default()
    };
    let world = World::with(limits).await;
    world.make_buckets().await;
    world
}

/// A request about an upload.
fn ask(method: &'static str, key: &str, id: &str) -> Ask {
    Ask::new(method, "private-bucket").key(key).query("uploadId", id)
}

fn part(key: &str, id: &str, number: u32, bytes: &str) -> Ask {
    ask("PUT", key, id).query("partNumber", &number.to_string()).body(bytes)
}

fn join(parts: &[(u32, &str)]) -> String {
    let part =
        |(number, etag): &(u32, &str)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn begin(world: &World, begin: Ask) -> String {
    let answer = world.ask(begin.query("uploads", "")).await;
    let root = Element::parse(&answer.body, "InitiateMultipartUploadResult").unwrap_or_else(|_| panic!("{answer:?}"));
    root.child_text("UploadId").unwrap().to_owned()
}

async fn begin_key(world: &World, key: &str) -> String {
    begin(world, Ask::new("POST", "private-bucket").key(key)).await
}

/// Puts a part and returns its ETag, with its quotes.
async fn put(world: &World, key: &str, id: &str, number: u32, bytes: &str) -> String {
    let answer = world.ask(part(key, id, number, bytes)).await;
    assert_eq!(answer.outcome(), "200");
    answer.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn an_object_is_uploaded_in_parts() {
    let world = world().await;
    let key = "folder/a key & ключ";
    let initiate = Ask::new("POST", "private-bucket")
        .key(key)
        .header("content-type", "video/mp4")
        .header("cache-control", "max-age=7")
        .header("x-oss-meta-colour", "blue")
        .header("x-oss-object-acl", "public-read");
    let id = begin(&world, initiate).await;
    let first = world.ask(part(key, &id, 1, "12345")).await;
    assert_eq!(
        first.own_headers(),
        [
            "content-length: 0",
            "content-md5: gnzLDuqKcGxMNKFokfhOew==",
            "etag: \"827CCB0EEA8A706C4C34A16891F84E7B\"",
            &format!("x-oss-hash-crc64ecma: {}", alluvium_store::crc64(b"12345")),
        ]
    );
    let large = "larger than memory";
    let second = put(&world, key, &id, 2, large).await;
    assert_eq!(world.ask(Ask::new("GET", "private-bucket").key(key)).await.status, 404);

    let listed = world.ask(ask("GET", key, &id).query("max-parts", "1")).await;
    assert_eq!(
        listed.document(),
        format!(
            "<ListPartsResult><Bucket>private-bucket</Bucket><Key>folder/a key &amp; ключ</Key><UploadId>{id}</UploadId>\
             <StorageClass>Standard</StorageClass><PartNumberMarker>0</PartNumberMarker>\
             <NextPartNumberMarker>1</NextPartNumberMarker><MaxParts>1</MaxParts><IsTruncated>true</IsTruncated>\
             <Part><PartNumber>1</PartNumber><LastModified>2023-11-14T22:13:20.000Z</LastModified>\
             <ETag>&quot;827CCB0EEA8A706C4C34A16891F84E7B&quot;</ETag>\
             <HashCrc64ecma>{}</HashCrc64ecma><Size>5</Size></Part></ListPartsResult>",
            alluvium_store::crc64(b"12345")
        )
    );
    let rest = world.ask(ask("GET", key, &id).query("part-number-marker", "1")).await;
    assert!(
        rest.document()
            .contains("<IsTruncated>false</IsTruncated><Part><PartNumber>2</PartNumber>")
    );

    let document = join(&[(1, first.header("etag").unwrap()), (2, &second.to_lowercase())]);
    let completed = world.ask(ask("POST", key, &id).body(document)).await;
    let whole = format!("12345{large}");
    let crc64 = alluvium_store::crc64(whole.as_bytes()).to_string();
    assert_eq!(completed.outcome(), "200");
    assert_eq!(completed.header("x-oss-hash-crc64ecma"), Some(&*crc64));
    let root = Element::parse(&completed.body, "CompleteMultipartUploadResult").unwrap();
    assert_eq!(
        root.child_text("Location"),
        Some("http://private-bucket.oss.test:9000/folder/a%20key%20%26%20%D0%BA%D0%BB%D1%8E%D1%87")
    );
    let etag = root.child_text("ETag").unwrap();
    assert!(etag.len() == 36 && etag.ends_with("-2\""), "{etag}");

    let got = world.ask(Ask::new("GET", "private-bucket").key(key).by(Nobody)).await;
    assert_eq!((got.status, got.text()), (200, &*whole));
    assert_eq!(
        got.own_headers(),
        [
            "accept-ranges: bytes",
            "cache-control: max-age=7",
            &format!("content-length: {}", whole.len()),
            "content-type: video/mp4",
            &format!("etag: {etag}"),
            "last-modified: Tue, 14 Nov 2023 22:13:20 GMT",
            &format!("x-oss-hash-crc64ecma: {crc64}"),
            "x-oss-meta-colour: blue",
            "x-oss-object-type: Multipart",
            "x-oss-storage-class: Standard",
        ]
    );
    assert_eq!(world.ask(ask("GET", key, &id)).await.refusal(), "404 NoSuchUpload");
    world.no_uploads().await;
}

#[tokio::test]
async fn all_parts_are_joined_when_all_are_asked_for() {
    let world = world().await;
    let id = begin_key(&world, "key").await;
    let all = |value: &str, body: &str| ask("POST", "key", &id).header("x-oss-complete-all", value).body(body);
    assert_eq!(world.ask(all("yes", "")).await.refusal(), "400 InvalidPart");
    put(&world, "key", &id, 7, "end").await;
    put(&world, "key", &id, 3, "begin").await;
    assert_eq!(world.ask(all("no", "")).await.refusal(), "400 InvalidArgument");
    assert_eq!(world.ask(all("yes", "<a/>")).await.refusal(), "400 InvalidArgument");
    let completed = world
        .ask(all("yes", "").header("x-oss-object-acl", "public-read"))
        .await;
    assert_eq!(completed.outcome(), "200");
    let got = world.ask(Ask::new("GET", "private-bucket/key").by(Nobody)).await;
    assert_eq!((got.status, got.text()), (200, "beginend"));
}

#[tokio::test]
async fn wrong_requests_about_uploads_are_refused_and_change_nothing() {
    let world = world().await;
    let id = begin_key(&world, "key").await;
    let (first, small) = (
        put(&world, "key", &id, 1, "12345").await,
        put(&world, "key", &id, 2, "1234").await,
    );
    let last = put(&world, "key", &id, 3, "").await;
    let complete = |parts: &[(u32, &str)]| ask("POST", "key", &id).body(join(parts));
    for (ask, expected) in [
        (part("key", &id, 0, "12345"), "400 InvalidArgument"),
        (part("key", &id, 10_001, "12345"), "400 InvalidArgument"),
        (part("key", "other", 1, "12345"), "404 NoSuchUpload"),
        (part("other", &id, 1, "12345"), "404 NoSuchUpload"),
        (
            ask("PUT", "key", &id).query("partNumber", "1"),
            "411 MissingContentLength",
        ),
        (
            part("key", &id, 1, "12345").header("content-md5", "AAAA"),
            "400 InvalidDigest",
        ),
        (part("key", &id, 1, "12345").by(Bob), "403 AccessDenied 0003-00000001"),
        (
            part("key", &id, 1, "12345").by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (ask("PUT", "key", &id), "400 NotImplemented"),
        (ask("GET", "key", "other"), "404 NoSuchUpload"),
        (ask("GET", "key", &id).query("max-parts", "1001"), "400 InvalidArgument"),
        (ask("GET", "key", &id).by(Bob), "403 AccessDenied 0003-00000001"),
        (complete(&[(1, &first), (4, &last)]), "400 InvalidPart"),
        (complete(&[(1, &small)]), "400 InvalidPart"),
        (complete(&[(3, &last), (1, &first)]), "400 InvalidPartOrder"),
        (complete(&[(1, &first), (2, &small), (3, &last)]), "400 EntityTooSmall"),
        (complete(&[]), "400 MalformedXML 0031-00000001"),
        (ask("POST", "key", &id).body("parts"), "400 MalformedXML 0031-00000001"),
        (
            ask("POST", "key", "other").body(join(&[(1, &first)])),
            "404 NoSuchUpload",
        ),
        (complete(&[(1, &first)]).by(Nobody), "403 AccessDenied 0003-00000001"),
        (ask("DELETE", "key", "other"), "404 NoSuchUpload"),
        (ask("DELETE", "key", &id).by(Nobody), "403 AccessDenied 0003-00000001"),
        (
            Ask::new("POST", "private-bucket/key?uploads").by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("POST", "private-bucket/key?uploads").header("x-oss-tagging", "a=b"),
            "400 NotImplemented",
        ),
        (
            Ask::new("GET", "private-bucket?uploads").by(Bob),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("GET", "private-bucket?uploads&max-uploads=0"),
            "400 InvalidArgument",
        ),
        (Ask::new("DELETE", "private-bucket"), "409 BucketNotEmpty 0015-00000301"),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.outcome(), expected, "{name}");
    }
    let listed = world.ask(ask("GET", "key", &id)).await;
    assert_eq!(listed.document().matches("<Part>").count(), 3);
    assert_eq!(world.ask(complete(&[(1, &first), (3, &last)])).await.outcome(), "200");
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"12345");
    world.no_uploads().await;
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let world = world().await;
    let id = begin_key(&world, "key").await;
    put(&world, "key", &id, 1, "12345").await;
    let aborted = world.ask(ask("DELETE", "key", &id)).await;
    assert_eq!((aborted.status, aborted.text()), (204, ""));
    assert_eq!(world.ask(ask("DELETE", "key", &id)).await.refusal(), "404 NoSuchUpload");
    assert_eq!(world.ask(Ask::new("DELETE", "private-bucket")).await.outcome(), "204");
}

#[tokio::test]
async fn anybody_uploads_to_a_public_read_write_bucket_and_nobody_lists_it() {
    let world = world().await;
    let in_bucket = |method| Ask::new(method, "write-bucket").key("key").by(Nobody);
    let id = begin(&world, in_bucket("POST")).await;
    let put = in_bucket("PUT")
        .query("uploadId", &id)
        .query("partNumber", "1")
        .body("12345");
    assert_eq!(world.ask(put).await.outcome(), "200");
    let list = in_bucket("GET").query("uploadId", &id);
    assert_eq!(world.ask(list).await.refusal(), "403 AccessDenied 0003-00000001");
    let complete = in_bucket("POST")
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes")
        .body("");
    assert_eq!(world.ask(complete).await.outcome(), "200");
}

#[tokio::test]
async fn uploads_are_listed_page_by_page() {
    let world = world().await;
    let mut expected = Vec::new();
    for key in ["a/1", "a/2", "b c", "b c", "b c"] {
        expected.push((key.to_owned(), begin_key(&world, key).await));
    }
    expected.sort();
    let mut shown = Vec::new();
    let (mut key_marker, mut id_marker) = (String::new(), String::new());
    loop {
        let list = Ask::new("GET", "private-bucket?uploads&max-uploads=2")
            .query("key-marker", &key_marker)
            .query("upload-id-marker", &id_marker);
        let answer = world.ask(list).await;
        let root = Element::parse(&answer.body, "ListMultipartUploadsResult").unwrap();
        let text = |element: &Element, name| element.child_text(name).unwrap().to_owned();
        assert_eq!(
            (text(&root, "KeyMarker"), text(&root, "UploadIdMarker")),
            (key_marker, id_marker)
        );
        let uploads = root.children_named("Upload");
        shown.extend(uploads.map(|upload| (text(upload, "Key"), text(upload, "UploadId"))));
        (key_marker, id_marker) = (text(&root, "NextKeyMarker"), text(&root, "NextUploadIdMarker"));
        if text(&root, "IsTruncated") == "false" {
            break;
        }
    }
    assert_eq!(shown, expected);
    let folded = world
        .ask(Ask::new("GET", "private-bucket?uploads&delimiter=/&encoding-type=url"))
        .await;
    assert!(folded.document().contains("<Key>b%20c</Key>"));
    assert!(
        folded
            .document()
            .ends_with("<CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes></ListMultipartUploadsResult>")
    );
}

#[tokio::test]
async fn an_upload_replaces_nothing_where_overwriting_is_forbidden() {
    let world = world().await;
    let forbidding = |ask: Ask| ask.header("x-oss-forbid-overwrite", "true");
    let id = begin(&world, forbidding(Ask::new("POST", "private-bucket/key"))).await;
    put(&world, "key", &id, 1, "12345").await;
    assert_eq!(
        world
            .ask(Ask::new("PUT", "private-bucket/key").body("first"))
            .await
            .outcome(),
        "200"
    );
    let complete = || ask("POST", "key", &id).header("x-oss-complete-all", "yes").body("");
    assert_eq!(
        world.ask(forbidding(complete())).await.refusal(),
        "409 FileAlreadyExists"
    );
    let late = forbidding(Ask::new("POST", "private-bucket/key?uploads"));
    assert_eq!(world.ask(late).await.refusal(), "409 FileAlreadyExists");
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"first");
    assert_eq!(world.ask(complete()).await.outcome(), "200");
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"12345");
}

#[tokio::test]
async fn a_part_is_copied_from_an_object_or_a_range_of_it() {
    let world = world().await;
    world
        .put("private-bucket", "a b", b"0123456789abcdef", Default::default())
        .await;
    let id = begin_key(&world, "key").await;
    let copy = |number: &str| {
        ask("PUT", "key", &id)
            .query("partNumber", number)
            .header("x-oss-copy-source", "/private-bucket/a%20b")
    };
    let whole = world.ask(copy("1")).await;
    assert!(
        whole
            .document()
            .starts_with("<CopyPartResult><LastModified>2023-11-14T22:13:20.000Z</LastModified><ETag>")
    );
    let range = "x-oss-copy-source-range";
    for (number, value, expected) in [
        ("2", "bytes=10-12", "200"),
        ("3", "bytes=14-", "200"),
        ("4", "bytes=16-17", "416 InvalidRange"),
        ("4", "10-12", "400 InvalidArgument"),
    ] {
        assert_eq!(
            world.ask(copy(number).header(range, value)).await.outcome(),
            expected,
            "{value}"
        );
    }
    let etag = "x-oss-copy-source-if-match";
    assert_eq!(
        world.ask(copy("5").header(etag, "x")).await.refusal(),
        "412 PreconditionFailed"
    );
    let listed = world.ask(ask("GET", "key", &id)).await;
    let sizes: Vec<_> = listed
        .document()
        .split("<Size>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(sizes, ["16", "3", "2"]);
    world.no_uploads().await;
}

#[tokio::test]
async fn a_completed_upload_withdraws_the_segment_before_it_and_one_recorded_meanwhile() {
    for recorded_meanwhile in [false, true] {
        let world = world().await;
        let key = "channel/1700000000000.ts";
        let id = begin_key(&world, key).await;
        put(&world, key, &id, 1, "mine").await;
        let gate = Gate::closed();
        if recorded_meanwhile {
            world
                .store
                .add(Rule::on(Operation::CompleteUpload, Fault::Hold(gate.clone())));
        } else {
            world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
        }
        let complete = world.ask(ask("POST", key, &id).header("x-oss-complete-all", "yes").body(""));
        let record = async {
            if recorded_meanwhile {
                gate.reached(1).await;
                world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
                gate.open();
            }
        };
        let (answer, ()) = futures_util::future::join(complete, record).await;
        assert_eq!(answer.outcome(), "200");
        let vod = Ask::new(
            "GET",
            "private-bucket/channel?vod&startTime=1700000000&endTime=1700000000",
        );
        assert_eq!(world.ask(vod).await.refusal(), "400 InvalidArgument 0044-00000308");
    }
}
