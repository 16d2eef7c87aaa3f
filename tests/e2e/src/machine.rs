//! This machine: where the executables are, free ports, and one test at a time.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The machine belongs to the holder: two cores cannot carry two lectures that must be in time.
pub struct Alone {
    _lock: File,
}

impl Alone {
    /// Waits until no other end-to-end test runs, in this process or another.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn on_this_machine() -> Result<Self> {
        let path = scratch()?.join("one-at-a-time");
        let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        lock.lock().context("wait for the test before")?;
        Ok(Self { _lock: lock })
    }
}

/// An executable of ours: `LECTERN_E2E_BIN` names its folder, else it lies above this test's own.
///
/// # Errors
/// When it is not there; the message says how to build it.
pub fn executable(name: &str) -> Result<PathBuf> {
    let path = match std::env::var_os("LECTERN_E2E_BIN") {
        Some(folder) => PathBuf::from(folder).join(name),
        None => profile_folder()?.join(name),
    };
    if !path.is_file() {
        bail!(
            "{} is not built: run `make e2e`, or `cargo build -p lectern -p packager-transcoder`",
            path.display()
        );
    }
    Ok(path)
}

/// A folder that outlives a test run, for clips that are dear to make.
///
/// # Errors
/// When it cannot be made.
pub fn scratch() -> Result<PathBuf> {
    let folder = profile_folder()?.join("e2e");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// The repository's root folder.
///
/// # Panics
/// Never: the crate lies two folders below it.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/e2e lies two folders below the root").to_path_buf()
}

/// A TCP port that nobody listens on now.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Asks again and again until the answer is there, for what has no event to wait for.
///
/// # Errors
/// After `limit`, naming what was waited for and the last reason why it was not there.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("{what}: not within {limit:?}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// `target/debug`, from `target/debug/deps/this-test`.
fn profile_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("a process has an executable")?;
    let deps = own.parent().context("an executable lies in a folder")?;
    let profile = if deps.ends_with("deps") { deps.parent() } else { Some(deps) };
    Ok(profile.context("cargo's deps folder lies in a profile's folder")?.to_path_buf())
}
