"""`alluvium verify` reads everything that is listed, and names what is missing or altered."""

import time
from pathlib import Path

import oss2
import pytest
from harness import client, encoder
from harness.awaiting import until
from harness.server import Server

BUCKET = "verified"
CHANNELS = ("first", "second")


@pytest.fixture
def recorded(tmp_path, media):
    """A stopped server with two channels of recorded media; `server` and the channels' segments by key."""
    with Server(tmp_path / "data") as server:
        bucket = client.make_bucket(server, BUCKET, oss2.BUCKET_ACL_PRIVATE)
        for channel in CHANNELS:
            client.make_channel(bucket, channel)
        # Different files, so that the content of a segment tells whose it is.
        pushes = [encoder.ffmpeg(path, client.sign(bucket, channel), seconds=5) for channel, path in zip(CHANNELS, (media.clip(), media.video_only()))]
        for push in pushes:
            push.finish()
        segments = {}
        for channel in CHANNELS:
            until(lambda: len(client.segment_keys(bucket, channel)) == 3, f"three segments of {channel}")
            bucket.post_vod_playlist(channel, "vod.m3u8", int(time.time()) - 60, int(time.time()) + 1)
            for key in client.segment_keys(bucket, channel):
                segments[key] = bucket.get_object(key).read()
    return server, segments


def blob(server, content):
    """The file of the data folder that holds exactly `content`."""
    files = [path for path in Path(server.data).rglob("*") if path.is_file() and path.stat().st_size == len(content)]
    holding = [path for path in files if path.read_bytes() == content]
    assert len(holding) == 1, f"{len(holding)} files hold the segment"
    return holding[0]


def test_an_untouched_folder_is_found_sound(recorded):
    server, _ = recorded
    for what in ([], [BUCKET], [f"{BUCKET}/first"]):
        check = server.verify(*what)
        assert check.status == 0, check.out.text() + check.err.text()


@pytest.mark.parametrize("damage", ["deleted", "altered", "shortened"])
def test_a_damaged_segment_is_named(recorded, damage):
    server, segments = recorded
    key, content = next((key, content) for key, content in segments.items() if key.startswith("first/"))
    path = blob(server, content)
    if damage == "deleted":
        path.unlink()
    elif damage == "shortened":
        path.chmod(0o600)
        path.write_bytes(content[:-188])
    else:
        path.chmod(0o600)
        path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    for what in ([], [BUCKET], [f"{BUCKET}/first"]):
        check = server.verify(*what)
        assert check.status == 1, check.out.text() + check.err.text()
        faults = [line for line in check.out.text().splitlines() if key in line]
        assert faults, f"no line names {key}:\n{check.out.text()}{check.err.text()}"
    others = [other for other in segments if other != key]
    assert not [other for other in others if other in check.out.text()], "a sound segment is named too"
    assert server.verify(f"{BUCKET}/second").status == 0


def test_what_does_not_exist_is_an_error_and_not_a_clean_bill(recorded):
    server, _ = recorded
    for what in ("no-such-bucket", f"{BUCKET}/no-such-channel"):
        check = server.verify(what)
        assert check.status not in (0, None)
        assert what.rsplit("/", 1)[-1] in check.err.text() + check.out.text()


def test_a_running_server_holds_its_folder(recorded):
    server, _ = recorded
    server.start()
    check = Server(server.data).verify()
    assert check.status not in (0, None)
    assert str(server.data) in check.err.text() and "another process" in check.err.text(), check.err.text()
    assert server.running()
    assert server.stop() == 0


def test_a_deleted_object_is_withdrawn_and_no_fault(recorded):
    server, segments = recorded
    server.start()
    bucket = client.open_bucket(server.endpoint, BUCKET)
    key = next(iter(segments))
    bucket.delete_object(key)
    vod = bucket.get_vod_playlist("first", int(time.time()) - 60, int(time.time()) + 1).playlist
    assert key.rsplit("/", 1)[-1] not in vod
    assert server.stop() == 0
