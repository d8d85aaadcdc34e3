"""What is recorded of streams that are not one H.264 and one AAC track."""

import re
import time

import oss2
import pytest
from harness import client, encoder, media as files, player
from harness.awaiting import until


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "tracks", oss2.BUCKET_ACL_PUBLIC_READ)


def recorded(bucket, channel, path, segments):
    """Pushes a file to its end, awaits that many segments, and returns the address of a playlist of them all."""
    began = int(time.time()) - 1
    made = client.make_channel(bucket, channel, frag_count=10)
    encoder.ffmpeg(path, client.sign(bucket, channel)).finish()
    player.wait_for_segments(made.play_url, segments)
    bucket.post_vod_playlist(channel, "all.m3u8", began, int(time.time()) + 1)
    return bucket_url(bucket, f"{channel}/all.m3u8")


def bucket_url(bucket, key):
    return f"{bucket.endpoint}/{bucket.bucket_name}/{key}"


def test_audio_other_than_aac_is_discarded_and_the_video_lives_on(bucket, media):
    url = recorded(bucket, "mp3", media.mp3_audio(), segments=4)
    assert player.read_playlist(url).duration_s == pytest.approx(7, abs=1 / files.FRAME_RATE)
    assert set(player.streams(url)) == {"video"}
    assert player.picture_hashes(url) == player.picture_hashes(media.mp3_audio())


def test_video_without_audio_is_recorded(bucket, media):
    url = recorded(bucket, "silent", media.video_only(), segments=3)
    assert player.read_playlist(url).duration_s == pytest.approx(5, abs=1 / files.FRAME_RATE)
    assert player.picture_hashes(url) == player.picture_hashes(media.video_only())


@pytest.mark.parametrize("name", ["flv1_video", "audio_only"])
def test_a_publish_without_h264_is_refused_in_words(bucket, media, name):
    channel = name.replace("_", "-")
    client.make_channel(bucket, channel)
    words = encoder.ffmpeg(getattr(media, name)(), client.sign(bucket, channel)).refusal()
    assert re.search(r"h\.?264|video", words, re.IGNORECASE), words
    assert client.segment_keys(bucket, channel) == []
    assert not client.is_live(bucket, channel)


def test_another_picture_size_on_the_next_publish_plays_behind_a_discontinuity(bucket, media):
    began = int(time.time()) - 1
    recorded(bucket, "resized", media.video_only(), segments=3)
    encoder.ffmpeg(media.large(), client.sign(bucket, "resized")).finish()
    until(lambda: len(client.segment_keys(bucket, "resized")) == 6, "the second publish's segments")
    bucket.post_vod_playlist("resized", "both.m3u8", began, int(time.time()) + 1)
    url = bucket_url(bucket, "resized/both.m3u8")
    listed = player.read_playlist(url)
    assert [entry.discontinuity for entry in listed.entries] == [False, False, False, True, False, False]
    sizes = [player.streams(segment)["video"]["width"] for segment in listed.urls(url)]
    assert sizes == [files.WIDTH] * 3 + [2 * files.WIDTH] * 3
