"""No secret stands in what the server writes: not in its log, whatever the level, not in its answers, not in its files."""

import re
import socket
from urllib.parse import parse_qs, quote, unquote, urlsplit

import oss2
import pytest
import requests
from harness import client, encoder
from harness.awaiting import until
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, Server
from harness.shell import Shell

BUCKET, CHANNEL = "secret-bucket", "channel"
WRONG = "aWrongSecretThatSomebodyTried0123456789"
# What holds the keys, for the server's own user alone.
CATALOG = "catalog.sqlite"
SIGNING_PARAMETERS = ("Signature", "x-oss-signature", "security-token", "x-oss-security-token")


class Secrets:
    """What must not be found, gathered while it is used."""

    def __init__(self):
        self._texts = {ACCESS_KEY_SECRET, WRONG}

    def add(self, text):
        assert len(text) >= 20, f"{text!r} may be found by chance"
        self._texts.add(text)

    def of_url(self, url):
        """The URL, whose signature is one from now on."""
        query = parse_qs(urlsplit(url).query)
        for name in SIGNING_PARAMETERS:
            for value in query.get(name, ()):
                self.add(value)
        return url

    def session(self):
        """A session for the client library whose signatures are secrets too."""
        secrets = self

        class Session(oss2.Session):
            def do_request(self, req, timeout):
                # `OSS id:signature`, `OSS2 ...,Signature:signature`, `OSS4-HMAC-SHA256 ...,Signature=signature`
                secrets.add(re.split(r"^OSS [^:]*:|Signature[:=]", req.headers["authorization"])[-1])
                return super().do_request(req, timeout)

        return Session()

    def found_in(self, text):
        forms = {form for secret in self._texts for form in (secret, quote(secret, safe=""), secret.replace("+", " "))}
        return [form for form in forms if form.encode() in text]


@pytest.fixture(scope="module")
def secrets():
    return Secrets()


@pytest.fixture(scope="module")
def server(folder, secrets):
    """Says all that it can say, and is asked and told in every way; then it has stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLUVIUM_LOG", "trace")
        with Server(folder / "data", config=config(folder)) as server:
            yield server


def captures(server):
    return [path for path in (server.data / "captures").glob("*") if path.stat().st_size > 0]


def config(folder):
    path = folder / "alluvium.toml"
    path.write_text("[rtmp]\ncapture_refused_mib = 1\n")
    return path


@pytest.fixture(scope="module")
def answers(server, secrets, media):
    """What it answered to requests that were signed well, badly, too late, and with temporary keys."""
    said = []
    temporary = Shell(ALLUVIUM_DATA=str(server.data)).json("key", "add", "--expires", "1h")
    secrets.add(temporary["access_key_secret"])
    secrets.add(temporary["security_token"])
    rights = [client.v1(), client.v2(), client.v4()]
    rights += [
        oss2.StsAuth(temporary["access_key_id"], temporary["access_key_secret"], temporary["security_token"], version)
        for version in (oss2.AUTH_VERSION_1, oss2.AUTH_VERSION_2, oss2.AUTH_VERSION_4)
    ]
    for auth in rights:
        bucket = client.open_bucket(server.endpoint, BUCKET, auth, session=secrets.session())
        bucket.create_bucket()
        client.make_channel(bucket, CHANNEL)
        bucket.put_object("key", b"content")
        said.append(requests.get(secrets.of_url(bucket.sign_url("GET", "key", 600)), timeout=20))
        said.append(requests.get(secrets.of_url(bucket.sign_url("GET", "missing", 600)), timeout=20))
        late = bucket.sign_url("GET", "key", 1)
        # Signed for another verb: refused, with what was expected.
        said.append(requests.put(secrets.of_url(late), data=b"other", timeout=20))
        publish(server, bucket, secrets, media)
    wrong = client.open_bucket(server.endpoint, BUCKET, oss2.Auth(ACCESS_KEY_ID, WRONG))
    said.append(requests.get(wrong.sign_url("GET", "key", 600), timeout=20))
    refuse(secrets.of_url(client.sign(wrong, CHANNEL)), media)
    refuse(secrets.of_url(client.sign(bucket, CHANNEL, lifetime_s=-10)), media)
    refuse(secrets.of_url(client.sign(bucket, "no-such-channel")), media)
    garbage(server, secrets.of_url(client.sign(bucket, CHANNEL)))
    # A push that was accepted leaves one as well, when something was odd in it.
    until(lambda: len(captures(server)) >= 4, "the captures of those that were refused")
    for path in ("/-/healthz", "/-/metrics", "/-/api/v1/live", "/-/console/", "/"):
        said.append(requests.get(server.endpoint + path, timeout=20))
    return said


def publish(server, bucket, secrets, media):
    """Publishes until a segment is listed, and leaves."""
    before = len(client.segment_keys(bucket, CHANNEL))
    with encoder.ffmpeg(media.long(), secrets.of_url(client.sign(bucket, CHANNEL))):
        until(lambda: len(client.segment_keys(bucket, CHANNEL)) > before, "a segment")
    until(lambda: not client.is_live(bucket, CHANNEL), "the end of the publish")


def refuse(url, media):
    encoder.ffmpeg(media.long(), url, seconds=30).refusal()


def garbage(server, url):
    """Sends a handshake, and then a publish URL where a message of 16 MiB is due, which is longer than any may be."""
    header = b"\x03" + b"\x00\x00\x00" + b"\xff\xff\xff" + b"\x09" + b"\x00\x00\x00\x00"
    with socket.create_connection(("127.0.0.1", server.rtmp_port), timeout=20) as peer:
        peer.sendall(b"\x03" + bytes(2 * 1536) + header + url.encode() * 40)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def test_no_answer_holds_a_secret_that_its_asker_did_not_send(answers, secrets):
    for answer in answers:
        url = answer.request.url
        own = secrets.found_in((url + unquote(url)).encode())
        shown = secrets.found_in(answer.content + str(answer.headers).encode())
        assert set(shown) <= set(own), url


def test_no_line_of_the_log_holds_a_secret(answers, server, secrets):
    log = server.log()
    assert "publish began" in log and "publish refused" in log and "DEBUG" in log
    assert secrets.found_in(log.encode()) == []


def test_no_file_but_the_catalog_holds_a_secret(answers, server, secrets):
    assert server.stop() == 0
    assert ACCESS_KEY_SECRET in secrets.found_in((server.data / CATALOG).read_bytes())
    files = [path for path in server.data.rglob("*") if path.is_file() and not path.name.startswith(CATALOG)]
    assert {str(path): found for path in files if (found := secrets.found_in(path.read_bytes()))} == {}


def test_the_data_folder_is_for_its_user_alone(server):
    assert server.data.stat().st_mode & 0o777 == 0o700
