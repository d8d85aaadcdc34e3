"""Who may publish where, and what the others are told."""

import re

import oss2
import pytest
from harness import client, encoder, player
from harness.awaiting import until


@pytest.fixture(scope="module")
def private(server):
    return client.make_bucket(server, "private", oss2.BUCKET_ACL_PRIVATE)


@pytest.fixture(scope="module")
def public(server):
    return client.make_bucket(server, "public", oss2.BUCKET_ACL_PUBLIC_READ_WRITE)


def refused(media, url, reason):
    """Pushes to `url` and checks that the encoder is told `reason`."""
    words = encoder.ffmpeg(media.long(), url, seconds=30).refusal()
    assert re.search(reason, words, re.IGNORECASE), f"{words!r} does not say {reason!r}"


def accepted(media, bucket, channel, url):
    """Pushes to `url` until a segment is listed."""
    with encoder.ffmpeg(media.long(), url):
        until(lambda: client.segment_keys(bucket, channel), f"a segment of {channel}")


def test_an_unsigned_url_publishes_to_a_public_read_write_bucket(public, media):
    accepted(media, public, "open", client.make_channel(public, "open").publish_url)


def test_a_url_signed_without_a_playlist_name_publishes(private, media):
    client.make_channel(private, "plain")
    accepted(media, private, "plain", client.sign(private, "plain", playlist_name=""))


def test_the_playlist_name_in_the_signed_url_overrides_the_channels(private, media):
    client.make_channel(private, "named", playlist_name="configured.m3u8")
    accepted(media, private, "named", client.sign(private, "named", playlist_name="other.m3u8"))
    until(lambda: private.object_exists("named/other.m3u8"), "the playlist of the URL's name")
    assert not private.object_exists("named/configured.m3u8")


def without_bucket(url):
    """The URL as some libraries make it for an IP address."""
    return re.sub(r"^(rtmp://[^/]*)/[^/]*/live/", r"\1/live/", url)


def test_a_url_that_lost_its_bucket_publishes_where_it_was_signed_for(private, public, media):
    for bucket in (public, private):
        client.make_channel(bucket, "lost")
    accepted(media, private, "lost", without_bucket(client.sign(private, "lost")))
    assert not client.segment_keys(public, "lost")


def test_an_unsigned_url_that_lost_its_bucket_is_refused(public, media):
    url = client.make_channel(public, "guessed").publish_url
    refused(media, without_bucket(url), "names no bucket")


@pytest.mark.parametrize("acl", [oss2.BUCKET_ACL_PRIVATE, oss2.BUCKET_ACL_PUBLIC_READ])
def test_an_unsigned_url_is_refused_elsewhere(server, media, acl):
    bucket = client.make_bucket(server, f"unsigned-{acl}", acl)
    refused(media, client.make_channel(bucket, "channel").publish_url, "sign|denied|anonymous")


@pytest.mark.parametrize("acl", [oss2.BUCKET_ACL_PRIVATE, oss2.BUCKET_ACL_PUBLIC_READ_WRITE])
def test_a_wrong_signature_is_refused(server, media, acl):
    bucket = client.make_bucket(server, f"forged-{acl}", acl)
    client.make_channel(bucket, "channel")
    forger = client.open_bucket(server.endpoint, bucket.bucket_name, oss2.Auth(client.ACCESS_KEY_ID, "not-the-secret"))
    refused(media, client.sign(forger, "channel"), "signature")


def test_a_signature_for_another_channel_is_refused(private, media):
    client.make_channel(private, "mine")
    client.make_channel(private, "yours")
    refused(media, client.sign(private, "mine").replace("/mine?", "/yours?"), "signature")


def test_an_unknown_access_key_is_refused(server, private, media):
    client.make_channel(private, "stranger")
    stranger = client.open_bucket(server.endpoint, "private", oss2.Auth("LTAInobody", "secret"))
    refused(media, client.sign(stranger, "stranger"), "access ?key")


def test_an_expired_url_is_refused(private, media):
    client.make_channel(private, "late")
    refused(media, client.sign(private, "late", lifetime_s=-10), "expired")


def test_an_unknown_channel_is_refused(private, media):
    refused(media, client.sign(private, "nowhere"), "channel.*(not exist|unknown)")


def test_an_unknown_bucket_is_refused(server, media):
    refused(media, client.sign(client.open_bucket(server.endpoint, "no-such-bucket"), "channel"), "bucket.*(not exist|unknown)")


def test_a_disabled_channel_is_refused(private, media):
    client.make_channel(private, "off", status="disabled")
    refused(media, client.sign(private, "off"), "disabled")
    assert private.get_live_channel_stat("off").status == "Disabled"


def test_a_second_publisher_is_refused_and_the_first_goes_on(private, media):
    client.make_channel(private, "busy")
    url = client.sign(private, "busy")
    with encoder.ffmpeg(media.long(), url) as first:
        until(lambda: client.segment_keys(private, "busy"), "the first one's segment")
        before = private.get_live_channel_stat("busy")
        refused(media, url, "already|another|busy|being published|publisher")
        after = private.get_live_channel_stat("busy")
        assert (after.status, after.remote_addr, after.connected_time) == ("Live", before.remote_addr, before.connected_time)
        stored = len(client.segment_keys(private, "busy"))
        until(lambda: len(client.segment_keys(private, "busy")) > stored, "the first one's next segment")
        assert first.running()


def test_a_live_channel_can_be_neither_replaced_nor_deleted(private, media):
    client.make_channel(private, "kept")
    with encoder.ffmpeg(media.long(), client.sign(private, "kept")):
        until(lambda: client.is_live(private, "kept"), "the channel is live")
        for change in (lambda: client.make_channel(private, "kept"), lambda: private.delete_live_channel("kept")):
            with pytest.raises(oss2.exceptions.ServerError) as error:
                change()
            assert (error.value.status, error.value.code) == (409, "ChannelStillLive")


def test_disabling_a_live_channel_ends_its_publisher_and_keeps_what_was_sent(private, media):
    client.make_channel(private, "cut")
    push = encoder.ffmpeg(media.long(), client.sign(private, "cut"))
    until(lambda: client.segment_keys(private, "cut"), "a segment")
    private.put_live_channel_status("cut", "disabled")
    assert push.wait(deadline_s=20) != 0
    assert private.get_live_channel_stat("cut").status == "Disabled"
    newest = until(lambda: private.get_live_channel_history("cut").records, "the publish in the history")
    assert len(newest) == 1
    listed = player.read_playlist(private.sign_url("GET", "cut/playlist.m3u8", 600, slash_safe=True))
    assert [f"cut/{entry.uri}" for entry in listed.entries] == client.segment_keys(private, "cut")[-3:]


def test_an_expiry_during_the_push_does_not_cut_it(private, media):
    client.make_channel(private, "brief")
    with encoder.ffmpeg(media.long(), client.sign(private, "brief", lifetime_s=3)) as push:
        until(lambda: len(client.segment_keys(private, "brief")) >= 3, "media from after the expiry")
        assert push.running()
