"""HLS media playlists as a strict reader takes them (RFC 8216)."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

HEAD_TAGS = ("#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-PLAYLIST-TYPE")

# Each EXTINF value is rounded to a millisecond, and a date that is less than a picture off is not written.
DATE_ERROR_S = 0.05


@dataclass(frozen=True)
class Entry:
    """One listed segment."""

    uri: str
    duration_s: float
    sequence: int
    # Number of discontinuities before this segment since the channel began.
    discontinuity_sequence: int
    discontinuity: bool
    # Unix time in seconds; None where the playlist gives none.
    program_date_time: float | None


@dataclass(frozen=True)
class Playlist:
    """One version of a playlist."""

    text: str
    target_duration_s: int
    sequence: int
    discontinuity_sequence: int
    ended: bool
    entries: tuple

    @property
    def duration_s(self):
        return sum(entry.duration_s for entry in self.entries)

    @property
    def discontinuities(self):
        return sum(entry.discontinuity for entry in self.entries)

    def dates(self):
        """Unix time in seconds of each dated segment by number; an entry without a date begins where the one before it ends."""
        dates, at = {}, None
        for entry in self.entries:
            if entry.program_date_time is not None:
                at = entry.program_date_time
            if at is not None:
                dates[entry.sequence] = at
                at += entry.duration_s
        return dates

    def urls(self, base):
        return [urljoin(base, entry.uri) for entry in self.entries]


def parse(text):
    """Reads a media playlist; a line that is not understood fails."""
    lines = text.splitlines()
    assert lines and lines[0] == "#EXTM3U", f"not a playlist: {text[:200]!r}"
    head = {}
    entries = []
    ended = False
    duration = None
    discontinuity = False
    date_time = None
    for line in lines[1:]:
        name, _, value = line.partition(":")
        assert not ended, f"{line!r} after the end of the list"
        if name in HEAD_TAGS:
            assert name not in head and not entries, f"{name} is misplaced in:\n{text}"
            head[name] = value
        elif name == "#EXTINF":
            assert re.fullmatch(r"\d+\.\d{3},", value), f"EXTINF with {value!r}"
            duration = float(value[:-1])
        elif name == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            date_time = datetime.fromisoformat(value).timestamp()
        elif name == "#EXT-X-ENDLIST":
            ended = True
        else:
            assert not line.startswith("#EXT"), f"unknown tag {line!r}"
            if not line or line.startswith("#"):
                continue
            assert duration is not None, f"{line!r} without EXTINF"
            sequence = int(head.get("#EXT-X-MEDIA-SEQUENCE", 0)) + len(entries)
            before = entries[-1].discontinuity_sequence if entries else int(head.get("#EXT-X-DISCONTINUITY-SEQUENCE", 0))
            entries.append(Entry(line, duration, sequence, before + discontinuity, discontinuity, date_time))
            duration, discontinuity, date_time = None, False, None
    target = int(head["#EXT-X-TARGETDURATION"])
    for entry in entries:
        assert round(entry.duration_s) <= target, f"{entry.uri} lasts longer than TARGETDURATION {target}"
    return Playlist(
        text=text,
        target_duration_s=target,
        sequence=int(head.get("#EXT-X-MEDIA-SEQUENCE", 0)),
        discontinuity_sequence=int(head.get("#EXT-X-DISCONTINUITY-SEQUENCE", 0)),
        ended=ended,
        entries=tuple(entries),
    )


def assert_never_backwards(versions):
    """What a player may rely on from one version of a live playlist to the next."""
    for before, after in zip(versions, versions[1:]):
        where = f"from:\n{before.text}\nto:\n{after.text}"
        assert after.sequence >= before.sequence, f"the media sequence went back, {where}"
        assert after.discontinuity_sequence >= before.discontinuity_sequence, f"the discontinuity sequence went back, {where}"
        known = {entry.sequence: entry for entry in before.entries}
        for entry in after.entries:
            old = known.get(entry.sequence)
            if old is not None:
                assert (entry.uri, entry.duration_s, entry.discontinuity) == (old.uri, old.duration_s, old.discontinuity), f"a listed segment changed, {where}"
                assert entry.discontinuity_sequence == old.discontinuity_sequence, f"a segment's discontinuity number changed, {where}"
        last_before = before.entries[-1].sequence if before.entries else -1
        last_after = after.entries[-1].sequence if after.entries else -1
        assert last_after >= last_before, f"the newest segment went away, {where}"
    dates, written = {}, {}
    for version in versions:
        for sequence, at in version.dates().items():
            known = dates.setdefault(sequence, at)
            assert abs(known - at) < DATE_ERROR_S, f"segment {sequence} moved from {known} to {at}"
        written.update((entry.sequence, entry.program_date_time) for entry in version.entries if entry.program_date_time is not None)
    ordered = [written[sequence] for sequence in sorted(written)]
    assert ordered == sorted(ordered), f"PROGRAM-DATE-TIME goes back: {ordered}"
