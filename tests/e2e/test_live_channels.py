"""The nine operations of a live channel through the client library, in every signature version."""

import time

import oss2
import pytest
import requests
from harness import client, encoder
from harness.awaiting import until
from oss2.models import LiveChannelInfo, LiveChannelInfoTarget


@pytest.fixture(scope="module", params=[client.v1, client.v2, client.v4])
def bucket(server, request):
    made = client.open_bucket(server.endpoint, f"channels-{request.param.__name__}", request.param())
    made.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    return made


def described(info):
    target = info.target
    return info.description, info.status, target.type, int(target.frag_duration), int(target.frag_count), target.playlist_name


def test_what_is_configured_is_told(bucket):
    target = LiveChannelInfoTarget(frag_duration=7, frag_count=9, playlist_name="list.m3u8")
    bucket.create_live_channel("whole", LiveChannelInfo(status="disabled", description="<a> & b\n", target=target))
    assert described(bucket.get_live_channel("whole")) == ("<a> & b\n", "disabled", "HLS", 7, 9, "list.m3u8")


def test_what_is_left_out_has_its_default_and_a_replacement_is_whole(bucket):
    client.make_channel(bucket, "least", frag_duration=9, frag_count=9, playlist_name="other.m3u8", status="disabled")
    # The library sends an empty PlaylistName, which means the default.
    bucket.create_live_channel("least", LiveChannelInfo(target=LiveChannelInfoTarget()))
    assert described(bucket.get_live_channel("least"))[1:] == ("enabled", "HLS", 5, 3, "playlist.m3u8")


def test_the_status_is_put_and_told(bucket):
    client.make_channel(bucket, "switched")
    for status, told in (("disabled", "Disabled"), ("disabled", "Disabled"), ("enabled", "Idle")):
        bucket.put_live_channel_status("switched", status)
        assert bucket.get_live_channel_stat("switched").status == told


def test_channels_are_listed_in_order_and_by_page(bucket):
    names = [f"list-{n}" for n in (1, 10, 2)]
    for name in reversed(names):
        client.make_channel(bucket, name)
    assert [one.name for one in oss2.LiveChannelIterator(bucket, prefix="list-", max_keys=2)] == names
    page = bucket.list_live_channel(prefix="list-", max_keys=2)
    assert (page.is_truncated, page.next_marker, [one.name for one in page.channels]) == (True, names[1], names[:2])
    assert bucket.list_live_channel(prefix="list-").channels[0].publish_url == f"{bucket.endpoint.replace('http', 'rtmp')}/{bucket.bucket_name}/live/list-1"


def test_a_channel_is_deleted_and_may_be_deleted_again(bucket):
    client.make_channel(bucket, "gone")
    assert [bucket.delete_live_channel("gone").status for _ in range(2)] == [204, 204]
    for call in (bucket.get_live_channel, bucket.get_live_channel_stat, bucket.get_live_channel_history):
        with pytest.raises(oss2.exceptions.NoSuchLiveChannel):
            call("gone")


def test_a_channel_of_no_bucket_is_told_as_no_bucket(server, bucket):
    nowhere = client.open_bucket(server.endpoint, "nobody-has-this", bucket.auth)
    for call in (nowhere.get_live_channel, nowhere.get_live_channel_stat, nowhere.get_live_channel_history, nowhere.delete_live_channel):
        with pytest.raises(oss2.exceptions.NoSuchBucket):
            call("channel")


def test_a_publish_is_told_remembered_and_assembled(bucket, media):
    client.make_channel(bucket, "pushed")
    started = int(time.time())
    with encoder.ffmpeg(media.long(), client.sign(bucket, "pushed")):
        until(lambda: client.segment_keys(bucket, "pushed"), "a segment")
        stat = bucket.get_live_channel_stat("pushed")
        assert (stat.status, stat.video.codec, stat.audio.codec) == ("Live", "H264", "AAC")
        assert started - 1 <= stat.connected_time < started + 60 and stat.remote_addr.startswith("127.0.0.1:")
        assert int(stat.video.width) > 0 and int(stat.audio.sample_rate) > 0
    records = until(lambda: bucket.get_live_channel_history("pushed").records, "the record of the publish")
    assert records[0].remote_addr == stat.remote_addr and records[0].start_time == stat.connected_time
    span = {"start_time": started, "end_time": started + 3600}
    bucket.post_vod_playlist("pushed", "vod.m3u8", **span)
    kept = bucket.get_object("pushed/vod.m3u8").read()
    assert bucket.get_vod_playlist("pushed", **span).playlist == kept.decode()
    assert kept.startswith(b"#EXTM3U\n") and kept.endswith(b"#EXT-X-ENDLIST\n") and b"#EXTINF:" in kept
    assert requests.get(bucket.sign_url("GET", "pushed/vod.m3u8", 600, slash_safe=True), timeout=20).content == kept
