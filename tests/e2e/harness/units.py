"""Access units as ffmpeg reads them out of a file, and whether a recording has all that were sent."""

import re
from dataclasses import dataclass

from harness import player, process

# What a container adds or leaves out by its own rules: parameter sets and access unit delimiters.
NAL_UNITS_LEFT_OUT = "filter_units=remove_types=7|8|9"
# RTMP counts milliseconds, and both ends of a difference are rounded.
VIDEO_ERROR_S = 0.0021
# Audio is placed by counting samples, and drawn to its rounded timestamps slowly.
AUDIO_ERROR_S = 0.025


@dataclass(frozen=True)
class Unit:
    """One access unit, times in seconds."""

    pts: float
    dts: float
    content: str


def read(path):
    """Every access unit of each track by kind, in order of arrival."""
    # The times are ffprobe's, since ffmpeg mends some of those it copies.
    found = player.probe(path, "-show_entries", "stream=codec_type:packet=codec_type,pts_time,dts_time")
    packets = {stream["codec_type"]: [] for stream in found["streams"]}
    for packet in found["packets"]:
        packets[packet["codec_type"]].append(packet)
    hashes = contents(path, list(packets))
    counts = [{kind: len(units) for kind, units in reading.items()} for reading in (packets, hashes)]
    assert counts[0] == counts[1], f"{path}: ffprobe reads {counts[0]}, ffmpeg {counts[1]}"
    return {kind: [unit(packet, content) for packet, content in zip(packets[kind], hashes[kind])] for kind in packets}


def unit(packet, content):
    dts = float(packet["dts_time"])
    return Unit(float(packet.get("pts_time", dts)), dts, content)


def contents(path, kinds):
    """A hash of each access unit of the tracks, without what belongs to the container."""
    video = ["-bsf:v", f"h264_mp4toannexb,{NAL_UNITS_LEFT_OUT}"]
    audio = ["-bsf:a", "aac_adtstoasc"] if path.suffix == ".ts" else []
    copy = [*(word for kind in kinds for word in ("-map", f"0:{kind[0]}:0")), "-c", "copy", "-copyinkf", "-copyts", *video, *audio]
    text = process.output(["ffmpeg", "-v", "error", "-i", path, *copy, "-f", "framemd5", "-"])
    lines = (re.split(r",\s*", line) for line in text.splitlines() if not line.startswith("#"))
    hashes = {kind: [] for kind in kinds}
    for line in lines:
        hashes[kinds[int(line[0])]].append(line[5])
    return hashes


def assert_recorded(sent, recorded, audio_may_start_late=True, video_error_s=VIDEO_ERROR_S, audio_error_s=AUDIO_ERROR_S):
    """Every access unit of the file `sent` is in the file `recorded` once, in order, at the right time.

    Audio that was sent for a time before the first picture has no place in a recording that begins with it.
    """
    before, after = read(sent), read(recorded)
    pictures, frames = ([tracks.get(kind, []) for tracks in (before, after)] for kind in ("video", "audio"))
    assert [unit.content for unit in pictures[0]] == [unit.content for unit in pictures[1]]
    early = len(frames[0]) - len(frames[1]) if audio_may_start_late else 0
    assert early >= 0 and all(unit.pts <= pictures[0][0].pts for unit in frames[0][:early]), f"{early} audio frames are missing"
    assert [unit.content for unit in frames[0][early:]] == [unit.content for unit in frames[1]]
    moved = {}
    for kind, (before, after), error_s in (("video", pictures, video_error_s), ("audio", (frames[0][early:], frames[1]), audio_error_s)):
        offsets = [two.pts - one.pts for one, two in zip(before, after)]
        if offsets:
            moved[kind] = sorted(offsets)[len(offsets) // 2]
            assert max(abs(offset - moved[kind]) for offset in offsets) <= error_s, f"{kind} is moved by {min(offsets):.4f} to {max(offsets):.4f} s"
            times = [unit.dts for unit in after]
            assert all(one < two for one, two in zip(times, times[1:])), f"DTS of {kind} do not rise"
    if len(moved) == 2:
        assert abs(moved["audio"] - moved["video"]) <= audio_error_s, f"out of step: {moved}"
