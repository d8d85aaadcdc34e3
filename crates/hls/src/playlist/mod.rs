//! Media playlists as text: RFC 8216.

mod entry;
mod live_window;
mod media_playlist;
mod references;

pub use entry::Entry;
pub use live_window::LiveWindow;
pub use media_playlist::MediaPlaylist;
pub use references::References;
