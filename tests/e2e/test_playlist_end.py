"""How a live playlist ends, and that it goes on when the publisher comes back after all."""

import oss2
import pytest
from harness import client, encoder, player
from harness.server import Server

CHANNEL = "camera"


@pytest.fixture
def server(tmp_path):
    """A server that waits two seconds for a publisher to return, not a minute."""
    config = tmp_path / "alluvium.toml"
    config.write_text("[recording]\nreconnect_window_s = 2\n")
    with Server(tmp_path / "data", config=config) as running:
        yield running
    assert running.verify().status == 0


def test_the_list_ends_when_nobody_returns_and_goes_on_with_the_next_publish(server, tmp_path, media):
    bucket = client.make_bucket(server, "ending", oss2.BUCKET_ACL_PUBLIC_READ)
    play_url = client.make_channel(bucket, CHANNEL).play_url
    url = client.sign(bucket, CHANNEL)
    with player.Watcher(play_url, tmp_path / "segments") as watcher:
        encoder.ffmpeg(media.video_only(), url).finish()
        ended = watcher.wait_for(lambda version: version.ended, "the end of the list")
        assert [entry.sequence for entry in ended.entries] == [0, 1, 2]
        # A player may take it for a recording now, and find all of it.
        assert player.picture_hashes(play_url) == player.picture_hashes(media.video_only())
        encoder.ffmpeg(media.video_only(), url).finish()
        last = watcher.wait_for_sequence(5)
        assert [entry.discontinuity for entry in last.entries] == [True, False, False]
    watcher.assert_sound()
