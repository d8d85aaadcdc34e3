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
    ffmpeg_is_told_what_its_url_lacks => "ffmpeg-5.1-publish", |outcome| {
        outcome.told("Signature");
        assert!(outcome.stored.segments.is_empty());
    };
    ffmpeg_repeats_extended_timestamps_after_16777215_ms => "ffmpeg-5.1-first-extended-timestamp", |outcome| {
        // It comes before the first picture.
        outcome.is_complete_but(0..1, 0);
        outcome.is_presented_as_sent();
    };
    gstreamer_publishes => "gstreamer-1.22-rtmp2sink-publish";
    librtmp_publishes => "librtmp-2.4-publish";
    extended_timestamps_that_are_not_repeated_are_understood => "extended-timestamps-not-repeated";
    audio_inside_a_video_message_is_delivered => "audio-inside-a-video-message";
    chunks_of_one_byte_are_put_together => "chunks-of-one-byte";
    the_largest_chunk_size_means_whole_messages => "chunks-of-2147483647-bytes";
    a_chunk_size_of_0_ends_the_connection_in_words => "chunks-of-no-bytes", |outcome| {
        outcome.ends_with("chunk size 0 is not within");
    };
    a_window_of_0_is_ignored => "window-of-no-bytes";
    bytes_that_are_lost_end_the_connection_with_the_position => "bytes-lost", |outcome| {
        let error = outcome.sent.error.expect("no error").to_string();
        assert!(error.contains(", at byte "), "{error}");
        outcome.told(&error);
    };
    unknown_message_types_are_skipped_and_counted => "unknown-message-types", |outcome| {
        outcome.faults(&[
            ("rtmp: message type 7", 1),
            ("rtmp: message type 16", 1),
            ("rtmp: message type 19", 1),
            ("rtmp: message type 23", 1),
            ("rtmp: message type 255", 1),
        ]);
        outcome.pictures_but(&[]);
        outcome.frames_but(&[]);
        outcome.times_are_kept();
    };
    a_publish_needs_no_other_commands => "publish-without-other-commands";
    unknown_commands_are_answered_and_change_nothing => "unknown-commands";
    commands_and_metadata_in_amf3_messages_are_understood => "commands-in-amf3-messages";
    odd_amf0_never_ends_the_session => "odd-amf0", |outcome| {
        assert!(outcome.sent.faults.keys().all(|name| name.contains("data message")), "{:?}", outcome.sent.faults);
        outcome.pictures_but(&[]);
        outcome.frames_but(&[]);
        outcome.times_are_kept();
    };
    a_publish_without_a_name_is_refused_and_closed => "publish-without-a-name", |outcome| {
        outcome.told("publish carries no stream name");
    };
    a_publish_before_connect_is_refused_and_closed => "publish-before-connect", |outcome| {
        outcome.told("publish needs connect first");
    };
    a_connect_without_an_object_is_rejected_and_closed => "connect-without-an-object", |outcome| {
        outcome.told("connect carries no command object");
    };
    a_publish_to_an_unknown_bucket_is_refused_and_closed => "publish-to-an-unknown-bucket", |outcome| {
        outcome.told("does not exist");
        assert!(outcome.stored.segments.is_empty());
    };
    seek_and_pause_are_refused_and_the_publish_goes_on => "seek-and-pause-while-publishing", |outcome| {
        outcome.is_faithful();
        outcome.told("NetStream.Play.Failed");
    };
    h265_by_fourcc_ends_the_publish_in_words => "h265-by-fourcc", is_refused_for_its_video;
    h265_by_codec_id_ends_the_publish_in_words => "h265-by-codec-id", is_refused_for_its_video;
    an_unknown_fourcc_ends_the_publish_in_words => "unknown-fourcc", is_refused_for_its_video;
    mp3_is_discarded_and_counted_and_the_video_lives_on => "mp3-beside-h264", is_recorded_without_audio;
    speex_is_discarded_and_counted_and_the_video_lives_on => "speex-beside-h264", is_recorded_without_audio;
    opus_is_discarded_and_counted_and_the_video_lives_on => "opus-beside-h264", is_recorded_without_audio;
    an_empty_first_sequence_header_is_ignored => "empty-first-sequence-header";
    sequence_headers_that_repeat_change_nothing => "sequence-header-again-and-again";
    metadata_that_contradicts_the_media_changes_nothing => "metadata-contradicts-the-media";
    nal_units_behind_lengths_of_one_byte_are_read => "nal-lengths-of-one-byte";
    nal_units_behind_lengths_of_two_bytes_are_read => "nal-lengths-of-two-bytes";
    annex_b_inside_flv_is_read => "annex-b-inside-flv";
    exactly_one_delimiter_begins_each_picture_wherever_others_stood => "delimiters-in-any-place";
    several_slices_sei_and_filler_come_out_clean => "several-slices-sei-and-filler", |outcome| {
        // It comes before the first picture.
        outcome.is_complete_but(0..1, 0);
        outcome.is_presented_as_sent();
    };
    an_open_gop_is_recorded_as_it_is => "open-gop";
    negative_composition_times_keep_the_order_of_presentation => "negative-composition-times", |outcome| {
        outcome.is_complete_but(0..0, 0);
        outcome.is_presented_as_sent();
    };
    irregular_keyframes_cut_at_the_first_after_frag_duration => "keyframes-irregular", |outcome| {
        outcome.is_faithful();
        outcome.lasts(&[2_600, 3_400, 5_000, 3_015]);
    };
    keyframes_8_3_s_apart_end_each_segment_and_nothing_else => "keyframes-8.3-s-apart", |outcome| {
        outcome.is_faithful();
        outcome.lasts(&[8_300, 8_300, 8_300, 40]);
    };
    keyframes_25_s_apart_end_each_segment_and_nothing_else => "keyframes-25-s-apart", |outcome| {
        outcome.is_faithful();
        outcome.lasts(&[25_000, 25_000, 10_000]);
    };
    without_another_keyframe_a_cut_is_forced_without_a_discontinuity => "no-keyframe-after-the-first", |outcome| {
        outcome.is_faithful();
        outcome.lasts(&[60_000, 60_000, 30_000]);
    };
    another_size_by_a_new_sequence_header_is_a_discontinuity => "another-size-by-a-new-sequence-header", |outcome| {
        outcome.is_complete_but(0..0, 1);
        assert_eq!(outcome.stored.sets.len(), 2);
        outcome.times_are_kept();
    };
    another_size_by_sets_in_band_is_a_discontinuity => "another-size-by-sets-in-band", |outcome| {
        outcome.is_complete_but(0..0, 1);
        assert_eq!(outcome.stored.sets.len(), 2);
        outcome.times_are_kept();
    };
    another_frame_rate_is_kept_exactly => "another-frame-rate";
    high_4_2_2_is_carried_as_it_is => "high-4-2-2";
    aac_of_every_rate_is_carried => "aac-of-every-rate", |outcome| {
        outcome.is_complete_but(0..0, 13);
        // The escaped rate of 44,000 Hz has the index of the range that holds it.
        let rates = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350, 44_100,
        ];
        assert_eq!(outcome.stored.layouts, rates.map(|rate| (rate, 2)));
        outcome.times_are_kept();
    };
    aac_of_every_channel_layout_is_carried => "aac-of-every-channel-layout", |outcome| {
        outcome.is_complete_but(0..0, 6);
        assert_eq!(outcome.stored.layouts, [1, 2, 3, 4, 5, 6, 7].map(|channels| (48_000, channels)));
        outcome.times_are_kept();
    };
    he_aac_is_carried_however_it_is_signalled => "he-aac-in-every-signalling", |outcome| {
        outcome.is_complete_but(0..0, 4);
        // The headers tell of the core, which stays.
        assert_eq!(outcome.stored.layouts, [(24_000, 1)]);
        outcome.times_are_kept();
    };
    another_audio_configuration_waits_for_the_next_keyframe => "another-audio-configuration", |outcome| {
        // From 3 s to 4 s.
        outcome.is_complete_but(140..184, 1);
        assert_eq!(outcome.stored.layouts, [(48_000, 2), (44_100, 2)]);
    };
    adts_inside_flv_is_not_doubled => "adts-inside-flv";
    video_without_audio_is_recorded => "video-only", |outcome| {
        outcome.is_faithful();
        assert_eq!(outcome.stored.tables, [(0, 1)]);
    };
    announced_audio_that_never_comes_holds_nothing_up => "announced-audio-that-never-comes", |outcome| {
        outcome.is_faithful();
        assert_eq!(outcome.stored.tables, [(0, 1)]);
    };
    audio_that_starts_10_s_late_comes_in_with_a_discontinuity => "audio-that-starts-10-s-late", |outcome| {
        // Up to the next keyframe.
        outcome.is_complete_but(0..47, 1);
        assert_eq!(outcome.stored.tables, [(0, 1), (1, 2)]);
        outcome.is_presented_as_sent();
    };
    clocks_hours_apart_become_one_timeline => "clocks-hours-apart", |outcome| {
        outcome.faults(&[("starts_apart", 1)]);
        outcome.pictures_but(&[]);
        outcome.frames_but(&[]);
        outcome.rises();
    };
    a_clock_may_begin_anywhere => "clock-that-does-not-begin-at-zero";
    a_picture_stamped_hours_away_is_placed_between_its_neighbours => "a-picture-stamped-hours-away", |outcome| {
        outcome.restamps(("outlier", 1));
    };
    a_picture_that_goes_back_20_ms_is_restamped => "a-picture-that-goes-back-20-ms", |outcome| {
        outcome.restamps(("restamped", 1));
    };
    a_picture_that_goes_back_200_ms_is_restamped => "a-picture-that-goes-back-200-ms", |outcome| {
        outcome.restamps(("restamped", 1));
    };
    two_pictures_at_one_time_are_told_apart => "two-pictures-at-one-time", |outcome| {
        outcome.restamps(("restamped", 1));
    };
    a_clock_that_jumps_forward_for_good_begins_a_timeline => "clock-that-jumps-forward", |outcome| {
        outcome.jumps();
    };
    a_clock_that_jumps_back_for_good_begins_a_timeline => "clock-that-jumps-back", |outcome| {
        outcome.jumps();
    };
    a_clock_that_jumps_between_keyframes_begins_a_timeline_at_the_next => "clock-that-jumps-between-keyframes", |outcome| {
        outcome.faults(&[("jump", 2)]);
        // From 4.4 s to the keyframe at 5 s.
        outcome.pictures_but(&(110..125).collect::<Vec<_>>());
        outcome.frames_but(&(207..235).collect::<Vec<_>>());
        outcome.rises();
        assert_eq!(outcome.discontinuities(), 1);
    };
    a_clock_that_begins_again_begins_a_timeline => "clock-that-begins-again", |outcome| {
        outcome.jumps();
    };
    extended_timestamps_leave_no_seam => "clock-over-extended-timestamps";
    the_wrap_of_33_bits_leaves_no_seam => "clock-over-33-bits";
    the_wrap_of_32_bits_leaves_no_seam => "clock-over-32-bits";

    // Encoders as they were recorded by `tests/e2e/record.py`.
    ffmpeg_is_recorded_whole => "ffmpeg-5.1-plain";
    parameter_sets_and_delimiters_of_a_ts_stay_in_band => "ffmpeg-5.1-copy-from-ts";
    a_publish_without_metadata_is_recorded_whole => "ffmpeg-5.1-no-metadata";
    a_key_with_a_query_of_escapes_finds_its_channel => "ffmpeg-5.1-query-in-key";
    an_open_gop_is_recorded_whole => "ffmpeg-5.1-open-gop";
    slices_of_a_picture_stay_together => "ffmpeg-5.1-slices-and-delimiters";
    extended_timestamps_begin_in_mid_stream => "ffmpeg-5.1-extended-timestamps";
    times_that_begin_below_zero_leave_no_seam => "ffmpeg-5.1-times-below-zero";
    a_clock_of_31_bits_wraps_without_a_seam => "ffmpeg-5.1-wrap-of-31-bits";
    pictures_at_irregular_times_keep_them => "ffmpeg-5.1-variable-frame-rate";
    another_picture_size_in_band_begins_behind_a_discontinuity => "ffmpeg-5.1-size-changes-in-band", |outcome| {
        outcome.faults(&[("restamped", 1)]);
        outcome.pictures_but(&[]);
        outcome.frames_but(&[]);
        assert_eq!(outcome.discontinuities(), 1);
    };
    ten_bits_a_sample_are_carried => "ffmpeg-5.1-high-10-bit";
    unreduced_chroma_is_carried => "ffmpeg-5.1-high-4-4-4";
    video_alone_is_recorded => "ffmpeg-5.1-video-alone";
    audio_that_begins_a_little_late_is_recorded_whole => "ffmpeg-5.1-late-audio";
    mp3_is_counted_and_the_video_recorded => "ffmpeg-5.1-mp3", |outcome| {
        outcome.faults(&[("audio_codec", 116)]);
        outcome.pictures_but(&[]);
        outcome.times_are_kept();
    };
    video_other_than_h264_is_refused_in_words => "ffmpeg-5.1-sorenson", |outcome| {
        outcome.told("only H.264 can be recorded");
    };
    he_aac_is_recorded_whole => "ffmpeg-5.1-he-aac";
    he_aac_v2_is_recorded_whole => "ffmpeg-5.1-he-aac-v2";
    long_frames_are_recorded_from_the_first_picture_on => "ffmpeg-5.1-audio-8-khz-mono", |outcome| {
        outcome.faults(&[]);
        outcome.pictures_but(&[]);
        outcome.frames_but(&[0]);
    };
    six_channels_are_recorded_whole => "ffmpeg-5.1-audio-5-1";
    a_player_is_refused_in_words => "ffmpeg-5.1-play", |outcome| {
        outcome.told("this server takes streams over RTMP, and gives none");
    };
    rtmp2sink_is_recorded_whole => "gstreamer-1.22-rtmp2sink";
    late_audio_of_gstreamer_is_recorded_whole => "gstreamer-1.22-late-audio";
    parameter_sets_before_each_keyframe_change_nothing => "gstreamer-1.22-parameter-sets-in-band";
    librtmp_is_recorded_whole => "librtmp-2.4-rtmpsink";
    obs_with_its_own_choice_of_keyframes_is_recorded_whole => "obs-29.0-auto-keyframes";
    obs_with_a_query_in_its_key_finds_its_channel => "obs-29.0-query-in-key";
}

fn is_refused_for_its_video(outcome: &Outcome) {
    outcome.told("only H.264 can be recorded");
    assert!(
        outcome.sent.faults.contains_key("video_codec"),
        "{:?}",
        outcome.sent.faults
    );
    assert!(outcome.stored.segments.is_empty());
}

fn is_recorded_without_audio(outcome: &Outcome) {
    let kinds: Vec<_> = outcome.sent.faults.keys().collect();
    assert_eq!(kinds, ["audio_codec"]);
    outcome.pictures_but(&[]);
    outcome.times_are_kept();
    assert_eq!((outcome.stored.audio.len(), outcome.discontinuities()), (0, 0));
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
