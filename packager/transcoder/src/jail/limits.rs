//! Walls that every Linux has: limits, and rights given up.

use std::{fs, io};

/// Address space in bytes: four 4096 × 2304 pictures in every buffer there is, with room to spare.
pub(super) const ADDRESS_SPACE_BYTES_MAX: u64 = 1536 * 1024 * 1024;
/// Files and pipes. Four are used.
pub(super) const FILES_MAX: u64 = 64;
/// Processor time: a day of one core. A lecture takes a few hours of it; one that takes more loses a second while its
/// transcoder is replaced, and a stolen process does not compute for its thief for ever.
const PROCESSOR_SECONDS_MAX: u64 = 24 * 3600;
/// Threads, where they can be counted for this process alone. Eight rungs take 27.
const THREADS_MAX: u64 = 64;
/// Threads are counted in the user namespace since Linux 5.14, and for the whole user before. No kernel below 5.19 has
/// this ABI of Landlock.
pub(super) const THREADS_COUNT_FROM_ABI: u32 = 2;
/// Heaps that threads get of their own. Each reserves 64 MiB of addresses, and by default there are eight for each
/// core of the machine.
#[cfg(target_env = "gnu")]
const HEAPS_MAX: libc::c_int = 4;
/// Among the first to go when the machine runs out of memory: it is replaced within a second.
const OUT_OF_MEMORY_SCORE: &str = "500";
/// The highest number a capability can have: two sets of 32 bits.
const CAPABILITY_MAX: libc::c_int = 63;
/// `linux/capability.h`.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Closes what the parent left open beside the three pipes.
pub(super) fn close_inherited() {
    let (first, last) = (3, libc::c_uint::MAX);
    // SAFETY: takes numbers only. Nothing in this process has opened a descriptor yet, so none is closed under its owner.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // Linux before 5.9. What a parent opens without O_CLOEXEC is opened early.
    for descriptor in 3..1024 {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
}

/// Limits memory, descriptors, dumps (they would hold pictures), files and processor time.
pub(super) fn enter() -> io::Result<()> {
    // Raising it needs no right. A system without /proc has no such score either.
    let _ = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number of the allocator; there is one thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX)
    };
    limit(libc::RLIMIT_AS, ADDRESS_SPACE_BYTES_MAX)?;
    limit(libc::RLIMIT_NOFILE, FILES_MAX)?;
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_CPU, PROCESSOR_SECONDS_MAX)?;
    // A log or a lecture may be redirected into a file; in the server all three are pipes.
    if !(0..3).any(is_file) {
        limit(libc::RLIMIT_FSIZE, 0)?;
    }
    Ok(())
}

/// Limits the threads; only where they are not counted together with those of the user's other processes.
pub(super) fn threads() -> io::Result<()> {
    limit(libc::RLIMIT_NPROC, THREADS_MAX)
}

/// Gives up capabilities, and gaining rights by starting a program; keeps others of this user from looking inside.
pub(super) fn give_up_rights() -> io::Result<()> {
    control(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    control(libc::PR_SET_DUMPABLE, 0)?;
    for capability in 0..=CAPABILITY_MAX {
        // Fails without the right to, when there is nothing to give up, and above the kernel's last one.
        let _ = control(libc::PR_CAPBSET_DROP, capability);
    }
    let header = [CAPABILITY_VERSION_3, 0];
    let none = [0u32; 6];
    // SAFETY: the structures are those of capset(2): version and process, then three sets of 32 bits, twice.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })
}

/// Lowers a limit to `max`, or leaves it where it is lower already.
fn limit(resource: libc::__rlimit_resource_t, max: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a live rlimit for the call to fill.
    check(unsafe { libc::getrlimit(resource, &raw mut now) }.into())?;
    let max = max.min(now.rlim_max);
    let wanted = libc::rlimit { rlim_cur: max, rlim_max: max };
    // SAFETY: `wanted` is a live rlimit for the call to read.
    check(unsafe { libc::setrlimit(resource, &raw const wanted) }.into())
}

fn control(option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the options used here take numbers only, and no memory of ours.
    check(unsafe { libc::prctl(option, libc::c_long::from(value), 0, 0, 0) }.into())
}

fn is_file(descriptor: libc::c_int) -> bool {
    // SAFETY: all zeroes is a valid `stat`, a structure of numbers.
    let mut about: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `about` is a live structure for the call to fill.
    unsafe { libc::fstat(descriptor, &raw mut about) == 0 && about.st_mode & libc::S_IFMT == libc::S_IFREG }
}

/// The result of a system call.
pub(super) fn check(code: libc::c_long) -> io::Result<()> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
