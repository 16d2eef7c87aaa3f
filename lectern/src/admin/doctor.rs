//! Looks whether everything is there before a lecture does.

use std::{net::SocketAddr, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use runtime::{clock, config::Lookup};
use tokio::{net::TcpListener, process::Command, time::timeout};

use super::open_database;
use crate::{
    pages,
    settings::Settings,
    terminal,
    tls::{DAYS_LEFT_WARN, Files},
    wiring,
};

/// A lecture of three hours with the whole ladder takes about 7 GB.
const FREE_BYTES_MIN: u64 = 8 << 30;
const TRANSCODER_WAIT: Duration = Duration::from_secs(5);
/// Some sixty processes, one after the other.
const JAIL_WAIT: Duration = Duration::from_secs(60);

/// Prints a line for each thing looked at; fails when one is missing.
pub(crate) async fn doctor(lookup: Lookup) -> Result<ExitCode> {
    let mut report = Report::default();
    let settings = match Settings::load(lookup) {
        Ok(settings) => settings,
        Err(error) => {
            report.note("settings", Err(error));
            return Ok(report.verdict());
        }
    };
    report.note("settings", wiring::check_rooms(&settings).map(|()| format!("roles {}", settings.roles)));
    report.note("data folder", data_folder(&settings.data_dir));
    report.note("disk space", disk_space(&settings.data_dir));
    report.note("database", database(&settings).await);
    report.note("mail", mail(&settings).await);
    report.note("transcoder", ask_transcoder(&settings, "--version", TRANSCODER_WAIT).await);
    report.note("transcoder's jail", ask_transcoder(&settings, "--check-jail", JAIL_WAIT).await);
    report.note("pages", embedded_pages());
    if let Some(files) = &settings.tls {
        report.note("certificate", certificate(files));
    }
    for (name, variable, address) in [
        ("HTTP port", "LECTERN_HTTP_ADDR", Some(settings.http_addr)),
        ("HTTPS port", "LECTERN_HTTPS_ADDR", settings.https_addr),
        ("RTMP port", "LECTERN_RTMP_ADDR", Some(settings.rtmp_addr)),
        ("RTMPS port", "LECTERN_RTMPS_ADDR", settings.rtmps_addr),
        ("metrics port", "LECTERN_METRICS_ADDR", Some(settings.metrics_addr)),
    ] {
        if let Some(address) = address {
            report.note(name, port(variable, address).await);
        }
    }
    Ok(report.verdict())
}

#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn note(&mut self, name: &str, outcome: Result<String>) {
        match outcome {
            Ok(detail) => terminal::say(&format!("ok      {name}: {detail}")),
            Err(error) => {
                self.failed += 1;
                terminal::say(&format!("FAILED  {name}: {error:#}"));
            }
        }
    }

    fn verdict(&self) -> ExitCode {
        match self.failed {
            0 => {
                terminal::say("Everything is in order.");
                ExitCode::SUCCESS
            }
            count => {
                terminal::say(&format!("{count} to mend; each line above says how."));
                ExitCode::FAILURE
            }
        }
    }
}

fn data_folder(folder: &Path) -> Result<String> {
    wiring::disk_fault(folder, 0)?;
    Ok(format!("{} can be written", folder.display()))
}

fn disk_space(folder: &Path) -> Result<String> {
    wiring::disk_fault(folder, FREE_BYTES_MIN).context("a lecture of three hours takes about 7 GB")?;
    Ok(format!("more than {} GiB free", FREE_BYTES_MIN >> 30))
}

async fn database(settings: &Settings) -> Result<String> {
    let database = open_database(settings).await?;
    let pending = db::migrate::pending(&database).await.context("read the state of the tables")?;
    Ok(match pending {
        0 => format!("{}, tables up to date", database.name()),
        count => format!("{}, {count} steps pending: the server takes them when it starts", database.name()),
    })
}

/// Without a mail server everything works but the sending of letters, so that is no failure; it is said.
async fn mail(settings: &Settings) -> Result<String> {
    let database = open_database(settings).await?;
    let mut waiting = 0;
    let control = wiring::control_without_media(settings, database.clone())?;
    if db::migrate::pending(&database).await.context("read the state of the tables")? == 0 {
        let state = control.mail_state().await.context("read the outbox")?;
        waiting = state.letters.iter().filter(|(status, _)| status == "held").map(|(_, count)| count).sum();
        if let Some(server) = state.server {
            let checked = control.check_mail_server().await;
            checked.map_err(|why| anyhow::anyhow!("{server} does not take our letters: {why}"))?;
            return Ok(format!("{server} takes our letters"));
        }
    }
    Ok(format!(
        "no mail server is set (EMAIL_HOST), so letters that confirm addresses and reset passwords are not sent: \
         {waiting} are held; `lectern mail list --status held` shows them, `lectern mail show ID` prints the link"
    ))
}

/// What the transcoder answers to a question; an error when it has something to complain about.
async fn ask_transcoder(settings: &Settings, question: &str, wait: Duration) -> Result<String> {
    let path = wiring::transcoder_path(settings)?;
    let run = Command::new(&path).arg(question).kill_on_drop(true).output();
    let output = timeout(wait, run)
        .await
        .with_context(|| format!("{} {question} did not end", path.display()))?
        .with_context(|| {
            format!("start {}: install it beside lectern, or set LECTERN_TRANSCODER", path.display())
        })?;
    let said = |stream: &[u8]| String::from_utf8_lossy(stream).trim().replace('\n', "; ");
    if !output.status.success() {
        bail!("{}: {} {}", path.display(), said(&output.stdout), said(&output.stderr));
    }
    Ok(said(&output.stdout))
}

/// A running server that cannot take these files over goes on with those of before.
fn certificate(files: &Files) -> Result<String> {
    let (_, validity) = files.read().context("a running server keeps the one it has")?;
    let now_s = clock::unix_s();
    let days = validity.days_left(now_s);
    ensure!(
        validity.holds(now_s),
        "valid {validity}, not now: browsers refuse it; renew it, or set the clock"
    );
    ensure!(days >= DAYS_LEFT_WARN, "valid {validity}: only {days} days are left; renew it");
    Ok(format!("valid {validity}, {days} days are left"))
}

fn embedded_pages() -> Result<String> {
    ensure!(pages::are_embedded(), "not part of this build: run `make web`, then build again");
    Ok("embedded".to_owned())
}

async fn port(variable: &str, address: SocketAddr) -> Result<String> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{address} cannot be had; if it is not lectern itself that runs there, set {variable}")
    })?;
    Ok(format!("{address} is free"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::Pair;

    #[test]
    fn a_certificate_is_told_with_its_end_and_a_broken_one_with_its_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Pair::new().write(folder.path());
        let told = certificate(&files).expect("a good one");
        assert!(told.contains("until") && told.contains("days are left"), "{told}");
        std::fs::write(&files.certificate, "").expect("written");
        let error = format!("{:#}", certificate(&files).expect_err("a broken one"));
        assert!(error.contains("keeps the one it has") && error.contains("fullchain.pem"), "{error}");
    }
}
