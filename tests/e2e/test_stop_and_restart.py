"""A stop in mid-stream loses nothing that was received, a crash next to nothing; both continue where they ended."""

import time
from dataclasses import dataclass

import oss2
import pytest
from harness import client, encoder, player, playlist
from harness.awaiting import until
from harness.server import Server

CHANNEL = "camera"
# The encoder's own start and buffers, and the poll that notices the channel live: not the server's loss.
MARGIN_S = 1.0


@dataclass
class Interrupted:
    """A server that was ended in mid-stream, and is running again."""

    bucket: oss2.Bucket
    watcher: player.Watcher
    # Unix time at which the channel was seen live.
    live_at: float
    # How long media came from then on.
    received_s: float
    # Number of the newest segment listed before the end.
    newest_before: int
    status: int | None


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
            # What a crash has left is listed behind the ready line, before the channel is free.
            until(lambda: not client.is_live(bucket, CHANNEL), "the channel is free")
            yield Interrupted(bucket, watcher, live_at, received_s, newest_before, status)
        watcher.assert_sound()
    check = server.verify()
    assert check.status == 0, check.out.text()


def everything(bucket, since):
    """The playlist of everything recorded."""
    text = bucket.get_vod_playlist(CHANNEL, int(since) - 1, int(time.time()) + 1).playlist
    return playlist.parse(text)


def end_by_signal(server):
    return server.stop()


def end_by_crash(server):
    server.kill()


@pytest.mark.parametrize("interrupted", [end_by_signal], indirect=True)
def test_sigterm_in_mid_stream_ends_with_0_and_the_last_segment_listed(interrupted, media):
    assert interrupted.status == 0
    recorded = everything(interrupted.bucket, interrupted.live_at)
    # Part of a segment was open: it is one more than what was listed before, and shorter than the others.
    assert recorded.entries[-1].sequence == interrupted.newest_before + 1
    assert recorded.duration_s > interrupted.received_s - MARGIN_S
    assert interrupted.watcher.wait_for_sequence(interrupted.newest_before + 1).entries[-1].uri == recorded.entries[-1].uri
    plays_and_goes_on(interrupted, recorded, media)


@pytest.mark.parametrize("interrupted", [end_by_crash], indirect=True)
def test_a_crash_in_mid_stream_keeps_what_was_received_and_frees_the_channel(interrupted, media):
    recorded = everything(interrupted.bucket, interrupted.live_at)
    assert recorded.entries[-1].sequence == interrupted.newest_before + 1
    assert recorded.duration_s > interrupted.received_s - MARGIN_S
    plays_and_goes_on(interrupted, recorded, media)


def plays_and_goes_on(interrupted, recorded, media):
    """Everything recorded plays, and a new publish continues the window behind one discontinuity."""
    bucket, watcher = interrupted.bucket, interrupted.watcher
    assert recorded.discontinuities == 0
    assert [f"{CHANNEL}/{entry.uri}" for entry in recorded.entries] == client.segment_keys(bucket, CHANNEL)
    for url in recorded.urls(watcher.url):
        assert player.picture_hashes(url), url
    assert not client.is_live(bucket, CHANNEL)
    newest = recorded.entries[-1].sequence
    encoder.ffmpeg(media.clip(), client.sign(bucket, CHANNEL), seconds=5).finish()
    watcher.wait_for_sequence(newest + 3)
    flags = [entry.discontinuity for entry in everything(bucket, interrupted.live_at).entries]
    assert flags == [False] * (newest + 1) + [True, False, False]


def test_settings_objects_and_channels_survive_a_restart(tmp_path):
    with Server(tmp_path / "data") as server:
        bucket = client.make_bucket(server, "kept", oss2.BUCKET_ACL_PUBLIC_READ)
        client.make_channel(bucket, "channel", frag_duration=7, frag_count=9, playlist_name="p.m3u8")
        bucket.put_object("folder/key", b"content", headers={"x-oss-meta-colour": "blue"})
        server.restart()
        assert bucket.get_bucket_acl().acl == oss2.BUCKET_ACL_PUBLIC_READ
        target = bucket.get_live_channel("channel").target
        assert (target.frag_duration, target.frag_count, target.playlist_name) == ("7", "9", "p.m3u8")
        stored = bucket.get_object("folder/key")
        assert (stored.read(), stored.headers["x-oss-meta-colour"]) == (b"content", "blue")


def test_a_stop_right_after_the_ready_line_is_heard(tmp_path):
    server = Server(tmp_path / "data")
    for _ in range(8):
        server.start()
        assert server.stop() == 0
