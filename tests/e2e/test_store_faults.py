"""A store or a catalog that fails or hangs stalls itself alone: what is published meanwhile is listed later, all of it."""

import concurrent.futures
import re
import signal
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
PUSH_S = 8
# Segments that must have come while the fault was on.
WAITING = 3
# The encoder's own start and buffers, and the poll that notices the channel live: not the server's loss.
MARGIN_S = 1.0

# The file of a segment is synced under the name that it has in the spool.
FAULTS = {
    "store failing": ["objects any EIO"],
    "store full": ["objects write ENOSPC", "objects create ENOSPC"],
    "store read-only": ["objects any EROFS"],
    "store not syncing": ["objects fsync EIO", "spool fsync EIO"],
    "catalog failing": ["catalog any EIO"],
    "catalog full": ["catalog write ENOSPC"],
    "catalog not syncing": ["catalog fsync EIO"],
}


class Bench:
    """A server with faults, and a channel that is watched and published to."""

    def __init__(self, server, folder, media):
        self.server = server
        self.bucket = client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PUBLIC_READ)
        client.make_channel(self.bucket, OTHER, frag_duration=1)
        self.path = media.brisk(PUSH_S)
        self.source = Source(self.path)
        play_url = client.make_channel(self.bucket, CHANNEL, frag_duration=1).play_url
        self.watcher = player.Watcher(play_url, folder / "segments").start()
        self.began = int(time.time()) - 1
        self.push = self.publish(CHANNEL)
        until(lambda: client.is_live(self.bucket, CHANNEL), "the channel is live")
        self.live_at = time.time()
        self.watcher.wait_for_sequence(0)

    def waiting(self):
        """Finished segments in the spool."""
        return list((Path(self.server.data) / "spool").glob("*/*.ts"))

    def publish(self, channel):
        return encoder.ffmpeg(self.path, client.sign(self.bucket, channel))

    def pictures(self, channel=CHANNEL):
        """The runs of pictures in the whole recording, once it is listed; it must have no discontinuity."""
        until(lambda: not client.is_live(self.bucket, channel), f"all of {channel} is listed")
        vod = self.bucket.get_vod_playlist(channel, self.began, int(time.time()) + 1).playlist
        recorded = playlist.parse(vod)
        assert recorded.discontinuities == 0
        assert [f"{channel}/{entry.uri}" for entry in recorded.entries] == client.segment_keys(self.bucket, channel)
        return self.source.runs(recorded.urls(f"{self.server.endpoint}/{BUCKET}/{channel}/"))

    @property
    def all_pictures(self):
        return [(0, self.source.count - 1)]


@pytest.fixture
def bench(faults, tmp_path, media):
    with Server(tmp_path / "data", faults=faults) as server:
        made = Bench(server, tmp_path, media)
        yield made
        faults.heal()
        made.watcher.stop()
        made.watcher.assert_sound()
    check = server.verify()
    assert check.status == 0, check.out.text()
    assert not made.waiting(), "segments are left in the spool"


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_while_the_fault_lasts(bench, faults, fault):
    faults.set(*FAULTS[fault])
    second = bench.publish(OTHER)
    if fault.startswith("catalog"):
        # Without it nobody can be given a channel.
        assert re.search("cannot take the stream now", second.refusal())
    until(lambda: len(bench.waiting()) >= WAITING, "segments waiting in the spool")
    bench.server.wait_for_log("store_fails")
    newest = max(bench.watcher.listed())
    assert bench.push.running()
    faults.heal()
    bench.push.finish()
    assert bench.pictures() == bench.all_pictures
    assert bench.watcher.wait_for_sequence(newest + WAITING)
    if fault.startswith("store"):
        second.finish()
        assert bench.pictures(OTHER) == bench.all_pictures


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("fault", ["store failing", "catalog failing"])
def test_the_next_start_lists_what_the_fault_has_kept_back(bench, faults, fault, end):
    faults.set(*FAULTS[fault])
    until(lambda: len(bench.waiting()) >= WAITING, "segments waiting in the spool")
    received_s = time.time() - bench.live_at
    if end == "SIGTERM":
        assert bench.server.stop() == 0
        assert re.search("left_in_spool", bench.server.log())
    else:
        bench.server.kill()
    assert bench.push.wait() != 0
    faults.heal()
    bench.server.start()
    [(first, last)] = bench.pictures()
    assert first == 0 and (last + 1) / FRAME_RATE > received_s - MARGIN_S


def read_queues(port):
    """Bytes that the kernel holds for the server, of each connection to this port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    sockets = [line.split() for line in lines]
    established = [words for words in sockets if words[3] == "01" and int(words[1].split(":")[1], 16) == port]
    return [int(words[4].split(":")[1], 16) for words in established]


def test_a_store_whose_fsync_takes_long_delays_no_publisher_and_no_reading_call(bench, faults):
    bench.bucket.put_object("before", b"content")
    faults.set("objects fsync delay 60000", "spool fsync delay 60000")
    queued = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        putting = pool.submit(bench.bucket.put_object, "slow", b"content")

        def enough_waits():
            assert bench.bucket.get_object("before").read() == b"content"
            assert client.is_live(bench.bucket, CHANNEL)
            assert bench.bucket.list_objects().object_list
            assert player.read_playlist(bench.watcher.url).entries
            queued.extend(read_queues(bench.server.http_port))
            return len(bench.waiting()) >= WAITING

        until(enough_waits, "segments waiting in the spool")
        assert not putting.done(), "the fsync was not held up"
        newest = max(bench.watcher.listed())
        faults.heal()
        putting.result()
    # A server that does not read its publisher has a second of it in the queue after a second.
    assert queued and max(queued) < 32 * 1024
    bench.push.finish()
    assert bench.pictures() == bench.all_pictures
    assert bench.watcher.wait_for_sequence(newest + WAITING)
