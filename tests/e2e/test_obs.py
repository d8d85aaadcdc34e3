"""OBS itself, which is cut off while it streams and comes back by itself."""

import itertools
import time
from urllib.parse import unquote

import oss2
import pytest
from harness import client, player, units
from harness.awaiting import until
from harness.obs import AUTO_GOP_S, FRAME_RATE, Obs
from harness.relay import Relay
from harness.sent import write_flv

FRAG_DURATION_S = 2
# RTMP's times are whole milliseconds.
PICTURE_S = 1 / FRAME_RATE + 0.001


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "obs", oss2.BUCKET_ACL_PUBLIC_READ)


@pytest.mark.parametrize(
    ("keyframe_s", "segment_s", "away", "pasted"),
    [(None, AUTO_GOP_S, Relay.drop, str), (2, FRAG_DURATION_S, Relay.lose, unquote)],
    ids=["auto-keyframes-and-a-reset", "two-second-keyframes-and-a-lost-network"],
)
def test_obs_comes_back_and_all_that_it_sent_is_recorded(server, bucket, media, folder, keyframe_s, segment_s, away, pasted):
    name = f"keyframes-{keyframe_s or 'auto'}"
    folder = folder / name
    began = int(time.time()) - 1
    made = client.make_channel(bucket, name, FRAG_DURATION_S)
    with Relay(server.http_port) as relay:
        place, query = relay.through(awkward(bucket, name), server.http_port).split(f"/{name}?")
        key = f"{name}?{pasted(query)}"
        with player.Watcher(made.play_url, folder / "segments") as watcher, Obs(folder, place, key, media.clip(), keyframe_s) as obs:
            watcher.wait_for_sequence(0)
            away(relay)
            resumed = watcher.wait_for(lambda version: version.discontinuities, "what OBS sends when it is back")
            watcher.wait_for_sequence(resumed.entries[-1].sequence + 1)
            obs.stop()
            until(lambda: not client.is_live(bucket, name), "the channel is idle")
        flvs = [write_flv(connection.sent, folder / f"sent-{n}.flv") for n, connection in enumerate(relay.connections)]
    watcher.assert_sound()
    listed = [entry for _, entry in sorted(watcher.listed().items())]
    assert [entry.sequence for entry in listed] == list(range(len(listed)))
    [second] = [entry.sequence for entry in listed if entry.discontinuity]
    for entry in (*listed[: second - 1], *listed[second:-1]):
        assert entry.duration_s == pytest.approx(segment_s, abs=PICTURE_S)
    assert player.picture_hashes(playable(bucket, name, began))
    # One that was refused has brought no media.
    sent = [flv for flv in flvs if flv]
    assert len(sent) == 2
    for flv, entries in zip(sent, (listed[:second], listed[second:])):
        recorded = folder / f"{flv.stem}.ts"
        recorded.write_bytes(b"".join(watcher.segments[entry.uri].read_bytes() for entry in entries))
        units.assert_recorded(flv, recorded)


def awkward(bucket, channel):
    """A signed URL whose signature has a plus and a slash in it."""
    urls = (client.sign(bucket, channel, lifetime_s=lifetime) for lifetime in itertools.count(client.URL_LIFETIME_S))
    return next(url for url in urls if "%2B" in url and "%2F" in url)


def playable(bucket, channel, began):
    bucket.post_vod_playlist(channel, "all.m3u8", began, int(time.time()) + 1)
    return f"{bucket.endpoint}/{bucket.bucket_name}/{channel}/all.m3u8"
