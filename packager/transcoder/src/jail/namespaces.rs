//! A user and a network of this process's own: a network without a single interface, and a user who is nobody outside.
//! Many systems keep users from making them; the walls that follow do without.

use std::io;

use super::limits::check;

/// Moves into them. In its own namespaces this process would be all-powerful, so its capabilities must be given up next.
pub(super) fn enter() -> io::Result<()> {
    let both = libc::CLONE_NEWUSER | libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
    // SAFETY: takes a number; there is one thread, as a new user namespace demands.
    check(unsafe { libc::unshare(both) }.into())
}
