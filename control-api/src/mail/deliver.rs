//! The job that delivers a letter, and what it makes of each outcome.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use runtime::clock;
use sha2::Sha256;
use uuid::Uuid;

use super::{
    rows::{self, Letter},
    smtp::{self, Outcome},
    template::{self, Fields, Kind, Locale, Written},
};
use crate::{Control, jobs::Fault};

/// What the installation calls itself in letters.
const SITE: &str = "Lectern";

/// Delivers a letter, unless it was delivered, or offered with an unknown end.
pub(crate) async fn deliver(control: &Control, id: Uuid, now: DateTime<Utc>) -> Result<(), Fault> {
    let db = control.db();
    let Some(letter) = rows::by_id(db, id).await? else { return Ok(()) };
    let kind = letter.kind.clone();
    match letter.status.as_str() {
        "queued" | "held" => {}
        "offered" => {
            let detail = "The server stopped while the mail server had the letter in its hands.";
            rows::note(db, id, "doubtful", "doubtful", detail, now).await?;
            tracing::warn!(letter.id = %id, "whether letter {id} ({kind}) arrived is not known; it is not sent again by itself");
            return Ok(());
        }
        _ => return Ok(()),
    }
    if now >= letter.expires_at {
        rows::note(db, id, "expired", "expired", "It came too late to be of use.", now).await?;
        return Ok(());
    }
    let Some(server) = &control.config().mail.server else {
        if letter.status != "held" {
            rows::note(db, id, "held", "held", "No mail server is set (EMAIL_HOST).", now).await?;
        }
        tracing::warn!(
            letter.id = %id,
            "letter {id} ({kind}) is not sent, because no mail server is set (EMAIL_HOST); `lectern mail show {id}` prints it"
        );
        return Ok(());
    };
    let written = write(control, &letter).map_err(Fault::Hopeless)?;
    let (message, to) = match message(control, &letter, written) {
        Ok(message) => message,
        Err(why) => {
            rows::note(db, id, "refused", "refused", &why, now).await?;
            return Ok(());
        }
    };
    let from = &control.config().mail.from.email;
    let offered = || rows::offer(db, id, clock::utc());
    match smtp::send(server, host(control), from, &to, &message, offered).await {
        Outcome::Sent(answer) => {
            rows::note(db, id, "sent", "sent", &answer, clock::utc()).await?;
            tracing::info!(letter.id = %id, "letter {id} ({kind}) was sent");
        }
        Outcome::Refused(why) => {
            rows::note(db, id, "refused", "refused", &why, clock::utc()).await?;
            tracing::warn!(letter.id = %id, "the mail server refused letter {id} ({kind})");
        }
        Outcome::Doubtful(why) => {
            rows::note(db, id, "doubtful", "doubtful", &why, clock::utc()).await?;
            tracing::warn!(letter.id = %id, "whether letter {id} ({kind}) arrived is not known: {why}");
        }
        Outcome::Deferred(why) => {
            rows::note(db, id, "queued", "deferred", &why, clock::utc()).await?;
            return Err(Fault::Again(why));
        }
        Outcome::Taken => {}
    }
    Ok(())
}

/// Queues the letters that waited for a mail server, now that there is one.
pub(crate) async fn release_held(control: &Control, now: DateTime<Utc>) -> Result<usize, db::Error> {
    if control.config().mail.server.is_none() {
        return Ok(0);
    }
    let mut tx = control.db().begin().await?;
    let mut released = 0;
    for id in rows::held(&mut tx, now).await? {
        released += usize::from(rows::requeue(&mut tx, id, now).await?);
    }
    tx.commit().await?;
    Ok(released)
}

/// The letter in words. Whoever sees them has the link.
pub(super) fn write(control: &Control, letter: &Letter) -> Result<Written, String> {
    let kind = Kind::of_word(&letter.kind).ok_or("This release does not know such a letter.")?;
    let locale = Locale::of_tag(&letter.locale).unwrap_or(Locale::English);
    let mut fields: Fields = serde_json::from_str(&letter.fields).map_err(|error| error.to_string())?;
    let mut link = format!("{}{}", control.config().public_url, kind.page());
    if let Some(token) = letter.token_id {
        link.push_str("?token=");
        link.push_str(&secret(control.letter_key(), token));
    }
    fields.insert("link".into(), link);
    fields.insert("site".into(), SITE.into());
    template::write(kind, locale, &fields).map_err(|error| error.to_string())
}

/// The secret of a link, computed from the id of its token under a key that is not in the database: whoever
/// reads the tables can open no link.
pub(crate) fn secret(key: &[u8; 32], token: Uuid) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(token.as_bytes());
    format!("lt_{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn message(control: &Control, letter: &Letter, written: Written) -> Result<(Vec<u8>, Address), String> {
    let unwritable = || "This address cannot be written to.".to_owned();
    let to: Address = letter.recipient.parse().map_err(|_| unwritable())?;
    let built = Message::builder()
        .from(control.config().mail.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(written.subject)
        .date(clock::wall())
        // The same at every try, so that a mail server which keeps account can tell a repetition.
        .message_id(Some(format!("<{}@{}>", letter.id, host(control))))
        .multipart(MultiPart::alternative_plain_html(written.text, written.html));
    let mut message = built.map_err(|_| unwritable())?;
    // RFC 3834 section 5: nobody's holiday note answers this.
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
    Ok((message.formatted(), to))
}

/// The name that this server goes by.
pub(super) fn host(control: &Control) -> &str {
    control.config().host()
}
