"""A network between an encoder and the server, which the test can cut."""

import selectors
import socket
import threading

from harness.awaiting import DEADLINE_S
from harness.server import free_port

READ_BYTES = 65536


class Relay:
    """Passes one connection on to the server, until it is cut: then both ends stay open and hear nothing any more."""

    def __init__(self, server_port):
        self.port = free_port()
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._cut = threading.Event()
        self._passes_nothing = threading.Event()
        self._closed_by_server = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._cut.set()
        self._listener.close()
        self._thread.join(DEADLINE_S)

    def cut(self):
        """From now on nothing passes, not even that an end has closed."""
        self._cut.set()
        assert self._passes_nothing.wait(DEADLINE_S)

    def wait_until_server_closes(self, deadline_s=DEADLINE_S):
        assert self._closed_by_server.wait(deadline_s), f"the server keeps the dead connection for {deadline_s:g} s"

    def _run(self):
        encoder, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._server_port))
        with encoder, server, selectors.DefaultSelector() as selector:
            for source, target in ((encoder, server), (server, encoder)):
                selector.register(source, selectors.EVENT_READ, target)
            while not self._cut.is_set():
                for ready, _ in selector.select(0.01):
                    data = ready.fileobj.recv(READ_BYTES)
                    if not data:
                        return
                    ready.data.sendall(data)
            self._passes_nothing.set()
            # What the server says is read and goes nowhere; the encoder's end is left alone.
            server.settimeout(DEADLINE_S)
            try:
                while server.recv(READ_BYTES):
                    pass
            except ConnectionResetError:
                pass
            except TimeoutError:
                return
            self._closed_by_server.set()
