//! Full TLS 1.3 handshakes, one connection after the other, by `openssl s_time -new`.

use super::ground::Ground;
use std::process::Command;

const SECONDS: &str = "3";

/// What one side took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshakes {
    /// CPU time for each, with accepting and closing, in microseconds.
    pub(crate) cpu_us: f64,
}

/// HAProxy and Aldgate in turn.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> Vec<[Handshakes; 2]> {
    let sides = [("haproxy", "HAPROXY_TLS"), ("aldgate", "HTTPS")];
    (0..rounds).map(|_| sides.map(|(process, port)| one(ground.port(port), ground.pid(process)))).collect()
}

fn one(port: u16, pid: u32) -> Handshakes {
    let before = cpu_nanos(pid);
    let output = Command::new("openssl")
        .args(["s_time", "-connect", &format!("127.0.0.1:{port}"), "-new", "-tls1_3", "-time", SECONDS])
        .output()
        .expect("openssl");
    let spent = cpu_nanos(pid) - before;
    let said = String::from_utf8_lossy(&output.stdout);
    // "1234 connections in 3.00s; …", and below it the same in wall-clock time.
    let counted = said.lines().find_map(|line| line.split_once(" connections in ")?.0.trim().parse::<f64>().ok());
    let counted =
        counted.unwrap_or_else(|| panic!("openssl s_time: {said}{}", String::from_utf8_lossy(&output.stderr)));
    Handshakes { cpu_us: f64::from(u32::try_from(spent / 1_000).expect("seconds")) / counted }
}

/// The time that all threads of a process have been on a core.
fn cpu_nanos(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let nanos = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(nanos).sum()
}
