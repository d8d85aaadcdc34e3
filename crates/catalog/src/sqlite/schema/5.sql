-- Live playlists that wait for their ENDLIST while their channel's publishers use others.
CREATE TABLE left_playlists (
    position      INTEGER NOT NULL,
    playlist_name TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    closed        INTEGER NOT NULL,
    frag_count    INTEGER NOT NULL,
    window_from   INTEGER NOT NULL,
    last_name     INTEGER NOT NULL,
    PRIMARY KEY (position, playlist_name)
) STRICT, WITHOUT ROWID;

CREATE INDEX left_playlists_closed ON left_playlists (closed);
