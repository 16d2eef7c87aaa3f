//! Room that is kept on the disk for what must always be written: the database. A file takes the room up until the
//! disk is nearly full; then it goes, and so does the recording's right to write, until there is space again.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

const FILE: &str = "reserve";

/// The file that keeps the room, and whether it does.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    /// One looks at a time.
    looking: Mutex<()>,
    held: AtomicBool,
}

impl Reserve {
    pub(crate) fn new(root: &Path, bytes: u64) -> Self {
        Self { path: root.join(FILE), bytes, looking: Mutex::default(), held: AtomicBool::new(false) }
    }

    /// May media be written? Blocks as the disk does.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`] while the last room on the disk is the database's; or what the disk says.
    pub(crate) fn look(&self) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        let _one = self.looking();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let held = self.is_whole();
        let free = free_bytes(folder)?;
        if held && free >= self.low_bytes() {
            self.held.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if held || free < self.bytes.saturating_add(2 * self.low_bytes()) {
            self.give_up(free);
            let room = format!("{} MiB are free, which are kept for the database", free >> 20);
            return Err(io::Error::new(ErrorKind::StorageFull, room));
        }
        self.take()
    }

    /// The room is there, should the database need it.
    pub(crate) fn is_held(&self) -> bool {
        self.bytes == 0 || self.held.load(Ordering::Relaxed)
    }

    fn looking(&self) -> MutexGuard<'_, ()> {
        self.looking.lock().expect("no holder of this lock panics")
    }

    /// Under this the disk counts as full.
    fn low_bytes(&self) -> u64 {
        self.bytes / 4
    }

    fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes)
    }

    fn give_up(&self, free: u64) {
        let gone = fs::remove_file(&self.path).is_ok();
        if gone || self.held.swap(false, Ordering::Relaxed) {
            tracing::error!(
                "disk is nearly full ({} MiB free): the recording stops, live goes on; its last room is the \
                 database's. Free some space in {}",
                free >> 20,
                self.path.parent().unwrap_or(Path::new(".")).display()
            );
        }
        self.held.store(false, Ordering::Relaxed);
    }

    fn take(&self) -> io::Result<()> {
        let file = File::create(&self.path)?;
        // Bytes that are promised, not written: a file with holes would keep no room.
        let made = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, self.bytes);
        if let Err(error) = made {
            fs::remove_file(&self.path)?;
            return Err(error.into());
        }
        self.held.store(true, Ordering::Relaxed);
        tracing::info!("{} MiB of the disk are kept for the database", self.bytes >> 20);
        Ok(())
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    fs::create_dir_all(folder)?;
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_kept_while_there_is_more_than_enough() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path(), 1 << 20);
        assert!(!reserve.is_held());
        reserve.look().unwrap();
        assert!(reserve.is_held());
        assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().len(), 1 << 20);
        // Another process finds it there.
        Reserve::new(folder.path(), 1 << 20).look().unwrap();
    }

    #[test]
    fn without_room_for_it_nothing_is_recorded_and_none_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let free = free_bytes(folder.path()).unwrap();
        let reserve = Reserve::new(folder.path(), free);
        assert_eq!(reserve.look().unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(!reserve.is_held() && !folder.path().join(FILE).exists());
    }

    #[test]
    fn a_reserve_of_nothing_asks_for_nothing() {
        let reserve = Reserve::new(Path::new("/nonexistent"), 0);
        reserve.look().unwrap();
        assert!(reserve.is_held());
    }
}
