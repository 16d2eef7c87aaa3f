//! `lectern serve`: starts what the roles ask for, and ends it in order.

use anyhow::{Context, Result};
use runtime::{config::Lookup, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::{settings::Settings, terminal, wiring::Server};

/// The log's filter where `LECTERN_LOG` says nothing.
const LOG_FILTER: &str = "info";

/// The exit code of an end without order.
const ENDED_AT_ONCE: i32 = 3;

pub(crate) async fn run(lookup: Lookup) -> Result<()> {
    let settings = Settings::load(lookup)?;
    telemetry::start_logs(&settings.lookup, LOG_FILTER)?;
    let server = Server::start(settings, |_| axum::Router::new()).await?;
    if let Some(link) = server.control.setup_link().await.context("look for the first admin")? {
        terminal::say("This server has no administrator yet. Open this link once to become it:");
        terminal::say(&format!("  {link}"));
    }
    stop_signal().await?;
    server.stop().await;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM. Whoever does not want to wait for the orderly end says it once more.
pub(crate) async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("listen for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    info!("stopping; once more ends at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        error!("ended at once: what was open is left to its journal");
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(())
}
