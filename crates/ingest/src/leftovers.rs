use alluvium_catalog as catalog;
use tracing::{error, warn};

use crate::Ingest;

impl Ingest {
    /// Closes the sessions that a killed process of this node has left open, so that their channels are free again
    /// and their history says when they ended. Called at start, before any publisher is served.
    ///
    /// What such a process had not listed is still in the spool and stays there; a warning names it.
    ///
    /// # Errors
    ///
    /// The catalog's.
    pub async fn close_leftovers(&self) -> Result<(), catalog::Error> {
        for lease in self.catalog.open_sessions(&self.node).await? {
            let ended = lease.last_program_date_time.unwrap_or_else(|| self.clock.now());
            warn!(bucket = %lease.bucket, channel = %lease.channel, "a publish was cut off when the server last ended");
            match self.catalog.close_session(&lease, ended).await {
                Ok(()) | Err(catalog::Error::Fenced { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        match self.spool.leftovers() {
            Ok(leftovers) => {
                for (folder, files) in leftovers {
                    warn!(folder = %folder.display(), files, "the spool holds segments that were never listed");
                }
            }
            Err(error) => error!(%error, "the spool cannot be read"),
        }
        Ok(())
    }
}
