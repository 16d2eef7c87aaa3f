//! The outbox, for the operator: where the link is when nobody sends letters.

use anyhow::{Context, Result, bail};
use runtime::config::Lookup;

use super::open_database;
use crate::{cli::MailCommand, settings::Settings, terminal, wiring};

pub(crate) async fn mail(lookup: Lookup, command: MailCommand) -> Result<()> {
    let settings = Settings::load(lookup)?;
    let database = open_database(&settings).await?;
    let control = wiring::control_without_media(&settings, database)?;
    match command {
        MailCommand::List { status } => {
            let letters = control.letters(status.as_deref()).await.context("read the outbox")?;
            for letter in &letters {
                let at = letter.created_at.format("%Y-%m-%d %H:%M");
                terminal::say(&format!(
                    "{}  {at} UTC  {:8}  {}  {}",
                    letter.id, letter.status, letter.kind, letter.recipient
                ));
            }
            if letters.is_empty() {
                terminal::say("There is no such letter.");
            }
        }
        MailCommand::Show { id } => {
            let id = id.parse().context("that is no letter's id: take one from `lectern mail list`")?;
            let Some((recipient, subject, text)) =
                control.letter_text(id).await.context("read the outbox")?
            else {
                bail!("there is no such letter, or its link has ended: let the person ask for a new one");
            };
            terminal::say(&format!("To: {recipient}\nSubject: {subject}\n\n{text}"));
        }
        MailCommand::Check => {
            let state = control.mail_state().await.context("read the outbox")?;
            let Some(server) = state.server else {
                bail!("no mail server is set: set EMAIL_HOST and DEFAULT_FROM_EMAIL");
            };
            if let Err(why) = control.check_mail_server().await {
                bail!("{server} does not take our letters: {why}");
            }
            terminal::say(&format!("{server} takes our letters."));
        }
    }
    Ok(())
}
