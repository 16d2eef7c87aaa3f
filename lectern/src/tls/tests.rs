use std::{fs, path::Path};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tempfile::TempDir;

use super::*;

/// A certificate for `localhost`, and the key that belongs to it.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.der().clone(), pem: certificate.pem(), key: key.serialize_pem() }
    }

    pub(crate) fn write(&self, folder: &Path) -> Files {
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        replace(&files.certificate, &self.pem);
        replace(&files.key, &self.key);
        files
    }

    /// A client that trusts this certificate alone.
    pub(crate) fn client(&self, protocols: &[&[u8]]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    }
}

/// As ACME clients do it: the name gets another file.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).expect("written");
    fs::rename(&fresh, path).expect("renamed");
}

fn bench() -> (TempDir, Pair, Tls) {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = Pair::new();
    let tls = Tls::load(pair.write(folder.path())).expect("a good pair");
    (folder, pair, tls)
}

fn in_force(tls: &Tls) -> CertificateDer<'static> {
    tls.current.0.read().expect("no holder panics").cert[0].clone()
}

#[test]
fn new_files_are_taken_over_and_broken_ones_are_not() {
    let (folder, first, tls) = bench();
    tls.look();
    assert_eq!(in_force(&tls), first.certificate);

    let second = Pair::new();
    let files = second.write(folder.path());
    tls.look();
    assert_eq!(in_force(&tls), second.certificate, "the new pair is in force");

    fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nbroken").expect("written");
    tls.look();
    tls.look();
    assert_eq!(in_force(&tls), second.certificate, "a broken file changes nothing");
    assert_eq!(tls.seen.lock().expect("no holder panics").failures, 2);

    fs::remove_file(&files.key).expect("removed");
    tls.look();
    assert_eq!(in_force(&tls), second.certificate, "nor does a missing one");

    let third = Pair::new();
    third.write(folder.path());
    tls.look();
    assert_eq!(in_force(&tls), third.certificate, "a good pair ends the trouble");
    assert_eq!(tls.seen.lock().expect("no holder panics").failures, 0);
}

#[test]
fn a_certificate_that_comes_before_its_key_waits_for_it() {
    let (folder, first, tls) = bench();
    let second = Pair::new();
    replace(&folder.path().join("cert.pem"), &second.pem);
    tls.look();
    assert_eq!(in_force(&tls), first.certificate);
    replace(&folder.path().join("key.pem"), &second.key);
    tls.look();
    assert_eq!(in_force(&tls), second.certificate);
}

#[test]
fn each_mistake_in_the_files_is_named_with_its_cure() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pair, other) = (Pair::new(), Pair::new());
    let files = pair.write(folder.path());
    let error = || format!("{:#}", Tls::load(files.clone()).expect_err("refused"));
    fs::write(&files.key, &other.key).expect("written");
    assert!(error().contains("does not belong to the certificate"), "{}", error());
    fs::write(&files.key, &pair.pem).expect("written");
    assert!(error().contains("LECTERN_TLS_KEY: no private key"), "{}", error());
    fs::write(&files.certificate, &pair.key).expect("written");
    assert!(error().contains("fullchain.pem"), "{}", error());
    fs::remove_file(&files.certificate).expect("removed");
    assert!(error().contains("LECTERN_TLS_CERT: read"), "{}", error());
}

#[tokio::test(start_paused = true)]
async fn the_files_are_looked_at_every_few_seconds() {
    let (folder, _, tls) = bench();
    let stop = CancellationToken::new();
    let watch = tokio::spawn(tls.clone().keep_fresh(stop.clone()));
    let second = Pair::new();
    second.write(folder.path());
    clock::sleep_until(clock::now() + 3 * LOOK_EVERY).await;
    assert_eq!(in_force(&tls), second.certificate);
    stop.cancel();
    watch.await.expect("the watch ends");
}
