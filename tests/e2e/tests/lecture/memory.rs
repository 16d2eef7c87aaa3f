//! What the process keeps when it is idle again.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    machine::eventually,
    server::{Options, Server, resident_mib},
};

/// As many as there are threads that may serve one, and more.
const LOG_INS: usize = 24;
/// Two of Argon2's blocks of 19 MiB, and room for what a log-in rightly leaves behind.
const KEPT_MIB_MAX: u32 = 48;

#[test]
fn memory_that_log_ins_took_is_given_back() -> Result<()> {
    let limit = ("LECTERN_LOGINS_PER_MINUTE".to_owned(), "1000".to_owned());
    let server = Server::start_with(Options { environment: vec![limit], ..Options::default() })?;
    server.log_in("student")?;
    let before = resident_mib(server.pid())?;
    thread::scope(|scope| {
        let all: Vec<_> = (0..LOG_INS).map(|_| scope.spawn(|| server.log_in("student").map(drop))).collect();
        all.into_iter().try_for_each(|one| one.join().expect("a log-in does not panic"))
    })?;
    eventually("memory is given back", Duration::from_secs(20), || {
        let now = resident_mib(server.pid())?;
        ensure!(now <= before + KEPT_MIB_MAX, "{now} MiB after {before} MiB");
        Ok(())
    })
}
