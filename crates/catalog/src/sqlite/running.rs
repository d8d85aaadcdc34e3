use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::position::{Claim, Renewal};
use crate::{Activity, Error, SessionId};

/// The open sessions of the file, and what their renewals told: one entry for each open session.
///
/// Changed by the writer right after its commits, so that a void lease is fenced here too.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Held only for one look-up.
    sessions: Mutex<HashMap<SessionId, Session>>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    epoch: u64,
    renewal: Option<Renewal>,
}

impl Running {
    pub(super) fn opened(&self, session: SessionId, epoch: u64) {
        self.sessions().insert(session, Session { epoch, renewal: None });
    }

    pub(super) fn closed(&self, session: SessionId) {
        self.sessions().remove(&session);
    }

    pub(super) fn renew(&self, claim: Claim, activity: &Activity) -> Result<(), Error> {
        let mut sessions = self.sessions();
        match sessions.get_mut(&claim.session) {
            Some(session) if session.epoch == claim.epoch => {
                session.renewal = Some(Renewal::after(session.renewal.as_ref(), activity));
                Ok(())
            }
            _ => Err(claim.fenced()),
        }
    }

    pub(super) fn renewal(&self, session: SessionId) -> Option<Renewal> {
        self.sessions().get(&session)?.renewal
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
