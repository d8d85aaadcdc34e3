"""The command line as a client: buckets, channels and URLs, beside what the client library sees of them."""

import http.client
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from harness import client, encoder, player, playlist
from harness.awaiting import DEADLINE_S, until
from harness.process import Process
from harness.server import ACCESS_KEY_ID, free_port
from harness.shell import Shell

# As `alluvium --help` documents them.
FAILED, USAGE, REFUSED, NOT_FOUND, UNREACHABLE = 1, 2, 3, 4, 5


@pytest.fixture(scope="module")
def shell(server):
    return Shell.of_root(server)


@pytest.fixture(scope="module")
def bucket(shell, server):
    """A bucket for the channels of this file."""
    shell.text("bucket", "create", "channels")
    return client.open_bucket(server.endpoint, "channels")


def test_a_bucket_is_made_shown_opened_and_deleted(shell, server):
    assert shell.text("bucket", "create", "made-here", "--acl", "public-read") == "bucket made-here is there"
    seen = client.open_bucket(server.endpoint, "made-here")
    assert seen.get_bucket_acl().acl == "public-read"
    assert shell.json("bucket", "acl", "made-here") == {"bucket": "made-here", "acl": "public-read"}
    assert shell.text("bucket", "acl", "made-here", "private") == "private"
    assert shell.text("bucket", "acl", "made-here") == "private"
    assert seen.get_bucket_acl().acl == "private"
    info = shell.json("bucket", "info", "made-here")
    assert (info["bucket"], info["owner"], info["acl"]) == ("made-here", "root", "private")
    assert re.search(r"^owner +root$", shell.text("bucket", "info", "made-here"), re.MULTILINE)
    assert shell.text("bucket", "delete", "made-here") == "bucket made-here is deleted"
    assert shell.refused("bucket", "info", "made-here")[0] == NOT_FOUND


def test_a_new_bucket_is_private(shell, server):
    shell.text("bucket", "create", "quiet")
    assert client.open_bucket(server.endpoint, "quiet").get_bucket_acl().acl == "private"
    # Made again without an ACL it keeps the one it has.
    shell.text("bucket", "acl", "quiet", "public-read")
    shell.text("bucket", "create", "quiet")
    assert shell.text("bucket", "acl", "quiet") == "public-read"


def test_buckets_are_listed_by_prefix(shell):
    for name in ("listed-1", "listed-2", "other-1"):
        shell.text("bucket", "create", name)
    assert [found["bucket"] for found in shell.json("bucket", "list", "--prefix", "listed-")] == ["listed-1", "listed-2"]
    lines = shell.text("bucket", "list", "--prefix", "listed-").splitlines()
    assert [line.split()[0] for line in lines] == ["BUCKET", "listed-1", "listed-2"]
    assert shell.json("bucket", "list", "--prefix", "nothing-") == []
    assert shell.text("bucket", "list", "--prefix", "nothing-") == ""


@pytest.mark.parametrize("name", ["camera", "live channel 2", "测试通过"])
def test_a_channel_is_made_shown_switched_and_deleted(shell, bucket, server, name):
    place = f"channels/{name}"
    options = ["--description", "a <door>", "--frag-duration", "2", "--frag-count", "7", "--playlist-name", "live.m3u8", "--disabled"]
    made = shell.json("channel", "create", place, *options)
    theirs = client.make_channel(bucket, "compared")
    assert made["publish_url"].startswith(theirs.publish_url.removesuffix("compared"))
    assert made["play_url"].endswith("/live.m3u8")
    info = bucket.get_live_channel(name)
    assert (info.description, info.status) == ("a <door>", "disabled")
    assert (info.target.frag_duration, info.target.frag_count, info.target.playlist_name) == ("2", "7", "live.m3u8")
    shown = {"description": "a <door>", "status": "disabled", "frag_duration_s": 2, "frag_count": 7, "playlist_name": "live.m3u8"}
    assert shell.json("channel", "show", place) == {"bucket": "channels", "channel": name, **shown}
    assert shell.json("channel", "stat", place)["status"] == "Disabled"
    assert shell.text("channel", "enable", place) == f"channel {place} is enabled"
    assert shell.text("channel", "stat", place) == "status  Idle"
    assert shell.text("channel", "disable", place) == f"channel {place} is disabled"
    assert bucket.get_live_channel(name).status == "disabled"
    assert shell.json("channel", "history", place) == []
    # Made again without options it has the defaults.
    shell.text("channel", "create", place)
    assert shell.json("channel", "show", place)["frag_count"] == 3
    assert shell.text("channel", "delete", place) == f"channel {place} is deleted"
    assert shell.refused("channel", "show", place)[0] == NOT_FOUND


def test_a_long_list_of_channels_is_read_to_its_end(shell, server):
    seen = client.make_bucket(server, "crowded")
    names = [f"channel-{number:04}" for number in range(501)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.make_channel(seen, name), names))
    assert [found["channel"] for found in shell.json("channel", "list", "crowded")] == names
    assert [found["channel"] for found in shell.json("channel", "list", "crowded", "--prefix", "channel-05")] == ["channel-0500"]


def test_a_stream_is_published_watched_and_played_later_with_signed_urls(shell, bucket, server, media):
    shell.text("channel", "create", "channels/street", "--frag-duration", "2")
    began = int(time.time())
    with encoder.ffmpeg(media.clip(), shell.text("sign", "publish", "channels/street"), seconds=8) as push:
        stat = until(lambda: (found := shell.json("channel", "stat", "channels/street")) and "audio" in found and found, "a live channel")
        assert (stat["status"], stat["video"]["codec"], stat["audio"]["codec"]) == ("Live", "H264", "AAC")
        lines = shell.text("channel", "stat", "channels/street").splitlines()
        assert [line.split()[0] for line in lines] == ["status", "connected", "publisher", "video", "audio"]
        push.finish()
    history = until(lambda: shell.json("channel", "history", "channels/street"), "a publish that has ended")
    assert len(history) == 1 and history[0]["remote_addr"].startswith("127.0.0.1:")

    printed = shell.text("channel", "vod", "channels/street", "--from", began)
    stored = shell.text("channel", "vod", "channels/street", "evening.m3u8", "--from", "-10m", "--to", "now")
    assert stored == f"{server.endpoint}/channels/street/evening.m3u8"
    assert bucket.get_object("street/evening.m3u8").read().decode().strip() == printed.strip()
    assert shell.json("channel", "vod", "channels/street", "--from", began)["playlist"].strip() == printed.strip()
    entries = playlist.parse(printed + "\n").entries
    assert len(entries) == len(client.segment_keys(bucket, "street")) >= 3

    assert requests.get(stored, timeout=20).status_code == 403
    for option in ([], ["--v1"]):
        for name in ("playlist.m3u8", entries[0].uri):
            url = shell.text("sign", "url", f"channels/street/{name}", *option)
            answer = requests.get(url, timeout=20)
            assert answer.status_code == 200, answer.text
            assert answer.content == bucket.get_object(f"street/{name}").read()
            assert requests.delete(url, timeout=20).status_code == 403
        url = shell.text("sign", "url", "channels/street/evening.m3u8", "--hls", "--expires", "10m", *option)
        assert set(player.streams(url)) == {"video", "audio"}


def test_a_publish_url_is_split_as_encoders_ask_for_it(shell, server):
    parts = dict(line.split(None, 1) for line in shell.text("sign", "publish", "channels/street", "--split").replace("stream key", "key").splitlines())
    assert parts["server"] == f"rtmp://127.0.0.1:{server.http_port}/channels/live"
    assert parts["key"].startswith(f"street?OSSAccessKeyId={ACCESS_KEY_ID}&")
    signed = shell.json("sign", "publish", "channels/street", "--playlist-name", "mine.m3u8", "--expires", "90s")
    assert signed["url"] == f"{signed['server']}/{signed['stream_key']}"
    assert "playlistName=mine.m3u8" in signed["url"]
    expires = int(re.search(r"Expires=(\d+)", signed["url"]).group(1))
    assert abs(expires - time.time() - 90) < 30


def test_an_object_is_put_with_a_signed_url(shell, bucket):
    url = shell.json("sign", "url", "channels/a b/..//put", "--method", "PUT", "--expires", "5m")["url"]
    # Other libraries tidy the path, which is part of the key.
    host, target = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("PUT", f"/{target}", b"content")
    assert connection.getresponse().status == 200
    connection.close()
    assert bucket.get_object("a b/..//put").read() == b"content"
    bucket.delete_object("a b/..//put")


def test_a_bucket_is_named_in_front_of_the_host_when_told(shell):
    words = ["sign", "url", "channels/key", "--virtual-host", "--endpoint", "http://oss.example.com"]
    assert shell.text(*words).startswith("http://channels.oss.example.com/key?")
    assert shell.call("bucket", "list", "--virtual-host").returncode == FAILED


def test_the_servers_code_and_message_are_repeated(shell, bucket, server):
    status, error = shell.refused("channel", "show", "channels/missing")
    assert status == NOT_FOUND
    assert (error["status"], error["code"], error["ec"]) == (404, "NoSuchLiveChannel", "0026-00000021")
    assert error["message"] == "The specified live channel does not exist." and len(error["request_id"]) == 24
    said = shell.call("channel", "show", "channels/missing").stderr
    assert said.startswith("alluvium: NoSuchLiveChannel: The specified live channel does not exist. (HTTP 404, EC 0026-00000021, request ")

    status, error = shell.refused("bucket", "delete", "channels")
    assert (status, error["code"]) == (REFUSED, "BucketNotEmpty")
    status, error = shell.refused("channel", "vod", "channels/compared", "--from", "-1h")
    assert (status, error["message"]) == (REFUSED, "No ts file found in specified time span.")
    wrong = Shell.of_key(server, {"access_key_id": ACCESS_KEY_ID, "access_key_secret": "wrong"})
    status, error = wrong.refused("bucket", "list")
    assert (status, error["code"]) == (REFUSED, "SignatureDoesNotMatch")


def test_a_server_that_is_not_there_has_a_status_of_its_own(shell, server):
    nobody = f"http://127.0.0.1:{free_port()}"
    status, error = shell.refused("bucket", "list", "--endpoint", nobody)
    assert status == UNREACHABLE and nobody in error["message"]
    # A page of another service is no answer of this API.
    with Process(["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port := free_port())]) as other:
        address = f"http://127.0.0.1:{port}"
        until(lambda: reaches(address), "another server")
        status, error = shell.refused("bucket", "list", "--endpoint", address)
        assert status == UNREACHABLE and "not understood" in error["message"]
        status, error = shell.refused("bucket", "info", "some-bucket", "--endpoint", address)
        assert status == UNREACHABLE and "404" in error["message"]
        assert other.running()


def reaches(address):
    try:
        return requests.get(address, timeout=20).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    "words",
    [
        ["bucket", "create", "No_Name"],
        ["bucket", "acl", "channels", "open"],
        ["channel", "show", "channels"],
        ["channel", "create", "channels/a/b"],
        ["channel", "create", "channels/a", "--frag-duration", "0"],
        ["channel", "vod", "channels/a", "list.txt", "--from", "-1h"],
        ["channel", "vod", "channels/a", "--from", "yesterday"],
        ["sign", "publish", "channels/a", "--expires", "soon"],
        ["sign", "url", "channels"],
        ["key", "add", "--owner", "a/b"],
        ["nothing"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_told_so(shell, words):
    ended = shell.call(*words)
    assert ended.returncode == USAGE and ended.stdout == "" and "error:" in ended.stderr


def test_every_command_explains_itself(shell):
    for command in ("key", "bucket", "channel", "sign"):
        text = shell.text(command, "--help")
        assert "Examples:" in text and "Exit status:" in text, text
        actions = re.findall(r"^  ([a-z]+)  ", text.split("Commands:")[1].split("\n\n")[0], re.MULTILINE)
        assert len(actions) >= 2, text
        for action in actions:
            if action != "help":
                assert "Usage: alluvium" in shell.text(command, action, "--help")
    assert "Exit status:" in shell.text("--help")


def test_a_reader_that_has_gone_is_no_failure(shell, bucket):
    """As in `alluvium bucket list | head -1`."""
    with shell.start("bucket", "list") as listing:
        listing.stdout.close()
        assert listing.wait(DEADLINE_S) == 0, listing.stderr.read()
