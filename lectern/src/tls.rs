//! TLS for the doors of this process: one certificate, read from files and read anew when they change.
//!
//! A broken new certificate never replaces a good one: the old one stays, and the log, the metrics and
//! `lectern doctor` say so.

mod files;
mod validity;

use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use anyhow::{Context, Result};
use runtime::clock;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use files::{Files, Stamp};
pub(crate) use validity::Validity;

/// The files are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A TLS handshake takes this long at most.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// From so many days before its end on, a certificate is worth a word.
pub(crate) const DAYS_LEFT_WARN: i64 = 14;

/// The certificate in force and where it comes from. Clones share it.
#[derive(Clone)]
pub(crate) struct Tls {
    files: Files,
    current: Arc<Current>,
    seen: Arc<Mutex<Seen>>,
}

/// What connections are answered with.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

/// What the last looks at the files found.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The files as they were when last read, well or not.
    stamp: Option<Stamp>,
    /// How often in a row they could not be read.
    failures: u32,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file is wrong, and what to do.
    pub(crate) fn load(files: Files) -> Result<Self> {
        describe_metrics();
        let stamp = files.stamp();
        let (key, validity) = files.read()?;
        tell(validity);
        let seen = Seen { stamp, failures: 0 };
        let current = Arc::new(Current(RwLock::new(key)));
        Ok(Self { files, current, seen: Arc::new(Mutex::new(seen)) })
    }

    /// For web browsers and players: HTTP/2, else HTTP/1.1.
    ///
    /// # Errors
    /// When the provider of cryptography lacks what TLS needs.
    pub(crate) fn for_http(&self) -> Result<TlsAcceptor> {
        self.acceptor(&[b"h2", b"http/1.1"])
    }

    /// For encoders, which speak nothing but RTMP.
    ///
    /// # Errors
    /// When the provider of cryptography lacks what TLS needs.
    pub(crate) fn for_rtmp(&self) -> Result<TlsAcceptor> {
        self.acceptor(&[])
    }

    fn acceptor(&self, protocols: &[&[u8]]) -> Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .context("prepare TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Resumption without a table of our own to fill.
        config.ticketer = aws_lc_rs::Ticketer::new().context("make keys for TLS tickets")?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files again and again, until told to stop.
    pub(crate) async fn keep_fresh(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock::sleep_until(clock::now() + LOOK_EVERY) => {}
            }
            let tls = self.clone();
            // Files may lie on a slow disk.
            if tokio::task::spawn_blocking(move || tls.look()).await.is_err() {
                warn!("the look at the certificate's files failed");
            }
        }
    }

    /// Takes over new files, if there are any and they are good. Connections that stand are not touched.
    fn look(&self) {
        let stamp = self.files.stamp();
        let before = *self.seen.lock().expect("no holder panics");
        if stamp.is_some() && stamp == before.stamp && before.failures == 0 {
            return;
        }
        let failures = match self.files.read() {
            Ok((key, validity)) => {
                *self.current.0.write().expect("no holder panics") = key;
                metrics::counter!("lectern_tls_reloads_total", "outcome" => "taken").increment(1);
                metrics::gauge!("lectern_tls_reload_failing").set(0.0);
                info!("new TLS certificate from {}", self.files.certificate.display());
                tell(validity);
                0
            }
            Err(error) => {
                let failures = before.failures.saturating_add(1);
                // Certificate and key are two files: for a moment they may not belong together.
                if failures == 2 || (failures > 2 && stamp != before.stamp) {
                    metrics::counter!("lectern_tls_reloads_total", "outcome" => "refused").increment(1);
                    metrics::gauge!("lectern_tls_reload_failing").set(1.0);
                    warn!("the new TLS certificate is not taken, the old one stays in force: {error:#}");
                }
                failures
            }
        };
        *self.seen.lock().expect("no holder panics") = Seen { stamp, failures };
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().expect("no holder panics")))
    }
}

/// The one provider of cryptography in this house.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn tell(validity: Validity) {
    // Seconds since 1970 stay exact in a double for millions of years.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    metrics::gauge!("lectern_tls_certificate_expires_seconds").set(validity.not_after_s as f64);
    let days = validity.days_left(clock::unix_s());
    if days < DAYS_LEFT_WARN {
        warn!("the TLS certificate is valid {validity}: {days} days are left");
    } else {
        info!("the TLS certificate is valid {validity}");
    }
}

fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_gauge!(
        "lectern_tls_certificate_expires_seconds",
        Unit::Seconds,
        "When the TLS certificate in force ends, in seconds since 1970."
    );
    describe_gauge!("lectern_tls_reload_failing", "1 while the certificate's files cannot be taken over.");
    describe_counter!("lectern_tls_reloads_total", "Changed certificate files, by outcome.");
}

#[cfg(test)]
pub(crate) mod tests;
