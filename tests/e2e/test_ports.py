"""Every listening port speaks RTMP and HTTP: the client libraries sign RTMP URLs with the HTTP endpoint's port."""

import oss2
import pytest
from harness import client, encoder, player


@pytest.fixture(scope="module")
def endpoints(server):
    return {"http-port": server.endpoint, "rtmp-port": server.rtmp_endpoint}


@pytest.fixture(scope="module")
def play_urls(server, endpoints, media):
    """Publishes to a channel through each port at the same time; the play URL of each, by the port it was pushed to."""
    client.make_bucket(server, "ports", oss2.BUCKET_ACL_PUBLIC_READ)
    urls, pushes = {}, []
    for name, endpoint in endpoints.items():
        bucket = client.open_bucket(endpoint, "ports")
        urls[name] = client.make_channel(bucket, name, frag_count=5).play_url
        pushes.append(encoder.ffmpeg(media.clip(), client.sign(bucket, name), seconds=5))
    for push in pushes:
        push.finish()
    return urls


@pytest.mark.parametrize("name", ["http-port", "rtmp-port"])
def test_the_signed_url_publishes_unchanged_on(name, play_urls):
    playing = player.wait_for_segments(play_urls[name], 3)
    assert playing.duration_s == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("name", ["http-port", "rtmp-port"])
def test_the_play_url_names_the_port_the_request_came_to(name, play_urls, endpoints):
    assert play_urls[name].startswith(f"{endpoints[name]}/ports/")


def test_what_was_pushed_to_one_port_plays_from_the_other(play_urls, endpoints):
    for name, url in play_urls.items():
        player.wait_for_segments(url, 3)
        for endpoint in endpoints.values():
            other = url.replace(endpoints[name], endpoint)
            assert player.fetch(other).text == player.fetch(url).text
            assert "video" in player.streams(other)
