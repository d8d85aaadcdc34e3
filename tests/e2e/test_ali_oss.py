"""The vendor's library for Node: both signature versions, by host name and by IP."""

import hashlib
import os
import time

import pytest
import requests
from harness import ali_oss, client, encoder
from harness.ali_oss import Refused
from harness.awaiting import until
from harness.server import Server

DOMAIN = "oss.test"

CHANNEL = {"Description": "a <camera> & more", "Status": "enabled", "Target": {"Type": "HLS", "FragDuration": "2", "FragCount": "3", "PlaylistName": "list.m3u8"}}


@pytest.fixture(scope="module")
def server(folder):
    """This file's server answers to a domain as well."""
    with Server(folder / "data", domains=[DOMAIN]) as running:
        yield running
    assert running.verify().status == 0


@pytest.fixture(scope="module", params=["v1-name", "v4-name", "v1-ip", "v4-ip"])
def way(request):
    """A signature version and a way to address."""
    return request.param


@pytest.fixture(scope="module")
def bucket(way):
    return f"node-{way}"


@pytest.fixture(scope="module")
def node(server, way, bucket):
    """The library with a bucket that it has made."""
    version, address = way.split("-")
    host = DOMAIN if address == "name" else "127.0.0.1"
    options = {"local": DOMAIN, "authorizationV4": version == "v4"}
    with ali_oss.Client(f"http://{host}:{server.http_port}", bucket, **options) as made:
        assert made.putBucket(bucket)["res"]["status"] == 200
        yield made


@pytest.fixture(scope="module")
def host(server, way, bucket):
    """The host that the server is told; at an IP the library says the service's own name."""
    return f"{bucket}.{DOMAIN}:{server.http_port}" if way.endswith("name") else f"{bucket}.{ali_oss.REGION}.aliyuncs.com"


def test_a_channel_is_created_read_listed_disabled_and_deleted(node, host):
    made = node.putChannel("camera", CHANNEL)
    assert (made["publishUrls"], made["playUrls"]) == ([f"rtmp://{host}/live/camera"], [f"http://{host}/camera/list.m3u8"])
    # The library's own suite compares the whole.
    assert node.getChannel("camera")["data"] == CHANNEL
    assert node.getChannelStatus("camera")["data"] == {"Status": "Idle"}
    assert node.getChannelHistory("camera")["records"] == []
    assert node.putChannelStatus("camera", "disabled")["res"]["status"] == 200
    assert node.getChannelStatus("camera")["data"] == {"Status": "Disabled"}
    assert node.getChannel("camera")["data"] == {**CHANNEL, "Status": "disabled"}
    assert [node.deleteChannel("camera")["res"]["status"] for _ in range(2)] == [204, 204]
    with pytest.raises(Refused) as error:
        node.getChannel("camera")
    assert (error.value.status, error.value.code, error.value.ec, error.value.hostId) == (404, "NoSuchLiveChannel", "0026-00000021", host)
    assert len(error.value.requestId) == 24


def test_channels_are_listed_by_page(node, host):
    names = [f"page-{n}" for n in range(3)]
    for name in names:
        node.putChannel(name, CHANNEL)
    first = node.listChannels({"prefix": "page-", "max-keys": 2})
    assert ([one["Name"] for one in first["channels"]], first["nextMarker"], first["isTruncated"]) == (names[:2], names[1], True)
    rest = node.listChannels({"prefix": "page-", "marker": first["nextMarker"]})
    assert ([one["Name"] for one in rest["channels"]], rest["nextMarker"], rest["isTruncated"]) == (names[2:], None, False)
    assert rest["channels"][0]["PublishUrls"] == [f"rtmp://{host}/live/{names[2]}"]
    assert node.listChannels({"prefix": "none"})["channels"] == []


def test_a_vod_playlist_of_nothing_is_refused_with_its_number(node):
    """Even after the channel, and from a second to the same second, as the library's suite does."""
    node.putChannel("nothing", CHANNEL)
    node.deleteChannel("nothing")
    now = int(time.time())
    with pytest.raises(Refused) as error:
        node.createVod("nothing", "vod.m3u8", {"startTime": now, "endTime": now})
    assert (error.value.status, error.value.code, error.value.ec) == (400, "InvalidArgument", "0044-00000308")
    assert error.value.message == "No ts file found in specified time span."


def test_a_name_in_need_of_escaping_is_kept(node):
    for name in ("live channel 2", "测试通过", "a+b&c=d"):
        node.putChannel(name, CHANNEL)
        assert node.getChannel(name)["data"] == CHANNEL
        assert [one["Name"] for one in node.listChannels({"prefix": name})["channels"]] == [name]
        node.deleteChannel(name)


def test_the_signed_rtmp_url_publishes(node, server, way, bucket, media):
    node.putChannel("pushed", CHANNEL)
    started = int(time.time())
    url = node.getRtmpUrl("pushed", {"params": {"playlistName": "other.m3u8"}, "expires": 3600})
    address, options = f"127.0.0.1:{server.http_port}", []
    if way.endswith("name"):
        # The encoder has no DNS of the test's own: it connects by address and says the name, as it would have.
        name = f"{bucket}.{DOMAIN}:{server.http_port}"
        options = ["-rtmp_tcurl", f"rtmp://{name}/live"]
        url = url.replace(name, address)
    # At an IP the library loses the bucket; the server finds it by the signature.
    assert url.startswith(f"rtmp://{address}/live/pushed?"), url
    with encoder.ffmpeg(media.long(), url, options=options):
        by_path = client.open_bucket(server.endpoint, bucket)
        until(lambda: client.segment_keys(by_path, "pushed"), "a segment")
        stat = node.getChannelStatus("pushed")["data"]
        assert (stat["Status"], stat["Video"]["Codec"], stat["Audio"]["Codec"]) == ("Live", "H264", "AAC")
        with pytest.raises(Refused) as error:
            node.putChannel("pushed", CHANNEL)
        assert (error.value.status, error.value.code) == (409, "ChannelStillLive")
    records = until(lambda: node.getChannelHistory("pushed")["records"], "the record of the publish")
    assert set(records[0]) == {"StartTime", "EndTime", "RemoteAddr"}
    assert until(lambda: b"#EXTINF" in node.get("pushed/other.m3u8")["content"], "a listed segment")
    assert node.createVod("pushed", "vod.m3u8", {"startTime": started, "endTime": started + 600})["res"]["status"] == 200
    assert b"#EXT-X-ENDLIST" in node.get("pushed/vod.m3u8")["content"]


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_what_is_put_is_got(node, size):
    content = os.urandom(size)
    put = node.put("some/key", content)
    assert put["res"]["headers"]["etag"] == f'"{hashlib.md5(content).hexdigest().upper()}"'
    assert node.get("some/key")["content"] == content
    assert int(node.head("some/key")["res"]["headers"]["content-length"]) == size


@pytest.mark.parametrize("key", ["a b", "a+b", "a%2Fb", "a//b", "dir/", "ключ/鍵", "q?x=1&y", "#", "'\"<>"])
def test_any_key_is_kept_as_it_is(node, key):
    node.put(key, key.encode())
    assert node.get(key)["content"] == key.encode()
    assert key in [found["name"] for found in node.list({"max-keys": 1000})["objects"]]
    node.delete(key)
    with pytest.raises(Refused) as error:
        node.head(key)
    assert (error.value.status, error.value.code) == (404, "NoSuchKey")


def test_a_listing_is_paged_and_grouped(node):
    keys = [f"list/{n}" for n in range(4)] + ["list/z/1", "list/z/2"]
    for key in keys:
        node.put(key, b"x", {"meta": {"colour": "blue"}})
    page = node.list({"prefix": "list/", "max-keys": 4})
    assert [found["name"] for found in page["objects"]] == keys[:4]
    rest = node.list({"prefix": "list/", "marker": page["nextMarker"]})
    assert [found["name"] for found in rest["objects"]] == keys[4:]
    assert node.list({"prefix": "list/", "delimiter": "/"})["prefixes"] == ["list/z/"]
    assert node.head("list/0")["meta"] == {"colour": "blue"}


def test_the_second_way_to_list_is_paged(node):
    keys = [f"second/{n}" for n in range(3)]
    for key in keys:
        node.put(key, b"x")
    page = node.listV2({"prefix": "second/", "max-keys": 2, "fetch-owner": True})
    assert ([found["name"] for found in page["objects"]], page["isTruncated"], page["keyCount"]) == (keys[:2], True, 2)
    rest = node.listV2({"prefix": "second/", "continuation-token": page["nextContinuationToken"]})
    assert ([found["name"] for found in rest["objects"]], rest["isTruncated"]) == (keys[2:], False)


def test_parts_become_one_object(node):
    content = os.urandom(250 << 10)
    done = node.multipartUpload("parts/a key+", content, {"partSize": 100 << 10, "parallel": 2, "mime": "video/x-test"})
    assert (done["res"]["status"], done["name"]) == (200, "parts/a key+")
    got = node.get("parts/a key+")
    assert (got["content"], got["res"]["headers"]["content-type"]) == (content, "video/x-test")
    upload = node.initMultipartUpload("parts/left")["uploadId"]
    assert [found["uploadId"] for found in node.listUploads({"prefix": "parts/left"})["uploads"]] == [upload]
    assert node.abortMultipartUpload("parts/left", upload)["res"]["status"] == 204
    with pytest.raises(Refused) as error:
        node.listParts("parts/left", upload)
    assert (error.value.status, error.value.code) == (404, "NoSuchUpload")


def test_objects_are_copied_and_deleted_together(node):
    node.put("group/a b", b"content", {"meta": {"colour": "blue"}})
    node.copy("group/copy", "group/a b")
    got = node.get("group/copy")
    assert (got["content"], got["res"]["headers"]["x-oss-meta-colour"]) == (b"content", "blue")
    assert [one["Key"] for one in node.deleteMulti(["group/a b", "group/copy"])["deleted"]] == ["group/a b", "group/copy"]
    assert not node.list({"prefix": "group/"}).get("objects")


def test_the_acl_of_an_object_is_put_and_told(node):
    node.put("acl", b"content")
    assert node.getACL("acl")["acl"] == "default"
    node.putACL("acl", "public-read")
    assert node.getACL("acl")["acl"] == "public-read"


def test_the_bucket_is_described(node, bucket):
    info = node.getBucketInfo(bucket)["bucket"]
    assert (info["Name"], info["Location"], info["AccessControlList"]["Grant"]) == (bucket, ali_oss.REGION, "private")
    node.putBucketACL(bucket, "public-read")
    assert node.getBucketACL(bucket)["acl"] == "public-read"
    node.putBucketACL(bucket, "private")


def test_a_signed_url_reads(node, server, way, host):
    node.put("by url/key", b"content")
    if way == "v1-ip":
        with pytest.raises(Refused, match="endpoint is IP"):
            node.signatureUrl("by url/key", {"expires": 600})
        return
    url = node.signatureUrlV4("GET", 600, {}, "by url/key") if way.startswith("v4") else node.signatureUrl("by url/key", {"expires": 600})
    # No DNS of this machine knows the name; the library's URL at an IP leaves it out.
    address = f"127.0.0.1:{server.http_port}"
    got = requests.get(url.replace(host, address, 1), headers={"Host": host}, timeout=20)
    assert (got.status_code, got.content) == (200, b"content"), got.text


def test_a_wrong_secret_is_refused(server, bucket, node):
    with ali_oss.Client(f"http://{DOMAIN}:{server.http_port}", bucket, local=DOMAIN, accessKeySecret="wrong") as stranger:
        with pytest.raises(Refused) as error:
            stranger.listChannels({})
    assert (error.value.status, error.value.code) == (403, "SignatureDoesNotMatch")


def test_a_bucket_in_use_is_not_deleted(node, bucket):
    with pytest.raises(Refused) as error:
        node.deleteBucket(bucket)
    assert (error.value.status, error.value.code) == (409, "BucketNotEmpty")
