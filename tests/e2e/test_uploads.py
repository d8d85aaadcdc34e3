"""Uploads in parts, copies and lists through the client library, in every signature version; its CRC check is on throughout."""

import os

import oss2
import pytest
from harness import client
from oss2.models import PartInfo

PART = 128 << 10
KEYS = ("plain", "folder/a key", "ключ/鍵", "a+b&c=d?e#f%2Fg", "x//y/", "<'\">", "a/../b")


@pytest.fixture(scope="module", params=[client.v1, client.v2, client.v4])
def bucket(server, request):
    made = client.open_bucket(server.endpoint, f"uploads-{request.param.__name__}", request.param())
    made.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    assert made.enable_crc
    return made


def upload_part(bucket, key, upload, number, content):
    part = bucket.upload_part(key, upload, number, content)
    return PartInfo(number, part.etag, size=len(content), part_crc=part.crc)


@pytest.mark.parametrize("key", KEYS)
def test_parts_become_an_object(bucket, key):
    content = os.urandom(2 * PART + 5)
    upload = bucket.init_multipart_upload(key, headers={"Content-Type": "video/mp2t", "x-oss-meta-colour": "blue"}).upload_id
    pieces = [content[at : at + PART] for at in range(0, len(content), PART)]
    parts = [upload_part(bucket, key, upload, number, piece) for number, piece in reversed(list(enumerate(pieces, 1)))]
    listed = [(part.part_number, part.etag, part.size) for part in oss2.PartIterator(bucket, key, upload, max_parts=2)]
    assert listed == [(part.part_number, part.etag, part.size) for part in reversed(parts)]
    assert upload in [running.upload_id for running in oss2.ObjectUploadIterator(bucket, key)]
    done = bucket.complete_multipart_upload(key, upload, list(reversed(parts)))
    got = bucket.get_object(key)
    assert got.read() == content
    assert got.client_crc == got.server_crc == done.crc
    head = bucket.head_object(key)
    assert (head.object_type, head.etag, head.content_type) == ("Multipart", done.etag, "video/mp2t")
    assert head.headers["x-oss-meta-colour"] == "blue"
    assert list(oss2.ObjectUploadIterator(bucket, key)) == []


def test_a_large_file_is_uploaded_by_the_helper(bucket, folder):
    path = folder / "large"
    path.write_bytes(os.urandom(3 << 20))
    oss2.resumable_upload(bucket, "large", str(path), multipart_threshold=1 << 20, part_size=1 << 20, num_threads=3)
    assert bucket.get_object("large").read() == path.read_bytes()


def test_a_part_is_copied_from_a_range(bucket):
    content = os.urandom(2 * PART)
    bucket.put_object("source of parts", content)
    upload = bucket.init_multipart_upload("joined").upload_id
    parts = []
    for number, span in ((1, (PART, 2 * PART - 1)), (2, (0, 9))):
        part = bucket.upload_part_copy(bucket.bucket_name, "source of parts", span, "joined", upload, number)
        parts.append(PartInfo(number, part.etag))
    bucket.complete_multipart_upload("joined", upload, parts)
    assert bucket.get_object("joined").read() == content[PART:] + content[:10]


def test_an_aborted_upload_is_gone_and_a_running_one_keeps_its_bucket(server, bucket):
    other = client.open_bucket(server.endpoint, f"{bucket.bucket_name}-kept", bucket.auth)
    other.create_bucket()
    upload = other.init_multipart_upload("key").upload_id
    upload_part(other, "key", upload, 1, b"content")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        other.delete_bucket()
    other.abort_multipart_upload("key", upload)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        other.list_parts("key", upload)
    other.delete_bucket()


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_copied_listed_and_deleted_with_others(bucket, key):
    source, copy = f"source/{key}", f"copy/{key}"
    put = bucket.put_object(source, b"content", headers={"x-oss-meta-colour": "blue"})
    assert bucket.copy_object(bucket.bucket_name, source, copy).etag == put.etag
    assert bucket.head_object(copy).headers["x-oss-meta-colour"] == "blue"
    bucket.update_object_meta(copy, {"x-oss-meta-colour": "red"})
    got = bucket.get_object(copy)
    assert (got.read(), got.headers["x-oss-meta-colour"]) == (b"content", "red")
    assert [found.key for found in oss2.ObjectIteratorV2(bucket, prefix="copy/", max_keys=1)] == [copy]
    bucket.put_object_acl(copy, oss2.OBJECT_ACL_PUBLIC_READ)
    assert bucket.get_object_acl(copy).acl == oss2.OBJECT_ACL_PUBLIC_READ
    assert bucket.batch_delete_objects([source, copy, "missing"]).deleted_keys == [source, copy, "missing"]
    assert list(oss2.ObjectIteratorV2(bucket, prefix="copy/")) == []


def test_the_second_version_lists_by_folders(bucket):
    names = [f"tree/{folder}/{name}" for folder in "abc" for name in "12"] + ["tree/z"]
    for name in names:
        bucket.put_object(name, b"content")
    shown = [(found.key, found.is_prefix()) for found in oss2.ObjectIteratorV2(bucket, prefix="tree/", delimiter="/", max_keys=2)]
    assert shown == [("tree/a/", True), ("tree/b/", True), ("tree/c/", True), ("tree/z", False)]
    after = bucket.list_objects_v2(prefix="tree/", start_after="tree/c/1", fetch_owner=True)
    assert [found.key for found in after.object_list] == ["tree/c/2", "tree/z"]
    assert after.object_list[0].owner.id
