//! Where the rooms are joined: each states what it needs as a trait, and gets another room's public function
//! here. Nothing else in the house names two rooms.

mod disk;
mod joints;
mod server;

use std::{path::PathBuf, sync::Arc};

use access::root::Root;
use anyhow::{Context, Result};
use control_api::Control;
use db::Db;

pub(crate) use disk::fault as disk_fault;
pub(crate) use server::{Server, reachable};

use crate::settings::Settings;

/// The name of the playback key in force; it stands in every token, so that keys can be rotated.
const PLAYBACK_KID: &str = "1";

/// Reads every room's settings.
///
/// # Errors
/// Names the setting that is wrong, and what to write instead.
pub(crate) fn check_rooms(settings: &Settings) -> Result<()> {
    ingest_server::Config::from_lookup(&settings.lookup)?;
    packager_server::Config::from_lookup(&settings.lookup)?;
    control_api::Config::from_lookup(&settings.lookup)?;
    disk::reserve_bytes(&settings.lookup)?;
    root(settings)?;
    Ok(())
}

/// The transcoder's executable, as the packager will start it.
pub(crate) fn transcoder_path(settings: &Settings) -> Result<PathBuf> {
    Ok(packager_server::Config::from_lookup(&settings.lookup)?.transcoder)
}

/// A control plane for commands that run beside a server: it tells no room anything.
pub(crate) fn control_without_media(settings: &Settings, database: Db) -> Result<Control> {
    let config = control_api::Config::from_lookup(&settings.lookup)?;
    let root = root(settings)?;
    let keyring = keyring(&root)?;
    Ok(Control::new(config, database, &root, Arc::new(keyring), Arc::new(joints::NoMedia), Vec::new()))
}

fn root(settings: &Settings) -> Result<Root> {
    Root::new(&settings.secret.bytes).context("LECTERN_SECRET_KEY")
}

fn keyring(root: &Root) -> Result<access::playback::Keyring> {
    access::playback::Keyring::new(root, [PLAYBACK_KID]).context("make the playback keys")
}
