//! One task per publisher: socket to durable, listed segment.
