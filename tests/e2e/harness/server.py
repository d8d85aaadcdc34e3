"""The server under test: the real binary on ports and a data folder of its own."""

import os
import socket
import stat
import threading
from pathlib import Path

from harness import process
from harness.awaiting import DEADLINE_S

ACCESS_KEY_ID = "LTAIendtoendtests"
ACCESS_KEY_SECRET = "e2eSecretKey0123456789abcdef"

# Below the range from which the kernel takes ports for outgoing connections, so that none of those is in the way.
FIRST_PORT = 21000
PORTS_PER_WORKER = 500

_next_port = None
_one_at_a_time = threading.Lock()


def free_port():
    """A port nobody listens on; parallel workers take theirs from ranges of their own."""
    global _next_port
    while True:
        with _one_at_a_time:
            if _next_port is None:
                worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
                _next_port = FIRST_PORT + worker * PORTS_PER_WORKER
            port = _next_port
            _next_port += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def binary():
    """The server's binary; the run's start has built it."""
    return Path(os.environ["ALLUVIUM_TEST_BINARY"])


class Server:
    """One data folder and its two listeners; `start` and `stop` as often as a test needs."""

    def __init__(self, data, domains=(), config=None, faults=None, under=()):
        self.data = Path(data)
        self.http_port = free_port()
        self.rtmp_port = free_port()
        self._domains = domains
        self._config = config
        self._faults = faults
        # What the program is run by, such as `prlimit`.
        self._under = list(under)
        self._process = None
        # What earlier starts have said.
        self.logs = ""

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.running():
            status = self.stop()
            assert kind is not None or status == 0, f"the server ended with {status}:\n{self.logs[-4000:]}"
        if kind is not None:
            print(f"--- server log ---\n{self.logs[-8000:]}")

    def start(self):
        command = [*self._under, binary(), "serve", "--data", self.data]
        for port in (self.http_port, self.rtmp_port):
            command += ["--listen", f"127.0.0.1:{port}"]
        if self._config is not None:
            command += ["--config", self._config]
        faults = {} if self._faults is None else self._faults.environment(self.data)
        self._process = process.Process(command, env={**self.environment(), **faults})
        try:
            self._process.out.wait_for(r"^alluvium ready")
        except AssertionError as error:
            self._process.kill() if self._process.running() else self._process.wait()
            raise AssertionError(f"{error}\nstandard error:\n{self._process.err.text()[-4000:]}") from None
        return self

    def stop(self, deadline_s=DEADLINE_S):
        """Stops as an operator does, by SIGTERM, and returns the exit status."""
        status = self._process.stop(deadline_s=deadline_s)
        self.logs += self._process.out.text() + self._process.err.text()
        return status

    def kill(self):
        """Ends it as a crash does."""
        self._process.kill()
        self.logs += self._process.out.text() + self._process.err.text()

    def restart(self):
        assert self.stop() == 0
        return self.start()

    def verify(self, *what):
        """`alluvium verify` over the data folder of a stopped server; the finished process."""
        assert not self.running(), "a running server holds its data folder"
        return process.run([binary(), "verify", *what], env=self.environment())

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process is not None and self._process.running()

    def wait_for_log(self, pattern, deadline_s=DEADLINE_S):
        """Awaits a line of the running server's log."""
        return self._process.err.wait_for(pattern, deadline_s)

    def log(self):
        """Everything it has said so far, over all its starts."""
        running = self._process.out.text() + self._process.err.text() if self.running() else ""
        return self.logs + running

    def environment(self):
        return {
            "ALLUVIUM_DATA": str(self.data),
            "ALLUVIUM_DOMAINS": ",".join(self._domains),
            "ALLUVIUM_ROOT_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "ALLUVIUM_ROOT_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
            "ALLUVIUM_LOG": os.environ.get("ALLUVIUM_LOG", "info"),
        }

    @property
    def endpoint(self):
        """The HTTP endpoint as a client is told it: an IP, so the clients address by path."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def rtmp_endpoint(self):
        """The same service on the listener that carries RTMP's usual port."""
        return f"http://127.0.0.1:{self.rtmp_port}"


def file_mode(path):
    """The permission bits of a file."""
    return stat.S_IMODE(os.stat(path).st_mode)
