//! Settings, read once and checked whole.

use std::time::Duration;

use anyhow::{Result, bail};
use runtime::config::Lookup;

use crate::mail::Mail;

/// Access tokens live this long; a page renews them with its refresh token.
const ACCESS_S: u64 = 600;
const REFRESH_S: u64 = 30 * 24 * 3600;
/// The seeds' limit of a session.
const SESSION_S_MAX: u64 = 180 * 60;

/// How the control plane behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people reach the server, without a slash at the end (`LECTERN_PUBLIC_URL`).
    pub public_url: String,
    /// What a teacher types into OBS as the server (`LECTERN_PUBLIC_RTMP_URL`; derived from the public
    /// URL's host when unset).
    pub rtmp_url: String,
    /// Origins of other sites that may call the API from a browser, exact (`CORS_ALLOWED_ORIGINS`,
    /// separated by commas).
    pub cors_allowed_origins: Vec<String>,
    /// Life of an access token (`LECTERN_ACCESS_TOKEN_SECONDS`).
    pub access_life: Duration,
    /// Life of a refresh token that is not used (`LECTERN_REFRESH_TOKEN_SECONDS`).
    pub refresh_life: Duration,
    /// Log-ins that one address may try in a minute (`LECTERN_LOGINS_PER_MINUTE`).
    pub logins_per_minute: u32,
    /// A publisher that is gone this long leaves the session interrupted, or ends it when it was not
    /// scheduled (`LECTERN_RECONNECT_WINDOW_SECONDS`).
    pub reconnect_window: Duration,
    /// Minutes before its start from which a session receives its course's publisher, unless it says
    /// otherwise (`LECTERN_LOBBY_MINUTES`).
    pub lobby_minutes: u32,
    /// No session is longer (`LECTERN_SESSION_SECONDS_MAX`).
    pub session_max: Duration,
    /// Everybody may make an account, `open`, or admins alone, `closed` (`LECTERN_REGISTRATION`).
    pub registration_open: bool,
    /// Jobs that this process does at once (`LECTERN_JOB_CONCURRENCY`).
    pub job_concurrency: u32,
    /// How letters are sent.
    pub mail: Mail,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the setting that is wrong, and what it should be.
    pub fn from_lookup(get: &Lookup) -> Result<Self> {
        let public_url = get.text("LECTERN_PUBLIC_URL").unwrap_or_else(|| "http://127.0.0.1:8080".into());
        let public_url = public_url.trim_end_matches('/').to_owned();
        let rtmp_url = match get.text("LECTERN_PUBLIC_RTMP_URL") {
            Some(url) => url,
            None => format!("rtmp://{}:1935/live", host_of("LECTERN_PUBLIC_URL", &public_url)?),
        };
        let origins = get.text("CORS_ALLOWED_ORIGINS").unwrap_or_default();
        let mut cors_allowed_origins = Vec::new();
        for origin in origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            host_of("CORS_ALLOWED_ORIGINS", origin)?;
            cors_allowed_origins.push(origin.trim_end_matches('/').to_owned());
        }
        Ok(Self {
            public_url,
            rtmp_url,
            cors_allowed_origins,
            access_life: get.seconds("LECTERN_ACCESS_TOKEN_SECONDS", Duration::from_secs(ACCESS_S))?,
            refresh_life: get.seconds("LECTERN_REFRESH_TOKEN_SECONDS", Duration::from_secs(REFRESH_S))?,
            logins_per_minute: get.parsed("LECTERN_LOGINS_PER_MINUTE", 5)?,
            reconnect_window: get.seconds("LECTERN_RECONNECT_WINDOW_SECONDS", Duration::from_secs(60))?,
            lobby_minutes: get.parsed("LECTERN_LOBBY_MINUTES", 15)?,
            session_max: get.seconds("LECTERN_SESSION_SECONDS_MAX", Duration::from_secs(SESSION_S_MAX))?,
            registration_open: match get.text("LECTERN_REGISTRATION").as_deref() {
                None | Some("open") => true,
                Some("closed") => false,
                Some(other) => bail!("LECTERN_REGISTRATION is {other:?}: write open or closed"),
            },
            job_concurrency: get.parsed("LECTERN_JOB_CONCURRENCY", 4_u32)?.max(1),
            mail: Mail::from_lookup(get)?,
        })
    }

    /// The host of the public URL.
    pub(crate) fn host(&self) -> &str {
        host_of("LECTERN_PUBLIC_URL", &self.public_url).unwrap_or("localhost")
    }

    /// Whether browsers reach the server by TLS, so that cookies may insist on it.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Whether browsers may be told to use TLS for this host on every port: only where the public URL names
    /// no port and a name, since a port of its own means that there are others, perhaps in the clear.
    pub(crate) fn is_https_alone(&self) -> bool {
        let host = self.public_url.strip_prefix("https://").unwrap_or_default();
        !host.is_empty()
            && !host.contains(':')
            && host != "localhost"
            && host.parse::<std::net::IpAddr>().is_err()
    }
}

/// The host of `http(s)://host[:port]`, with nothing behind it.
fn host_of<'a>(name: &str, url: &'a str) -> Result<&'a str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest.map(|rest| rest.trim_end_matches('/')).filter(|rest| !rest.is_empty()) else {
        bail!("{name} is {url:?}: write http:// or https://, a host, and a port where it is not the usual");
    };
    if rest.contains(['/', '?', '#', '@', ' ', '*']) {
        bail!("{name} is {url:?}: write scheme, host and port alone");
    }
    // An IPv6 address keeps its brackets and loses its port.
    let end = rest.rfind(']').map_or_else(|| rest.find(':'), |bracket| Some(bracket + 1));
    Ok(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config> {
        let map = pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        Config::from_lookup(&Lookup::from_map(map))
    }

    #[test]
    fn nothing_set_is_a_laptop() {
        let config = config(&[]).unwrap();
        assert_eq!(config.public_url, "http://127.0.0.1:8080");
        assert_eq!(config.rtmp_url, "rtmp://127.0.0.1:1935/live");
        assert!(config.cors_allowed_origins.is_empty());
        assert!(!config.is_https());
    }

    #[test]
    fn a_host_with_other_ports_is_not_told_to_use_tls_on_all_of_them() {
        for (url, alone) in [
            ("https://live.example.org", true),
            ("https://live.example.org:8443", false),
            ("https://localhost", false),
            ("https://192.0.2.1", false),
            ("http://live.example.org", false),
        ] {
            assert_eq!(config(&[("LECTERN_PUBLIC_URL", url)]).unwrap().is_https_alone(), alone, "{url}");
        }
    }

    #[test]
    fn the_rtmp_address_follows_the_public_one() {
        let check = |url, expected: &str| {
            assert_eq!(config(&[("LECTERN_PUBLIC_URL", url)]).unwrap().rtmp_url, expected);
        };
        check("https://live.example.org/", "rtmp://live.example.org:1935/live");
        check("http://[::1]:8080", "rtmp://[::1]:1935/live");
    }

    #[test]
    fn an_origin_with_a_path_or_a_star_is_refused() {
        for origins in ["*", "https://*.example.org", "https://a.example/path", "example.org"] {
            let error = config(&[("CORS_ALLOWED_ORIGINS", origins)]).unwrap_err();
            assert!(error.to_string().contains("CORS_ALLOWED_ORIGINS"), "{error}");
        }
        let two = config(&[("CORS_ALLOWED_ORIGINS", "https://a.example, http://b.example:81")]).unwrap();
        assert_eq!(two.cors_allowed_origins, ["https://a.example", "http://b.example:81"]);
    }
}
