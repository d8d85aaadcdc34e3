"""A stream of a private bucket, whose URL is signed once, with its playlists signed for every viewer by the server."""

import time

import oss2
import pytest
from harness import browser, client, encoder, player, process
from harness.media import CLIP_S, FRAME_RATE, HEIGHT, LONG_S, WIDTH
from oss2.models import BucketCors, CorsRule


@pytest.fixture(scope="module")
def private(server):
    return client.make_bucket(server, "private", oss2.BUCKET_ACL_PRIVATE)


@pytest.fixture(scope="module")
def recorded(private, media):
    """A channel whose whole recording is listed in `recorded/vod.m3u8`; the pictures that it holds."""
    client.make_channel(private, "recorded")
    started = int(time.time())
    encoder.ffmpeg(media.clip(), client.sign(private, "recorded")).finish()
    player.wait_for_segments(signed(private, "recorded/playlist.m3u8"), CLIP_S // 2 + 1)
    private.post_vod_playlist("recorded", "vod.m3u8", started, started + 3600)
    return CLIP_S * FRAME_RATE


@pytest.fixture
def page():
    with browser.Page() as page:
        yield page


def signed(bucket, key, auth=None, method="GET", lifetime_s=600):
    """The one URL that a viewer is given."""
    if auth is not None:
        bucket = client.open_bucket(bucket.endpoint, bucket.bucket_name, auth)
    return bucket.sign_url(method, key, lifetime_s, params={"x-oss-process": "hls/sign"}, slash_safe=True)


def allow(bucket, origin):
    """Lets pages of an origin read the bucket."""
    rule = CorsRule(allowed_origins=[origin], allowed_methods=["GET", "HEAD"], allowed_headers=["*"], max_age_seconds=60)
    bucket.put_bucket_cors(BucketCors([rule]))


@pytest.mark.parametrize("auth", [client.v1, client.v4])
def test_a_recording_is_played_through_one_signed_url(private, recorded, auth):
    url = signed(private, "recorded/vod.m3u8", auth())
    assert player.streams(url)["video"]["width"] == WIDTH
    assert len(player.picture_hashes(url)) == recorded


def test_a_live_stream_is_played_through_one_signed_url(private, media):
    client.make_channel(private, "live")
    urls = [signed(private, "live/playlist.m3u8", auth) for auth in (client.v1(), client.v4())]
    with encoder.ffmpeg(media.long(), client.sign(private, "live")):
        player.wait_for_segments(urls[0], 1)
        # Longer than the window lasts, so the playlist is loaded again on the way.
        plays = [process.Process(["ffmpeg", "-v", "error", "-xerror", "-i", url, "-t", "9", "-f", "null", "-"]) for url in urls]
        assert [(play.wait(), play.err.text()) for play in plays] == [(0, "")] * len(urls)


def test_without_signing_only_the_playlist_is_read(private, recorded):
    url = private.sign_url("GET", "recorded/vod.m3u8", 600, slash_safe=True)
    answer = player.fetch(url)
    assert answer.status_code == 200
    listed = player.read_playlist(url)
    assert [player.fetch(segment).status_code for segment in listed.urls(url)] == [403] * len(listed.entries)


def test_head_and_ranges_are_of_the_signed_playlist(private, recorded):
    key = "recorded/vod.m3u8"
    whole = player.fetch(signed(private, key))
    head = player.requests.head(signed(private, key, method="HEAD"), timeout=player.FETCH_TIMEOUT_S)
    assert (head.status_code, head.headers["Content-Type"]) == (200, whole.headers["Content-Type"])
    # Lengths of two signed texts differ by the escapes in their signatures, where a second has passed between them.
    assert int(head.headers["Content-Length"]) > private.head_object(key).content_length + 100
    part = player.fetch(signed(private, key), headers={"Range": "bytes=0-6"})
    assert (part.status_code, part.text) == (206, "#EXTM3U")


def test_a_page_of_another_origin_plays_a_private_live_stream(private, media, page, tmp_path):
    allow(private, page.origin)
    client.make_channel(private, "watched")
    url = signed(private, "watched/playlist.m3u8")
    with encoder.ffmpeg(media.long(), client.sign(private, "watched"), seconds=LONG_S):
        player.wait_for_segments(url, 2)
        with browser.Player(page, url, tmp_path) as watching:
            watching.wait_for("playing")
            first = watching.wait_for("timeupdate", lambda report: report["frames"] > 0)
            assert (first["width"], first["height"]) == (WIDTH, HEIGHT)
            # More than was listed when it began.
            later = watching.wait_for("timeupdate", lambda report: report["time_s"] > first["time_s"] + 8)
            assert later["frames"] > first["frames"] + 7 * FRAME_RATE / 2
            assert len(page.reports("playlist")) >= 3, "the live playlist was loaded anew"
            assert not page.faults(), page.faults()
            assert all("Signature=" in report["url"] for report in page.reports("segment"))


def test_a_page_of_another_origin_plays_a_private_master_playlist_to_its_end(private, recorded, page, tmp_path):
    allow(private, page.origin)
    private.put_object("master.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=600000\nrecorded/vod.m3u8\n")
    with browser.Player(page, signed(private, "master.m3u8", client.v4()), tmp_path) as watching:
        end = watching.wait_for("ended")
        assert abs(end["time_s"] - CLIP_S) < 0.5
        assert not page.faults(), page.faults()
        assert all("x-oss-signature=" in report["url"] for report in page.reports("segment"))


def test_a_page_of_an_origin_without_a_rule_is_kept_out(private, recorded, page, tmp_path):
    allow(private, "http://elsewhere.example.com")
    with browser.Player(page, signed(private, "recorded/vod.m3u8"), tmp_path) as watching:
        error = watching.wait_for("error", lambda report: report["fatal"])
        assert error["details"] == "manifestLoadError"
        assert not page.reports("segment")
