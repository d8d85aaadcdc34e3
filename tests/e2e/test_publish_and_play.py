"""The main job: create a channel with the client library, push with an encoder, watch live, then on demand.

One push runs for each bucket ACL, all at the same time; the tests read what was recorded of them.
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import oss2
import pytest
from harness import client, encoder, media as files, player, playlist
from harness.awaiting import until

CHANNEL = "camera-1"
PLAYLIST = "playlist.m3u8"
FRAG_DURATION_S = 2
FRAG_COUNT = 3
FRAME_S = 1 / files.FRAME_RATE
SYNC_S = 0.020
ACLS = (oss2.BUCKET_ACL_PRIVATE, oss2.BUCKET_ACL_PUBLIC_READ, oss2.BUCKET_ACL_PUBLIC_READ_WRITE)


@dataclass
class Recording:
    """One push and what could be seen of it from outside."""

    acl: str
    bucket: oss2.Bucket
    play_url: str
    publish_url: str
    watcher: player.Watcher
    push: encoder.Encoder
    folder: Path
    began: int
    # Answers of GetLiveChannelStat while it was Live, oldest first.
    stats: list = field(default_factory=list)
    # ffprobe's account of the playing live playlist.
    live_streams: dict = field(default_factory=dict)

    def read(self, key):
        """The playlist stored under `key`."""
        return playlist.parse(self.bucket.get_object(key).read().decode())

    def source(self, key):
        """What a viewer's player opens for the playlist `key`: its address, or the owner's copy of what is private."""
        if self.acl != oss2.BUCKET_ACL_PRIVATE:
            return f"{self.bucket.endpoint}/{self.bucket.bucket_name}/{key}"
        target = self.folder / "copies" / key.replace("/", "-")
        target.mkdir(parents=True, exist_ok=True)
        channel, name = key.split("/")
        listed = self.read(key)
        (target / name).write_text(listed.text)
        for entry in listed.entries:
            self.bucket.get_object_to_file(f"{channel}/{entry.uri}", str(target / entry.uri))
        return str(target / name)

    def observe(self):
        """Takes a sample while the push runs."""
        stat = self.bucket.get_live_channel_stat(CHANNEL)
        if stat.status == "Live" and self.push.running():
            self.stats.append(stat)
        if not self.live_streams and self.watcher.versions and len(self.watcher.versions[-1].entries) == FRAG_COUNT:
            self.live_streams = player.streams(self.source(f"{CHANNEL}/{PLAYLIST}"))


def begin(server, media, folder, acl):
    bucket = client.make_bucket(server, f"main-{acl}", acl)
    made = client.make_channel(bucket, CHANNEL, FRAG_DURATION_S, FRAG_COUNT)
    if acl == oss2.BUCKET_ACL_PRIVATE:
        prefix = f"{server.endpoint}/{bucket.bucket_name}/"
        sign = lambda url: bucket.sign_url("GET", url.removeprefix(prefix), client.URL_LIFETIME_S, slash_safe=True)
    else:
        sign = lambda url: url
    watcher = player.Watcher(made.play_url, folder / acl / "segments", sign).start()
    push = encoder.ffmpeg(media.clip(), client.sign(bucket, CHANNEL))
    return Recording(acl, bucket, made.play_url, made.publish_url, watcher, push, folder / acl, began=int(time.time()) - 1)


@pytest.fixture(scope="module")
def recordings(server, media, folder):
    media.clip()
    running = {acl: begin(server, media, folder, acl) for acl in ACLS}

    def all_ended():
        for recording in running.values():
            recording.observe()
        return not any(recording.push.running() for recording in running.values())

    until(all_ended, "the pushes end")
    for recording in running.values():
        recording.push.finish()
        until(lambda: not client.is_live(recording.bucket, CHANNEL), "the channel is idle")
        recording.watcher.stop()
    return running


@pytest.fixture(params=ACLS)
def recording(recordings, request):
    return recordings[request.param]


@pytest.fixture
def vod(recording):
    """What a player opens for the playlist of everything recorded, as PostVodPlaylist stores it."""
    recording.bucket.post_vod_playlist(CHANNEL, "all.m3u8", recording.began, int(time.time()) + 1)
    return recording.source(f"{CHANNEL}/all.m3u8")


def test_the_answer_names_where_to_publish_and_where_to_play(recording, server):
    host = server.endpoint.removeprefix("http://")
    name = recording.bucket.bucket_name
    assert recording.publish_url == f"rtmp://{host}/{name}/live/{CHANNEL}"
    assert recording.play_url == f"http://{host}/{name}/{CHANNEL}/{PLAYLIST}"


def test_the_live_playlist_lists_at_most_frag_count_segments_and_never_goes_backwards(recording):
    recording.watcher.assert_sound()
    lengths = [len(version.entries) for version in recording.watcher.versions]
    assert max(lengths) == FRAG_COUNT
    # 13 s in segments of 2 s: six whole ones and a short one.
    newest = recording.watcher.versions[-1].entries[-1].sequence
    assert newest == 6
    assert recording.watcher.versions[-1].discontinuities == 0


def test_segments_are_cut_at_the_keyframe_after_frag_duration(recording, media):
    durations = {entry.sequence: entry.duration_s for version in recording.watcher.versions for entry in version.entries}
    assert durations[6] == pytest.approx(player.duration_s(media.clip()) - 6 * FRAG_DURATION_S, abs=FRAME_S)
    assert [durations[n] for n in range(6)] == pytest.approx([FRAG_DURATION_S] * 6, abs=0.002)
    assert {version.target_duration_s for version in recording.watcher.versions} == {FRAG_DURATION_S}


def test_each_segment_begins_with_a_keyframe_and_decodes_alone(recording):
    for uri, path in recording.watcher.segments.items():
        assert player.packets(path, "video")[0].random_access, uri
        assert player.picture_hashes(path), uri


def test_the_live_playlist_is_read_by_ffprobe_while_the_push_runs(recording):
    assert recording.live_streams["video"]["codec_name"] == "h264"
    assert (recording.live_streams["video"]["width"], recording.live_streams["video"]["height"]) == (files.WIDTH, files.HEIGHT)
    assert recording.live_streams["audio"]["codec_name"] == "aac"
    assert int(recording.live_streams["audio"]["sample_rate"]) == files.SAMPLE_RATE


def test_stat_tells_what_is_being_pushed(recording, media):
    stat = recording.stats[-1]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", stat.remote_addr)
    assert (stat.video.width, stat.video.height, stat.video.frame_rate, stat.video.codec) == (files.WIDTH, files.HEIGHT, files.FRAME_RATE, "H264")
    assert (stat.audio.sample_rate, stat.audio.codec) == (files.SAMPLE_RATE, "AAC")
    for bandwidth, kind in ((stat.video.bandwidth, "v"), (stat.audio.bandwidth, "a")):
        sizes = player.probe(media.clip(), "-select_streams", kind, "-show_entries", "packet=size")["packets"]
        pushed = sum(int(packet["size"]) for packet in sizes) / files.CLIP_S
        # An average over the recent past, in bytes per second: with bits it would be eight times this.
        assert pushed / 2 < bandwidth < pushed * 2, kind


def test_history_has_one_record_of_the_finished_push(recording):
    records = recording.bucket.get_live_channel_history(CHANNEL).records
    assert len(records) == 1
    # Both times are whole seconds, and the encoder paces itself by its own clock.
    assert records[0].end_time - records[0].start_time == pytest.approx(files.CLIP_S, abs=3)
    assert records[0].start_time == pytest.approx(recording.began + 1, abs=5)
    assert records[0].remote_addr == recording.stats[-1].remote_addr


def test_the_vod_playlist_lasts_as_long_as_the_file(recording, vod, media):
    listed = recording.read(f"{CHANNEL}/all.m3u8")
    assert listed.ended and listed.sequence == 0 and listed.discontinuities == 0
    assert listed.duration_s == pytest.approx(player.duration_s(media.clip()), abs=FRAME_S)


def test_vod_decodes_to_exactly_the_pushed_pictures(vod, media):
    assert player.picture_hashes(vod) == player.picture_hashes(media.clip())


def test_audio_and_video_stay_in_sync_from_the_first_to_the_last_segment(vod, media):
    pushed = {kind: player.packets(media.clip(), kind) for kind in ("video", "audio")}
    stored = {kind: player.packets(vod, kind) for kind in ("video", "audio")}
    assert len(stored["video"]) == len(pushed["video"])
    # Audio from before the first picture may be missing: less than one GOP's reordering delay.
    lost = len(pushed["audio"]) - len(stored["audio"])
    assert 0 <= lost <= 5
    pushed["audio"] = pushed["audio"][lost:]
    for kind in ("video", "audio"):
        order = lambda packet: packet.pts
        pushed[kind].sort(key=order)
        stored[kind].sort(key=order)
    for at in (0, -1):
        offset_pushed = pushed["audio"][at].pts - pushed["video"][at].pts
        offset_stored = stored["audio"][at].pts - stored["video"][at].pts
        assert offset_stored == pytest.approx(offset_pushed, abs=SYNC_S)


def test_times_of_packets_rise_without_a_gap(vod):
    for kind, step in (("video", FRAME_S), ("audio", 1024 / files.SAMPLE_RATE)):
        times = [packet.dts for packet in player.packets(vod, kind)]
        gaps = [after - before for before, after in zip(times, times[1:])]
        assert min(gaps) > 0
        assert max(gaps) == pytest.approx(step, abs=0.002), kind


def test_get_vod_playlist_answers_what_post_vod_playlist_stores(recording, vod):
    answer = recording.bucket.get_vod_playlist(CHANNEL, recording.began, int(time.time()) + 1)
    stored = recording.bucket.get_object(f"{CHANNEL}/all.m3u8").read().decode()
    assert answer.playlist == stored


def test_segments_are_named_by_the_time_they_began(recording):
    keys = client.segment_keys(recording.bucket, CHANNEL)
    names = [int(re.fullmatch(rf"{CHANNEL}/(\d{{13}})\.ts", key).group(1)) for key in keys]
    assert len(names) == 7
    assert names[0] / 1000 == pytest.approx(recording.began + 1, abs=5)
    assert [after - before for before, after in zip(names, names[1:])] == pytest.approx([1000 * FRAG_DURATION_S] * 6, abs=500)


def test_segments_may_be_cached_for_good_and_the_live_playlist_for_half_a_target_duration(recording):
    listed = recording.bucket.head_object(f"{CHANNEL}/{PLAYLIST}").headers
    assert (listed["Content-Type"], listed["Cache-Control"]) == ("application/x-mpegURL", f"max-age={FRAG_DURATION_S // 2}")
    segment = recording.bucket.head_object(client.segment_keys(recording.bucket, CHANNEL)[0]).headers
    assert (segment["Content-Type"], segment["Cache-Control"]) == ("video/mp2t", "max-age=31536000, immutable")


def test_a_private_bucket_shows_nothing_to_strangers(recording):
    answer = player.fetch(recording.play_url)
    assert answer.status_code == (403 if recording.acl == oss2.BUCKET_ACL_PRIVATE else 200)


def test_a_vod_range_without_segments_is_refused_in_the_contracts_words(recording):
    with pytest.raises(oss2.exceptions.InvalidArgument) as refused:
        recording.bucket.get_vod_playlist(CHANNEL, 1000, 2000)
    assert refused.value.message == "No ts file found in specified time span."
    assert refused.value.details["EC"] == "0044-00000308"
