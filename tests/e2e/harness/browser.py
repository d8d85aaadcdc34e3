"""A browser that plays a stream with hls.js, from a page of an origin of its own."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

from harness import process
from harness.awaiting import DEADLINE_S, until
from harness.server import free_port

E2E = Path(__file__).resolve().parents[1]
FILES = {
    "/player.html": (E2E / "browser" / "player.html", "text/html"),
    "/hls.js": (E2E / "node" / "node_modules" / "hls.js" / "dist" / "hls.min.js", "text/javascript"),
}

CHROMIUM = [
    "chromium",
    "--headless",
    # It runs as root in containers; what it opens is ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--autoplay-policy=no-user-gesture-required",
]


# What hls.js calls it when nothing new is there to be shown yet.
STALLS = ("bufferStalledError", "bufferNudgeOnStall")
# With B-frames the first picture is shown some frames after the first sound, so the player skips the time without one.
START, START_S = "bufferSeekOverHole", 0.5


def is_expected(error):
    return error["details"] in STALLS or (error["details"] == START and error["time_s"] < START_S)


class Page:
    """Where the player's page comes from, and where it reports to."""

    def __init__(self):
        page = self
        self._changed = threading.Condition()
        self._reports = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                known = FILES.get(urlsplit(self.path).path)
                if known is None:
                    self._answer(404, b"", "text/plain")
                else:
                    path, content_type = known
                    self._answer(200, path.read_bytes(), content_type)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                page._add(json.loads(body))
                self._answer(200, b"", "text/plain")

            def log_message(self, *_):
                pass

            def _answer(self, status, body, content_type):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(DEADLINE_S)
        self._server.server_close()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def reports(self, event=None):
        """What the player has said so far."""
        with self._changed:
            return [report for report in self._reports if event in (None, report["event"])]

    def faults(self):
        """The errors that the player has met, but for what a busy machine and B-frames bring with them."""
        return [report for report in self.reports("error") if not is_expected(report)]

    def _add(self, report):
        with self._changed:
            self._reports.append(report)


class Player:
    """Chromium playing one playlist on a page of its own origin, for as long as the `with` lasts."""

    def __init__(self, page, url, folder):
        self.page = page
        self._command = [*CHROMIUM, f"--user-data-dir={folder}", f"{page.origin}/player.html?src={quote(url, safe='')}"]
        self._process = None

    def __enter__(self):
        self._process = process.Process(self._command)
        return self

    def __exit__(self, *_):
        if self._process.running():
            self._process.stop()

    def wait_for(self, event, condition=lambda report: True, deadline_s=DEADLINE_S):
        """Awaits a report of `event` for which `condition` holds, and returns it; a fatal error that is not awaited fails."""

        def reported():
            fatal = [report for report in self.page.reports("error") if report["fatal"]]
            assert event == "error" or not fatal, f"the player gave up: {fatal}"
            assert self._process.running(), f"the browser ended:\n{self._process.err.text()[-3000:]}"
            return next((report for report in self.page.reports(event) if condition(report)), None)

        return until(reported, f"a report of {event}; the last ones: {self.page.reports()[-5:]}", deadline_s)
