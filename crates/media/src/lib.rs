//! From RTMP media payloads to access units on one clean timeline.
