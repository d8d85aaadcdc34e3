"""The ways in which people call FFmpeg: whatever they push is recorded whole, in order and at its times.

All pushes run beside each other before the first test; each test reads what has become of one.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import oss2
import pytest
from harness import client, encoder, media as files, player, pushes, units
from harness.pushes import FRAG_DURATION_S
from harness.server import Server

# HE-AAC, which ffmpeg cannot encode; Fraunhofer's `aac-enc` made these: a tone of 3 s at 24 and 16 kbit/s.
CLIPS = Path(__file__).with_name("clips")
AT_ONCE = 4

PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25:duration=6"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=6"]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-keyint_min", "25"]
AAC = ["-c:a", "aac", "-b:a", "64k"]
COPY = ["-c", "copy"]
# What arrives together gets one time, and is spread.
LOOSE = {"video_error_s": 0.5, "audio_error_s": 0.5}
OPEN_GOP = "b_frames_and_open_gop"


@dataclass(frozen=True)
class Case:
    """How ffmpeg is called: `{mp4}` and `{ts}` stand for files."""

    arguments: list
    # What `units.assert_recorded` is told.
    given: dict = field(default_factory=dict)
    # Whether it reads from its standard input what another ffmpeg sends there at its own pace.
    live: bool = False


def copies(*before, source="mp4", after=(), **given):
    """A file, passed on unchanged."""
    return Case([*before, "-i", f"{{{source}}}", *COPY, *after], given)


def encodes(*options, video=X264, audio=AAC, **given):
    """A test picture and tone, encoded on the way."""
    return Case([*PICTURE, *SOUND, *video, *audio, *options], given)


CASES = {
    "copy_from_mp4": copies(),
    "copy_from_ts": copies(source="ts"),
    "copy_at_its_own_pace": copies("-re"),
    "wallclock_as_timestamps": Case(["-use_wallclock_as_timestamps", "1", "-f", "mpegts", "-i", "-", *COPY], LOOSE, live=True),
    "looped": copies("-stream_loop", "2"),
    "seeked": copies("-ss", "2.3"),
    "seeked_with_its_times": copies("-ss", "2.3", "-copyts"),
    "times_below_zero": copies("-ss", "2.3", after=["-output_ts_offset", "-1.5", "-avoid_negative_ts", "disabled"]),
    "two_hours_late": copies(after=["-output_ts_offset", "7200"]),
    "mux_delay": copies(source="ts", after=["-muxdelay", "5", "-muxpreload", "5"]),
    "no_metadata": copies(after=["-flvflags", "no_metadata"]),
    "no_sequence_end": copies(after=["-flvflags", "no_sequence_end"]),
    "no_duration_filesize": copies(after=["-flvflags", "no_duration_filesize"]),
    "big_client_buffer": copies(after=["-rtmp_buffer", "60000"]),
    "another_flash_version": copies(after=["-rtmp_flashver", "Wirecast/FM 1.0 (compatible; FMSc/1.0)"]),
    "live_flag": copies(after=["-rtmp_live", "live"]),
    "delimiters_stripped": copies(source="ts", after=["-bsf:v", "h264_metadata=aud=remove"]),
    "delimiters_added": copies(after=["-bsf:v", "h264_metadata=aud=insert"]),
    "parameter_sets_in_band": copies(source="ts", after=["-bsf:v", "dump_extra=freq=keyframe"]),
    "video_alone": copies(after=["-an"]),
    "variable_frame_rate": encodes("-vf", "select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))'", "-vsync", "vfr"),
    "sixty_pictures_a_second": encodes("-r", "60"),
    "one_picture_a_second": encodes("-r", "1", "-g", "1"),
    OPEN_GOP: encodes("-bf", "3", "-x264-params", "open-gop=1:b-adapt=0"),
    "eight_slices": encodes("-slices", "8"),
    "interlaced": encodes("-flags", "+ildct+ilme"),
    "high_10_bit": encodes("-pix_fmt", "yuv420p10le"),
    "high_4_2_2": encodes("-pix_fmt", "yuv422p"),
    "high_4_4_4": encodes("-pix_fmt", "yuv444p"),
    "audio_48_khz": encodes("-ar", "48000"),
    "audio_8_khz_mono": encodes("-ar", "8000", "-ac", "1"),
    "audio_96_khz": encodes("-ar", "96000"),
    "audio_5_1": encodes("-ac", "6"),
    "he_aac": Case(["-i", "{mp4}", "-i", CLIPS / "he-aac-v1.aac", "-map", "0:v", "-map", "1:a", *COPY]),
    "he_aac_v2": Case(["-i", "{mp4}", "-i", CLIPS / "he-aac-v2.aac", "-map", "0:v", "-map", "1:a", *COPY]),
}


@pytest.fixture(scope="module")
def pushed(server, media, folder, request):
    bucket = client.make_bucket(server, "options", oss2.BUCKET_ACL_PUBLIC_READ)
    sources = {"mp4": media.small("mp4"), "ts": media.small("ts")}
    # Where few tests are asked for, few have to be pushed.
    asked = {item.callspec.params["name"] for item in request.session.items if "pushed" in item.fixturenames and hasattr(item, "callspec")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {name: pool.submit(push, server, bucket, sources, folder, name, CASES[name]) for name in CASES if name in asked | {OPEN_GOP}}
        return {name: future.result() for name, future in futures.items()}


def push(server, bucket, sources, folder, name, case):
    def command(url):
        arguments = [str(argument).format(**sources) for argument in case.arguments]
        feed = ["sh", "-c", 'ffmpeg -v error -nostdin -re -i "$0" -c copy -f mpegts - | "$@"', sources["ts"]] if case.live else []
        return [*feed, "ffmpeg", "-v", "info", "-nostats", "-nostdin", *arguments, "-f", "flv", url]

    return pushes.push(server, bucket, folder, name.replace("_", "-"), command)


@pytest.mark.parametrize("name", CASES)
def test_what_ffmpeg_sends_is_recorded(pushed, name):
    push = pushed[name]
    assert push.status == 0, push.said
    units.assert_recorded(push.sent, push.recorded, **CASES[name].given)


def test_each_segment_of_an_open_gop_stream_begins_where_decoding_can(pushed):
    push = pushed[OPEN_GOP]
    assert [player.packets(segment, "video")[0].random_access for segment in push.segments] == [True] * 3
    assert player.picture_hashes(push.recorded) == player.picture_hashes(push.sent)


def test_pictures_that_are_no_h264_are_counted_with_their_reason(server, media):
    """The MP4's configuration record in front of each keyframe, which a filter for another container has put there."""
    bucket = client.make_bucket(server, "broken")
    client.make_channel(bucket, "camera")
    broken = ["-bsf:v", "dump_extra=freq=keyframe"]
    command = ["ffmpeg", "-v", "info", "-nostats", "-nostdin", "-i", media.small("mp4"), *COPY, *broken, "-f", "flv", client.sign(bucket, "camera")]
    encoder.Encoder(command).finish()
    server.wait_for_log('event="fault" bucket=broken channel=camera kind="nal_unit_truncated"')
    ended = server.wait_for_log(r"publish ended bucket=broken .* faults=(\d+)")
    assert int(ended.group(1)) == files.SMALL_S


def test_audio_alone_is_recorded_where_the_setting_allows_it(folder, media):
    config = folder / "audio.toml"
    config.write_text("[recording]\naudio_only = true\n")
    with Server(folder / "audio", config=config) as server:
        bucket = client.make_bucket(server, "audio")
        pushed = push(server, bucket, {"mp4": media.small("mp4")}, folder, "audio_alone", copies(after=["-vn"]))
        assert pushed.status == 0, pushed.said
        units.assert_recorded(pushed.sent, pushed.recorded)
        # Cut by time, each at the frame that is nearest.
        assert [player.duration_s(segment) for segment in pushed.segments][:2] == pytest.approx([FRAG_DURATION_S] * 2, abs=0.05)
    assert server.verify().status == 0
