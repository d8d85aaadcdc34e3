-- Times are milliseconds since 1970. Unsigned 64-bit values are stored as the signed integer of the same bits.

CREATE TABLE access_keys (
    id      TEXT NOT NULL PRIMARY KEY,
    secret  TEXT NOT NULL,
    owner   TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE buckets (
    name    TEXT NOT NULL PRIMARY KEY,
    owner   TEXT NOT NULL,
    acl     TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
    bucket          TEXT NOT NULL,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    status          TEXT NOT NULL,
    frag_duration_s INTEGER NOT NULL,
    frag_count      INTEGER NOT NULL,
    playlist_name   TEXT NOT NULL,
    modified        INTEGER NOT NULL,
    PRIMARY KEY (bucket, name)
) STRICT, WITHOUT ROWID;

-- Where a channel's recording stands; outlives the channel. Without a bucket it is waiting to be swept away.
CREATE TABLE positions (
    id                          INTEGER PRIMARY KEY,
    bucket                      TEXT,
    channel                     TEXT NOT NULL,
    epoch                       INTEGER NOT NULL,
    next_sequence               INTEGER NOT NULL,
    listable_from               INTEGER NOT NULL,
    last_name                   INTEGER,
    last_discontinuity_sequence INTEGER,
    last_ends                   INTEGER,
    -- 0 never published, 1 open, 2 closed, 3 ended; the columns below belong to the newest session.
    publish                     INTEGER NOT NULL CHECK (publish BETWEEN 0 AND 3),
    session                     INTEGER,
    node                        TEXT,
    remote_addr                 TEXT,
    started                     INTEGER,
    media_end                   INTEGER,
    closed                      INTEGER,
    playlist_name               TEXT,
    frag_count                  INTEGER,
    UNIQUE (bucket, channel)
) STRICT;

CREATE INDEX positions_open ON positions (node) WHERE publish = 1;
CREATE INDEX positions_closed ON positions (closed) WHERE publish = 2;

-- Ended sessions.
CREATE TABLE sessions (
    position    INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    session     INTEGER NOT NULL,
    started     INTEGER NOT NULL,
    ended       INTEGER NOT NULL,
    remote_addr TEXT NOT NULL,
    PRIMARY KEY (position, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE segments (
    position               INTEGER NOT NULL,
    name                   INTEGER NOT NULL,
    session                INTEGER NOT NULL,
    sequence               INTEGER NOT NULL,
    discontinuity_sequence INTEGER NOT NULL,
    discontinuity          INTEGER NOT NULL,
    program_date_time      INTEGER NOT NULL,
    duration               INTEGER NOT NULL,
    length                 INTEGER NOT NULL,
    crc64                  INTEGER NOT NULL,
    PRIMARY KEY (position, name)
) STRICT, WITHOUT ROWID;
