//! How many files and sockets the process may have open, and how many connections that is enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// A connection has its socket and one file: a publisher's open segment, a viewer's object, an upload.
const PER_CONNECTION: u64 = 2;

/// What is open beside connections: databases and their readers, the store's threads at work, listeners, runtimes.
const RESERVE: u64 = 256;

/// Even where next to nothing is allowed somebody must get in, to see why.
const CONNECTIONS_MIN: u64 = 16;

/// Raises the limit of this process as far as the system lets it.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, "the limit of open files could not be raised");
    }
}

/// So many of the `wanted` connections that descriptors are left for the files of each, and for the store: a publisher
/// who was let in must never lose a segment because others came.
pub(crate) fn connections_max(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let allowed = within(limit);
    if allowed >= wanted {
        return wanted;
    }
    warn!(
        wanted,
        allowed,
        limit,
        "fewer connections than rtmp.connections_max are let in: the system allows this process too few open files; \
         raise its limit to {} (ulimit -n, LimitNOFILE= of systemd, --ulimit of containers), or lower the setting",
        RESERVE + PER_CONNECTION * wanted as u64
    );
    allowed
}

fn within(limit: u64) -> usize {
    let connections = (limit.saturating_sub(RESERVE) / PER_CONNECTION).max(CONNECTIONS_MIN);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_descriptors_for_each_connection_and_a_reserve_for_the_store() {
        for (limit, expected) in [(0, 16), (256, 16), (1024, 384), (20_256, 10_000), (1 << 20, 524_160)] {
            assert_eq!(within(limit), expected, "{limit}");
        }
    }
}
