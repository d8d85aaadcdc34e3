"""What the readers of a channel's playlists see when one publish follows another: the rules of decision 16."""

import shutil

import oss2
import pytest
from harness import client, encoder, player
from harness.awaiting import until
from harness.server import Server

BUCKET, CHANNEL = "resume", "camera"
PUSH_S = 3
RECONNECT_WINDOW_S = 1


class Bench:
    """A server that soon gives up waiting for a publisher, and one channel."""

    def __init__(self, server, folder, media):
        self.server = server
        self.bucket = client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PUBLIC_READ)
        self.watchers = []
        self._path, self._folder = media.brisk(PUSH_S), folder

    def configure(self, **options):
        client.make_channel(self.bucket, CHANNEL, **{"frag_duration": 1, **options})

    def url(self, playlist_name="playlist.m3u8"):
        return f"{self.server.endpoint}/{BUCKET}/{CHANNEL}/{playlist_name}"

    def watch(self, playlist_name="playlist.m3u8"):
        """Watches a playlist from now on; at the end of the test its record must be sound."""
        self.watchers.append(player.Watcher(self.url(playlist_name), self._folder / f"segments-{len(self.watchers)}"))
        return self.watchers[-1].start()

    def start_push(self, playlist_name=""):
        """A publish that goes on until it is stopped."""
        return encoder.ffmpeg(self._path, client.sign(self.bucket, CHANNEL, playlist_name=playlist_name), loop=True)

    def push(self, playlist_name="", seconds=None):
        """One publish, until all of it is listed and seen by those who watch its playlist; the playlist then."""
        encoder.ffmpeg(self._path, client.sign(self.bucket, CHANNEL, playlist_name=playlist_name), seconds=seconds).finish()
        until(lambda: not client.is_live(self.bucket, CHANNEL), "the channel is idle")
        url = self.url(playlist_name or self.bucket.get_live_channel(CHANNEL).target.playlist_name)
        listed = player.read_playlist(url)
        for watcher in self.watchers:
            if watcher.url == url:
                watcher.wait_for_sequence(listed.entries[-1].sequence)
        return listed


@pytest.fixture
def bench(tmp_path, media):
    config = tmp_path / "alluvium.toml"
    config.write_text(f"[recording]\nreconnect_window_s = {RECONNECT_WINDOW_S}\n")
    with Server(tmp_path / "data", config=config) as server:
        made = Bench(server, tmp_path, media)
        yield made
        for watcher in made.watchers:
            watcher.stop()
            watcher.assert_sound()
    check = server.verify()
    assert check.status == 0, check.out.text()


def sequences(version):
    return [entry.sequence for entry in version.entries]


def discontinuities(watcher):
    return [sequence for sequence, entry in sorted(watcher.listed().items()) if entry.discontinuity]


def wait_for_end(watcher):
    return watcher.wait_for(lambda version: version.ended, f"the end of {watcher.url}")


def test_a_window_is_resumed_after_a_restart_in_another_folder(bench, tmp_path):
    bench.configure()
    watcher = bench.watch()
    before = bench.push()
    last = sequences(before)[-1]
    assert bench.server.stop() == 0
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(bench.server.data, moved)
    bench.server.data = moved
    bench.server.start()
    # Nothing is different until somebody publishes, but that the list ends when nobody does.
    assert sequences(player.read_playlist(watcher.url)) == sequences(before)
    assert sequences(wait_for_end(watcher)) == sequences(before)
    bench.push()
    assert discontinuities(watcher) == [last + 1]
    resumed = next(version for version in watcher.versions if sequences(version)[-1] == last + 1)
    assert sequences(resumed) == [last - 1, last, last + 1] and not resumed.ended


@pytest.mark.parametrize("renamed", ["in the URL", "in the configuration"])
def test_a_playlist_ends_when_nobody_returns_to_it_whatever_its_channel_does(bench, renamed):
    bench.configure(playlist_name="old.m3u8")
    old, new = bench.watch("old.m3u8"), bench.watch("new.m3u8")
    last = sequences(bench.push("old.m3u8"))[-1]
    if renamed == "in the configuration":
        bench.configure(playlist_name="new.m3u8")
    with bench.start_push("new.m3u8" if renamed == "in the URL" else ""):
        # The channel is live; who waits at the old playlist is told all the same, and sees nothing of the other one.
        ended = wait_for_end(old)
        assert sequences(ended) == [last - 2, last - 1, last]
        newest = new.wait_for_sequence(last + 3).entries[-1].sequence
    # The new one is a window of the same channel, which was resumed.
    assert sequences(new.versions[0]) == [last - 1, last, last + 1]
    assert discontinuities(new) == [last + 1]
    assert wait_for_end(new).entries[-1].sequence >= newest
    # Who returns to the old name goes on there, with what came meanwhile.
    bench.push("old.m3u8")
    assert max(old.listed()) > newest


def test_a_smaller_window_takes_effect_with_the_next_publish(bench):
    bench.configure(frag_count=3)
    watcher = bench.watch()
    last = sequences(bench.push())[-1]
    assert last == PUSH_S - 1
    bench.configure(frag_count=2)
    bench.push()
    after = [sequences(version) for version in watcher.versions if max(sequences(version)) > last]
    assert after[0] == [last, last + 1]
    assert all(len(listed) == 2 for listed in after)


def test_a_larger_window_grows_forward_only(bench):
    bench.configure(frag_count=2)
    watcher = bench.watch()
    last = sequences(bench.push())[-1]
    bench.configure(frag_count=100)
    newest = sequences(bench.push(seconds=2))[-1]
    assert sequences(watcher.versions[-1]) == list(range(last - 1, newest + 1))
    # Neither does the last version reach back, nor a publish after it.
    assert sequences(wait_for_end(watcher)) == list(range(last - 1, newest + 1))
    assert sequences(bench.push())[0] == last - 1


def test_the_target_duration_follows_each_publish_and_covers_what_is_listed(bench):
    watcher = bench.watch()
    for frag_duration in (1, 3, 1):
        bench.configure(frag_duration=frag_duration)
        bench.push()
    by_publish = {}
    for version in watcher.versions:
        by_publish.setdefault(version.entries[-1].discontinuity_sequence, []).append(version.target_duration_s)
    assert {number: set(targets) for number, targets in by_publish.items()} == {0: {1}, 1: {3}, 2: {3}}


def test_a_channel_created_again_goes_on_where_the_deleted_one_was(bench):
    bench.configure()
    watcher = bench.watch()
    before = bench.push()
    last = sequences(before)[-1]
    bench.bucket.delete_live_channel(CHANNEL)
    assert sequences(wait_for_end(watcher)) == sequences(before)
    bench.configure(frag_count=3)
    resumed = bench.push()
    assert discontinuities(watcher) == [last + 1]
    assert sorted(watcher.listed()) == list(range(sequences(resumed)[-1] + 1))


def test_a_playlist_that_ends_when_its_segments_are_deleted_keeps_its_numbers(bench):
    bench.configure()
    before = bench.push()
    for key in client.segment_keys(bench.bucket, CHANNEL):
        bench.bucket.delete_object(key)
    until(lambda: player.read_playlist(bench.url()).ended, "the end of the list")
    ended = player.read_playlist(bench.url())
    assert (sequences(ended), ended.sequence) == ([], before.sequence)
    resumed = bench.push()
    assert resumed.sequence > before.entries[-1].sequence
