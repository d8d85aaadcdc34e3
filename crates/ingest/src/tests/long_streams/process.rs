use std::env;
use std::fs;
use std::process::Command;

/// Set in the process that a test has to itself.
const ALONE: &str = "ALLUVIUM_ALONE";

/// Runs a test in a process of its own: what others beside it use is not counted. `test` is its whole name.
pub(super) fn alone(test: &str, run: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return run();
    }
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args([test, "--exact", "--nocapture"]).env(ALONE, "1");
    let output = command.output().expect("a process");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{told}");
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holds {
    pub(super) resident_kib: i64,
    pub(super) descriptors: usize,
}

impl Holds {
    pub(super) fn now() -> Self {
        let pages = fs::read_to_string("/proc/self/statm").expect("Linux");
        let resident: i64 = pages
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse().ok())
            .expect("a number of pages");
        Self {
            resident_kib: resident * PAGE_KIB,
            descriptors: fs::read_dir("/proc/self/fd").expect("Linux").count(),
        }
    }
}

/// The page of every machine that the tests run on.
const PAGE_KIB: i64 = 4;
