//! Message types (specification 5.4, 7.1) and what is common to their payloads.

pub(crate) mod message_type {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW_ACKNOWLEDGEMENT_SIZE: u8 = 5;
    pub(crate) const SET_PEER_BANDWIDTH: u8 = 6;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA_AMF3: u8 = 15;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const DATA_AMF0: u8 = 18;
    pub(crate) const COMMAND_AMF0: u8 = 20;
    pub(crate) const AGGREGATE: u8 = 22;

    pub(crate) fn is_control(type_id: u8) -> bool {
        (SET_CHUNK_SIZE..=SET_PEER_BANDWIDTH).contains(&type_id)
    }

    pub(crate) fn is_command(type_id: u8) -> bool {
        matches!(type_id, COMMAND_AMF0 | COMMAND_AMF3)
    }

    pub(crate) fn is_known(type_id: u8) -> bool {
        is_control(type_id)
            || is_command(type_id)
            || matches!(type_id, AUDIO | VIDEO | DATA_AMF0 | DATA_AMF3 | AGGREGATE)
    }
}

/// User control events (specification 7.1.7).
pub(crate) mod user_control {
    pub(crate) const STREAM_BEGIN: u16 = 0;
    pub(crate) const PING_REQUEST: u16 = 6;
    pub(crate) const PING_RESPONSE: u16 = 7;
}

/// The AMF0 values of a command or data message.
///
/// The AMF3 forms (15 and 17) carry AMF0 behind a leading 0; some encoders forget the 0. None begins with a number, so
/// the two cannot be confused.
pub(crate) fn amf0_body(type_id: u8, payload: &[u8]) -> &[u8] {
    match (type_id, payload) {
        (message_type::DATA_AMF3 | message_type::COMMAND_AMF3, [0, body @ ..]) => body,
        _ => payload,
    }
}

/// The first four bytes, big-endian.
pub(crate) fn u32_of(payload: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(payload.first_chunk().copied()?))
}
