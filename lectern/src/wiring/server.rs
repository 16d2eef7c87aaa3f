//! A running server: every room started in order, and ended in order.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use access::edge_secret::EdgeSecrets;
use anyhow::{Context, Result};
use control_api::Control;
use ingest_server::Door;
use metrics_exporter_prometheus::PrometheusHandle;
use origin_server::Origin;
use packager_server::Packager;
use runtime::{clock, shutdown::Shutdown, telemetry};
use store::Store;
use tokio::{net::TcpListener, time::timeout};
use tracing::{info, warn};

use super::{
    disk,
    joints::{ForControl, ForIngest, ForOrigin, ForPackager, Said},
    keyring, root,
};
use crate::{
    admin::open_database,
    listener::{Limits, Listener, Places, Service},
    pages,
    settings::Settings,
    tls::Tls,
};

/// Requests under way when the process is told to stop get this long.
const HTTP_PATIENCE: Duration = Duration::from_secs(5);
/// Publishers are told and their last media taken within this.
const INGEST_PATIENCE: Duration = Duration::from_secs(5);
/// The rest: workers, metrics.
const TASKS_PATIENCE: Duration = Duration::from_secs(5);
/// The metrics' recorder drops what is stale this often.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// The database's last answers.
const DATABASE_PATIENCE: Duration = Duration::from_secs(3);

/// All rooms of this process.
pub(crate) struct Server {
    /// Where pages, API and media are.
    pub(crate) http: SocketAddr,
    /// The same over TLS.
    pub(crate) https: Option<SocketAddr>,
    /// Where encoders connect.
    pub(crate) rtmp: SocketAddr,
    /// The control plane.
    pub(crate) control: Control,
    database: db::Db,
    packager: Packager,
    http_tasks: Shutdown,
    ingest_tasks: Shutdown,
    other_tasks: Shutdown,
}

impl Server {
    /// Binds every port, opens the database, goes on with what was on air, and serves. `more_pages` are
    /// routes beside those of the rooms.
    ///
    /// # Errors
    /// What could not be had, with words about what to do.
    pub(crate) async fn start(
        settings: Settings,
        more_pages: impl FnOnce(&Control) -> axum::Router,
    ) -> Result<Self> {
        let lookup = &settings.lookup;
        let metrics = telemetry::start_metrics()?;
        let limits = Limits::from_lookup(lookup)?;
        let places = Places::new(&limits);
        let http_listener = Listener::bind(settings.http_addr, "LECTERN_HTTP_ADDR", limits, &places, None)?;
        let tls = settings.tls.clone().map(Tls::load).transpose()?;
        let https_listener = match (&tls, settings.https_addr) {
            (Some(tls), Some(address)) => {
                Some(Listener::bind(address, "LECTERN_HTTPS_ADDR", limits, &places, Some(tls.for_http()?))?)
            }
            _ => None,
        };
        let rtmp_listener = bind_rtmp("rtmp", settings.rtmp_addr, "LECTERN_RTMP_ADDR").await?;
        let rtmps_door = match (&tls, settings.rtmps_addr) {
            (Some(tls), Some(address)) => {
                let listener = bind_rtmp("rtmps", address, "LECTERN_RTMPS_ADDR").await?;
                info!("listening for RTMPS on {}", listener.local_addr().unwrap_or(address));
                Some(Door { listener, tls: Some(tls.for_rtmp()?) })
            }
            _ => None,
        };
        let http = http_listener.address();
        let https = https_listener.as_ref().map(Listener::address);
        let rtmp = rtmp_listener.local_addr().context("read the RTMP listener's address")?;
        let metrics_listener = TcpListener::bind(settings.metrics_addr).await.with_context(|| {
            format!("listen on {} for metrics: set LECTERN_METRICS_ADDR", settings.metrics_addr)
        })?;

        let database = open_database(&settings).await?;
        db::migrate::run(&database).await.context("bring the database's tables up to date")?;

        let (http_tasks, ingest_tasks, other_tasks) = (Shutdown::new(), Shutdown::new(), Shutdown::new());
        let root = root(&settings)?;
        let said = Arc::new(Said::default());
        let from_packager = Arc::new(ForPackager { said: Arc::clone(&said), ..ForPackager::default() });
        let store = Store::with_reserve(settings.data_dir.clone(), disk::reserve_bytes(lookup)?);
        let packager = Packager::new(
            packager_server::Config::from_lookup(lookup)?,
            store.clone(),
            Arc::clone(&from_packager) as Arc<dyn packager_server::ProgrammeSink>,
            Shutdown::new(),
        );
        let mut control_config = control_api::Config::from_lookup(lookup)?;
        name_addresses(&mut control_config, &settings, http, rtmp);
        let edge = lookup.text("LECTERN_EDGE_SECRET").unwrap_or_default();
        let origin = Arc::new(Origin::new(
            Arc::new(ForOrigin(packager.clone())),
            keyring(&root)?,
            EdgeSecrets::new(edge.split(',').map(str::trim).filter(|value| !value.is_empty())),
            origin_server::Config {
                cors_origins: control_config.cors_allowed_origins.clone(),
                ..origin_server::Config::default()
            },
            http_tasks.token().clone(),
        ));
        let control = Control::new(
            control_config,
            database.clone(),
            &root,
            Arc::new(keyring(&root)?),
            Arc::new(ForControl { packager: packager.clone(), origin: Arc::clone(&origin) }),
            vec![disk::check(&settings.data_dir)],
        );
        // The packager speaks only once media comes, and none can before ingest is started below.
        let _ = from_packager.control.set(control.clone());

        for revoked in control.revoked_access().await.context("read who lost access")? {
            origin.revoke(&revoked);
        }
        for programme in control.on_air().await.context("read what was on air")? {
            info!("going on with session {}", programme.session);
            packager.resume(programme).await;
        }

        let world = Arc::new(ForIngest { control: control.clone(), packager: packager.clone(), said });
        let ingest = ingest_server::Config::from_lookup(lookup)?;
        let doors: Vec<_> = [Some(Door::plain(rtmp_listener)), rtmps_door].into_iter().flatten().collect();
        ingest_tasks.spawn(ingest_server::serve(doors, ingest, world, ingest_tasks.token().clone()));
        info!("listening for RTMP on {rtmp}");
        let pages = control.router().merge(more_pages(&control)).fallback(pages::serve);
        let service = Service { origin: Some(origin), pages };
        for listener in [Some(http_listener), https_listener].into_iter().flatten() {
            http_tasks.spawn(listener.serve(service.clone(), http_tasks.clone(), HTTP_PATIENCE));
        }
        if let Some(tls) = tls {
            other_tasks.spawn(tls.keep_fresh(other_tasks.token().clone()));
        }
        let (worker, stop) = (control.clone(), other_tasks.token().clone());
        other_tasks.spawn(async move { worker.run_worker(stop).await });
        let (worker, stop) = (control.clone(), other_tasks.token().clone());
        other_tasks.spawn(async move { worker.run_jobs(stop).await });
        other_tasks.spawn(disk::look_after(store, settings.data_dir.clone(), other_tasks.token().clone()));
        other_tasks.spawn(serve_metrics(metrics_listener, metrics, other_tasks.clone()));
        Ok(Self { http, https, rtmp, control, database, packager, http_tasks, ingest_tasks, other_tasks })
    }

    /// Stops in order: no more publishers, their last media written, no more viewers, the database closed.
    /// Nothing on air is ended: the next start goes on with it.
    pub(crate) async fn stop(self) {
        if let Err(left) = self.ingest_tasks.finish(INGEST_PATIENCE).await {
            warn!("{left} ingest tasks did not end in time");
        }
        self.packager.shutdown().await;
        if let Err(left) = self.http_tasks.finish(HTTP_PATIENCE + Duration::from_secs(1)).await {
            warn!("{left} HTTP tasks did not end in time");
        }
        if timeout(HTTP_PATIENCE, self.control.finish_requests()).await.is_err() {
            warn!("requests that went on without their clients did not end in time");
        }
        if let Err(left) = self.other_tasks.finish(TASKS_PATIENCE).await {
            warn!("{left} background tasks did not end in time");
        }
        if timeout(DATABASE_PATIENCE, self.database.close()).await.is_err() {
            warn!("the database did not close in time");
        }
        info!("stopped");
    }
}

async fn bind_rtmp(scheme: &str, address: SocketAddr, setting: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {scheme}://{address}: is another program using the port? Set {setting}")
    })
}

/// Where nothing is set, people reach the server where it listens.
fn name_addresses(config: &mut control_api::Config, settings: &Settings, http: SocketAddr, rtmp: SocketAddr) {
    if settings.public_url.is_none() {
        config.public_url = format!("http://{}", reachable(http));
        if settings.lookup.text("LECTERN_PUBLIC_RTMP_URL").is_none() {
            config.rtmp_url = format!("rtmp://{}/live", reachable(rtmp));
        }
    }
}

/// An address that a browser on this machine can open.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

/// `/metrics` on a listener of its own, so that it is private unless somebody opens it.
async fn serve_metrics(listener: TcpListener, handle: PrometheusHandle, shutdown: Shutdown) {
    let page = handle.clone();
    let routes =
        axum::Router::new().route("/metrics", axum::routing::get(move || std::future::ready(page.render())));
    let upkeep = async {
        loop {
            clock::sleep_until(clock::now() + METRICS_UPKEEP).await;
            handle.run_upkeep();
        }
    };
    let stop = shutdown.token().clone();
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        ended = served => if let Err(error) = ended { warn!("the metrics' listener ended: {error}") },
        () = upkeep => {}
    }
}
