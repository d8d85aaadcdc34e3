"""A stop in mid-stream loses nothing that was received, a crash next to nothing; both continue where they ended."""

import time

import oss2
import pytest
from harness import client, encoder, player
from harness.awaiting import until
from harness.server import Server

CHANNEL = "camera"
# The encoder's own start and buffers, and the poll that notices the channel live: not the server's loss.
MARGIN_S = 1.0


@pytest.fixture
def interrupted(tmp_path, media, request):
    """A server that is being published to, ended in mid-stream by the parameter's means and started again."""
    with Server(tmp_path / "data") as server:
        bucket = client.make_bucket(server, "restart", oss2.BUCKET_ACL_PUBLIC_READ)
        play_url = client.make_channel(bucket, CHANNEL).play_url
        with player.Watcher(play_url, tmp_path / "segments") as watcher:
            push = encoder.ffmpeg(media.long(), client.sign(bucket, CHANNEL))
            until(lambda: client.is_live(bucket, CHANNEL), "the channel is live")
            live_at = time.time()
            watcher.wait_for_sequence(2)
            # In the middle of a segment.
            until(lambda: time.time() > live_at + 7.2, "some seconds of media")
            newest_before = watcher.versions[-1].entries[-1].sequence
            received_s = time.time() - live_at
            status = request.param(server)
            assert push.wait() != 0
            server.start()
            yield server, bucket, watcher, live_at, received_s, newest_before, status
        watcher.assert_sound()
    check = server.verify()
    assert check.status == 0, check.out.text()


def everything(bucket, since):
    """The playlist of everything recorded."""
    text = bucket.get_vod_playlist(CHANNEL, int(since) - 1, int(time.time()) + 1).playlist.decode()
    return player.playlist.parse(text)


def end_by_signal(server):
    return server.stop()


def end_by_crash(server):
    server.kill()
    return None


@pytest.mark.parametrize("interrupted", [end_by_signal], indirect=True)
def test_sigterm_in_mid_stream_ends_with_0_and_the_last_segment_listed(interrupted, media):
    server, bucket, watcher, live_at, received_s, newest_before, status = interrupted
    assert status == 0
    survived(bucket, watcher, live_at, received_s, newest_before)
    continues(bucket, watcher, media, live_at)


@pytest.mark.parametrize("interrupted", [end_by_crash], indirect=True)
def test_a_crash_in_mid_stream_keeps_the_open_segment(interrupted, media):
    server, bucket, watcher, live_at, received_s, newest_before, _ = interrupted
    survived(bucket, watcher, live_at, received_s, newest_before)
    continues(bucket, watcher, media, live_at)


def survived(bucket, watcher, live_at, received_s, newest_before):
    """What had been received is recorded and listed."""
    now = watcher.wait_for_sequence(newest_before + 1)
    assert now.entries[-1].duration_s < 2.5
    recorded = everything(bucket, live_at)
    assert recorded.duration_s > received_s - MARGIN_S
    assert recorded.discontinuities == 0
    keys = client.segment_keys(bucket, CHANNEL)
    assert [f"{CHANNEL}/{entry.uri}" for entry in recorded.entries] == keys
    for url in recorded.urls(watcher.url):
        assert player.picture_hashes(url), url


def continues(bucket, watcher, media, live_at):
    """A new publish goes on with the window."""
    before = watcher.versions[-1].entries[-1].sequence
    encoder.ffmpeg(media.clip(), client.sign(bucket, CHANNEL), seconds=5).finish()
    watcher.wait_for_sequence(before + 3)
    flags = [entry.discontinuity for entry in everything(bucket, live_at).entries]
    assert flags == [False] * (before + 1) + [True, False, False]


def test_settings_objects_and_channels_survive_a_restart(tmp_path):
    with Server(tmp_path / "data") as server:
        bucket = client.make_bucket(server, "kept", oss2.BUCKET_ACL_PUBLIC_READ)
        client.make_channel(bucket, "channel", frag_duration=7, frag_count=9, playlist_name="p.m3u8")
        bucket.put_object("folder/key", b"content", headers={"x-oss-meta-colour": "blue"})
        server.restart()
        assert bucket.get_bucket_acl().acl == oss2.BUCKET_ACL_PUBLIC_READ
        target = bucket.get_live_channel("channel").target
        assert (target.frag_duration, target.frag_count, target.playlist_name) == (7, 9, "p.m3u8")
        stored = bucket.get_object("folder/key")
        assert (stored.read(), stored.headers["x-oss-meta-colour"]) == (b"content", "blue")
