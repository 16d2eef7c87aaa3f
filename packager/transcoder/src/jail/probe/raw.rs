//! System calls that the standard library has no words for.

use std::{ffi::CStr, io};

/// An argument.
#[derive(Clone, Copy)]
pub(super) enum Argument {
    /// A number, a flag, or a null pointer.
    Number(i64),
    /// A path or a name.
    Text(&'static CStr),
    /// The address of a zeroed page of memory, to be read or filled.
    Page,
}

/// Bytes of what a call may read or fill.
const PAGE_BYTES: usize = 4096;

/// Makes a call. The probes hand over calls that touch at most a page at each address they are given, and that change
/// nothing in this process that is used afterwards.
pub(super) fn call(number: libc::c_long, arguments: &[Argument]) -> io::Result<i64> {
    let mut page = vec![0u8; PAGE_BYTES];
    let value = |at: usize| match arguments.get(at) {
        Some(Argument::Number(number)) => *number,
        Some(Argument::Text(text)) => text.as_ptr() as i64,
        Some(Argument::Page) => page.as_mut_ptr() as i64,
        None => 0,
    };
    let values: [i64; 6] = std::array::from_fn(value);
    let [first, second, third, fourth, fifth, sixth] = values;
    // SAFETY: the addresses are those of live memory as large as the function promises, or null.
    let result = unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A second process, as fork(2) makes it; the second one ends at once.
pub(super) fn fork() -> io::Result<()> {
    // SAFETY: without CLONE_VM the child has memory of its own, and it leaves before it touches any of it.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if child == 0 {
        // SAFETY: ends this process without running anything of it.
        unsafe { libc::_exit(0) };
    }
    if child < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
