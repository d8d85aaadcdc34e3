"""A channel has one publisher, whoever else wants it and however the one it has goes away."""

import re
import threading
import time

import oss2
import pytest
from harness import client, encoder, player, playlist
from harness.awaiting import until
from harness.media import FRAME_RATE
from harness.pictures import Source
from harness.relay import Relay

FIGHT_S = 12
REFUSALS_MIN = 5
# By the contract, a publisher is gone so soon after its channel was disabled.
DISABLED_WITHIN_S = 10
# The encoder's own start and buffers, and the poll that notices the channel live: not the server's loss.
MARGIN_S = 1.0


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "writers", oss2.BUCKET_ACL_PUBLIC_READ)


@pytest.fixture
def channel(bucket, request, folder):
    """A channel of the test's own, with its playlist watched."""
    name = request.node.name.removeprefix("test_")[:60].replace("_", "-")
    made = client.make_channel(bucket, name, frag_duration=1)
    with player.Watcher(made.play_url, folder / name) as watcher:
        yield name, watcher
    watcher.assert_sound()


class Fighter:
    """An encoder that is started again at once whenever it is refused."""

    def __init__(self, path, url):
        self.refusals = []
        self._path, self._url = path, url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fight, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _fight(self):
        while not self._stop.is_set():
            with encoder.ffmpeg(self._path, self._url) as push:
                while push.running() and not self._stop.wait(0.01):
                    pass
                if not push.running():
                    self.refusals.append(push.refusal())


def test_of_two_encoders_that_fight_for_a_channel_one_keeps_it(bucket, channel, media):
    name, watcher = channel
    fighters = [Fighter(media.brisk(40), client.sign(bucket, name)) for _ in range(2)]
    until(lambda: client.is_live(bucket, name), "the channel is live")
    holder = bucket.get_live_channel_stat(name)
    end = time.monotonic() + FIGHT_S
    until(lambda: time.monotonic() > end and sum(len(fighter.refusals) for fighter in fighters) >= REFUSALS_MIN, "a long fight")
    now = bucket.get_live_channel_stat(name)
    assert (now.status, now.remote_addr, now.connected_time) == ("Live", holder.remote_addr, holder.connected_time)
    winner, loser = sorted(fighters, key=lambda fighter: len(fighter.refusals))
    # First the one that would have the channel as soon as it is free.
    loser.stop()
    winner.stop()
    assert not winner.refusals
    for words in loser.refusals:
        assert re.fullmatch(r"The channel is live: another publisher has it, last heard of \d+\.\d s ago\.", words), words
    until(lambda: not client.is_live(bucket, name), "all that was published is listed")
    recorded = player.read_playlist(watcher.url)
    watcher.wait_for_sequence(recorded.entries[-1].sequence)
    assert not any(entry.discontinuity for entry in watcher.listed().values())
    assert len(bucket.get_live_channel_history(name).records) == 1


def test_a_disabled_channel_loses_its_publisher_in_time_and_nothing_of_what_he_sent(bucket, channel, media):
    name, watcher = channel
    path = media.brisk(40)
    began = int(time.time()) - 1
    with encoder.ffmpeg(path, client.sign(bucket, name)) as push:
        until(lambda: client.is_live(bucket, name), "the channel is live")
        live_at = time.time()
        watcher.wait_for_sequence(1)
        received_s = time.time() - live_at
        bucket.put_live_channel_status(name, "disabled")
        assert push.wait(DISABLED_WITHIN_S) != 0
    # The history has it when all of it is listed.
    until(lambda: bucket.get_live_channel_history(name).records, "the end of the publish", DISABLED_WITHIN_S)
    recorded = playlist.parse(bucket.get_vod_playlist(name, began, int(time.time()) + 1).playlist)
    watcher.wait_for_sequence(len(recorded.entries) - 1)
    [(first, last)] = Source(path).runs(recorded.urls(watcher.url))
    assert first == 0 and last / FRAME_RATE > received_s - MARGIN_S


def test_a_connection_whose_encoder_is_gone_without_a_word_is_replaced(server, bucket, channel, media):
    name, watcher = channel
    path, url = media.brisk(40), client.sign(bucket, name)
    with Relay(server.http_port) as relay:
        first = encoder.ffmpeg(path, relay.through(url, server.http_port))
        watcher.wait_for_sequence(2)
        relay.cut()
        first.kill()
        pushes = []

        def taken_over():
            """As an encoder does that tries again until it is let in."""
            if not pushes or not pushes[-1].running():
                pushes.append(encoder.ffmpeg(path, url))
            return any(entry.discontinuity for entry in watcher.listed().values())

        until(taken_over, "the second publisher in the playlist")
        relay.wait_until_server_closes()
        newest = max(watcher.listed())
        watcher.wait_for_sequence(newest + 2)
        assert pushes[-1].running()
        pushes[-1].kill()
    for refused in pushes[:-1]:
        assert re.search("another publisher has it", refused.refusal())
    until(lambda: not client.is_live(bucket, name), "all that was published is listed")
    segments = watcher.listed()
    assert sorted(segments) == list(range(max(segments) + 1))
    assert [entry.discontinuity for entry in segments.values()].count(True) == 1
