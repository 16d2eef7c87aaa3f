//! How letters leave the house.

use anyhow::{Context, Result, bail, ensure};
use lettre::message::Mailbox;
use runtime::config::Lookup;

/// How letters are sent, and by whom they are signed.
#[derive(Clone, Debug)]
pub struct Mail {
    /// None: letters are held in the outbox, and the operator hands them on.
    pub server: Option<MailServer>,
    /// `DEFAULT_FROM_EMAIL`: `Name <address>` or an address.
    pub from: Mailbox,
}

/// An SMTP server that takes letters from us.
#[derive(Clone)]
pub struct MailServer {
    /// `EMAIL_HOST`.
    pub host: String,
    /// `EMAIL_PORT`: 587 unless said otherwise, 465 with `EMAIL_USE_SSL`.
    pub port: u16,
    /// `EMAIL_HOST_USER` and `EMAIL_HOST_PASSWORD`.
    pub credentials: Option<(String, String)>,
    /// How the connection is secured.
    pub security: Security,
}

/// How a connection to the mail server is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// `EMAIL_USE_TLS`, as usual: begun in the clear, nothing said before STARTTLS.
    StartTls,
    /// `EMAIL_USE_SSL`: TLS from the first byte.
    Implicit,
    /// Neither: for a mail server on the same machine or in the same private network.
    None,
}

impl std::fmt::Debug for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Mail {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the setting that is wrong or missing, and what to write.
    pub(crate) fn from_lookup(get: &Lookup) -> Result<Self> {
        let from = get.text("DEFAULT_FROM_EMAIL");
        let Some(host) = get.text("EMAIL_HOST") else {
            let from = from.as_deref().unwrap_or("Lectern <no-reply@localhost>");
            return Ok(Self { server: None, from: mailbox(from)? });
        };
        let from = from.context(
            "EMAIL_HOST is set and DEFAULT_FROM_EMAIL is not: set it to the address your letters come from, \
             such as \"My School <no-reply@school.example>\"",
        )?;
        let implicit = get.flag("EMAIL_USE_SSL", get.text("EMAIL_PORT").as_deref() == Some("465"))?;
        let start_tls = get.flag("EMAIL_USE_TLS", !implicit)?;
        let security = match (implicit, start_tls) {
            (true, false) => Security::Implicit,
            (false, true) => Security::StartTls,
            (false, false) => Security::None,
            (true, true) => bail!(
                "EMAIL_USE_TLS and EMAIL_USE_SSL are both on: leave EMAIL_USE_SSL for port 465, \
                 EMAIL_USE_TLS for the others"
            ),
        };
        let port = get.parsed("EMAIL_PORT", if implicit { 465 } else { 587 })?;
        let credentials = match (get.text("EMAIL_HOST_USER"), get.text("EMAIL_HOST_PASSWORD")) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user, password)),
            (Some(_), None) => {
                bail!("EMAIL_HOST_USER is set and EMAIL_HOST_PASSWORD is not: set both or neither")
            }
            (None, Some(_)) => {
                bail!("EMAIL_HOST_PASSWORD is set and EMAIL_HOST_USER is not: set both or neither")
            }
        };
        let near = ["localhost", "127.0.0.1", "::1"].contains(&host.as_str());
        ensure!(
            security != Security::None || credentials.is_none() || near,
            "EMAIL_USE_TLS=false would send EMAIL_HOST_PASSWORD in the clear: leave EMAIL_USE_TLS on"
        );
        Ok(Self { server: Some(MailServer { host, port, credentials, security }), from: mailbox(&from)? })
    }
}

fn mailbox(text: &str) -> Result<Mailbox> {
    text.parse()
        .ok()
        .with_context(|| format!("DEFAULT_FROM_EMAIL is {text:?}: write an address, or \"Name <address>\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Mail> {
        let map = pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        Mail::from_lookup(&Lookup::from_map(map))
    }

    #[test]
    fn without_a_server_letters_are_held() {
        assert!(read(&[]).unwrap().server.is_none());
    }

    #[test]
    fn a_server_is_read_with_its_usual_port() {
        let base = [("EMAIL_HOST", "smtp.example"), ("DEFAULT_FROM_EMAIL", "School <a@school.example>")];
        let check = |more: &[(&str, &str)], port, security| {
            let server = read(&[&base, more].concat()).unwrap().server.unwrap();
            assert_eq!((server.port, server.security), (port, security));
        };
        check(&[], 587, Security::StartTls);
        check(&[("EMAIL_PORT", "465")], 465, Security::Implicit);
        check(&[("EMAIL_USE_SSL", "true")], 465, Security::Implicit);
        check(&[("EMAIL_USE_TLS", "false"), ("EMAIL_PORT", "25")], 25, Security::None);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let base = [("EMAIL_HOST", "smtp.example"), ("DEFAULT_FROM_EMAIL", "a@school.example")];
        let with = |more: &[(&str, &str)]| read(&[&base, more].concat()).unwrap_err().to_string();
        assert!(with(&[("EMAIL_HOST_USER", "u")]).contains("EMAIL_HOST_PASSWORD"));
        assert!(with(&[("EMAIL_USE_SSL", "true"), ("EMAIL_USE_TLS", "true")]).contains("both on"));
        let clear = [("EMAIL_USE_TLS", "no"), ("EMAIL_HOST_USER", "u"), ("EMAIL_HOST_PASSWORD", "hunter22")];
        let told = with(&clear);
        assert!(told.contains("in the clear") && !told.contains("hunter22"), "{told}");
        assert!(
            read(&[("EMAIL_HOST", "smtp.example")]).unwrap_err().to_string().contains("DEFAULT_FROM_EMAIL")
        );
        assert!(read(&[("DEFAULT_FROM_EMAIL", "nobody")]).is_err());
        let secret = [("EMAIL_HOST_USER", "u"), ("EMAIL_HOST_PASSWORD", "hunter22")];
        assert!(!format!("{:?}", read(&[&base[..], &secret].concat()).unwrap()).contains("hunter22"));
    }
}
