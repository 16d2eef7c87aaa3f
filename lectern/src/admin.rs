//! Commands that an operator types: they work offline, beside a running server or without one.

mod doctor;
mod hlscheck;
mod mail;

use std::{
    io::{BufRead, IsTerminal},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use db::Db;
use runtime::config::Lookup;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

pub(crate) use doctor::doctor;
pub(crate) use hlscheck::hlscheck;
pub(crate) use mail::mail;

use crate::{
    cli::{ConfigCommand, Role, UserCommand},
    settings::Settings,
    terminal,
    tls::Files,
    wiring,
};

/// A ready server answers at once; one that takes longer is not healthy.
const HEALTH_WAIT: Duration = Duration::from_secs(3);

pub(crate) async fn migrate(lookup: Lookup) -> Result<()> {
    let settings = Settings::load(lookup)?;
    let database = open_database(&settings).await?;
    let pending = db::migrate::pending(&database).await.context("look for tables to bring up to date")?;
    db::migrate::run(&database).await.context("bring the tables up to date")?;
    database.close().await;
    terminal::say(&match pending {
        0 => format!("The {} database was up to date.", database.name()),
        count => format!("The {} database is up to date: {count} steps were taken.", database.name()),
    });
    Ok(())
}

pub(crate) async fn user(lookup: Lookup, command: UserCommand) -> Result<()> {
    let UserCommand::Create { email, role, name, password_stdin } = command;
    let settings = Settings::load(lookup)?;
    let password = read_password(password_stdin)?;
    let database = open_database(&settings).await?;
    db::migrate::run(&database).await.context("bring the tables up to date")?;
    let control = wiring::control_without_media(&settings, database)?;
    let role = match role {
        Role::Admin => "admin",
        Role::Instructor => "instructor",
        Role::Student => "student",
    };
    control.create_user(&email, role, name.as_deref(), &password).await?;
    terminal::say(&format!("Made the {role} account of {email}."));
    Ok(())
}

pub(crate) async fn health(lookup: Lookup) -> Result<ExitCode> {
    let settings = Settings::load(lookup)?;
    let mut address = settings.http_addr;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    match timeout(HEALTH_WAIT, ask_ready(address)).await {
        Ok(Ok(200)) => {
            terminal::say("ready");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Ok(status)) => bail!("http://{address}/readyz answered {status}: see the server's log"),
        Ok(Err(error)) => Err(error.context(format!("no server answers at http://{address}"))),
        Err(_) => bail!("http://{address}/readyz did not answer within {HEALTH_WAIT:?}"),
    }
}

async fn ask_ready(address: SocketAddr) -> Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer[..count]).into_owned();
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer is not HTTP")
}

pub(crate) fn config(lookup: Lookup, command: &ConfigCommand) -> Result<()> {
    let settings = Settings::load(lookup)?;
    wiring::check_rooms(&settings)?;
    match command {
        ConfigCommand::Check => terminal::say("The settings are in order."),
        ConfigCommand::Print => {
            let url = settings.public_url.as_deref().unwrap_or("(made from LECTERN_HTTP_ADDR)");
            let database = match &settings.database_url {
                // A database URL holds a password.
                Some(url) => url.split("://").next().map_or_else(String::new, |kind| format!("{kind}://…")),
                None => settings.database_url(),
            };
            let tls = |path: fn(&Files) -> &PathBuf| {
                settings
                    .tls
                    .as_ref()
                    .map_or_else(|| "(none)".to_owned(), |files| path(files).display().to_string())
            };
            let door = |address: Option<SocketAddr>| {
                address.map_or_else(|| "(off)".to_owned(), |address| address.to_string())
            };
            let secret = if settings.secret.generated { "(generated, in the data folder)" } else { "(set)" };
            let or = |name: &str, unset: &str| settings.lookup.text(name).unwrap_or_else(|| unset.to_owned());
            for (name, value) in [
                ("LECTERN_ENV", format!("{:?}", settings.environment).to_lowercase()),
                ("LECTERN_ROLES", settings.roles.to_string()),
                ("LECTERN_DATA_DIR", settings.data_dir.display().to_string()),
                ("LECTERN_HTTP_ADDR", settings.http_addr.to_string()),
                ("LECTERN_RTMP_ADDR", settings.rtmp_addr.to_string()),
                ("LECTERN_METRICS_ADDR", settings.metrics_addr.to_string()),
                ("LECTERN_TLS_CERT", tls(|files| &files.certificate)),
                ("LECTERN_TLS_KEY", tls(|files| &files.key)),
                ("LECTERN_HTTPS_ADDR", door(settings.https_addr)),
                ("LECTERN_RTMPS_ADDR", door(settings.rtmps_addr)),
                ("LECTERN_PUBLIC_URL", url.to_owned()),
                ("DATABASE_URL", database),
                ("LECTERN_SECRET_KEY", secret.to_owned()),
                ("LECTERN_REGISTRATION", or("LECTERN_REGISTRATION", "open")),
                ("EMAIL_HOST", or("EMAIL_HOST", "(none: letters are held)")),
                ("DEFAULT_FROM_EMAIL", or("DEFAULT_FROM_EMAIL", "(none)")),
            ] {
                terminal::say(&format!("{name} = {value:?}"));
            }
        }
    }
    Ok(())
}

pub(crate) fn openapi() -> Result<()> {
    terminal::say(&control_api::openapi_json().context("write the OpenAPI document")?);
    Ok(())
}

/// Opens the database, with words about what to do where that fails.
pub(crate) async fn open_database(settings: &Settings) -> Result<Db> {
    let url = settings.database_url();
    Db::open(&url, db::Options::default()).await.with_context(|| match &settings.database_url {
        Some(_) => {
            "open the database of DATABASE_URL: is it running, and do name and password fit?".to_owned()
        }
        None => format!("open the database in {}", settings.data_dir.display()),
    })
}

fn read_password(from_stdin: bool) -> Result<String> {
    let stdin = std::io::stdin();
    ensure!(
        from_stdin || !stdin.is_terminal(),
        "give the password on standard input, so that it stands in no shell history: \
         lectern user create … --password-stdin < file"
    );
    let mut line = String::new();
    stdin.lock().read_line(&mut line).context("read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "the password is empty");
    Ok(password.to_owned())
}
