use std::time::Duration;

use alluvium_oss::ObjectKey;

use super::Gate;
use crate::Error;

/// One verb of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`put`](crate::ObjectStore::put)
    Put,
    /// [`get`](crate::ObjectStore::get)
    Get,
    /// [`head`](crate::ObjectStore::head)
    Head,
    /// [`delete`](crate::ObjectStore::delete)
    Delete,
    /// [`list`](crate::ObjectStore::list); its key is the prefix.
    List,
    /// [`copy`](crate::ObjectStore::copy); its key is the destination.
    Copy,
    /// [`set_acl`](crate::ObjectStore::set_acl)
    SetAcl,
    /// [`begin_upload`](crate::ObjectStore::begin_upload)
    BeginUpload,
    /// [`put_part`](crate::ObjectStore::put_part)
    PutPart,
    /// [`list_parts`](crate::ObjectStore::list_parts)
    ListParts,
    /// [`list_uploads`](crate::ObjectStore::list_uploads); its key is the prefix.
    ListUploads,
    /// [`complete_upload`](crate::ObjectStore::complete_upload)
    CompleteUpload,
    /// [`abort_upload`](crate::ObjectStore::abort_upload)
    AbortUpload,
}

/// The keys a rule concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Every key.
    All,
    /// This one.
    Only(ObjectKey),
    /// Those that begin with it.
    Prefix(String),
    /// Those that end with it: `.ts`, `.m3u8`.
    Suffix(String),
}

impl Keys {
    fn matches(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only.as_str() == key,
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Suffix(suffix) => key.ends_with(suffix),
        }
    }
}

/// What goes wrong.
///
/// Where a fault has no meaning for an operation, the operation is left alone.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing happens; this is the answer.
    Fail(Error),
    /// Nothing happens; the call panics, as code with a mistake in it does.
    Panic,
    /// It happens, and this is the answer.
    FailAfter(Error),
    /// It waits at the gate, then happens.
    Hold(Gate),
    /// It happens, then the answer waits at the gate.
    HoldAnswer(Gate),
    /// It happens after this time, by the runtime's clock.
    Delay(Duration),
    /// Put: only so many first bytes are stored, and the answer is that of the whole. Get: the body ends, without an error, after so many bytes.
    Truncate(u64),
    /// Get: the body ends with this error after so many bytes.
    Break(u64, Error),
    /// Put, delete, copy, change of ACL, part and abort: nothing happens, and the answer is that it did.
    Lose,
    /// Put, get, head, copy, part, completion: the answer tells a CRC-64 with its lowest bit turned over. List: so for every object.
    Lie,
}

/// When which fault happens.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) operation: Option<Operation>,
    pub(super) keys: Keys,
    pub(super) skip: usize,
    pub(super) times: Option<usize>,
    pub(super) fault: Fault,
}

impl Rule {
    /// The fault happens to every call of `operation`.
    pub fn on(operation: Operation, fault: Fault) -> Self {
        Self {
            operation: Some(operation),
            keys: Keys::All,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// The fault happens to every call.
    pub fn on_all(fault: Fault) -> Self {
        Self {
            operation: None,
            keys: Keys::All,
            skip: 0,
            times: None,
            fault,
        }
    }

    /// Only calls for these keys match.
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// The first `count` matching calls go well.
    pub fn after(self, count: usize) -> Self {
        Self { skip: count, ..self }
    }

    /// The fault happens so often, then no more.
    pub fn times(self, count: usize) -> Self {
        Self {
            times: Some(count),
            ..self
        }
    }

    pub(super) fn matches(&self, operation: Operation, key: &str) -> bool {
        self.operation.is_none_or(|only| only == operation) && self.keys.matches(key)
    }

    /// Whether the rule does something to this matching call; counts it.
    pub(super) fn fires(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
        }
    }
}
