//! The jail this process locks itself into before it reads the first byte of media. libav reads what strangers send;
//! should one of them take it over, there must be nothing to be had: no file, no network, no other process, no program
//! to start, and no more memory than a lecture needs.
//!
//! Several walls stand behind one another, since kernels differ and each wall may have a hole:
//!
//! | wall | keeps from | where it is missing |
//! |---|---|---|
//! | limits | memory, descriptors, core dumps, files, processor time without end | never |
//! | capabilities given up, no new privileges | gaining rights by a program or a user id | never |
//! | namespaces of its own | any network there is; threads without end | where the system keeps them from users |
//! | Landlock | every file; TCP; signals to and sockets of others | before Linux 5.13, or left out of the kernel |
//! | list of system calls | everything but what the work takes | left out of the kernel, as good as never |
//!
//! Nothing needs to be opened beforehand: libav's codecs are linked, its choice of instructions comes from `cpuid`, and
//! threads are made by a call that stays allowed for threads alone. docs/decisions/0016 gives the reasons.

mod limits;
mod namespaces;
pub(crate) mod probe;
mod restrict_files;
mod system_calls;

use std::io;

use anyhow::{Context, Result};

/// Which of the walls that a kernel may lack are to be put up. Those that none lacks always are, but for
/// [`Walls::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Walls {
    /// The whole jail.
    All,
    /// No list of system calls: shows what the others keep out by themselves.
    Landlock,
    /// No jail at all: shows that what is tried can be done outside.
    None,
}

/// What the kernel could give.
#[derive(Debug)]
pub(crate) struct Jail {
    landlock: io::Result<u32>,
    system_calls: io::Result<()>,
    namespaces: io::Result<()>,
}

/// Locks this process in for good. Must be called before it has threads, since the walls hold for the thread that puts
/// them up and for those it makes.
///
/// # Errors
/// When a limit that every kernel has cannot be set. A wall that this kernel lacks is no error but a warning; see
/// [`Jail::warnings`].
pub(crate) fn enter(walls: Walls) -> Result<Jail> {
    let without = || io::Error::other("left out");
    if walls == Walls::None {
        return Ok(Jail {
            landlock: Err(without()),
            system_calls: Err(without()),
            namespaces: Err(without()),
        });
    }
    limits::close_inherited();
    std::env::set_current_dir("/").context("leave the folder this process was started in")?;
    limits::enter().context("limit this process")?;
    let namespaces = namespaces::enter();
    if namespaces.is_ok() && restrict_files::abi().is_ok_and(|abi| abi >= limits::THREADS_COUNT_FROM_ABI) {
        limits::threads().context("limit the threads")?;
    }
    limits::give_up_rights().context("give up rights")?;
    let landlock = restrict_files::enter();
    let system_calls = if walls == Walls::All { system_calls::enter() } else { Err(without()) };
    Ok(Jail { landlock, system_calls, namespaces })
}

impl Jail {
    /// What is weaker here than it should be, and how that is mended; a line for each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Err(error) = &self.landlock {
            lines.push(format!(
                "the transcoder's jail has no Landlock ({error}): a Linux of 5.13 or newer with landlock in \
                 CONFIG_LSM or lsm= has it"
            ));
        }
        if let Err(error) = &self.system_calls {
            lines.push(format!(
                "the transcoder's jail has no list of system calls ({error}): a Linux with \
                 CONFIG_SECCOMP_FILTER has it"
            ));
        }
        lines
    }

    /// What stands, in a few words.
    pub(crate) fn describe(&self) -> String {
        let landlock = match &self.landlock {
            Ok(abi) => format!("Landlock {abi}"),
            Err(_) => "no Landlock".to_owned(),
        };
        let system_calls =
            if self.system_calls.is_ok() { "system calls listed" } else { "system calls unlimited" };
        let namespaces = if self.namespaces.is_ok() {
            "a network of its own"
        } else {
            "the machine's network, out of reach"
        };
        format!("{landlock}, {system_calls}, {namespaces}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_lacks_is_said_with_its_cure() {
        let lacks = |number| Err(io::Error::from_raw_os_error(number));
        let bare = Jail {
            landlock: lacks(libc::ENOSYS),
            system_calls: Err(io::Error::from_raw_os_error(libc::EINVAL)),
            namespaces: Err(io::Error::from_raw_os_error(libc::EPERM)),
        };
        let warnings = bare.warnings();
        assert!(warnings[0].contains("no Landlock") && warnings[0].contains("Linux of 5.13 or newer"));
        assert!(warnings[1].contains("no list of system calls") && warnings[1].contains("SECCOMP_FILTER"));
        assert_eq!(
            bare.describe(),
            "no Landlock, system calls unlimited, the machine's network, out of reach"
        );
        // A user namespace is a wall more, not one that must be.
        let usual = Jail { landlock: Ok(7), system_calls: Ok(()), namespaces: bare.namespaces };
        assert_eq!(usual.warnings(), Vec::<String>::new());
    }
}
