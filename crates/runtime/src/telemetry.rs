//! Logs and metrics of the process.

use anyhow::{Context, Result, bail};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::Lookup;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. `LECTERN_LOG` filters (`info`), `LECTERN_LOG_FORMAT` is `pretty` or
/// `json`.
///
/// # Errors
/// When a setting cannot be read, or logging was started before.
pub fn start_logs(lookup: &Lookup, default_filter: &str) -> Result<()> {
    let filter = lookup.text("LECTERN_LOG").unwrap_or_else(|| default_filter.to_owned());
    let filter = EnvFilter::try_new(&filter).with_context(|| format!("LECTERN_LOG is {filter:?}"))?;
    let format = match lookup.text("LECTERN_LOG_FORMAT").as_deref() {
        None | Some("pretty") => LogFormat::Pretty,
        Some("json") => LogFormat::Json,
        Some(other) => bail!("LECTERN_LOG_FORMAT is {other:?}: write pretty or json"),
    };
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Pretty => base.with_target(false).try_init(),
        LogFormat::Json => base.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))
}

/// Starts collecting metrics; the handle renders them in Prometheus' text format.
///
/// # Errors
/// When a recorder was installed before.
pub fn start_metrics() -> Result<PrometheusHandle> {
    let buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    PrometheusBuilder::new()
        .set_buckets(&buckets)
        .context("metric buckets")?
        .install_recorder()
        .context("install the metrics recorder")
}
