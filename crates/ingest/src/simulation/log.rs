use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic;
use std::sync::{LazyLock, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, subscriber};

thread_local! {
    static TOLD: RefCell<BTreeMap<String, usize>> = RefCell::default();
    static PANICS: Cell<usize> = const { Cell::new(0) };
    static HEARS: Cell<bool> = const { Cell::new(true) };
}

/// Runs `work`, whose events are counted by name, and which must not panic: not in a task either, where nobody would
/// see it.
pub(crate) fn listening<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    hears(true);
    TOLD.take();
    PANICS.take();
    let done = subscriber::with_default(Listener, work);
    assert_eq!(PANICS.get(), 0, "a task has panicked");
    done
}

/// Whether anybody is there to tell: a process that has died is not.
pub(super) fn hears(hears: bool) {
    HEARS.set(hears);
}

/// How often an event of this name was told since `listening` began.
pub(crate) fn told(event: &str) -> usize {
    TOLD.with_borrow(|told| told.get(event).copied().unwrap_or_default())
}

#[derive(Debug)]
struct Listener;

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && HEARS.get() && *metadata.level() <= if tells() { Level::DEBUG } else { Level::INFO }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Name);
        if tells() {
            eprintln!("{}", Line::of(event));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Whether the log is to be printed.
fn tells() -> bool {
    static TELLS: LazyLock<bool> = LazyLock::new(|| std::env::var_os("ALLUVIUM_TELL").is_some());
    *TELLS
}

/// Counts an event's name.
struct Name;

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            TOLD.with_borrow_mut(|told| *told.entry(value.to_owned()).or_default() += 1);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// An event as a line.
struct Line(String);

impl Line {
    fn of(event: &Event<'_>) -> String {
        let mut line = Self(event.metadata().level().to_string());
        event.record(&mut line);
        line.0
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        write!(self.0, " {}={value:?}", field.name()).expect("a String takes any text");
    }
}
