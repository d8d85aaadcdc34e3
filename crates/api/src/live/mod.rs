//! Operations on live channels (contract, 1): one file each. All of them are for the bucket's owner only.

mod channel;
pub(crate) mod delete_live_channel;
pub(crate) mod get_live_channel_history;
pub(crate) mod get_live_channel_info;
pub(crate) mod get_live_channel_stat;
pub(crate) mod get_vod_playlist;
pub(crate) mod list_live_channel;
pub(crate) mod post_vod_playlist;
pub(crate) mod put_live_channel;
pub(crate) mod put_live_channel_status;
mod vod;
