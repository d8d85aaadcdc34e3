use crate::world::*;

const ONE: &str = "<Bucket><CreationDate>2023-11-14T22:13:20.000Z</CreationDate>\
    <ExtranetEndpoint>oss.test:9000</ExtranetEndpoint><IntranetEndpoint>oss.test:9000</IntranetEndpoint>\
    <Location>oss-cn-hangzhou</Location><Name>first-bucket</Name><Region>cn-hangzhou</Region>\
    <StorageClass>Standard</StorageClass></Bucket>";

#[tokio::test]
async fn a_bucket_is_made_told_of_listed_and_deleted() {
    let world = World::new().await;
    let made = world
        .ask(Ask::new("PUT", "first-bucket").header("x-oss-acl", "public-read"))
        .await;
    assert_eq!((made.status, made.text()), (200, ""));
    assert_eq!(made.own_headers(), ["content-length: 0", "location: /first-bucket"]);

    let info = world.ask(Ask::new("GET", "first-bucket?bucketInfo")).await;
    assert_eq!(
        info.document(),
        "<BucketInfo><Bucket><CreationDate>2023-11-14T22:13:20.000Z</CreationDate>\
         <ExtranetEndpoint>oss.test:9000</ExtranetEndpoint><IntranetEndpoint>oss.test:9000</IntranetEndpoint>\
         <Location>oss-cn-hangzhou</Location><StorageClass>Standard</StorageClass>\
         <TransferAcceleration>Disabled</TransferAcceleration><CrossRegionReplication>Disabled</CrossRegionReplication>\
         <Name>first-bucket</Name><Owner><DisplayName>alice</DisplayName><ID>alice</ID></Owner>\
         <AccessControlList><Grant>public-read</Grant></AccessControlList>\
         <DataRedundancyType>LRS</DataRedundancyType><Comment></Comment></Bucket></BucketInfo>"
    );

    let list = world.ask(Ask::new("GET", "")).await;
    let expected = format!(
        "<ListAllMyBucketsResult><Prefix></Prefix><Marker></Marker><MaxKeys>100</MaxKeys><IsTruncated>false</IsTruncated>\
         <NextMarker></NextMarker><Owner><ID>alice</ID><DisplayName>alice</DisplayName></Owner>\
         <Buckets>{ONE}</Buckets></ListAllMyBucketsResult>"
    );
    assert_eq!(list.document(), expected);

    let gone = world.ask(Ask::new("DELETE", "first-bucket")).await;
    assert_eq!((gone.status, gone.text()), (204, ""));
    assert_eq!(
        world.ask(Ask::new("DELETE", "first-bucket")).await.refusal(),
        "404 NoSuchBucket 0015-00000101"
    );
}

#[tokio::test]
async fn the_owner_may_make_his_bucket_again_and_others_may_not() {
    let world = World::new().await;
    for (acl, grant) in [
        (None, "private"),
        (Some("public-read-write"), "public-read-write"),
        (None, "public-read-write"),
    ] {
        let mut ask = Ask::new("PUT", "first-bucket");
        if let Some(acl) = acl {
            ask = ask.header("x-oss-acl", acl);
        }
        assert_eq!(world.ask(ask).await.status, 200);
        let answer = world.ask(Ask::new("GET", "first-bucket?acl")).await;
        assert_eq!(
            answer.document(),
            format!(
                "<AccessControlPolicy><Owner><ID>alice</ID><DisplayName>alice</DisplayName></Owner>\
                 <AccessControlList><Grant>{grant}</Grant></AccessControlList></AccessControlPolicy>"
            )
        );
    }
    let other = world.ask(Ask::new("PUT", "first-bucket").by(Bob)).await;
    assert_eq!(other.refusal(), "409 BucketAlreadyExists 0015-00000104");
}

#[tokio::test]
async fn a_bucket_is_not_made_of_a_wrong_request() {
    let world = World::new().await;
    let class = |class: &str| {
        format!("<CreateBucketConfiguration><StorageClass>{class}</StorageClass></CreateBucketConfiguration>")
    };
    for (ask, expected) in [
        (
            Ask::new("PUT", "new-bucket").header("x-oss-acl", "public"),
            "400 InvalidArgument",
        ),
        (Ask::new("PUT", "ab").at(HOST), "400 InvalidBucketName"),
        (Ask::new("PUT", "Capital").at(HOST), "400 InvalidBucketName"),
        (
            Ask::new("PUT", "new-bucket").body("nonsense"),
            "400 MalformedXML 0031-00000001",
        ),
        (
            Ask::new("PUT", "new-bucket").body("<Other/>"),
            "400 MalformedXML 0031-00000001",
        ),
        (Ask::new("PUT", "new-bucket").body(class("IA")), "400 NotImplemented"),
        (
            Ask::new("PUT", "new-bucket").by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("PUT", "new-bucket").body("<a/>").header("content-md5", "x"),
            "400 InvalidDigest",
        ),
        (Ask::new("PUT", "new-bucket").body(class("Standard")), "200"),
        (Ask::new("PUT", "").at(HOST), "405 MethodNotAllowed"),
    ] {
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
}

#[tokio::test]
async fn a_bucket_with_objects_or_channels_stays() {
    let world = World::with_buckets().await;
    world.put("private-bucket", "key", b"", Default::default()).await;
    let channel = "<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>";
    assert_eq!(
        world
            .ask(Ask::new("PUT", "private-bucket/channel?live").body(channel))
            .await
            .status,
        200
    );
    for emptying in ["private-bucket/key", "private-bucket/channel?live"] {
        let refused = world.ask(Ask::new("DELETE", "private-bucket")).await;
        assert_eq!(refused.refusal(), "409 BucketNotEmpty 0015-00000301");
        assert_eq!(world.ask(Ask::new("DELETE", emptying)).await.status, 204);
    }
    assert_eq!(world.ask(Ask::new("DELETE", "private-bucket")).await.status, 204);
}

#[tokio::test]
async fn an_acl_is_set_and_makes_a_missing_bucket() {
    let world = World::with_buckets().await;
    for (ask, expected) in [
        (
            Ask::new("PUT", "private-bucket?acl").header("x-oss-acl", "public-read"),
            "200",
        ),
        (
            Ask::new("PUT", "private-bucket?acl").header("x-oss-acl", "default"),
            "400 InvalidArgument",
        ),
        (Ask::new("PUT", "private-bucket?acl"), "400 InvalidArgument"),
        (
            Ask::new("PUT", "private-bucket?acl")
                .header("x-oss-acl", "private")
                .by(Bob),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("PUT", "bobs-bucket?acl")
                .header("x-oss-acl", "private")
                .by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("PUT", "bobs-bucket?acl")
                .header("x-oss-acl", "public-read")
                .by(Bob),
            "200",
        ),
        (Ask::new("GET", "bobs-bucket?bucketInfo").by(Bob), "200"),
        (
            Ask::new("GET", "bobs-bucket?bucketInfo"),
            "403 AccessDenied 0003-00000001",
        ),
    ] {
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
    let acl = world.ask(Ask::new("GET", "private-bucket?acl")).await;
    assert!(acl.document().contains("<Grant>public-read</Grant>"));
}

#[tokio::test]
async fn only_the_callers_buckets_are_listed_page_by_page() {
    let world = World::with_buckets().await;
    world.ask(Ask::new("PUT", "bobs-bucket").by(Bob)).await;
    let names = |text: &str| -> Vec<String> {
        text.split("<Name>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect()
    };
    for (target, listed, rest) in [
        (
            "",
            &["private-bucket", "read-bucket", "write-bucket"][..],
            "<IsTruncated>false</IsTruncated><NextMarker></NextMarker>",
        ),
        (
            "?max-keys=2",
            &["private-bucket", "read-bucket"],
            "<IsTruncated>true</IsTruncated><NextMarker>read-bucket</NextMarker>",
        ),
        (
            "?max-keys=2&marker=read-bucket",
            &["write-bucket"],
            "<IsTruncated>false</IsTruncated><NextMarker></NextMarker>",
        ),
        ("?prefix=w", &["write-bucket"], "<Prefix>w</Prefix>"),
        ("?prefix=x", &[], "<Buckets></Buckets>"),
    ] {
        let answer = world.ask(Ask::new("GET", target)).await;
        assert_eq!(names(answer.document()), listed, "{target}");
        assert!(answer.document().contains(rest), "{}", answer.document());
    }
    for target in ["?max-keys=0", "?max-keys=1001", "?max-keys=x"] {
        assert_eq!(
            world.ask(Ask::new("GET", target)).await.refusal(),
            "400 InvalidArgument"
        );
    }
    assert_eq!(
        world.ask(Ask::new("GET", "").by(Nobody)).await.refusal(),
        "403 AccessDenied 0003-00000001"
    );
}

#[tokio::test]
async fn a_browser_is_led_to_the_console_and_clients_are_not() {
    let world = World::with_buckets().await;
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    let answer = world.ask(Ask::new("GET", "").by(Nobody).header("accept", page)).await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/-/console/")));
    for (ask, expected) in [
        (Ask::new("GET", "").header("accept", page), "200"),
        (
            Ask::new("GET", "").by(Nobody).header("accept", "*/*"),
            "403 AccessDenied 0003-00000001",
        ),
        (
            Ask::new("GET", "private-bucket").by(Nobody).header("accept", page),
            "403 AccessDenied 0003-00000001",
        ),
    ] {
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
}

#[tokio::test]
async fn endpoints_repeat_the_host_that_the_client_used() {
    let world = World::with_buckets().await;
    for (ask, endpoint) in [
        (Ask::new("GET", "private-bucket?bucketInfo"), "oss.test:9000"),
        (
            Ask::new("GET", "private-bucket?bucketInfo").at("127.0.0.1:8080"),
            "127.0.0.1:8080",
        ),
        (
            Ask::new("GET", "private-bucket?bucketInfo").at("localhost"),
            "localhost",
        ),
        (
            Ask::new("GET", "private-bucket?bucketInfo").host("private-bucket.oss-cn-shanghai.aliyuncs.com"),
            "oss-cn-shanghai.aliyuncs.com",
        ),
        (
            Ask::new("GET", "private-bucket?bucketInfo").host("video.example.com"),
            "video.example.com",
        ),
    ] {
        let answer = world.ask(ask).await;
        assert!(
            answer.document().contains(&format!("<ExtranetEndpoint>{endpoint}<")),
            "{}",
            answer.document()
        );
    }
}

#[tokio::test]
async fn objects_are_listed_grouped_and_paged() {
    let world = World::with_buckets().await;
    for key in ["a", "b/1", "b/2", "c & <d>", "e"] {
        world.put("private-bucket", key, b"12345", Default::default()).await;
    }
    let contents = |key: &str| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>\
             <ETag>&quot;0123456789ABCDEF0123456789ABCDEF&quot;</ETag><Type>Normal</Type><Size>5</Size>\
             <StorageClass>Standard</StorageClass><Owner><ID>alice</ID><DisplayName>alice</DisplayName></Owner></Contents>"
        )
    };
    let first = world
        .ask(Ask::new("GET", "private-bucket?delimiter=/&max-keys=2"))
        .await;
    assert_eq!(
        first.document(),
        format!(
            "<ListBucketResult><Name>private-bucket</Name><Prefix></Prefix><Marker></Marker><MaxKeys>2</MaxKeys>\
             <Delimiter>/</Delimiter><IsTruncated>true</IsTruncated><NextMarker>b/</NextMarker>{}\
             <CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>",
            contents("a")
        )
    );
    let rest = world
        .ask(Ask::new(
            "GET",
            "private-bucket?delimiter=/&marker=b/&encoding-type=url",
        ))
        .await;
    assert_eq!(
        rest.document(),
        format!(
            "<ListBucketResult><Name>private-bucket</Name><Prefix></Prefix><Marker>b%2F</Marker><MaxKeys>100</MaxKeys>\
             <Delimiter>%2F</Delimiter><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>{}{}</ListBucketResult>",
            contents("c%20%26%20%3Cd%3E"),
            contents("e")
        )
    );
    let prefixed = world.ask(Ask::new("GET", "private-bucket?prefix=b/")).await;
    assert_eq!(prefixed.document().matches("<Contents>").count(), 2);
    for (target, expected) in [
        ("private-bucket?max-keys=1001", "400 InvalidArgument"),
        ("private-bucket?encoding-type=base64", "400 InvalidArgument"),
        ("missing-bucket", "404 NoSuchBucket 0015-00000101"),
    ] {
        assert_eq!(world.ask(Ask::new("GET", target)).await.refusal(), expected, "{target}");
    }
}
