"""The vendor's client library with the server's root key."""

import oss2
from oss2.models import LiveChannelInfo, LiveChannelInfoTarget

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET

REGION = "cn-hangzhou"
URL_LIFETIME_S = 3600


def v1():
    return oss2.Auth(ACCESS_KEY_ID, ACCESS_KEY_SECRET)


def v2():
    return oss2.AuthV2(ACCESS_KEY_ID, ACCESS_KEY_SECRET)


def v4():
    return oss2.AuthV4(ACCESS_KEY_ID, ACCESS_KEY_SECRET)


def anonymous():
    return oss2.AnonymousAuth()


def open_bucket(endpoint, name, auth=None, **options):
    """A handle on a bucket; nothing is sent."""
    return oss2.Bucket(auth or v1(), endpoint, name, region=REGION, connect_timeout=20, **options)


def make_bucket(server, name, acl=oss2.BUCKET_ACL_PRIVATE):
    bucket = open_bucket(server.endpoint, name)
    bucket.create_bucket(acl)
    return bucket


def make_channel(bucket, name, frag_duration=2, frag_count=3, playlist_name="playlist.m3u8", status="enabled"):
    """Creates or replaces a channel; the result carries its publish and play URL."""
    target = LiveChannelInfoTarget(frag_duration=frag_duration, frag_count=frag_count, playlist_name=playlist_name)
    return bucket.create_live_channel(name, LiveChannelInfo(status=status, target=target))


def sign(bucket, channel, playlist_name="playlist.m3u8", lifetime_s=URL_LIFETIME_S):
    """The signed RTMP URL, made by the client library alone."""
    return bucket.sign_rtmp_url(channel, playlist_name, lifetime_s)


def is_live(bucket, channel):
    return bucket.get_live_channel_stat(channel).status == "Live"


def segment_keys(bucket, channel):
    """Keys of the channel's stored segments, ascending."""
    objects = oss2.ObjectIterator(bucket, prefix=f"{channel}/")
    return [stored.key for stored in objects if stored.key.endswith(".ts")]
