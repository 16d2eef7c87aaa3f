//! Making sessions without a request: the demo does.

use chrono::{DateTime, Utc};
use ids::{CourseId, SessionId};
use runtime::clock;

use super::{rows, rules::Kind};
use crate::{Control, http::new_id};

impl Control {
    pub(crate) async fn schedule(
        &self,
        course: CourseId,
        title: &str,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
        lobby_minutes: u32,
    ) -> Result<SessionId, db::Error> {
        let id = new_id();
        let now = clock::utc();
        let insert =
            rows::Insert { id, course, title, kind: Kind::Scheduled, starts_at, ends_at, lobby_minutes, now };
        rows::insert(self.db(), insert).await?;
        Ok(id)
    }
}
