//! What the process as a whole is told: addresses, folders, secrets. Rooms read their own settings from
//! the same look-up.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use runtime::config::Lookup;

use crate::tls::Files;

/// The fewest characters a secret key of the operator's own may have.
const SECRET_CHARS_MIN: usize = 32;

/// Every setting of the process, checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) environment: Environment,
    pub(crate) roles: Roles,
    pub(crate) data_dir: PathBuf,
    pub(crate) http_addr: SocketAddr,
    pub(crate) rtmp_addr: SocketAddr,
    pub(crate) metrics_addr: SocketAddr,
    /// Certificate and key; none: everything in the clear.
    pub(crate) tls: Option<Files>,
    /// Where HTTPS is; none without a certificate.
    pub(crate) https_addr: Option<SocketAddr>,
    /// Where RTMPS is; none unless it is asked for.
    pub(crate) rtmps_addr: Option<SocketAddr>,
    /// Without a trailing slash; none: made from the listener's address.
    pub(crate) public_url: Option<String>,
    /// `DATABASE_URL`; none: SQLite in the data folder.
    pub(crate) database_url: Option<String>,
    pub(crate) secret: Secret,
    /// What the rooms read the rest from.
    pub(crate) lookup: Lookup,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("environment", &self.environment)
            .field("data_dir", &self.data_dir)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// Where the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// A laptop: secrets may be generated, plain HTTP is fine.
    Development,
    /// Refuses what must not go public.
    Production,
}

/// What this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) media: bool,
    pub(crate) origin: bool,
    pub(crate) control: bool,
    pub(crate) worker: bool,
}

/// The root that all keys are derived from; never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) bytes: Vec<u8>,
    /// Made by us, not chosen by the operator.
    pub(crate) generated: bool,
}

impl Settings {
    /// Reads and checks everything; makes the data folder and, where none is set, the secret key in it.
    ///
    /// # Errors
    /// Names the setting and what to write instead.
    pub(crate) fn load(lookup: Lookup) -> Result<Self> {
        let environment = lookup.parsed("LECTERN_ENV", Environment::Development)?;
        let data_dir = PathBuf::from(lookup.text("LECTERN_DATA_DIR").unwrap_or_else(|| "./data".to_owned()));
        fs::create_dir_all(&data_dir).with_context(|| {
            format!("make the data folder {}: choose another with LECTERN_DATA_DIR", data_dir.display())
        })?;
        let public_url = lookup.text("LECTERN_PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = &public_url {
            ensure!(
                url.starts_with("http://") || url.starts_with("https://"),
                "LECTERN_PUBLIC_URL is {url:?}: begin it with https:// (or http:// on a laptop)"
            );
        }
        let secret = match lookup.text("LECTERN_SECRET_KEY") {
            Some(text) => Secret { bytes: text.into_bytes(), generated: false },
            None => Secret { bytes: generated_secret(&data_dir)?, generated: true },
        };
        let tls = certificate(&lookup)?;
        for name in ["LECTERN_HTTPS_ADDR", "LECTERN_RTMPS_ADDR"] {
            ensure!(
                tls.is_some() || lookup.text(name).is_none(),
                "{name} needs a certificate: set LECTERN_TLS_CERT and LECTERN_TLS_KEY to PEM files"
            );
        }
        let https_usual = SocketAddr::from(([0, 0, 0, 0], 8443));
        let https_addr =
            tls.as_ref().map(|_| address(&lookup, "LECTERN_HTTPS_ADDR", https_usual)).transpose()?;
        let rtmps_usual = SocketAddr::from(([0, 0, 0, 0], 1936));
        let rtmps_addr = lookup
            .text("LECTERN_RTMPS_ADDR")
            .map(|_| address(&lookup, "LECTERN_RTMPS_ADDR", rtmps_usual))
            .transpose()?;
        let settings = Self {
            environment,
            roles: lookup.parsed("LECTERN_ROLES", Roles::ALL)?,
            http_addr: address(&lookup, "LECTERN_HTTP_ADDR", SocketAddr::from(([0, 0, 0, 0], 8080)))?,
            rtmp_addr: address(&lookup, "LECTERN_RTMP_ADDR", SocketAddr::from(([0, 0, 0, 0], 1935)))?,
            metrics_addr: address(&lookup, "LECTERN_METRICS_ADDR", SocketAddr::from(([127, 0, 0, 1], 9090)))?,
            tls,
            https_addr,
            rtmps_addr,
            database_url: lookup.text("DATABASE_URL"),
            data_dir,
            public_url,
            secret,
            lookup,
        };
        settings.refuse_what_must_not_go_public()?;
        Ok(settings)
    }

    /// Where the database is.
    pub(crate) fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("lectern.sqlite").display()))
    }

    fn refuse_what_must_not_go_public(&self) -> Result<()> {
        if self.environment == Environment::Development {
            return Ok(());
        }
        ensure!(
            !self.secret.generated,
            "LECTERN_ENV=production needs a secret key of your own: set LECTERN_SECRET_KEY to the output of \
             `openssl rand -base64 48`"
        );
        ensure!(
            self.secret.bytes.len() >= SECRET_CHARS_MIN,
            "LECTERN_SECRET_KEY has {} characters, at least {SECRET_CHARS_MIN} are needed: use the output of \
             `openssl rand -base64 48`",
            self.secret.bytes.len()
        );
        match &self.public_url {
            Some(url) if url.starts_with("https://") => Ok(()),
            Some(url) => bail!(
                "LECTERN_PUBLIC_URL is {url}: in production students' tokens must not travel in the clear; \
                 use the https:// address that your proxy or load balancer serves"
            ),
            None => {
                bail!("LECTERN_ENV=production needs LECTERN_PUBLIC_URL, such as https://live.school.example")
            }
        }
    }
}

impl Roles {
    /// A laptop does everything.
    pub(crate) const ALL: Self = Self { media: true, origin: true, control: true, worker: true };
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Self { media: false, origin: false, control: false, worker: false };
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "media" => roles.media = true,
                "origin" => roles.origin = true,
                "control" => roles.control = true,
                "worker" => roles.worker = true,
                other => {
                    return Err(format!("{other:?} is no role; choose from media,origin,control,worker"));
                }
            }
        }
        // A media node hands its windows to an origin in the same process; apart they need the remote feed.
        if roles.media != roles.origin || roles.control != roles.worker || roles.media != roles.control {
            return Err(
                "in this release media,origin,control,worker run in one process: leave the roles out \
                        or name all four"
                    .to_owned(),
            );
        }
        Ok(roles)
    }
}

impl std::fmt::Display for Roles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = [
            (self.media, "media"),
            (self.origin, "origin"),
            (self.control, "control"),
            (self.worker, "worker"),
        ];
        let names: Vec<_> = named.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("write development or production"),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.generated { "Secret(generated)" } else { "Secret(set)" })
    }
}

/// An address to listen on.
fn address(lookup: &Lookup, name: &str, usual: SocketAddr) -> Result<SocketAddr> {
    lookup.parsed(name, usual).with_context(|| format!("{name} takes an address and a port, such as {usual}"))
}

/// Certificate and key: both or neither. Whether the files are good is seen when they are read.
fn certificate(lookup: &Lookup) -> Result<Option<Files>> {
    match (lookup.text("LECTERN_TLS_CERT"), lookup.text("LECTERN_TLS_KEY")) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(Files { certificate: certificate.into(), key: key.into() }))
        }
        (Some(_), None) => bail!(
            "LECTERN_TLS_CERT is set and LECTERN_TLS_KEY is not: name the PEM file with the certificate's \
             private key too, or neither"
        ),
        (None, Some(_)) => bail!(
            "LECTERN_TLS_KEY is set and LECTERN_TLS_CERT is not: name the PEM file with the certificate and \
             its chain too, or neither"
        ),
    }
}

/// Reads `secret.key` in the data folder, or makes it: 32 random bytes in hex, readable by its owner alone.
fn generated_secret(data_dir: &Path) -> Result<Vec<u8>> {
    let path = data_dir.join("secret.key");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = text.trim();
            ensure!(
                text.len() >= SECRET_CHARS_MIN,
                "{} is damaged: restore it from a backup, or delete it (every log-in, playback token and \
                 stream key made with it ends)",
                path.display()
            );
            return Ok(text.as_bytes().to_vec());
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    }
    let hex: String = runtime::random::bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).with_context(|| format!("make {}", path.display()))?;
    writeln!(file, "{hex}")
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {}", path.display()))?;
    Ok(hex.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir()?;
        let mut map: std::collections::BTreeMap<_, _> =
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        map.insert("LECTERN_DATA_DIR".into(), folder.path().display().to_string());
        Settings::load(Lookup::from_map(map))
    }

    #[test]
    fn a_laptop_needs_no_settings() {
        let settings = load(&[]).expect("nothing is needed");
        assert!(settings.secret.generated && settings.secret.bytes.len() == 64);
        assert_eq!(settings.http_addr.port(), 8080);
    }

    #[test]
    fn the_generated_secret_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = generated_secret(folder.path()).expect("made");
        assert_eq!(generated_secret(folder.path()).expect("read"), first);
        fs::write(folder.path().join("secret.key"), "short").expect("written");
        assert!(generated_secret(folder.path()).is_err(), "a damaged key is not replaced in silence");
    }

    #[test]
    fn production_refuses_what_must_not_go_public_and_names_the_cure() {
        let production = ("LECTERN_ENV", "production");
        let long = ("LECTERN_SECRET_KEY", "0123456789012345678901234567890123456789");
        let error = |pairs: &[_]| load(pairs).expect_err("refused").to_string();
        assert!(error(&[production]).contains("set LECTERN_SECRET_KEY"));
        assert!(error(&[production, ("LECTERN_SECRET_KEY", "short")]).contains("has 5 characters"));
        assert!(error(&[production, long]).contains("needs LECTERN_PUBLIC_URL"));
        assert!(error(&[production, long, ("LECTERN_PUBLIC_URL", "http://x")]).contains("https://"));
        load(&[production, long, ("LECTERN_PUBLIC_URL", "https://live.school.example/")])
            .expect("all is well");
    }

    #[test]
    fn a_certificate_opens_another_door_and_half_of_it_is_refused() {
        let (cert, key) = (("LECTERN_TLS_CERT", "/etc/a.pem"), ("LECTERN_TLS_KEY", "/etc/a.key"));
        let error = |pairs: &[_]| load(pairs).expect_err("refused").to_string();
        assert!(error(&[cert]).contains("LECTERN_TLS_KEY"));
        assert!(error(&[key]).contains("LECTERN_TLS_CERT"));
        assert!(error(&[("LECTERN_HTTPS_ADDR", "0.0.0.0:443")]).contains("needs a certificate"));
        assert!(error(&[("LECTERN_RTMPS_ADDR", "0.0.0.0:1936")]).contains("needs a certificate"));
        let settings = load(&[]).expect("nothing is needed");
        assert_eq!((settings.https_addr, settings.rtmps_addr), (None, None));
        let settings = load(&[cert, key]).expect("a pair");
        assert_eq!(settings.https_addr.map(|address| address.port()), Some(8443));
        assert_eq!(settings.rtmps_addr, None, "RTMPS has to be asked for");
        let rtmps = ("LECTERN_RTMPS_ADDR", "127.0.0.1:1936");
        let settings = load(&[cert, key, rtmps]).expect("a pair");
        assert_eq!(settings.rtmps_addr.map(|address| address.port()), Some(1936));
    }

    #[test]
    fn unknown_roles_and_addresses_are_named() {
        assert!(load(&[("LECTERN_ROLES", "media,chef")]).is_err_and(|e| e.to_string().contains("chef")));
        assert!(
            load(&[("LECTERN_HTTP_ADDR", "8080")])
                .is_err_and(|e| e.to_string().contains("LECTERN_HTTP_ADDR"))
        );
    }
}
