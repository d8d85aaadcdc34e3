/// When the peer is to be told how much has come (specification 5.4.3, 5.4.4).
#[derive(Debug)]
pub(crate) struct Acknowledgement {
    window_bytes: u32,
    /// What the peer has been told last.
    acknowledged: u64,
}

impl Acknowledgement {
    pub(crate) fn new() -> Self {
        Acknowledgement {
            window_bytes: WINDOW_BYTES_DEFAULT,
            acknowledged: 0,
        }
    }

    /// Window Acknowledgement Size; 0 is ignored.
    pub(crate) fn set_window(&mut self, bytes: u32) {
        if bytes > 0 {
            self.window_bytes = bytes;
        }
    }

    /// The sequence number to send now, if one is due: the bytes received, wrapping after 4 GiB.
    pub(crate) fn due(&mut self, received: u64) -> Option<u32> {
        if received - self.acknowledged < u64::from(self.window_bytes) {
            return None;
        }
        self.acknowledged = received;
        Some(received as u32)
    }
}

/// What both sides assume until told otherwise; also what a publisher is offered. Encoders announce the same.
pub(crate) const WINDOW_BYTES_DEFAULT: u32 = 2_500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_from_the_start_with_the_default_window() {
        let mut acknowledgement = Acknowledgement::new();
        assert_eq!(acknowledgement.due(2_499_999), None);
        assert_eq!(acknowledgement.due(2_500_001), Some(2_500_001));
        assert_eq!(acknowledgement.due(5_000_000), None);
        assert_eq!(acknowledgement.due(5_000_001), Some(5_000_001));
    }

    #[test]
    fn window_zero_is_ignored_and_one_is_honoured() {
        let mut acknowledgement = Acknowledgement::new();
        acknowledgement.set_window(0);
        assert_eq!(acknowledgement.due(1), None);
        acknowledgement.set_window(1);
        assert_eq!(acknowledgement.due(1), Some(1));
        assert_eq!(acknowledgement.due(1), None);
    }

    #[test]
    fn wraps_after_four_gibibytes() {
        let mut acknowledgement = Acknowledgement::new();
        assert_eq!(acknowledgement.due((1 << 32) - 1), Some(u32::MAX));
        assert_eq!(acknowledgement.due((1 << 32) + 3_000_000), Some(3_000_000));
    }
}
