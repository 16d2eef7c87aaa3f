//! The limits this process lives in, since it decodes what strangers send.

use std::io;

/// Address space: four 4096 × 2304 pictures in every buffer there is, with room to spare.
const ADDRESS_SPACE_BYTES_MAX: u64 = 1536 * 1024 * 1024;
/// Files and pipes. Three are used.
const FILES_MAX: u64 = 64;

/// Limits memory and files, writes no core dumps (they would hold pictures), and gives up gaining rights for good.
pub(crate) fn enter() -> io::Result<()> {
    limit(libc::RLIMIT_AS, ADDRESS_SPACE_BYTES_MAX)?;
    limit(libc::RLIMIT_NOFILE, FILES_MAX)?;
    limit(libc::RLIMIT_CORE, 0)?;
    // SAFETY: this option takes numbers only, and no memory of ours.
    let code = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lowers a limit to `max`, or leaves it where it is lower already.
fn limit(resource: libc::__rlimit_resource_t, max: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a live rlimit for the call to fill.
    if unsafe { libc::getrlimit(resource, &raw mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let max = max.min(now.rlim_max);
    let wanted = libc::rlimit { rlim_cur: max, rlim_max: max };
    // SAFETY: `wanted` is a live rlimit for the call to read.
    if unsafe { libc::setrlimit(resource, &raw const wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
