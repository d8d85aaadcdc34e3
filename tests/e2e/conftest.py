"""Builds the server once, and gives each file of tests a server, a folder of media and a folder to write to."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.faults import Faults, build as build_faults
from harness.media import Library
from harness.server import Server

REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_configure(config):
    # The workers of a parallel run inherit the path from here.
    if not hasattr(config, "workerinput") and "ALLUVIUM_TEST_BINARY" not in os.environ and not config.option.collectonly:
        os.environ["ALLUVIUM_TEST_BINARY"] = build()


def build():
    """Builds the dev profile and returns where cargo put the binary."""
    command = ["cargo", "build", "--locked", "-p", "alluvium-server", "--bin", "alluvium", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        raise pytest.UsageError("the server does not build")
    messages = map(json.loads, built.stdout.splitlines())
    return next(message["executable"] for message in messages if message.get("executable"))


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """The media files of this run, shared by parallel workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "media"
    folder.mkdir(exist_ok=True)
    return Library(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, request):
    """A folder for what the tests of one file leave."""
    return tmp_path_factory.mktemp(request.module.__name__)


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory):
    """The library that stands between a server and its disk and clock."""
    return build_faults(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def faults(fault_library, tmp_path):
    """What a server that is started with it suffers: nothing, until the test says so."""
    return Faults(fault_library, tmp_path)


@pytest.fixture(scope="module")
def server(folder):
    """A running server of this file's own; whatever its tests did, `alluvium verify` must find nothing wrong afterwards."""
    with Server(folder / "data") as running:
        yield running
    check = running.verify()
    assert check.status == 0, f"verify finds faults:\n{check.out.text()}{check.err.text()}"
