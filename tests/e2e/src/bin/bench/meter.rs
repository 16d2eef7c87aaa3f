//! Processor time and memory of a process and all it has started, from /proc.

use std::{collections::BTreeMap, fs, time::Instant};

use anyhow::{Context, Result};

/// Reads a tree of processes since it was made.
pub(crate) struct Meter {
    root: u32,
    began: Instant,
    before: Times,
}

/// What a tree used since its meter was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Wall clock, seconds.
    pub wall_s: f64,
    /// User time, seconds.
    pub user_s: f64,
    /// System time, seconds.
    pub system_s: f64,
}

type Times = BTreeMap<u32, (u64, u64)>;

impl Used {
    /// User and system time together, seconds.
    #[must_use]
    pub(crate) fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

impl Meter {
    /// Of a process and its descendants.
    pub(crate) fn of(root: u32) -> Result<Self> {
        Ok(Self { root, began: Instant::now(), before: times(root)? })
    }

    /// Since it was made. Of a process that ended meanwhile, what it used after the start is lost.
    pub(crate) fn used(&self) -> Result<Used> {
        let (mut user, mut system) = (0, 0);
        for (pid, (now_user, now_system)) in times(self.root)? {
            let (was_user, was_system) = self.before.get(&pid).copied().unwrap_or_default();
            user += now_user.saturating_sub(was_user);
            system += now_system.saturating_sub(was_system);
        }
        #[expect(clippy::cast_precision_loss, reason = "ticks of a bench")]
        let seconds = |ns: u64| ns as f64 / 1e9;
        Ok(Used {
            wall_s: self.began.elapsed().as_secs_f64(),
            user_s: seconds(user),
            system_s: seconds(system),
        })
    }
}

/// Resident memory of a tree, MiB: shared pages count once for each process.
pub(crate) fn resident_mib(root: u32) -> Result<f64> {
    let mut kib = 0_u32;
    for pid in tree(root)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        kib += line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok()).unwrap_or(0);
    }
    Ok(f64::from(kib) / 1024.0)
}

fn times(root: u32) -> Result<Times> {
    let mut times = Times::new();
    for pid in tree(root)? {
        // A process may end while we look.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let (_, after) = stat.rsplit_once(')').context("a name in parentheses")?;
        let fields: Vec<_> = after.split_whitespace().collect();
        // proc(5): fields 14 and 15, in hundredths of a second on every Linux we run on.
        times.insert(pid, (fields[11].parse::<u64>()? * 10_000_000, fields[12].parse::<u64>()? * 10_000_000));
    }
    Ok(times)
}

fn tree(root: u32) -> Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, after)) = stat.rsplit_once(')') else { continue };
        let parent = after.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok());
        parents.insert(pid, parent.unwrap_or(0));
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(tree)
}
