//! What there is to do.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// One kind of work and what it is about: ids and addresses, never a secret, since admins see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub(crate) enum Task {
    /// Hand a letter to the mail server.
    DeliverLetter { letter: Uuid },
    /// Somebody at this address says he forgot his password. A job, so that the answer takes the same
    /// time whether there is such an account or not.
    ForgotPassword { email: String },
    /// Somebody at this address waits for the letter that confirms it.
    ResendVerification { email: String },
    /// Remove what is over.
    Sweep {},
}

impl Task {
    /// The kind's word, and the rest as JSON.
    pub(crate) fn parts(&self) -> (String, String) {
        let value = serde_json::to_value(self).expect("a task is strings and ids");
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        (kind, value["payload"].to_string())
    }

    /// Reads a stored task; none when an older or newer release wrote it.
    pub(crate) fn read(kind: &str, payload: &str) -> Option<Self> {
        let payload: Value = serde_json::from_str(payload).ok()?;
        serde_json::from_value(json!({"kind": kind, "payload": payload})).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let (kind, payload) = Task::Sweep {}.parts();
        assert_eq!((&*kind, &*payload), ("sweep", "{}"));
        assert_eq!(Task::read(&kind, &payload), Some(Task::Sweep {}));
        let forgot = Task::ForgotPassword { email: "a@b.example".into() };
        let (kind, payload) = forgot.parts();
        assert_eq!(Task::read(&kind, &payload), Some(forgot));
        assert_eq!(Task::read("dance", "{}"), None);
        assert_eq!(Task::read("sweep", "no json"), None);
    }
}
