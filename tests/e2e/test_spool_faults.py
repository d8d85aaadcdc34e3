"""A spool that cannot be written: nobody new is let in, nobody is thrown out, and the gap is told to log and players."""

import re
import time
from pathlib import Path

import oss2
import pytest
from harness import client, encoder, player, playlist
from harness.awaiting import until
from harness.media import FRAME_RATE
from harness.pictures import Source
from harness.server import Server

BUCKET, CHANNEL, OTHER = "faults", "camera", "other"
PUSH_S = 12
# How long the fault lasts after the first media was dropped: longer than a segment.
FAULT_S = 2.2
# The encoder's own start and buffers, and the poll that notices the channel live: not the server's loss.
MARGIN_S = 0.5

FULL, FAILING, READ_ONLY = "No space left on device", "Input/output error", "Read-only file system"
# What happens, and what a new publisher is told.
FAULTS = {
    "full": (["spool write ENOSPC"], FULL),
    "full in mid-write": (["spool write room 20000"], FULL),
    "failing": (["spool write EIO"], FAILING),
    "read-only": (["spool any EROFS"], READ_ONLY),
    "without inodes": (["spool create ENOSPC"], FULL),
    "full with all that is on the same disk": (["* write ENOSPC", "* create ENOSPC"], FULL),
}


class Bench:
    """A server with faults, and a channel that is watched and published to."""

    def __init__(self, server, folder, path):
        self.server, self.path = server, path
        self.bucket = client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PUBLIC_READ)
        client.make_channel(self.bucket, OTHER, frag_duration=1)
        play_url = client.make_channel(self.bucket, CHANNEL, frag_duration=1).play_url
        self.watcher = player.Watcher(play_url, folder / "segments").start()
        self.began = int(time.time()) - 1
        self.push = self.publish(CHANNEL)
        until(lambda: client.is_live(self.bucket, CHANNEL), "the channel is live")
        self.live_at = time.time()
        self.watcher.wait_for_sequence(1)

    def publish(self, channel):
        return encoder.ffmpeg(self.path, client.sign(self.bucket, channel))

    def refused(self, reason):
        """Checks that a new publisher is told `reason`."""
        words = self.publish(OTHER).refusal()
        assert words.startswith("The server cannot record now") and reason in words, words

    def accepted(self):
        """Publishes where nobody was let in before, until a segment is listed."""
        with self.publish(OTHER):
            until(lambda: client.segment_keys(self.bucket, OTHER), "a segment of the one who was refused before")

    def recorded(self):
        """All that was recorded of the publish, once it is over."""
        self.push.finish()
        until(lambda: not client.is_live(self.bucket, CHANNEL), "all that was published is listed")
        recorded = playlist.parse(self.bucket.get_vod_playlist(CHANNEL, self.began, int(time.time()) + 1).playlist)
        assert [f"{CHANNEL}/{entry.uri}" for entry in recorded.entries] == client.segment_keys(self.bucket, CHANNEL)
        # One publish, which nothing has ended.
        assert len(self.bucket.get_live_channel_history(CHANNEL).records) == 1
        return recorded

    def gaps(self):
        """How many gaps of the watched channel the log tells the beginning and the end of."""
        told = [line for line in self.server.log().splitlines() if f"{BUCKET}/{CHANNEL}" in line]
        return [sum(event in line for line in told) for event in ('event="gap_begins"', 'event="gap_ends"')]


def start(tmp_path, faults, settings=""):
    config = tmp_path / "alluvium.toml"
    config.write_text(settings)
    return Server(tmp_path / "data", config=config, faults=faults)


@pytest.fixture
def sound(tmp_path):
    """After the test: nothing is left in the spool of the server's folder, also after a start, and all is readable."""
    servers = []
    yield servers.append
    for server in servers:
        with server:
            pass
        check = server.verify()
        assert check.status == 0, check.out.text()
        assert not list((Path(server.data) / "spool").glob("*/*.*")), "segments are left in the spool"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spool_that_cannot_be_written_costs_what_comes_meanwhile_and_nothing_else(tmp_path, faults, media, sound, fault):
    path = media.brisk(PUSH_S)
    lines, reason = FAULTS[fault]
    with start(tmp_path, faults) as server:
        sound(server)
        bench = Bench(server, tmp_path, path)
        received_s = time.time() - bench.live_at
        faults.set(*lines)
        if "room" not in lines[0]:
            bench.refused(reason)
        server.wait_for_log("gap_begins")
        dropped_at = time.time()
        bench.refused(reason)
        until(lambda: time.time() > dropped_at + FAULT_S, "media that cannot be kept")
        assert bench.push.running()
        faults.heal()
        server.wait_for_log("gap_ends")
        bench.accepted()
        recorded = bench.recorded()
        assert recorded.discontinuities == 1
        bench.watcher.wait_for_sequence(recorded.entries[-1].sequence)
        bench.watcher.stop()
        bench.watcher.assert_sound()
        assert bench.gaps() == [1, 1]
        source = Source(path)
        before, after = source.runs(recorded.urls(bench.watcher.url))
        assert before[0] == 0 and before[1] / FRAME_RATE > received_s - MARGIN_S
        assert "segment_lost" not in server.log()
        assert after[1] == source.count - 1
        first_after = next(index for index, entry in enumerate(recorded.entries) if entry.discontinuity)
        assert source.numbers(recorded.urls(bench.watcher.url)[first_after:])[0] == after[0]


def test_a_channel_that_has_its_quota_waiting_for_the_store_drops_what_comes_then(tmp_path, faults, media, sound):
    path = media.heavy(12)
    with start(tmp_path, faults, "[spool]\nquota_mib = 2\n") as server:
        sound(server)
        bench = Bench(server, tmp_path, path)
        faults.set("objects any EIO")
        server.wait_for_log("gap_begins.*bytes of the channel wait for the store")
        dropped_at = time.time()
        until(lambda: time.time() > dropped_at + FAULT_S, "media that cannot be kept")
        faults.heal()
        server.wait_for_log("gap_ends")
        recorded = bench.recorded()
        assert recorded.discontinuities == 1
        bench.watcher.wait_for_sequence(recorded.entries[-1].sequence)
        bench.watcher.stop()
        bench.watcher.assert_sound()
        assert bench.gaps() == [1, 1]
        source = Source(path)
        before, after = source.runs(recorded.urls(bench.watcher.url))
        assert (before[0], after[1]) == (0, source.count - 1)
        assert "segment_lost" not in server.log()


def test_a_disk_with_too_little_room_left_takes_no_new_publisher(tmp_path, faults, media, sound):
    # More than any disk has.
    with start(tmp_path, faults, f"[spool]\nfree_min_mib = {1 << 40}\n") as server:
        sound(server)
        bucket = client.make_bucket(server, BUCKET)
        client.make_channel(bucket, CHANNEL)
        words = encoder.ffmpeg(media.brisk(PUSH_S), client.sign(bucket, CHANNEL)).refusal()
        assert re.fullmatch(r"The server cannot record now: its recording disk is nearly full: \d+ MiB are left\.", words), words
        assert not bucket.get_live_channel_history(CHANNEL).records
