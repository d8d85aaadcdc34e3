"""Records what encoders send, as vectors for `crates/ingest/tests/vectors.rs`.

    .venv/bin/python tests/e2e/record.py [NAME...]

Each is pushed through the relay to a server of this checkout, and what went over the connection is written to
`tests/vectors/<name>.rtmp`. The bucket takes anybody's stream, so that nothing secret is in it. The encoders are those
that are installed: their versions are in the names, and a new version gets a file of its own.
"""

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import oss2

from conftest import REPOSITORY, build
from harness import client, encoder, process
from harness.awaiting import until
from harness.obs import Obs
from harness.relay import Relay
from harness.sent import VIDEO, messages
from harness.server import Server

VECTORS = REPOSITORY / "tests/vectors"
# A vector stays small: it is replayed again and again, and lies in the repository for good.
VECTOR_BYTES_MAX = 120_000
# The bucket of the tests that replay them.
BUCKET = "bucket"
CLIPS = Path(__file__).with_name("clips")

FFMPEG, GSTREAMER, LIBRTMP, OBS = "FFmpeg 5.1", "GStreamer 1.22", "librtmp 2.4", "OBS Studio 29.0"
PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=3"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3"]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "35", "-pix_fmt", "yuv420p", "-g", "25", "-keyint_min", "25", "-bf", "2"]
AAC = ["-c:a", "aac", "-b:a", "24k"]
COPY = ["-c", "copy"]


@dataclass(frozen=True)
class Ffmpeg:
    """A push by ffmpeg; `{ts}` stands for a file with in-band parameter sets, `{larger}` for one with another picture size."""

    shows: str
    arguments: list
    query: str = ""
    expects: str = "recorded"
    source: str = FFMPEG

    def push(self, url, folder, relay):
        arguments = [str(argument).format(ts=folder / "small.ts", larger=folder / "larger.ts") for argument in self.arguments]
        finish(["ffmpeg", "-v", "error", "-nostdin", *arguments, "-f", "flv", url + self.query])


@dataclass(frozen=True)
class Play:
    """ffmpeg that plays."""

    shows: str
    expects: str = "refused: NetStream.Play.Failed"
    query: str = ""
    source: str = FFMPEG

    def push(self, url, folder, relay):
        finish(["ffprobe", "-v", "error", url])


@dataclass(frozen=True)
class Gstreamer:
    """A push by GStreamer; `late` is how much later than the pictures the sound begins."""

    shows: str
    sink: str
    mux: list = field(default_factory=list)
    parse: list = field(default_factory=list)
    late_ns: int = 0
    query: str = ""
    expects: str = "recorded"
    source: str = GSTREAMER

    def push(self, url, folder, relay):
        # librtmp takes options behind a space, and wants to be told that a stream is live.
        location = f"{url} live=1" if self.sink == "rtmpsink" else url
        sound = ["audiotestsrc", "num-buffers=100", "samplesperbuffer=1024", f"timestamp-offset={self.late_ns}"]
        finish(
            [
                "gst-launch-1.0", "-q", "flvmux", "name=mux", *self.mux, "!", self.sink, f"location={location}",
                "videotestsrc", "num-buffers=75", "!", "video/x-raw,format=I420,width=64,height=36,framerate=25/1",
                "!", "x264enc", "tune=zerolatency", "bitrate=40", "key-int-max=25", "!", "h264parse", *self.parse, "!", "queue", "!", "mux.",
                *sound, "!", "audio/x-raw,rate=44100,channels=1", "!", "voaacenc", "bitrate=32000", "!", "aacparse", "!", "queue", "!", "mux.",
            ]
        )  # fmt: skip


@dataclass(frozen=True)
class ObsStudio:
    """OBS, until it has sent so many seconds."""

    shows: str
    seconds: float
    keyframe_s: int | None = None
    query: str = ""
    expects: str = "recorded"
    source: str = OBS

    def push(self, url, folder, relay):
        place, _, key = url.rpartition("/")
        with Obs(Path(tempfile.mkdtemp(dir=folder)), place, key + self.query, keyframe_s=self.keyframe_s, size=(64, 36), bitrates=(40, 32)) as obs:
            until(lambda: pushed_ms(relay.newest().sent) >= 1000 * self.seconds, f"{self.seconds} s of OBS")
            obs.stop()


def pushed_ms(sent):
    """How much media there is in the bytes of a connection."""
    times = [message.timestamp_ms for message in messages(sent) if message.kind == VIDEO]
    return times[-1] - times[0] if times else 0


def finish(command):
    """Awaits an encoder's end, whatever it says of it: a refusal may be what is to be shown."""
    process.run(command)


def ffmpeg(shows, *options, video=X264, audio=AAC, **more):
    return Ffmpeg(shows, [*PICTURE, *SOUND, *video, *audio, *options], **more)


VECTORS_BY_NAME = {
    "ffmpeg-5.1-plain": ffmpeg("H.264 with B-frames and AAC-LC, as most streams are"),
    "ffmpeg-5.1-copy-from-ts": Ffmpeg("access unit delimiters and parameter sets in band, after the sequence header", ["-i", "{ts}", *COPY]),
    "ffmpeg-5.1-no-metadata": ffmpeg("no onMetaData, and no end of sequence", "-flvflags", "no_metadata+no_sequence_end"),
    "ffmpeg-5.1-query-in-key": ffmpeg("a stream key with a query of escapes, a plus and a question mark", query="?playlistName=play%2Blist.m3u8&note=a%2Fb+c?d&e="),
    "ffmpeg-5.1-open-gop": ffmpeg("keyframes with leading pictures that refer to the GOP before", "-bf", "3", "-x264-params", "open-gop=1:b-adapt=0"),
    "ffmpeg-5.1-slices-and-delimiters": ffmpeg("four slices a picture, each picture behind an access unit delimiter", "-slices", "4", "-bsf:v", "h264_metadata=aud=insert"),
    "ffmpeg-5.1-extended-timestamps": ffmpeg("times pass 16,777,215 ms: extended timestamps begin in mid-stream", "-output_ts_offset", "16776"),
    "ffmpeg-5.1-times-below-zero": ffmpeg(
        "times begin below zero: 31 bits of them, which wrap after a second and a half", "-output_ts_offset", "-1.5", "-avoid_negative_ts", "disabled"
    ),
    "ffmpeg-5.1-wrap-of-31-bits": ffmpeg("a clock of 31 bits, which wraps after 24.9 days", "-output_ts_offset", "2147482"),
    "ffmpeg-5.1-variable-frame-rate": ffmpeg("every third and every fifth picture is missing", "-vf", "select='mod(n,3)*mod(n,5)'", "-vsync", "vfr"),
    "ffmpeg-5.1-size-changes-in-band": Ffmpeg("another picture size in mid-stream, in band alone: the sequence header is not sent anew", ["-i", "concat:{ts}|{larger}", *COPY]),
    "ffmpeg-5.1-high-10-bit": ffmpeg("High 10 profile: ten bits a sample", "-pix_fmt", "yuv420p10le"),
    "ffmpeg-5.1-high-4-4-4": ffmpeg("High 4:4:4 Predictive profile", "-pix_fmt", "yuv444p"),
    "ffmpeg-5.1-video-alone": ffmpeg("video alone, and metadata that says so", audio=["-an"]),
    "ffmpeg-5.1-late-audio": Ffmpeg("the sound begins a second and a half after the pictures", [*PICTURE, "-itsoffset", "1.5", *SOUND, *X264, *AAC]),
    "ffmpeg-5.1-mp3": ffmpeg("MP3 beside H.264", audio=["-c:a", "libmp3lame", "-b:a", "32k"]),
    # At its own pace, so that the refusal comes before the end.
    "ffmpeg-5.1-sorenson": Ffmpeg(
        "Sorenson H.263, the video that FLV began with", ["-re", *PICTURE, *SOUND, "-c:v", "flv1", *AAC], expects="refused: NetStream.Publish.Denied"
    ),
    "ffmpeg-5.1-he-aac": Ffmpeg("HE-AAC, signalled by nothing but its bits", [*PICTURE, "-i", CLIPS / "he-aac-v1.aac", *X264, "-c:a", "copy"]),
    "ffmpeg-5.1-he-aac-v2": Ffmpeg("HE-AAC v2, signalled by nothing but its bits", [*PICTURE, "-i", CLIPS / "he-aac-v2.aac", *X264, "-c:a", "copy"]),
    "ffmpeg-5.1-audio-8-khz-mono": ffmpeg("mono audio of 8 kHz: frames of 128 ms", "-ar", "8000", "-ac", "1"),
    "ffmpeg-5.1-audio-5-1": ffmpeg("six channels at 48 kHz", "-ar", "48000", "-ac", "6", audio=["-c:a", "aac", "-b:a", "48k"]),
    "ffmpeg-5.1-play": Play("connects to play"),
    "gstreamer-1.22-rtmp2sink": Gstreamer("rtmp2sink and a muxer that is told to stream", "rtmp2sink", ["streamable=true"]),
    "gstreamer-1.22-late-audio": Gstreamer("the sound begins a second after the pictures", "rtmp2sink", ["streamable=true"], late_ns=1_000_000_000),
    "gstreamer-1.22-parameter-sets-in-band": Gstreamer("parameter sets before each keyframe", "rtmp2sink", parse=["config-interval=-1"]),
    "librtmp-2.4-rtmpsink": Gstreamer("librtmp below GStreamer's rtmpsink", "rtmpsink", source=f"{LIBRTMP} of {GSTREAMER}"),
    "obs-29.0-auto-keyframes": ObsStudio("no keyframe interval is set: one of 8.3 s", seconds=9.5),
    "obs-29.0-query-in-key": ObsStudio("a stream key with a query, as its users paste it", seconds=3, keyframe_s=1, query="?playlistName=play%2Blist.m3u8&note=a%2Fb+c"),
}


def record(server, folder, name):
    spec = VECTORS_BY_NAME[name]
    # A channel's name has no dots where it stands for a file's.
    channel = name.replace(".", "-")
    bucket = client.open_bucket(server.endpoint, BUCKET)
    client.make_channel(bucket, channel)
    with Relay(server.http_port) as relay:
        spec.push(f"rtmp://127.0.0.1:{relay.port}/{BUCKET}/live/{channel}", folder, relay)
        if spec.expects == "recorded":
            until(lambda: bucket.get_live_channel_history(channel).records, f"the end of {name}")
        sent = bytes(relay.newest().sent)
    assert sent and len(sent) <= VECTOR_BYTES_MAX, f"{name} has {len(sent)} bytes"
    head = f"alluvium-capture: 1\nfrom: {spec.source}\nshows: {spec.shows}\nexpects: {spec.expects}\n\n"
    (VECTORS / f"{name}.rtmp").write_bytes(head.encode() + sent)
    print(f"{name}: {len(sent)} bytes")


def main(names):
    if "ALLUVIUM_TEST_BINARY" not in os.environ:
        os.environ["ALLUVIUM_TEST_BINARY"] = build()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with Server(folder / "data") as server:
            client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PUBLIC_READ_WRITE)
            for file, size in (("small.ts", "64x36"), ("larger.ts", "96x54")):
                picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=2"]
                process.output(["ffmpeg", "-v", "error", *picture, *SOUND, *X264, *AAC, "-t", "2", folder / file])
            for name in names or VECTORS_BY_NAME:
                record(server, folder, name)


if __name__ == "__main__":
    main(sys.argv[1:])
