//! The table of forbidden things. What they aim at is harmless where no jail keeps them from it: signal 0, null
//! structures, a closed port.

use std::{
    env, fs, io,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::{fs::symlink, net::UnixStream, process::parent_id},
    process::Command,
};

use libc::{EBADF, ENOMEM, EPERM};

use super::{
    Probe,
    Refusal::{Deadly, Error},
    raw::{
        Argument::{Number, Page, Text},
        call, fork,
    },
};
use crate::jail::limits::{ADDRESS_SPACE_BYTES_MAX, FILES_MAX};

/// A folder that everybody may write in.
const FOLDER: &str = "/tmp";
const MINE: &str = "/tmp/lectern-jail-probe";
const AT_CWD: i64 = libc::AT_FDCWD as i64;
/// Memory: a page, private and anonymous.
const ANONYMOUS: i64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as i64;
const WRITABLE: i64 = (libc::PROT_READ | libc::PROT_WRITE) as i64;
const EXECUTABLE: i64 = (libc::PROT_READ | libc::PROT_EXEC) as i64;
/// `keyctl(2)`: the id of a keyring.
const KEYCTL_GET_KEYRING_ID: i64 = 0;

/// All of them.
pub(crate) const PROBES: &[Probe] = &[
    // The network.
    deadly("connect-tcp", || TcpStream::connect("127.0.0.1:9").map(drop)),
    deadly("listen-tcp", || TcpListener::bind("127.0.0.1:0").map(drop)),
    deadly("send-udp", || UdpSocket::bind("127.0.0.1:0")?.send_to(b"lectern", "127.0.0.1:9").map(drop)),
    deadly("connect-unix", || UnixStream::connect("/run/nobody").map(drop)),
    deadly("socket-pair", || UnixStream::pair().map(drop)),
    deadly("netlink", || {
        let raw = i64::from(libc::SOCK_RAW);
        call(libc::SYS_socket, &[Number(libc::AF_NETLINK.into()), Number(raw)]).map(drop)
    }),
    // Files.
    refused("read-a-file", || fs::read("/etc/passwd").map(drop)),
    refused("read-this-executable", || fs::File::open(env::current_exe()?).map(drop)),
    refused("read-own-memory", || fs::File::open("/proc/self/mem").map(drop)),
    refused("read-own-environment", || fs::read("/proc/self/environ").map(drop)),
    refused("read-the-server's-memory", || fs::File::open(format!("/proc/{}/mem", parent_id())).map(drop)),
    refused("write-a-file", || fs::write(MINE, b"lectern").and_then(|()| fs::remove_file(MINE))),
    refused("open-a-device", || fs::File::open("/dev/null").map(drop)),
    refused("list-a-folder", || fs::read_dir(FOLDER).map(drop)),
    refused("make-a-folder", || fs::create_dir(MINE).and_then(|()| fs::remove_dir(MINE))),
    refused("remove-a-file", || or_nothing_there(fs::remove_file(MINE))),
    refused("remove-a-folder", || or_nothing_there(fs::remove_dir(MINE))),
    refused("rename-a-file", || or_nothing_there(fs::rename(MINE, "/tmp/lectern-jail-probe-2"))),
    refused("make-a-link", || symlink("/etc/passwd", MINE).and_then(|()| fs::remove_file(MINE))),
    refused("look-at-a-file", || fs::metadata("/etc/passwd").map(drop)),
    refused("change-folder", || env::set_current_dir(FOLDER)),
    refused("change-mode", || {
        or_nothing_there(
            call(libc::SYS_fchmodat, &[Number(AT_CWD), Text(c"/tmp/lectern-jail-probe"), Number(0o600)])
                .map(drop),
        )
    }),
    refused("file-in-memory", || call(libc::SYS_memfd_create, &[Text(c"lectern")]).map(drop)),
    fails("write-to-an-inherited-descriptor", EBADF, || {
        call(libc::SYS_write, &[Number(3), Page, Number(1)]).map(drop)
    }),
    // Programs and processes.
    refused("start-a-program", || Command::new("/bin/true").status().map(drop)),
    deadly("become-a-program", || {
        call(libc::SYS_execve, &[Text(c"/nowhere/at/all"), Number(0), Number(0)]).map(drop)
    }),
    deadly("become-a-descriptor's-program", || {
        call(
            libc::SYS_execveat,
            &[Number(-1), Text(c""), Number(0), Number(0), Number(libc::AT_EMPTY_PATH.into())],
        )
        .map(drop)
    }),
    refused("fork", fork),
    refused("thread-outside", || {
        // A process that shares memory, as vfork and rootkits make it; refused for its flags before it is one.
        let flags = libc::CLONE_VM | libc::CLONE_THREAD;
        call(libc::SYS_clone, &[Number(flags.into())]).map(drop)
    }),
    fails("new-style-clone", libc::ENOSYS, || call(libc::SYS_clone3, &[Page, Number(0)]).map(drop)),
    deadly("trace-the-server", || {
        call(libc::SYS_ptrace, &[Number(libc::PTRACE_ATTACH.into()), Number(-1)]).map(drop)
    }),
    deadly("read-the-server", || {
        call(libc::SYS_process_vm_readv, &[Number(parent_id().into()), Page, Number(0), Page, Number(0)])
            .map(drop)
    }),
    refused("signal-the-server", || call(libc::SYS_kill, &[Number(parent_id().into()), Number(0)]).map(drop)),
    refused("signal-another-thread", || {
        let server = Number(parent_id().into());
        call(libc::SYS_tgkill, &[server, server, Number(0)]).map(drop)
    }),
    deadly("hold-a-process", || call(libc::SYS_pidfd_open, &[Number(parent_id().into())]).map(drop)),
    refused("change-priority", || {
        call(libc::SYS_setpriority, &[Number(libc::PRIO_PROCESS.into()), Number(0), Number(1)]).map(drop)
    }),
    // Rights.
    deadly("become-root", || call(libc::SYS_setuid, &[Number(0)]).map(drop)),
    deadly("become-another-group", || call(libc::SYS_setgid, &[Number(0)]).map(drop)),
    deadly("new-namespaces", || call(libc::SYS_unshare, &[Number(libc::CLONE_NEWUSER.into())]).map(drop)),
    deadly("enter-a-namespace", || call(libc::SYS_setns, &[Number(-1), Number(0)]).map(drop)),
    deadly("mount", || {
        call(libc::SYS_mount, &[Text(c"none"), Text(c"/nowhere/at/all"), Text(c"tmpfs")]).map(drop)
    }),
    deadly("change-root", || call(libc::SYS_chroot, &[Text(c"/nowhere/at/all")]).map(drop)),
    refused("raise-a-limit", || {
        let files = i64::from(libc::RLIMIT_NOFILE);
        call(libc::SYS_prlimit64, &[Number(0), Number(files), Page, Number(0)]).map(drop)
    }),
    refused("be-looked-into", || {
        call(libc::SYS_prctl, &[Number(libc::PR_SET_DUMPABLE.into()), Number(1)]).map(drop)
    }),
    refused("another-filter", || call(libc::SYS_seccomp, &[Number(2), Number(0), Page]).map(drop)),
    // The kernel's wide doors.
    deadly("io-uring", || call(libc::SYS_io_uring_setup, &[Number(1), Page]).map(drop)),
    deadly("bpf", || call(libc::SYS_bpf, &[Number(-1), Page, Number(8)]).map(drop)),
    deadly("perf-events", || {
        call(libc::SYS_perf_event_open, &[Page, Number(-1), Number(-1), Number(-1)]).map(drop)
    }),
    deadly("keyrings", || call(libc::SYS_keyctl, &[Number(KEYCTL_GET_KEYRING_ID), Number(-1)]).map(drop)),
    deadly("page-faults", || call(libc::SYS_userfaultfd, &[Number(-1)]).map(drop)),
    deadly("kernel-module", || call(libc::SYS_finit_module, &[Number(-1), Text(c""), Number(0)]).map(drop)),
    refused("terminal", || {
        call(libc::SYS_ioctl, &[Number(0), Number(libc::FIONREAD.cast_signed()), Page]).map(drop)
    }),
    refused("shared-memory", || {
        let create = i64::from(libc::IPC_CREAT | 0o600);
        // A size of nothing: outside it is refused for that alone.
        call(libc::SYS_shmget, &[Number(libc::IPC_PRIVATE.into()), Number(0), Number(create)]).map(drop)
    }),
    // Memory.
    refused("memory-for-code", || map(4096, EXECUTABLE).map(drop)),
    refused("memory-that-becomes-code", || {
        let at = map(4096, WRITABLE)?;
        call(libc::SYS_mprotect, &[Number(at), Number(4096), Number(EXECUTABLE)]).map(drop)
    }),
    fails("more-memory-than-a-lecture-needs", ENOMEM, || {
        map(ADDRESS_SPACE_BYTES_MAX.cast_signed(), WRITABLE).map(drop)
    }),
    fails("more-descriptors-than-a-lecture-needs", libc::EMFILE, || {
        let copy = [Number(0), Number(libc::F_DUPFD_CLOEXEC.into()), Number(3)];
        (0..=FILES_MAX).try_for_each(|_| call(libc::SYS_fcntl, &copy).map(drop))
    }),
];

const fn refused(name: &'static str, attempt: fn() -> io::Result<()>) -> Probe {
    fails(name, EPERM, attempt)
}

const fn fails(name: &'static str, number: i32, attempt: fn() -> io::Result<()>) -> Probe {
    Probe { name, expected: Error(number), attempt }
}

const fn deadly(name: &'static str, attempt: fn() -> io::Result<()>) -> Probe {
    Probe { name, expected: Deadly, attempt }
}

/// Finding nothing there is as good as doing it: nobody refused.
fn or_nothing_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn map(bytes: i64, rights: i64) -> io::Result<i64> {
    call(libc::SYS_mmap, &[Number(0), Number(bytes), Number(rights), Number(ANONYMOUS), Number(-1)])
}
