//! Certificate and key as PEM files, as every authority and ACME client writes them.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{Validity, provider};

/// Longer files are something else.
const BYTES_MAX: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// `LECTERN_TLS_CERT`: the server's own certificate first, then those between it and a root.
    pub(crate) certificate: PathBuf,
    /// `LECTERN_TLS_KEY`.
    pub(crate) key: PathBuf,
}

/// What of both files changes when they are written or replaced: time of change, length, number.
pub(crate) type Stamp = [(i64, i64, u64, u64); 2];

impl Files {
    /// None while one of them is missing.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let of = |path: &Path| {
            let file = fs::metadata(path).ok()?;
            Some((file.mtime(), file.mtime_nsec(), file.len(), file.ino()))
        };
        Some([of(&self.certificate)?, of(&self.key)?])
    }

    /// Reads both and checks that they belong together.
    ///
    /// # Errors
    /// Which file is wrong, and what to do.
    pub(crate) fn read(&self) -> Result<(Arc<CertifiedKey>, Validity)> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let text = read(&self.certificate, "LECTERN_TLS_CERT")?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .with_context(|| format!("LECTERN_TLS_CERT: {certificate} is no PEM file"))?;
        let Some(own) = chain.first() else {
            bail!(
                "LECTERN_TLS_CERT: no certificate in {certificate}: give the PEM file with the whole chain \
                 (certbot calls it fullchain.pem)"
            );
        };
        let validity = Validity::of(own)
            .with_context(|| format!("LECTERN_TLS_CERT: the certificate in {certificate}"))?;
        let text = read(&self.key, "LECTERN_TLS_KEY")?;
        let private = PrivateKeyDer::from_pem_slice(&text).with_context(|| {
            format!(
                "LECTERN_TLS_KEY: no private key in {key}: give an unencrypted PEM file (certbot calls it \
                 privkey.pem)"
            )
        })?;
        let certified = CertifiedKey::from_der(chain, private, &provider()).with_context(|| {
            format!(
                "LECTERN_TLS_KEY: the key in {key} does not belong to the certificate in {certificate}: give \
                 the pair that was issued together"
            )
        })?;
        Ok((Arc::new(certified), validity))
    }
}

fn read(path: &Path, setting: &str) -> Result<Vec<u8>> {
    let what =
        || format!("{setting}: read {}: is it there, and readable for the server's user?", path.display());
    let length = fs::metadata(path).with_context(what)?.len();
    ensure!(length <= BYTES_MAX, "{setting}: {} has {length} bytes: it is no PEM file", path.display());
    fs::read(path).with_context(what)
}
