"""Mistakes of operators and nonsense from peers: a clear error that names the cause, and nothing stored is harmed."""

import os
import re
import socket

import oss2
import pytest
import requests
from harness import client, process
from harness.awaiting import until
from harness.server import Server, binary, free_port

# Made by openssl's client; up to and including the first extensions, which is more than the server may want to see.
CLIENT_HELLO = bytes.fromhex(
    "16030100c4010000c00303" + "5a" * 32 + "20" + "a5" * 32 + "0006130213031301" + "01000071"
    "000b000403000102000a000c000a001d0017001e00190018002300000016000000170000000d001e001c"
    "040305030603080708080809080a080b080408050806040105010601002b0003020304002d00020101003300260024001d0020" + "11" * 32
)  # fmt: skip


# What is taken by somebody else is said to be.
IN_USE = "in use|another (process|program)"


def start_and_fail(data, *arguments, config=None, env=None):
    """Runs `alluvium serve` with a mistake in it; what it says on standard error."""
    command = [binary(), "serve", "--data", data, *arguments]
    if config is not None:
        command += ["--config", config]
    failed = process.run(command, env={"ALLUVIUM_ROOT_ACCESS_KEY_ID": "LTAIx", "ALLUVIUM_ROOT_ACCESS_KEY_SECRET": "x", **(env or {})})
    assert failed.status != 0
    assert "alluvium ready" not in failed.out.text()
    said = failed.err.text()
    assert "panicked" not in said, said
    return said


def listen():
    return ["--listen", f"127.0.0.1:{free_port()}"]


def test_an_unknown_configuration_key_is_named_with_its_line_and_the_nearest_key(tmp_path):
    config = tmp_path / "alluvium.toml"
    config.write_text('# A typing error on line 3.\n\nlisten_ = ["127.0.0.1:1"]\n')
    said = start_and_fail(tmp_path / "data", config=config)
    assert "listen_" in said and "line 3" in said and "`listen`" in said, said


def test_a_configuration_that_is_no_toml_is_named_with_its_line(tmp_path):
    config = tmp_path / "alluvium.toml"
    config.write_text('listen = ["127.0.0.1:1"]\nlisten\n')
    said = start_and_fail(tmp_path / "data", config=config)
    assert "alluvium.toml" in said and "line 2" in said, said


def test_a_missing_configuration_file_is_named(tmp_path):
    said = start_and_fail(tmp_path / "data", config=tmp_path / "absent.toml")
    assert "absent.toml" in said, said


def test_a_value_that_is_no_address_is_named(tmp_path):
    said = start_and_fail(tmp_path / "data", "--listen", "nonsense")
    assert "nonsense" in said, said


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    # Below a regular file: not even root can make a folder there.
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    said = start_and_fail(obstacle / "data", *listen())
    assert str(obstacle / "data") in said, said


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = start_and_fail(tmp_path / "data", "--listen", address)
    assert address in said and re.search(IN_USE, said), said


def test_a_data_folder_in_use_by_another_server_is_named(tmp_path):
    with Server(tmp_path / "data") as first:
        said = start_and_fail(tmp_path / "data", *listen())
        assert str(tmp_path / "data") in said and re.search(IN_USE, said), said
        assert requests.get(f"{first.endpoint}/-/healthz", timeout=20).status_code == 200


@pytest.fixture(scope="module")
def bucket(server):
    """A bucket with an object and a channel, which must be as they are after each nonsense."""
    made = client.make_bucket(server, "sturdy", oss2.BUCKET_ACL_PRIVATE)
    made.put_object("object", b"content")
    client.make_channel(made, "channel", frag_duration=3)
    return made


@pytest.fixture(autouse=True)
def unharmed(request):
    """After a test with the running server: it answers, and what is stored is what was stored."""
    yield
    if "bucket" in request.fixturenames:
        kept = request.getfixturevalue("bucket")
        assert kept.get_object("object").read() == b"content"
        assert kept.get_live_channel("channel").target.frag_duration == "3"


@pytest.mark.parametrize(
    "body",
    [
        "<LiveChannelConfiguration><Target>",
        "not xml at all",
        "<?xml version='1.0'?><Other/>",
        "",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><LiveChannelConfiguration><Description>&b;</Description></LiveChannelConfiguration>',
        "<a>" * 20000,
    ],
    ids=["unfinished", "text", "another-root", "empty", "entities", "nested"],
)
def test_a_broken_body_is_refused_and_changes_nothing(bucket, body):
    with pytest.raises(oss2.exceptions.ServerError) as error:
        # The library's own way to send a request it has no method for.
        bucket._Bucket__do_object("PUT", "channel", data=body, params={"live": ""})
    assert error.value.status == 400
    assert error.value.code in ("MalformedXML", "InvalidArgument"), error.value


def test_a_body_past_the_limit_is_refused(bucket):
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket._Bucket__do_object("PUT", "channel", data=b" " * (1 << 20), params={"live": ""})
    assert error.value.status in (400, 413)


def exchange(port, data):
    """Sends bytes, and reads until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(data)
        answer = b""
        try:
            while chunk := peer.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize("port", ["http_port", "rtmp_port"])
def test_rtmp_nonsense_ends_that_connection_only(server, bucket, port):
    handshake = b"\x03" + bytes(1536)
    # After a right handshake: a type-3 header on a chunk stream that has had no other.
    for data in (b"\x03" + os.urandom(4000), handshake + bytes(1536) + b"\xc5" + os.urandom(4000)):
        exchange(getattr(server, port), data)
    server.wait_for_log("does not speak RTMP")


@pytest.mark.parametrize("port", ["http_port", "rtmp_port"])
def test_a_tls_client_hello_is_closed_with_a_word_in_the_log(server, bucket, port):
    exchange(getattr(server, port), CLIENT_HELLO)
    server.wait_for_log("TLS")


@pytest.mark.parametrize("port", ["http_port", "rtmp_port"])
@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03", b"\xff" * 2000, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"GET\r\n\r\n"], ids=["zero", "ff", "ssh", "half-http"])
def test_other_protocols_are_closed(server, bucket, port, data):
    answer = exchange(getattr(server, port), data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_silent_connection_is_closed_in_time(server, bucket):
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=60) as peer:
        assert until(lambda: peer.recv(1) == b"", "the close", deadline_s=60)


def test_secrets_never_reach_the_log(server, bucket):
    forged = bucket.sign_url("GET", "object", 600, slash_safe=True)
    requests.get(forged, timeout=20)
    requests.get(forged.replace("Signature=", "Signature=x"), timeout=20)
    assert client.ACCESS_KEY_SECRET not in server.log()
