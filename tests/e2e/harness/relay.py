"""A network between an encoder and the server: it keeps what both say, and the test can cut it."""

import contextlib
import selectors
import socket
import struct
import threading

from harness.awaiting import DEADLINE_S, until
from harness.server import free_port

READ_BYTES = 65536
# More than any test pushes; what comes beyond it passes and is not kept.
KEPT_BYTES_MAX = 64 << 20


class Relay:
    """Passes each connection on to the server, until the test cuts or drops it."""

    def __init__(self, server_port):
        self.port = free_port()
        self.connections = []
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # Wakes the thread as well, which closing does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)
        self._listener.close()
        for connection in self.connections:
            connection.end()

    def through(self, url, server_port):
        """The same RTMP URL, by way of this relay."""
        return url.replace(f":{server_port}/", f":{self.port}/", 1)

    def newest(self):
        """The connection that was made last, which must have been made by now or soon."""
        return until(lambda: self.connections and self.connections[-1], "a connection through the relay")

    def cut(self):
        """From now on nothing passes, not even that an end has closed; both ends stay open."""
        self.newest().cut()

    def wait_until_server_closes(self, deadline_s=DEADLINE_S):
        self.newest().wait_until_server_closes(deadline_s)

    def drop(self):
        """Resets both ends of the newest connection."""
        self.newest().drop()

    def lose(self):
        """Resets the encoder's end; the server hears nothing of it, as when a network is gone."""
        self.newest().lose()

    def _accept(self):
        while True:
            try:
                encoder, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            for end in (encoder, server):
                # What was passed on waits for no acknowledgement here: a reset would take it along.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(Connection(encoder, server))


class Connection:
    """One connection of an encoder, what it has sent and what it was told."""

    def __init__(self, encoder, server):
        self.sent = bytearray()
        self.told = bytearray()
        self._encoder = encoder
        self._server = server
        self._stop = threading.Event()
        self._passes_nothing = threading.Event()
        self._closed_by_server = threading.Event()
        # What the thread does with the two ends once nothing passes any more.
        self._afterwards = contextlib.nullcontext
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        self._stop_passing(self._listen_to_server)

    def drop(self):
        self._stop_passing(lambda: (reset(self._encoder), reset(self._server)))

    def lose(self):
        def afterwards():
            reset(self._encoder)
            self._listen_to_server()

        self._stop_passing(afterwards)

    def wait_until_server_closes(self, deadline_s=DEADLINE_S):
        assert self._closed_by_server.wait(deadline_s), f"the server keeps the dead connection for {deadline_s:g} s"

    def end(self):
        self._stop.set()
        for end in (self._encoder, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)

    def _stop_passing(self, afterwards):
        self._afterwards = afterwards
        self._stop.set()
        assert self._passes_nothing.wait(DEADLINE_S)

    def _run(self):
        with self._encoder, self._server:
            # An end that is gone without a word ends the connection as one that says so.
            with contextlib.suppress(OSError):
                self._pass()
            self._passes_nothing.set()
            self._afterwards()

    def _pass(self):
        with selectors.DefaultSelector() as selector:
            for source, target in ((self._encoder, self._server), (self._server, self._encoder)):
                selector.register(source, selectors.EVENT_READ, target)
            while not self._stop.is_set():
                for ready, _ in selector.select(0.01):
                    data = ready.fileobj.recv(READ_BYTES)
                    if ready.fileobj is self._encoder:
                        self.sent += data[: KEPT_BYTES_MAX - len(self.sent)]
                    else:
                        self.told += data[: KEPT_BYTES_MAX - len(self.told)]
                    if not data:
                        # The other end may have something to say yet.
                        ready.data.shutdown(socket.SHUT_WR)
                        selector.unregister(ready.fileobj)
                    else:
                        ready.data.sendall(data)
                if not selector.get_map():
                    return

    def _listen_to_server(self):
        """What the server says is read and goes nowhere."""
        self._server.settimeout(DEADLINE_S)
        try:
            while self._server.recv(READ_BYTES):
                pass
        except ConnectionResetError:
            pass
        except OSError:
            return
        self._closed_by_server.set()


def reset(end):
    """Closes a socket so that the peer gets a reset."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
