//! Handing one letter to the mail server (RFC 5321), step by step, so that we know what a failure means.

use std::time::Duration;

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use tokio::time::timeout;

use super::config::{MailServer, Security};

/// Everything before the text: connecting, TLS, log-in, addresses.
const PREPARE_S_MAX: u64 = 30;
/// The text and the server's word that it has it. RFC 5321 section 4.5.3.2.6 would wait ten minutes; whoever
/// takes two has most likely lost the connection.
const ANSWER_S_MAX: u64 = 120;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The mail server has it, and said so.
    Sent(String),
    /// The mail server does not have it; later perhaps.
    Deferred(String),
    /// The mail server does not want it, and never will.
    Refused(String),
    /// It was handed over, and the answer was lost: the mail server may have it or not.
    Doubtful(String),
    /// `offered` said no: somebody else has it in his hands.
    Taken,
}

/// Sends it. `offered` is asked after the mail server has accepted the addresses and before it is given the
/// text: from then on a second try could be a second letter.
pub(super) async fn send<F>(
    server: &MailServer,
    hello: &str,
    from: &Address,
    to: &Address,
    message: &[u8],
    offered: impl FnOnce() -> F,
) -> Outcome
where
    F: Future<Output = Result<bool, db::Error>>,
{
    let prepared = timeout(Duration::from_secs(PREPARE_S_MAX), prepare(server, hello, from, to)).await;
    let mut connection = match prepared {
        Ok(Ok(connection)) => connection,
        Ok(Err(Stop::Letter(error))) if error.is_permanent() => return Outcome::Refused(words(&error)),
        Ok(Err(Stop::Letter(error) | Stop::Server(error))) => return Outcome::Deferred(words(&error)),
        Err(_) => {
            return Outcome::Deferred(format!("The mail server did not answer within {PREPARE_S_MAX} s."));
        }
    };
    match offered().await {
        Ok(true) => {}
        Ok(false) => {
            good_bye(&mut connection).await;
            return Outcome::Taken;
        }
        Err(error) => return Outcome::Deferred(error.to_string()),
    }
    // Nothing of the text is said before the server asks for it: a failure here is no doubt.
    match timeout(Duration::from_secs(PREPARE_S_MAX), connection.command(Data)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.is_permanent() => return Outcome::Refused(words(&error)),
        Ok(Err(error)) => return Outcome::Deferred(words(&error)),
        Err(_) => {
            return Outcome::Deferred(format!("The mail server did not answer within {PREPARE_S_MAX} s."));
        }
    }
    match timeout(Duration::from_secs(ANSWER_S_MAX), connection.message(message)).await {
        Ok(Ok(response)) => {
            // It has the letter; whether it says good-bye as well does not matter.
            good_bye(&mut connection).await;
            Outcome::Sent(response.first_line().unwrap_or_default().to_owned())
        }
        Ok(Err(error)) if error.is_permanent() => Outcome::Refused(words(&error)),
        Ok(Err(error)) if error.is_transient() => Outcome::Deferred(words(&error)),
        Ok(Err(error)) => Outcome::Doubtful(words(&error)),
        Err(_) => Outcome::Doubtful(format!("The mail server said nothing for {ANSWER_S_MAX} s.")),
    }
}

/// Whether the mail server takes letters from us at all: up to the log-in.
pub(super) async fn check(server: &MailServer, hello: &str) -> Result<(), String> {
    let opened = timeout(Duration::from_secs(PREPARE_S_MAX), open(server, hello)).await;
    let mut connection =
        opened.map_err(|_| format!("no answer within {PREPARE_S_MAX} s"))?.map_err(|error| words(&error))?;
    good_bye(&mut connection).await;
    Ok(())
}

/// Polite, and no longer than that.
async fn good_bye(connection: &mut AsyncSmtpConnection) {
    let _ = timeout(Duration::from_secs(1), connection.quit()).await;
}

/// Where it ended before the text.
enum Stop {
    /// At the server: its certificate, our password. The letter is not to blame.
    Server(Error),
    /// At the addresses.
    Letter(Error),
}

async fn prepare(
    server: &MailServer,
    hello: &str,
    from: &Address,
    to: &Address,
) -> Result<AsyncSmtpConnection, Stop> {
    let mut connection = open(server, hello).await.map_err(Stop::Server)?;
    connection.command(Mail::new(Some(from.clone()), Vec::new())).await.map_err(Stop::Server)?;
    connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(Stop::Letter)?;
    Ok(connection)
}

async fn open(server: &MailServer, hello: &str) -> Result<AsyncSmtpConnection, Error> {
    let hello = ClientId::Domain(hello.to_owned());
    let patience = Some(Duration::from_secs(PREPARE_S_MAX));
    let tls = |host: &str| TlsParameters::new_rustls(host.to_owned());
    let implicit = match server.security {
        Security::Implicit => Some(tls(&server.host)?),
        Security::StartTls | Security::None => None,
    };
    let address = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, patience, &hello, implicit, None).await?;
    if server.security == Security::StartTls {
        connection.starttls(tls(&server.host)?, &hello).await?;
    }
    if let Some((user, password)) = &server.credentials {
        let credentials = Credentials::new(user.clone(), password.clone());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
    }
    Ok(connection)
}

/// The error and what is behind it, on one line.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace(['\r', '\n'], " ")
}
