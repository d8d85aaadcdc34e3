"""More peers than there is room for, and peers that keep to no rule; who publishes beside them must not notice."""

import re
import socket
import subprocess
import time
from contextlib import ExitStack

import oss2
import pytest
import requests
from harness import client, encoder, player
from harness.awaiting import until
from harness.pictures import Source
from harness.server import Server
from test_bad_input import CLIENT_HELLO, exchange

CHANNEL = "camera"
PUSH_S = 12
# Room for (400 - 256) / 2 connections.
DESCRIPTORS, ROOM = 400, 72


def connect(server):
    return socket.create_connection(("127.0.0.1", server.http_port), timeout=60)


def answers(server):
    try:
        return requests.get(f"{server.endpoint}/-/healthz", timeout=60).status_code == 200
    except requests.ConnectionError:
        return False


def lines(text, pattern):
    return [line for line in text.splitlines() if re.search(pattern, line)]


def test_with_few_descriptors_fewer_are_let_in_and_a_publisher_loses_nothing(tmp_path, media):
    path = media.brisk(PUSH_S)
    source = Source(path)
    with Server(tmp_path / "data", under=["prlimit", f"--nofile=64:{DESCRIPTORS}"]) as server:
        said = server.wait_for_log("fewer connections").string
        assert f"allowed={ROOM}" in said and "ulimit -n" in said and "rtmp.connections_max" in said, said
        bucket = client.make_bucket(server, "hostile", oss2.BUCKET_ACL_PUBLIC_READ)
        play_url = client.make_channel(bucket, CHANNEL, frag_duration=1).play_url
        push = encoder.ffmpeg(path, client.sign(bucket, CHANNEL))
        with player.Watcher(play_url, tmp_path / "segments") as watcher:
            watcher.wait_for_sequence(1)
            # Twice as many as there is room for, and as long as the push lasts: the server cuts them off, others come.
            with ExitStack() as peers:
                while push.running():
                    peers.pop_all().close()
                    for _ in range(2 * ROOM):
                        peers.enter_context(connect(server))
                    time.sleep(0.5)
            push.finish()
            assert "the limit of open files" in server.wait_for_log("turned away").string
            until(lambda: answers(server), "an answer once the others are gone")
            until(lambda: not client.is_live(bucket, CHANNEL), "all that was published is listed")
        watcher.assert_sound()
        paths = [watcher.segments[entry.uri] for _, entry in sorted(watcher.listed().items())]
        assert source.runs(paths) == [(0, source.count - 1)]
        assert not lines(server.log(), "ERROR|event=")


def test_without_a_descriptor_nobody_is_let_in_until_there_is_one(tmp_path):
    with Server(tmp_path / "data") as server, ExitStack() as peers:
        assert answers(server)

        def allow(count):
            subprocess.run(["prlimit", f"--pid={server.pid}", f"--nofile={count}:"], check=True)

        allow(8)
        waiting = peers.enter_context(connect(server))
        waiting.sendall(b"GET /-/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        said = server.wait_for_log("no connection can be accepted").string
        assert "no_descriptors" in said and "LimitNOFILE" in said, said
        # It is tried again and again, and told a few times: neither the log nor the processor is filled.
        time.sleep(2)
        assert len(lines(server.log(), "no connection can be accepted")) <= 10
        allow(1024)
        assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert answers(server)


@pytest.fixture(scope="module")
def bucket(server):
    made = client.make_bucket(server, "sturdy", oss2.BUCKET_ACL_PUBLIC_READ_WRITE)
    made.put_object("object", b"0123456789")
    return made


def ask(server, head, body=b""):
    """Everything that comes for a request, as it stands."""
    return exchange(server.http_port, b"\r\n".join([*head, b"host: 127.0.0.1", b"connection: close", b"", b""]) + body).decode()


def test_a_flood_of_tls_is_told_a_few_times_and_says_what_to_do(server, bucket):
    for _ in range(40):
        exchange(server.rtmp_port, CLIENT_HELLO)
    told = lines(server.log(), "TLS")
    assert 1 <= len(told) <= 20, told
    assert "plain HTTP and RTMP" in told[0] and "rtmp://" in told[0], told[0]


@pytest.mark.parametrize(
    "head, status, code",
    [
        ([b"GET /sturdy/object HTTP/1.1"] + [b"x: y"] * 5000, 431, None),
        ([b"GET /sturdy/object?" + b"&".join(b"p%d" % n for n in range(5000)) + b" HTTP/1.1"], 400, "InvalidArgument"),
        ([b"GET /sturdy/" + b"k" * 1024 + b" HTTP/1.1"], 400, "InvalidObjectName"),
        ([b"GET /sturdy/" + b"k" * 70000 + b" HTTP/1.1"], 414, None),
        ([b"GET /sturdy/object HTTP/1.1", b"host: sturdy.oss.example"], 400, "InvalidArgument"),
        ([b"BREW /sturdy/object HTTP/1.1"], 405, "MethodNotAllowed"),
        ([b"GET /sturdy/object HTTP/1.1", b"authorization: " + b"OSS " * 10000], 400, "InvalidArgument"),
        ([b"PUT /sturdy/large HTTP/1.1", b"content-length: 99999999999"], 400, "EntityTooLarge"),
    ],
    ids=["headers", "parameters", "a long key", "a long target", "two hosts", "an unknown method", "a long claim", "a long body"],
)
def test_a_request_past_a_bound_is_answered_in_words(server, bucket, head, status, code):
    answer = ask(server, head)
    assert re.match(r"HTTP/1.1 (431|414) " if code is None else f"HTTP/1.1 {status} ", answer), answer[:200]
    assert code is None or f"<Code>{code}</Code>" in answer, answer


def test_thousands_of_ranges_are_the_whole_object_once(server, bucket):
    ranges = b",".join(b"%d-" % (n % 10) for n in range(8000))
    answer = ask(server, [b"GET /sturdy/object HTTP/1.1", b"range: bytes=" + ranges])
    assert answer.startswith("HTTP/1.1 200 ") and answer.count("0123456789") == 1, answer


def test_a_body_without_an_end_is_cut_off_at_its_bound(server, bucket):
    with connect(server) as peer:
        peer.sendall(b"PUT /sturdy?cors HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n")
        claim = client.v1()
        request = oss2.http.Request("PUT", f"{server.endpoint}/sturdy", params={"cors": ""})
        claim._sign_request(request, "sturdy", "")
        for name in ("date", "authorization"):
            peer.sendall(f"{name}: {request.headers[name]}\r\n".encode())
        peer.sendall(b"\r\n")
        sent = 0
        try:
            for _ in range(10_000):
                peer.sendall(b"400\r\n" + b" " * 0x400 + b"\r\n")
                sent += 0x400
        except (ConnectionResetError, BrokenPipeError):
            pass
        # The rest is in the system's buffers on both sides.
        assert sent < 10_000 * 0x400, "all of it was taken"
    assert answers(server)


def test_a_body_is_asked_for_only_of_those_who_may_send_it(server, bucket):
    private = client.make_bucket(server, "closed", oss2.BUCKET_ACL_PRIVATE)
    for path, begins in [(b"/closed/key", b"HTTP/1.1 403 "), (b"/sturdy/key", b"HTTP/1.1 100 ")]:
        with connect(server) as peer:
            head = b"host: 127.0.0.1\r\ncontent-length: 3\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
            peer.sendall(b"PUT " + path + b" HTTP/1.1\r\n" + head)
            assert peer.recv(13) == begins
    assert not private.object_exists("key")
