//! What was revoked before this process began.

use events::AccessRevoked;
use runtime::clock;

use super::rows;
use crate::Control;

impl Control {
    /// Viewer sessions that were revoked and whose tokens have not ended by themselves, for the origin's
    /// deny-set at the start of the process.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoked_access(&self) -> Result<Vec<AccessRevoked>, db::Error> {
        rows::revoked(self.db(), clock::utc()).await
    }
}
