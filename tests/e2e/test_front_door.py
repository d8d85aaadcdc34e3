"""Starting for the first time, trying it out, and the names that scripts rely on."""

import re
import signal

import oss2
import pytest
import requests
from harness import client, player, process
from harness.awaiting import until
from harness.server import binary, file_mode, free_port

FLAGS = ("--config", "--data", "--listen")
VARIABLES = (
    "ALLUVIUM_CONFIG",
    "ALLUVIUM_DATA",
    "ALLUVIUM_LISTEN",
    "ALLUVIUM_DOMAINS",
    "ALLUVIUM_ROOT_ACCESS_KEY_ID",
    "ALLUVIUM_ROOT_ACCESS_KEY_SECRET",
    "ALLUVIUM_LOG",
)


@pytest.fixture
def start():
    """Starts the binary on a port of its own, without any configured key; everything started is ended."""
    started = []

    def run(*arguments, env=None):
        port = free_port()
        running = process.Process([binary(), *arguments, "--listen", f"127.0.0.1:{port}"], env=env)
        started.append(running)
        return running, port

    yield run
    for running in started:
        if running.running():
            running.kill()


def shown(words):
    """The access key in what the server says at its first start."""
    found = [re.search(rf"access key {part}\s+(\S+)", words) for part in ("id", "secret")]
    assert all(found), f"no access key in:\n{words}"
    return [match.group(1) for match in found]


def test_the_first_start_makes_a_key_shows_it_once_and_keeps_it_private(start, tmp_path):
    data = tmp_path / "data"
    first, port = start("serve", "--data", str(data))
    first.out.wait_for("^alluvium ready")
    assert first.stop() == 0
    id, secret = shown(first.out.text() + first.err.text())

    holding = [path for path in data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert holding, "the secret is not kept"
    assert {oct(file_mode(path)) for path in holding} == {"0o600"}

    second, port = start("serve", "--data", str(data))
    second.out.wait_for("^alluvium ready")
    service = oss2.Service(oss2.Auth(id, secret), f"http://127.0.0.1:{port}", connect_timeout=20)
    assert service.list_buckets().buckets == []
    assert second.stop() == 0
    assert secret not in second.out.text() + second.err.text()


def test_no_subcommand_is_serve(start, tmp_path):
    running, port = start("--data", str(tmp_path / "data"))
    running.out.wait_for("^alluvium ready")
    assert requests.get(f"http://127.0.0.1:{port}/-/healthz", timeout=20).status_code == 200
    assert running.stop() == 0


def test_a_flag_wins_over_the_environment_and_that_over_the_file(start, tmp_path):
    data = {name: tmp_path / name for name in ("file", "environment", "flag")}
    config = tmp_path / "alluvium.toml"
    config.write_text(f'data = "{data["file"]}"\n')
    cases = [
        ("file", [], {}),
        ("environment", [], {"ALLUVIUM_DATA": str(data["environment"])}),
        ("flag", ["--data", str(data["flag"])], {"ALLUVIUM_DATA": str(data["environment"])}),
    ]
    for used, arguments, env in cases:
        before = {name for name, path in data.items() if path.exists()}
        running, _ = start("serve", "--config", str(config), *arguments, env=env)
        running.out.wait_for("^alluvium ready")
        assert running.stop() == 0
        assert {name for name, path in data.items() if path.exists()} == before | {used}


def test_health_and_readiness_answer_200(server):
    for path in ("/-/healthz", "/-/readyz"):
        for endpoint in (server.endpoint, server.rtmp_endpoint):
            assert requests.get(endpoint + path, timeout=20).status_code == 200


def test_help_names_every_flag_and_variable():
    text = process.output([binary(), "--help"])
    missing = [name for name in (*FLAGS, *VARIABLES) if name not in text]
    assert not missing, f"{missing} not in:\n{text}"


def test_help_names_the_subcommands():
    text = process.output([binary(), "--help"])
    assert all(re.search(rf"^\s+{name}\b", text, re.MULTILINE) for name in ("serve", "demo", "verify")), text


def test_the_demo_plays_and_ends_on_sigterm(start, tmp_path):
    demo, port = start("demo", "--data", str(tmp_path / "data"))
    url = demo.out.wait_for(r"(http://\S+\.m3u8)").group(1)
    player.wait_for_segments(url, 2)
    kinds = player.streams(url)
    assert kinds["video"]["codec_name"] == "h264"
    assert demo.stop(signal.SIGTERM) == 0
