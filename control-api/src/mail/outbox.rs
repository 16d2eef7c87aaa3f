//! What an operator is told of letters: by `lectern doctor`, by `lectern mail`.

use chrono::{DateTime, Utc};
use runtime::clock;
use uuid::Uuid;

use super::{deliver, rows, smtp};
use crate::Control;

/// How the outbox stands.
#[derive(Clone, Debug)]
pub struct MailState {
    /// `host:port` of the mail server, when one is set.
    pub server: Option<String>,
    /// How many letters have each status: `queued`, `held`, `offered`, `sent`, `refused`, `doubtful`, `expired`.
    pub letters: Vec<(String, i64)>,
}

/// One letter, for a list.
#[derive(Clone, Debug)]
pub struct LetterLine {
    /// For `lectern mail show`.
    pub id: Uuid,
    /// What it is about.
    pub kind: String,
    /// To whom.
    pub recipient: String,
    /// Where it is.
    pub status: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Control {
    /// How the outbox stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mail_state(&self) -> Result<MailState, db::Error> {
        let server = self.config().mail.server.as_ref();
        Ok(MailState {
            server: server.map(|server| format!("{}:{}", server.host, server.port)),
            letters: rows::count(self.db()).await?,
        })
    }

    /// Connects to the mail server and logs in, sending nothing. Without one there is nothing to check.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub async fn check_mail_server(&self) -> Result<(), String> {
        match &self.config().mail.server {
            Some(server) => smtp::check(server, deliver::host(self)).await,
            None => Ok(()),
        }
    }

    /// The newest letters, at most a hundred; of one status, if it is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn letters(&self, status: Option<&str>) -> Result<Vec<LetterLine>, db::Error> {
        let (letters, _) = rows::list(self.db(), status, 100, 0).await?;
        let line = |letter: rows::Letter| LetterLine {
            id: letter.id,
            kind: letter.kind,
            recipient: letter.recipient,
            status: letter.status,
            created_at: letter.created_at,
        };
        Ok(letters.into_iter().map(line).collect())
    }

    /// A letter in words, for whoever runs the executable: its recipient, its subject, its text with the link
    /// in it. None when there is no such letter, or its link has ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn letter_text(&self, id: Uuid) -> Result<Option<(String, String, String)>, db::Error> {
        let Some(letter) = rows::by_id(self.db(), id).await? else { return Ok(None) };
        if clock::utc() >= letter.expires_at {
            return Ok(None);
        }
        let written = deliver::write(self, &letter).ok();
        Ok(written.map(|written| (letter.recipient, written.subject, written.text)))
    }
}
