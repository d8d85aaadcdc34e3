//! What every backend of [`Catalog`](crate::Catalog) must do, as tests that a backend runs against itself.
//!
//! A fact is a function that is given an empty catalog. [`catalog_conformance!`](crate::catalog_conformance) makes a
//! test of each.
#![allow(missing_docs, reason = "the names of the facts say what they check")]
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a fact fails"
)]

mod model;
mod records;
mod segments;
mod sessions;
mod site;
mod takeover;

pub use model::any_interleaving_keeps_the_promises;
pub use records::*;
pub use segments::*;
pub use sessions::*;
pub use takeover::*;

/// Makes a test of every fact.
///
/// `$make` is a function that returns an empty catalog and whatever must live as long as it; `$cases` is how many random
/// interleavings are tried.
#[macro_export]
macro_rules! catalog_conformance {
    ($make:expr, $cases:expr) => {
        $crate::catalog_conformance! { @facts $make,
            keeps_access_keys
            keeps_the_token_of_a_temporary_key
            deletes_an_access_key_once
            creates_a_bucket_again_for_its_owner_only
            pages_buckets_in_byte_order
            deletes_only_an_empty_bucket
            keeps_documents_until_their_bucket_goes
            replaces_a_channel_whole
            pages_channels_in_byte_order
            tells_a_missing_bucket_from_a_missing_channel
            changes_the_status_while_live
            shows_changes_to_watchers
            refuses_to_replace_or_delete_a_live_channel
            opens_a_session_with_the_playlist_asked_for
            refuses_a_disabled_channel
            refuses_a_second_publisher_while_the_first_sends
            counts_a_session_without_media_from_its_start
            records_a_replaced_session_until_its_last_activity
            closes_a_session_once
            lists_recent_sessions_ascending
            keeps_a_bounded_history
            tells_what_a_node_left_open
            waits_for_endlist_until_marked
            forgets_endlist_when_a_publisher_returns
            waits_for_the_endlist_of_each_playlist
            forgets_the_oldest_of_too_many_left_playlists
            fences_every_write_of_a_replaced_session
            lets_exactly_one_of_many_open
            stays_in_order_while_publishers_fight
            appends_the_very_same_record_once
            refuses_a_segment_out_of_order
            continues_the_position_of_a_channel_created_again
            forgets_positions_with_the_bucket
            finds_segments_between_two_names
            lists_nothing_up_to_a_withdrawn_segment
            lists_nothing_again_that_a_smaller_window_has_left_behind
            accepts_the_repetition_of_a_withdrawn_segment
            withdraws_only_segments
            names_channels_with_segments
            keeps_all_bits_of_a_segment
        }

        #[test]
        fn any_interleaving_keeps_the_promises() {
            $crate::conformance::any_interleaving_keeps_the_promises($cases, $make);
        }
    };
    (@facts $make:expr, $($fact:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                let (catalog, _kept) = ($make)();
                $crate::conformance::$fact(std::sync::Arc::new(catalog)).await;
            }
        )*
    };
}
