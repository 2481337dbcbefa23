//! The program as a person runs it, against a gate in this process: exit codes, figures, advice.

#![expect(clippy::expect_used, reason = "the helpers of tests are tests too")]

mod gate;

use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Command, Output};

const SEED: &str = "7";
const ACCOUNTS: u64 = 40;

fn loadtest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aldgate-loadtest")).args(arguments).output().expect("the program runs")
}

/// A short run against a gate; gives back what it said, and its JSON if it wrote one.
fn run(gate: SocketAddr, personas: &str, more: &[&str]) -> (Output, Option<Value>) {
    let target = format!("http://localhost:{}", gate.port());
    let directory = tempfile::tempdir().expect("a directory");
    let json = directory.path().join("report.json");
    let pid = std::process::id().to_string();
    let accounts = ACCOUNTS.to_string();
    let mut arguments = vec!["run", "--target", &target, "--persona", personas, "--pid", &pid, "--json"];
    arguments.extend([json.to_str().expect("a path"), "--gateway-threads", "gate", "--seed", SEED]);
    arguments.extend(["--accounts", &accounts, "--sessions", "10", "--connections", "8"]);
    arguments.extend(["--warmup", "100ms", "--duration", "1s"]);
    arguments.extend(more);
    for (option, value) in [("--rounds", "2"), ("--lag-max", "2s")] {
        if !more.contains(&option) {
            arguments.extend([option, value]);
        }
    }
    let output = loadtest(&arguments);
    let document = std::fs::read(&json).ok().filter(|bytes| !bytes.is_empty());
    let document = document.map(|bytes| serde_json::from_slice(&bytes).expect("JSON"));
    (output, document)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn all_personas_take_turns_and_every_figure_is_told() {
    let gate = gate::start(7, ACCOUNTS);
    let personas = "returning-session@200,proxied-session@100,proxied-public@100,passkey-login@50";
    let (output, document) = run(gate, personas, &["--fail-if", "errors>0%", "--fail-if", "p99>9s"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("POST /passkey/login/options") && said.contains("by threads:"), "{said}");

    let document = document.expect("a document");
    let personas = document["personas"].as_array().expect("personas");
    let names: Vec<_> = personas.iter().map(|persona| persona["persona"].as_str().expect("a name")).collect();
    assert_eq!(names, ["returning-session", "proxied-session", "proxied-public", "passkey-login"]);
    for persona in personas {
        let total = &persona["total"];
        assert_eq!(persona["rounds"].as_array().map(Vec::len), Some(2));
        assert_eq!(total["offered"], total["answered"], "{persona}");
        assert!(total["offered"].as_u64().is_some_and(|offered| offered > 50), "{persona}");
        assert!(total["latency_us"]["p99"].as_f64().is_some_and(|p99| p99 > 0.0), "{persona}");
        assert!(total["cpu"]["gateway_us"].as_f64().is_some_and(|us| us > 0.0), "{persona}");
    }
    assert!(personas[3]["total"]["steps_us"]["login"]["p50"].as_f64().is_some_and(|us| us > 0.0));
    assert!(personas[0]["total"]["steps_us"].is_null());
    assert!(document["floor"]["gateway_cpu_per_login_over_verify"].as_f64().is_some_and(|ratio| ratio > 0.5));
    assert_eq!(document["setup"]["sessions"], 10);
    assert_eq!(document["setup"]["authenticators"], ACCOUNTS);
}

#[test]
fn the_same_seed_offers_the_same_load_and_counters_grow_from_run_to_run() {
    let gate = gate::start(7, ACCOUNTS);
    let offered = || {
        let (output, document) = run(gate, "passkey-login@60", &["--fail-if", "errors>0%"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout) + &text(&output.stderr));
        document.expect("a document")["personas"][0]["total"]["offered"].clone()
    };
    assert_eq!(offered(), offered());
}

#[test]
fn made_up_sessions_are_expected_to_be_refused() {
    let gate = gate::start(7, ACCOUNTS);
    let (output, document) = run(gate, "forged-session@60", &["--rounds", "1", "--fail-if", "errors>0%"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout) + &text(&output.stderr));
    assert!(document.expect("a document")["personas"][0]["total"]["answered"].as_u64().is_some_and(|n| n > 0));
    let (output, _) = run(gate, "forged-session@60", &["--rounds", "1", "--session-path", "/public/"]);
    assert!(text(&output.stderr).contains("status 200 of /public/ instead of 401"), "{}", text(&output.stderr));
}

#[test]
fn a_target_that_asks_a_gate_gets_headers_of_its_own_and_log_ins_go_to_the_gate() {
    let (asked, gate) = (gate::start(7, 0), gate::start(7, ACCOUNTS)); // Where people are asked about, nobody logs in.
    let log_in_at = format!("http://localhost:{}", gate.port());
    let question = ["--session-path", "/asked", "--header", "X-Original-URL: http://localhost/app"];
    let options = [&["--rounds", "1", "--log-in-at", &log_in_at, "--fail-if", "errors>0%"], &question[..]].concat();
    let (output, document) = run(asked, "returning-session@60", &options);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout) + &text(&output.stderr));
    assert_eq!(document.expect("a document")["setup"]["sessions"], 10);
}

#[test]
fn a_condition_that_holds_is_exit_code_99() {
    let gate = gate::start(7, ACCOUNTS);
    let (output, document) = run(gate, "proxied-public@50", &["--rounds", "1", "--fail-if", "p50>0us"]);
    assert_eq!(output.status.code(), Some(99), "{}", text(&output.stderr));
    assert_eq!(document.expect("a document")["thresholds"][0]["ok"], false);
}

#[test]
fn a_generator_that_lags_says_so_and_exits_with_3() {
    let gate = gate::start(7, ACCOUNTS);
    let (output, document) = run(gate, "proxied-public@300", &["--rounds", "1", "--lag-max", "0s"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("THE GENERATOR WAS THE BOTTLENECK"));
    assert_eq!(document.expect("a document")["generator"]["bottleneck"], true);
}

#[test]
fn faults_come_with_the_next_step() {
    let gate = gate::start(7, ACCOUNTS);
    let advice = |arguments: &[&str]| {
        let output = loadtest(arguments);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let nobody = advice(&["run", "--persona", "proxied-public", "--target", "http://127.0.0.1:1"]);
    assert!(nobody.contains("./scripts/up"), "{nobody}");
    let target = format!("http://localhost:{}", gate.port());
    let stranger =
        advice(&["run", "--persona", "passkey-login", "--target", &target, "--seed", "8", "--accounts", "5"]);
    assert!(stranger.contains("status 401") && stranger.contains("populate --data data --accounts 5 --seed 8"));
    let missing = advice(&["run", "--persona", "proxied-public", "--target", &target, "--public-path", "/no"]);
    assert!(missing.contains("status 404") && missing.contains("--public-path"), "{missing}");
    let keyless = advice(&["populate", "--data", "/nonexistent"]);
    assert!(keyless.contains("master.key") && keyless.contains("./scripts/up"), "{keyless}");
}
