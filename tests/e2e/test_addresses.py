"""How clients address a bucket: as a host name, as the first path element, and in the three forms of RTMP URL."""

import socket
import time

import oss2
import pytest
import requests
from harness import client, encoder, player
from harness.awaiting import until
from harness.server import Server

DOMAIN = "oss.test"


@pytest.fixture(scope="module")
def server(folder):
    """This file's server answers to a domain as well."""
    with Server(folder / "data", domains=[DOMAIN]) as running:
        yield running
    assert running.verify().status == 0


@pytest.fixture
def names(monkeypatch):
    """Lets every name below the domain resolve to this machine, as a wildcard in the DNS does."""
    resolve = socket.getaddrinfo

    def local(host, *rest, **options):
        return resolve("127.0.0.1" if host and str(host).endswith(DOMAIN) else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)


@pytest.fixture(scope="module")
def bucket(server):
    return client.make_bucket(server, "addressed", oss2.BUCKET_ACL_PRIVATE)


def publishes(bucket, channel, media, url, options=()):
    """Pushes until the first segment is stored, which must lie in this bucket and channel."""
    with encoder.ffmpeg(media.long(), url, options=options):
        until(lambda: client.segment_keys(bucket, channel), f"a segment of {channel}")


def query(signed):
    return signed.split("?", 1)[1]


@pytest.mark.parametrize(
    ("channel", "path"), [("plain-form", "live/{channel}"), ("bucket-first", "addressed/live/{channel}"), ("bucket-second", "live/addressed/{channel}")]
)
def test_each_form_of_rtmp_path_publishes(server, bucket, media, channel, path):
    client.make_channel(bucket, channel)
    url = f"rtmp://127.0.0.1:{server.rtmp_port}/{path.format(channel=channel)}?{query(client.sign(bucket, channel))}"
    # The plain form has its bucket in the host name alone, which the encoder repeats in `tcUrl`.
    options = ["-rtmp_tcurl", f"rtmp://addressed.{DOMAIN}:{server.rtmp_port}/live"] if path.startswith("live/{") else []
    publishes(bucket, channel, media, url, options)


@pytest.mark.parametrize("app", ["addressed/live", "live/addressed"])
def test_server_and_stream_key_are_given_apart_as_in_obs(server, bucket, media, app):
    channel = app.replace("/", "-")
    client.make_channel(bucket, channel)
    key = f"{channel}?{query(client.sign(bucket, channel))}"
    publishes(bucket, channel, media, f"rtmp://127.0.0.1:{server.rtmp_port}/{app}", ["-rtmp_app", app, "-rtmp_playpath", key])


def test_the_plain_form_without_a_bucket_is_resolved_by_its_signature_or_refused_in_words(server, bucket, media):
    """Some libraries lose the bucket when the endpoint is an IP."""
    client.make_channel(bucket, "lost")
    url = f"rtmp://127.0.0.1:{server.rtmp_port}/live/lost?{query(client.sign(bucket, 'lost'))}"
    with encoder.ffmpeg(media.long(), url) as push:
        until(lambda: not push.running() or client.segment_keys(bucket, "lost"), "a segment or a refusal")
        if not push.running():
            assert "bucket" in push.refusal().lower()


def test_a_channel_name_in_need_of_escaping_publishes(server, bucket, media):
    channel = "caméra 1"
    client.make_channel(bucket, channel)
    escaped = client.sign(bucket, channel).replace(channel, requests.utils.quote(channel))
    publishes(bucket, channel, media, escaped)


def test_an_ip_endpoint_serves_bucket_object_channel_and_signed_url(server, bucket):
    bucket.put_object("folder/key with space", b"content")
    assert bucket.get_object("folder/key with space").read() == b"content"
    assert requests.get(bucket.sign_url("GET", "folder/key with space", 600), timeout=20).content == b"content"
    assert client.make_channel(bucket, "ip").publish_url == f"rtmp://127.0.0.1:{server.http_port}/addressed/live/ip"


@pytest.mark.parametrize("auth", [client.v1, client.v2, client.v4])
def test_a_bucket_is_addressed_as_a_host_name(server, names, auth):
    bucket = client.open_bucket(f"http://{DOMAIN}:{server.http_port}", f"virtual-{auth.__name__}", auth())
    bucket.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    bucket.put_object("key", b"content")
    assert bucket.get_object("key").read() == b"content"
    made = client.make_channel(bucket, "channel")
    host = f"{bucket.bucket_name}.{DOMAIN}:{server.http_port}"
    assert (made.publish_url, made.play_url) == (f"rtmp://{host}/live/channel", f"http://{host}/channel/playlist.m3u8")
    # The same bucket by path.
    assert client.open_bucket(server.endpoint, bucket.bucket_name).get_object("key").read() == b"content"


def test_the_url_signed_for_a_host_name_publishes(server, names, media):
    bucket = client.open_bucket(f"http://{DOMAIN}:{server.http_port}", "virtual-push")
    bucket.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    client.make_channel(bucket, "channel")
    signed = client.sign(bucket, "channel")
    host = f"virtual-push.{DOMAIN}:{server.http_port}"
    assert signed.startswith(f"rtmp://{host}/live/channel?")
    # The encoder has no DNS of the test's own: it connects by address and says the name, as it would have.
    publishes(bucket, "channel", media, signed.replace(host, f"127.0.0.1:{server.http_port}"), ["-rtmp_tcurl", f"rtmp://{host}/live"])


def test_a_client_that_takes_the_server_for_a_proxy_is_served(server):
    """Absolute-form request targets, as HTTP proxies get them."""
    proxied = client.open_bucket(f"http://{DOMAIN}", "proxied", proxies={"http": server.endpoint})
    proxied.create_bucket(oss2.BUCKET_ACL_PUBLIC_READ)
    proxied.put_object("key", b"content")
    assert proxied.get_object("key").read() == b"content"


def test_an_unlisted_bucket_lists_under_its_endpoint(server, names):
    """oss2's clean-up opens each listed bucket at the endpoint given in the list."""
    endpoint = f"http://{DOMAIN}:{server.http_port}"
    client.open_bucket(endpoint, "listed").create_bucket()
    service = oss2.Service(client.v1(), endpoint, connect_timeout=20)
    found = next(one for one in oss2.BucketIterator(service) if one.name == "listed")
    assert found.extranet_endpoint == f"{DOMAIN}:{server.http_port}"
    again = client.open_bucket(found.extranet_endpoint, "listed")
    again.put_object("key", b"content")
    assert again.get_object("key").read() == b"content"
    assert abs(found.creation_date - time.time()) < 3600


def test_the_live_playlist_of_a_host_name_plays(server, names, media):
    bucket = client.open_bucket(f"http://{DOMAIN}:{server.http_port}", "virtual-play")
    bucket.create_bucket(oss2.BUCKET_ACL_PUBLIC_READ)
    made = client.make_channel(bucket, "channel")
    by_path = f"{server.endpoint}/virtual-play/channel/playlist.m3u8"
    encoder.ffmpeg(media.clip(), f"rtmp://127.0.0.1:{server.http_port}/virtual-play/live/channel?{query(client.sign(bucket, 'channel'))}", seconds=4).finish()
    listed = player.wait_for_segments(by_path, 2)
    assert player.read_playlist(made.play_url).text == listed.text
    for url in listed.urls(made.play_url):
        assert player.fetch(url).status_code == 200
