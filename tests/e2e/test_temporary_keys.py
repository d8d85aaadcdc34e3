"""Temporary access keys, whose security token goes along, in the vendor's client library."""

import oss2
import pytest
import requests
from harness import client, encoder
from harness.awaiting import until
from harness.shell import Shell

VERSIONS = [oss2.AUTH_VERSION_1, oss2.AUTH_VERSION_2, oss2.AUTH_VERSION_4]


@pytest.fixture(scope="module")
def key(server):
    return Shell(ALLUVIUM_DATA=str(server.data)).json("key", "add", "--expires", "1h")


def auth(key, version, token=None):
    return oss2.StsAuth(key["access_key_id"], key["access_key_secret"], token or key["security_token"], version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_temporary_key_does_what_its_account_may(server, key, version):
    bucket = client.open_bucket(server.endpoint, f"temporary-{version}", auth(key, version))
    bucket.create_bucket()
    bucket.put_object("folder/a key+%", b"content")
    assert bucket.get_object("folder/a key+%").read() == b"content"
    assert requests.get(bucket.sign_url("GET", "folder/a key+%", 600), timeout=20).content == b"content"
    assert [stored.key for stored in bucket.list_objects(prefix="folder/").object_list] == ["folder/a key+%"]
    client.make_channel(bucket, "channel")
    assert bucket.get_live_channel_stat("channel").status == "Idle"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_temporary_key_is_nothing_without_its_token(server, key, version):
    for auth_of, code in [
        (auth(key, version, token="another"), "AccessKeyIdAndSecurityTokenNotMatch"),
        (oss2.StsAuth(client.ACCESS_KEY_ID, client.ACCESS_KEY_SECRET, "needless", version), "InvalidSecurityToken"),
        (oss2.make_auth(key["access_key_id"], key["access_key_secret"], version), "InvalidAccessKeyId"),
    ]:
        with pytest.raises(oss2.exceptions.ServerError) as error:
            client.open_bucket(server.endpoint, "any-bucket", auth_of).get_bucket_acl()
        assert (error.value.status, error.value.code) == (403, code)


def test_a_temporary_key_publishes(server, key, media):
    bucket = client.open_bucket(server.endpoint, "published", auth(key, oss2.AUTH_VERSION_1))
    bucket.create_bucket()
    client.make_channel(bucket, "channel")
    url = client.sign(bucket, "channel")
    assert "security-token" in url
    with encoder.ffmpeg(media.long(), url):
        until(lambda: client.segment_keys(bucket, "channel"), "a segment")
