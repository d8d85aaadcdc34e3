"""The server's clock jumps: numbers, names and dates go forward all the same, for every reader.

What they do meanwhile is said in decision 17.
"""

import signal
import time

import oss2
import pytest
from harness import client, encoder, player, playlist, wire
from harness.awaiting import until
from harness.server import Server

BUCKET, CHANNEL = "clocks", "camera"
STEP_S = 2 * 60 * 60
FRAG_DURATION_S = 1
# How far a date may be from what it should be: the encoder's first pictures come in a burst, and the machine is busy.
MARGIN_S = 3.0
# More than the window holds, so that each is at some time the first that is listed.
SEGMENTS = 4


class Bench:
    """A server whose clock the test sets, and its watched channel."""

    def __init__(self, server, faults, watcher, url, path):
        self.server, self.watcher = server, watcher
        self._faults, self._url, self._path = faults, url, path
        self._step_s = 0

    def step(self, seconds):
        """Sets the clock this far from the right time."""
        self._step_s = seconds
        self._faults.set(f"clock {seconds}")

    def now(self):
        """The server's time."""
        return time.time() + self._step_s

    def push(self):
        return encoder.ffmpeg(self._path, self._url)

    def newest(self):
        return max(self.watcher.listed(), default=-1)

    def wait_for_more(self, count=SEGMENTS):
        """Awaits `count` segments after the newest that is listed now, and returns their numbers."""
        first = self.newest() + 1
        self.watcher.wait_for_sequence(first + count - 1)
        return range(first, first + count)

    def wait_until_idle(self):
        """Awaits that all of the last push is listed, and the watcher has seen it."""
        until(lambda: "<Status>Idle</Status>" in self._ask({"live": "", "comp": "stat"}), "the channel is idle")
        self.watcher.wait_for_sequence(player.read_playlist(self.watcher.url).entries[-1].sequence)

    def dates(self):
        """When each segment begins, as the reader reckons it, by number."""
        return {sequence: at for version in self.watcher.versions for sequence, at in version.dates().items()}

    def vod(self, start, end):
        """The recording between two times of the server, as its owner asks for it."""
        return playlist.parse(self._ask({"vod": "", "startTime": str(int(start)), "endTime": str(int(end) + 1)}))

    def _ask(self, sub):
        answer = wire.send(self.server, "GET", BUCKET, CHANNEL, sub=sub, date=self.now())
        assert answer.status == 200, answer.body
        return answer.body.decode()


@pytest.fixture
def bench(faults, tmp_path, media):
    config = tmp_path / "alluvium.toml"
    # A publisher that falls silent is ended by nobody but the one that waits for its channel.
    config.write_text("[rtmp]\nsilence_timeout_s = 3600\n")
    with Server(tmp_path / "data", config=config, faults=faults) as server:
        bucket = client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PUBLIC_READ)
        play_url = client.make_channel(bucket, CHANNEL, frag_duration=FRAG_DURATION_S).play_url
        with player.Watcher(play_url, tmp_path / "segments") as watcher:
            yield Bench(server, faults, watcher, client.sign(bucket, CHANNEL, lifetime_s=3 * STEP_S), media.brisk(40))
        watcher.assert_sound()
        segments = watcher.listed()
        assert sorted(segments) == list(range(len(segments))), "the media sequence has a hole"
        names = [int(segments[sequence].uri.removesuffix(".ts")) for sequence in sorted(segments)]
        assert all(before < after for before, after in zip(names, names[1:])), f"names go back: {names}"
    assert server.verify().status == 0


def assert_waiting(bench, since, sequences):
    """The clock is behind the date that the segment `since` has: the dates of `sequences` stand still there."""
    dates = bench.dates()
    for sequence in sequences:
        assert 0 <= dates[sequence] - dates[since] < MARGIN_S, dates
        assert dates[sequence] > bench.now() + STEP_S - 60


def discontinuities(bench):
    return [sequence for sequence, entry in sorted(bench.watcher.listed().items()) if entry.discontinuity]


def test_a_publish_is_not_disturbed_when_the_clock_is_put_forward(bench):
    with bench.push():
        before = bench.wait_for_more()
        began = bench.now()
        bench.step(STEP_S)
        bench.wait_for_more()
    bench.wait_until_idle()
    dates, segments = bench.dates(), bench.watcher.listed()
    # The dates are those of the media's own clock, and no player sees a jump.
    assert not discontinuities(bench)
    for sequence, at in dates.items():
        assert abs(at - dates[0] - sum(segments[n].duration_s for n in range(sequence))) < MARGIN_S
    # Names, and with them time ranges, follow the clock.
    newest = bench.newest()
    assert int(segments[newest].uri.removesuffix(".ts")) / 1000 > began + STEP_S
    assert bench.vod(bench.now() - 60, bench.now()).entries[-1].uri == segments[newest].uri
    assert [entry.uri for entry in bench.vod(began - 60, began).entries][: len(before)] == [segments[n].uri for n in before]


def test_a_publish_goes_on_and_its_dates_wait_when_the_clock_is_put_back(bench):
    with bench.push():
        before = bench.wait_for_more()
        bench.step(-STEP_S)
        # One more may have begun before the step.
        bench.wait_for_more(1)
        waiting = bench.wait_for_more()
        assert_waiting(bench, before[-1], waiting)
        bench.step(0)
        bench.wait_for_more(1)
        caught_up = bench.wait_for_more()
    bench.wait_until_idle()
    dates = bench.dates()
    for sequence in caught_up:
        assert dates[sequence] > dates[waiting[-1]]
    assert not discontinuities(bench)
    recorded = bench.vod(dates[0] - 60, bench.now())
    assert [entry.uri for entry in recorded.entries] == [entry.uri for _, entry in sorted(bench.watcher.listed().items())]


def test_the_next_publish_has_the_new_time_when_the_clock_is_put_forward_in_between(bench):
    with bench.push():
        bench.wait_for_more()
    bench.wait_until_idle()
    last = bench.newest()
    bench.step(STEP_S)
    with bench.push():
        began = bench.now()
        bench.wait_for_more()
    assert discontinuities(bench) == [last + 1]
    assert -MARGIN_S < bench.dates()[last + 1] - began < MARGIN_S


def test_the_next_publish_waits_for_the_time_when_the_clock_was_put_back_in_between_and_the_server_restarted(bench):
    with bench.push():
        bench.wait_for_more()
    bench.wait_until_idle()
    last = bench.newest()
    bench.step(-STEP_S)
    bench.server.restart()
    with bench.push():
        assert_waiting(bench, last, bench.wait_for_more())
        bench.step(0)
        bench.wait_for_more(1)
        newest = bench.wait_for_more()[-1]
        assert abs(bench.dates()[newest] - bench.now()) < SEGMENTS + MARGIN_S
    assert discontinuities(bench) == [last + 1]


def test_a_crash_while_the_clock_is_put_back_loses_no_number_and_no_date(bench):
    with bench.push() as push:
        before = bench.wait_for_more()
        bench.step(-STEP_S)
        bench.wait_for_more(2)
        bench.server.kill()
        push.wait()
    bench.server.start()
    bench.wait_until_idle()
    last = bench.newest()
    with bench.push():
        assert_waiting(bench, before[-1], bench.wait_for_more())
    assert discontinuities(bench) == [last + 1]


def test_a_silent_publisher_is_replaced_whatever_the_clock_says(bench):
    with bench.push() as stalled:
        bench.wait_for_more(1)
        stalled.send(signal.SIGSTOP)
        bench.step(-STEP_S)
        pushes = []

        def taken_over():
            """As an encoder does that tries again until it is let in."""
            if not pushes or not pushes[-1].running():
                pushes.append(bench.push())
            return discontinuities(bench)

        until(taken_over, "the second publisher in the playlist")
        pushes[-1].kill()
    bench.wait_until_idle()
