"""What is recorded of streams that are not one H.264 and one AAC track."""

import re

import oss2
import pytest
from harness import client, encoder, media as files, player


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "tracks", oss2.BUCKET_ACL_PUBLIC_READ)


def recorded(bucket, channel, path):
    """Pushes a file to its end and returns its playlist's address and last version."""
    made = client.make_channel(bucket, channel, frag_count=10)
    encoder.ffmpeg(path, client.sign(bucket, channel)).finish()
    return made.play_url, player.wait_for_segments(made.play_url, 1)


def test_audio_other_than_aac_is_discarded_and_the_video_lives_on(bucket, media):
    url, _ = recorded(bucket, "mp3", media.mp3_audio())
    listed = player.wait_for_segments(url, 4)
    assert listed.duration_s == pytest.approx(7, abs=1 / files.FRAME_RATE)
    assert set(player.streams(url)) == {"video"}
    assert player.picture_hashes(url) == player.picture_hashes(media.mp3_audio())


def test_video_without_audio_is_recorded(bucket, media):
    url, _ = recorded(bucket, "silent", media.video_only())
    listed = player.wait_for_segments(url, 3)
    assert listed.duration_s == pytest.approx(5, abs=1 / files.FRAME_RATE)
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
    url, first = recorded(bucket, "resized", media.video_only())
    first = player.wait_for_segments(url, 3)
    encoder.ffmpeg(media.large(), client.sign(bucket, "resized")).finish()
    listed = player.wait_for_segments(url, len(first.entries) + 3)
    assert [entry.discontinuity for entry in listed.entries] == [False, False, False, True, False, False]
    sizes = [player.streams(segment)["video"]["width"] for segment in listed.urls(url)]
    assert sizes == [files.WIDTH] * 3 + [2 * files.WIDTH] * 3
