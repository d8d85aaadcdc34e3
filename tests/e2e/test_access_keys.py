"""`alluvium key`: access keys of the data folder, while a server runs on it and before it starts again."""

import re

import oss2
import pytest
from harness import client, encoder, process
from harness.awaiting import until
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, Server
from harness.shell import Shell

FAILED, REFUSED, NOT_FOUND = 1, 3, 4


class FirstStart(Server):
    """A server to which nobody has given an access key."""

    def environment(self):
        given = super().environment()
        return {name: value for name, value in given.items() if not name.startswith("ALLUVIUM_ROOT_")}


@pytest.fixture(scope="module")
def shell(server):
    """Works on the data folder beside the running server."""
    return Shell(ALLUVIUM_DATA=str(server.data), ALLUVIUM_ROOT_ACCESS_KEY_ID=ACCESS_KEY_ID, ALLUVIUM_ROOT_ACCESS_KEY_SECRET=ACCESS_KEY_SECRET)


def statuses(shell):
    return {key["access_key_id"]: key["status"] for key in shell.json("key", "list")}


def test_a_new_key_is_good_at_once_and_of_the_roots_account(shell, server):
    client.make_bucket(server, "shared-bucket")
    key = shell.json("key", "add")
    assert (key["owner"], len(key["access_key_secret"])) == ("root", 40)
    theirs = Shell.of_key(server, key)
    assert "shared-bucket" in [bucket["bucket"] for bucket in theirs.json("bucket", "list")]


def test_the_secret_is_shown_once(shell):
    said = shell.text("key", "add")
    id, secret = (line.split()[-1] for line in said.splitlines()[:2])
    assert said.splitlines()[-1] == "The secret is shown this once."
    listed = shell.text("key", "list")
    assert id in listed and secret not in listed
    assert secret not in shell.text("key", "list", "--json")


def test_a_disabled_key_is_refused_until_it_is_enabled(shell, server):
    key = shell.json("key", "add", "--id", "switched")
    theirs = Shell.of_key(server, key)
    assert shell.text("key", "disable", "switched") == "access key switched is disabled"
    status, error = theirs.refused("bucket", "list")
    assert (status, error["code"]) == (REFUSED, "InvalidAccessKeyId")
    assert statuses(shell)["switched"] == "disabled"
    assert shell.text("key", "enable", "switched") == "access key switched is enabled"
    theirs.text("bucket", "list")
    assert shell.text("key", "remove", "switched") == "access key switched is removed"
    assert theirs.refused("bucket", "list")[1]["code"] == "InvalidAccessKeyId"
    assert "switched" not in statuses(shell)


def test_a_disabled_key_publishes_no_more(shell, server, media):
    client.make_channel(client.make_bucket(server, "published"), "camera")
    theirs = Shell.of_key(server, shell.json("key", "add", "--id", "publisher"))
    url = theirs.text("sign", "publish", "published/camera")
    encoder.ffmpeg(media.clip(), url, seconds=1).finish()
    shell.text("key", "disable", "publisher")
    assert "disabled" in encoder.ffmpeg(media.clip(), url, seconds=1).refusal()


def test_each_account_has_its_own_buckets(shell, server):
    studio = Shell.of_key(server, shell.json("key", "add", "--owner", "studio"))
    other = Shell.of_key(server, shell.json("key", "add", "--owner", "other"))
    studio.text("bucket", "create", "studio-bucket")
    assert [bucket["bucket"] for bucket in studio.json("bucket", "list")] == ["studio-bucket"]
    assert other.json("bucket", "list") == []
    status, error = other.refused("channel", "list", "studio-bucket")
    assert (status, error["code"]) == (REFUSED, "AccessDenied")
    assert other.refused("bucket", "create", "studio-bucket")[1]["code"] == "BucketAlreadyExists"


def test_a_key_that_clients_already_have_is_taken_over(shell, server):
    key = shell.json("key", "add", "--id", "LTAIolder", "--secret-stdin", stdin="older/Secret+1\n")
    assert key["access_key_secret"] == "older/Secret+1"
    oss2.Service(oss2.Auth("LTAIolder", "older/Secret+1"), server.endpoint, connect_timeout=20).list_buckets()
    # Another is not put over it unseen.
    status, error = shell.refused("key", "add", "--id", "LTAIolder")
    assert status == FAILED and "LTAIolder" in error["message"]
    Shell.of_key(server, key).text("bucket", "list")


def test_a_temporary_key_needs_its_token_and_ends(shell, server):
    key = shell.json("key", "add", "--expires", "1h")
    assert Shell.of_key(server, key).json("bucket", "list") is not None
    without = {name: value for name, value in key.items() if name != "security_token"}
    assert Shell.of_key(server, without).refused("bucket", "list")[0] == REFUSED
    client.make_channel(client.make_bucket(server, "temporary"), "camera")
    short = Shell.of_key(server, shell.json("key", "add", "--id", "short", "--expires", "1s"))
    until(lambda: short.call("bucket", "list").returncode == REFUSED, "the end of the key")
    assert short.refused("bucket", "list")[1]["code"] == "SecurityTokenExpired"
    assert statuses(shell)["short"] == "expired"


def test_a_temporary_key_publishes(shell, server, media):
    client.make_channel(client.make_bucket(server, "temporary"), "camera")
    theirs = Shell.of_key(server, shell.json("key", "add", "--expires", "1h"))
    encoder.ffmpeg(media.clip(), theirs.text("sign", "publish", "temporary/camera"), seconds=1).finish()


@pytest.mark.parametrize("action", ["disable", "enable", "remove"])
def test_a_key_that_does_not_exist_is_told_so(shell, action):
    status, error = shell.refused("key", action, "missing")
    assert status == NOT_FOUND and "missing" in error["message"]


def test_a_misspelt_folder_is_an_error_and_not_made(shell, tmp_path):
    status, error = shell.refused("key", "list", "--data", str(tmp_path / "no-data"))
    assert status == FAILED and "no-data" in error["message"]
    assert not (tmp_path / "no-data").exists()


def test_a_disabled_root_key_stays_so_over_a_restart(tmp_path):
    with Server(tmp_path / "data") as server:
        shell = Shell(**server.environment(), ALLUVIUM_ENDPOINT=server.endpoint)
        spare = Shell.of_key(server, shell.json("key", "add"))
        assert [key["root"] for key in shell.json("key", "list") if key["access_key_id"] == ACCESS_KEY_ID] == [True]
        status, error = shell.refused("key", "remove", ACCESS_KEY_ID)
        assert status == FAILED and "root" in error["message"]
        shell.text("key", "disable", ACCESS_KEY_ID)
        server.restart()
        assert shell.refused("bucket", "list")[1]["code"] == "InvalidAccessKeyId"
        spare.text("bucket", "create", "still-works")
        shell.text("key", "enable", ACCESS_KEY_ID)
        assert [bucket["bucket"] for bucket in shell.json("bucket", "list")] == ["still-works"]


def test_what_the_first_start_shows_can_be_pasted(tmp_path, media):
    with FirstStart(tmp_path / "data") as server:
        lines = re.findall(r"^  ((?:export|\S*alluvium\S*) .*)$", server.log(), re.MULTILINE)
        pasted = process.run(["sh", "-ec", "\n".join(lines)])
        assert pasted.status == 0, pasted.err.text()
        url = pasted.out.text().splitlines()[-1]
        encoder.ffmpeg(media.clip(), url, seconds=1).finish()


def test_beside_its_server_the_command_line_needs_no_flags(tmp_path):
    """The folder's own key and the configured address are the defaults."""
    with FirstStart(tmp_path / "data") as server:
        shell = Shell(ALLUVIUM_DATA=str(server.data), ALLUVIUM_LISTEN=f"0.0.0.0:{server.http_port}")
        shell.text("bucket", "create", "mine")
        assert shell.json("bucket", "info", "mine")["endpoint"] == f"127.0.0.1:{server.http_port}"
    nowhere = Shell(ALLUVIUM_DATA=str(tmp_path / "elsewhere"))
    status, error = nowhere.refused("bucket", "list")
    assert status == FAILED and "no access key" in error["message"]
    half = Shell(ALLUVIUM_DATA=str(server.data), ALLUVIUM_ACCESS_KEY_ID="id")
    assert "secret" in half.refused("bucket", "list")[1]["message"]
