"""A publisher that is cut off and comes back continues the channel's playlist."""

import signal
import time

import oss2
import pytest
from harness import client, encoder, player
from harness.awaiting import until

# The server takes a publisher for gone when it has sent nothing for 3 s.
TAKEOVER_S = 3


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "reconnect", oss2.BUCKET_ACL_PUBLIC_READ)


@pytest.fixture
def channel(bucket, request, folder):
    """A channel of the test's own, with its playlist watched."""
    name = request.node.name.removeprefix("test_")[:60].replace("_", "-")
    made = client.make_channel(bucket, name)
    with player.Watcher(made.play_url, folder / name) as watcher:
        yield name, watcher


def listed(watcher):
    """Every segment that was ever listed, by its number."""
    return {entry.sequence: entry for version in watcher.versions for entry in version.entries}


def test_a_killed_publisher_returns_and_the_window_goes_on(bucket, channel, media):
    name, watcher = channel
    url = client.sign(bucket, name)
    began = int(time.time()) - 1
    with encoder.ffmpeg(media.long(), url) as first:
        watcher.wait_for_sequence(2)
        first.kill()
    with encoder.ffmpeg(media.long(), url) as second:
        resumed = watcher.wait_for(lambda version: version.discontinuities, "the second publish in the playlist")
        newest = resumed.entries[-1].sequence
        watcher.wait_for_sequence(newest + 4)
        second.kill()
    until(lambda: not client.is_live(bucket, name), "the channel is idle")
    watcher.stop()
    watcher.assert_sound()
    segments = listed(watcher)
    assert sorted(segments) == list(range(max(segments) + 1)), "the media sequence has a hole"
    assert [entry.discontinuity for entry in segments.values()].count(True) == 1
    # The window has moved past it, and counts it.
    assert watcher.versions[-1].discontinuity_sequence == 1
    vod = bucket.get_vod_playlist(name, began, int(time.time()) + 1).playlist
    assert vod.count("#EXT-X-DISCONTINUITY\n") == 1
    assert len(bucket.get_live_channel_history(name).records) == 2


def test_a_silent_publisher_is_replaced_and_can_change_nothing_afterwards(bucket, channel, media):
    name, watcher = channel
    url = client.sign(bucket, name)
    with encoder.ffmpeg(media.long(), url) as stalled:
        watcher.wait_for_sequence(1)
        stalled.send(signal.SIGSTOP)
        pushes = []

        def taken_over():
            """As an encoder does that tries again until it is let in."""
            if not pushes or not pushes[-1].running():
                pushes.append(encoder.ffmpeg(media.long(), url))
            return any(version.discontinuities for version in watcher.versions)

        until(taken_over, "the second publisher in the playlist")
        successor = bucket.get_live_channel_stat(name).remote_addr
        stalled.send(signal.SIGCONT)
        assert stalled.wait() != 0
        newest = max(listed(watcher))
        watcher.wait_for_sequence(newest + 2)
        assert bucket.get_live_channel_stat(name).remote_addr == successor
        for push in pushes:
            if push.running():
                push.stop(signal.SIGINT)
    watcher.stop()
    watcher.assert_sound()
    segments = listed(watcher)
    assert sorted(segments) == list(range(max(segments) + 1))
    assert [entry.discontinuity for entry in segments.values()].count(True) == 1


def test_a_publisher_that_ends_well_and_returns_makes_one_discontinuity(bucket, channel, media):
    name, watcher = channel
    url = client.sign(bucket, name)
    encoder.ffmpeg(media.clip(), url, seconds=5).finish()
    watcher.wait_for_sequence(2)
    encoder.ffmpeg(media.clip(), url, seconds=5).finish()
    watcher.wait_for_sequence(5)
    watcher.stop()
    watcher.assert_sound()
    assert [entry.discontinuity for _, entry in sorted(listed(watcher).items())] == [False, False, False, True, False, False]
