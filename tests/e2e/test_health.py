"""What is wrong with a stream is said in words: to its owner, in the log, and to its encoder, which goes on."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from harness import client, encoder
from harness.awaiting import DEADLINE_S, until
from harness.relay import Relay
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, Server
from harness.shell import Shell

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "health.md"
WORDS = "keyframe interval is 8.3 s; set it to 2 s, the channel's FragDuration"
NOTICE = b"NetStream.Health.Notice"
PLACE = "health/sparse"
# As `alluvium --help` documents them.
REFUSED, NOT_FOUND = 3, 4


@dataclass
class Watched:
    """A push with a keyframe every 8.3 s, and what was said of it while it ran."""

    one: dict
    every: list
    table: str
    shown: str
    example: dict
    by_other: tuple
    listed_by_other: list
    by_nobody: requests.Response
    told: bytes
    signature: str


def wrong(publisher):
    return {condition["code"]: condition["words"] for condition in publisher["conditions"]}


def example(server):
    """What the documentation's example prints."""
    (script,) = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    environment = {
        "PATH": "/usr/bin:/bin",
        "ALLUVIUM_ENDPOINT": server.endpoint,
        "ALLUVIUM_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "ALLUVIUM_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
    }
    ended = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def shell(server):
    return Shell.of_root(server)


@pytest.fixture(scope="module")
def watched(server, shell, media):
    bucket = client.make_bucket(server, "health")
    client.make_channel(bucket, "sparse", frag_duration=2)
    key = json.loads(Shell(ALLUVIUM_DATA=str(server.data)).text("key", "add", "--owner", "somebody", "--json"))
    other = Shell.of_key(server, key)
    url = client.sign(bucket, "sparse")
    with Relay(server.http_port) as relay, encoder.ffmpeg(media.sparse(25), relay.through(url, server.http_port)) as push:
        server.wait_for_log(r'event="health_begins".*condition="keyframe_interval"')
        one = until(lambda: (found := shell.json("status", PLACE)) and "keyframe_interval" in wrong(found) and found, "the condition")
        watched = Watched(
            one=one,
            every=shell.json("status"),
            table=shell.text("status", "health"),
            shown=shell.text("status", PLACE),
            example=example(server),
            by_other=other.refused("status", PLACE),
            listed_by_other=other.json("status"),
            by_nobody=requests.get(f"{server.endpoint}/-/api/v1/live/{PLACE}", timeout=DEADLINE_S),
            told=b"",
            signature=parse_qs(urlsplit(url).query)["Signature"][0],
        )
        push.finish()
        watched.told = bytes(relay.newest().told)
    return watched


def test_the_owner_is_told_what_is_wrong_and_what_to_change(watched):
    assert wrong(watched.one)["keyframe_interval"] == WORDS
    video, audio = watched.one["video"], watched.one["audio"]
    assert (video["codec"], video["profile"], video["width"], video["height"]) == ("H.264", "High", 320, 180)
    assert video["frame_rate"] == pytest.approx(30, abs=0.5)
    assert video["keyframe_interval_s"]["median"] == pytest.approx(250 / 30, abs=0.02)
    assert (audio["codec"], audio["sample_rate"], audio["channels"]) == ("AAC", 44100, 2)
    assert abs(watched.one["audio_ahead_ms"]) < 1000
    assert watched.one["encoder"].startswith("FMLE/3.0")
    assert watched.one["peer"].startswith("127.0.0.1:")
    assert watched.one["audio_frames_discarded"] == 0


def test_it_is_listed_for_people_and_for_scripts(watched):
    places = [f"{publisher['bucket']}/{publisher['channel']}" for publisher in watched.every]
    assert places == [PLACE]
    title, line = watched.table.splitlines()
    assert title.split()[0] == "CHANNEL" and line.split()[0] == PLACE and "keyframe_interval" in line
    assert re.search(rf"^wrong +{re.escape(WORDS)}$", watched.shown, re.MULTILINE), watched.shown


def test_the_example_of_the_documentation_prints_it(watched):
    (publisher,) = watched.example["publishers"]
    assert watched.example["next"] is None
    assert (publisher["channel"], wrong(publisher)["keyframe_interval"]) == ("sparse", WORDS)


def test_nobody_else_is_told(watched):
    status, error = watched.by_other
    assert (status, error["code"]) == (REFUSED, "AccessDenied")
    assert watched.listed_by_other == []
    assert watched.by_nobody.status_code == 403
    assert watched.by_nobody.json()["error"]["code"] == "AccessDenied"


def test_the_log_tells_of_it_once(watched, server):
    begun = [line for line in server.log().splitlines() if "health_begins" in line and "keyframe_interval" in line]
    assert len(begun) == 1 and WORDS in begun[0] and "health" in begun[0] and "sparse" in begun[0], begun


def test_the_encoder_is_told_once_and_goes_on_to_its_end(watched):
    # That ffmpeg ended well was asserted when it did.
    assert watched.told.count(WORDS.encode()) == 1
    assert NOTICE in watched.told


def test_who_does_not_publish_any_more_is_said_so(watched, shell):
    ended = until(lambda: (refusal := shell.call("status", PLACE, "--json")).returncode != 0 and refusal, "the end of the publish")
    error = json.loads(ended.stderr)["error"]
    assert (ended.returncode, error["code"], error["status"]) == (NOT_FOUND, "LiveChannelNotLive", 404)
    assert shell.refused("status", "health/none")[1]["code"] == "NoSuchLiveChannel"
    assert shell.refused("status", "no-such-bucket")[1]["code"] == "NoSuchBucket"


def test_no_secret_stands_in_any_of_it(watched, server):
    said = [server.log(), json.dumps(watched.one), watched.shown, watched.table, json.dumps(watched.example), watched.by_nobody.text]
    for secret in (watched.signature, ACCESS_KEY_SECRET):
        assert all(secret not in text for text in said)


def test_gstreamer_goes_on_when_it_is_told(server, shell, watched):
    bucket = client.open_bucket(server.endpoint, "health")
    client.make_channel(bucket, "gst", frag_duration=1)
    with Relay(server.http_port) as relay:
        with encoder.gstreamer(relay.through(client.sign(bucket, "gst"), server.http_port), 14) as push:
            connection = relay.newest()
            until(lambda: NOTICE in connection.told, "a notice")
            push.finish()
        assert b"keyframe interval is 2 s; set it to 1 s" in connection.told


def test_an_encoder_is_told_nothing_where_the_setting_says_so(folder, media):
    config = folder / "quiet.toml"
    config.write_text("[rtmp]\nhealth_notices = false\n")
    with Server(folder / "quiet", config=config) as server:
        bucket = client.make_bucket(server, "quiet")
        client.make_channel(bucket, "camera", frag_duration=1)
        with Relay(server.http_port) as relay:
            with encoder.ffmpeg(media.clip(), relay.through(client.sign(bucket, "camera"), server.http_port)) as push:
                server.wait_for_log(r'event="health_begins".*condition="keyframe_interval"')
                push.finish()
            assert NOTICE not in relay.newest().told
