"""GStreamer's two sinks, one of them on librtmp, and the settings of its muxer: what they send is recorded whole."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import oss2
import pytest
from harness import client, pushes, units

PICTURES, FRAME_RATE, SAMPLES = 125, 25, 1024
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Case:
    """A pipeline of H.264 and AAC; what is empty has GStreamer's own choice."""

    sink: str
    mux: list = field(default_factory=list)
    # Of `h264parse` and `x264enc`.
    parse: list = field(default_factory=list)
    encode: list = field(default_factory=list)
    sound: list = field(default_factory=list)
    audio_encoder: str = "voaacenc"


def sinks(name, **settings):
    """The same settings with each sink."""
    return {f"{name}_by_{sink}": Case(sink, **settings) for sink in ("rtmp2sink", "rtmpsink")}


CASES = {
    **sinks("plain"),
    **sinks("streamable", mux=["streamable=true"]),
    **sinks("b_frames", encode=["bframes=2", "b-adapt=false"]),
    **sinks("late_audio", mux=["streamable=true"], sound=[f"timestamp-offset={3 * SECOND_NS}"]),
    "parameter_sets_in_band": Case("rtmp2sink", parse=["config-interval=-1"]),
    "no_metadata_creator": Case("rtmp2sink", mux=["metadatacreator=", "encoder="]),
    "backwards_streams_skipped": Case("rtmp2sink", mux=["skip-backwards-streams=true"]),
    "audio_by_libav": Case("rtmp2sink", audio_encoder="avenc_aac"),
}


def pipeline(case, url):
    # librtmp takes options behind a space, and wants to be told that a stream is live.
    location = f"{url} live=1" if case.sink == "rtmpsink" else url
    frames = PICTURES * 44100 // (FRAME_RATE * SAMPLES)
    return [
        "gst-launch-1.0", "-q", "flvmux", "name=mux", *case.mux, "!", case.sink, f"location={location}",
        "videotestsrc", f"num-buffers={PICTURES}", "pattern=ball", "!", f"video/x-raw,format=I420,width=160,height=96,framerate={FRAME_RATE}/1",
        "!", "x264enc", "speed-preset=veryfast", "bitrate=150", f"key-int-max={FRAME_RATE}", *case.encode,
        "!", "h264parse", *case.parse, "!", "queue", "max-size-time=0", "max-size-buffers=0", "!", "mux.",
        "audiotestsrc", f"num-buffers={frames}", f"samplesperbuffer={SAMPLES}", *case.sound,
        "!", "audio/x-raw,rate=44100,channels=2", "!", case.audio_encoder, "!", "aacparse", "!", "queue", "max-size-time=0", "max-size-buffers=0", "!", "mux.",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def pushed(server, folder):
    bucket = client.make_bucket(server, "pipelines", oss2.BUCKET_ACL_PUBLIC_READ)

    def run(name):
        return pushes.push(server, bucket, folder, name.replace("_", "-"), lambda url: pipeline(CASES[name], url))

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(CASES, pool.map(run, CASES)))


@pytest.mark.parametrize("name", CASES)
def test_what_gstreamer_sends_is_recorded(pushed, name):
    push = pushed[name]
    assert push.status == 0, push.said
    assert len(units.read(push.sent)["video"]) == PICTURES
    units.assert_recorded(push.sent, push.recorded)
