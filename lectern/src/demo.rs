//! `lectern demo`: the server on loopback with a course, people and a generated lecture, to look at.

mod door;
mod publisher;
mod words;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use runtime::{clock, config::Lookup, shutdown::Shutdown, telemetry};
use tracing::{info, warn};

use self::door::Door;
use crate::{cli, serve::stop_signal, settings::Settings, terminal, wiring, wiring::Server};

/// The log's filter where `LECTERN_LOG` says nothing: the terminal belongs to the addresses and log-ins.
const LOG_FILTER: &str = "warn";
/// Made in folders that the demo may empty.
const MARKER: &str = ".lectern-demo";
/// The generated lecture comes back this long after it was displaced or failed, if the stage is free.
const PUBLISHER_PAUSE: Duration = Duration::from_secs(2);
/// How long a stopped demo waits for its publisher.
const PUBLISHER_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn run(lookup: Lookup, options: &cli::Demo) -> Result<()> {
    let lookup = with_demo_defaults(lookup)?;
    let settings = Settings::load(lookup)?;
    telemetry::start_logs(&settings.lookup, LOG_FILTER)?;
    let transcoder = wiring::transcoder_path(&settings)?;
    let door = Door::new();
    let opened = door.clone();
    let server = Server::start(settings, |control| opened.router(control)).await?;
    let seed = server.control.seed_demo().await.context("make the demo's course and people")?;
    door.open(&seed);
    let stage = words::Stage::new(&server, &seed, &door);
    terminal::say(&if options.json { stage.json()? } else { stage.text(options.no_publisher) });

    let tasks = Shutdown::new();
    if !options.no_publisher {
        let publisher = Publisher { transcoder, rtmp: server.rtmp, key: seed.stream_key.clone() };
        let (control, course) = (server.control.clone(), seed.course_id);
        let ours = tasks.clone();
        tasks.spawn(async move { publisher.keep_the_stage(&control, course, &ours).await });
    }
    stop_signal().await?;
    if tasks.finish(PUBLISHER_PATIENCE).await.is_err() {
        warn!("the generated lecture did not end in time");
    }
    server.stop().await;
    Ok(())
}

struct Publisher {
    transcoder: PathBuf,
    rtmp: SocketAddr,
    key: String,
}

impl Publisher {
    /// Publishes whenever nobody else does, until told to stop.
    async fn keep_the_stage(&self, control: &control_api::Control, course: ids::CourseId, ours: &Shutdown) {
        let stop = ours.token();
        while !stop.is_cancelled() {
            if !control.is_publishing(course) {
                match publisher::publish(&self.transcoder, self.rtmp, &self.key, stop).await {
                    Ok(publisher::End::Stopped) => return,
                    Ok(publisher::End::Displaced) => info!("another encoder has the stage"),
                    Err(error) => warn!("the generated lecture stopped: {error:#}"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock::sleep_until(clock::now() + PUBLISHER_PAUSE) => {}
            }
        }
    }
}

/// Loopback, the usual ports where they are free, and a data folder that starts empty.
fn with_demo_defaults(lookup: Lookup) -> Result<Lookup> {
    let mut defaults = BTreeMap::new();
    for (name, port) in
        [("LECTERN_HTTP_ADDR", 8080), ("LECTERN_RTMP_ADDR", 1935), ("LECTERN_METRICS_ADDR", 9090)]
    {
        if lookup.text(name).is_none() {
            defaults.insert(name.to_owned(), free_or_any(port).to_string());
        }
    }
    if lookup.text("LECTERN_DATA_DIR").is_none() {
        let folder = Path::new("data").join("demo");
        start_empty(&folder)?;
        defaults.insert("LECTERN_DATA_DIR".to_owned(), folder.display().to_string());
    }
    Ok(lookup.over(Lookup::from_map(defaults)))
}

/// The usual port on loopback, or port 0 (any) when somebody else has it.
fn free_or_any(port: u16) -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    match std::net::TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    }
}

/// Empties the demo's own folder. One without the demo's marker is never touched.
fn start_empty(folder: &Path) -> Result<()> {
    let marker = folder.join(MARKER);
    if folder.exists() {
        anyhow::ensure!(
            marker.exists(),
            "{} is there and was not made by the demo: move it away, or choose another folder with --data-dir",
            folder.display()
        );
        fs::remove_dir_all(folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::write(&marker, "Made by `lectern demo`, which empties this folder when it starts.\n")
        .with_context(|| format!("write {}", marker.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_empties_its_own_folder_and_no_other() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let ours = root.path().join("demo");
        start_empty(&ours).expect("made");
        fs::write(ours.join("old"), "").expect("written");
        start_empty(&ours).expect("emptied");
        assert!(!ours.join("old").exists() && ours.join(MARKER).exists());

        let other = root.path().join("thesis");
        fs::create_dir(&other).expect("made");
        fs::write(other.join("chapter"), "").expect("written");
        assert!(start_empty(&other).is_err());
        assert!(other.join("chapter").exists());
    }

    #[test]
    fn a_taken_port_gives_way_to_a_free_one() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("its address").port();
        assert_eq!(free_or_any(port).port(), 0);
    }
}
