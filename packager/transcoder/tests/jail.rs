//! What media could try if it took the transcoder over, tried from inside the very jail the transcoder works in.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

use std::{
    fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    process::{Command, Output, Stdio},
};

use Ends::{Killed, Refused};
use media::pipe::{FromWorker, ToWorker};
use support::{Clip, EXECUTABLE, Worker};

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    /// The process that made it is no more.
    Killed,
    /// It fails.
    Refused,
}

/// Outside the jail the attempt comes through, whoever makes it.
const BY_ANYONE: bool = true;
/// Outside the jail it depends on rights and on the kernel.
const BY_SOME: bool = false;

/// What is tried, how it ends, and who could do it outside.
const FORBIDDEN: &[(&str, Ends, bool)] = &[
    ("connect-tcp", Killed, BY_ANYONE),
    ("listen-tcp", Killed, BY_ANYONE),
    ("send-udp", Killed, BY_ANYONE),
    ("connect-unix", Killed, BY_ANYONE),
    ("socket-pair", Killed, BY_ANYONE),
    ("netlink", Killed, BY_ANYONE),
    ("read-a-file", Refused, BY_ANYONE),
    ("read-this-executable", Refused, BY_ANYONE),
    ("read-own-memory", Refused, BY_ANYONE),
    ("read-own-environment", Refused, BY_ANYONE),
    ("read-the-server's-memory", Refused, BY_SOME),
    ("write-a-file", Refused, BY_ANYONE),
    ("open-a-device", Refused, BY_ANYONE),
    ("list-a-folder", Refused, BY_ANYONE),
    ("make-a-folder", Refused, BY_ANYONE),
    ("remove-a-file", Refused, BY_ANYONE),
    ("remove-a-folder", Refused, BY_ANYONE),
    ("rename-a-file", Refused, BY_ANYONE),
    ("make-a-link", Refused, BY_ANYONE),
    ("look-at-a-file", Refused, BY_ANYONE),
    ("change-folder", Refused, BY_ANYONE),
    ("change-mode", Refused, BY_ANYONE),
    ("file-in-memory", Refused, BY_ANYONE),
    ("write-to-an-inherited-descriptor", Refused, BY_ANYONE),
    ("start-a-program", Refused, BY_ANYONE),
    ("become-a-program", Killed, BY_ANYONE),
    ("become-a-descriptor's-program", Killed, BY_ANYONE),
    ("fork", Refused, BY_ANYONE),
    ("thread-outside", Refused, BY_ANYONE),
    ("new-style-clone", Refused, BY_SOME),
    ("trace-the-server", Killed, BY_SOME),
    ("read-the-server", Killed, BY_SOME),
    ("signal-the-server", Refused, BY_ANYONE),
    ("signal-another-thread", Refused, BY_ANYONE),
    ("hold-a-process", Killed, BY_SOME),
    ("change-priority", Refused, BY_ANYONE),
    ("become-root", Killed, BY_SOME),
    ("become-another-group", Killed, BY_SOME),
    ("new-namespaces", Killed, BY_SOME),
    ("enter-a-namespace", Killed, BY_SOME),
    ("mount", Killed, BY_SOME),
    ("change-root", Killed, BY_SOME),
    ("raise-a-limit", Refused, BY_SOME),
    ("be-looked-into", Refused, BY_ANYONE),
    ("another-filter", Refused, BY_SOME),
    ("io-uring", Killed, BY_SOME),
    ("bpf", Killed, BY_SOME),
    ("perf-events", Killed, BY_SOME),
    ("keyrings", Killed, BY_SOME),
    ("page-faults", Killed, BY_SOME),
    ("kernel-module", Killed, BY_SOME),
    ("terminal", Refused, BY_ANYONE),
    ("shared-memory", Refused, BY_SOME),
    ("memory-for-code", Refused, BY_ANYONE),
    ("memory-that-becomes-code", Refused, BY_ANYONE),
    ("more-memory-than-a-lecture-needs", Refused, BY_ANYONE),
    ("more-descriptors-than-a-lecture-needs", Refused, BY_ANYONE),
];

/// What Landlock keeps out where nothing else would.
const BY_LANDLOCK_ALONE: &[&str] = &[
    "read-a-file",
    "read-this-executable",
    "read-own-memory",
    "read-own-environment",
    "write-a-file",
    "open-a-device",
    "list-a-folder",
    "make-a-folder",
    "make-a-link",
    "start-a-program",
];

#[test]
fn whatever_is_forbidden_is_refused() {
    let wrong = FORBIDDEN.iter().filter_map(|&(name, expected, _)| {
        let output = attempt(name, "all");
        let ends = match (output.status.signal(), output.status.code()) {
            (Some(libc::SIGSYS), _) => Some(Killed),
            (None, Some(0)) => Some(Refused),
            _ => None,
        };
        (ends != Some(expected)).then(|| format!("{name}: {:?} {}", output.status, said(&output)))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn outside_the_jail_nobody_would_have_refused() {
    let refused = FORBIDDEN.iter().filter(|(.., by)| *by == BY_ANYONE).filter_map(|(name, ..)| {
        let output = attempt(name, "none");
        (output.status.code() != Some(LET_THROUGH)).then(|| format!("{name}: {}", said(&output)))
    });
    let refused: Vec<_> = refused.collect();
    assert!(refused.is_empty(), "the jail is not what refuses:\n{}", refused.join("\n"));
}

#[test]
fn files_and_programs_are_out_of_reach_without_the_list_of_calls_too() {
    for name in BY_LANDLOCK_ALONE {
        let output = attempt(name, "landlock");
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

#[test]
fn the_check_for_operators_tries_all_of_it() {
    let output = Command::new(EXECUTABLE).arg("--check-jail").output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let verdict = format!("{0} of {0} forbidden things are refused", FORBIDDEN.len());
    assert_eq!(said.lines().last(), Some(&*verdict));
}

/// What the kernel says of a worker at work.
#[test]
fn a_worker_at_work_is_in_the_jail() {
    let clip = Clip::encode("426x240", "30", 1, "-preset ultrafast -tune zerolatency -g 50");
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config(&[("240p", 426, 240, 400)])));
    worker.tell(ToWorker::Packet(clip.packets[0].clone()));
    worker.next(|message| matches!(message, FromWorker::RungUnit { .. }));
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", worker.child.id())).unwrap();
    let status = of("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!((field("Seccomp"), field("Seccomp_filters")), ("2".to_owned(), "3".to_owned()));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&field(set), 16), Ok(0), "{set}");
    }
    assert_eq!(of("oom_score_adj").trim(), "500");
    let limits = of("limits");
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}")).split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(limit("Max address space"), (1536u64 << 20).to_string());
    assert_eq!(limit("Max open files"), "64");
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max cpu time"), "86400");
    // All of its threads, those begun later too.
    for task in fs::read_dir(format!("/proc/{}/task", worker.child.id())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    assert!(worker.finish().success);
}

/// A file that is only there to be written to.
#[test]
fn a_redirected_log_does_not_end_the_worker() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(EXECUTABLE)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[0xff; 64]).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(fs::read_to_string(log.path()).unwrap().contains("over the limit"));
}

/// Exit status of an attempt that came through.
const LET_THROUGH: i32 = 3;

fn attempt(name: &str, walls: &str) -> Output {
    // With a descriptor too many, as a careless parent might leave it.
    let script = "exec 3>/dev/null; exec \"$0\" --jail-probe \"$1\" --jail-walls \"$2\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, EXECUTABLE, name, walls]).stdin(Stdio::null());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
