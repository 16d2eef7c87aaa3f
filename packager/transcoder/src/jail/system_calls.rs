//! The system calls that decoding, scaling and encoding take (seccomp(2)). All others fail with EPERM; those that only a
//! process in foreign hands would make end it at once, so that the server's log tells.
//!
//! Found out with `strace -f` over the tests of the worker and of the generator, on glibc 2.36; those that other
//! versions of the C library make in the same places stand beside them.

use std::{collections::BTreeMap, io};

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// What `pthread_create` asks of clone(2): a thread of this process and nothing else. (The last flag is meaningless;
/// musl sets it.)
const THREAD_FLAGS: libc::c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;
const MEANINGLESS_FLAGS: libc::c_int = libc::CLONE_DETACHED;

/// Allowed with any arguments: none of them reaches anything that is not this process's own already.
const ALLOWED: &[c_long] = &[
    // The pipes.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_ppoll,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads. What clone3 is asked for cannot be seen from here; it is said not to exist, and clone is used.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals, which is to say crashes.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // The machine's memory, by which qsort decides.
    libc::SYS_sysinfo,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// End the process. No codec, allocator or C library makes them in the course of the work, not even as an attempt.
const DEADLY: &[c_long] = &[
    // Programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // The network.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Rights and namespaces.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
    // The kernel's wide doors.
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
];

/// Puts the lists into force. Irrevocable.
pub(super) fn enter() -> io::Result<()> {
    let errno = |number: libc::c_int| SeccompAction::Errno(number.unsigned_abs());
    // Of several filters the strictest answer counts.
    let filters = [
        (all(DEADLY), SeccompAction::Allow, SeccompAction::KillProcess),
        (all(&[libc::SYS_clone3]), SeccompAction::Allow, errno(libc::ENOSYS)),
        (allowed().map_err(io::Error::other)?, errno(libc::EPERM), SeccompAction::Allow),
    ];
    // All are compiled before the first one rules.
    let mut programs = Vec::new();
    for (rules, otherwise, listed) in filters {
        programs.push(compile(rules, otherwise, listed).map_err(io::Error::other)?);
    }
    programs.iter().try_for_each(|program| seccompiler::apply_filter(program)).map_err(io::Error::other)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, listed, machine)?.try_into()
}

/// Calls with any arguments.
fn all(calls: &[c_long]) -> Rules {
    calls.iter().map(|&call| (call, Vec::new())).collect()
}

fn allowed() -> Result<Rules, seccompiler::BackendError> {
    let mut rules = all(ALLOWED);
    let mut allow = |call, conditions: &[&[(u8, Is, libc::c_int)]]| {
        let rule = |conditions: &&[(u8, Is, libc::c_int)]| {
            let condition = |(argument, is, value): &(u8, Is, libc::c_int)| {
                let value = u64::from(value.cast_unsigned());
                SeccompCondition::new(*argument, Width::Dword, is.clone(), value)
            };
            SeccompRule::new(conditions.iter().map(condition).collect::<Result<_, _>>()?)
        };
        rules.insert(call, conditions.iter().map(rule).collect::<Result<_, _>>()?);
        Ok::<_, seccompiler::BackendError>(())
    };
    // Memory, but never to be executed.
    let data = [(2, Is::MaskedEq(u64::from(libc::PROT_EXEC.cast_unsigned())), 0)];
    allow(libc::SYS_mmap, &[&data])?;
    allow(libc::SYS_mprotect, &[&data])?;
    let significant = u64::from((!MEANINGLESS_FLAGS).cast_unsigned());
    allow(libc::SYS_clone, &[&[(0, Is::MaskedEq(significant), THREAD_FLAGS)]])?;
    // A thread's name; a second handle to standard output.
    allow(libc::SYS_prctl, &[&[(0, Is::Eq, libc::PR_SET_NAME)]])?;
    let file_calls = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_GETFL].map(|call| [(1, Is::Eq, call)]);
    allow(libc::SYS_fcntl, &file_calls.each_ref().map(|condition| &condition[..]))?;
    // abort(3) sends itself a signal.
    let own = i32::try_from(std::process::id()).unwrap_or(-1);
    allow(libc::SYS_tgkill, &[&[(0, Is::Eq, own)]])?;
    Ok(rules)
}
