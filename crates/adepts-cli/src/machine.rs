//! What the machine has to give.

use std::fs;

/// Memory that this process may still take, in bytes: what the system has available, within the limits of its group.
pub(crate) fn available_memory() -> Option<u64> {
    let of_system = memory().map(|system| system.available_memory()).filter(|bytes| *bytes > 0);
    match (of_system, group_memory().map(|(free, _)| free)) {
        (Some(system), Some(group)) => Some(system.min(group)),
        (system, group) => system.or(group),
    }
}

/// Memory of the machine in bytes.
pub(crate) fn total_memory() -> Option<u64> {
    memory().map(|system| system.total_memory())
}

fn memory() -> Option<sysinfo::System> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(system)
}

/// What the control group leaves, and its limit, in bytes: that of a container or a batch job, on Linux.
pub(crate) fn group_memory() -> Option<(u64, u64)> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let (limit, used, statistics) = match number("/sys/fs/cgroup/memory.max") {
        Some(limit) => (limit, number("/sys/fs/cgroup/memory.current")?, "/sys/fs/cgroup/memory.stat"),
        None => (
            number("/sys/fs/cgroup/memory/memory.limit_in_bytes")?,
            number("/sys/fs/cgroup/memory/memory.usage_in_bytes")?,
            "/sys/fs/cgroup/memory/memory.stat",
        ),
    };
    // Version 1 says "no limit" with a number beyond any machine.
    if limit > 1 << 56 {
        return None;
    }
    // Cached files count as used, but make room when asked to.
    let cached: u64 = fs::read_to_string(statistics)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| ["inactive_file", "active_file"].contains(name))
        .filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok())
        .sum();
    Some((limit.saturating_sub(used.saturating_sub(cached)), limit))
}

/// The name of the processor.
pub(crate) fn processor() -> Option<String> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_cpu_all();
    system.cpus().first().map(|cpu| cpu.brand().trim().to_owned())
}
