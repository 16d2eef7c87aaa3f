//! Settings of this room, read once and checked whole.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use ingest_core::rtmp::session;
use limits::Rate;
use runtime::config::Lookup;

/// Settings of the RTMP listener and its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where encoders connect (`LECTERN_RTMP_ADDR`).
    pub address: SocketAddr,
    /// Connections at a time (`LECTERN_RTMP_CONNECTIONS_MAX`); one above is closed at once.
    pub connections_max: usize,
    /// Connections at a time from one address (`LECTERN_RTMP_CONNECTIONS_PER_IP_MAX`).
    pub connections_per_ip_max: usize,
    /// Wrong keys from one address (10 in a minute); who brings more waits in the tarpit.
    pub wrong_keys: Rate,
    /// How long an address that guesses has its keys left unjudged.
    pub tarpit: Duration,
    /// Takeovers of one course come no faster than this.
    pub takeover_interval: Duration,
    /// How long [`crate::PublishPolicy::admit`] may take.
    pub admission_timeout: Duration,
    /// Items that may wait for the packager.
    pub items_max: usize,
    /// How long a full channel is waited for before the publication is ended.
    pub sink_patience: Duration,
    /// How long a publisher may take to read what is sent to him.
    pub write_timeout: Duration,
    /// The protocol's own settings.
    pub session: session::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 1935)),
            connections_max: 1000,
            connections_per_ip_max: 50,
            wrong_keys: Rate::new(10, Duration::from_secs(60)),
            tarpit: Duration::from_secs(60),
            takeover_interval: Duration::from_secs(5),
            admission_timeout: Duration::from_secs(10),
            items_max: 512,
            sink_patience: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            session: session::Config::default(),
        }
    }
}

impl Config {
    /// Reads what is set; the rest has its default.
    ///
    /// # Errors
    /// Names the setting that cannot be read or makes no sense.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self> {
        let default = Self::default();
        let session = session::Config {
            publish_deadline: lookup
                .seconds("LECTERN_RTMP_PUBLISH_DEADLINE", default.session.publish_deadline)?,
            silence: lookup.seconds("LECTERN_RTMP_SILENCE", default.session.silence)?,
            ..default.session
        };
        let config = Self {
            address: lookup.parsed("LECTERN_RTMP_ADDR", default.address)?,
            connections_max: lookup.parsed("LECTERN_RTMP_CONNECTIONS_MAX", default.connections_max)?,
            connections_per_ip_max: lookup
                .parsed("LECTERN_RTMP_CONNECTIONS_PER_IP_MAX", default.connections_per_ip_max)?,
            session,
            ..default
        };
        ensure!(config.connections_max > 0, "LECTERN_RTMP_CONNECTIONS_MAX is 0: nobody could publish");
        ensure!(
            config.connections_per_ip_max > 0,
            "LECTERN_RTMP_CONNECTIONS_PER_IP_MAX is 0: nobody could publish"
        );
        ensure!(!config.session.silence.is_zero(), "LECTERN_RTMP_SILENCE is 0: every publication would end");
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config> {
        let map = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Config::from_lookup(&Lookup::from_map(map))
    }

    #[test]
    fn what_is_not_set_has_its_documented_value() {
        let config = read(&[]).unwrap();
        assert_eq!(config.address.to_string(), "0.0.0.0:1935");
        assert_eq!(config.session.silence, Duration::from_secs(30));
        assert_eq!(config.session.publish_deadline, Duration::from_secs(10));
    }

    #[test]
    fn what_is_set_is_read_and_nonsense_is_named() {
        let config = read(&[("LECTERN_RTMP_ADDR", "127.0.0.1:0"), ("LECTERN_RTMP_SILENCE", "5")]).unwrap();
        assert_eq!((config.address.port(), config.session.silence), (0, Duration::from_secs(5)));
        let error = read(&[("LECTERN_RTMP_CONNECTIONS_MAX", "0")]).unwrap_err().to_string();
        assert!(error.contains("LECTERN_RTMP_CONNECTIONS_MAX"), "{error}");
        assert!(read(&[("LECTERN_RTMP_ADDR", "nowhere")]).is_err());
    }
}
