//! What a running process has cost so far, from `/proc`.

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A process that does not outlive its measurement.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Figures of one process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time of all its threads since the fork, in milliseconds (the kernel counts nanoseconds).
    pub(crate) cpu_ms: f64,
    /// Resident memory in bytes, mapped files included.
    pub(crate) rss: u64,
}

/// Reads [`Usage`] once every thread of `pid` is asleep.
///
/// The kernel updates the counter of a *running* thread only at scheduler ticks (1–4 ms apart), about as
/// much as there is to measure; of a sleeping thread it is exact.
pub(crate) fn usage_at_rest(pid: u32) -> Result<Usage> {
    let patience = Instant::now() + Duration::from_secs(1);
    while !asleep(pid)? {
        if Instant::now() > patience {
            bail!("process {pid} does not come to rest: it works while it waits for its first request");
        }
        sleep(Duration::from_micros(200));
    }
    let mut nanoseconds: u64 = 0;
    for task in tasks(pid)? {
        let schedstat = fs::read_to_string(format!("/proc/{pid}/task/{task}/schedstat"))
            .context("this kernel keeps no schedstat")?;
        let on_cpu = schedstat.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
        nanoseconds += on_cpu.context("schedstat")?;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = rss.trim().trim_end_matches("kB").trim().parse().context("VmRSS")?;
    Ok(Usage { cpu_ms: Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3, rss: kib * 1024 })
}

fn tasks(pid: u32) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn asleep(pid: u32) -> Result<bool> {
    for task in tasks(pid)? {
        // `pid (name) state …`; the name may hold spaces and brackets, so look behind the last one.
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{task}/stat"))?;
        if !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S')) {
            return Ok(false);
        }
    }
    Ok(true)
}
