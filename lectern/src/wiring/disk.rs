//! The disk under the data folder: room kept on it for the database, its figures, and what is wrong with it.

use std::{fs, io::ErrorKind, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use control_api::ReadyCheck;
use runtime::{clock, config::Lookup};
use store::Store;
use tokio_util::sync::CancellationToken;

/// Kept for the database unless `LECTERN_DISK_RESERVE_MIB` says otherwise: it must commit on a full disk.
const RESERVE_MIB: u64 = 64;
/// Under this much free disk the server is not ready for a lecture.
const READY_FREE_BYTES_MIN: u64 = 512 << 20;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `LECTERN_DISK_RESERVE_MIB` in bytes; 0 keeps nothing.
pub(super) fn reserve_bytes(lookup: &Lookup) -> Result<u64> {
    let mib = lookup.parsed("LECTERN_DISK_RESERVE_MIB", RESERVE_MIB)?;
    ensure!(mib <= 1 << 20, "LECTERN_DISK_RESERVE_MIB is over 1048576 MiB");
    Ok(mib << 20)
}

/// Looks after the room kept for the database until told to stop.
pub(super) async fn look_after(store: Store, folder: std::path::PathBuf, stop: CancellationToken) {
    metrics::describe_gauge!("lectern_disk_free_bytes", metrics::Unit::Bytes, "Free under the data folder.");
    metrics::describe_gauge!(
        "lectern_disk_reserve_held",
        "1: the database's reserve is there. 0: the disk is nearly full, and nothing is recorded."
    );
    let looking = async {
        loop {
            // What is wrong is in the log already, and in the recording's status.
            let looked = store.look_after_reserve().await;
            let held = looked.is_ok() && store.has_reserve();
            metrics::gauge!("lectern_disk_reserve_held").set(f64::from(u8::from(held)));
            let folder = folder.clone();
            if let Ok(Ok(free)) = tokio::task::spawn_blocking(move || free_bytes(&folder)).await {
                #[expect(clippy::cast_precision_loss, reason = "a gauge")]
                metrics::gauge!("lectern_disk_free_bytes").set(free as f64);
            }
            clock::sleep_until(clock::now() + LOOK_EVERY).await;
        }
    };
    stop.run_until_cancelled(looking).await;
}

/// `/readyz`'s word on the disk.
pub(super) fn check(folder: &Path) -> ReadyCheck {
    let folder: Arc<Path> = folder.into();
    ReadyCheck {
        name: "storage".to_owned(),
        check: Arc::new(move || {
            let folder = Arc::clone(&folder);
            Box::pin(async move {
                // On a thread of its own: a disk that hangs must hold up nothing but this answer.
                let looked = tokio::task::spawn_blocking(move || fault(&folder, READY_FREE_BYTES_MIN)).await;
                looked
                    .unwrap_or_else(|error| Err(anyhow::anyhow!(error)))
                    .map_err(|fault| format!("{fault:#}"))
            })
        }),
    }
}

/// What is wrong with the disk, and what to do about it. Blocks as the disk does.
pub(crate) fn fault(folder: &Path, free_bytes_min: u64) -> Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let shown = folder.display();
    let written = fs::write(&probe, b"ok");
    let removed = fs::remove_file(&probe);
    if let Err(error) = written.and(removed) {
        let (read_only, full) =
            (ErrorKind::ReadOnlyFilesystem, [ErrorKind::StorageFull, ErrorKind::QuotaExceeded]);
        ensure!(
            error.kind() != read_only,
            "{shown} is mounted read-only: nothing is recorded. Look for disk errors (dmesg), then mount it for writing"
        );
        ensure!(
            !full.contains(&error.kind()),
            "the disk of {shown} is full: nothing is recorded. Free some space"
        );
        bail!(
            "{shown} cannot be written ({error}): give the server's user the right to, or set LECTERN_DATA_DIR"
        );
    }
    let free = free_bytes(folder)?;
    ensure!(
        free >= free_bytes_min,
        "only {} MiB are free in {shown}, {} MiB are needed: free some space",
        free >> 20,
        free_bytes_min >> 20
    );
    Ok(())
}

fn free_bytes(folder: &Path) -> Result<u64> {
    let space =
        rustix::fs::statvfs(folder).with_context(|| format!("ask for the space in {}", folder.display()))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_well_has_no_fault_and_a_small_one_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fault(folder.path(), 0).expect("it is well");
        let said = fault(folder.path(), u64::MAX).expect_err("nobody has so much").to_string();
        assert!(said.contains("MiB are free") && said.contains("free some space"), "{said}");
        let said = fault(Path::new("/proc/sys"), 0).expect_err("no place for files").to_string();
        assert!(said.contains("/proc/sys"), "{said}");
    }

    #[test]
    fn the_reserve_is_a_setting() {
        let lookup =
            |text: &str| Lookup::from_map([("LECTERN_DISK_RESERVE_MIB".to_owned(), text.to_owned())].into());
        assert_eq!(reserve_bytes(&lookup("0")).expect("none"), 0);
        assert_eq!(reserve_bytes(&lookup("8")).expect("some"), 8 << 20);
        assert!(reserve_bytes(&lookup("-1")).is_err() && reserve_bytes(&lookup("99999999")).is_err());
    }
}
