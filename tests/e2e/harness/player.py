"""What viewers do: read playlists as they change, fetch segments, decode."""

import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import requests

from harness import playlist, process
from harness.awaiting import DEADLINE_S, until

FETCH_TIMEOUT_S = 20
POLL_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Packet:
    """One packet of a track, times in seconds."""

    pts: float
    dts: float
    random_access: bool


def probe(source, *options, env=None):
    """ffprobe's account of a file or URL."""
    command = ["ffprobe", "-v", "error", *options, "-of", "json", "-i", source]
    return json.loads(process.output(command, env=env))


def duration_s(source):
    """How long a file lasts, as ffprobe says."""
    return float(probe(source, "-show_format")["format"]["duration"])


def streams(source, env=None):
    """The tracks by kind, as ffprobe describes them."""
    return {stream["codec_type"]: stream for stream in probe(source, "-show_streams", env=env)["streams"]}


def packets(source, kind):
    """Every packet of the track of `kind`, `video` or `audio`, in order of arrival."""
    found = probe(source, "-select_streams", kind[0], "-show_entries", "packet=pts_time,dts_time,flags")["packets"]
    return [Packet(float(p["pts_time"]), float(p["dts_time"]), p["flags"].startswith("K")) for p in found]


def picture_hashes(source, env=None):
    """A hash of each decoded picture, in order; a complaint of the decoder fails."""
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", source, "-map", "0:v:0", "-vsync", "passthrough", "-f", "framemd5", "-"]
    decoding = process.run(command, env=env, deadline_s=120)
    complaints = decoding.err.text()
    assert decoding.status == 0 and not complaints, f"{source} does not decode cleanly:\n{complaints[-3000:]}"
    return [line.rsplit(",", 1)[1].strip() for line in decoding.out.text().splitlines() if not line.startswith("#")]


def fetch(url, **options):
    return requests.get(url, timeout=FETCH_TIMEOUT_S, **options)


def read_playlist(url):
    """The playlist at `url` now."""
    answer = fetch(url)
    assert answer.status_code == 200, f"{url} answers {answer.status_code}: {answer.text[:500]}"
    return playlist.parse(answer.text)


def wait_for_segments(url, count, deadline_s=DEADLINE_S):
    """Awaits a live playlist whose newest segment is at least the `count`-th of the channel; returns it."""

    def listed():
        answer = fetch(url)
        if answer.status_code != 200:
            return None
        now = playlist.parse(answer.text)
        return now if now.sequence + len(now.entries) >= count else None

    return until(listed, f"{count} segments listed at {url}", deadline_s)


class Watcher:
    """Records every version of a live playlist, and fetches each segment as soon as it is listed.

    `sign` makes an address fetchable; addresses of public buckets stay as they are.
    """

    def __init__(self, url, folder, sign=lambda url: url):
        self.url = url
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.versions = []
        # File of each listed segment by URI.
        self.segments = {}
        self.faults = []
        self._sign = sign
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        """Ends after one last look, so that what the publisher's end left is in the record."""
        self._stop.set()
        self._thread.join(DEADLINE_S)

    def wait_for(self, condition, what, deadline_s=DEADLINE_S):
        """Awaits a version for which `condition` holds and returns it."""
        return until(lambda: next((version for version in self.versions if condition(version)), None), what, deadline_s)

    def wait_for_sequence(self, sequence, deadline_s=DEADLINE_S):
        """Awaits that the segment numbered `sequence` has been listed."""
        return self.wait_for(
            lambda version: version.sequence + len(version.entries) > sequence, f"segment {sequence} listed at {self.url}", deadline_s
        )

    def listed(self):
        """Every segment that was ever listed, by its number."""
        return {entry.sequence: entry for version in self.versions for entry in version.entries}

    def assert_sound(self):
        """Everything listed was readable at once, and nothing a player relies on went backwards."""
        assert not self.faults, "\n".join(self.faults)
        assert self.versions, f"{self.url} never answered"
        playlist.assert_never_backwards(self.versions)
        for uri, path in self.segments.items():
            assert path.stat().st_size > 0 and path.stat().st_size % 188 == 0, f"{uri} is no whole number of TS packets"
            assert "video" in streams(path), f"ffprobe finds no picture in {uri}"

    def _watch(self):
        last = False
        session = requests.Session()
        while True:
            try:
                self._look(session)
            except requests.ConnectionError:
                # A test may stop and start the server meanwhile; what it must serve is asked again.
                session = requests.Session()
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}")
                return
            if last:
                return
            last = self._stop.wait(POLL_INTERVAL_S)

    def _look(self, session):
        answer = session.get(self._sign(self.url), timeout=FETCH_TIMEOUT_S)
        if answer.status_code == 404 and not self.versions:
            return
        if answer.status_code != 200:
            self.faults.append(f"{time.time():.3f} {self.url} answers {answer.status_code}: {answer.text[:300]}")
            return
        if not self.versions or answer.text != self.versions[-1].text:
            self.versions.append(playlist.parse(answer.text))
        for entry in self.versions[-1].entries:
            if entry.uri not in self.segments:
                self._fetch(session, entry.uri)

    def _fetch(self, session, uri):
        answer = session.get(self._sign(urljoin(self.url, uri)), timeout=FETCH_TIMEOUT_S)
        if answer.status_code != 200:
            self.faults.append(f"{time.time():.3f} listed {uri} answers {answer.status_code}: {answer.text[:300]}")
            return
        length = int(answer.headers["Content-Length"])
        if length != len(answer.content):
            self.faults.append(f"listed {uri} announces {length} bytes and brings {len(answer.content)}")
            return
        path = self.folder / re.sub(r"[^0-9A-Za-z.]", "_", uri)
        path.write_bytes(answer.content)
        self.segments[uri] = path
