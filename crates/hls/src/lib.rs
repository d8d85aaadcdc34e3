//! From access units to MPEG-TS segments, and playlists as text.
