"""Pushes through a relay, and what they have left: the bytes that were sent, and the recording."""

from dataclasses import dataclass
from pathlib import Path

from harness import client, encoder
from harness.awaiting import until
from harness.relay import Relay
from harness.sent import write_flv

FRAG_DURATION_S = 2


@dataclass
class Pushed:
    """What one push has left."""

    # As an FLV file; `None` when no media was sent.
    sent: Path | None
    # All segments, one behind the other.
    recorded: Path
    segments: list
    status: int
    said: str


def push(server, bucket, folder, channel, command):
    """Runs the encoder that `command` makes of a URL to its end, and awaits that all of it is listed."""
    client.make_channel(bucket, channel, FRAG_DURATION_S)
    with Relay(server.http_port) as relay:
        pushing = encoder.Encoder(command(relay.through(client.sign(bucket, channel), server.http_port)))
        status = pushing.wait()
        # The history has a publish when all of it is listed.
        until(lambda: bucket.get_live_channel_history(channel).records, f"the end of {channel}; the encoder said {pushing.err.text()[-2000:]}")
        sent = write_flv(relay.newest().sent, folder / f"{channel}.flv")
    segments = []
    for key in client.segment_keys(bucket, channel):
        segments.append(folder / key.replace("/", "-"))
        bucket.get_object_to_file(key, segments[-1])
    recorded = folder / f"{channel}.ts"
    recorded.write_bytes(b"".join(segment.read_bytes() for segment in segments))
    return Pushed(sent, recorded, segments, status, pushing.err.text())
