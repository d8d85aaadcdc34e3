"""What the end-to-end tests drive: the real server, real encoders, real players, the vendor's client library.

    server    starts and stops the binary, awaits its ready line, keeps its logs
    faults    lets its disks fail and its clock jump
    encoder   ffmpeg and GStreamer pushing over RTMP
    obs       OBS doing so, without a screen
    relay     the network between an encoder and the server, which a test can cut
    sent      what an encoder sent, out of the relay's bytes
    pushes    an encoder's whole push through the relay, and what is left of it
    units     whether a recording has each access unit that was sent
    media     the files they push, made once per run
    player    reads playlists and media back, as a viewer does
    browser   plays with hls.js in Chromium, from a page of another origin
    client    oss2 with the server's root key

`record.py` beside the tests writes what encoders send to `tests/vectors`.

Nothing here sleeps for a fixed time and hopes: `awaiting.until` and `process.Lines.wait_for` await events under a deadline.
"""
