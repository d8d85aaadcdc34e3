"""What an encoder sent over RTMP, read from the bytes of its connection (RTMP 1.0, section 5.3)."""

import struct
from dataclasses import dataclass, field

# C0 and C1, then C2.
HANDSHAKE_BYTES = 1 + 1536 + 1536
SET_CHUNK_SIZE, AUDIO, VIDEO, DATA, COMMAND = 1, 8, 9, 18, 20
EXTENDED = 0xFFFFFF


@dataclass
class Message:
    """One message, and where each piece of it lies in the bytes of the connection."""

    kind: int
    timestamp_ms: int
    payload: bytes
    # Offset and length of each piece.
    pieces: list


@dataclass
class Lane:
    """What a chunk stream's next header may leave out."""

    timestamp_ms: int = 0
    delta_ms: int = 0
    length: int = 0
    kind: int = 0
    extended: bool = False
    payload: bytearray = field(default_factory=bytearray)
    pieces: list = field(default_factory=list)


def messages(data):
    """Every whole message; what the connection's end cut short is left out."""
    found, lanes, chunk_size, at = [], {}, 128, HANDSHAKE_BYTES
    try:
        while at < len(data):
            form, csid = data[at] >> 6, data[at] & 0x3F
            at += 1
            if csid == 0:
                csid, at = 64 + data[at], at + 1
            elif csid == 1:
                csid, at = 64 + int.from_bytes(data[at : at + 2], "little"), at + 2
            assert form == 0 or csid in lanes, f"chunk stream {csid} begins with a header of form {form}, at {at}"
            lane = lanes.setdefault(csid, Lane())
            begins = not lane.payload
            time = lane.delta_ms
            if form < 3:
                time = int.from_bytes(data[at : at + 3], "big")
                lane.extended = time == EXTENDED
            if form < 2:
                lane.length, lane.kind = int.from_bytes(data[at + 3 : at + 6], "big"), data[at + 6]
            at += (11, 7, 3, 0)[form]
            if lane.extended:
                (time,) = struct.unpack_from(">I", data, at)
                at += 4
            if begins:
                if form == 0:
                    lane.timestamp_ms = lane.delta_ms = time
                elif form < 3 or not lane.extended:
                    lane.delta_ms = time
                    lane.timestamp_ms += time
            length = min(chunk_size, lane.length - len(lane.payload))
            if at + length > len(data):
                break
            lane.payload += data[at : at + length]
            lane.pieces.append((at, length))
            at += length
            if len(lane.payload) < lane.length:
                continue
            message = Message(lane.kind, lane.timestamp_ms & 0xFFFFFFFF, bytes(lane.payload), lane.pieces)
            lane.payload, lane.pieces = bytearray(), []
            if message.kind == SET_CHUNK_SIZE:
                (chunk_size,) = struct.unpack(">I", message.payload)
            found.append(message)
    except (IndexError, struct.error):
        # The last header was cut short.
        pass
    return found


def write_flv(data, path):
    """Writes the audio and video of a connection as an FLV file, for other readers; `None` when it has brought none.

    The file's times begin at zero and do not wrap.
    """
    media = [message for message in messages(data) if message.kind in (AUDIO, VIDEO) and message.payload]
    if not media:
        return None
    times = unwrapped([message.timestamp_ms for message in media])
    with open(path, "wb") as flv:
        flv.write(b"FLV\x01\x05\x00\x00\x00\x09" + bytes(4))
        for message, time in zip(media, times):
            head = bytes([message.kind]) + len(message.payload).to_bytes(3, "big")
            head += (time & 0xFFFFFF).to_bytes(3, "big") + bytes([time >> 24]) + bytes(3)
            flv.write(head + message.payload + struct.pack(">I", len(head) + len(message.payload)))
    return path


def unwrapped(times_ms):
    """The same times without a wrap, the earliest at zero; ffmpeg and OBS use 31 of the 32 bits."""
    times = times_ms[:1]
    for time in times_ms[1:]:
        times.append(times[-1] + (time - times[-1] + (1 << 30)) % (1 << 31) - (1 << 30))
    return [time - min(times) for time in times]
