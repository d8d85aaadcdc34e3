"""The vendor's second generation of libraries, in Python: V4 and V1, and live channels through its generic call."""

import datetime
import hashlib
import os
import xml.etree.ElementTree as xml

import alibabacloud_oss_v2 as oss
import pytest
import requests
from harness import client, encoder
from harness.awaiting import until
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET

CONFIGURATION = b"""<LiveChannelConfiguration><Description>a camera</Description><Status>enabled</Status>
<Target><Type>HLS</Type><FragDuration>2</FragDuration><FragCount>3</FragCount><PlaylistName>list.m3u8</PlaylistName></Target>
</LiveChannelConfiguration>"""

# In its first signature version the library signs of these only what it is told to.
LIVE_PARAMETERS = ["live", "vod", "comp", "status", "startTime", "endTime"]


def open_client(server, version, secret=ACCESS_KEY_SECRET):
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(ACCESS_KEY_ID, secret)
    config.region, config.endpoint, config.signature_version = "cn-hangzhou", server.endpoint, version
    return oss.Client(config)


@pytest.fixture(scope="module", params=["v4", "v1"])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def oss_client(server, version):
    return open_client(server, version)


@pytest.fixture(scope="module")
def bucket(oss_client, version):
    """The name of a bucket that the library has made."""
    name = f"second-{version}"
    assert oss_client.put_bucket(oss.PutBucketRequest(bucket=name, acl="private")).status_code == 200
    return name


def live(oss_client, bucket, method, channel=None, body=None, **parameters):
    """A live channel operation, which the library knows nothing of."""
    parameters = parameters if "vod" in parameters else {"live": "", **parameters}
    operation = oss.OperationInput(
        op_name="Live", method=method, bucket=bucket, key=channel, body=body, parameters=parameters, op_metadata={"sub-resource": LIVE_PARAMETERS}
    )
    return oss_client.invoke_operation(operation)


def document(output):
    return xml.fromstring(output.http_response.content)


def refusal(call, *arguments, **options):
    """The service's own error of a call that must fail."""
    with pytest.raises(oss.exceptions.OperationError) as error:
        call(*arguments, **options)
    refused = error.value.unwrap()
    assert isinstance(refused, oss.exceptions.ServiceError), refused
    return refused


def test_a_channel_is_created_read_listed_disabled_and_deleted(oss_client, server, bucket):
    made = document(live(oss_client, bucket, "PUT", "camera", CONFIGURATION))
    assert made.findtext("PublishUrls/Url") == f"rtmp://127.0.0.1:{server.http_port}/{bucket}/live/camera"
    assert made.findtext("PlayUrls/Url") == f"{server.endpoint}/{bucket}/camera/list.m3u8"
    info = document(live(oss_client, bucket, "GET", "camera"))
    assert (info.findtext("Description"), info.findtext("Target/FragDuration")) == ("a camera", "2")
    assert document(live(oss_client, bucket, "GET", "camera", comp="stat")).findtext("Status") == "Idle"
    assert list(document(live(oss_client, bucket, "GET", "camera", comp="history"))) == []
    assert live(oss_client, bucket, "PUT", "camera", status="disabled").status_code == 200
    listed = document(live(oss_client, bucket, "GET", prefix="cam"))
    assert [(one.findtext("Name"), one.findtext("Status")) for one in listed.findall("LiveChannel")] == [("camera", "disabled")]
    assert live(oss_client, bucket, "DELETE", "camera").status_code == 204
    missing = refusal(live, oss_client, bucket, "GET", "camera")
    assert (missing.status_code, missing.code, missing.ec) == (404, "NoSuchLiveChannel", "0026-00000021")
    assert len(missing.request_id) == 24


def test_a_stream_is_recorded_and_assembled(oss_client, server, bucket, media):
    """The library signs no RTMP URL; the one before it does, for the same bucket and key."""
    live(oss_client, bucket, "PUT", "pushed", CONFIGURATION)
    before = client.open_bucket(server.endpoint, bucket)
    with encoder.ffmpeg(media.long(), client.sign(before, "pushed", "list.m3u8")):
        until(lambda: client.segment_keys(before, "pushed"), "a segment")
        stat = document(live(oss_client, bucket, "GET", "pushed", comp="stat"))
        assert [stat.findtext(name) for name in ("Status", "Video/Codec", "Audio/Codec")] == ["Live", "H264", "AAC"]
        assert refusal(live, oss_client, bucket, "DELETE", "pushed").code == "ChannelStillLive"
    history = until(lambda: document(live(oss_client, bucket, "GET", "pushed", comp="history")).findall("LiveRecord"), "the record of the publish")
    now = int(datetime.datetime.now().timestamp())
    span = {"startTime": str(now - 600), "endTime": str(now + 60)}
    assert len(history) == 1
    assert live(oss_client, bucket, "POST", "pushed/vod.m3u8", vod="", **span).status_code == 200
    kept = oss_client.get_object(oss.GetObjectRequest(bucket=bucket, key="pushed/vod.m3u8")).body.content
    assert kept.endswith(b"#EXT-X-ENDLIST\n") and b"#EXTINF" in kept
    assert live(oss_client, bucket, "GET", "pushed", vod="", **span).http_response.content == kept


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_what_is_put_is_got(oss_client, bucket, size):
    content = os.urandom(size)
    put = oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key="some/key", body=content))
    assert put.etag == f'"{hashlib.md5(content).hexdigest().upper()}"'
    got = oss_client.get_object(oss.GetObjectRequest(bucket=bucket, key="some/key"))
    assert (got.body.content, got.hash_crc64) == (content, put.hash_crc64)
    head = oss_client.head_object(oss.HeadObjectRequest(bucket=bucket, key="some/key"))
    assert (head.content_length, head.object_type) == (size, "Normal")


@pytest.mark.parametrize("key", ["a b", "a+b", "a%2Fb", "a//b", "dir/", "ключ/鍵", "q?x=1&y", "#", "'\"<>"])
def test_any_key_is_kept_as_it_is(oss_client, bucket, key):
    oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key=key, body=key.encode()))
    assert oss_client.get_object(oss.GetObjectRequest(bucket=bucket, key=key)).body.content == key.encode()
    listed = [found.key for page in oss_client.list_objects_paginator().iter_page(oss.ListObjectsRequest(bucket=bucket)) for found in page.contents]
    assert key in listed
    url = oss_client.presign(oss.GetObjectRequest(bucket=bucket, key=key), expires=datetime.timedelta(minutes=10)).url
    assert requests.get(url, timeout=20).content == key.encode()
    assert oss_client.delete_object(oss.DeleteObjectRequest(bucket=bucket, key=key)).status_code == 204
    assert not oss_client.is_object_exist(bucket, key)


def test_a_range_and_a_condition_are_kept(oss_client, bucket):
    put = oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key="range", body=b"0123456789", metadata={"colour": "blue"}))
    got = oss_client.get_object(oss.GetObjectRequest(bucket=bucket, key="range", range_header="bytes=2-4", if_match=put.etag))
    assert (got.status_code, got.body.content, got.content_range, got.metadata) == (206, b"234", "bytes 2-4/10", {"colour": "blue"})
    failed = refusal(oss_client.get_object, oss.GetObjectRequest(bucket=bucket, key="range", if_match='"0"'))
    assert (failed.status_code, failed.code) == (412, "PreconditionFailed")
    kept = refusal(oss_client.put_object, oss.PutObjectRequest(bucket=bucket, key="range", body=b"other", forbid_overwrite=True))
    assert (kept.status_code, kept.code) == (409, "FileAlreadyExists")


def test_the_second_way_to_list_is_paged(oss_client, bucket):
    keys = [f"second/a {n}" for n in range(5)]
    for key in keys:
        oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key=key, body=b"x"))
    request = oss.ListObjectsV2Request(bucket=bucket, prefix="second/", fetch_owner=True)
    pages = list(oss_client.list_objects_v2_paginator(limit=2).iter_page(request))
    assert [[found.key for found in page.contents] for page in pages] == [keys[:2], keys[2:4], keys[4:]]


def test_the_librarys_uploader_and_downloader_work(oss_client, bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(1 << 20))
    uploader = oss_client.uploader(part_size=200 << 10, parallel_num=2)
    assert uploader.upload_file(oss.PutObjectRequest(bucket=bucket, key="by parts"), str(source)).status_code == 200
    oss_client.downloader(part_size=300 << 10, parallel_num=2).download_file(oss.GetObjectRequest(bucket=bucket, key="by parts"), str(target))
    assert target.read_bytes() == source.read_bytes()


def test_objects_are_copied_and_deleted_together(oss_client, bucket):
    oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key="group/a b", body=b"content", metadata={"colour": "blue"}))
    oss_client.copy_object(oss.CopyObjectRequest(bucket=bucket, key="group/copy", source_key="group/a b"))
    got = oss_client.get_object(oss.GetObjectRequest(bucket=bucket, key="group/copy"))
    assert (got.body.content, got.metadata) == (b"content", {"colour": "blue"})
    delete = [oss.DeleteObject(key=key) for key in ("group/a b", "group/copy")]
    done = oss_client.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(bucket=bucket, objects=delete))
    assert [one.key for one in done.deleted_objects] == ["group/a b", "group/copy"]


def test_the_acl_of_an_object_is_put_and_told(oss_client, bucket):
    oss_client.put_object(oss.PutObjectRequest(bucket=bucket, key="acl", body=b"content"))
    oss_client.put_object_acl(oss.PutObjectAclRequest(bucket=bucket, key="acl", acl="public-read"))
    assert oss_client.get_object_acl(oss.GetObjectAclRequest(bucket=bucket, key="acl")).acl == "public-read"


def test_buckets_are_listed_and_described(oss_client, server, bucket):
    names = [one.name for page in oss_client.list_buckets_paginator().iter_page(oss.ListBucketsRequest(prefix="second-")) for one in page.buckets]
    assert bucket in names
    info = oss_client.get_bucket_info(oss.GetBucketInfoRequest(bucket=bucket)).bucket_info
    assert (info.name, info.location, info.acl, info.extranet_endpoint) == (bucket, "oss-cn-hangzhou", "private", f"127.0.0.1:{server.http_port}")
    oss_client.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket, acl="public-read"))
    assert oss_client.get_bucket_acl(oss.GetBucketAclRequest(bucket=bucket)).acl == "public-read"
    oss_client.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket, acl="private"))
    assert (oss_client.is_bucket_exist(bucket), oss_client.is_bucket_exist("nobody-has-this")) == (True, False)


def test_an_error_of_a_head_is_read_from_its_header(oss_client, bucket):
    missing = refusal(oss_client.head_object, oss.HeadObjectRequest(bucket=bucket, key="missing"))
    assert (missing.status_code, missing.code, missing.ec) == (404, "NoSuchKey", "0026-00000001")


def test_a_wrong_secret_is_refused(server, version, bucket):
    refused = refusal(open_client(server, version, "wrong").get_bucket_info, oss.GetBucketInfoRequest(bucket=bucket))
    assert (refused.status_code, refused.code) == (403, "SignatureDoesNotMatch")
