"""GStreamer as a second encoder and a second player."""

import signal
import time
from dataclasses import dataclass

import oss2
import pytest
from harness import client, encoder, media as files, player, process
from harness.awaiting import until

CHANNEL = "gst"
SECONDS = 11


@dataclass
class Recorded:
    """A push by rtmp2sink: where it plays, and what hlsdemux said when it played it live."""

    live_output: str
    watcher: player.Watcher
    vod_url: str


def pipeline(url, parser, decoder, sink):
    """Decodes one track of a playlist through hlsdemux."""
    source = ["souphttpsrc", f"location={url}", "!", "hlsdemux", "!", "tsdemux"]
    return ["gst-launch-1.0", "-v", *source, "!", parser, "!", decoder, "!", *sink]


@pytest.fixture(scope="module")
def recorded(server, folder):
    bucket = client.make_bucket(server, "gstreamer", oss2.BUCKET_ACL_PUBLIC_READ)
    began = int(time.time()) - 1
    made = client.make_channel(bucket, CHANNEL)
    with player.Watcher(made.play_url, folder / "segments") as watcher, encoder.gstreamer(client.sign(bucket, CHANNEL), SECONDS) as push:
        watcher.wait_for_sequence(2)
        # A sink that tells of each picture; hlsdemux does not end a live playlist by itself.
        with process.Process(pipeline(made.play_url, "h264parse", "avdec_h264", ["fakesink", "silent=false"])) as playing:
            until(lambda: playing.out.text().count("chain") >= 2 * files.FRAME_RATE, "two seconds of pictures")
            playing.stop(signal.SIGINT)
        live_output = playing.out.text() + playing.err.text()
        push.finish()
        # How many segments these are depends on when the pipeline began to run: its sources stamp by the clock.
        until(lambda: not client.is_live(bucket, CHANNEL), "the channel is idle")
    bucket.post_vod_playlist(CHANNEL, "all.m3u8", began, int(time.time()) + 1)
    return Recorded(live_output, watcher, f"{server.endpoint}/gstreamer/{CHANNEL}/all.m3u8")


def test_a_push_by_rtmp2sink_plays_live_in_hlsdemux(recorded):
    assert "ERROR" not in recorded.live_output, recorded.live_output[-3000:]
    recorded.watcher.assert_sound()


@pytest.mark.parametrize(("parser", "decoder"), [("h264parse", "avdec_h264"), ("aacparse", "avdec_aac")])
def test_its_recording_plays_to_the_end_in_hlsdemux(recorded, parser, decoder):
    assert "Got EOS" in process.output(pipeline(recorded.vod_url, parser, decoder, ["fakesink"]))


def test_its_recording_decodes_without_complaint_in_ffmpeg(recorded):
    vod = player.read_playlist(recorded.vod_url)
    times = [packet.pts for packet in player.packets(recorded.vod_url, "video")]
    assert vod.duration_s == pytest.approx(max(times) - min(times), abs=0.5)
    assert vod.discontinuities == 0
    # Live sources drop a picture now and then while the pipeline starts.
    assert len(times) == pytest.approx(SECONDS * files.FRAME_RATE, abs=3)
    assert len(player.picture_hashes(recorded.vod_url)) == len(times)
    assert set(player.streams(recorded.vod_url)) == {"video", "audio"}
