//! Landlock (landlock(7)) with a ruleset that handles all there is and allows none of it: files, TCP, and the signals
//! and abstract sockets of other processes.

use std::{ffi::c_void, io};

/// `struct landlock_ruleset_attr` of `linux/landlock.h`, as of ABI 6.
#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scoped: u64,
}

/// The newest version of Landlock this kernel has. A number that grows with what can be handled.
pub(super) fn abi() -> io::Result<u32> {
    const VERSION: u32 = 1;
    let nothing = std::ptr::null::<c_void>();
    // SAFETY: asking for the version takes no structure.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0usize, VERSION) };
    u32::try_from(abi).map_err(|_| io::Error::last_os_error())
}

/// Denies everything this kernel's version can. Answers which version that is.
pub(super) fn enter() -> io::Result<u32> {
    let abi = abi()?;
    let (ruleset, bytes) = everything(abi);
    // SAFETY: `ruleset` is live, and `bytes` is not above its size.
    let descriptor =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, bytes, 0u32) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes numbers; the descriptor is the ruleset's.
    let code = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, descriptor, 0u32) };
    let error = io::Error::last_os_error();
    // SAFETY: the descriptor was made above and is not used again.
    unsafe { libc::close(descriptor) };
    if code == 0 { Ok(abi) } else { Err(error) }
}

/// All rights that a version knows of, and how many bytes of the structure it reads.
fn everything(abi: u32) -> (Ruleset, usize) {
    let file_rights = match abi {
        0 | 1 => 13,
        2 => 14,     // refer
        3 | 4 => 15, // truncate
        _ => 16,     // ioctl on devices
    };
    let network_rights = if abi >= 4 { 2 } else { 0 };
    let scopes = if abi >= 6 { 2 } else { 0 };
    let all = |rights: u32| (1u64 << rights) - 1;
    let fields = match abi {
        0..=3 => 1,
        4 | 5 => 2,
        _ => 3,
    };
    let ruleset = Ruleset { files: all(file_rights), network: all(network_rights), scoped: all(scopes) };
    (ruleset, fields * size_of::<u64>())
}
