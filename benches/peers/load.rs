//! One window of load on one side, and what it cost.

use super::ground::Ground;
use super::side::Side;
use serde_json::Value;
use std::process::Command;

/// What one window has shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// CPU time a request, of all of the side's processes, in microseconds.
    pub(crate) cpu_us: f64,
    /// Latency at the 99th percentile, in microseconds.
    pub(crate) p99_us: f64,
    /// Requests that did not get the right answer.
    pub(crate) errors: u64,
}

/// Sends load for a while.
pub(crate) fn measure(ground: &Ground, side: &Side, rate: u32, seconds: u32, round: usize) -> Cost {
    let json = ground.path("window.json");
    let gate = format!(
        "http://localhost:{}",
        if side.port == ground.port("SLOW_HTTP") { side.port } else { ground.port("HTTP") }
    );
    let pids = side.pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut command = Command::new(&ground.loadtest);
    command.args([
        "run",
        "--target",
        &format!("http://127.0.0.1:{}", side.port),
        "--log-in-at",
        &gate,
        "--origin",
        &gate,
    ]);
    command.args(["--persona", &format!("{}@{rate}", side.persona), "--pid", &pids, "--gateway-threads", ""]);
    command.args(["--session-path", side.path, "--proxied-path", side.path, "--public-path", side.path]);
    command.args(["--accounts", "200", "--seed", "7", "--sessions", "100", "--connections", "64", "--rounds", "1"]);
    command.args(["--warmup", "1s", "--duration", &format!("{seconds}s"), "--lag-max", "1s"]);
    command.arg("--json").arg(&json);
    for header in &side.headers {
        command.args(["--header", header]);
    }
    let output = command.output().expect("the load generator");
    assert!(output.status.success(), "{}, round {round}: {}", side.name, String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("a report")).expect("JSON");
    let total = &report["personas"][0]["total"];
    Cost {
        cpu_us: total["cpu"]["process_us"].as_f64().expect("CPU time"),
        p99_us: total["latency_us"]["p99"].as_f64().expect("a latency"),
        errors: total["errors"]["total"].as_u64().expect("errors"),
    }
}
