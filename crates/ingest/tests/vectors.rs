//! What real encoders sent, and what odd ones would: every file of `tests/vectors`, replayed against the ingest service.
//!
//! A vector says itself what is to become of it. What is recorded is read back from the stored segments by `mpeg2ts`:
//! every picture and every audio frame that was sent is there, once, in order, at its time, unless its test says
//! otherwise. The bytes arrive cut at many places, and nothing may depend on where.
//!
//! To add one: put the file into `tests/vectors`, and a line below.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "vectors/arrival.rs"]
mod arrival;
#[path = "vectors/outcome.rs"]
mod outcome;
#[path = "vectors/replay.rs"]
mod replay;
#[path = "vectors/sent.rs"]
mod sent;
#[path = "vectors/stored.rs"]
mod stored;
mod support;

use outcome::Outcome;

/// `test => file`: everything that was sent is stored and nothing is odd, or the refusal is the one that the file
/// expects. `test => file, |outcome| ..`: the same but for what the closure says of the [`Outcome`].
macro_rules! vectors {
    ($($(#[$doc:meta])* $test:ident => $file:literal $(, $outcome:expr)?;)*) => {
        $(
            $(#[$doc])*
            #[tokio::test]
            async fn $test() {
                let check: fn(&Outcome) = vectors!(@ $($outcome)?);
                replay::check($file, check).await;
            }
        )*

        /// Every file that has a test.
        const TESTED: &[&str] = &[$($file),*];
    };
    (@) => { Outcome::is_faithful };
    (@ $outcome:expr) => { $outcome };
}

vectors! {
    a_type_3_chunk_that_begins_a_message_applies_the_delta_again => "type-3-begins-a-message";
    another_length_inside_a_message_ends_the_connection_with_the_position => "length-changes-inside-a-message", |outcome| {
        outcome.ends_with("announces a message of 900 bytes while one of 1000 is unfinished");
    };
    metadata_that_contradicts_the_media_changes_nothing => "metadata-contradicts-the-media";
}

#[test]
fn every_vector_has_a_test() {
    let mut tested = TESTED.to_vec();
    tested.sort_unstable();
    assert_eq!(
        replay::files(),
        tested,
        "files of tests/vectors, and those that are tested here"
    );
}
