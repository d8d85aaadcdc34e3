"""What a bucket is configured to do besides its ACL, put by a client library and kept by the server."""

import datetime

import oss2
import pytest
import requests
from harness import client, encoder, player
from harness.awaiting import until
from harness.server import Server
from oss2.models import BucketCors, BucketLifecycle, BucketReferer, CorsRule, LifecycleExpiration, LifecycleRule

CHANNEL = "camera"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that follows lifecycle rules every second, not once a day."""
    folder = tmp_path_factory.mktemp("configuration")
    config = folder / "alluvium.toml"
    config.write_text("[lifecycle]\ninterval_s = 1\n")
    with Server(folder / "data", config=config) as running:
        yield running
    check = running.verify()
    assert check.status == 0, f"verify finds faults:\n{check.out.text()}{check.err.text()}"


def test_pages_of_other_origins_are_let_in_by_rules(server):
    bucket = client.make_bucket(server, "cors-bucket", oss2.BUCKET_ACL_PUBLIC_READ)
    with pytest.raises(oss2.exceptions.NoSuchCors):
        bucket.get_bucket_cors()
    bucket.put_object("key", b"content")
    url = f"{server.endpoint}/cors-bucket/key"
    asking = {"Origin": "https://www.example.com", "Access-Control-Request-Method": "GET"}
    assert requests.options(url, headers=asking, timeout=20).status_code == 403
    rule = CorsRule(allowed_origins=["https://*.example.com"], allowed_methods=["GET"], expose_headers=["ETag"], max_age_seconds=60)
    bucket.put_bucket_cors(BucketCors([rule]))
    assert bucket.get_bucket_cors().rules[0].allowed_origins == ["https://*.example.com"]
    preflight = requests.options(url, headers=asking, timeout=20)
    assert (preflight.status_code, preflight.headers["Access-Control-Max-Age"]) == (200, "60")
    answer = player.fetch(url, headers={"Origin": "https://www.example.com"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://www.example.com"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Access-Control-Allow-Origin" not in player.fetch(url, headers={"Origin": "https://other.test"}).headers
    bucket.delete_bucket_cors()
    assert requests.options(url, headers=asking, timeout=20).status_code == 403


def test_pages_that_may_not_link_are_refused(server):
    bucket = client.make_bucket(server, "referer-bucket", oss2.BUCKET_ACL_PUBLIC_READ)
    bucket.put_object("key", b"content")
    bucket.put_bucket_referer(BucketReferer(False, ["https://www.example.com"]))
    policy = bucket.get_bucket_referer()
    assert (policy.allow_empty_referer, policy.referers) == (False, ["https://www.example.com"])
    url = f"{server.endpoint}/referer-bucket/key"
    for referer, status in [("https://www.example.com/page", 200), ("https://other.test/", 403), (None, 403)]:
        headers = {"Referer": referer} if referer else {}
        assert player.fetch(url, headers=headers).status_code == status, referer
        signed = bucket.sign_url("GET", "key", 60)
        assert player.fetch(signed, headers=headers).status_code == status, referer
    assert bucket.get_object("key").read() == b"content"
    bucket.put_bucket_referer(BucketReferer(True, []))
    assert player.fetch(url).status_code == 200


def test_a_bucket_tells_where_it_is_and_what_is_in_it(server):
    bucket = client.make_bucket(server, "stat-bucket")
    bucket.put_object("key", b"content")
    client.make_channel(bucket, CHANNEL)
    assert bucket.get_bucket_location().location == "oss-cn-hangzhou"
    stat = bucket.get_bucket_stat()
    assert (stat.storage_size_in_bytes, stat.object_count, stat.multi_part_upload_count) == (7, 1, 0)
    assert bucket.get_bucket_versioning().status is None


def test_what_has_expired_goes_and_a_live_playlist_loses_nothing(server, tmp_path, media):
    bucket = client.make_bucket(server, "expiring", oss2.BUCKET_ACL_PUBLIC_READ)
    # Everything has expired, at once: the live window is what must hold against it.
    tomorrow = datetime.date.today() + datetime.timedelta(days=2)
    expiration = LifecycleExpiration(created_before_date=tomorrow)
    rule = LifecycleRule("all", "camera/", status=LifecycleRule.ENABLED, expiration=expiration)
    bucket.put_bucket_lifecycle(BucketLifecycle([rule]))
    assert bucket.get_bucket_lifecycle().rules[0].expiration.created_before_date == tomorrow
    bucket.put_object("other/key", b"kept")
    play_url = client.make_channel(bucket, CHANNEL, frag_duration=1, frag_count=2).play_url
    with encoder.ffmpeg(media.clip(), client.sign(bucket, CHANNEL), loop=True):
        with player.Watcher(play_url, tmp_path / "segments") as watcher:
            watcher.wait_for_sequence(8)
            # The window, what players listed before it, and one that is about to be listed.
            until(lambda: len(client.segment_keys(bucket, CHANNEL)) <= 6, "the older segments are deleted")
        watcher.assert_sound()
    # Nothing is live any more, so the window has expired as well, and the playlist with it.
    until(lambda: not list(oss2.ObjectIterator(bucket, prefix="camera/")), "everything is deleted")
    assert bucket.object_exists("other/key")
    bucket.delete_bucket_lifecycle()
    with pytest.raises(oss2.exceptions.NoSuchLifecycle):
        bucket.get_bucket_lifecycle()
