//! CPU time of a process by groups of threads, from `/proc/PID/task/*/{comm,schedstat}`.
//!
//! `schedstat` counts in nanoseconds, where `stat` counts in ticks of 10 ms; it holds the time on a core and the time
//! spent waiting for one. Threads are grouped by name without the number at its end, so that the gateway's threads
//! can be told from those of the backend in the same process. A thread that ends within a window is not counted.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The process table.
pub(crate) const PROC: &str = "/proc";

/// Time that a thread, or a group of threads, has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// On a core.
    pub(crate) running: Duration,
    /// Ready to run, waiting for a core.
    pub(crate) waiting: Duration,
}

impl Spent {
    /// Adds another's.
    pub(crate) fn add(&mut self, other: Self) {
        self.running += other.running;
        self.waiting += other.waiting;
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            running: self.running.saturating_sub(earlier.running),
            waiting: self.waiting.saturating_sub(earlier.waiting),
        }
    }
}

/// One thread's name and what it has had in all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thread {
    group: String,
    spent: Spent,
}

/// All threads of a process at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage(BTreeMap<u32, Thread>);

impl Usage {
    /// Reads the threads of process `pid` under `root`, which is [`PROC`] but in tests.
    ///
    /// # Errors
    /// When there is no such process, or it may not be read.
    pub(crate) fn read(root: &Path, pid: u32) -> io::Result<Self> {
        let tasks: PathBuf = root.join(pid.to_string()).join("task");
        let mut threads = BTreeMap::new();
        for entry in std::fs::read_dir(tasks)? {
            let entry = entry?;
            let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A thread may end between the listing and the reading.
            let read = |file| std::fs::read_to_string(entry.path().join(file)).ok();
            let (Some(comm), Some(schedstat)) = (read("comm"), read("schedstat")) else { continue };
            let Some(spent) = parse_schedstat(&schedstat) else { continue };
            threads.insert(tid, Thread { group: group_of(&comm).to_owned(), spent });
        }
        Ok(Self(threads))
    }

    /// Reads the threads of several processes; `None` without any, or if one of them cannot be read.
    pub(crate) fn read_all(root: &Path, pids: &[u32]) -> Option<Self> {
        let each = pids.iter().map(|pid| Self::read(root, *pid).ok());
        each.reduce(|all, one| {
            let mut all = all?;
            all.0.extend(one?.0); // The numbers of threads are unique on a machine.
            Some(all)
        })?
    }

    /// What each group of threads has had since an earlier reading of the same process.
    pub(crate) fn since(&self, earlier: &Self) -> BTreeMap<String, Spent> {
        let mut groups: BTreeMap<String, Spent> = BTreeMap::new();
        for (tid, thread) in &self.0 {
            groups.entry(thread.group.clone()).or_default().add(self.thread_since(earlier, *tid, thread.spent));
        }
        groups
    }

    /// What the thread that ran most has had since an earlier reading.
    pub(crate) fn busiest_since(&self, earlier: &Self) -> Spent {
        let each = self.0.iter().map(|(tid, thread)| self.thread_since(earlier, *tid, thread.spent));
        each.max_by_key(|spent| spent.running).unwrap_or_default()
    }

    fn thread_since(&self, earlier: &Self, tid: u32, spent: Spent) -> Spent {
        spent.since(earlier.0.get(&tid).map(|thread| thread.spent).unwrap_or_default())
    }
}

/// A thread's name without its number: `tokio-rt-3`, `tokio rt 3` and `tokio-rt#3` are one group.
fn group_of(comm: &str) -> &str {
    let name = comm.trim_end();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let group = bare.trim_end_matches(['-', '_', ' ', '#', ':', '/']);
    if group.is_empty() || bare.len() == name.len() { name } else { group }
}

/// `running waiting slices`, in nanoseconds.
fn parse_schedstat(text: &str) -> Option<Spent> {
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse().map(Duration::from_nanos));
    Some(Spent { running: fields.next()?.ok()?, waiting: fields.next()?.ok()? })
}

/// The resident memory of a process, in KiB.
pub(crate) fn resident_kib(root: &Path, pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(root.join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The whole machine's time, in ticks, from the first line of `/proc/stat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MachineTime {
    busy: u64,
    stolen: u64,
    total: u64,
}

/// Shares of the machine's time between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct MachineShares {
    /// Busy, by anyone.
    pub(crate) busy: f64,
    /// Given to other guests of the host.
    pub(crate) stolen: f64,
}

impl MachineTime {
    /// Reads it; all zero where it cannot be read.
    pub(crate) fn read(root: &Path) -> Self {
        std::fs::read_to_string(root.join("stat")).ok().and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// `cpu user nice system idle iowait irq softirq steal …` (proc(5)).
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<u64> = text
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_ascii_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        let [user, nice, system, idle, iowait, irq, softirq, stolen, ..] = *fields.as_slice() else { return None };
        let busy = user + nice + system + irq + softirq;
        Some(Self { busy, stolen, total: busy + idle + iowait + stolen })
    }

    /// The shares since an earlier reading.
    #[expect(clippy::cast_precision_loss, reason = "ticks of a window are far below 2^53")]
    pub(crate) fn since(self, earlier: Self) -> MachineShares {
        let total = self.total.saturating_sub(earlier.total).max(1) as f64;
        let share = |now: u64, then: u64| now.saturating_sub(then) as f64 / total;
        MachineShares { busy: share(self.busy, earlier.busy), stolen: share(self.stolen, earlier.stolen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(threads: &[(u32, &str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (tid, comm, schedstat) in threads {
            let task = root.path().join("42/task").join(tid.to_string());
            std::fs::create_dir_all(&task).expect("a directory");
            std::fs::write(task.join("comm"), format!("{comm}\n")).expect("a file");
            std::fs::write(task.join("schedstat"), format!("{schedstat}\n")).expect("a file");
        }
        root
    }

    fn usage(threads: &[(u32, &str, &str)]) -> Usage {
        Usage::read(process(threads).path(), 42).expect("usage")
    }

    #[test]
    fn time_is_told_by_groups_of_threads() {
        let before = usage(&[(42, "aldgate", "100 1 1"), (43, "edge", "1000 10 1"), (44, "backend-0", "50 0 1")]);
        let after = usage(&[
            (42, "aldgate", "100 1 1"),
            (43, "edge", "5000 30 9"),
            (44, "backend-0", "70 0 2"),
            (45, "backend-1", "5 5 1"),
        ]);
        let nanos =
            |running, waiting| Spent { running: Duration::from_nanos(running), waiting: Duration::from_nanos(waiting) };
        let expected = [("aldgate", nanos(0, 0)), ("backend", nanos(25, 5)), ("edge", nanos(4_000, 20))];
        assert_eq!(after.since(&before), expected.map(|(name, spent)| (name.to_owned(), spent)).into());
        assert_eq!(after.busiest_since(&before), nanos(4_000, 20));
    }

    #[test]
    fn a_group_is_the_name_without_its_number() {
        for (comm, group) in [
            ("tokio-rt-worker", "tokio-rt-worker"),
            ("worker-12", "worker"),
            ("worker 3\n", "worker"),
            ("sqlx-sqlite-wor", "sqlx-sqlite-wor"),
            ("edge", "edge"),
            ("h2", "h"),
            ("7", "7"),
        ] {
            assert_eq!(group_of(comm), group, "{comm}");
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Usage::read(process(&[]).path(), 42).is_err());
    }

    #[test]
    fn this_process_can_be_read() {
        let usage = Usage::read(Path::new(PROC), std::process::id()).expect("usage");
        assert!(!usage.0.is_empty());
        assert!(resident_kib(Path::new(PROC), std::process::id()).is_some_and(|kib| kib > 100));
    }

    #[test]
    fn the_machine_s_shares() {
        let before = MachineTime::parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2\n").expect("a line");
        let after = MachineTime::parse("cpu  150 0 60 820 50 0 10 10 0 0\n").expect("a line");
        let shares = after.since(before);
        assert!((shares.busy - 0.7).abs() < 1e-9 && (shares.stolen - 0.1).abs() < 1e-9, "{shares:?}");
        assert_eq!(MachineTime::parse("intr 1 2"), None);
    }
}
