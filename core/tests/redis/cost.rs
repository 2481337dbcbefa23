//! What a log-in costs: one round trip, counted; and its time, measured on demand.

use crate::server::Server;
use crate::tier;
use aldgate_core::warm::{Settlement, Warm as _};
use futures_util::StreamExt as _;
use redis::Client;
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_log_in_is_one_round_trip() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let client = Client::open(format!("redis://{}", server.address())).expect("an address");
    let monitor = client.get_async_monitor().await.expect("monitoring");
    let mut lines = monitor.into_on_message::<String>();
    let before = warm.credential(&passkey.digest).await.expect("warm answers").expect("published");
    assert_eq!(warm.settle(&tier::login(&before, 1, 1)).await, Ok(Settlement::Settled));
    let _: String = server.ask(&["ECHO", "the end"]).await;
    let mut sent = Vec::new();
    while let Some(line) = timeout(Duration::from_secs(10), lines.next()).await.expect("in time") {
        if line.contains("the end") {
            break;
        }
        // What the function does inside is marked `lua`; what the feed's reader and the witness ask is not the log-in's.
        let others = ["\"XREAD\"", "aldgate_1_place", "\"ROLE\""];
        let inside = line.contains(" lua]") || others.iter().any(|other| line.contains(other));
        sent.extend((!inside).then_some(line));
    }
    let verbs: Vec<_> = sent.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(verbs[..2], ["GET", "GET"], "the passkey is found: {sent:?}");
    assert_eq!(verbs[2], "FCALL");
    assert!(verbs[3..].iter().all(|verb| *verb == "CLIENT"), "and that is all: {sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p aldgate-core --test redis -- --ignored --nocapture"]
async fn ten_thousand_log_ins() {
    const LOG_INS: u64 = 10_000;
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let passkeys: Vec<_> = (0..100).map(tier::passkey).collect();
    for passkey in &passkeys {
        warm.publish_credential(passkey).await.expect("published");
    }
    let mut spans = Vec::new();
    let cpu = async || -> f64 {
        let info: String = server.ask(&["INFO", "cpu"]).await;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        ["used_cpu_user", "used_cpu_sys"].iter().filter_map(|name| field(name)?.trim().parse::<f64>().ok()).sum()
    };
    let before = cpu().await;
    let begun = Instant::now();
    let mut states = passkeys.clone();
    for n in 0..LOG_INS {
        let passkey = &mut states[usize::try_from(n % 100).expect("small")];
        let login = tier::login(passkey, n, passkey.sign_count + 1);
        let sent = Instant::now();
        assert_eq!(warm.settle(&login).await, Ok(Settlement::Settled));
        spans.push(sent.elapsed());
        (passkey.sign_count, passkey.revision) = (passkey.sign_count + 1, passkey.revision + 1);
    }
    let (took, after) = (begun.elapsed(), cpu().await);
    spans.sort();
    let at = |share: usize| spans[spans.len() * share / 1_000];
    println!(
        "{LOG_INS} log-ins one after another: {took:?}; p50 {:?}, p99 {:?}, p99.9 {:?}; server CPU {:.1} us each",
        at(500),
        at(990),
        at(999),
        (after - before) * 1e6 / 10_000.0
    );
}
