"""Buckets and objects through the client library, in every signature version; its CRC check is on throughout."""

import hashlib
import os

import oss2
import pytest
import requests
from harness import client

SIZES = (0, 1, 1000, 3 << 20)


@pytest.fixture(scope="module", params=[client.v1, client.v2, client.v4])
def bucket(server, request):
    made = client.open_bucket(server.endpoint, f"objects-{request.param.__name__}", request.param())
    made.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    assert made.enable_crc
    return made


@pytest.mark.parametrize("size", SIZES)
def test_what_is_put_is_got(bucket, size):
    content = os.urandom(size)
    put = bucket.put_object("some/key", content)
    assert put.etag == hashlib.md5(content).hexdigest().upper()
    got = bucket.get_object("some/key")
    assert got.read() == content
    assert got.client_crc == got.server_crc == put.crc
    assert len(put.request_id) == 24


def test_an_overwrite_replaces_the_whole_object(bucket):
    bucket.put_object("over", b"first, and longer", headers={"x-oss-meta-a": "1", "Content-Type": "text/plain"})
    bucket.put_object("over", b"second")
    got = bucket.get_object("over")
    assert got.read() == b"second"
    assert "x-oss-meta-a" not in got.headers
    assert bucket.head_object("over").content_length == 6


@pytest.mark.parametrize(
    ("range", "expected"), [((0, 9), b"0123456789"), ((10, 10), b"a"), ((None, 3), b"xyz"), ((30, None), b"uvwxyz"), ((0, None), None)]
)
def test_a_range_is_got(bucket, range, expected):
    content = b"0123456789abcdefghijklmnopqrstuvwxyz"
    bucket.put_object("range", content)
    got = bucket.get_object("range", byte_range=range)
    expected = content if expected is None else expected
    assert (got.status, got.read()) == (206, expected)
    start = content.index(expected)
    assert got.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"


def test_an_unusable_range_brings_the_whole_object(bucket):
    bucket.put_object("short", b"content")
    got = bucket.get_object("short", byte_range=(100, 200))
    assert (got.status, got.read()) == (200, b"content")
    with pytest.raises(oss2.exceptions.OssError) as error:
        bucket.get_object("short", byte_range=(100, 200), headers={"x-oss-range-behavior": "standard"})
    assert (error.value.status, error.value.code) == (416, "InvalidRange")


def test_head_tells_what_was_put(bucket):
    headers = {"Content-Type": "text/x-test", "Cache-Control": "max-age=7", "x-oss-meta-colour": "blue"}
    put = bucket.put_object("head", b"content", headers=headers)
    head = bucket.head_object("head")
    assert (head.content_length, head.etag, head.server_crc) == (7, put.etag, put.crc)
    assert (head.content_type, head.headers["Cache-Control"], head.headers["x-oss-meta-colour"]) == ("text/x-test", "max-age=7", "blue")
    assert head.object_type == "Normal"


def test_conditions_are_kept(bucket):
    etag = bucket.put_object("condition", b"content").etag
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("condition", headers={"If-None-Match": f'"{etag}"'})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("condition", headers={"If-Match": '"00000000000000000000000000000000"'})
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket.put_object("condition", b"other", headers={"x-oss-forbid-overwrite": "true"})
    assert (error.value.status, error.value.code) == (409, "FileAlreadyExists")
    assert bucket.get_object("condition", headers={"If-Match": f'"{etag}"'}).read() == b"content"


def test_a_wrong_md5_is_refused_and_stores_nothing(bucket):
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket.put_object("damaged", b"content", headers={"Content-MD5": oss2.utils.content_md5(b"other")})
    assert (error.value.status, error.value.code) == (400, "InvalidDigest")
    assert not bucket.object_exists("damaged")


def test_a_deleted_object_is_gone_and_may_be_deleted_again(bucket):
    bucket.put_object("gone", b"content")
    assert [bucket.delete_object("gone").status for _ in range(2)] == [204, 204]
    with pytest.raises(oss2.exceptions.NoSuchKey) as error:
        bucket.get_object("gone")
    assert error.value.details["Key"] == "gone"


@pytest.mark.parametrize("key", ["a b", "a+b", "a%2Fb", "a//b", "dir/", "ключ/鍵", "q?x=1&y", "#", "%", "'\"<>"])
def test_any_key_is_kept_as_it_is(bucket, key):
    bucket.put_object(key, key.encode())
    assert bucket.get_object(key).read() == key.encode()
    assert key in [found.key for found in oss2.ObjectIterator(bucket)]
    assert requests.get(bucket.sign_url("GET", key, 600), timeout=20).content == key.encode()
    bucket.delete_object(key)
    assert not bucket.object_exists(key)


def test_a_listing_is_paged_grouped_and_ordered(bucket):
    keys = sorted([f"list/a{n}" for n in range(7)] + ["list/b/1", "list/b/2", "list/c/1"])
    for key in keys:
        bucket.put_object(key, b"x")
    paged = [found.key for found in oss2.ObjectIterator(bucket, prefix="list/", max_keys=3)]
    assert paged == keys
    page = bucket.list_objects(prefix="list/", delimiter="/")
    assert page.prefix_list == ["list/b/", "list/c/"]
    assert [found.key for found in page.object_list] == keys[:7]
    assert not page.is_truncated
    first = page.object_list[0]
    assert (first.size, first.type, first.etag) == (1, "Normal", hashlib.md5(b"x").hexdigest().upper())


def test_the_librarys_resumable_upload_and_download_work(bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(1 << 20))
    kept = {"store": oss2.ResumableStore(root=str(tmp_path))}
    oss2.resumable_upload(bucket, "resumed", str(source), multipart_threshold=1, part_size=256 << 10, num_threads=2, **kept)
    kept = {"store": oss2.ResumableDownloadStore(root=str(tmp_path))}
    oss2.resumable_download(bucket, "resumed", str(target), multiget_threshold=1, part_size=300 << 10, num_threads=2, **kept)
    assert target.read_bytes() == source.read_bytes()


def test_the_acl_of_an_object_is_put_and_told(bucket, server):
    bucket.put_object("acl", b"content")
    assert bucket.get_object_acl("acl").acl == oss2.OBJECT_ACL_DEFAULT
    for acl, status in ((oss2.OBJECT_ACL_PUBLIC_READ, 200), (oss2.OBJECT_ACL_PRIVATE, 403)):
        bucket.put_object_acl("acl", acl)
        assert bucket.get_object_acl("acl").acl == acl
        assert requests.get(f"{server.endpoint}/{bucket.bucket_name}/acl", timeout=20).status_code == status


def test_a_signed_url_puts_and_gets(bucket):
    put = requests.put(bucket.sign_url("PUT", "by url/key", 600, slash_safe=True), data=b"content", timeout=20)
    assert put.status_code == 200
    assert requests.get(bucket.sign_url("GET", "by url/key", 600, slash_safe=True), timeout=20).content == b"content"
    tampered = bucket.sign_url("GET", "by url/key", 600, slash_safe=True).replace("key", "kez")
    assert requests.get(tampered, timeout=20).status_code == 403


def test_an_acl_of_the_object_wins_over_the_buckets(bucket, server):
    bucket.put_object("shown", b"content", headers={"x-oss-object-acl": oss2.OBJECT_ACL_PUBLIC_READ})
    bucket.put_object("hidden", b"content")
    base = f"{server.endpoint}/{bucket.bucket_name}"
    assert requests.get(f"{base}/shown", timeout=20).content == b"content"
    assert requests.get(f"{base}/hidden", timeout=20).status_code == 403
    bucket.put_object("shown", b"content", headers={"x-oss-object-acl": oss2.OBJECT_ACL_PRIVATE})
    assert requests.get(f"{base}/shown", timeout=20).status_code == 403


def test_a_wrong_secret_is_refused_with_the_string_to_sign(bucket, server):
    stranger = client.open_bucket(server.endpoint, bucket.bucket_name, type(bucket.auth)(client.ACCESS_KEY_ID, "wrong"))
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch) as error:
        stranger.get_object("shown")
    assert error.value.details["StringToSign"]


@pytest.mark.parametrize(
    ("acl", "reads", "writes"),
    [(oss2.BUCKET_ACL_PRIVATE, 403, 403), (oss2.BUCKET_ACL_PUBLIC_READ, 200, 403), (oss2.BUCKET_ACL_PUBLIC_READ_WRITE, 200, 200)],
)
def test_the_buckets_acl_decides_what_strangers_may(server, acl, reads, writes):
    bucket = client.make_bucket(server, f"acl-{acl}", acl)
    assert bucket.get_bucket_acl().acl == acl
    bucket.put_object("key", b"content")
    url = f"{server.endpoint}/{bucket.bucket_name}/key"
    assert requests.get(url, timeout=20).status_code == reads
    assert requests.put(url, data=b"other", timeout=20).status_code == writes
    stranger = client.open_bucket(server.endpoint, bucket.bucket_name, client.anonymous())
    with pytest.raises(oss2.exceptions.AccessDenied):
        stranger.delete_live_channel("channel")


def test_a_bucket_is_deleted_when_it_is_empty_and_has_no_channels(server):
    bucket = client.make_bucket(server, "short-lived")
    bucket.put_object("key", b"")
    client.make_channel(bucket, "channel")
    for empty in (lambda: bucket.delete_object("key"), lambda: bucket.delete_live_channel("channel")):
        with pytest.raises(oss2.exceptions.BucketNotEmpty):
            bucket.delete_bucket()
        empty()
    bucket.delete_bucket()
    with pytest.raises(oss2.exceptions.NoSuchBucket) as error:
        bucket.get_bucket_info()
    assert error.value.details["BucketName"] == "short-lived"


def test_live_operations_on_a_missing_bucket_say_so(server):
    bucket = client.open_bucket(server.endpoint, "never-made")
    calls = [
        lambda: client.make_channel(bucket, "channel"),
        lambda: bucket.get_live_channel("channel"),
        lambda: bucket.get_live_channel_stat("channel"),
        lambda: bucket.get_live_channel_history("channel"),
        lambda: bucket.put_live_channel_status("channel", "enabled"),
        lambda: bucket.delete_live_channel("channel"),
        lambda: bucket.list_live_channel(),
        lambda: bucket.post_vod_playlist("channel", "v.m3u8", 1, 2),
        lambda: bucket.get_vod_playlist("channel", 1, 2),
    ]
    for call in calls:
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            call()


def test_channels_are_listed_in_pages(bucket):
    for n in range(5):
        client.make_channel(bucket, f"channel-{n}")
    first = bucket.list_live_channel(prefix="channel-", max_keys=3)
    assert ([one.name for one in first.channels], first.is_truncated, first.next_marker) == (["channel-0", "channel-1", "channel-2"], True, "channel-2")
    rest = bucket.list_live_channel(prefix="channel-", marker=first.next_marker)
    assert ([one.name for one in rest.channels], rest.is_truncated, rest.next_marker) == (["channel-3", "channel-4"], False, "")
