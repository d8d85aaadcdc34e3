"""Encoders that push over RTMP, as people use them."""

import re

from harness.media import FRAME_RATE, HEIGHT, WIDTH
from harness.process import Process

# How ffmpeg reports what the server said when it refused.
SERVER_ERROR = re.compile(r"Server error: (.*)")


class Encoder(Process):
    """A running push."""

    def refusal(self, deadline_s=60):
        """Awaits the end of a push that the server refuses, and returns the server's words."""
        status = self.wait(deadline_s)
        said = SERVER_ERROR.search(self.err.text())
        assert said, f"the encoder was told nothing:\n{self.err.text()[-3000:]}"
        assert status != 0, f"the encoder was refused, and yet ended well:\n{self.err.text()[-3000:]}"
        return said.group(1)

    def finish(self, deadline_s=60):
        """Awaits the end of a push that must succeed."""
        status = self.wait(deadline_s)
        assert status == 0, f"the encoder ended with {status}:\n{self.err.text()[-4000:]}"


def ffmpeg(path, url, seconds=None, loop=False, options=()):
    """Pushes a file at its own pace, unchanged; `options` go before the URL."""
    command = ["ffmpeg", "-v", "info", "-nostats", "-re"]
    if loop:
        command += ["-stream_loop", "-1"]
    command += ["-i", path]
    if seconds is not None:
        command += ["-t", str(seconds)]
    return Encoder([*command, "-c", "copy", *options, "-f", "flv", url])


def gstreamer(url, seconds, audio_encoder="voaacenc"):
    """Encodes a test picture and tone live and pushes them with `rtmp2sink`."""
    gop = 2 * FRAME_RATE
    # The audio buffers are 20 ms each.
    return Encoder(
        [
            "gst-launch-1.0", "-e",
            "flvmux", "name=mux", "streamable=true", "!", "rtmp2sink", f"location={url}",
            "videotestsrc", "is-live=true", f"num-buffers={seconds * FRAME_RATE}",
            "!", f"video/x-raw,width={WIDTH},height={HEIGHT},framerate={FRAME_RATE}/1",
            "!", "x264enc", "tune=zerolatency", "speed-preset=veryfast", "bitrate=400", f"key-int-max={gop}",
            "!", "h264parse", "!", "queue", "!", "mux.",
            "audiotestsrc", "is-live=true", "samplesperbuffer=882", f"num-buffers={seconds * 50}",
            "!", "audio/x-raw,rate=44100,channels=2",
            "!", audio_encoder, "!", "aacparse", "!", "queue", "!", "mux.",
        ]
    )  # fmt: skip
