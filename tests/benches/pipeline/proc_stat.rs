//! What the kernel says of a process: CPU time by thread name, resident memory.

use std::{collections::BTreeMap, fs};

/// CPU seconds by thread name; threads that ended are missing, so compare two looks at a process whose threads stay.
pub(crate) fn cpu_seconds_by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut seconds = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        // `pid (comm) state …`: comm may hold anything, so take what is between the outermost parentheses.
        let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { continue };
        let fields: Vec<&str> = stat[close + 2..].split(' ').collect();
        // Fields 14 and 15 of proc_pid_stat(5), counted from the state, which is field 3.
        let ticks: f64 = [11, 12].iter().map(|&n| fields[n].parse::<f64>().unwrap()).sum();
        *seconds.entry(stat[open + 1..close].to_owned()).or_insert(0.0) += ticks / ticks_per_second();
    }
    seconds
}

fn ticks_per_second() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "100, on every Linux")]
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    ticks
}

/// CPU seconds of this process so far.
pub(crate) fn own_cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
    let seconds = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
    seconds
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
