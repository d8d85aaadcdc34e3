//! Mistakes of ours that a connection has brought to light: counted, told, and survived.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::error;

/// Panics since the process began, caught or not.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A message is cut off here. What stands in backquotes is what a peer has sent, and may be a signature: it is left out.
const MESSAGE_CHARS_MAX: usize = 200;

/// From here on a panic is a line of the log.
pub(crate) fn log() {
    panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let count = 1 + COUNT.fetch_add(1, Ordering::Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        error!(
            event = "panic",
            count,
            place,
            message = message(panic.payload()),
            backtrace = backtrace.map(tracing::field::display),
            "a mistake in the program: please report this line and the next"
        );
    }));
}

/// Tells what a panic that was caught has ended, and what had led to it.
pub(crate) fn report(what: &str, panic: &(dyn Any + Send), led: &dyn fmt::Display) {
    error!(event = "panic_caught", what, message = message(panic), %led, "nothing else is affected");
}

fn message(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    let told = text.split('`').next().unwrap_or_default();
    told.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_shows_what_a_peer_has_sent() {
        let sent = "Signature=é".to_owned();
        let panic = panic::catch_unwind(|| sent[..11].len()).unwrap_err();
        let told = message(&*panic);
        assert!(!told.is_empty() && !told.contains("Signature"), "{told}");
        assert_eq!(message(&"x".repeat(1000)).len(), MESSAGE_CHARS_MAX);
        assert_eq!(message(&7), "");
    }
}
